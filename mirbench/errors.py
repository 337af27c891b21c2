"""The one error that people see: a sentence, exit code 2, no traceback without --debug."""

from __future__ import annotations

import difflib
import errno
import math
from collections.abc import Iterable, Iterator
from typing import Any

MOST_TEXT = 200  # characters of somebody's text in a sentence
_TOO_LONG = 10**4300  # the default of sys.set_int_max_str_digits


class MirbenchError(Exception):
    """What was given, what would be right, what to do next, in one sentence."""


class Detached(Exception):
    """No mistake: the command ends here, and the rest is done elsewhere. Its text says where to look."""


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
    hint = did_you_mean(given, names) if len(given) < 1000 else ""
    return MirbenchError(f"no {kind} is named '{printable(given):.200}'{';' + hint if hint else '.'} Known: {', '.join(names) or 'none'}.")


def describe(error: BaseException) -> str:
    """An error of somebody else's as a part of a sentence.

    >>> describe(ValueError("no such\\n thing."))
    'ValueError: no such thing'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ").removesuffix(".")


_OF_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def is_not_of_plugin(error: BaseException) -> bool:
    """Whether an error that passed through a plugin's code is ours, the machine's or a stop, and passes as it is.

    >>> is_not_of_plugin(KeyboardInterrupt()), is_not_of_plugin(OSError(28, "full")), is_not_of_plugin(BrokenPipeError(32, "pipe"))
    (True, True, False)
    """
    return isinstance(error, (MirbenchError, MemoryError, KeyboardInterrupt)) or (isinstance(error, OSError) and error.errno in _OF_DISK)


def no_memory(error: BaseException) -> str:
    """The sentence for a lack of memory."""
    return (
        f"there is not enough memory ({describe(error)}); let less run beside it, take a smaller batch_size, fewer workers "
        "(LOKY_MAX_CPU_COUNT) or less data, or a machine with more."
    )


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
    return f"'{shortened(value)}'" if isinstance(value, str) else beginning(value)


def shortened(text: str) -> str:
    """Somebody's text in a sentence."""
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"


def is_too_long(value: Any) -> bool:
    """Whether that is a whole number of more digits than Python writes out.

    >>> is_too_long(10**4300), is_too_long(10**4299), is_too_long(1e300)
    (True, False, False)
    """
    return isinstance(value, int) and abs(value) >= _TOO_LONG


def digits(value: int) -> int:
    """Of a whole number, which may be too long to be written.

    >>> digits(-(10**5000)), digits(999)
    (5001, 3)
    """
    about = int(abs(value).bit_length() * math.log10(2))
    return about + (abs(value) >= 10**about)


def beginning(value: Any, length: int = 60) -> str:
    """The first characters of a value's repr. Of what lists and mappings hold no more is looked at than is shown: with each of them several
    times in others, a few hundred bytes make a repr that fills the memory.

    >>> beginning({"a": (1,), "b": ["x"]}), beginning(list(range(10**6)), 10)
    ("{'a': (1,), 'b': ['x']}", '[0, 1, 2, ')
    """
    shown = ""
    for part in _parts_of_repr(value):
        shown += part[:length]
        if len(shown) >= length:
            break
    return shown[:length]


def _parts_of_repr(value: Any) -> Iterator[str]:
    kinds: dict[Any, str] = {list: "[]", tuple: "()", dict: "{}"}
    brackets = kinds.get(type(value))
    if brackets is None:
        yield f"a whole number of {digits(value):,} digits" if is_too_long(value) else repr(value)
        return
    yield brackets[0]
    for number, item in enumerate(value):
        yield ", " if number else ""
        yield from _parts_of_repr(item)
        if isinstance(value, dict):
            yield ": "
            yield from _parts_of_repr(value[item])
    yield ",)" if isinstance(value, tuple) and len(value) == 1 else brackets[1]
