"""How time and memory grow with clips, encoders, conditions, labels and seeds. Not a test:
`OMP_NUM_THREADS=1 python tests/benchmarks/growth.py --work FOLDER [--results docs/growth.csv] [--only planning,checking] [--print]`.

Each step of each size runs in a process of its own, which is told to forget its peak before what is measured: seconds are of processors,
its children's included, which other work on the machine moves least; memory is the highest resident size of any one process. Results are
kept line by line in a CSV, and what is there is not measured again. Clips are tiny files up to 100,000; beyond, files and their decoder are
simulated, so that what is left is what mirbench itself does with so many. The exponent is that of the upper decade (or of the whole range
where that is shorter): cost goes as size to the power of it, and up to 1.1 is called linear.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

LINEAR = 1.1
COLUMNS = ("step", "axis", "value", "clips", "cpu_s", "wall_s", "peak_mb", "before_mb", "load")
FEW, MANY = (1, 2, 4, 8), (10, 100, 1000, 10_000)
HUGE = tuple(10**power for power in range(3, 8))
OF_LABELS = {"planning": 10_000, "checking": 10_000}  # clips, so that each of so many labels has some
AXES: Mapping[str, Mapping[str, Sequence[int]]] = {
    "bootstrap": {"clips": (1000, 10_000, 100_000), "labels": MANY},
    "planning": {"encoders": FEW, "seeds": FEW, "conditions": (1, 5, 25, 115), "labels": MANY, "clips": HUGE},
    "checking": {"labels": MANY, "clips": (1000, 10_000, 100_000, 1_000_000)},
    "probing": {"clips": (1000, 10_000, 100_000), "labels": MANY},
    "embedding": {"encoders": FEW, "conditions": (1, 5, 25, 115), "clips": HUGE},
    "collecting": {"encoders": FEW, "seeds": FEW, "conditions": (1, 5, 25, 115), "clips": (1000, 10_000, 100_000)},
    "reporting": {"encoders": FEW, "seeds": FEW, "conditions": (1, 5, 25, 115), "clips": (1000, 10_000, 100_000)},
}


def points(only: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """(step, axis, value), the small ones first."""
    every = [(step, axis, value) for step in AXES for axis, values in AXES[step].items() for value in values]
    yield from sorted((each for each in every if each[0] in only), key=lambda each: (each[1] == "clips") * each[2])


def measure_one(step: str, axis: str, value: int, work: Path, prepare: bool) -> dict[str, Any]:
    """In this process, which does nothing else."""
    import growth_steps

    size = replace(growth_steps.Size(), **{axis: value})
    if axis == "labels" and step in OF_LABELS:
        size = replace(size, clips=OF_LABELS[step])
    if size.simulated:
        growth_steps.simulate(step)
    if prepare:
        growth_steps.finished(work, size)
        return {}
    call = growth_steps.STEPS[step](work, size)
    Path("/proc/self/clear_refs").write_text("5")  # of the kernel: the peak begins anew
    before, wall, processors = memory("VmRSS"), time.perf_counter(), sum(os.times()[:4])
    call()
    spent, took = sum(os.times()[:4]) - processors, time.perf_counter() - wall
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    peak, load = max(memory("VmHWM"), child), os.getloadavg()[0]
    of_run = {
        "cpu_s": round(spent, 3),
        "wall_s": round(took, 2),
        "peak_mb": round(peak),
        "before_mb": round(before),
        "load": round(load, 1),
    }
    return {"clips": size.clips, **of_run}


def memory(name: str) -> float:
    """Megabytes, of this process."""
    return next(int(line.split()[1]) / 1024 for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))


def in_process(step: str, axis: str, value: int, work: Path, limit: float, prepare: bool = False) -> dict[str, Any] | None:
    """None where it took longer than the limit, in seconds."""
    command = [sys.executable, __file__, "--work", str(work), "--one", step, axis, str(value), *(["--prepare"] if prepare else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "MIRBENCH_QUIET": "1"})
    try:
        said, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.communicate()
        return None
    if process.returncode:
        raise SystemExit(f"{step} at {axis}={value} failed")
    return json.loads(said.splitlines()[-1])


def read(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    with results.open(newline="") as file:
        return [{**row, "value": int(row["value"])} for row in csv.DictReader(file)]


def fill(results: Path, work: Path, only: Sequence[str], limit: float, end: float) -> None:
    """Measures what is not there yet, until the end."""
    there = {(row["step"], row["axis"], row["value"]) for row in read(results)}
    for step, axis, value in points(only):
        if (step, axis, value) in there or time.monotonic() > end:
            continue
        prepared = in_process(step, axis, value, work, limit, prepare=True) if step in ("collecting", "reporting") else {}
        if prepared is None or (found := in_process(step, axis, value, work, limit)) is None:
            print(f"{step} at {axis}={value}: not within {limit:.0f} s", file=sys.stderr)
            continue
        new = not results.exists()
        with results.open("a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow({"step": step, "axis": axis, "value": value, **found})
        print(step, axis, value, found, file=sys.stderr, flush=True)


def exponent(values: Sequence[int], costs: Sequence[float]) -> float:
    """Over the upper decade, or all of a shorter range."""
    lower = max((at for at, value in enumerate(values) if value * 10 <= values[-1]), default=0)
    return math.log(max(costs[-1], 1e-9) / max(costs[lower], 1e-9)) / math.log(values[-1] / values[lower])


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: a line a step and axis, with each size's seconds and megabytes."""
    lines = ["| step | along | sizes | CPU seconds | exponent | peak MB |", "|---|---|---|---|---|---|"]
    for step, axes in AXES.items():
        for axis in axes:
            found = sorted((row for row in rows if (row["step"], row["axis"]) == (step, axis)), key=lambda row: row["value"])
            if len(found) < 2:
                continue
            values, seconds = [row["value"] for row in found], [float(row["cpu_s"]) for row in found]
            power = exponent(values, seconds)
            cells = [" / ".join(f"{value:,}" for value in values), " / ".join(f"{second:.3g}" for second in seconds),
                     f"{power:.2f}{'' if power <= LINEAR else ' **above 1.1**'}", " / ".join(row["peak_mb"] for row in found)]  # fmt: skip
            lines.append(f"| {step} | {axis} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="How time and memory grow.")
    parser.add_argument("--work", type=Path, required=True, help="a folder for clips and caches, about 1 GB")
    parser.add_argument("--results", type=Path, default=Path("docs/growth.csv"))
    parser.add_argument("--only", default=",".join(AXES), help="steps, separated by commas")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds that one size may take")
    parser.add_argument("--minutes", type=float, default=1e6, help="after which nothing more is begun")
    parser.add_argument("--print", action="store_true", help="the table of what is there, without measuring")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    work = given.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    if given.one:
        step, axis, value = given.one
        print(json.dumps(measure_one(step, axis, int(value), work, given.prepare)))
        return
    if not given.print:
        fill(given.results, work, given.only.split(","), given.limit, time.monotonic() + 60 * given.minutes)
    print(table(read(given.results)))


if __name__ == "__main__":
    main()
