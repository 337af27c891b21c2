"""Where the audio file is that a manifest names. A path is read as data: it leads nowhere that was not opened to it."""

from __future__ import annotations

import ntpath
import os
import re
import unicodedata
from pathlib import Path

from mirbench.errors import MirbenchError, printable

_PLAIN = re.compile(r"(?![/.\s])(?:[ -.0-9;-\[\]-~]|/(?![/.]))+(?<![/\s])")  # relative, lexically normal, ASCII, and one way to read it
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Finder:
    """From the paths of a manifest in `folder` to files: below the folder, or below the data root where it is not there.

    What leads out of both is refused unless allow_outside; that is decided by the path as it is written, so that symbolic links are
    followed. A file is looked for only where there is more than one way to read a path; folders are listed once.
    """

    def __init__(self, folder: Path, root: Path | None, allow_outside: bool) -> None:
        self.bases = [os.fspath(base) for base in (folder, root) if base is not None]
        self.roots = [os.path.join(os.path.abspath(base), "") for base in self.bases]
        self.root, self.allow_outside = root, allow_outside
        self.listed: dict[str, frozenset[str]] = {}

    def __call__(self, text: str) -> tuple[Path, str]:
        """The file, and its name for ids and groups: the path with `/` between its parts, in Unicode's composed form.

        Raises MirbenchError for an address, or a path that leads outside.
        """
        if _PLAIN.fullmatch(text):
            tried = [os.path.join(base, text) for base in self.bases]
            return Path(tried[0] if len(tried) == 1 else self._first_there(tried)), text
        self._refuse(text)
        readings = list(dict.fromkeys(_readings(text)))
        tried = list(dict.fromkeys(os.path.normpath(os.path.join(base, reading)) for base in self.bases for reading in readings))
        allowed = [path for path in tried if self._inside(path, text)]
        if not allowed:
            how = "is absolute" if os.path.isabs(text) else "leads out of the manifest's folder"
            below = f" and not below the data root {self.root}" if self.root else ""
            raise MirbenchError(
                f"the path '{printable(text):.200}' {how}{below}; name the folder that holds it by --data-root DIR, or give "
                "--allow-outside."
            )
        found = allowed[0] if len(allowed) == 1 else self._first_there(allowed)
        return Path(found), self._name(found, text)

    def _refuse(self, text: str) -> None:
        if _ADDRESS.match(text):
            raise MirbenchError(f"the path '{printable(text):.200}' is an address; download the file and write its path.")
        if "\0" in text or not _encodable(text):
            raise MirbenchError(f"the path {text!a:.200} holds a character that no file name has; write the path of a file.")
        if os.name != "nt" and ntpath.isabs(text) and ntpath.splitdrive(text)[0]:
            raise MirbenchError(f"the path '{printable(text):.200}' is an absolute one of Windows; write it relative to the manifest.")

    def _inside(self, path: str, text: str) -> bool:
        """Whether it lies below the data root, or, written as a relative one, below the manifest's folder."""
        if self.allow_outside:
            return True
        absolute = os.path.abspath(path)
        return any(absolute.startswith(root) for root in (self.roots[1:] if os.path.isabs(text) else self.roots))

    def _first_there(self, paths: list[str]) -> str:
        """The first that is there, or, where none is, the first."""
        for path in paths:
            folder, name = os.path.split(path)
            if folder not in self.listed:
                try:
                    self.listed[folder] = frozenset(os.listdir(folder or "."))
                except (OSError, ValueError):
                    self.listed[folder] = frozenset()
            if name in self.listed[folder]:
                return path
        return next((path for path in paths if os.path.lexists(path)), paths[0])

    def _name(self, path: str, text: str) -> str:
        absolute = os.path.abspath(path)
        base = next((root for root in self.roots if absolute.startswith(root)), None)
        name = absolute[len(base) :] if base else os.path.normpath(text)
        return readable(unicodedata.normalize("NFC", name.replace("\\", "/").strip()))


def _encodable(text: str) -> bool:
    try:
        return bool(os.fsencode(text))
    except UnicodeEncodeError:
        return False


def readable(name: str) -> str:
    """A file's name as text that can be written: bytes that are not UTF-8 by their number.

    >>> readable(os.fsdecode(b"caf\\xe9.wav"))
    'caf\\\\xe9.wav'
    """
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def _readings(text: str) -> list[str]:
    """The ways to read a path, the literal one first: without spaces around, with the separators of Windows, composed and decomposed."""
    texts = [text, text.strip()] if text.strip() else [text]
    texts += [reading.replace("\\", "/") for reading in texts]
    return texts + [unicodedata.normalize(form, reading) for form in ("NFC", "NFD") for reading in texts if not text.isascii()]
