"""Content-addressed files: a job's key names its folder; written under a temporary name, synced, renamed.

A kill at any moment leaves either the whole entry or none of it (and a `.part-` folder that the next run sweeps away). Every entry holds a
file ENTRY: what it is called, the parts that its key is the hash of, and the size and a hash of each of its files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from mirbench.engine.files import explain_os_errors, lock, sync

STALE_PART_SECONDS = 24 * 3600
FORGOTTEN_PART_SECONDS = 30 * STALE_PART_SECONDS  # where no lock tells whether somebody is still at it
ENTRY = ".entry.json"


def default_cache() -> Path:
    """MIRBENCH_CACHE, or the platform's user cache folder."""
    return Path(os.environ.get("MIRBENCH_CACHE") or platformdirs.user_cache_dir("mirbench"))


def key_of(**parts: Any) -> str:
    """A 20-digit hexadecimal hash of everything that can move a result; parts must be JSON-able.

    >>> key_of(a=1, b=[2.5, "x"]) == key_of(b=[2.5, "x"], a=1)
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Entry:
    """What an entry says of itself. files: name -> (bytes, hexadecimal BLAKE2b)."""

    key: str
    title: str = ""
    parts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    made: float = 0.0  # seconds since 1970


class Store:
    """Folders by key below a root.

    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()))
    >>> with store.writing("demo", "0123", title="a demonstration") as folder:
    ...     _ = (folder / "x.txt").write_text("done")
    >>> store.has("demo", "0123"), store.folder("demo", "0123").name, store.entry("demo", "0123").title
    (True, '0123', 'a demonstration')
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def check(self) -> Store:
        """Itself; raises MirbenchError where nothing can be written."""
        with explain_os_errors("opening the cache", self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".part-{uuid.uuid4().hex[:8]}"
            probe.touch()
            probe.unlink()
        return self

    def folder(self, kind: str, key: str) -> Path:
        return self.root / kind / key

    def has(self, kind: str, key: str) -> bool:
        return self.folder(kind, key).is_dir()

    def unfinished(self, key: str) -> Path:
        """Where a job keeps what it is to go on from after a kill."""
        return self.root / "unfinished" / key

    def unfinished_keys(self) -> set[str]:
        return {path.name for path in (self.root / "unfinished").glob("*")}

    def lock_file(self, name: str) -> Path:
        return self.root / "locks" / f"{name}.lock"

    def entry(self, kind: str, key: str) -> Entry:
        """Of an entry that an earlier version made, the key alone."""
        path = self.folder(kind, key) / ENTRY
        try:
            said, made = json.loads(path.read_text(encoding="utf-8")), path.stat().st_mtime
            files = {name: (int(size), str(digest)) for name, (size, digest) in said["files"].items()}
            return Entry(key, said["title"], said["parts"], files, made)
        except (OSError, ValueError, KeyError, TypeError):
            return Entry(key)

    def entries(self, kind: str) -> Iterator[Entry]:
        """All of a kind, in no order."""
        with contextlib.suppress(FileNotFoundError):
            for folder in os.scandir(self.root / kind):
                if not folder.name.startswith("."):
                    yield self.entry(kind, folder.name)

    def remove(self, kind: str, key: str) -> None:
        """An entry that is there is whole, so it is moved away first."""
        final = self.folder(kind, key)
        away = final.with_name(f".part-{uuid.uuid4().hex[:8]}-{key}")
        with contextlib.suppress(OSError):
            os.rename(final, away)
            shutil.rmtree(away, ignore_errors=True)

    def touch(self, kind: str, key: str) -> None:
        """It was used now; `trim` removes what was not used for longest."""
        with contextlib.suppress(OSError):
            os.utime(self.folder(kind, key))

    def trim(self, kinds: Collection[str], megabytes: float, spared: Collection[str], own: Collection[str] | None = None) -> float:
        """Removes the entries of these kinds that were not used for longest until the rest take no more than so much. Returns how many
        megabytes that is.

        spared: keys that are left, and counted. own: where another process may be at the others, the keys of which some may go.
        """
        folders = [(kind, folder) for kind in kinds if (self.root / kind).is_dir() for folder in (self.root / kind).iterdir()]
        entries = []
        for kind, folder in folders:
            with contextlib.suppress(FileNotFoundError):  # another process was first
                if not folder.name.startswith("."):
                    entries.append((folder.stat().st_mtime, kind, folder.name, _size(folder)))
        total = sum(size for *_, size in entries)
        for _, kind, key, size in sorted(entries):
            if total <= megabytes * 1e6:
                break
            if key not in spared and (own is None or key in own):
                self.remove(kind, key)
                total -= size
        return total / 1e6

    def megabytes(self, kind: str, key: str) -> float:
        """That an entry takes."""
        return _size(self.folder(kind, key)) / 1e6

    @contextlib.contextmanager
    def writing(self, kind: str, key: str, title: str = "", parts: Mapping[str, Any] | None = None) -> Iterator[Path]:
        """A new folder that becomes the entry when the block ends without an exception. A twin that was first wins."""
        final = self.folder(kind, key)
        part = final.with_name(f".part-{uuid.uuid4().hex[:8]}-{key}")
        with explain_os_errors(f"storing {kind}", final):
            self._sweep(final.parent)
            part.mkdir(parents=True)
            handle = None
            try:
                with contextlib.suppress(OSError):  # a folder cannot be opened on Windows
                    handle = os.open(part, os.O_RDONLY)
                    lock(handle)  # so that nobody sweeps it, however long it takes
                yield part
                files = {path.relative_to(part).as_posix(): path for path in sorted(part.rglob("*")) if path.is_file()}
                about = {"title": title, "parts": parts or {}, "files": {name: _digest(path) for name, path in files.items()}}
                (part / ENTRY).write_text(json.dumps(about, separators=(",", ":"), default=str), encoding="utf-8")
                for path in (*files.values(), part / ENTRY, part):
                    sync(path)
                try:
                    os.rename(part, final)
                except OSError:
                    if not final.is_dir():
                        raise
                sync(final.parent)
            finally:
                if handle is not None:
                    os.close(handle)
                shutil.rmtree(part, ignore_errors=True)

    def _sweep(self, parent: Path) -> None:
        """Removes what killed runs left; a young part, or one that is locked, may belong to a run that is still going."""
        for part in parent.glob(".part-*"):
            with contextlib.suppress(OSError):
                age = time.time() - part.stat().st_mtime
                if age > STALE_PART_SECONDS and (_free(part) or age > FORGOTTEN_PART_SECONDS):
                    shutil.rmtree(part, ignore_errors=True)


def _digest(path: Path) -> tuple[int, str]:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        return file.tell(), found.hexdigest()


def _size(folder: Path) -> int:
    """Bytes."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process removes it
            total += path.stat().st_size if path.is_file() else 0
    return total


def _free(folder: Path) -> bool:
    """Whether it is known that nobody has locked it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        return lock(handle) is True
    finally:
        os.close(handle)
