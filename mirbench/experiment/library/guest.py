"""Our code in the process of somebody else, who finds it as it was."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mirbench.engine.global_state import unchanged
from mirbench.engine.interrupts import stoppable
from mirbench.engine.store import default_cache
from mirbench.errors import MirbenchError, in_words, no_memory

_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def guest(quiet: bool = False) -> Iterator[None]:
    """After the block, what all code of the process shares is as it was: global generators, signal handlers, filters of warnings, threads
    of torch and more, handlers and levels of loggers, and the environment. Within it, what Ctrl-C and signals to end stop is ended in
    order, as by the command line, and a lack of memory is a MirbenchError. One block at a time: other threads wait. quiet: no progress."""
    with _ONE_AT_A_TIME, _as_it_was(quiet):
        try:
            yield
        except MemoryError as error:
            raise MirbenchError(no_memory(error)) from error


@contextlib.contextmanager
def _as_it_was(quiet: bool) -> Iterator[None]:
    loggers = [logging.getLogger(), *(each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    said = os.environ.get("MIRBENCH_QUIET")
    if quiet:
        os.environ["MIRBENCH_QUIET"] = "1"
    try:
        with unchanged(), stoppable():
            yield
    finally:
        if quiet:
            del os.environ["MIRBENCH_QUIET"]
            os.environ |= {} if said is None else {"MIRBENCH_QUIET": said}
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers


def plain(value: Any) -> Any:
    """A setting as YAML would give it: paths as text, tuples and ranges as lists, numbers of numpy as Python's.

    >>> plain({"severities": range(1, 3), "tasks": ("key",)})
    {'severities': [1, 2], 'tasks': ['key']}
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [plain(each) for each in value]
    return plain(value.tolist()) if hasattr(value, "dtype") and hasattr(value, "tolist") else value


def several(value: Any) -> list[Any]:
    """One as a list of one, None as none.

    >>> several("quick"), several(["quick", "mine.yaml"]), several(None)
    (['quick'], ['quick', 'mine.yaml'], [])
    """
    return [] if value is None else list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def paths(name: str, value: Any) -> list[str]:
    """One or several. name: what was given so. Raises MirbenchError for what is none."""
    found = several(value)
    for each in found:
        if not isinstance(each, (str, os.PathLike)) or isinstance(each, bytes):
            raise MirbenchError(f"{name} should be a path or a name, or several, not {in_words(each)}.")
    return [os.fspath(each) for each in found]


def cache_at(given: Any) -> Path:
    """The folder of the cache; the usual one where none is given."""
    return Path(*paths("cache", given)[:1]) if given else default_cache()


def check_rate(rate: Any) -> None:
    """Raises MirbenchError for what is no sample rate in Hz."""
    if isinstance(rate, bool) or not hasattr(rate, "__index__") or rate <= 0:
        raise MirbenchError(f"sample_rate should be a whole number of hertz above 0, not {in_words(rate)}.")
