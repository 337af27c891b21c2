"""Lists, tuples and sets as programs print them into a cell: Python, JSON and numpy."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import warnings
from typing import Any

_ARRAY = re.compile(r"array\((.*?)(?:,\s*dtype=[\w<>'\"]+)?\)", re.DOTALL)
_ITEM = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<none>None|null|nan|NaN))"""
    r"(?P<after>\s*,\s*|\s+|\s*$)",
    re.DOTALL,
)


def printed_list(text: str) -> list[Any] | None:
    """The elements, text, numbers and None, of what is unmistakably a list as Python, JSON or numpy prints it; None for any other text.

    >>> printed_list("['rock', 'loud']"), printed_list('["a \\\\u00e9"]'), printed_list("['rock' 'loud']"), printed_list("[rock, loud]")
    (['rock', 'loud'], ['a é'], ['rock', 'loud'], None)
    """
    text = text.strip()
    if array := _ARRAY.fullmatch(text):
        text = array[1].strip()
    if text == "set()":
        return []
    if text[:1] + text[-1:] not in ("[]", "()", "{}"):
        return None
    body, items, separators, place = text[1:-1].strip(), list[Any](), set[str](), 0
    while place < len(body):
        match = _ITEM.match(body, place)
        if match is None:
            return None
        items.append(_value(match))
        separators.add(match["after"].strip() or (" " if match["after"] else ""))
        place = match.end()
    separators.discard("")
    unlike_a_list = text[0] in "({" and not any(isinstance(item, str) for item in items)  # such as (500)
    if len(separators) > 1 or unlike_a_list or any(item is _NO_TEXT for item in items):
        return None
    return items


_NO_TEXT = object()


def _value(match: re.Match[str]) -> Any:
    if match["none"]:
        return None
    if match["number"]:
        number = float(match["number"])
        return int(match["number"]) if re.fullmatch(r"[-+]?\d{1,15}", match["number"]) else number
    quoted = match["text"]
    if "\\" not in quoted:
        return quoted[1:-1]
    if quoted[0] == '"':
        with contextlib.suppress(ValueError):
            return json.loads(quoted)
    with contextlib.suppress(ValueError, SyntaxError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python does not know
        return ast.literal_eval(quoted)
    return _NO_TEXT
