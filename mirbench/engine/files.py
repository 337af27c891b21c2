"""Files that are there as a whole or not at all, and locks between processes."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from mirbench.errors import MirbenchError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Disk:
    """What is asked of a file system that others write to at the same time, maybe from other machines. A test puts another in its place,
    which shows late what they did."""

    def stat(self, path: Path) -> os.stat_result:
        return os.stat(path)

    def rename(self, path: Path, to: Path) -> None:
        os.rename(path, to)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def sync(self, handle: int) -> None:
        os.fsync(handle)

    def flock(self, handle: int, how: int) -> None:
        fcntl.flock(handle, how)

    def refresh(self, folder: Path) -> None:
        """What others did in a folder is seen from now on: a network file system looks again at a folder that is opened."""
        with contextlib.suppress(OSError):  # it is not there; a folder cannot be opened on Windows
            os.close(os.open(folder, os.O_RDONLY))


disk = Disk()
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)  # of a path that another process, or machine, has taken away
SEAL = ',"seal":"'
PATIENCE_SECONDS, POLL_SECONDS = 1.0, 0.02  # before another process is spoken of


def sync(path: Path) -> None:
    """What was written is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        disk.sync(handle)
    finally:
        os.close(handle)


def digest_of(path: Path) -> tuple[int, str]:
    """Of a file: (bytes, hexadecimal BLAKE2b)."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        return file.tell(), found.hexdigest()


def sha256(path: Path) -> str:
    """Of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed(text: str) -> str:
    """JSON of an object, whose last member is then a hash of the rest: what is not as it was written is known by it.

    >>> sealed('{"a":1}')
    '{"a":1,"seal":"8fef35b69ffd5eee960e5eed655bcc93"}'
    """
    head = text.rstrip().removesuffix("}").rstrip()
    return f'{head}{SEAL}{_hash(head)}"}}'


def is_sealed(text: str) -> bool:
    """Whether it is as `sealed` gave it, or was never sealed."""
    head, mark, rest = text.rpartition(SEAL)
    return not mark or rest.rstrip() == f'{_hash(head)}"}}'


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@contextlib.contextmanager
def explain_os_errors(doing: str, where: Path) -> Iterator[None]:
    """Turns a full disk or an unwritable folder into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise MirbenchError(
                f"the disk is full while {doing} at {where}; free some space or choose another place with --cache or --output."
            ) from error
        if error.errno == errno.EFBIG:
            raise MirbenchError(
                f"a file would be larger than files may be here (`ulimit -f`, or the file system's limit) while {doing} at {where}; raise "
                "the limit, or choose another place with --cache or --output."
            ) from error
        at = Path(error.filename) if isinstance(error.filename, str) else None
        ours = at is not None and (at.is_relative_to(where.parent) or where.is_relative_to(at))
        if ours and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT):
            raise MirbenchError(
                f"cannot write while {doing} at {where} ({error.strerror}); choose a writable place with --cache or --output."
            ) from error
        raise


def write_atomically(path: Path, data: bytes | str) -> None:
    """The file has either its old content or all of the new."""
    with written_whole(path) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A file beside this one, to be written in the block, which takes its place at the end; where the block raises, nothing is changed."""
    with explain_os_errors("writing a file", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".part-{uuid.uuid4().hex[:8]}-{path.name}")
        try:
            part.touch()  # which shows at once whether it can be written
            yield part
            sync(part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def lock(handle: int, wait: bool = False) -> bool | None:
    """True: it is ours until the handle is closed or the process ends. False: another's. None: there are no locks here."""
    if fcntl is None:
        return None
    try:
        disk.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def can_lock(folder: Path) -> bool:
    """Whether files in a folder can be locked; where none can be written, it does not matter."""
    path = folder / f".part-{uuid.uuid4().hex[:8]}"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError:
        return True
    try:
        return lock(handle) is not None
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """While the block runs, no other process runs one with the same lock file; one that must wait for long says so, unless it is
    to be quiet.

    Where there are no locks (some network file systems) no other process of this machine does, after a warning for each folder; on Windows
    the block runs all the same.
    """
    with _locked(path, doing) as ours:
        if ours:
            yield
            return
        _warn_of_no_locks(path.parent.parent)
        with _locked(_on_this_machine(path), doing, path.parent.parent):
            yield


@contextlib.contextmanager
def _locked(path: Path, doing: str, where: Path | None = None) -> Iterator[bool]:
    """Whether it is, while the block runs. where: what somebody who waits is told of."""
    with explain_os_errors(doing, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                ours = lock(handle)
                if ours is False:
                    ours = _wait(handle, doing, where or path.parent.parent)
                if ours is None or _is_at(handle, path):
                    break
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)  # of a file that the one before us has removed
    try:
        yield ours is not None
    finally:
        with contextlib.suppress(OSError):
            disk.unlink(path)
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Of an open file. The path is opened too: what a network file system remembers of it may be out of date."""
    try:
        other = os.open(path, os.O_RDWR)
    except OSError as error:
        if error.errno not in GONE:
            raise
        return False
    try:
        return os.path.samestat(os.fstat(handle), os.fstat(other))
    finally:
        os.close(other)


def _on_this_machine(path: Path) -> Path:
    """A lock file in its place, on a disk of this machine."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    name = hashlib.blake2b(os.fsencode(os.path.abspath(path)), digest_size=16).hexdigest()
    return temporary_folder() / f"mirbench-locks-{user}" / f"{name}.lock"


def temporary_folder() -> Path:
    """Of this machine; no two have the same."""
    return Path(tempfile.gettempdir())


@contextlib.contextmanager
def all_locked(paths: Iterable[Path], doing: str) -> Iterator[None]:
    """As `locked`, with several lock files; taken in one order by everybody, so that no two wait for each other."""
    with contextlib.ExitStack() as stack:
        for path in sorted(set(paths)):
            stack.enter_context(locked(path, doing))
        yield


class Presence:
    """That this process is at something, as all see that are at it too: a lock that many hold."""

    def __init__(self, path: Path) -> None:
        self.path, self.handle = path, -1

    def __enter__(self) -> Presence:
        with explain_os_errors("opening the cache", self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        self._share()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def alone(self) -> bool:
        """Whether nobody else is at it now; false where that cannot be known."""
        if fcntl is None or not lock(self.handle):
            return False
        self._share()
        return True

    def _share(self) -> None:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                disk.flock(self.handle, fcntl.LOCK_SH)


def tell(text: str, always: bool = False) -> None:
    """A line on the error output, unless it is to be quiet and this is not what is told always."""
    if always or os.environ.get("MIRBENCH_QUIET", "0") in ("", "0"):
        print(f"mirbench: {text}", file=sys.stderr)


@functools.cache
def _warn_of_no_locks(folder: Path) -> None:
    """Once."""
    tell(
        f"files in {folder} cannot be locked, so that several machines may make the same there; give each its own by --cache, or parts of "
        "the work by --shard."
    )


def _wait(handle: int, doing: str, folder: Path) -> bool | None:
    given_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < given_up:
        time.sleep(POLL_SECONDS)
        if (ours := lock(handle)) is not False:
            return ours
    tell(f"another process is {doing} in {folder}; waiting for it.")
    return lock(handle, wait=True)
