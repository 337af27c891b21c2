"""Our code in the process of somebody else, who finds it as it was."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from mirbench.engine.global_state import unchanged
from mirbench.engine.interrupts import stoppable


@contextlib.contextmanager
def guest(quiet: bool = False) -> Iterator[None]:
    """After the block, what all code of the process shares is as it was: global generators, signal handlers, filters of warnings, threads
    of torch and more, handlers and levels of loggers, and the environment. Within it, what Ctrl-C and signals to end stop is ended in
    order, as by the command line. quiet: no progress and no lines of it."""
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
    return value.item() if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 else value


def several(value: Any) -> list[Any]:
    """One as a list of one.

    >>> several("quick"), several(["quick", "mine.yaml"])
    (['quick'], ['quick', 'mine.yaml'])
    """
    return [value] if isinstance(value, (str, os.PathLike)) else list(value)
