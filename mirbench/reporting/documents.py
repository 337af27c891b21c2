"""Tables and what must be known to read them, as one text: for a terminal, a paper, a page, a spreadsheet or a program."""

from __future__ import annotations

import html
import itertools
import json
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mirbench.errors import unknown_name
from mirbench.reporting.tables import latex
from mirbench.reporting.tables.escaping import escape_latex
from mirbench.reporting.tables.table import Table, document
from mirbench.reporting.words import NONE
from mirbench.results.cells import guarded

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "md", "csv", "latex", "html", "json")
LEAST = 8  # characters of a column in a terminal
PARTS = re.compile(r"(\s+|(?<=\w[_.-])(?=[^\W\d]))")  # where a cell may be broken
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:80rem;margin:0 auto;padding:1rem;color:#1a1a1a;background:#fff}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.3rem .7rem;text-align:left;vertical-align:top;"
    "border-bottom:1px solid #ddd}.wide{overflow-x:auto}"
)


@dataclass(frozen=True, eq=False)
class Document:
    """frames: what a program reads, by name; the first as CSV, all as JSON. label: of the tables in LaTeX."""

    title: str
    label: str
    tables: Sequence[Table]
    notes: Sequence[str]
    frames: Mapping[str, pd.DataFrame]


def check_format(form: str) -> None:
    """Raises MirbenchError for a format that there is not."""
    if form not in FORMATS:
        raise unknown_name("format", form, FORMATS)


def written(of: Document, form: str, width: int) -> str:
    """form: one of FORMATS. width: columns of a terminal, for text."""
    check_format(form)
    if form == "text":
        return _text(of, width)
    if form == "md":
        return document(of.title, of.tables, of.notes)
    if form == "csv":
        return _csv(next(iter(of.frames.values())))
    if form == "latex":
        return _latex(of)
    return _html(of) if form == "html" else _json(of)


def _text(of: Document, width: int) -> str:
    parts = [f"{table.title}\n\n{_printed(table, width)}" for table in of.tables]
    notes = "\n".join(line for note in of.notes for line in textwrap.wrap(note, width, subsequent_indent="  "))
    return "\n\n".join([*parts, notes]).rstrip() + "\n"


def _printed(table: Table, width: int) -> str:
    """The table in columns that are as wide as they can be; headings stand on lines of their own."""
    rows = [[text.replace(NONE, "-") for text in row] for row in table.cells.itertuples(index=False)]
    heads = [[tuple(head)[at : at + 1] for head in table.cells.columns] for at in range(max(len(tuple(h)) for h in table.cells.columns))]
    above = [["".join(cell) for cell in line] for line in heads]
    widths = _widths([*above, *rows], width)
    starts = sorted({0, *table.headings})
    blocks = [_grid(above, widths)]
    for start, end in itertools.pairwise([*starts, len(rows)]):
        heading = [f"{table.headings[start]}:"] if start in table.headings else []
        blocks.append("\n".join([*heading, _grid(rows[start:end], widths)]))
    rule = " ".join("-" * each + " " for each in widths).rstrip()
    return "\n".join([blocks[0], rule, ("\n\n" if table.headings else "\n").join(blocks[1:])])


def _widths(lines: Sequence[Sequence[str]], width: int) -> list[int]:
    """Of columns with two spaces between; where the terminal has no room the widest give way, names and numbers last."""
    columns = list(zip(*lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    whole = [max(len(part) for text in column for part in PARTS.split(text)) for column in columns]
    for least in (whole, [LEAST] * len(widths)):
        while sum(widths) + 2 * (len(widths) - 1) > width and any(w > few for w, few in zip(widths, least, strict=True)):
            widest = max(range(len(widths)), key=lambda i: (widths[i] > least[i], widths[i]))
            widths[widest] -= 1
    return widths


def _grid(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    """Rows below each other, a cell on as many lines as it takes."""
    lines = []
    for row in rows:
        cells = [_wrapped(text, width) for text, width in zip(row, widths, strict=True)]
        for parts in itertools.zip_longest(*cells, fillvalue=""):
            lines.append("  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip())
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    wrapper = textwrap.TextWrapper(width, break_on_hyphens=False)
    wrapper.wordsep_simple_re = PARTS  # type: ignore[misc]
    return wrapper.wrap(text) or [""]


def _csv(frame: pd.DataFrame) -> str:
    cells = frame.astype(object).map(lambda cell: guarded(cell) if isinstance(cell, str) else cell)
    return str(cells.to_csv(index=False, na_rep="nan", float_format="%.6g", lineterminator="\n"))


def _latex(of: Document) -> str:
    notes = "".join(f"% {escape_latex(note)}\n" for note in of.notes)
    tables = [latex.written(table, f"{of.title}: {table.title}.", f"tab:{of.label}-{i}") for i, table in enumerate(of.tables, 1)]
    return f"{latex.PREAMBLE}\n{notes}" + "\n".join(tables)


def _html(of: Document) -> str:
    tables = "\n".join(f"<h2>{html.escape(table.title)}</h2>\n{table.html()}" for table in of.tables)
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in of.notes)
    title = html.escape(of.title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n{tables}\n<ul>{notes}</ul></body></html>\n"
    )


def _json(of: Document) -> str:
    frames = {name: [_plain(row) for row in frame.astype(object).to_dict("records")] for name, frame in of.frames.items()}
    return json.dumps({"title": of.title, **frames, "notes": list(of.notes)}, indent=2, ensure_ascii=False) + "\n"


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """With null for numbers that are not defined."""
    return {
        str(name): None if isinstance(value, float) and not math.isfinite(value) else value.item() if hasattr(value, "item") else value
        for name, value in row.items()
    }
