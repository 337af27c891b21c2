"""Content-addressed files: a job's key names its folder; written under a temporary name, synced, renamed.

A kill at any moment leaves either the whole entry or none of it (and a `.part-` folder that the next run sweeps away).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from mirbench.errors import MirbenchError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STALE_PART_SECONDS = 24 * 3600
FORGOTTEN_PART_SECONDS = 30 * STALE_PART_SECONDS  # where no lock tells whether somebody is still at it


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


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
        at = Path(error.filename) if isinstance(error.filename, str) else None
        ours = at is not None and (at.is_relative_to(where.parent) or where.is_relative_to(at))
        if ours and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT):
            raise MirbenchError(
                f"cannot write while {doing} at {where} ({error.strerror}); choose a writable place with --cache or --output."
            ) from error
        raise


def write_atomically(path: Path, data: bytes | str) -> None:
    """The file has either its old content or all of the new."""
    with explain_os_errors("writing a file", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".part-{uuid.uuid4().hex[:8]}-{path.name}")
        try:
            with open(part, "wb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def write_copy(source: Path, path: Path) -> None:
    """As `write_atomically`, the content of another file."""
    write_atomically(path, source.read_bytes())


def _lock(handle: int, wait: bool = False) -> bool | None:
    """True: it is ours until the handle is closed or the process ends. False: another's. None: there are no locks here."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextlib.contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """While the block runs, no other process runs one with the same lock file; one that must wait says so, unless it is to be quiet.

    Where there are no locks (Windows, some network file systems) the block runs all the same.
    """
    with explain_os_errors(doing, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        said = False
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                ours = _lock(handle)
                if ours is False:
                    if not said and os.environ.get("MIRBENCH_QUIET", "0") in ("", "0"):
                        print(f"mirbench: another process is {doing} in {path.parent}; waiting for it.", file=sys.stderr)
                    said = True
                    ours = _lock(handle, wait=True)
                with contextlib.suppress(FileNotFoundError):
                    if ours is None or os.path.samestat(os.fstat(handle), os.stat(path)):
                        break
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)  # of a file that the one before us has removed
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(handle)


class Store:
    """Folders by key below a root.

    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()))
    >>> with store.writing("demo", "0123") as folder:
    ...     _ = (folder / "x.txt").write_text("done")
    >>> store.has("demo", "0123"), store.folder("demo", "0123").name
    (True, '0123')
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        with explain_os_errors("opening the cache", self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".part-{uuid.uuid4().hex[:8]}"
            probe.touch()
            probe.unlink()

    def folder(self, kind: str, key: str) -> Path:
        return self.root / kind / key

    def has(self, kind: str, key: str) -> bool:
        return self.folder(kind, key).is_dir()

    def remove(self, kind: str, key: str) -> None:
        """An entry that is there is whole, so it is moved away first."""
        final = self.folder(kind, key)
        away = final.with_name(f".part-{uuid.uuid4().hex[:8]}-{key}")
        with contextlib.suppress(OSError):
            os.rename(final, away)
            shutil.rmtree(away, ignore_errors=True)

    @contextlib.contextmanager
    def writing(self, kind: str, key: str) -> Iterator[Path]:
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
                    _lock(handle)  # so that nobody sweeps it, however long it takes
                yield part
                for path in part.rglob("*"):
                    if path.is_file():
                        _sync(path)
                _sync(part)
                try:
                    os.rename(part, final)
                except OSError:
                    if not final.is_dir():
                        raise
                _sync(final.parent)
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


def _free(folder: Path) -> bool:
    """Whether it is known that nobody has locked it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        return _lock(handle) is True
    finally:
        os.close(handle)
