"""Probes of few labels a class: other clips in each draw, few among more, and a curve with intervals."""

import numpy as np
import pandas as pd
import pytest
from small import LOUD
from songs import hard_songs

from mirbench import cli
from mirbench.evaluation.probing.shots import few_rows
from mirbench.experiment.gather.resamples import Trainings

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("target", ["multiclass", "multilabel", "regression"])
def test_few_are_among_more_and_of_each_class_as_many_as_there_are(target):
    targets = {
        "multiclass": RANDOM.choice(5, 200, p=[0.5, 0.3, 0.15, 0.04, 0.01]),
        "multilabel": (RANDOM.random((200, 4)) < [0.5, 0.2, 0.1, 0.02]).astype(np.int8),
        "regression": RANDOM.random((200, 1)),
    }[target]
    drawn = {shots: few_rows(targets, target, shots, "x") for shots in (1, 3, 10, 500)}
    for few, more in ((1, 3), (3, 10), (10, 500)):
        assert set(drawn[few]) <= set(drawn[more])
    assert list(drawn[3]) == sorted(drawn[3])
    if target == "regression":
        assert [len(rows) for rows in drawn.values()] == [1, 3, 10, 200]
    else:
        has = targets[:, None] == np.arange(5) if target == "multiclass" else targets == 1
        for shots, rows in drawn.items():
            assert (has[rows].sum(axis=0) >= np.minimum(has.sum(axis=0), shots)).all()
        if target == "multiclass":
            assert (has[drawn[3]].sum(axis=0) == np.minimum(has.sum(axis=0), 3)).all()
    assert set(few_rows(targets, target, 3, "y")) != set(drawn[3])


@pytest.fixture
def run(tmp_path, monkeypatch, built_in, unmeasured):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loud_plugin.py").write_text(LOUD)
    hard_songs(tmp_path, RANDOM, {"train": 60, "valid": 20, "test": 40}, artist=lambda split, i: f"{split}{i}")

    def command(*settings, under="none"):
        argv = ["run", "--encoder", "loud", "--dataset", "songs.csv", "--tasks", "genre", "--corruptions", under, "--severities", "1"]
        argv += ["--plugin", "loud_plugin.py", "--cache", "cache", "--output", "results", "--quiet"]
        for setting in ("floors=untrained", "bootstrap.resamples=50", "run_name=one", *settings):
            argv += ["--set", setting]
        return cli.main(argv), tmp_path / "results" / "one"

    return command


@pytest.mark.drawn
def test_a_curve_of_label_efficiency(run):
    code, folder = run("probe.shots=[1, 5, all]", "probe.draws=4", under="gain-down")
    assert code == 0
    scores = pd.read_csv(folder / "scores.csv")
    scores = scores[(scores["metric"] == "accuracy") & (scores["corruption"] == "clean")].set_index("encoder")
    for name in ("loud", "untrained"):
        few, all_of_them = scores.loc[f"{name}[shots=5]"], scores.loc[f"{name}[shots=all]"]
        assert list(few["draw"]) == [0, 1, 2, 3]
        assert few["value"].nunique() > 1
        assert set(few["n_train"]) == {10}
        assert (few["ci_low"] < few["value"]).all()
        assert (all_of_them["draw"], all_of_them["n_train"]) == (-1, 60)
    summary = pd.read_csv(folder / "summary.csv").set_index(["encoder", "metric", "corruption"])
    one = summary.loc["loud[shots=1]", "accuracy", "clean"]
    assert one["value"] == pytest.approx(scores.loc["loud[shots=1]", "value"].mean(), abs=1e-5)
    assert (one["n_seeds"], len(one["by_seed"].split())) == (1, 4)
    assert one["ci_low"] < one["value"] < one["ci_high"]
    assert ("loud[shots=1]", "accuracy", "gain-down") in summary.index
    assert (folder / "figures" / "sweep.png").is_file()
    comparisons = pd.read_csv(folder / "comparisons.csv")
    pairs = set(zip(comparisons["encoder"], comparisons["baseline"], strict=True))
    assert ("loud[shots=5]", "untrained[shots=5]") in pairs
    assert ("loud[shots=5]", "untrained[shots=1]") not in pairs
    of_draws = scores["value"].loc["loud[shots=5]"].to_numpy() - scores["value"].loc["untrained[shots=5]"].to_numpy()
    found = comparisons[(comparisons["encoder"] == "loud[shots=5]") & (comparisons["baseline"] == "untrained[shots=5]")].iloc[0]
    assert found["difference"] == pytest.approx(of_draws.mean(), abs=1e-5)


def test_differences_are_taken_draw_by_draw_where_the_labels_were_the_same():
    kinds = {
        "a": "trained, 5 shots",
        "b": "random, 5 shots",
        "c": "trained, 1 shots",
        "d": "trained, 5 shots",
        "e": "trained",
        "f": "trained",
    }
    kinds["g"] = kinds["b"]
    drawn_by = {"a": (5, 0), "b": (5, 0), "c": (1, 0), "g": (5, 1)}
    trainings = Trainings({**dict.fromkeys("abcdg", 4), "e": 1, "f": 1}, kinds, frozenset("abcefg"), drawn_by)
    layout, luck = trainings.layout(20, 10), RANDOM.standard_normal(4)
    found = {name: layout.vector(name, luck[: trainings.seeds[name]], [RANDOM.random(20)] * trainings.seeds[name]) for name in "abcdefg"}
    spread = {name: layout.training(found[name], name) for name in "abcdg"}
    for other, paired in {"b": True, "c": False, "d": False, "e": False, "g": False}.items():
        ours = trainings.of_difference(layout, found["a"] - found[other], "a", other, spread)
        assert (ours["a"].total < 1e-20) == paired, other
        assert paired or ours == {name: spread[name] for name in ("a", other) if name in spread}
    assert trainings.of_difference(layout, found["e"] - found["f"], "e", "f", spread) == {}


@pytest.mark.slow
def test_each_seed_has_draws_of_its_own_and_counts_once(run):
    _, folder = run("probe.shots=5", "probe.draws=3", "seeds=2")
    scores = pd.read_csv(folder / "scores.csv")
    scores = scores[(scores["metric"] == "accuracy") & (scores["encoder"] == "untrained[shots=5]")]
    assert list(zip(scores["seed"], scores["draw"], strict=True)) == [(0, -1), (1, -1)]
    summary = pd.read_csv(folder / "summary.csv").set_index(["encoder", "metric"])
    assert summary.loc[("untrained[shots=5]", "accuracy"), "n_seeds"] == 2


@pytest.mark.parametrize("shots", ["0", "[1, few]", "-3", "[]"])
def test_numbers_of_labels_that_cannot_be_are_refused(run, capsys, shots):
    assert run(f"probe.shots={shots}")[0] == 2
    assert "probe.shots should be labels a class, such as [1, 5, 10, all], not" in capsys.readouterr().err
