"""CSV files as frames, whose every fault is named by file, line and column.

Lines are split by the csv module: pandas' reader takes a line that is too short or too long without a word.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.errors import MirbenchError
from mirbench.results.cells import unguarded
from mirbench.results.schema import Fault, Schema

if TYPE_CHECKING:
    import pandas as pd


def damaged(path: Path, line: Hashable, what: str) -> MirbenchError:
    """The error for one line of a file."""
    return MirbenchError(f"{path} line {line} {what}; restore the file, or run again into a new folder.")


def read_text(path: Path, text: str) -> pd.DataFrame:
    """Every cell as text, as it was before it was guarded (cells.py); the index is the number of the line."""
    import pandas as pd

    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: dict[int, list[str]] = {}
    try:
        for cells in reader:
            if cells:
                lines[reader.line_num] = [unguarded(cell) for cell in cells]
    except csv.Error as error:
        raise damaged(path, reader.line_num, f"is not valid CSV ({error})") from error
    if not lines:
        raise damaged(path, 1, "is missing: the file is empty")
    first, heading = next(iter(lines.items()))
    for line, cells in lines.items():
        if len(cells) != len(heading):
            raise damaged(path, line, f"has {len(cells)} columns where the heading has {len(heading)}")
    del lines[first]
    return pd.DataFrame.from_dict(lines, orient="index", columns=heading, dtype="str")


@contextlib.contextmanager
def located(path: Path) -> Iterator[None]:
    """Turns a fault of a frame of read_text into an error that names the line."""
    try:
        yield
    except Fault as fault:
        raise damaged(path, 1 if fault.row is None else fault.row, fault.what) from fault


def read_table(path: Path, text: str, schema: Schema) -> pd.DataFrame:
    """A table of a run folder. Columns may stand in any order, and columns that the schema does not know are left out; those that files of
    earlier versions lack have their defaults."""
    with located(path):
        frame = read_text(path, text)
        later = {column.name: column.default for column in schema.columns if column.later and column.name not in frame}
        return schema.validate(frame.assign(**later)).reset_index(drop=True)
