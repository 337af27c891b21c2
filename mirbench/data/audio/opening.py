"""Opening a file that may be anything: a folder, a pipe, a broken link, a file that somebody is still writing."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirbench.errors import MirbenchError

NOT_REGULAR = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device"}
NOT_OPENED = {
    errno.ENOENT: "is missing",
    errno.ENOTDIR: "is missing",
    errno.ELOOP: "is a link that leads back to itself",
    errno.EACCES: "may not be read by this user",
    errno.EPERM: "may not be read by this user",
    errno.ENAMETOOLONG: "has a name that is too long",
}


class AudioError(MirbenchError):
    """A file that gives no usable audio; the sentence says why."""


def printable_path(path: Path | str) -> str:
    """A path as one line of valid text, whatever bytes are in it.

    >>> printable_path("a\\nb \\udcff.wav")
    'a\\\\nb \\\\xff.wav'
    """
    try:
        text = os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        text = str(path).encode("utf-8", "backslashreplace").decode()
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def part_in_words(there: float, whole: float = 0.0) -> str:
    """How many seconds of a truncated file can be decoded, as the end of a sentence; whole: seconds, where they are known.

    >>> part_in_words(6.5, 10), part_in_words(2)
    ('; about 6.5 s of 10.0 s are there', '; about 2.0 s are there')
    """
    return f"; about {there:.1f} s{f' of {whole:.1f} s' if whole else ''} are there"


@dataclass(frozen=True)
class Opened:
    """A regular file open for reading. name: its path, as `printable_path` gives it; descriptor: of the system; size: bytes."""

    path: Path | str
    name: str
    descriptor: int
    status: os.stat_result

    @property
    def size(self) -> int:
        return self.status.st_size

    def bytes_at(self, offset: int, count: int) -> bytes:
        """At most `count` bytes, fewer at the end of the file."""
        return os.pread(self.descriptor, count, offset) if 0 <= offset < self.size else b""

    def check_unchanged(self) -> None:
        """Raises AudioError where the file has been written, replaced or removed since it was opened."""
        try:
            now = os.stat(self.path)
        except OSError:
            raise AudioError(f"{self.name} vanished while it was read.") from None
        if any(getattr(now, each) != getattr(self.status, each) for each in ("st_dev", "st_ino", "st_size", "st_mtime_ns")):
            raise AudioError(f"{self.name} changed while it was read; try again when nothing writes it any more.")


def kind_of(mode: int) -> str:
    """What it is that is no regular file; mode: of its `stat`."""
    return NOT_REGULAR.get(stat.S_IFMT(mode), "a device")


@contextlib.contextmanager
def opened(path: Path | str) -> Iterator[Opened]:
    """A regular file that is not empty; raises AudioError for anything else, without waiting for a pipe or a device."""
    name = printable_path(path)
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            raise AudioError(f"{name} is {kind_of(kind)}, not a file of audio.")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # without waiting, should it have become a pipe
    except (OSError, ValueError) as error:
        raise AudioError(f"{name} {why_not_opened(path, error)}.") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(f"{name} is not a regular file.")
        if not status.st_size:
            raise AudioError(f"{name} is empty (0 bytes).")
        yield Opened(path, name, descriptor, status)
    finally:
        os.close(descriptor)


def why_not_opened(path: Path | str, error: OSError | ValueError) -> str:
    """What follows the path in a sentence."""
    if not isinstance(error, OSError):
        return "is no path that a file can have"
    if error.errno == errno.ENOENT and os.path.islink(path):
        return "is a link to a file that is missing"
    return NOT_OPENED.get(error.errno or 0, f"cannot be opened: {error.strerror or error}")
