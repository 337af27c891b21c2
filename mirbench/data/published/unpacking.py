"""Archives unpacked so that nothing in them can do harm: no path leaves the folder, nothing but files and folders is made, and no more than
the data set is known to hold."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from lzma import LZMAError
from pathlib import Path
from typing import IO, Any

from mirbench.errors import MirbenchError, describe, printable
from mirbench.progress import progress_bar

MOST_FILES = 2_000_000  # in an archive
PART = ".part-unpacking"  # of a file that is being written
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError)


def unpack(parts: Sequence[Path], kind: str, folder: Path, most_bytes: float) -> int:
    """Writes the files of an archive below a folder; returns how many it has. parts: of the archive, in their order; kind: `zip` or `tar`.
    Files that are there already, of the same size, are left as they are, so that what was broken off goes on.

    Raises MirbenchError, before the file in question is written, where a path is absolute or goes up, where something is a link, a device
    or encrypted, where files would have more than `most_bytes`, and where the archive is damaged or the disk full.
    """
    name = printable(parts[0].name)
    done = bytes_so_far = 0
    try:
        with joined(parts) as file, progress_bar(unit="B", unit_scale=True, desc=f"unpacking {name}") as bar:
            for path, size, source in _members(file, kind, name, most_bytes):
                done, bytes_so_far = done + 1, bytes_so_far + size
                if bytes_so_far > most_bytes or done > MOST_FILES:
                    raise _too_large(name, most_bytes)
                target = folder / path
                if not (target.is_file() and target.stat().st_size == size):
                    _write(source, target, size)
                bar.update(size)
    except BROKEN as error:
        raise MirbenchError(f"{name} is damaged ({describe(error)}); run the command again to get it anew.") from error
    return done


def _members(file: IO[bytes], kind: str, name: str, most_bytes: float) -> Iterator[tuple[Path, int, Any]]:
    """(path, bytes, a function that opens it) of each file, in the order of the archive."""
    if kind == "zip":
        with zipfile.ZipFile(file) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if sum(info.file_size for info in infos) > most_bytes:
                raise _too_large(name, most_bytes)
            for info in infos:
                mode = info.external_attr >> 16
                if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or info.flag_bits & 1:
                    raise _refused(name, info.filename, "is encrypted" if info.flag_bits & 1 else "is a link, or no file at all")
                yield inside(info.filename, name), info.file_size, lambda info=info: archive.open(info)
        return
    with tarfile.open(fileobj=file, mode="r|*") as tar:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # which would keep hundreds of thousands of them
            if member.isdir():
                continue
            if not member.isreg():
                raise _refused(name, member.name, "is a link, or no file at all")
            yield inside(member.name, name), member.size, lambda member=member: tar.extractfile(member)


def inside(path: str, archive: str = "the archive") -> Path:
    """The path of a file in an archive, below the folder that it is unpacked to; raises MirbenchError where it would leave that.

    >>> inside("./audio/1.mp3").as_posix()
    'audio/1.mp3'
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    up = ".." in re.split(r"[/\\]", path)
    if up or not parts or path[:1] in ("/", "\\") or re.match("[A-Za-z]:", path) or "\0" in path:
        raise _refused(archive, path, "would lie outside the folder")
    return Path(*parts)


def _write(source: Any, target: Path, size: int) -> None:
    """The whole file or nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(PART)
    try:
        with source() as given, open(part, "wb") as file:
            shutil.copyfileobj(given, file, 1 << 20)
        if part.stat().st_size != size:
            raise EOFError(f"{target.name} ends early")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def joined(parts: Sequence[Path]) -> Iterator[IO[bytes]]:
    """The parts of an archive as one file."""
    with ExitStack() as stack:
        files = [stack.enter_context(open(part, "rb")) for part in parts]
        yield files[0] if len(files) == 1 else io.BufferedReader(_Joined(files))


class _Joined(io.RawIOBase):
    """Files one after another."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self.files, self.at = files, 0
        self.sizes = [os.fstat(file.fileno()).st_size for file in files]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: sum(self.sizes)}[whence])
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer: Any) -> int:
        before = 0
        for file, size in zip(self.files, self.sizes, strict=True):
            if self.at < before + size:
                file.seek(self.at - before)
                piece = file.read(min(len(buffer), before + size - self.at))
                buffer[: len(piece)] = piece
                self.at += len(piece)
                return len(piece)
            before += size
        return 0


def _refused(archive: str, path: str, why: str) -> MirbenchError:
    return MirbenchError(
        f"{archive} was not unpacked any further: {printable(path):.200} in it {why}, which no data set needs; tell its publisher."
    )


def _too_large(archive: str, most_bytes: float) -> MirbenchError:
    return MirbenchError(
        f"{archive} was not unpacked any further: its files are more than {most_bytes / 1e6:,.0f} MB, twice what the data set is known to "
        "have; look at what it is before you unpack it by hand."
    )
