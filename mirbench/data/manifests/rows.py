"""The rows of a manifest file as they stand there: CSV, TSV, JSON lines and Parquet, each row with its line."""

from __future__ import annotations

import difflib
import gzip
import json
import os
import re
import stat
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.data.audio.opening import kind_of
from mirbench.data.findings import count, lines_in_words
from mirbench.data.labels import MOST_CLASSES, too_many
from mirbench.data.manifests.columns import CALLED_PATH, CLASSES, CORE, PLAIN_NAMES, is_missing
from mirbench.data.manifests.delimited import Delimited, read_delimited
from mirbench.data.manifests.kinds import holds_audio, kind_of_cell, parquet_columns
from mirbench.errors import MirbenchError, describe, printable

TEXT = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")
ENDINGS = (*TEXT, *(f"{ending}.gz" for ending in TEXT), ".parquet")
MOST_ROWS = 5_000_000
MOST_BYTES = 4_000_000_000  # of text
MOST_CELLS = 500_000_000  # of JSON lines whose names differ from line to line

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}  # of cells

_UNNAMED = re.compile(r"(unnamed: \d+|__index_level_\d+__)?", re.IGNORECASE)  # the index of a pandas table, or a trailing separator


@dataclass(frozen=True)
class Rows:
    """columns: their names, '' where one is to be ignored. rows: (number, cells) of each, as many cells as columns. unit: what is
    numbered, from 1: lines of the file, or rows where it has none. passed_over: columns that hold what is no annotation, which are
    ignored, and what that is. points: columns whose decimal commas were read as points. blank: rows without any content."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[int, Sequence[Any]]]
    unit: str = "line"
    passed_over: tuple[tuple[str, str], ...] = ()
    points: tuple[str, ...] = ()
    blank: int = 0


def ending_of(path: Path) -> str:
    """The ending by which a manifest is read, or nothing.

    >>> ending_of(Path("My.Songs.CSV")), ending_of(Path("a.jsonl.gz")), ending_of(Path("a.xlsx"))
    ('.csv', '.jsonl.gz', '')
    """
    return next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if path.name.lower().endswith(ending)), "")


def read_rows_of(path: Path) -> Rows:
    """All rows of a manifest that have any content. A column that no task of ours reads may hold anything, such as dates, and is passed
    over where it holds more than text, numbers and lists of these. Raises MirbenchError naming the file, and the line where it is at
    fault."""
    ending = ending_of(path)
    if not ending:
        hint = "; write one object a line and name it .jsonl" if path.suffix.lower() == ".json" else ""
        raise MirbenchError(f"the manifest {path} has none of the endings {', '.join((*TEXT, '.parquet'))}{hint}.")
    check_regular(path)
    found = _parquet(path) if ending == ".parquet" else _read_text(path, ending)
    for at, name in enumerate(found.columns):
        if name in CLASSES and len(found.rows) > MOST_CLASSES:
            labels = {cell if isinstance(cell, str | int | float) else str(cell) for _, cells in found.rows for cell in (cells[at],)}
            if len(labels) > MOST_CLASSES:
                raise MirbenchError(f"{path}: {too_many(name, len(labels))}")
    return found


def _read_text(path: Path, ending: str) -> Rows:
    text = _text(path)
    if not text.strip():
        raise MirbenchError(f"the manifest {path} is empty; it needs a line per clip, with its path.")
    separators = "\t,;" if ".tsv" in ending else ",;\t"
    found = _json(path, text) if "json" in ending else _csv(path, read_delimited(path, text, separators))
    if not found.rows:
        raise MirbenchError(f"the manifest {path} has a heading and no clips; add a line per clip.")
    _check_count(path, len(found.rows))
    return found


def check_regular(path: Path) -> None:
    """Raises MirbenchError for what is missing, or no file, without waiting for a pipe or reading a device to its end, which it has not."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise MirbenchError(f"the manifest {path} is missing; look for it in {os.path.abspath(path.parent)}.") from None
    except (OSError, ValueError) as error:
        raise MirbenchError(f"the manifest {path} cannot be read ({describe(error)}).") from error
    if not stat.S_ISREG(mode):
        raise MirbenchError(f"the manifest {path} is {kind_of(mode)}; give a file, since it is read more than once.")


