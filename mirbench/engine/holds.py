"""Who uses a store now, and how something is removed from it beside them.

A process that makes or reads what a store has holds it: a locked file `locks/held-*.json` that says who that is, and whose time is when it
began. What is used is touched first (`Store.touch`), so whatever was used since the first of those who hold a store began may be theirs,
and what is removed here is none of it. To begin to hold a store, and to remove from it, takes one lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mirbench.engine.files import lock, locked
from mirbench.engine.store import IN_USE, Store

HELD = "held-*.json"
SKEW_SECONDS = 60.0  # by which clocks of machines that share a file system may differ
SELDOM_TOUCHED = ("unfinished",)  # kinds whose folders do not tell when they were used


@dataclass(frozen=True)
class Holder:
    """since: seconds since 1970. certain: false where files cannot be locked, so that it may have ended without removing its file."""

    path: Path
    since: float
    certain: bool = True
    process: int = 0
    host: str = ""

    @property
    def in_words(self) -> str:
        whose = f"process {self.process} on {self.host}" if self.process else "a process"
        return whose if self.certain else f"{whose}, if it has not ended (files cannot be locked here; if it has, delete {self.path})"


@contextlib.contextmanager
def held(store: Store) -> Iterator[None]:
    """While the block runs, nothing that is used in it is removed by `remove`. Of a store that cannot be written to, nothing is.

    Raises MirbenchError where there is no store and none can be made."""
    if store.root.is_dir() and not store.is_writable():
        yield
        return
    store.check()
    path = store.lock_file("holding").with_name(HELD.replace("*", uuid.uuid4().hex[:12]))
    with _one_at_a_time(store, "opening the cache"):
        holders(store)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        lock(handle)
        with contextlib.suppress(OSError):  # a full disk
            os.write(handle, json.dumps({"process": os.getpid(), "host": socket.gethostname()}).encode())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(handle)


def holders(store: Store) -> list[Holder]:
    """Those that hold a store, the first first. What was left by those that were killed is removed, where it can be."""
    found = []
    for path in store.lock_file("holding").parent.glob(HELD):
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            try:
                free = lock(handle)
                if free:
                    path.unlink()
                    continue
                said = {}
                with contextlib.suppress(ValueError):
                    said = json.loads(os.read(handle, 1000))
                found.append(Holder(path, os.fstat(handle).st_mtime, free is False, int(said.get("process", 0)), str(said.get("host", ""))))
            finally:
                os.close(handle)
    if not found and _in_use(store):
        found.append(Holder(store.lock_file(IN_USE), float("-inf")))  # by an earlier version, which says nothing of itself
    return sorted(found, key=lambda holder: holder.since)


def held_since(store: Store) -> float:
    """What was used since then may be in use (seconds since 1970); infinity where nobody holds the store."""
    return min((holder.since for holder in holders(store)), default=float("inf")) - SKEW_SECONDS


def is_held(kind: str, used: float, since: float) -> bool:
    """Whether an entry of this kind, last used then, may be in use. since: as `held_since` gives it."""
    return used >= since or (kind in SELDOM_TOUCHED and since != float("inf"))


def remove(store: Store, names: Iterable[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Removes entries by kind and key, but those that may be in use now; returns what was removed and what was not.

    Raises MirbenchError where the store cannot be written to."""
    removed, left, away = [], [], []
    with _one_at_a_time(store, "removing from the cache"):
        since = held_since(store)
        for kind, key in names:
            folder = store.folder(kind, key)
            part = folder.with_name(f".part-{uuid.uuid4().hex[:8]}-{key}")
            try:
                if is_held(kind, folder.stat().st_mtime, since):
                    raise BlockingIOError
                os.rename(folder, part)  # so that it is there as a whole or not at all
            except FileNotFoundError:
                continue  # somebody else was first
            except OSError:
                left.append((kind, key))
            else:
                removed.append((kind, key))
                away.append(part)
    for part in away:
        shutil.rmtree(part, ignore_errors=True)
    return removed, left


def _one_at_a_time(store: Store, doing: str) -> contextlib.AbstractContextManager[None]:
    return locked(store.lock_file("holding"), doing)


def _in_use(store: Store) -> bool:
    """Whether an executor is at the store, as `Presence` says it."""
    try:
        handle = os.open(store.lock_file(IN_USE), os.O_RDONLY)
    except OSError:
        return False
    try:
        return lock(handle) is False
    finally:
        os.close(handle)
