"""What clips and trainings vary, of a reference run in its cache, into the table that comes with mirbench, by which a plan says how many
seeds it takes. Not a test: `python tests/benchmarks/spreads.py CACHE RUN`, of a run of contrastive encoders on `mini-large`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
from scipy.optimize import brentq

from mirbench.evaluation.statistics.estimates import POWER, student
from mirbench.experiment.planning import power

FLOORS = ("untrained", "handcrafted")
TABLE = Path(power.__file__).with_name("spreads.csv")
NAMES = ("mini", "mini-large")  # whose labelled clips are the same


def of_floors(run: Path) -> list[power.Spread]:
    """Of each trained encoder against each floor, from comparisons.csv and scores.csv, of headline metrics: the standard error that an
    interval was made of, less what the trainings of both add to it."""
    compared, scores = (pd.read_csv(run / name) for name in ("comparisons.csv", "scores.csv"))
    scores = scores[scores["corruption"] == "clean"]
    metrics = scores.drop_duplicates(["task", "dataset"]).set_index(["task", "dataset"])["metric"]
    of_seeds = scores.groupby(["encoder", "task", "metric"])["value"].agg(["var", "count"]).fillna({"var": 0})
    found = []
    for row in compared[compared["baseline"].isin(FLOORS)].itertuples():
        if row.metric == metrics[row.task, row.dataset]:
            half = (row.ci_high - row.ci_low) / 2
            freedom = brentq(lambda f: student(POWER, f) / student(0.975, f) - (row.detectable / half - 1), 2, 1e6)  # noqa: B023
            both = [of_seeds.loc[(name, row.task, row.metric)] for name in (row.encoder, row.baseline)]
            clips = max((half / student(0.975, freedom)) ** 2 - sum(each["var"] / each["count"] for each in both), 0.0)
            of_trainings = sum(each["var"] for each in both) / 2, int(sum(each["count"] - 1 for each in both))
            against = power.RANDOM if both[1]["count"] > 1 else power.FIXED
            found.append(power.Spread(row.task, row.dataset, row.metric, clips, of_trainings[0], row.n_groups, of_trainings[1], against))
    return found


if __name__ == "__main__":
    cache, run = map(Path, sys.argv[1:])
    key = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["key"]
    rows = json.loads((cache / power.SPREADS / key / "spreads.json").read_text(encoding="utf-8"))
    found = [replace(power._read(row), dataset=name) for name in NAMES for row in rows]
    if not any(each.against != power.TRAINED for each in found):  # a run of an earlier version
        found += [replace(each, dataset=name) for name in NAMES for each in of_floors(run)]
    pd.DataFrame(map(asdict, found)).to_csv(TABLE, index=False, float_format="%.4g", lineterminator="\n")
    for about, spread in power._by_task(found).items():
        told = [f"{seeds} seeds: {spread.detectable(seeds):.3f}" for seeds in (3, 4, 8)]
        print(*about, *told, f"to find .02: {spread.seeds_for(0.02)}, .01: {spread.seeds_for(0.01)}", sep="  ")
