"""Text whose cells are separated by commas, semicolons or tabs, as records."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.data.manifests.folder_scan import AUDIO
from mirbench.errors import MirbenchError

_SAYS_SEPARATOR = re.compile(r"sep=([,;\t])\r?\n")  # a first line that is for spreadsheets
_QUOTED = re.compile(r'"(?:[^"]|"")*"', re.DOTALL)
_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Delimited:
    """records: (the line that it begins in, cells) of every one that is not blank, without the heading. blank: how many are."""

    separator: str
    heading_line: int
    heading: list[str]
    records: list[tuple[int, list[str]]]
    blank: int = 0


def read_delimited(path: Path, text: str, separators: str) -> Delimited:
    """As CSV; where tabs separate and each line has its cells without that, quotes are what they are, but for those around a whole cell.

    separators: those that are tried, in order. Raises MirbenchError with the line where a quote has no pair, or a quoted cell has taken in
    lines that are rows of their own.
    """
    says = _SAYS_SEPARATOR.match(text)
    separator = says[1] if says else _separator(text, separators)
    records = (_lines(text) if separator == "\t" else None) or _quoted(path, text, separator, bool(says))
    if says:
        records = records[1:]
    there = [record for record in records if any(map(str.strip, record[1]))]
    (line, heading), *rest = there or [(1, [])]
    lone = len(records) - len(there) - sum(not cells for _, cells in records)  # an empty line is none
    return Delimited(separator, line, heading, rest, lone)


def _lines(text: str) -> list[tuple[int, list[str]]] | None:
    """Each line by itself; None where one has not the cells of the heading, so that a quoted one may hold tabs or line breaks."""
    records = [(number, line.split("\t") if line else []) for number, line in enumerate(_BREAK.split(text), start=1)]
    wanted = next(len(cells) for _, cells in records if any(map(str.strip, cells)))
    for _, cells in records:
        if len(cells) != wanted and any(map(str.strip, cells)) and (len(cells) < wanted or any(cells[wanted:])):
            return None
    return [(number, [_unquoted(cell) for cell in cells]) for number, cells in records]


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell[:1] == '"' and _QUOTED.fullmatch(cell) else cell


def _quoted(path: Path, text: str, separator: str, says_separator: bool) -> list[tuple[int, list[str]]]:
    reader = csv.reader(_lines_kept(text), delimiter=separator, strict=True)
    records: list[tuple[int, list[str]]] = []
    begins, columns, place, limit = 1, 0, 0, csv.field_size_limit(sys.maxsize)
    try:
        for cells in reader:
            if columns and reader.line_num > begins:
                _check_swallowed(path, begins, cells, separator, columns, place)
            records.append((begins, cells))
            if not columns and any(cells) and len(records) > says_separator:
                columns = len(cells)  # of the heading
                place = next((at for at, name in enumerate(cells) if name.strip().lower() == "path"), 0)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise MirbenchError(
            f"{path}, line {begins}: the line is not valid CSV ({error}); look for a double quote without its pair."
        ) from error
    finally:
        csv.field_size_limit(limit)
    return records


def _lines_kept(text: str) -> Iterator[str]:
    """With their ends, as `io.StringIO(text, newline="")` gives them, which takes four bytes a character."""
    begin = 0
    for line_break in _BREAK.finditer(text):
        yield text[begin : line_break.end()]
        begin = line_break.end()
    if begin < len(text):
        yield text[begin:]


def _check_swallowed(path: Path, line: int, cells: Sequence[str], separator: str, columns: int, place: int) -> None:
    """Raises MirbenchError where a cell holds line breaks, and after one of them what looks like a row: as many cells, or at the `place` of
    the path one that ends as files of audio do."""
    for cell in cells:
        if any(_is_row(part.split(separator), columns, place) for part in _BREAK.split(cell)[1:]):
            many = len(_BREAK.findall(cell))
            raise MirbenchError(
                f"{path}, line {line}: a double quote opens a cell that takes in the next {many} line{'s'[: many != 1]}, which "
                "look like rows of their own; double the quote, or quote the whole cell."
            )


def _is_row(cells: Sequence[str], columns: int, place: int) -> bool:
    named = len(cells) > max(place, 1) and cells[place].strip().lower().endswith(tuple(AUDIO))
    return named or (columns > 2 and len(cells) == columns)


def _separator(text: str, separators: str) -> str:
    """The first that gives a heading with a path, or the first that splits the heading, or the first."""
    heading = next(line for line in io.StringIO(text, newline=None) if line.strip())[:10_000]
    cells = {s: next(csv.reader([heading], delimiter=s), []) for s in separators}
    with_path = [s for s in separators if "path" in (cell.strip().lower() for cell in cells[s])]
    return (with_path or [s for s in separators if len(cells[s]) > 1] or [separators[0]])[0]
