"""Runs the checks of a GPU one after the other and prints a table of them; see run.sh."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gpu_correct
import gpu_speed
import torch
from gpu_common import Given, Row

LIMIT_SECONDS = 480.0  # of all, beyond which nothing more is begun
CHECKS: dict[str, Callable[[Given], Iterator[Row]]] = {
    "loss": gpu_correct.loss,
    "equal-embeddings": gpu_correct.equal_embeddings,
    "resume": gpu_correct.resume_after_kill,
    "training": gpu_speed.training,
    "embedding": gpu_speed.embedding,
    "two-processes": gpu_correct.two_processes,
    "several-gpus": gpu_correct.several_gpus,
    "default-run": gpu_correct.default_run,
}


@dataclass(frozen=True)
class Told:
    check: str
    row: Row
    seconds: float


def told(name: str, check: Callable[[Given], Iterator[Row]], given: Given) -> Iterator[Told]:
    """A row for each thing that is looked at; one that fails with an error is a row too."""
    begun = time.perf_counter()
    try:
        for row in check(given):
            yield Told(name, row, time.perf_counter() - begun)
            begun = time.perf_counter()
    except Exception as error:  # the others go on
        traceback.print_exc()
        yield Told(
            name,
            Row(type(error).__name__, str(error).splitlines()[0][:80] if str(error) else "", "no error", False),
            time.perf_counter() - begun,
        )


def verdict(row: Row, pretend: bool) -> str:
    if row.speed and pretend:
        return "not measured"
    return "-" if row.right is None else "ok" if row.right else "FAILS"


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks on a GPU.")
    parser.add_argument("--pretend", action="store_true", help="on a CPU, with small sizes: everything but speed")
    parser.add_argument("--only", default=",".join(CHECKS), help=f"some of {', '.join(CHECKS)}, separated by commas")
    asked = parser.parse_args()
    if unknown := set(asked.only.split(",")) - set(CHECKS):
        parser.error(f"no check is called {', '.join(sorted(unknown))}")
    if not asked.pretend and not torch.cuda.is_available():
        parser.error("torch sees no CUDA device here; with --pretend everything but speed is checked on a CPU")
    device = "cpu" if asked.pretend else "cuda"
    called = f"{platform.processor() or platform.machine()}, pretending" if asked.pretend else torch.cuda.get_device_name(0)
    print(f"device: {called}; torch {torch.__version__}; {os.cpu_count()} cores\n", flush=True)
    print("| check | what | found | wanted | | seconds |\n|---|---|---|---|---|---|", flush=True)
    failed, begun = 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        given = Given(device, asked.pretend, Path(folder))
        for name in asked.only.split(","):
            if not asked.pretend and time.perf_counter() - begun > LIMIT_SECONDS:
                print(f"| {name} | | not run: eight minutes are over | | FAILS | |", flush=True)
                failed += 1
                continue
            for each in told(name, CHECKS[name], given):
                says = verdict(each.row, asked.pretend)
                failed += says == "FAILS"
                print(f"| {name} | {each.row.what} | {each.row.found} | {each.row.wanted} | {says} | {each.seconds:.0f} |", flush=True)
    print(f"\n{'all checks pass' if not failed else f'{failed} fail'}, {time.perf_counter() - begun:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
