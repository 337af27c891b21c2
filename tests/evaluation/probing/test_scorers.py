"""scikit-learn's scorers as metrics: what scikit-learn says of clips that are repeated, and a sentence where a scorer cannot score."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.dummy import DummyClassifier
from sklearn.metrics import (
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    max_error,
    mean_absolute_error,
    roc_auc_score,
    top_k_accuracy_score,
)

import mirbench
from mirbench.errors import MirbenchError
from mirbench.evaluation.probing import scoring
from mirbench.evaluation.probing.metrics import METRICS, check_fits, evaluate, majority, resolve
from mirbench.records import Clip, Predictions
from mirbench.testing import check_task


def predictions(target: str, targets: np.ndarray, scores: np.ndarray) -> Predictions:
    ids = tuple(map(str, range(len(targets))))
    return Predictions(ids, ids, tuple(map(str, range(scores.shape[1]))), target, targets, scores)


def given(target: str, width: int = 4, clips: int = 60) -> Predictions:
    draw = np.random.default_rng(width)
    scores = draw.normal(size=(clips, width)).astype(np.float32)
    noisy = scores + draw.normal(size=scores.shape)
    targets = {"multiclass": noisy.argmax(axis=1), "multilabel": (noisy > 0).astype(int), "regression": noisy}
    return predictions(target, targets[target], scores)


TWINS = {
    ("balanced_accuracy", "multiclass", 4): lambda y, s: balanced_accuracy_score(y, s.argmax(axis=1)),
    ("neg_log_loss", "multiclass", 4): lambda y, s: -log_loss(y, softmax(s.astype(float), axis=1), labels=range(4)),
    ("roc_auc", "multiclass", 2): lambda y, s: roc_auc_score(y, s[:, 1] - s[:, 0]),
    ("neg_brier_score", "multiclass", 2): lambda y, s: -brier_score_loss(y, softmax(s.astype(float), axis=1)[:, 1]),
    ("roc_auc", "multilabel", 2): lambda y, s: roc_auc_score(y, s),
    ("roc_auc", "multilabel", 4): lambda y, s: roc_auc_score(y, s),
    ("f1_macro", "multilabel", 3): lambda y, s: f1_score(y, s > 0, average="macro"),
    ("neg_mean_absolute_error", "regression", 2): lambda y, s: -mean_absolute_error(y, s),
    ("neg_max_error", "regression", 1): lambda y, s: -max_error(y[:, 0], s[:, 0]),
}


@pytest.mark.parametrize(("name", "target", "width"), TWINS)
def test_a_resample_is_what_scikit_learn_says_of_repeated_clips(name: str, target: str, width: int) -> None:
    data, twin = given(target, width), TWINS[name, target, width]
    weights = np.random.default_rng(1).integers(0, 3, (5, 60))
    assert evaluate(name, data)[0] == pytest.approx(twin(data.targets, data.scores), abs=1e-12)
    for value, row in zip(evaluate(name, data, weights), weights, strict=True):
        assert value == pytest.approx(twin(data.targets.repeat(row, axis=0), data.scores.repeat(row, axis=0)), abs=1e-12)


def test_a_resample_that_lacks_a_class_is_scored_all_the_same() -> None:
    data = given("multiclass")
    row = np.where(data.targets == 2, 0, 1)[None]
    kept = row[0] > 0
    expected = -log_loss(data.targets[kept], softmax(data.scores[kept].astype(float), axis=1), labels=range(4))
    assert evaluate("neg_log_loss", data, row)[0] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(evaluate("neg_log_loss", data, 0 * row))


def test_a_name_of_ours_wins() -> None:
    assert resolve("accuracy") is METRICS["accuracy"]
    assert resolve("balanced_accuracy").label == "balanced accuracy"
    metric = resolve("top_k_accuracy")
    assert pickle.loads(pickle.dumps(metric)) == metric
    data = given("multiclass")
    assert evaluate(metric, data)[0] == pytest.approx(top_k_accuracy_score(data.targets, data.scores, k=2, labels=range(4)))
    with pytest.raises(MirbenchError, match=r"no metric is named 'balanced_acuracy'; did you mean 'balanced_accuracy'\? Known: accuracy, "):
        resolve("balanced_acuracy")


def test_what_a_scorer_cannot_score_is_told_when_the_task_is_checked() -> None:
    with pytest.raises(MirbenchError, match="metric 'neg_max_error' does not fit multilabel targets"):
        check_fits(resolve("neg_max_error"), "multilabel")
    with pytest.raises(MirbenchError, match="metric 'neg_log_loss' does not fit multilabel targets"):  # of which it warns alone
        check_fits(resolve("neg_log_loss"), "multilabel")
    assert resolve("neg_mean_absolute_error").targets == {"regression"}
    assert resolve("recall_samples").targets == {"multilabel"}
    with pytest.raises(MirbenchError, match="metric 'balanced_accuracy' does not fit regression targets"):
        check_fits(resolve("balanced_accuracy"), "regression")

    class Genre(mirbench.Task):
        name = annotation = "genre"
        metrics = ("accuracy", "f1")  # which is of two classes

    def clips(classes: int) -> list[Clip]:
        return [
            Clip(f"{split}{n}", Path("a.wav"), split, f"{split}{n}", annotations={"genre": "abc"[n % classes]})
            for split in ("train", "valid", "test")
            for n in range(6)
        ]

    check_task(Genre())
    scoring.check_probed(Genre(), scoring.task_data(Genre(), clips(2)))
    with pytest.raises(
        MirbenchError, match="the scorer 'f1' of scikit-learn cannot score this multiclass task: ValueError: Target is multi"
    ):
        scoring.check_probed(Genre(), scoring.task_data(Genre(), clips(3)))


def test_labels_that_nobody_judged_are_refused() -> None:
    data = given("multilabel")
    data.targets[0, 0] = -1
    with pytest.raises(MirbenchError, match="metric 'roc_auc' does not leave out labels that nobody has judged"):
        evaluate("roc_auc", data)


def test_ours_are_found_without_scikit_learn() -> None:
    code = "import sys; from mirbench.evaluation.probing.metrics import resolve; resolve('accuracy'); print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("target", ["multiclass", "multilabel"])
def test_the_floor_is_what_scikit_learns_dummy_says(target: str) -> None:
    train, test = given(target, 4, 300), given(target, 4, 80)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((300, 1)), train.targets)
    floor = replace(test, scores=majority(target, train.targets, 80, test.classes))
    expected = dummy.predict_proba(np.zeros((80, 1)))
    if target == "multiclass":
        assert softmax(floor.scores.astype(float), axis=1) == pytest.approx(expected, abs=1e-6)
        assert evaluate("neg_log_loss", floor)[0] == pytest.approx(-log_loss(test.targets, expected), abs=1e-6)
        assert evaluate("balanced_accuracy", floor)[0] == 0.25
    else:
        assert expit(floor.scores.astype(float)) == pytest.approx(np.stack([p[:, 1] for p in expected], axis=1), abs=1e-6)
        said = f1_score(test.targets, dummy.predict(np.zeros((80, 1))), average="macro")
        assert evaluate("f1_macro", floor)[0] == pytest.approx(said)


def test_a_label_that_all_or_none_have_is_a_finite_floor() -> None:
    for train in (np.zeros(5, int), np.ones(5, int)):
        row = majority("multilabel", np.c_[train, [0, 1, 1, 0, 1]], 1, ("a", "b"))[0]
        assert np.isfinite(row).all()
        assert expit(row[0].astype(float)) == pytest.approx(train[0], abs=1e-30)


def test_what_is_best_is_0_of_negated_losses_and_1_of_the_rest() -> None:
    for name in ("neg_log_loss", "neg_max_error", "neg_mean_squared_error"):
        assert resolve(name).best == 0
    assert {resolve(name).best for name in (*METRICS, "balanced_accuracy", "matthews_corrcoef", "d2_log_loss_score")} == {1}
    assert resolve("positive_likelihood_ratio").best == np.inf
    perfect = np.eye(4)[np.arange(40) % 4] * 1e3
    for name in ("neg_log_loss", "balanced_accuracy"):
        assert evaluate(name, predictions("multiclass", np.arange(40) % 4, perfect))[0] == pytest.approx(resolve(name).best)
