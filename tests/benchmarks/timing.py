"""How the benchmarks here time a call."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The fastest of a few, after one to warm up: other work on the machine only ever adds."""
    call()
    found = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return min(found)
