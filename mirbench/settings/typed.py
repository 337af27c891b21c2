"""Options that are given instead of defaults: a value in the type of what it replaces, or a TypeError that says what would be right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mirbench.nouns import Spec


def like(default: Any, value: Any) -> Any:
    """`value` in the type of `default`: an int will do for a float and a whole float for an int, a list's elements are like the
    default's, where the default is a Spec a name, a mapping or a list of these will do, and where it is None anything goes.

    Raises TypeError whose text is what the value should have been.

    >>> like(0.1, 1), like(("a",), ["b", "c"])
    (1.0, ('b', 'c'))
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if default is None:
        return value
    if isinstance(default, Spec):
        return _spec(value)
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise TypeError("true or false")
    if isinstance(default, int):
        if number and value == int(value):
            return int(value)
        raise TypeError("a whole number")
    if isinstance(default, float):
        if number:
            return float(value)
        raise TypeError("a number")
    if isinstance(default, str):
        if isinstance(value, str):
            return value
        raise TypeError("text")
    if isinstance(default, (list, tuple)):
        if not isinstance(value, (list, tuple)):
            raise TypeError("a list")
        try:
            return type(default)(like(default[0], item) if default else item for item in value)
        except TypeError as error:
            raise TypeError(f"a list, each element {error}") from None
    if isinstance(default, Mapping):
        if not isinstance(value, Mapping):
            raise TypeError("a mapping")
        return dict(value)
    return value


def _spec(value: Any) -> Any:
    """A name as the mapping that it is short for, so that both are one thing to the cache."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return dict(value)
    if isinstance(value, (list, tuple)) and value and not any(isinstance(item, (list, tuple)) for item in value):
        return [_spec(item) for item in value]
    raise TypeError("a name, a mapping with a name, or a list of these")


def in_words(value: Any) -> str:
    """A value as an error message tells it.

    >>> in_words(None), in_words([]), in_words("x")
    ('nothing', 'an empty list', "'x'")
    """
    if value is None or value in ([], {}):
        return "nothing" if value is None else "an empty " + ("list" if value == [] else "mapping")
    return f"'{value}'" if isinstance(value, str) else f"{value!r:.60}"