def _check_count(path: Path, rows: int) -> None:
    if rows > MOST_ROWS:
        raise MirbenchError(
            f"the manifest {path} has {rows:,} rows, and at most {MOST_ROWS:,} clips can be of one data set; split it into several."
        )


def _text(path: Path) -> str:
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb") as file:
            pieces, size = list[bytes](), 0
            while size <= MOST_BYTES and (piece := file.read(1 << 24)):
                pieces.append(piece)
                size += len(piece)
            data = b"".join(pieces)
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        raise MirbenchError(f"the manifest {path} cannot be read ({describe(error)}).") from error
    if size > MOST_BYTES:
        raise MirbenchError(f"the manifest {path} is of more than {MOST_BYTES / 1e9:g} GB of text; split it into several.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MirbenchError(
            f"the manifest {path} is not UTF-8 text: line {line} has the byte 0x{data[error.start]:02x}; save it as UTF-8."
        ) from error


def _csv(path: Path, found: Delimited) -> Rows:
    columns = _columns(f"{path}, line {found.heading_line}", found.heading)
    wide = sum(len(cells) > len(columns) for _, cells in found.records)
    harmless = wide == len(found.records)  # each line ends in a separator
    odd = [at for at, (_, cells) in enumerate(found.records) if len(cells) < len(columns) or any(cells[len(columns) :])]
    odd = odd if harmless else [at for at, (_, cells) in enumerate(found.records) if len(cells) != len(columns)]
    if odd:
        line, cells = found.records[odd[0]]
        others = lines_in_words([found.records[at][0] for at in odd[1:]])
        raise MirbenchError(
            f"{path}, line {line}: the line has {count(len(cells), 'cell')} where the heading has {count(len(columns), 'column')}"
            f"{f' (another number is in {others} too)' if others else ''}; {_cells_mended(cells, columns, found.separator)}."
        )
    rows = [(line, cells[: len(columns)]) for line, cells in found.records]
    points = _decimal_points(columns, rows) if found.separator == ";" else ()
    return Rows(columns, rows, points=points, blank=found.blank)


def _cells_mended(cells: Sequence[str], columns: Sequence[str], separator: str) -> str:
    """What to do about a line of another number of cells than there are columns."""
    line = separator.join(cells)
    if len(cells) < len(columns):
        there = [other for other in SEPARATORS if other != separator and line.count(other) >= len(columns) - 1]
        if there:
            return f"its cells have {SEPARATORS[there[0]]} between, and those of the heading {SEPARATORS[separator]}: write the same"
        return "write the cells that are missing, also where they are empty"
    quoted = "put a cell that holds the separator into double quotes"
    return quoted if any(cells[len(columns) :]) else f"{quoted}, or take away the separator at the end, which other lines have not"


_DECIMAL = re.compile(r"\s*[-+]?\d+(?:[,.]\d+)?\s*(?:\|\s*[-+]?\d+(?:[,.]\d+)?\s*)*")


