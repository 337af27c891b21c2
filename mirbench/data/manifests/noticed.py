"""What was read of a manifest's cells otherwise than it is written, or not at all, with counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mirbench.data.findings import Finding, count
from mirbench.data.manifests.columns import is_missing
from mirbench.data.manifests.rows import Rows
from mirbench.errors import printable


def of_rows(rows: Rows) -> Iterator[Finding]:
    """Columns that are passed over, decimal commas, and rows without any content."""
    if rows.passed_over:
        text = f"{count(len(rows.passed_over), 'column')} passed over, which no task can read."
        yield Finding("note", text, tuple(f"{printable(name)}: {kind}" for name, kind in rows.passed_over))
    if rows.points:
        yield Finding("note", f"decimal commas in {printable(', '.join(rows.points))} are read as points.")
    if rows.blank:
        yield Finding("note", f"{count(rows.blank, rows.unit)} without any content, not read.")


def of_missing(columns: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
    """Cells that became unknown: those with a word for that, each counted, and empty ones. columns: cells by name."""
    words, empty = list[str](), list[str]()
    for name, cells in columns.items():
        found: Counter[str] = Counter()
        for cell, n in Counter(cell for cell in cells if type(cell) is str).items():
            if is_missing(cell):
                found[cell.strip()] += n
        without = found.pop("", 0) + sum(cell is None or (type(cell) is float and math.isnan(cell)) for cell in cells)
        if name not in ("group", "artist"):  # whose words are told with those for nobody
            words += [f"'{printable(word)}' in {printable(name)} ({n:,})" for word, n in found.most_common()]
        empty += [f"{printable(name)} ({without:,})"] if without else []
    if words:
        text = "words for a missing value are read as unknown, not as a class or a name; write another word where one of them is a class."
        yield Finding("warning", text, tuple(words))
    if empty:
        yield Finding("note", "empty cells are unknown, by column.", tuple(empty))
