"""Plain CSV files whose every fault is named by file, line and column; and dataclass rows kept in them."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mirbench.engine.files import write_atomically
from mirbench.errors import MirbenchError

Row = TypeVar("Row")

# By the annotation of a field; a text is taken as it is.
_CONVERT: dict[str, Callable[[str], Any]] = {"str": str, "int": int, "float": float, "float | None": lambda x: float(x) if x else None}


def digits6(x: float) -> str:
    """How a number is written in a table.

    >>> digits6(0.61800000000001), digits6(float("nan"))
    ('0.618', 'nan')
    """
    return f"{x:.6g}"


def damaged(path: Path, line: int, what: str) -> MirbenchError:
    """The error for one line of a file."""
    return MirbenchError(f"{path} line {line} {what}; restore the file, or run again into a new folder.")


def number(path: Path, line: int, column: str, text: str, convert: Callable[[str], Any]) -> Any:
    """The text of one cell, converted."""
    try:
        return convert(text)
    except ValueError as error:
        kind = "a whole number" if convert is int else "a number"
        raise damaged(path, line, f"has '{text}' in the column '{column}', which is not {kind}") from error


def write_csv(path: Path, lines: Iterable[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    write_atomically(path, text.getvalue())


def write_rows(path: Path, kind: type[Row], rows: Iterable[Row]) -> None:
    def text(value: Any) -> str:
        return "" if value is None else digits6(float(value)) if isinstance(value, float | np.floating) else str(value)

    columns = [f.name for f in dataclasses.fields(kind)]  # type: ignore[arg-type]
    write_csv(path, [columns, *([text(getattr(row, c)) for c in columns] for row in rows)])


def read_csv(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """(line number, cells) of every line; all as long as the first."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if cells:
                lines.append((reader.line_num, cells))
    except csv.Error as error:
        raise damaged(path, reader.line_num, f"is not valid CSV ({error})") from error
    if not lines:
        raise damaged(path, 1, "is missing: the file is empty")
    for line, cells in lines:
        if len(cells) != len(lines[0][1]):
            raise damaged(path, line, f"has {len(cells)} columns where the heading has {len(lines[0][1])}")
    return lines


def read_rows(path: Path, text: str, kind: type[Row]) -> list[Row]:
    """The dataclass `kind`, a row per line; columns may stand in any order, and columns that it does not know are ignored."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    lines = read_csv(path, text)
    header = lines[0][1]
    for f in fields:
        if f.name not in header:
            raise damaged(path, 1, f"lacks the column '{f.name}'")
    place = {f.name: header.index(f.name) for f in fields}

    def row(line: int, cells: list[str]) -> Row:
        return kind(**{f.name: number(path, line, f.name, cells[place[f.name]], _CONVERT[str(f.type)]) for f in fields})

    return [row(line, cells) for line, cells in lines[1:]]
