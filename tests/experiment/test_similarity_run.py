"""What embeddings tell without a probe, in a run: in its tables with intervals, under every condition, cached, and left out where asked."""

import json

import numpy as np
import pandas as pd
import pytest
from small import LOUD
from songs import hard_songs

from mirbench import cli
from mirbench.results.merging import load

RANDOM = np.random.default_rng(0)
RIDGE = """
import mirbench

class Ridge(mirbench.Probe):
    name = "ridge"
    def build(self, target):
        from sklearn.linear_model import RidgeClassifier
        return RidgeClassifier()

@mirbench.hookimpl
def register_probes():
    return [Ridge()]
"""


@pytest.fixture
def run(tmp_path, monkeypatch, built_in, unmeasured):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loud_plugin.py").write_text(LOUD)
    (tmp_path / "ridge_plugin.py").write_text(RIDGE)
    columns = {"artist": lambda split, i: f"artist{split}{i % 4}", "group": lambda split, i: f"{split}{i // 2}"}
    hard_songs(tmp_path, RANDOM, {"train": 30, "valid": 12, "test": 24}, **columns)

    def command(*settings):
        argv = ["run", "--encoder", "loud", "--dataset", "songs.csv", "--corruptions", "gain-down,white-noise", "--severities", "1,5"]
        argv += ["--plugin", "loud_plugin.py", "--plugin", "ridge_plugin.py", "--cache", "cache", "--output", "results", "--quiet"]
        for setting in ("floors=untrained", "bootstrap.resamples=50", "run_name=one", *settings):
            argv += ["--set", setting]
        assert cli.main(argv) == 0
        return tmp_path / "results" / "one"

    return command


def of_similarity(folder, name="summary"):
    rows = pd.read_csv(folder / f"{name}.csv")
    return rows[rows["task"] == "similarity"]


@pytest.mark.drawn
def test_every_encoder_and_condition_has_its_measures(run):
    folder = run("seeds=2")
    rows = of_similarity(folder).set_index(["encoder", "corruption", "severity", "metric"]).sort_index()
    everywhere = {"map_same_group", "map_same_label_genre", "calibration_error_genre", "brier_score_genre"}
    corrupted = everywhere | {"cosine_shift", "recall_at_1", "recall_at_10", "flip_rate_genre"}
    for encoder in ("loud", "untrained"):
        for condition in [("clean", 0), ("gain-down", 1), ("gain-down", 5), ("white-noise", 1), ("white-noise", 5)]:
            found = rows.loc[(encoder, *condition)]
            assert set(found.index) == (everywhere if condition == ("clean", 0) else corrupted)
            assert (found["ci_low"] <= found["value"]).all()
            assert (found["value"] <= found["ci_high"]).all()
            assert set(found["n_test"]) == {24}
    assert set(rows.loc["untrained", "n_seeds"]) == {2}
    shift = rows["value"].xs("cosine_shift", level="metric")
    assert shift["untrained", "white-noise", 5] > shift["untrained", "white-noise", 1] > 0
    assert rows.loc[("loud", "white-noise", 5, "flip_rate_genre"), "value"] > 0
    assert len(np.load(folder / "resamples.npz")["resampled"]) == len(pd.read_csv(folder / "scores.csv"))
    assert {f"figures/{name}.png" for name in ("similarity", "alignment")} <= {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.png")
    }
    told = json.loads((folder / "manifest.json").read_text())["similarity"]["songs"]
    assert told["encoders"] == ["loud", "untrained"]
    assert np.array(told["linear_cka"], float).shape == (2, 2)
    assert np.diag(told["linear_cka"]) == pytest.approx(1)
    assert told["n_groups"] <= told["n_test"] == 24
    assert told["ci_low"][0][1] < told["linear_cka"][0][1] < told["ci_high"][0][1]


def test_what_is_of_tasks_is_as_without(run):
    with_it = load(run())
    without = load(run("similarity=false"))
    assert not (without.summary["task"] == "similarity").any()
    assert "similarity" not in without.manifest
    for name in ("comparisons", "robustness", "robustness_comparisons"):
        pd.testing.assert_frame_equal(getattr(with_it, name), getattr(without, name), check_categorical=False)
    others = with_it.summary[with_it.summary["task"] != "similarity"]
    assert others["value"].tolist() == without.summary["value"].tolist()


def test_margins_are_no_probabilities_and_few_labels_are_no_decisions(run):
    rows = of_similarity(run("probe.kind=[linear, ridge]"))
    measures = rows.groupby("encoder")["metric"].agg(set)
    assert "calibration_error_genre" in measures["loud[probe=linear]"]
    assert not {"calibration_error_genre", "brier_score_genre"} & measures["loud[probe=ridge]"]
    assert "flip_rate_genre" in measures["loud[probe=ridge]"]
    shifts = rows[rows["metric"] == "cosine_shift"].groupby(["corruption", "severity"])["value"].nunique()
    assert (shifts <= 2).all(), "embeddings are the same for both probes"
    rows = of_similarity(run("probe.shots=[2, all]", "probe.draws=2"))
    measures = rows.groupby("encoder")["metric"].agg(set)
    assert measures["loud[shots=all]"] - measures["loud[shots=2]"] == {"flip_rate_genre", "calibration_error_genre", "brier_score_genre"}


def test_a_probe_of_corrupted_audio_decides_nothing_here(run):
    """It is another one, whose decisions are not those of the one of clean audio."""
    rows = of_similarity(run("robustness.train_on=corrupted"))
    corrupted = set(rows["metric"][rows["corruption"] != "clean"])
    assert corrupted == {"cosine_shift", "recall_at_1", "recall_at_10", "map_same_group", "map_same_label_genre"}


def test_nothing_is_measured_twice(run, tmp_path):
    def made():
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "similarities").rglob("*.npy")}

    run()
    first = made()
    run("run_name=two", "robustness.baseline=untrained")
    assert len(first) > 5
    assert made() == first
