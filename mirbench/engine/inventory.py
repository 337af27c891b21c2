"""All that lies in a store: its entries, with what they take and when they were used, and what it does not know."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mirbench.engine.store import DAMAGED, ENTRY, Store

KEY = re.compile(r"[0-9a-f]{20}")
DAMAGED_KEY = re.compile(r"[\w-]+-[0-9a-f]{20}-[0-9a-f]{8}")
LEFT_OVER = "left-over"  # what killed runs left, or what is being written now


@dataclass(frozen=True)
class Stored:
    """An entry. bytes: that its files have together; used, made: seconds since 1970, 0 where it is not known. title, parts: empty of one
    that an earlier version made."""

    kind: str
    key: str
    bytes: int
    used: float
    title: str = ""
    parts: Mapping[str, Any] = field(default_factory=dict)
    made: float = 0.0

    @property
    def name(self) -> tuple[str, str]:
        return self.kind, self.key


@dataclass(frozen=True)
class Inventory:
    """files: bytes of what belongs to the store and is no entry, by its name; strange: bytes of what does not, by its path below the
    root. unreadable: what could not be looked at, by its path below the root, and why."""

    entries: tuple[Stored, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)
    strange: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.entries) + sum(self.files.values()) + sum(self.strange.values())


def take_inventory(store: Store, kinds: Collection[str], files: Collection[str]) -> Inventory:
    """kinds: names of folders of entries; files: of files and folders that belong to the store and are no entries."""
    entries: list[Stored] = []
    known: dict[str, int] = {}
    strange: dict[str, int] = {}
    unreadable: dict[str, str] = {}
    for path in _inside(store.root, store.root, unreadable):
        if path.name in files:
            known[path.name] = _bytes(path)
        elif path.name in kinds and path.is_dir() and not path.is_symlink():
            for folder in _inside(path, store.root, unreadable):
                if folder.name.startswith(".part-"):
                    known[LEFT_OVER] = known.get(LEFT_OVER, 0) + _bytes(folder)
                elif not _is_entry(folder):
                    strange[str(folder.relative_to(store.root))] = _bytes(folder)
                else:
                    with contextlib.suppress(FileNotFoundError):  # another process removes it
                        entries.append(_entry(store, path.name, folder))
        else:
            strange[path.name] = _bytes(path)
    return Inventory(tuple(entries), known, strange, unreadable)


def _inside(folder: Path, root: Path, unreadable: dict[str, str]) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        unreadable["." if folder == root else str(folder.relative_to(root))] = error.strerror or str(error)
        return []


def _is_entry(folder: Path) -> bool:
    form = DAMAGED_KEY if folder.parent.name == DAMAGED else KEY
    return form.fullmatch(folder.name) is not None and folder.is_dir() and not folder.is_symlink()


def _entry(store: Store, kind: str, folder: Path) -> Stored:
    said = store.entry(kind, folder.name)
    total = sum(size for size, _ in said.files.values()) + os.stat(folder / ENTRY).st_size if said.made else _bytes(folder)
    return Stored(kind, folder.name, total, folder.stat().st_mtime, said.title, said.parts, said.made)


def _bytes(path: Path) -> int:
    """Of a file or of all in a folder; links are not followed."""
    total = 0
    with contextlib.suppress(OSError):
        total = os.lstat(path).st_size if path.is_symlink() or not path.is_dir() else 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total
