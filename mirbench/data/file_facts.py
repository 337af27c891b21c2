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

from mirbench.engine.sources import SourceTree
from mirbench.progress import progress_bar

Item = TypeVar("Item")
Fact = TypeVar("Fact")

FILE = "scans.sqlite"
AT_ONCE = 900  # what every SQLite takes as parameters of a query
TABLE = """CREATE TABLE IF NOT EXISTS known
    (kind TEXT NOT NULL, key BLOB NOT NULL, state BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"""
WAIT_SECONDS = 2.0  # for another process that is writing
KEPT_AT_ONCE = 1000  # facts, so that a run that is killed keeps most of them
SHOWN_AFTER = 2.0  # seconds, the bar


@dataclass(frozen=True)
class Stamp:
    """key: of what was looked at. state: its size and time, and how it was looked at; with another state it is looked at anew."""

    key: bytes
    state: bytes


def stamp(path: Path | str, how: str, *parts: object) -> Stamp | None:
    """None for what has no size and time. how: a version of the looking; parts: what else tells one look at a file from another."""
    try:
        found, name = os.stat(path), os.fsencode(os.path.abspath(path))
    except (OSError, ValueError):
        return None
    of = hashlib.blake2b(name + repr(parts).encode(), digest_size=16).digest()
    state = f"{how} {found.st_size} {found.st_mtime_ns}".encode()
    return Stamp(of, hashlib.blake2b(state, digest_size=16).digest())


def version_of(root: str, cache: Path) -> str:
    """A hash of the code that looks, so that what other code found is looked at anew. root: where it begins, such as
    `mirbench.data.scans:_look`; cache: keeps what was read of the source."""
    return SourceTree(memo=cache / "sources.json").used_by(root).digest


class FileFacts:
    """Bytes by kind and stamp, in one file of the cache folder, shared by processes.

    A database that is damaged, locked or not writable is as good as an empty one: it never raises. A damaged one is begun anew.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> some = Stamp(b"song", b"as of today")
    >>> FileFacts(folder, "length").put({some: b"3.2"})
    >>> FileFacts(folder, "length").get([some])
    {Stamp(key=b'song', state=b'as of today'): b'3.2'}
    >>> FileFacts(folder, "length").get([Stamp(b"song", b"changed since")])
    {}
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.path, self.kind = Path(folder) / FILE, kind
        self.usable = True

    def get(self, stamps: Iterable[Stamp]) -> dict[Stamp, bytes]:
        """Those of the stamps that are known."""
        wanted = {each.key: each for each in stamps}
        keys, found = list(wanted), dict[Stamp, bytes]()

        def read(database: sqlite3.Connection) -> None:
            for begin in range(0, len(keys), AT_ONCE):
                some = keys[begin : begin + AT_ONCE]
                asked = f"SELECT key, state, value FROM known WHERE kind = ? AND key IN ({','.join('?' * len(some))})"
                rows = database.execute(asked, [self.kind, *some])
                found.update({wanted[key]: value for key, state, value in rows if wanted[key].state == state})

        self._with_database(read)
        return found

    def put(self, values: Mapping[Stamp, bytes]) -> None:
        """In one transaction: all or, where it is interrupted, none."""
        rows = [(self.kind, each.key, each.state, value) for each, value in values.items()]
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


@dataclass(frozen=True)
class Look(Generic[Item, Fact]):
    """A way of finding facts. at: each item with its fact, in any order; packed: None for what is not kept; unpacked: None for what cannot
    be read."""

    at: Callable[[Sequence[Item]], Generator[tuple[Item, Fact]]]
    packed: Callable[[Fact], bytes | None]
    unpacked: Callable[[bytes], Fact | None]


def look_once(look: Look[Item, Fact], stamps: Mapping[Item, Stamp | None], facts: FileFacts, title: str, unit: str) -> dict[Item, Fact]:
    """Of each item, what is kept of it or, where nothing is, what a look shows, which is then kept, also of a run that is interrupted.

    stamps: by item; None: it is not kept. title, unit: of the progress bar.
    """
    kept = facts.get(mark for mark in stamps.values() if mark)
    known = {item: fact for item, mark in stamps.items() if mark in kept and (fact := look.unpacked(kept[mark])) is not None}
    new, fresh = [item for item in stamps if item not in known], dict[Stamp, bytes]()
    try:
        with (
            progress_bar(total=len(new), desc=title, unit=unit, leave=False, delay=SHOWN_AFTER) as bar,
            contextlib.closing(look.at(new)) as looked_at,
        ):
            for item, fact in looked_at:
                bar.update()
                known[item] = fact
                if (mark := stamps[item]) and (value := look.packed(fact)) is not None:
                    fresh[mark] = value
                if len(fresh) >= KEPT_AT_ONCE:
                    facts.put(fresh)
                    fresh = {}
    finally:
        if fresh:
            facts.put(fresh)
    return known
