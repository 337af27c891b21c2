"""Names as cells of CSV and as parts of file names, so that neither a spreadsheet nor a file system takes them for something else."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable

LONGEST_NAME = 128  # bytes of a file's name: eCryptfs takes 143, and 15 go to the temporary name that it is written under
HASH = 8  # digits

_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(inf|nan)"
_NUMBERS = re.compile(rf"({_NUMBER})( ({_NUMBER}))*")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def guarded(text: str) -> str:
    """A cell of text that no spreadsheet takes for a formula: a `'` goes before what begins with `=`, `+`, `-`, `@`, a tab or a carriage
    return and is no number. A name of a clip, a class or an encoder may come from strangers, and a formula can send away what else is in
    the sheet (CWE-1236).

    >>> guarded("=cmd()"), guarded("-1.5"), guarded("-nation"), guarded("'tis")
    ("'=cmd()", '-1.5', "'-nation", "'tis")
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBERS.fullmatch(text) else text


def unguarded(cell: str) -> str:
    """The text that `guarded` was given.

    >>> unguarded("'=cmd()"), unguarded("-1.5"), unguarded(guarded("'+x"))
    ('=cmd()', '-1.5', "'+x")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def file_name(parts: Iterable[str], between: str, end: str = "") -> str:
    """Names, without what no file name may hold, as the name of one file of at most LONGEST_NAME bytes. Where they are too long together,
    those that have more than their share end in `~` and a hash.

    >>> file_name(["mini", "genre"], ".", ".csv")
    'mini.genre.csv'
    """
    names = list(parts)
    lengths = [len(os.fsencode(name)) for name in names]
    spare = room = LONGEST_NAME - len(end) - len(between) * (len(names) - 1)
    if sum(lengths) > room:
        limit = 0
        for left, length in zip(range(len(names), 0, -1), sorted(lengths), strict=True):
            limit = spare // left  # what is left for each of those that are at least as long
            if length > limit:
                break
            spare -= length
        names = [name if length <= limit else _cut(name, limit) for name, length in zip(names, lengths, strict=True)]
    return between.join(names) + end


def _cut(name: str, length: int) -> str:
    data = os.fsencode(name)
    return f"{data[: length - HASH - 1].decode(errors='ignore')}~{hashlib.sha256(data).hexdigest()[:HASH]}"
