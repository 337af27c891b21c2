"""Entries of one store into another, each compared with what was written before and after it is copied."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mirbench.engine.files import digest_of
from mirbench.engine.store import DAMAGED, ENTRY, Entry, Store, damage
from mirbench.errors import MirbenchError

NO_KINDS = (DAMAGED, "locks", "unfinished")  # folders of a store that hold no entries


@dataclass
class Merged:
    """What became of the entries of a store, by kind: how many, and their bytes. taken: copied; repaired: of these, in the place of
    damaged ones; there: whole in both; broken: kind, key and title of those that are not as they were written, which are left out."""

    taken: Counter[str] = field(default_factory=Counter)
    taken_bytes: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    there_bytes: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[str, str, str]] = field(default_factory=list)


class _BrokenError(Exception):
    """A copy is not as the entry was written."""


def merge(source: Store, into: Store) -> Merged:
    """Copies what is whole in one store and is not, or is damaged, in another; source is only read. Of what is whole in both, that stays
    which is there. Raises MirbenchError where source is no store, or the same one."""
    kinds = list(kinds_of(source))
    if not kinds:
        raise MirbenchError(f"there is no cache in {source.root}; name a folder that --cache or MIRBENCH_CACHE named on another machine.")
    if into.root.exists() and source.root.resolve() == into.root.resolve():
        raise MirbenchError(f"{source.root} is the cache that is merged into; name another one, or another place by --into.")
    into.check()
    merged = Merged()
    for kind in kinds:
        for entry in sorted(source.entries(kind), key=lambda each: each.key):
            _merge(source, into, kind, entry, merged)
    return merged


def kinds_of(store: Store) -> Iterator[str]:
    """Folders of the store in which entries are."""
    for folder in sorted(store.root.iterdir()) if store.root.is_dir() else ():
        if folder.name.startswith(".") or folder.name in NO_KINDS or not folder.is_dir():
            continue
        if any((each / ENTRY).is_file() for each in folder.iterdir()):
            yield folder.name


def _merge(source: Store, into: Store, kind: str, entry: Entry, merged: Merged) -> None:
    size = sum(size for size, _ in entry.files.values())
    is_there = into.has(kind, entry.key)
    if is_there and not into.is_damaged(kind, entry.key):
        merged.there[kind] += 1
        merged.there_bytes[kind] += size
        return
    folder = source.folder(kind, entry.key)
    if not folder.exists():
        return  # another run, which uses that cache, has removed it
    try:
        if entry.of != f"{kind}/{entry.key}" or damage(folder):
            raise _BrokenError
        with into.writing(kind, entry.key, entry.title, entry.parts) as copy:
            _copy(entry, folder, copy)
    except (_BrokenError, FileNotFoundError):
        if folder.exists():
            merged.broken.append((kind, entry.key, entry.title))
        return
    merged.taken[kind] += 1
    merged.taken_bytes[kind] += size
    merged.repaired[kind] += is_there


def _copy(entry: Entry, folder: Path, copy: Path) -> None:
    """Raises _BrokenError where what arrived is not what was written."""
    for name, written in entry.files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise _BrokenError
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, copy / name)
        if digest_of(copy / name) != written:
            raise _BrokenError
