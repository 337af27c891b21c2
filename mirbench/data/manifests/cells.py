"""What the cells of a manifest mean, each fault told with the row that it stands in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mirbench.data.findings import lines_in_words
from mirbench.data.manifests.columns import CLASSES, is_missing
from mirbench.data.manifests.printed import printed_list
from mirbench.data.manifests.rows import Rows
from mirbench.errors import MirbenchError

NONE_APPLIES = "|"  # the cell of a multilabel annotation of which no label applies


class RowLocator:
    """Says of a row where it stands."""

    def __init__(self, path: Path, rows: Rows) -> None:
        self.path, self.unit, self.numbers = path, rows.unit, [number for number, _ in rows.rows]

    def __call__(self, at: int) -> str:
        return f"{self.path}, {self.unit} {self.numbers[at]}"

    def lines(self, places: Sequence[int]) -> str:
        """Rows as `lines_in_words`."""
        return lines_in_words([self.numbers[at] for at in places], self.unit)

    def describe(self, at: int, read: Callable[..., Any], *given: Any) -> Any:
        """What `read` makes of it; its MirbenchError with the row before it."""
        try:
            return read(*given)
        except MirbenchError as error:
            raise MirbenchError(f"{self(at)}: {error}") from None

    def read(self, name: str, cells: Sequence[Any] | None, convert: Callable[[str, Any], Any]) -> list[Any]:
        """A column, each cell converted; as if all cells were empty where there is none. Equal texts become one object."""
        if cells is None:
            return [convert(name, None)] * len(self.numbers)
        known: dict[str, Any] = {}
        values = []
        for at, cell in enumerate(cells):
            if type(cell) is str:
                if cell not in known:
                    known[cell] = self.describe(at, convert, name, cell)
                values.append(known[cell])
            else:
                values.append(self.describe(at, convert, name, cell))
        return values


def scalar(name: str, cell: Any) -> Any:
    """Text without spaces around, a number, a whole one as int, or None for what is unknown.

    >>> scalar("pitch", 60.0), scalar("genre", " rock "), scalar("key", "NaN"), scalar("year", float("nan"))
    (60, 'rock', None, None)
    """
    if cell is None:
        return None
    if isinstance(cell, str):
        text = cell.strip()
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise MirbenchError(f"the {name} {text!a:.60} holds half a character; write it whole.")
        return None if is_missing(text) else text
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if isinstance(cell, int) or cell.is_integer():
            return int(cell)
        if math.isnan(cell):
            return None
        if math.isfinite(cell):
            return cell
    raise MirbenchError(f"the {name} {cell!r:.60} is neither text nor a finite number; write one of these.")


def name_text(name: str, cell: Any) -> str:
    """'' for what is unknown."""
    value = scalar(name, cell)
    return "" if value is None else str(value)


def group_text(name: str, cell: Any) -> str:
    """As it is written, without spaces around it, also where it stands for nobody; '' for what is unknown.

    >>> group_text("artist", " n/a "), group_text("artist", 7), group_text("artist", None)
    ('n/a', '7', '')
    """
    return cell.strip() if isinstance(cell, str) and is_missing(cell) else name_text(name, cell)


def path_text(name: str, cell: Any) -> str:
    """As it is written, with spaces around it."""
    if not isinstance(cell, str):
        return name_text(name, cell)
    return "" if is_missing(cell) else cell


def seconds(name: str, cell: Any) -> float | None:
    """A start, 0 or more, or a duration or an end, more than 0."""
    value = scalar(name, cell)
    if value is None:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0 and (number or name == "start")):
        least = "0 or more" if name == "start" else "more than 0"
        raise MirbenchError(f"the {name} is {cell!r:.60}; it must be seconds, {least}, such as 12.5.")
    return number


def duration_of(start: float | None, duration: float | None, end: float | None) -> float | None:
    """In seconds, of the start, which is 0 where it is unknown, and the duration or the end or, where they agree, both.

    >>> duration_of(0.5, None, 1.5), duration_of(None, 3.0, None), duration_of(1.0, 2.0, 3.0), duration_of(1.0, None, None)
    (1.0, 3.0, 2.0, None)
    """
    if end is None:
        return duration
    length = end - (start or 0.0)
    if length <= 0:
        raise MirbenchError(f"the end, {end:g}, is not after the start, {start or 0.0:g}; both are seconds into the file.")
    if duration is None:
        return length
    if abs(length - duration) > 0.01 + 1e-6 * end:
        raise MirbenchError(
            f"the end, {end:g}, is not the start, {start or 0.0:g}, plus the duration, {duration:g}; all are seconds: leave one out."
        )
    return duration


def annotation(name: str, cell: Any) -> Any:
    """Text, a number, or a tuple of these: of a list, also as Python, JSON or numpy prints it, and of the text of `tags` and NAME_unknown;
    () where no label applies, as an empty list says. Of what a clip has one of, such as genre, a list is its elements with `|` between.
    Words for a missing value, and null, are left out of a list; between numbers they are refused.

    >>> annotation("tags", "piano|slow "), annotation("genre", "a|b"), annotation("emotion", [0.5, 1.0]), annotation("mood", "|")
    (('piano', 'slow'), 'a|b', (0.5, 1), ())
    >>> annotation("tags", "['piano' 'slow']"), annotation("genre", '["rock"]'), annotation("tags", "NA")
    (('piano', 'slow'), 'rock', None)
    """
    several = name == "tags" or name.endswith("_unknown")
    if isinstance(cell, str) and (listed := printed_list(cell)) is not None:
        cell = listed
    if isinstance(cell, list | tuple):
        items = [item for item in (scalar(name, item) for item in cell) if item is not None]
        if not items and (cell or name in CLASSES):
            return None
        if len(items) < len(cell) and not several and any(isinstance(item, int | float) for item in items):
            raise MirbenchError(f"the {name} {cell!r:.60} lacks a number; write all of them, or leave the cell empty.")
        if several:
            items = [piece for item in items for piece in map(str.strip, str(item).split("|")) if piece and not is_missing(piece)]
        if name in CLASSES:
            return items[0] if len(items) == 1 else NONE_APPLIES.join(map(str, items))
        return tuple(items)
    value = scalar(name, cell)
    if value == NONE_APPLIES:
        return ()
    if several and value is not None:
        pieces = [piece for piece in map(str.strip, str(value).split("|")) if piece]
        known = tuple(piece for piece in pieces if not is_missing(piece))
        return None if pieces and not known else known
    return value
