"""Which recipe pretrains best: every variant of SemiSupCon and its baselines that was tried, scored on validation groups of `mini-large`.
Not a test: `python tests/benchmarks/recipe_study.py FOLDER [STAGE ...] [--seeds N] [--hours H]` runs the variants that are still to be run,
in turn, until the hours are over, and the same command goes on; `--table` prints what there is, as results/reference/recipe.md has it.

Test clips are not touched: `mini-study` has clips of mini's validation groups for a test split, a fifth of the training groups for
validation, and is pretrained on the others. What decides is the mean over seeds of the headline metrics of tagging, genre and key.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

HEADLINES = {"tagging": "macro_average_precision", "genre": "accuracy", "key": "mirex"}
PLUGIN = Path(__file__).with_name("mini_study.py")
Variant = tuple[str, dict[str, Any]]  # encoder, options beside its defaults


def shared(threshold: int) -> dict[str, Any]:
    return {"supervision": {"name": "shared-tags", "threshold": threshold}}


DICE = {"supervision": {"name": "dice"}}


def stages() -> dict[str, list[Variant]]:
    """By stage, a question each; in every list the first is what the others are against."""
    semi, five = "semisupcon", {"label_fraction": 0.05}
    return {
        "contrastive": [
            ("simclr", {}),
            *(("simclr", {"temperature": t}) for t in (0.05, 0.2, 0.4)),
            *(("simclr", {"severity": s}) for s in (0.5, 1.5)),
            *(("simclr", {"view_seconds": s}) for s in (1.35, 2.0)),
            ("simclr", {"views": 4}),
            ("simclr", {"head_norm": False}),
            *(("simclr", {"learning_rate": r}) for r in (1e-3, 4e-3)),
            ("simclr", {"segments": "independent"}),
        ],
        "labels": [
            (semi, {**shared(3), "labelled_share": 0.75}),
            *((semi, {**shared(3), "labelled_share": b}) for b in (0.25, 0.5)),
            *((semi, {**shared(t), "labelled_share": 0.5}) for t in (1, 2)),
            (semi, {**DICE, "labelled_share": 0.5}),
            *((semi, {**DICE, "labelled_share": 0.5, "label_weight": w}) for w in (0.03, 0.1, 0.3)),
            *((semi, {**shared(3), "labelled_share": 0.5, "label_weight": w}) for w in (0.1, 0.3)),
            ("supcon", {**shared(3)}),
            ("supcon", {**DICE}),
            ("supervised", {}),
        ],
        "combined": [
            ("simclr", {"severity": 1.5}),
            ("simclr", {"severity": 1.5, "learning_rate": 4e-3}),
            ("simclr", {"severity": 2.0}),
            ("simclr", {"severity": 1.5, "head_norm": False}),
            ("simclr", {"severity": 1.5, "view_seconds": 4.0}),
            (semi, {**shared(3), "labelled_share": 0.5, "severity": 1.5}),
            (semi, {**shared(3), "labelled_share": 0.5, "severity": 1.5, "learning_rate": 4e-3}),
            (semi, {**DICE, "labelled_share": 0.5, "label_weight": 0.1, "severity": 1.5}),
        ],
        "decided": [  # with three seeds
            ("simclr", {}),
            (semi, {**shared(3), "labelled_share": 0.5}),
            (semi, {**shared(3), "labelled_share": 0.75}),
            (semi, {**shared(3), "labelled_share": 0.5, "severity": 1.5}),
        ],
        "long": [  # by --steps 1200
            ("simclr", {}),
            (semi, {**shared(3), "labelled_share": 0.5}),
            (semi, {**DICE, "labelled_share": 0.5, "label_weight": 0.1}),
        ],
        "few decided": [
            (semi, {**DICE, **five, "labelled_share": 0.5}),
            (semi, {**DICE, **five, "labelled_share": "auto", "most_repeats": 10.0, "label_weight": 0.1}),
            (semi, {**DICE, **five, "labelled_share": "auto", "most_repeats": 1.0}),
            (semi, {**DICE, **five, "labelled_share": "auto", "most_repeats": 10.0}),
        ],
        "few": [
            (semi, {**DICE, **five, "labelled_share": 0.5}),
            *((semi, {**DICE, **five, "labelled_share": "auto", "most_repeats": r}) for r in (1.0, 3.0, 10.0, 30.0)),
            (semi, {**DICE, **five, "labelled_share": "auto", "most_repeats": 10.0, "label_weight": 0.1}),
            ("supervised", five),
        ],
    }


def name_of(variant: Variant, seed: int, steps: int) -> str:
    encoder, options = variant
    return f"{encoder}-{hashlib.sha256(json.dumps([options, steps], sort_keys=True).encode()).hexdigest()[:10]}-{seed}"


def run(folder: Path, variant: Variant, seed: int, steps: int) -> None:
    encoder, options = variant
    command = [sys.executable, "-m", "mirbench", "run", "--plugin", str(PLUGIN), "--dataset", "mini-study", "--encoder", encoder, "--tasks"]
    command += [",".join(HEADLINES), "--corruptions", "none", "--cache", str(folder / "cache"), "--output", str(folder / "runs"), "--quiet"]
    settings = {"floors": "none", "seed": seed, "run_name": name_of(variant, seed, steps), "bootstrap.resamples": 200}
    settings[f"options.{encoder}"] = json.dumps({**options, "steps": steps})
    subprocess.run([*command, *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))], check=True)


def table(folder: Path, seeds: int, steps: int) -> pd.DataFrame:
    """A row for each variant that was run: mean over its seeds, and the difference from the first of its stage, with a standard error over
    seeds where there are several."""
    rows = []
    for stage, variants in stages().items():
        first: pd.DataFrame | None = None
        for variant in variants:
            found = []
            for seed in range(seeds):
                scores = folder / "runs" / name_of(variant, seed, steps) / "scores.csv"
                if scores.is_file():
                    read = pd.read_csv(scores)
                    read = read[(read["encoder"] == variant[0]) & (read["metric"] == read["task"].map(HEADLINES))]
                    found.append(read.set_index("task")["value"].rename(seed))
            if not found:
                continue
            each = pd.concat(found, axis=1)
            first = each if first is None else first
            both = each.columns.intersection(first.columns)
            row = {"stage": stage, "encoder": variant[0], "options": _in_words(variant[1]), "seeds": each.shape[1]}
            for task in [*HEADLINES, "mean"]:
                differences = (each[both] - first[both]).T
                difference = differences.mean(axis=1) if task == "mean" else differences[task]
                value = each.loc[list(HEADLINES)].mean(axis=None) if task == "mean" else each.loc[task].mean()
                error = f" ± {difference.std() / len(both) ** 0.5:.3f}" if len(both) > 1 else ""
                row[task] = f"{value:.3f}" if variant == variants[0] else f"{value:.3f} ({difference.mean():+.3f}{error})"
            rows.append(row)
    return pd.DataFrame(rows)


def _in_words(options: dict[str, Any]) -> str:
    told = {name: value for name, value in options.items() if name != "supervision"}
    supervision = options.get("supervision", {})
    words = [" ".join(map(str, supervision.values()))] if supervision else []
    return ", ".join([*words, *(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in told.items())])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("stage", nargs="*", default=list(stages()))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    begun = time.monotonic()
    for seed in range(0 if asked.table else asked.seeds):
        for stage in asked.stage:
            for variant in stages()[stage]:
                whole = (asked.folder / "runs" / name_of(variant, seed, asked.steps) / "manifest.json").is_file()
                if not whole and time.monotonic() - begun < 3600 * asked.hours:
                    run(asked.folder, variant, seed, asked.steps)
    print(table(asked.folder, asked.seeds, asked.steps).to_markdown(index=False))
