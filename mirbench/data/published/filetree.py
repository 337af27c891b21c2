"""The files below a folder, listed once, and the patterns by which a data set names them."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from mirbench.errors import printable
from mirbench.progress import progress_bar

LITTER = ("__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir")  # what systems leave beside files of people's own


def list_files(folder: Path) -> tuple[dict[str, int], list[str]]:
    """Bytes by path below the folder, `/` between its parts; and the folders that cannot be listed.

    Links are followed, but not in circles. Hidden files, broken links and what is no regular file are left out.
    """
    sizes: dict[str, int] = {}
    closed: list[str] = []
    waiting = [("", str(folder))]
    seen: set[tuple[int, int]] = set()
    with progress_bar(desc=f"listing {printable(folder.name)}", unit="file") as bar:
        while waiting:
            below, path = waiting.pop()
            try:
                about = os.stat(path)
                if (about.st_dev, about.st_ino) in seen:
                    continue
                seen.add((about.st_dev, about.st_ino))
                with os.scandir(path) as entries:
                    for name, entry in sorted((entry.name, entry) for entry in entries):
                        if name.startswith(".") or name in LITTER:
                            continue
                        if entry.is_dir():
                            waiting.append((f"{below}{name}/", entry.path))
                        elif (size := _size(entry)) is not None:
                            sizes[below + name] = size
                            bar.update()
            except OSError as error:
                closed.append(f"{below.rstrip('/') or path}: {error.strerror}")
    return sizes, closed


def _size(entry: os.DirEntry[str]) -> int | None:
    """Of a regular file that can be asked for it."""
    try:
        return entry.stat().st_size if entry.is_file() else None
    except OSError:
        return None


def case_blind(folder: Path) -> bool:
    """Whether the file system under the folder takes `Audio` and `audio` for one name."""
    for path in (folder, *_some(folder)):
        other = path.with_name(path.name.swapcase())
        if other.name != path.name:
            try:
                return other.exists() and os.path.samefile(path, other)
            except OSError:
                return False
    return False


def _some(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())[:20]
    except OSError:
        return


def composed(name: str) -> str:
    """A file's name with letters and their accents as one character, whichever way a file system keeps them."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def is_pattern(path: str) -> bool:
    return any(mark in path for mark in "*?[")


def matcher(pattern: str) -> re.Pattern[str]:
    """A regular expression for paths below a folder. `*` and `?` stay in one part of a path, `**` is any number of folders.

    >>> [bool(matcher("audio/**/*.mp3").fullmatch(path)) for path in ("audio/1.mp3", "audio/a/b/1.mp3", "audio/1.wav", "1.mp3")]
    [True, True, False, False]
    >>> bool(matcher("[0-9a-f]/*.mp3").fullmatch("a/x.mp3")), bool(matcher("*.mp3").fullmatch("a/x.mp3"))
    (True, False)
    """
    parts = pattern.split("/")
    text = ""
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        text += (".*" if last else "(?:[^/]+/)*") if part == "**" else _part(part) + ("" if last else "/")
    return re.compile(text, re.DOTALL)


def _part(part: str) -> str:
    found = re.split(r"(\*+|\?|\[!?[^]/]+\])", part)
    return "".join(_mark(mark) if place % 2 else re.escape(mark) for place, mark in enumerate(found))


def _mark(mark: str) -> str:
    if mark[0] == "[":
        return f"[{'^' if mark[1] == '!' else ''}{mark[1:-1].removeprefix('!')}]"
    return "[^/]" if mark == "?" else "[^/]*"


def some(names: Iterable[str], most: int = 3, between: str = ", ") -> str:
    """The first few, and how many more there are.

    >>> some(["a", "b"]), some("abcdef")
    ('a, b', 'a, b, c and 3 more')
    """
    names = list(names)
    more = len(names) - most
    return between.join(map(printable, names[:most])) + (f" and {more:,} more" if more > 0 else "")
