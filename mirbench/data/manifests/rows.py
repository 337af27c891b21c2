"""The rows of a manifest file as they stand there: CSV, TSV, JSON lines and Parquet, each row with its line."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import json
import os
import re
import stat
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.data.audio.opening import kind_of
from mirbench.errors import MirbenchError, describe

TEXT = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")
ENDINGS = (*TEXT, *(f"{ending}.gz" for ending in TEXT), ".parquet")
PLAIN_NAMES = (
    *("path", "id", "start", "duration", "split", "group", "artist", "tags", "genre", "key", "pitch", "instrument"),
    *("mood", "emotion", "arousal", "valence", "singer", "technique"),
)
"""Columns that are known in any case; every other is an annotation of the very name that it has."""

_CALLED_PATH = {"file", "filename", "file_name", "filepath", "file_path", "audio", "audio_path", "audio_file", "track", "wav"}
_SAYS_SEPARATOR = re.compile(r"sep=([,;\t])\r?\n")  # a first line that is for spreadsheets
_UNNAMED = re.compile(r"(unnamed: \d+|__index_level_\d+__)?", re.IGNORECASE)  # the index of a pandas table, or a trailing separator


@dataclass(frozen=True)
class Rows:
    """columns: their names, '' where one is to be ignored. rows: (number, cells) of each, as many cells as columns. unit: what is
    numbered, from 1: lines of the file, or rows where it has none."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[int, Sequence[Any]]]
    unit: str = "line"


def ending_of(path: Path) -> str:
    """The ending by which a manifest is read, or nothing.

    >>> ending_of(Path("My.Songs.CSV")), ending_of(Path("a.jsonl.gz")), ending_of(Path("a.xlsx"))
    ('.csv', '.jsonl.gz', '')
    """
    return next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if path.name.lower().endswith(ending)), "")


def read_rows_of(path: Path) -> Rows:
    """All rows of a manifest that have any content. Raises MirbenchError naming the file, and the line where it is at fault."""
    ending = ending_of(path)
    if not ending:
        hint = "; write one object a line and name it .jsonl" if path.suffix.lower() == ".json" else ""
        raise MirbenchError(f"the manifest {path} has none of the endings {', '.join((*TEXT, '.parquet'))}{hint}.")
    check_regular(path)
    if ending == ".parquet":
        return _parquet(path)
    text = _text(path)
    if not text.strip():
        raise MirbenchError(f"the manifest {path} is empty; it needs a line per clip, with its path.")
    found = _json(path, text) if "json" in ending else _csv(path, text, "\t,;" if ".tsv" in ending else ",;\t")
    if not found.rows:
        raise MirbenchError(f"the manifest {path} has a heading and no clips; add a line per clip.")
    return found


def check_regular(path: Path) -> None:
    """Raises MirbenchError for what is no file, without waiting for a pipe or reading a device to its end, which it has not."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise MirbenchError(f"the manifest {path} cannot be read ({describe(error)}).") from error
    if not stat.S_ISREG(mode):
        raise MirbenchError(f"the manifest {path} is {kind_of(mode)}; give a file, since it is read more than once.")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.name.lower().endswith(".gz") else data
    except (OSError, EOFError, zlib.error) as error:
        raise MirbenchError(f"the manifest {path} cannot be read ({describe(error)}).") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MirbenchError(
            f"the manifest {path} is not UTF-8 text: line {line} has the byte 0x{data[error.start]:02x}; save it as UTF-8."
        ) from error


def _csv(path: Path, text: str, separators: str) -> Rows:
    says = _SAYS_SEPARATOR.match(text)
    records = _records(path, text, says[1] if says else _separator(text, separators))
    if says:
        next(records)
    line, heading = next(records, (1, []))
    columns = _columns(f"{path}, line {line}", heading)
    rows = []
    for line, cells in records:
        if len(cells) != len(columns):
            if any(cells[len(columns) :]) or len(cells) < len(columns):
                raise MirbenchError(
                    f"{path}, line {line}: the line has {len(cells)} cell{'s'[: len(cells) != 1]} where the heading has "
                    f"{len(columns)} columns; put a cell that holds the separator into double quotes."
                )
            del cells[len(columns) :]
        rows.append((line, cells))
    return Rows(columns, rows)


def _records(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(the line that it begins in, cells) of every record that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    try:
        for cells in reader:
            if any(cells) and not all(map(str.isspace, filter(None, cells))):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise MirbenchError(
            f"{path}, line {begins}: the line is not valid CSV ({error}); look for a double quote without its pair."
        ) from error


def _separator(text: str, separators: str) -> str:
    """The first that gives a heading with a path, or the first that splits the heading, or the first."""
    heading = next(line for line in io.StringIO(text, newline=None) if line.strip())[:10_000]
    cells = {s: next(csv.reader([heading], delimiter=s), []) for s in separators}
    with_path = [s for s in separators if "path" in (cell.strip().lower() for cell in cells[s])]
    return (with_path or [s for s in separators if len(cells[s]) > 1] or [separators[0]])[0]


def _columns(where: str, heading: Sequence[Any]) -> tuple[str, ...]:
    stripped = [str(name).strip() for name in heading]
    names = tuple("" if _UNNAMED.fullmatch(name) else name.lower() if name.lower() in PLAIN_NAMES else name for name in stripped)
    if "path" not in names:
        near = [name for name in names if name.lower() in _CALLED_PATH] or difflib.get_close_matches("path", names)
        hint = f"; rename '{near[0]}' to path" if near else ""
        listed = ", ".join(filter(None, names)) or "none"
        raise MirbenchError(f"{where}: the heading has no column 'path' among {listed:.200}{hint}.")
    if twice := [name for name, count in Counter(filter(None, names)).items() if count > 1]:
        raise MirbenchError(f"{where}: the heading has the column '{twice[0]}' twice; rename or remove one.")
    return names


def _json(path: Path, text: str) -> Rows:
    places: dict[str, int] = {}
    objects: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.isspace():
            continue
        try:
            parsed = json.loads(line)
        except (ValueError, RecursionError) as error:
            parsed = None if line.lstrip().startswith("[") else error
        if not isinstance(parsed, dict):
            why = f" ({describe(parsed)})" if isinstance(parsed, Exception) else ""
            raise MirbenchError(f'{path}, line {number}: this is not a JSON object{why}; write one a line, such as {{"path": "a.wav"}}.')
        objects.append((number, parsed))
        for key in parsed:
            places.setdefault(key, number)
    first = objects[0][0]
    columns = _columns(f"{path}, line {first}", list(places))
    return Rows(columns, [(number, [found.get(key) for key in places]) for number, found in objects])


def _parquet(path: Path) -> Rows:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MirbenchError(f"reading {path} needs pyarrow; install it by pip install 'mirbench[formats]'.") from error
    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
        columns = [column.to_pylist() for column in table.columns]
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise MirbenchError(f"the manifest {path} cannot be read as Parquet ({describe(error)}).") from error
    names = _columns(str(path), table.column_names)
    if not table.num_rows:
        raise MirbenchError(f"the manifest {path} has columns and no clips; add a row per clip.")
    return Rows(names, list(enumerate(map(list, zip(*columns, strict=True)), start=1)), "row")
