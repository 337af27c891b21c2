"""All that is at fault in a manifest, where `load_manifest` stops at the first, and a data set of what is left."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.data.findings import Finding, of_assigned
from mirbench.data.manifests.cells import annotation, duration_of, group_text, name_text, path_text, seconds
from mirbench.data.manifests.columns import KNOWN
from mirbench.data.manifests.manifest import made_id, manifest_of
from mirbench.data.manifests.noticed import of_rows
from mirbench.data.manifests.own import OwnDataset, settled
from mirbench.data.manifests.paths import Finder
from mirbench.data.manifests.rows import Rows, read_rows_of
from mirbench.data.splits import split_named
from mirbench.errors import MirbenchError, printable
from mirbench.records import Clip

_READ: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("id", "split"), name_text),
    **dict.fromkeys(("group", "artist"), group_text),
    **dict.fromkeys(("start", "duration", "end"), seconds),
    "path": path_text,
}


@dataclass(frozen=True)
class ManifestFaults:
    """faults: as `line N: what is wrong`, by row. rows: the others by their number, cells by column, with the path of the file that is
    meant. unit: what is numbered. findings: what was noticed beside."""

    faults: tuple[str, ...]
    rows: Mapping[int, Mapping[str, Any]]
    unit: str = "line"
    findings: tuple[Finding, ...] = ()


class FaultlessRows(OwnDataset):
    """What is in order of a manifest that is not."""

    def __init__(self, location: Path, found_faults: ManifestFaults, split_seed: int) -> None:
        """Raises MirbenchError where the rows make no data set together."""
        self.name, self.location, self.description = location.name, location, f"the manifest {location}"
        cells = found_faults.rows
        rows = Rows(tuple(next(iter(cells.values()))), [(n, list(row.values())) for n, row in cells.items()], found_faults.unit)
        found = manifest_of(location, rows, Finder(location.parent, None, allow_outside=True))  # where each row's file lies is known
        self._clips, self.split_rule = settled(location, found.clips, split_seed, annotations=KNOWN, grouped_by=found.grouped_by)
        self.annotations, self.columns, self.numbers, self.unit = found.annotations, found.columns, found.numbers, found.unit
        self.findings = (*found_faults.findings, *found.findings, *of_assigned(found.clips, self._clips))

    def clips(self, folder: Path) -> list[Clip]:
        return list(self._clips)


def find_faults(path: Path, *, data_root: Path | None = None, allow_outside: bool = False) -> ManifestFaults:
    """The faults of each row by itself, ids that are given twice, and stretches that are in two splits. As `load_manifest` otherwise.

    Raises MirbenchError where the file cannot be read as rows.
    """
    rows = read_rows_of(path)
    return _Reader(rows, Finder(path.parent, data_root, allow_outside)).found_faults()


class _Reader:
    """One pass over the rows, and one over files that have several."""

    def __init__(self, rows: Rows, find: Finder) -> None:
        self.rows, self.find = rows, find
        self.columns = [(at, name, _READ.get(name, annotation)) for at, name in enumerate(rows.columns) if name]
        place = {name: at for at, name, _ in self.columns}
        self.has_splits = "split" in place and any(name_text("", _plain(cells[place["split"]])) for _, cells in rows.rows)
        self.why: dict[tuple[str, str], str] = {}
        self.faults: dict[int, list[str]] = defaultdict(list)

    def found_faults(self) -> ManifestFaults:
        kept: dict[int, dict[str, Any]] = {}
        ids: dict[str, int] = {}
        for number, cells in self.rows.rows:
            for at, name, read in self.columns:
                if why := self._looked_up(name, cells[at], read):
                    self.faults[number].append(why)
                elif name == "id" and (given := name_text(name, cells[at])) and ids.setdefault(given, number) != number:
                    self.faults[number].append(f"the id '{printable(given):.60}' is that of {self.rows.unit} {ids[given]} already")
            if number not in self.faults:
                row = {name: cells[at] for at, name, _ in self.columns}
                try:
                    _stretch(row)
                    kept[number] = row
                except MirbenchError as error:
                    self.faults[number].append(str(error).removesuffix("."))
        self._name(kept, set(ids))
        self._part(kept)
        told = [f"{self.rows.unit} {number}: {why}" for number, _ in self.rows.rows for why in self.faults.get(number, ())]
        return ManifestFaults(
            tuple(told), {n: row for n, row in kept.items() if n not in self.faults}, self.rows.unit, tuple(of_rows(self.rows))
        )

    def _looked_up(self, name: str, cell: Any, read: Callable[[str, Any], Any]) -> str:
        """What is wrong with a cell, or nothing; asked once for each text."""
        if not isinstance(cell, str):
            return self._wrong(name, cell, read)
        if (name, cell) not in self.why:
            self.why[name, cell] = self._wrong(name, cell, read)
        return self.why[name, cell]

    def _wrong(self, name: str, cell: Any, read: Callable[[str, Any], Any]) -> str:
        try:
            value = read(name, cell)
            if name == "path":
                if not value:
                    return "there is no path"
                self.find(value)
            if name == "split" and self.has_splits:
                if not value:
                    return "there is no split, and other clips have one"
                split_named(value)
        except MirbenchError as error:
            return str(error).removesuffix(".")
        return ""

    def _name(self, kept: Mapping[int, dict[str, Any]], taken: set[str]) -> None:
        """The path of each row's file, and an id made of the one that is written, where there is none."""
        for row in kept.values():
            found, name = self.find(path_text("path", row["path"]))
            row["path"] = os.fspath(found.absolute())
            start = seconds("start", row.get("start"))
            if not name_text("id", row.get("id")):
                row["id"] = made_id(name, start or 0.0, taken)
                taken.add(row["id"])

    def _part(self, kept: Mapping[int, dict[str, Any]]) -> None:
        """Finds stretches of a file that an earlier row has in another split; `pretrain` counts as `train`."""
        if not self.has_splits:
            return
        seen: dict[str, list[tuple[float, float, str, int]]] = defaultdict(list)
        for number, row in kept.items():
            start, duration = _stretch(row)
            end = math.inf if duration is None else start + duration
            given = split_named(name_text("split", row["split"]))
            split = "train" if given == "pretrain" else given
            others = ((n, s) for first, last, s, n in seen[row["path"]] if s != split and start < last and first < end)
            if (other := next(others, None)) is not None:
                which = f"in {self.rows.unit} {other[0]} in {other[1]}"
                self.faults[number].append(f"'{printable(row['id'])}' is in {split}, and {which}, with a stretch in common")
            else:
                seen[row["path"]].append((start, end, split, number))


def _stretch(row: Mapping[str, Any]) -> tuple[float, float | None]:
    """Start and duration of a row. Raises MirbenchError where its end does not agree with them."""
    start, duration, end = (seconds(name, row.get(name)) for name in ("start", "duration", "end"))
    return start or 0.0, duration_of(start, duration, end)


def _plain(cell: Any) -> Any:
    """A cell that can be asked whether it is empty."""
    return cell if isinstance(cell, str | int) else None
