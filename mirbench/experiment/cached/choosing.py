"""Which entries of a cache are to be removed: by age, run, kind, or until the rest takes no more than so much."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.engine.holds import is_held
from mirbench.engine.inventory import Inventory, Stored
from mirbench.errors import MirbenchError, printable, unknown_name
from mirbench.experiment.cached.kinds import KINDS
from mirbench.experiment.cached.runs import RunRecord

UNITS = {"h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}  # seconds
BYTES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
DAY = 86_400.0


@dataclass(frozen=True)
class Wanted:
    """What was asked for; what is given together narrows each other. older: seconds since the last use; run: one whose entries no other
    run uses; kinds: empty for all; most: bytes that all entries together may take, for which what was not used for longest goes first."""

    older: float | None = None
    run: RunRecord | None = None
    kinds: frozenset[str] = frozenset()
    most: float | None = None


@dataclass(frozen=True)
class Choice:
    """entries: in the order in which they are removed. held: those that would be, and may be in use; shared: those of the run that other
    runs use too."""

    entries: Sequence[Stored] = ()
    held: Sequence[Stored] = field(default_factory=list)
    shared: Sequence[Stored] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.entries)


def choose(inventory: Inventory, wanted: Wanted, runs: Sequence[RunRecord], now: float, since: float) -> Choice:
    """now: seconds since 1970; since: what was used since then may be in use, as `held_since` gives it."""
    found = [each for each in inventory.entries if not wanted.kinds or each.kind in wanted.kinds]
    if wanted.older is not None:
        found = [each for each in found if now - each.used >= wanted.older]
    shared: list[Stored] = []
    if wanted.run is not None:
        found = [each for each in found if each.name in wanted.run.names]
        others = frozenset[tuple[str, str]]().union(*(run.names for run in runs if run.key != wanted.run.key))
        shared = [each for each in found if each.name in others]
        found = [each for each in found if each.name not in others]
    held = [each for each in found if is_held(each.kind, each.used, since)]
    found = sorted((each for each in found if not is_held(each.kind, each.used, since)), key=_order)
    if wanted.most is not None:
        over = inventory.bytes - wanted.most
        fewest: list[Stored] = []
        for each in found:
            if over <= 0:
                break
            fewest.append(each)
            over -= each.bytes
        found, held = fewest, held if over > 0 else []
    return Choice(found, held, shared)


def _order(entry: Stored) -> tuple[float, int, float, str]:
    """What was not used for longest, by the day; of one day what is cheapest to have again."""
    return entry.used // DAY, KINDS[entry.kind].dear, entry.used, entry.key


def seconds_of(text: str) -> float:
    """
    >>> seconds_of("12h"), seconds_of("30d"), seconds_of("2w")
    (43200.0, 2592000.0, 1209600.0)
    """
    if found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([hdw])\s*", text.lower()):
        return float(found[1]) * UNITS[found[2]]
    raise MirbenchError(f"an age is a number of hours, days or weeks, such as 12h, 30d or 4w, not '{printable(text)}'.")


def bytes_of(text: str) -> float:
    """
    >>> bytes_of("20GB"), bytes_of("500 MB"), bytes_of("1.5g")
    (20000000000.0, 500000000.0, 1500000000.0)
    """
    if found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", text.lower()):
        return float(found[1]) * BYTES[found[2]]
    raise MirbenchError(f"a size is a number of kB, MB, GB or TB, such as 20GB, not '{printable(text)}'.")


def kinds_of(given: Collection[str]) -> frozenset[str]:
    """Of names with commas between them."""
    names = [name.strip() for text in given for name in text.split(",") if name.strip()]
    for name in names:
        if name not in KINDS:
            raise unknown_name("kind of entry", name, KINDS)
    return frozenset(names)


def run_of(given: str, runs: Sequence[RunRecord]) -> RunRecord:
    """By its folder or its name. Raises MirbenchError where the cache knows of none, or of several of that name."""
    folder = str(Path(given).resolve())
    found = [run for run in runs if run.folder == folder] or [run for run in runs if run.name == given.rstrip("/")]
    if len(found) == 1:
        return found[0]
    if found:
        folders = " or ".join(printable(run.folder) for run in found)
        raise MirbenchError(f"several runs are named '{printable(given)}'; name the folder of one: {folders}.")
    known = ", ".join(printable(run.name) for run in runs[:8]) or "none"
    more = f" and {len(runs) - 8:,} more" if len(runs) > 8 else ""
    raise MirbenchError(
        f"the cache knows of no run '{printable(given)}' (a run of an earlier version is known once the same command has been given again, "
        f"which computes nothing where all is there). Known: {known}{more}."
    )
