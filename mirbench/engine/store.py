"""Content-addressed files: a job's key names its folder; written under a temporary name, synced, renamed.

A kill at any moment leaves either the whole entry or none of it (and a `.part-` folder that the next run sweeps away). Every entry holds a
file ENTRY: what it is called, the parts that its key is the hash of, and the size and a hash of each of its files. Before an entry is read
it is compared with these; one that is not as it was written is as good as missing, and is set aside when it is made again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import platform
import shutil
import stat
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from mirbench.engine.files import GONE, can_lock, digest_of, disk, explain_os_errors, is_sealed, lock, sealed, sync, tell, temporary_folder

NEW_PART_SECONDS = 5  # a part is made before it is locked
FORGOTTEN_PART_SECONDS = 30 * 24 * 3600  # where no lock tells whether somebody is still at it
ENTRY = ".entry.json"
IN_USE = "in-use"  # the lock that all hold who are at a store
DAMAGED, REASON = "damaged", ".damage.json"  # the folder of what was set aside, and what each says of itself
ROWS_AT_ONCE = 1000  # of a key
TOLD = ".damage-told.json"  # the same, once it stands in a manifest


def default_cache() -> Path:
    """MIRBENCH_CACHE, or the platform's user cache folder."""
    return Path(os.environ.get("MIRBENCH_CACHE") or platformdirs.user_cache_dir("mirbench"))


def key_of(**parts: Any) -> str:
    """A 20-digit hexadecimal hash of everything that can move a result; parts must be JSON-able.

    >>> key_of(a=1, b=[2.5, "x"]) == key_of(b=[2.5, "x"], a=1)
    True
    """
    return hashlib.sha256(key_text(parts).encode()).hexdigest()[:20]


_KEYS = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def key_text(part: Any) -> str:
    """A part of a key as it is hashed: JSON in ASCII."""
    return _KEYS.encode(part)


def key_of_rows(name: str, rows: Iterable[str], **parts: Any) -> str:
    """`key_of` of these parts and a list, NAME, of which a few rows are in memory at a time. rows: the `key_text` of each.

    >>> key_of_rows("b", map(key_text, [2.5, "x"]), a=1) == key_of(a=1, b=[2.5, "x"])
    True
    """
    before, after = key_text({**parts, name: []}).split(f"{key_text(name)}:[]")
    digest, rest = hashlib.sha256(f"{before}{key_text(name)}:[".encode()), iter(rows)
    separator = ""
    while some := list(itertools.islice(rest, ROWS_AT_ONCE)):
        digest.update(f"{separator}{','.join(some)}".encode())
        separator = ","
    digest.update(f"]{after}".encode())
    return digest.hexdigest()[:20]


@dataclass(frozen=True)
class Entry:
    """What an entry says of itself. files: name -> (bytes, hexadecimal BLAKE2b)."""

    key: str
    title: str = ""
    parts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    made: float = 0.0  # seconds since 1970; 0 where ENTRY cannot be read
    of: str = ""  # the kind and the key that it was made as; nothing where an earlier version made it


