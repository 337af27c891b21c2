"""The one error that people see: a sentence, exit code 2, no traceback without --debug."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class MirbenchError(Exception):
    """What was given, what would be right, what to do next, in one sentence."""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or nothing.

    >>> did_you_mean("gendre", ["genre", "key"])
    " did you mean 'genre'?"
    >>> did_you_mean("xylophone", ["genre", "key"])
    ''
    """
    near = difflib.get_close_matches(given, list(known), n=1, cutoff=0.6)
    return f" did you mean '{near[0]}'?" if near else ""


def unknown_name(kind: str, given: str, known: Iterable[str]) -> MirbenchError:
    """The error for a name that nothing carries.

    >>> str(unknown_name("task", "gendre", ["key", "genre"]))
    "no task is named 'gendre'; did you mean 'genre'? Known: genre, key."
    """
    names = sorted(known)
    hint = did_you_mean(given, names)
    return MirbenchError(f"no {kind} is named '{given}'{';' + hint if hint else '.'} Known: {', '.join(names) or 'none'}.")


def describe(error: BaseException) -> str:
    """An error of somebody else's as a part of a sentence.

    >>> describe(ValueError("no such\\n thing."))
    'ValueError: no such thing'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ").removesuffix(".")


def printable(text: object) -> str:
    r"""A name as it can be printed: line breaks and bytes that are no text are written as escapes.

    >>> printable("two\nlines.wav"), printable("caf\udce9.wav")
    ('two\\nlines.wav', 'caf\\udce9.wav')
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in str(text))


def in_words(value: Any) -> str:
    """A value that somebody gave, as an error message tells it.

    >>> in_words(None), in_words([]), in_words("x")
    ('nothing', 'an empty list', "'x'")
    """
    if value is None or value in ([], {}):
        return "nothing" if value is None else "an empty " + ("list" if value == [] else "mapping")
    return f"'{value}'" if isinstance(value, str) else f"{value!r:.60}"