def _decimal_points(columns: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> tuple[str, ...]:
    """Puts points in the place of decimal commas, where a column holds nothing but numbers; returns which columns had any."""
    changed = []
    for at, name in enumerate(columns):
        if name and name not in ("path", "id", "split", "group", "artist", "tags"):
            with_comma = [cells for _, cells in rows if "," in cells[at] and _DECIMAL.fullmatch(cells[at])]
            others = (cells[at] for _, cells in rows if not is_missing(cells[at]))
            if with_comma and (name in CORE or all(map(_DECIMAL.fullmatch, others))):
                for cells in with_comma:
                    cells[at] = cells[at].replace(",", ".")
                changed.append(name)
    return tuple(changed)


def _columns(where: str, heading: Sequence[Any]) -> tuple[str, ...]:
    stripped = [str(name).strip() for name in heading]
    names = tuple("" if _UNNAMED.fullmatch(name) else name.lower() if name.lower() in PLAIN_NAMES else name for name in stripped)
    if "path" not in names:
        near = [name for name in names if name.lower() in CALLED_PATH] or difflib.get_close_matches("path", names)
        hint = f"; rename '{near[0]}' to path" if near else ""
        listed = printable(", ".join(filter(None, names)) or "none")
        raise MirbenchError(f"{where}: the heading has no column 'path' among {listed:.200}{printable(hint)}.")
    if twice := [name for name, count in Counter(filter(None, names)).items() if count > 1]:
        raise MirbenchError(f"{where}: the heading has the column '{printable(twice[0])}' twice; rename or remove one.")
    if broken := [name for name in names if any("\ud800" <= character <= "\udfff" for character in name)]:
        raise MirbenchError(f"{where}: the column {broken[0]!a:.60} holds half a character; write it whole.")
    return names


def _json(path: Path, text: str) -> Rows:
    places: dict[str, int] = {}
    objects: list[tuple[int, dict[str, Any]]] = []
    blank = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.isspace():
            continue
        try:
            parsed = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            parsed = None if line.lstrip().startswith("[") else error
        if not isinstance(parsed, dict):
            why = f" ({describe(parsed)})" if isinstance(parsed, Exception) else ""
            raise MirbenchError(f'{path}, line {number}: this is not a JSON object{why}; write one a line, such as {{"path": "a.wav"}}.')
        if not parsed:
            blank += 1
            continue
        objects.append((number, parsed))
        for key in parsed:
            places.setdefault(key, number)
    if not objects:
        raise MirbenchError(f'the manifest {path} has no clips; write one object a line, such as {{"path": "a.wav"}}.')
    if len(places) * len(objects) > MOST_CELLS:
        raise MirbenchError(f"the manifest {path} has {len(places):,} names in {len(objects):,} objects; name the same things in each.")
    columns = _columns(f"{path}, line {objects[0][0]}", list(places))
    odd = {key: kind for key, name in zip(places, columns, strict=True) if name and (kind := _odd(name, (o.get(key) for _, o in objects)))}
    names = tuple("" if key in odd else name for key, name in zip(places, columns, strict=True))
    rows = [(number, [found.get(key) for key in places]) for number, found in objects]
    return Rows(names, rows, passed_over=tuple(odd.items()), blank=blank)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ValueError where a name is given twice: which of the two is meant nobody can tell."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, n in Counter(name for name, _ in pairs).items() if n > 1)
        raise ValueError(f"the name {twice!a:.60} is given twice")
    return found


def _odd(name: str, cells: Any) -> str:
    """What a column holds that no annotation is, or nothing; columns that are known must hold what they are for."""
    if name in PLAIN_NAMES or name.endswith("_unknown"):
        return ""
    return next((kind for cell in cells if (kind := kind_of_cell(cell))), "")


def _parquet(path: Path) -> Rows:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MirbenchError(f"reading {path} needs pyarrow; install it by pip install 'mirbench-audio[formats]'.") from error
    try:
        with parquet.ParquetFile(path) as file:
            _check_count(path, file.metadata.num_rows)
            given = [str(name) for name in file.schema_arrow.names]
            inside = [field.name for field in file.schema_arrow if holds_audio(field)]
            if inside and "path" not in map(str.lower, given):
                raise MirbenchError(
                    f"the manifest {path} holds audio itself, in '{printable(inside[0])}'; write it to files, and their "
                    "paths into a column path."
                )
            names = _columns(str(path), given)
            try:
                columns, odd = parquet_columns(file, dict(zip(given, names, strict=True)), PLAIN_NAMES)
            except MirbenchError as error:
                raise MirbenchError(f"the manifest {path}: {error}") from None
            rows = file.metadata.num_rows
    except (OSError, ValueError, ArithmeticError, MemoryError, pyarrow.ArrowException) as error:
        raise MirbenchError(f"the manifest {path} cannot be read as Parquet ({describe(error)}).") from error
    if not rows:
        raise MirbenchError(f"the manifest {path} has columns and no clips; add a row per clip.")
    read = tuple(columns)
    cells = list(enumerate(map(list, zip(*columns.values(), strict=True)), start=1))
    return Rows(read, cells, "row", passed_over=tuple(odd.items()))
