"""The task `emotion`: its labels, its metrics, and a regression through the whole harness."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score
from small import rows

from mirbench import cli, registry
from mirbench.errors import MirbenchError
from mirbench.evaluation.probing.metrics import evaluate
from mirbench.records import Predictions
from mirbench.results.run_folder import RunFolder

TASK = registry.plugins.current().tasks["emotion"]

RATED = """
import numpy as np, soundfile
import mirbench

class Rated(mirbench.Dataset):
    name = "rated"
    annotations = ("emotion",)

    def prepare(self, folder):
        (folder / "audio").mkdir()
        random = np.random.default_rng(0)
        clips = []
        for i in range(60):
            pitch, loudness = random.uniform(0.02, 0.2), random.uniform(0.05, 0.5)
            path = folder / "audio" / f"{i}.wav"
            soundfile.write(path, loudness * np.sin(np.arange(11025) * pitch), 22050)
            emotion = f"{1 + 40 * pitch:.3f}|{1 + 16 * loudness:.3f}"
            clips.append(mirbench.Clip(str(i), path, ("train", "valid", "test")[i % 3], f"g{i}", annotations={"emotion": emotion}))
        mirbench.write_manifest(folder / "manifest.csv", clips)

    def clips(self, folder):
        return mirbench.read_manifest(folder / "manifest.csv")

class Heard(mirbench.Encoder):
    name = "heard"

    def embed(self, audio):
        crossings = (np.diff(np.sign(audio), axis=1) != 0).mean(axis=1)
        return np.stack([crossings, audio.std(axis=1)], axis=1).astype(np.float32)

@mirbench.hookimpl
def register_datasets():
    return [Rated()]

@mirbench.hookimpl
def register_encoders():
    return [Heard()]
"""


@pytest.mark.parametrize("value", ["5.1|3", (5.1, 3), [5.1, 3.0], " 5.1 | 3 "])
def test_a_label_is_two_numbers(value):
    assert TASK.label(value) == (5.1, 3.0)


@pytest.mark.parametrize("value", ["", "5.1", "5.1|", "5|4|3", "5.1;3", "nan|3", "5|inf", "high|low", (5,), (1, 2, 3), 5.1, None])
def test_what_is_no_label(value):
    with pytest.raises(MirbenchError) as caught:
        TASK.label(value)
    assert str(caught.value) == f"{value!r} is not arousal and valence; write two numbers with | between, such as 5.1|3.4."


def predictions(targets, scores):
    names = tuple(str(i) for i in range(len(targets)))
    return Predictions(names, names, TASK.classes, "regression", np.asarray(targets, float), np.asarray(scores, float))


def test_metrics_are_those_of_scikit_learn_and_the_first_is_their_mean():
    random = np.random.default_rng(1)
    targets = random.uniform(1, 9, (40, 2))
    made = predictions(targets, targets + random.normal(size=(40, 2)) * [0.5, 2])
    counts = np.array([np.bincount(random.integers(0, 40, 40), minlength=40) for _ in range(5)])
    mean, arousal, valence = (evaluate(metric, made, counts) for metric in TASK.metrics)
    for row, count in enumerate(counts):
        again = np.repeat(np.arange(40), count)
        expected = r2_score(made.targets[again], made.scores[again], multioutput="raw_values")
        assert [arousal[row], valence[row]] == pytest.approx(list(expected))
    assert mean == pytest.approx((arousal + valence) / 2)
    assert arousal.mean() > valence.mean()


def test_a_dimension_that_is_constant_has_no_r2():
    made = predictions([[1, 5], [2, 5], [3, 5]], [[1, 5], [2, 5], [2, 5]])
    mean, arousal, valence = (evaluate(metric, made)[0] for metric in TASK.metrics)
    assert (mean, arousal) == (pytest.approx(0.5), pytest.approx(0.5))
    assert np.isnan(valence)


def test_a_rating_far_from_0_costs_no_precision():
    made = predictions([[1e7, 1], [1e7 + 1, 2], [1e7 + 2, 3]], [[1e7, 1], [1e7 + 1, 2], [1e7 + 1, 2]])
    assert [evaluate(metric, made)[0] for metric in TASK.metrics] == pytest.approx([0.5, 0.5, 0.5])


def test_metrics_are_the_same_each_time_they_are_asked_for():
    assert set(TASK.metrics) == set(registry.load().tasks["emotion"].metrics)


@pytest.mark.drawn
def test_a_regression_goes_through_the_whole_harness(tmp_path, capsys):
    (tmp_path / "rated.py").write_text(RATED)
    command = ["run", "--plugin", str(tmp_path / "rated.py"), "--dataset", "rated", "--encoder", "heard", "--tasks", "emotion", "--quiet"]
    settings = ["--set", "floors=[]", "--corruptions", "low-pass,pitch-shift", "--severities", "1"]
    folders = ["--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results")]
    assert cli.main([*command, *settings, *folders]) == 0, capsys.readouterr().err
    run = next(path for path in (tmp_path / "results").iterdir() if (path / "scores.csv").exists())
    found = {(r["encoder"], r["metric"]): float(r["value"]) for r in rows(run) if r["corruption"] == "clean"}
    assert set(found) == {(e, m) for e in ("heard", "majority") for m in ("r2", "r2_arousal", "r2_valence")}
    assert all(found["heard", metric] > 0.95 for metric in ("r2", "r2_arousal", "r2_valence"))
    assert abs(found["majority", "r2"]) < 0.5
    assert found["heard", "r2"] == pytest.approx((found["heard", "r2_arousal"] + found["heard", "r2_valence"]) / 2, abs=1e-6)
    assert {r["corruption"] for r in rows(run)} == {"clean", "low-pass"}  # the labels of shifted music are not known
    made = RunFolder(run).read_predictions("heard", "rated", "emotion", 0)
    assert made.classes == ("arousal", "valence")
    assert made.targets.shape == made.scores.shape == (20, 2)
    assert made.targets.min() >= 1
    tables = "".join(path.read_text() for path in (run / "tables").iterdir())
    assert "valence" in tables
