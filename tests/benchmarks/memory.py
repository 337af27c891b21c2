"""How the benchmarks here measure the memory of a process and all below it."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SAMPLED_EVERY = 0.5  # s


def peaks(call: Callable[..., Any], *given: Any) -> tuple[int, list[int]]:
    """What a call takes in a process of its own: bytes of all processes together (proportional set size), and the highest resident set size
    of each, its own first."""
    process = multiprocessing.get_context("spawn").Process(target=call, args=given)
    process.start()
    peak, highest = 0, dict[int, int]()
    while process.is_alive():
        found = {pid: in_memory(pid) for pid in family(process.pid or 0)}
        peak = max(peak, sum(pss for pss, _ in found.values()))
        for pid, (_, resident) in found.items():
            highest[pid] = max(resident, highest.get(pid, 0))
        process.join(SAMPLED_EVERY)
    assert process.exitcode == 0
    return peak, list(highest.values())


def family(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from family(int(child))


def in_memory(pid: int) -> tuple[int, int]:
    """Bytes: proportional set size now, highest resident set size so far."""
    with contextlib.suppress(OSError):
        rollup, status = (Path(f"/proc/{pid}/{name}").read_text() for name in ("smaps_rollup", "status"))
        lines = [line.split() for line in (rollup + status).splitlines()]
        bytes_of = {line[0]: int(line[1]) * 1024 for line in lines if line[0] in ("Pss:", "VmHWM:")}
        return bytes_of.get("Pss:", 0), bytes_of.get("VmHWM:", 0)
    return 0, 0
