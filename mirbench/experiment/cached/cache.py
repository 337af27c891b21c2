"""All that is known of a cache."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mirbench.engine.holds import Holder, held_since, holders
from mirbench.engine.inventory import Inventory, Stored, take_inventory
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.experiment.cached.kinds import FILES, KINDS, Subject, subject_of
from mirbench.experiment.cached.runs import RunRecord, recorded_runs


@dataclass(frozen=True)
class Share:
    """Of a cache. own: bytes that nothing else of the same sort has, as runs may share entries. used: seconds since 1970."""

    count: int = 0
    bytes: int = 0
    own: int = 0
    used: float = 0.0


@dataclass(frozen=True)
class CacheContents:
    """free: bytes on the disk of the cache. now: seconds since 1970; since: what was used since then may be in use."""

    store: Store
    inventory: Inventory = field(default_factory=Inventory)
    runs: Sequence[RunRecord] = ()
    holders: Sequence[Holder] = ()
    free: int = 0
    now: float = 0.0
    since: float = float("inf")

    @cached_property
    def subjects(self) -> Mapping[tuple[str, str], Subject]:
        return {each.name: subject_of(each) for each in self.inventory.entries}

    def by_kind(self) -> dict[str, Share]:
        return self._shares(lambda entry: [entry.kind])

    def by_dataset(self) -> dict[str, Share]:
        return self._shares(lambda entry: [self.subjects[entry.name].dataset])

    def by_encoder(self) -> dict[str, Share]:
        return self._shares(lambda entry: [self.subjects[entry.name].encoder])

    def by_run(self) -> dict[str, Share]:
        """By key; what no run that is known used has the key ''."""
        return self._shares(lambda entry: self.runs_of(entry) or [""])

    def runs_of(self, entry: Stored) -> list[str]:
        """The keys of those that used it."""
        return [run.key for run in self.runs if entry.name in run.names]

    def _shares(self, names_of: Callable[[Stored], list[str]]) -> dict[str, Share]:
        """The largest first."""
        shares: dict[str, Share] = {}
        for entry in self.inventory.entries:
            names = names_of(entry)
            for name in names:
                old, own = shares.get(name, Share()), entry.bytes if len(names) == 1 else 0
                shares[name] = Share(old.count + 1, old.bytes + entry.bytes, old.own + own, max(old.used, entry.used))
        return dict(sorted(shares.items(), key=lambda item: -item[1].bytes))


def read_cache(folder: Path) -> CacheContents:
    """A folder that is not there is an empty cache. Raises MirbenchError where it is no folder, or cannot be looked into."""
    store = Store(folder)
    if not folder.exists():
        return CacheContents(store, now=time.time())
    if not folder.is_dir():
        raise MirbenchError(f"{folder} is a file, and a cache is a folder; name another by --cache, or in MIRBENCH_CACHE.")
    inventory = take_inventory(store, KINDS, FILES)
    if "." in inventory.unreadable:
        raise MirbenchError(f"cannot look into the cache {folder} ({inventory.unreadable['.']}); name another by --cache.")
    free, now = shutil.disk_usage(folder).free, time.time()
    return CacheContents(store, inventory, recorded_runs(store), holders(store), free, now, held_since(store))
