"""costs.csv: read as it was written, of several runs, and of folders that have none."""

import math

import pytest
from test_results import a_run, a_score, a_summary

from mirbench.reporting.tables.costs import costs, notes
from mirbench.results.merging import load
from mirbench.results.schema import COSTS

KNOWN = {"parameters": 1234567, "gflop_per_second": 0.04321, "clips_per_second": 25.0, "window_seconds": 2.0}


def test_runs_are_put_together_and_old_folders_have_none(tmp_path):
    runs = [a_run(tmp_path / name, [a_score()], [a_summary()]) for name in ("old", "one", "two", "again")]
    for run, device in zip(runs[1:], ("it", "another", "it"), strict=True):
        run.write("costs", COSTS.frame([{"encoder": "semisupcon", **KNOWN, "device": device}]))
    assert len(load(runs[0].path).costs) == 0
    merged = load(*(run.path for run in runs)).costs
    assert list(merged["device"]) == ["it", "another"]
    assert list(costs(merged).cells["device",]) == ["it", "another"]
    assert "on it and another:" in notes(merged)[0]


def test_whole_numbers_come_back_whole_and_empty_ones_empty(tmp_path):
    run = a_run(tmp_path / "r", [a_score()], [a_summary()])
    run.write("costs", COSTS.frame([{"encoder": "semisupcon", "parameters": 123456789}]))
    line = (tmp_path / "r" / "costs.csv").read_text().splitlines()[1]
    assert line.startswith("semisupcon,123456789,,,")
    row = run.read("costs").iloc[0]
    assert row["parameters"] == 123456789
    assert math.isnan(row["dim"])
    with pytest.raises(ValueError, match="which is not a whole number"):
        COSTS.frame([{"encoder": "semisupcon", "dim": 2.5}])
