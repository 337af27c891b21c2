"""Values that a few hundred bytes make endless, huge or too deep to be followed: by aliases of YAML, or in Python by lists in lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mirbench.errors import beginning, is_too_long

MOST_LEVELS, MOST_VALUES = 40, 20_000  # what is shipped has 5 and 60


class TooMuch(ValueError):
    """Why a value is refused. at: the part of it where that was seen."""

    def __init__(self, text: str, at: Any) -> None:
        super().__init__(text)
        self.at = at


def parts_of(value: Any) -> Iterable[Any]:
    """What a list, a tuple or a mapping holds, keys too; of all else nothing."""
    if isinstance(value, Mapping):
        return [part for pair in value.items() for part in pair]
    return value if isinstance(value, (list, tuple)) else ()


def check_size(root: Any, parts: Callable[[Any], Iterable[Any]] = parts_of) -> None:
    """Raises TooMuch where a value, with what stands in it several times counted as often, has more than MOST_VALUES parts, is nested more
    than MOST_LEVELS deep, holds itself, or a whole number that Python does not write out. Takes no longer for what stands in it often.

    >>> check_size([[1, 2]] * 10_000)
    Traceback (most recent call last):
    mirbench.settings.size.TooMuch: there are more than 20,000 values, every alias written out
    """
    sizes: dict[int, int] = {}
    heights: dict[int, int] = {}
    opened: set[int] = set()

    def measure(value: Any, level: int) -> None:
        if id(value) in opened:
            raise TooMuch("a value holds itself", value)
        if level + heights.get(id(value), 0) > MOST_LEVELS:
            raise TooMuch(f"values are nested more than {MOST_LEVELS} deep", value)
        if id(value) in sizes:
            return
        if is_too_long(value):
            raise TooMuch(f"there is {beginning(value)}, and 4,300 are the most", value)
        opened.add(id(value))
        below = list(parts(value))
        for part in below:
            measure(part, level + 1)
        opened.remove(id(value))
        sizes[id(value)] = 1 + sum(sizes[id(part)] for part in below)
        heights[id(value)] = 1 + max((heights[id(part)] for part in below), default=-1)
        if sizes[id(value)] > MOST_VALUES:
            raise TooMuch(f"there are more than {MOST_VALUES:,} values, every alias written out", value)

    measure(root, 1)
