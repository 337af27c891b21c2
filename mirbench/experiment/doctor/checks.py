"""What is checked, and what a report of it may tell others."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

OK, NOTE, WARNING, ERROR = "ok", "note", "warning", "error"
PATH = re.compile(r"(?<![\w./~-])~?(?:/[^\s'\"`:;,()\[\]<>/]+){1,}/?|[A-Za-z]:\\[^\s'\"`;,()<>]+")  # an absolute one, or of somebody's home
SHORT = 3  # letters of a name that may be in other words


@dataclass(frozen=True)
class Check:
    """area: what it is about, such as software. state: ok; note, that something can be done without is not there; warning, that something
    works badly; error, that something does not work. mend: a line for a shell, or what to do."""

    area: str
    name: str
    state: str
    words: str
    mend: str = ""


def without_paths(text: str, known: Iterable[str | Path] = ()) -> str:
    """For a report to others: paths, also those that are known and have spaces, and the names of the user and the machine are left out.

    >>> without_paths("No such file: /home/ann/my data/x.py, line 3", ["/home/ann/my data"])
    'No such file: PATH, line 3'
    >>> without_paths("12 clips/s in torch/nn, 3 km/h")
    '12 clips/s in torch/nn, 3 km/h'
    """
    for folder in sorted({os.fspath(each) for each in known} - {"", ".", "/"}, key=len, reverse=True):
        text = re.sub(rf"{re.escape(folder)}(?:/[^\s'\"`:;,()]*)?", "PATH", text)
    text = PATH.sub("PATH", text)
    for name, instead in ((_user(), "USER"), (socket.gethostname(), "HOST")):
        if len(name) > SHORT:
            text = re.sub(rf"\b{re.escape(name)}\b", instead, text)
    return text


def worst(checks: Sequence[Check]) -> str:
    """The worst state of these."""
    order = (OK, NOTE, WARNING, ERROR)
    return max((each.state for each in checks), key=order.index, default=OK)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without users
        return ""
