"""Ctrl-C, and the signals by which a cluster, a terminal or a person ends a run: each raises in the main thread what Ctrl-C raises, so that
what is begun is ended in order."""

from __future__ import annotations

import _thread
import contextlib
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name))
TOGETHER_SECONDS = 2.0  # signals that come so close to each other are one: a terminal and a shell, or a cluster and systemd, send several
RAISED_AGAIN_SECONDS = 0.05  # after an exception that Python could not raise, as amid a destructor


class Stopped(KeyboardInterrupt):
    """number: of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass
class _State:
    number: int | None = None  # of the last signal
    at: float = -math.inf
    deferring: bool = False
    asked: bool = False


_state = _State()


def stopped_by() -> int | None:
    """The number of the signal that came last in the present `stoppable` block, or the last one."""
    return _state.number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """While the block runs, each of SIGNALS raises Stopped. One that is ignored, as whoever started this process (nohup, `&`) may have
    wished, and one that somebody else handles stay as they are; outside the main thread all do."""
    global _state
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state = _State()
    own = [number for number in SIGNALS if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)]
    before = {number: signal.signal(number, _handle) for number in own}
    hook = sys.unraisablehook

    def unraisable(about: Any) -> None:
        if isinstance(about.exc_value, Stopped):
            _state.at = -math.inf
            threading.Timer(RAISED_AGAIN_SECONDS, _thread.interrupt_main, (about.exc_value.number,)).start()
        else:
            hook(about)

    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """While the block runs, SIGNALS wait. A process that is forked in it has them wait too, until it calls `let_through`: none reaches it
    before it has said what it does with them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_through() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """While the block runs, a signal raises nothing: the function that is given tells that one came, and Stopped is raised at the end of
    the block. A second one, TOGETHER_SECONDS after the first or later, raises at once. For the main thread of a `stoppable` block."""
    state = _state
    state.deferring, state.asked = True, False
    try:
        yield lambda: state.asked
    finally:
        state.deferring = False
    if state.asked and state.number is not None:
        raise Stopped(state.number)


def _handle(number: int, frame: object) -> None:
    now = time.monotonic()
    if now - _state.at < TOGETHER_SECONDS:
        return
    _state.number, _state.at = number, now
    if _state.deferring and not _state.asked:
        _state.asked = True
        return
    raise Stopped(number)
