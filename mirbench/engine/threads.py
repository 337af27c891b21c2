"""How many threads libraries compute with: one, where something must not depend on how many cores there are, or keeps one core busy."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from threadpoolctl import threadpool_limits

from mirbench.engine.machine import core_count

WHEN_LOADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # which libraries read once
_kept = False  # whether this process has one for good


def keep_to_one_thread() -> None:
    """From now on, of this process: torch and the libraries below numpy, those too that are loaded later."""
    global _kept
    _kept = True
    os.environ |= dict.fromkeys(WHEN_LOADED, "1")
    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """The same while the block runs; after it torch has as many threads as before, or where the block loaded it one a core."""
    if _kept:
        yield
        return
    before = {name: os.environ.get(name) for name in WHEN_LOADED}
    loaded = sys.modules.get("torch")
    threads = loaded.get_num_threads() if loaded else core_count()
    try:
        os.environ |= dict.fromkeys(WHEN_LOADED, "1")
        with threadpool_limits(1):
            if loaded:
                loaded.set_num_threads(1)
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        if (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(threads)