_as_written: dict[Path, tuple[int, ...]] = {}  # files that were made or compared in this process, and what they were then


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
        self._damaged: dict[tuple[str, str], tuple[int, str]] = {}  # by name: the folder's inode, and the file
        self._locks: bool | None = None  # whether there are any; None: not known yet

    def check(self) -> Store:
        """Itself; raises MirbenchError where nothing can be written."""
        with explain_os_errors("opening the cache", self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".part-{uuid.uuid4().hex[:8]}"
            probe.touch()
            probe.unlink()
        return self

    def is_writable(self) -> bool:
        return os.access(self.root, os.W_OK)

    def folder(self, kind: str, key: str) -> Path:
        return self.root / kind / key

    def has(self, kind: str, key: str, anew: bool = False) -> bool:
        """Whether it is there, and is not known to be damaged. anew: what another machine has just made is seen, where the file system may
        remember that it was not there."""
        if anew:
            disk.refresh(self.root)
            disk.refresh(self.root / kind)
        inode = _inode(self.folder(kind, key))
        return inode is not None and self._damaged.get((kind, key), (0, ""))[0] != inode

    def is_damaged(self, kind: str, key: str, below: bool = True) -> bool:
        """Whether an entry that is there is not as it was written; the first time, it is told. What was compared before and has not
        been written to since is not read again. It counts as used now. below: files in its folders too, not in the entry itself alone."""
        folder = self.folder(kind, key)
        self.touch(kind, key)
        inode, entry = _inode(folder), self.entry(kind, key)
        if not self.has(kind, key) or not (file := ENTRY if entry.of not in ("", f"{kind}/{key}") else damage(folder, below)):
            return False
        disk.refresh(folder.parent)
        if inode is None or _inode(folder) != inode:
            return False  # another process has removed it meanwhile, or made it again
        tell(f"{kind} {entry.title or key} in the cache is damaged ({file} is not as it was written), and is made again.")
        self._damaged[kind, key] = inode, file
        return True

    def set_aside(self, kind: str, key: str) -> None:
        """A damaged entry, into a folder from which nothing is read."""
        inode, file = self._damaged.pop((kind, key), (0, "no folder"))
        entry, away = self.entry(kind, key), self.root / DAMAGED / f"{kind}-{key}-{uuid.uuid4().hex[:8]}"
        with explain_os_errors("setting a damaged entry aside", away):
            away.parent.mkdir(exist_ok=True)
            if not _moved(self.folder(kind, key), away):
                return  # another process was first
            if inode not in (0, os.stat(away).st_ino):  # and has made it again already
                if not _moved(away, self.folder(kind, key)):
                    shutil.rmtree(away, ignore_errors=True)
                return
            told = {"kind": kind, "key": key, "title": entry.title, "file": file, "folder": str(away), "time": time.time()}
            if away.is_dir():
                (away / REASON).write_text(json.dumps(told), encoding="utf-8")

    def untold_damage(self) -> list[dict[str, Any]]:
        """What was set aside, by whatever run, and stands in no manifest yet: kind, key, title, file, folder and time (seconds since 1970)
        of each, the first first."""
        found = []
        for path in (self.root / DAMAGED).glob(f"*/{REASON}"):
            with contextlib.suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
                said = json.loads(path.read_text(encoding="utf-8"))
                about = {name: str(said[name]) for name in ("kind", "key", "title", "file")}
                found.append({**about, "folder": str(path.parent), "time": float(said["time"])})
        return sorted(found, key=lambda each: each["time"])

    def told_damage(self, told: Collection[Mapping[str, Any]]) -> None:
        """These stand in a manifest now."""
        for each in told:
            with contextlib.suppress(OSError):
                os.rename(Path(each["folder"]) / REASON, Path(each["folder"]) / TOLD)

    def unfinished(self, key: str) -> Path:
        """Where a job keeps what it is to go on from after a kill: of each machine another, where no lock keeps two from it at once."""
        if self._locks is None and self.root.is_dir():
            self._locks = can_lock(self.root)
        return self.root / "unfinished" / (key if self._locks is not False else f"{key}-{_machine()}")

    def unfinished_keys(self) -> set[str]:
        return {path.name for path in (self.root / "unfinished").glob("*")}

    def lock_file(self, name: str) -> Path:
        return self.root / "locks" / f"{name}.lock"

    def entry(self, kind: str, key: str) -> Entry:
        """Of an entry that an earlier version made, the key alone."""
        path = self.folder(kind, key) / ENTRY
        try:
            text, made = path.read_text(encoding="utf-8"), path.stat().st_mtime
            said = json.loads(text) if is_sealed(text) else {}
            files = {name: (int(size), str(digest)) for name, (size, digest) in said["files"].items()}
            return Entry(key, said["title"], said["parts"], files, made, "/".join(map(str, said.get("of", ()))))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
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
        if _moved(final, away):
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
            _sweep(final.parent)
            part.mkdir(parents=True)
            handle = None
            try:
                with contextlib.suppress(OSError):  # a folder cannot be opened on Windows
                    handle = os.open(part, os.O_RDONLY)
                    lock(handle)  # so that nobody sweeps it, however long it takes
                yield part
                files = {path.relative_to(part).as_posix(): path for path in sorted(part.rglob("*")) if path.is_file()}
                about = {
                    "of": [kind, key],
                    "title": title,
                    "parts": parts or {},
                    "files": {name: digest_of(path) for name, path in files.items()},
                }
                (part / ENTRY).write_text(sealed(json.dumps(about, separators=(",", ":"), default=str)), encoding="utf-8")
                for path in (*files.values(), part / ENTRY, part):
                    sync(path)
                disk.refresh(final.parent)
                if os.path.lexists(final) and not self.has(kind, key):
                    self.set_aside(kind, key)
                if _moved(part, final):
                    with contextlib.suppress(FileNotFoundError):  # another process has removed it already
                        _as_written.update({final / name: _stamp(final / name) for name in files})
                sync(final.parent)
            finally:
                if handle is not None:
                    os.close(handle)
                shutil.rmtree(part, ignore_errors=True)

    def sweep(self) -> None:
        """Removes what killed runs left of entries of any kind, and of trying whether anything can be written."""
        for path in self.root.iterdir() if self.root.is_dir() else ():
            if path.is_dir():
                _sweep(path)
            elif path.name.startswith(".part-"):
                with contextlib.suppress(OSError):
                    if time.time() - path.stat().st_mtime > NEW_PART_SECONDS:
                        path.unlink()


def damage(folder: Path, below: bool = True) -> str:
    """The first file of an entry that is not as it was written, "" where all are; as `Store.is_damaged` compares."""
    entry = Store(folder.parent.parent).entry(folder.parent.name, folder.name)
    if not entry.made:
        return ENTRY
    for name, (size, digest) in entry.files.items():
        if below or "/" not in name:
            path = folder / name
            try:
                stamp = _stamp(path)
                if _as_written.get(path) != stamp and (path.stat().st_size != size or digest_of(path) != (size, digest)):
                    return name
            except OSError:
                return name
            _as_written[path] = stamp
    return ""


def _inode(folder: Path) -> int | None:
    """None where it is no folder, or not there."""
    try:
        found = disk.stat(folder)
    except OSError as error:
        if error.errno not in GONE:
            raise
        return None
    return found.st_ino if stat.S_ISDIR(found.st_mode) else None


def _sweep(parent: Path) -> None:
    """Removes what killed runs left; a part that is locked belongs to a run that is still going."""
    for part in parent.glob(".part-*"):
        with contextlib.suppress(OSError):
            age = time.time() - part.stat().st_mtime
            if part.is_dir() and ((age > NEW_PART_SECONDS and _free(part)) or age > FORGOTTEN_PART_SECONDS):
                away = part.with_name(f".part-{uuid.uuid4().hex[:8]}-swept")  # as a whole, should somebody be at it all the same
                if _moved(part, away):
                    shutil.rmtree(away, ignore_errors=True)


def _moved(folder: Path, to: Path) -> bool:
    """Whether it was moved; else it is not there any more, or what is to be there is. A network file system that was asked twice may say
    that it is not there, having moved it."""
    inode = None
    try:
        inode = os.stat(folder).st_ino
        disk.rename(folder, to)
    except OSError as error:
        if error.errno in GONE:
            disk.refresh(to.parent)
            with contextlib.suppress(OSError):
                return inode is not None and os.stat(to).st_ino == inode
            return False
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _machine() -> str:
    """Tells this machine from others."""
    return hashlib.sha256(f"{platform.node()} {temporary_folder()}".encode()).hexdigest()[:8]


def _stamp(path: Path) -> tuple[int, ...]:
    """Another one when a file was written to, or replaced."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _size(folder: Path) -> int:
    """Bytes."""
    total = 0
    with contextlib.suppress(FileNotFoundError):  # another process removes it
        for path in folder.rglob("*"):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _free(folder: Path) -> bool:
    """Whether it is known that nobody has locked it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        return lock(handle) is True
    finally:
        os.close(handle)
