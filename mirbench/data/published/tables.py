"""The tables that published data sets come with, read so that every fault is named by file and line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from mirbench.errors import MirbenchError


class Row(dict[str, str]):
    """A line of a table by column. path, line: where it is from, lines counted from 1."""

    __slots__ = ("line", "path")
    path: Path
    line: int

    def wrong(self, what: str) -> MirbenchError:
        """The error for this line. what: the rest of a sentence, such as `names no split`."""
        return fault(self.path, self.line, what)

    def number(self, column: str) -> float:
        """The cell as a number; raises MirbenchError where it is none, or is not finite."""
        try:
            value = float(self[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.wrong(f"has {self[column]!r} as {column}, which is not a number")
        return value


def fault(path: Path, line: int, what: str) -> MirbenchError:
    """The error for one line of a file."""
    return MirbenchError(f"{path}, line {line} {what}; restore the file as it is published.")


def read_table(path: Path, columns: Sequence[str] = (), delimiter: str = ",", header: bool = True, open_ended: bool = False) -> list[Row]:
    """The lines of a CSV or TSV file by column, each a `Row`; blank lines are passed over.

    columns: those that must be there; without a header they name the cells, all of them. open_ended: whether a line may go on after the
    last column, which then has the rest of it, with its delimiters. A byte order mark, any line ends and a last line without one are
    understood. Raises MirbenchError naming the file, and the line, where it is missing or is no text, a column is missing, or a line has
    too many or too few cells.
    """
    return list(table_rows(path, columns, delimiter, header, open_ended))


def table_rows(
    path: Path, columns: Sequence[str] = (), delimiter: str = ",", header: bool = True, open_ended: bool = False
) -> Iterator[Row]:
    """As `read_table`, a line at a time."""
    lines = _lines(path, delimiter)
    line, names = next(lines, (1, [])) if header else (0, list(columns))
    if not names:
        raise MirbenchError(f"{path} is empty; restore the file as it is published.")
    for column in columns:
        if names.count(column) != 1:
            what = "twice has" if column in names else "lacks"
            raise fault(path, line, f"{what} the column '{column}': it begins with {delimiter.join(names)[:80]!r}")
    for line, cells in lines:
        if open_ended and len(cells) > len(names):
            cells[len(names) - 1 :] = [delimiter.join(cells[len(names) - 1 :])]
        if len(cells) != len(names):
            raise fault(path, line, f"has {len(cells)} cell{'s'[: len(cells) != 1]} where {len(names)} belong")
        row = Row(zip(names, cells, strict=True))
        row.path, row.line = path, line
        yield row


def _lines(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of the lines that are not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            try:
                for cells in reader:
                    if any(cells):
                        yield reader.line_num, cells
            except csv.Error as error:
                raise fault(path, reader.line_num, f"cannot be read as a table ({error})") from error
    except FileNotFoundError as error:
        raise MirbenchError(f"{path} is missing; get it from where the data set is published.") from error
    except OSError as error:
        raise MirbenchError(f"{path} cannot be read ({error.strerror}); it should be a file that you may read.") from error
    except UnicodeDecodeError as error:
        raise fault(path, _undecodable(path), "is not UTF-8 text") from error


def _undecodable(path: Path) -> int:
    """The first line that is not UTF-8."""
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError:
            return number
    return 1
