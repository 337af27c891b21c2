"""What the median encoder retains under each corruption, level by level, on validation clips of `mini`: levels are chosen by this. Not a
test: `python tests/benchmarks/calibration.py FOLDER` measures ten levels of each (an hour on two cores), proposes five, and writes what is
retained at those that the corruptions have, between measured ones, into the table of plugins/corruptions/README.md.

Test clips are not touched: `mini-calibration` has mini's validation clips for a test split, a fifth of the groups of its training clips for
validation, and is pretrained on the rest. Encoders: semisupcon, simclr, supervised, untrained, handcrafted, one training each. Retained
performance is the mean over the tasks that are scored; the median is over encoders.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import hashlib
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mirbench_plugins import corruptions
from mirbench_plugins.datasets.mini import FULL, Mini

import mirbench

README = Path(__file__).parents[2] / "plugins" / "corruptions" / "README.md"
TABLE = re.compile(r"(?s)(?<=<!-- calibration -->\n).*?(?=<!-- end of calibration -->)")
ENCODERS = "semisupcon,simclr,supervised"
VALID = 5  # one group of so many training groups is for validation
TARGETS = (0.925, 0.806, 0.688, 0.569, 0.45)  # retained at severity 1 to 5
GRID = {
    "background-chatter": (36, 30, 24, 18, 12, 6, 0, -6, -12, -18),
    "background-music": (36, 30, 24, 18, 12, 6, 0, -6, -12, -18),
    "band-stop": (50, 100, 200, 400, 800, 1_500, 3_000, 5_000, 7_000, 9_000),
    "bit-depth": (12, 10, 9, 8, 7, 6, 5, 4, 3, 2),
    "clipping": (2, 6, 12, 24, 40, 60, 80, 90, 96, 98),
    "compression": (1.5, 2, 4, 8, 20, 50, 100, 200, 500, 1_000),
    "echo": (-30, -24, -18, -12, -9, -6, -4, -2, -1, -0.5),
    "gain-down": (1, 3, 6, 12, 18, 24, 36, 48, 60, 72),
    "gain-up": (3, 6, 9, 12, 18, 24, 30, 36, 42, 48),
    "high-pass": (50, 100, 200, 400, 800, 1_200, 1_800, 2_400, 3_600, 5_000),
    "low-pass": (9_000, 7_000, 5_000, 3_400, 2_400, 1_700, 1_200, 800, 400, 200),
    "mp3": (128, 96, 64, 48, 40, 32, 24, 16, 12, 8),
    "opus": (128, 96, 64, 48, 32, 24, 16, 12, 8, 6),
    "packet-loss": (1, 2, 5, 10, 15, 20, 30, 40, 60, 80),
    "pink-noise": (50, 40, 30, 25, 20, 15, 10, 5, 0, -10),
    "pitch-shift": (0.25, 0.5, 1, 2, 3, 4, 6, 8, 10, 12),
    "reverberation": (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8),
    "sample-rate": (18_000, 14_000, 10_000, 8_000, 7_000, 5_000, 4_000, 3_000, 2_000, 1_000),
    "soft-distortion": (1, 5, 15, 30, 40, 60, 80, 90, 95, 98),
    "time-masking": (2, 5, 10, 20, 30, 40, 50, 65, 80, 90),
    "time-stretch": (3, 6, 12, 24, 30, 40, 50, 60, 70, 80),
    "white-noise": (60, 50, 40, 30, 25, 20, 15, 10, 0, -10),
    "wow-flutter": (0.1, 0.2, 0.4, 0.8, 1.5, 2.8, 4, 6, 8, 10),
}


class Calibration(Mini):
    def clips(self, folder: Path) -> list[mirbench.Clip]:
        return [dataclasses.replace(clip, split=_split(clip)) for clip in super().clips(folder) if clip.split != "test"]


def _split(clip: mirbench.Clip) -> str:
    if clip.split != "valid" and int(hashlib.sha256(clip.group.encode()).hexdigest(), 16) % VALID == 0:
        return "valid"
    return "test" if clip.split == "valid" else clip.split


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [Calibration("mini-calibration", "mini without its test clips, to choose levels of corruptions by", FULL)]


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    """The grid, five levels under a name, such as low-pass-grid-0 and low-pass-grid-1."""
    return [
        _with_levels(corruption, f"{corruption.name}-grid-{part}", GRID[corruption.name][5 * part : 5 * part + 5])
        for corruption in built_in()
        for part in range(2)
    ]


def built_in() -> list[mirbench.Corruption]:
    """Those that count."""
    names = [f"{corruptions.__name__}.{module.name}" for module in pkgutil.iter_modules(corruptions.__path__)]
    found = [noun for name in names for noun in importlib.import_module(name).register_corruptions()]
    return sorted((noun for noun in found if noun.counted), key=lambda noun: noun.name)


def _with_levels(corruption: mirbench.Corruption, name: str, levels: tuple[float, ...]) -> mirbench.Corruption:
    noun = copy.copy(corruption)
    noun.name, noun.levels = name, levels
    return noun


def measured(names: list[str], folder: Path) -> dict[str, list[float]]:
    """By name what the median encoder retains at each severity."""
    import pandas as pd

    from mirbench import cli

    command = ["run", "--plugin", __file__, "--dataset", "mini-calibration", "--encoder", ENCODERS, "--tasks", "all", "--severities", "1-5"]
    command += [
        "--corruptions",
        ",".join(names),
        "--set",
        "bootstrap.resamples=100",
        "--set",
        f"run_name=of-{len(names)}",
        "--quiet",
    ]
    if cli.main([*command, "--cache", str(folder / "cache"), "--output", str(folder / "results")]):
        sys.exit(1)
    rows = pd.read_csv(folder / "results" / f"of-{len(names)}" / "robustness.csv")
    rows = rows[(rows["measure"] == "retained") & (rows["severity"] > 0) & (rows["task"] != "all") & (rows["encoder"] != "majority")]
    by_encoder = rows.groupby(["corruption", "severity", "encoder"])["value"].mean()
    median = by_encoder.groupby(level=["corruption", "severity"]).median()
    return {name: median[name].sort_index().tolist() for name in names if name in median.index}


def falling_curve(retained: list[float]) -> Any:
    """(levels,), the nearest that never rises."""
    from sklearn.isotonic import IsotonicRegression

    return IsotonicRegression(increasing=False).fit_transform(range(len(retained)), retained)


def proposed(levels: tuple[float, ...], retained: list[float]) -> list[float]:
    """The levels at which TARGETS are retained, or the last level of all."""
    import numpy as np

    steps, falling = np.arange(len(levels)), falling_curve(retained)
    at = np.interp([-target for target in TARGETS], -falling, steps)
    return [float(np.interp(each, steps, levels)) for each in at]


def between(levels: tuple[float, ...], retained: list[float], chosen: Iterable[float]) -> list[float]:
    """What is retained at levels between those that were measured, falling."""
    import numpy as np

    steps, falling = np.arange(len(levels)), falling_curve(retained)
    sign = 1 if levels[-1] > levels[0] else -1
    at = np.interp(sign * np.array(list(chosen)), sign * np.array(levels), steps)
    return [float(x) for x in np.interp(at, steps, falling)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for a cache and results; the same one goes on")
    parts = measured([noun.name for noun in register_corruptions()], parser.parse_args().folder)
    lines = ["| corruption | measured: level, retained | levels | retained |", "|---|---|---|---|"]
    for noun in built_in():
        retained = [value for part in range(2) for value in parts.get(f"{noun.name}-grid-{part}", ())]
        levels = GRID[noun.name][: len(retained)]
        print(f"{noun.name}: proposed {', '.join(f'{level:.4g}' for level in proposed(levels, retained))} {noun.unit}", flush=True)
        pairs = " · ".join(f"{level:,g} {value:.2f}" for level, value in zip(levels, retained, strict=True))
        chosen = " · ".join(f"{level:,g}" for level in noun.levels)
        kept = " · ".join(f"{share:.2f}" for share in between(levels, retained, noun.levels))
        lines.append(f"| `{noun.name}` | {pairs} | {chosen} | {kept} |")
    text = README.read_text(encoding="utf-8")
    if not TABLE.search(text):
        sys.exit(f"{README} has no place for the table")
    README.write_text(TABLE.sub("\n".join(lines) + "\n", text), encoding="utf-8")


if __name__ == "__main__":
    main()
