"""How the benchmarks here time a call."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(call: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """The fastest of a few, after one to warm up: other work on the machine only ever adds. clock: such as time.process_time, to which
    others add less."""
    call()
    found = []
    for _ in range(repeats):
        begun = clock()
        call()
        found.append(clock() - begun)
    return min(found)
