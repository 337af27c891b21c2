"""What was read of a manifest's cells otherwise than it is written, or not at all, with counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mirbench.data.findings import NUMBERED, Finding, count
from mirbench.data.manifests.cells import RowLocator
from mirbench.data.manifests.columns import is_missing
from mirbench.data.manifests.rows import Rows
from mirbench.errors import printable

WITHOUT_SPACES = ("path", "id", "split", "start", "duration", "end")  # columns in which nothing is to be told of them


def of_rows(rows: Rows) -> Iterator[Finding]:
    """Columns that are passed over, decimal commas, and rows without any content."""
    if rows.passed_over:
        text = f"{count(len(rows.passed_over), 'column')} passed over, which no task can read."
        yield Finding("note", text, tuple(f"{printable(name)}: {kind}" for name, kind in rows.passed_over), "columns")
    if rows.points:
        yield Finding("note", f"decimal commas in {printable(', '.join(rows.points))} are read as points.", kind="columns")
    if rows.blank:
        yield Finding("note", f"{count(rows.blank, rows.unit)} without any content, not read.", kind="rows")


def of_missing(columns: Mapping[str, Sequence[Any]], where: RowLocator) -> Iterator[Finding]:
    """Cells that became unknown: those with a word for that, each counted, and empty ones. columns: cells by name."""
    words, empty = list[str](), list[str]()
    for name, cells in columns.items():
        said = _places(cells, is_missing)
        found: dict[str, list[int]] = {}
        for cell, places in said.items():
            found.setdefault(cell.strip(), []).extend(places)
        nothing = [at for at, cell in enumerate(cells) if cell is None or (type(cell) is float and math.isnan(cell))]
        without = sorted([*found.pop("", ()), *nothing])
        if name not in ("group", "artist"):  # whose words are told with those for nobody
            most = sorted(found.items(), key=lambda item: -len(item[1]))
            words += [f"'{printable(word)}' in {printable(name)} {_counted(sorted(places), where)}" for word, places in most]
        few = f", {where.lines(without)}" if len(without) <= NUMBERED else ""
        empty += [f"{printable(name)} ({len(without):,}{few})"] if without else []
    if words:
        text = "words for a missing value are read as unknown, not as a class or a name; write another word where one of them is a class."
        yield Finding("warning", text, tuple(words), "missing values")
    if empty:
        yield Finding("note", "empty cells are unknown, by column.", tuple(empty), "missing values")


def of_spaces(columns: Mapping[str, Sequence[Any]], where: RowLocator) -> Iterator[Finding]:
    """Names and labels with spaces around, which are taken without. columns: cells by name."""
    told = []
    for name, cells in columns.items():
        if name not in WITHOUT_SPACES:
            for cell, places in _places(cells, _has_spaces).items():
                told.append(f"'{printable(cell)}' in {printable(name)} {_counted(places, where)}")
    if told:
        yield Finding("note", "spaces around names and labels are not taken for a part of them.", tuple(told), "spaces")


def of_split_names(given: Sequence[str], splits: Sequence[str], where: RowLocator) -> Iterator[Finding]:
    """Splits by another name than ours. given: as they are written, of each row; splits: that are meant."""
    meant = {text: split for text, split in zip(given, splits, strict=True) if text.lower() != split}
    if meant:
        places = _places(given, meant.__contains__)
        told = tuple(f"'{printable(text)}' {_counted(at, where)} as {meant[text]}" for text, at in places.items())
        yield Finding("note", "names of splits are read as ours.", told, "splits")


def _has_spaces(cell: str) -> bool:
    return cell != cell.strip() and not is_missing(cell)


def _places(cells: Sequence[Any], wanted: Callable[[str], bool]) -> dict[str, list[int]]:
    """Which rows have each text that is wanted."""
    texts = {cell for cell in cells if type(cell) is str}
    places: dict[str, list[int]] = {cell: [] for cell in texts if wanted(cell)}
    for at, cell in enumerate(cells) if places else ():
        if type(cell) is str and cell in places:
            places[cell].append(at)
    return dict(sorted(places.items(), key=lambda item: item[1]))


def _counted(places: Sequence[int], where: RowLocator) -> str:
    return f"({len(places):,}, {where.lines(places)})"
