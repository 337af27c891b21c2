"""What clips and trainings vary, of a reference run in its cache, into the table that comes with mirbench, by which a plan says how many
seeds it takes. Not a test: `python tests/benchmarks/spreads.py CACHE RUN`, of a run of contrastive encoders on `mini-large`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from mirbench.experiment.planning import power

TABLE = Path(power.__file__).with_name("spreads.csv")
NAMES = ("mini", "mini-large")  # whose labelled clips are the same

if __name__ == "__main__":
    cache, run = map(Path, sys.argv[1:])
    key = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["key"]
    rows = json.loads((cache / power.SPREADS / key / "spreads.json").read_text(encoding="utf-8"))
    found = [replace(power._read(row), dataset=name) for name in NAMES for row in rows]
    pd.DataFrame(map(asdict, found)).to_csv(TABLE, index=False, float_format="%.4g", lineterminator="\n")
    for about, spread in power._by_task(found).items():
        told = [f"{seeds} seeds: {spread.detectable(seeds):.3f}" for seeds in (3, 4, 8)]
        print(*about, *told, f"to find .02: {spread.seeds_for(0.02)}, .01: {spread.seeds_for(0.01)}", sep="  ")
