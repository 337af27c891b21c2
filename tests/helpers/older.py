"""Run folders as earlier versions wrote them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd

from mirbench.results.schema import TABLES

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
RUNS = ("main", "robustness", "label-budget", "cross-supervision")


def run_of_before(name: str, folder: Path) -> Path:
    """A reference run in `folder`, without the columns that files of before intervals held training seeds lack, and without digests."""
    shutil.copytree(REFERENCE / name, folder / name, ignore=shutil.ignore_patterns("figures", "tables"))
    for schema in TABLES.values():
        path = folder / name / schema.file
        if path.exists():
            later = [column.name for column in schema.columns if column.later]
            pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns=later, errors="ignore").to_csv(path, index=False)
    path = folder / name / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({key: about for key, about in manifest.items() if key not in ("files", "seal")}))
    return folder / name
