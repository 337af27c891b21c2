"""What was found out about files, kept between runs by path, size and time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from mirbench.engine.sources import MEMO, SourceTree
from mirbench.progress import progress_bar

Item = TypeVar("Item")
Fact = TypeVar("Fact")

FILE = "scans.sqlite"
AT_ONCE = 900  # what every SQLite takes as parameters of a query
TABLE = """CREATE TABLE IF NOT EXISTS known
    (kind TEXT NOT NULL, key BLOB NOT NULL, state BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"""
WAIT_SECONDS = 2.0  # for another process that is writing
SEAL = 8  # bytes
KEPT_AT_ONCE = 1000  # facts, so that a run that is killed keeps most of them
SHOWN_AFTER = 2.0  # seconds, the bar


@dataclass(frozen=True)
class Stamp:
    """key: of what was inspected. state: its size and time, and how it was inspected; with another state it is inspected anew."""

    key: bytes
    state: bytes


def stamp(path: Path | str, how: str, *parts: object) -> Stamp | None:
    """None for what has no size and time. how: the version of the code that inspects; parts: what else tells two facts of a file apart."""
    try:
        status, name = os.stat(path), os.fsencode(os.path.abspath(path))
    except (OSError, ValueError):
        return None
    key = hashlib.blake2b(name + repr(parts).encode(), digest_size=16).digest()
    state = f"{how} {status.st_size} {status.st_mtime_ns}".encode()
    return Stamp(key, hashlib.blake2b(state, digest_size=16).digest())


def code_version(root: str, cache: Path) -> str:
    """A hash of the code that inspects, so that what other code inspected is inspected anew. root: where it begins, such as
    `mirbench.data.scans:_scan_file`; cache: keeps what was read of the source."""
    return SourceTree(memo=cache / MEMO).used_by(root).digest


class FileFacts:
    """Bytes by kind and stamp, in one file of the cache folder, shared by processes.

    A database that is damaged, locked or not writable is as good as an empty one: it never raises. A damaged one is begun anew.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> song = Stamp(b"song", b"as of today")
    >>> FileFacts(folder, "length").put({song: b"3.2"})
    >>> FileFacts(folder, "length").get([song])
    {Stamp(key=b'song', state=b'as of today'): b'3.2'}
    >>> FileFacts(folder, "length").get([Stamp(b"song", b"changed since")])
    {}
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.path, self.kind = Path(folder) / FILE, kind
        self.usable = True

    def get(self, stamps: Iterable[Stamp]) -> dict[Stamp, bytes]:
        """Those of the stamps that are known."""
        by_key = {each.key: each for each in stamps}
        keys, facts = list(by_key), dict[Stamp, bytes]()

        def read(database: sqlite3.Connection) -> None:
            for begin in range(0, len(keys), AT_ONCE):
                batch = keys[begin : begin + AT_ONCE]
                asked = f"SELECT key, state, value FROM known WHERE kind = ? AND key IN ({','.join('?' * len(batch))})"
                rows = database.execute(asked, [self.kind, *batch])
                known = {by_key[key]: value for key, state, value in rows if by_key[key].state == state}
                facts.update({mark: value[SEAL:] for mark, value in known.items() if value[:SEAL] == _seal(mark, value[SEAL:])})

        self._with_database(read)
        return facts

    def put(self, values: Mapping[Stamp, bytes]) -> None:
        """In one transaction: all or, where it is interrupted, none."""
        rows = [(self.kind, each.key, each.state, _seal(each, value) + value) for each, value in values.items()]
        self._with_database(lambda database: database.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)", rows))

    def _with_database(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Open for a moment only, so that no connection is there when workers are forked."""
        if not self.usable:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS)) as database, database:
                database.execute("PRAGMA synchronous = NORMAL")
                database.execute(TABLE)
                work(database)
        except (sqlite3.Error, OSError, ValueError) as error:
            damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
            self.usable = damaged and self._removed()

    def _removed(self) -> bool:
        try:
            self.path.unlink()
        except OSError:
            return False
        return True


def _seal(mark: Stamp, value: bytes) -> bytes:
    """By which a value that is not as it was written is known, and then not taken."""
    return hashlib.blake2b(mark.key + mark.state + value, digest_size=SEAL).digest()


@dataclass(frozen=True)
class Inspection(Generic[Item, Fact]):
    """How a kind of fact is found out and kept. inspect: each item with its fact, in any order; pack: None for what is not kept; unpack:
    None for what cannot be read."""

    inspect: Callable[[Sequence[Item]], Generator[tuple[Item, Fact]]]
    pack: Callable[[Fact], bytes | None]
    unpack: Callable[[bytes], Fact | None]


def inspect_once(
    inspection: Inspection[Item, Fact], stamps: Mapping[Item, Stamp | None], facts: FileFacts, title: str, unit: str
) -> dict[Item, Fact]:
    """Of each item, what is kept of it or, where nothing is, what inspecting it shows, which is then kept, also of a run
    that is interrupted.

    stamps: by item; None: it is not kept. title, unit: of the progress bar.
    """
    kept = facts.get(mark for mark in stamps.values() if mark)
    known = {item: fact for item, mark in stamps.items() if mark in kept and (fact := inspection.unpack(kept[mark])) is not None}
    new, fresh = [item for item in stamps if item not in known], dict[Stamp, bytes]()
    try:
        with (
            progress_bar(total=len(new), desc=title, unit=unit, leave=False, delay=SHOWN_AFTER) as bar,
            contextlib.closing(inspection.inspect(new)) as inspected,
        ):
            for item, fact in inspected:
                bar.update()
                known[item] = fact
                if (mark := stamps[item]) and (value := inspection.pack(fact)) is not None:
                    fresh[mark] = value
                if len(fresh) >= KEPT_AT_ONCE:
                    facts.put(fresh)
                    fresh = {}
    finally:
        if fresh:
            facts.put(fresh)
    return known
