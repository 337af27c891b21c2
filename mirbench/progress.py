"""Where a run is: on a terminal or in a notebook bars with a rate and the time left; elsewhere, as in a cluster's log, a line for each
stage and one a minute within a long one; nothing under --quiet."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

LINE_SECONDS = 60.0  # between lines, of whatever bar or stage
_told: list[float] = []  # when the last line was

tqdm.monitor_interval = 0  # no thread of its own: workers are forked while a bar is shown


@dataclass(frozen=True)
class Progress:
    """How far a bar is."""

    title: str
    done: float
    total: float | None
    unit: str


_told_to: list[Callable[[Progress], None]] = []  # in the place of what is shown


@contextlib.contextmanager
def bars_told_to(tell: Callable[[Progress], None]) -> Iterator[None]:
    """While the block runs, bars are shown nowhere, under --quiet too, but told to somebody, who shows them for several processes."""
    _told_to.append(tell)
    try:
        yield
    finally:
        _told_to.pop()


def progress_bar(shown: bool = True, **options: Any) -> Any:
    """A tqdm bar with these options, to be used in a `with` statement; where the error output is neither a terminal nor a notebook, lines
    instead. shown: False for one of several processes that do the same."""
    if _told_to and shown:
        return _Reported(**options)
    if _quiet() or not shown:
        return tqdm(disable=True, **options)
    if _in_notebook():
        from tqdm.auto import tqdm as notebook_tqdm

        return notebook_tqdm(**options)
    return tqdm(dynamic_ncols=True, **options) if _on_terminal() else _Lines(**options)


def stage(name: str, jobs: int) -> Any:
    """A stage of so many jobs, each of which is to be told by `update()`: lines where jobs show no bars, and else nothing."""
    if _quiet() or _on_terminal() or _in_notebook():
        return tqdm(disable=True)
    _tell(f"{name}: {jobs:,} to make")
    return _Lines(total=jobs, desc=name, unit="job")


@contextlib.contextmanager
def timed(doing: str, done: str) -> Iterator[None]:
    """A line before what shows no bar, and one after it with how long it took: `doing`, and `done (12 s)`."""
    if _quiet():
        yield
        return
    begun = time.monotonic()
    _tell(doing)
    yield
    _tell(f"{done} ({duration(time.monotonic() - begun)})")


class _Lines(tqdm):  # type: ignore[type-arg]
    """A bar that is a line now and then."""

    def __init__(self, *args: Any, **options: Any) -> None:
        if not _told:
            _told.append(time.monotonic())
        super().__init__(*args, **{**options, "miniters": 1, "mininterval": 0.1})  # 0.1: seconds between looks at the clock

    def display(self, *_: Any, **__: Any) -> None:
        if time.monotonic() - _told[0] >= LINE_SECONDS and self.n > self.initial:
            _tell(self.line())

    def close(self) -> None:
        if not self.disable:
            self.disable = True
            type(self)._decr_instances(self)  # type: ignore[attr-defined]

    def line(self) -> str:
        """Such as `pretraining: 120 of 400 steps, 3.1 steps/s, 1 min 30 s left`."""
        rate = (self.n - self.initial) / max(time.time() - self.start_t, 1e-9)
        unit = self.unit if self.unit_scale else f"{self.unit}s"
        done = f"{self._number(self.n)} {unit}" if self.total is None else f"{self._number(self.n)} of {self._number(self.total)} {unit}"
        speed = f"{self._number(round(rate, 1))} {unit}/s" if rate >= 1 else f"{1 / rate:.1f} s/{self.unit}"
        left = "" if self.total is None else f", {duration((self.total - self.n) / rate)} left"
        return f"{self.desc.removesuffix(': ')}: {done}, {speed}{left}".removeprefix(": ")

    def _number(self, number: float) -> str:
        return str(tqdm.format_sizeof(number)) if self.unit_scale else f"{number:,}"


class _Reported(_Lines):
    """A bar that somebody else shows."""

    def display(self, *_: Any, **__: Any) -> None:
        _told_to[-1](Progress(self.desc.removesuffix(": "), self.n, self.total, self.unit))

    def close(self) -> None:
        if not self.disable:
            self.display()
        super().close()


def duration(seconds: float) -> str:
    """Roughly.

    >>> duration(59.6), duration(90), duration(7290)
    ('1 min 0 s', '1 min 30 s', '2 h 2 min')
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {round(whole % 3600 / 60)} min"


def _tell(text: str) -> None:
    _told[:] = [time.monotonic()]
    print(f"mirbench: {text}", file=sys.stderr, flush=True)


def _quiet() -> bool:
    return os.environ.get("MIRBENCH_QUIET", "0") not in ("", "0")


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this process."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_ipython is not None and "IPKernelApp" in getattr(get_ipython(), "config", ())
