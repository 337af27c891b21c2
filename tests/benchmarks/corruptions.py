"""How far each corruption moves real clips, and what it costs. Not a test: `python tests/benchmarks/corruptions.py`.

With --write the table goes into plugins/corruptions/README.md, between its two marks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mirbench import registry
from mirbench.nouns import Corruption

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "plugins" / "corruptions" / "README.md"
BEGIN, END = "<!-- table: tests/benchmarks/corruptions.py --write -->", "<!-- end of table -->"
HEAD = ("corruption", "family", "unit", "levels", "measure", "median", "ms/s", "alters", "limits", "counts")

sys.path.insert(0, str(ROOT / "tests" / "helpers"))
import distances  # noqa: E402


def row(corruption: Corruption, clips: dict[str, np.ndarray]) -> tuple[str, ...]:
    fit, taken = distances.distance(corruption.name), []
    found = np.zeros((len(clips), len(corruption.levels)))
    first = next(iter(clips))
    distances.corrupt(corruption, corruption.levels[0], first, clips)  # its imports are not its cost
    for index, (clip_id, clip) in enumerate(clips.items()):
        for severity, level in enumerate(corruption.levels):
            begun = time.perf_counter()
            corrupted = distances.corrupt(corruption, level, clip_id, clips)
            taken.append((time.perf_counter() - begun) / (len(clip) / distances.RATE))
            found[index, severity] = fit.measure(clip, corrupted)
    return (
        f"`{corruption.name}`",
        corruption.family or "its own",
        corruption.unit,
        several(corruption.levels, lambda level: f"{level:,.10g}"),
        f"{fit.name}, {fit.unit}",
        several(np.median(found, axis=0), lambda value: f"{value + 0.0:.1f}".replace("-0.0", "0.0")),
        f"{np.median(taken) * 1e3:.2f}",
        ", ".join(sorted(corruption.alters)) or "nothing",
        "yes" if corruption.limits else "no",
        "yes" if corruption.counted else "no",
    )


def several(values: object, text: Callable[[float], str]) -> str:
    return " · ".join(map(text, values))  # type: ignore[call-overload]


def table(clips: dict[str, np.ndarray]) -> str:
    lines = [HEAD, ("---",) * len(HEAD)]
    lines += [row(corruption, clips) for corruption in registry.load().corruptions.values()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    made = table(distances.real_clips(given.clips, 6))
    print(made)
    if given.write:
        text = README.read_text()
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        README.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")
