"""The linear probe against scikit-learn, and its solver against the conditions of the optimum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from probe_data import fitted, made, softmax
from sklearn.linear_model import LogisticRegression, Ridge

from mirbench.evaluation.probing import logistic, probes
from mirbench.evaluation.probing.probes import STRENGTHS


def standardised(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    return (train - mean) / deviation, (other - mean) / deviation


def only(monkeypatch: pytest.MonkeyPatch, strength: float) -> None:
    monkeypatch.setattr(probes, "STRENGTHS", (strength,))


def sigmoid(scores: np.ndarray) -> np.ndarray:
    return torch.from_numpy(scores).double().sigmoid().numpy()


@pytest.mark.parametrize("dim", [30, 600], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_multiclass_is_scikit_learns_logistic_regression(strength: float, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, strength)
    train, valid = made("multiclass", dim=dim)
    x, unseen = standardised(train[0], valid[0])
    expected = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x, train[1]).predict_proba(unseen)
    got = softmax(fitted(train, valid, "multiclass").predict(valid[0]))
    assert abs(got - expected).max() < 1e-3
    assert (got.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.99


@pytest.mark.parametrize("strength", [1e-4, 1e-2, 1.0])
def test_two_classes_are_scikit_learns_too(strength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, strength)
    train, valid = made("multiclass", classes=2)
    x, unseen = standardised(train[0], valid[0])
    expected = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x, train[1]).predict_proba(unseen)
    assert abs(softmax(fitted(train, valid, "multiclass", 2).predict(valid[0])) - expected).max() < 1e-3


@pytest.mark.parametrize("dim", [30, 600], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", [1e-5, 1e-3, 1e-1, 10.0])
def test_multilabel_is_a_logistic_regression_a_label(strength: float, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, strength)
    train, valid = made("multilabel", dim=dim, classes=3)
    x, unseen = standardised(train[0], valid[0])
    got = sigmoid(fitted(train, valid, "multilabel", 3).predict(valid[0]))
    for label in range(3):
        model = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x, train[1][:, label])
        assert abs(got[:, label] - model.predict_proba(unseen)[:, 1]).max() < 1e-3


@pytest.mark.parametrize("dim", [30, 600], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", [1e-5, 1e-3, 1e-1, 10.0])
def test_a_label_is_learned_from_the_clips_that_were_judged_for_it(strength: float, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standardised on all training clips; two labels were judged for the same clips, one for its own, one for all."""
    only(monkeypatch, strength)
    train, valid = made("multilabel", dim=dim, classes=4)
    draw = np.random.default_rng(3)
    judged = np.ones((250, 4), bool)
    judged[:, 0] = judged[:, 1] = draw.random(250) < 0.4
    judged[:, 2] = train[0][:, 0] > np.median(train[0][:, 0])  # of another kind than the rest
    targets = np.where(judged, train[1], -1)
    x, unseen = standardised(train[0], valid[0])
    probe = fitted((train[0], targets), valid, "multilabel", 4)
    got = sigmoid(probe.predict(valid[0]))
    for label in range(4):
        here = judged[:, label]
        model = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x[here], train[1][here, label])
        assert abs(got[:, label] - model.predict_proba(unseen)[:, 1]).max() < 1e-3
    assert probe.report["converged"] == [True]
    other = np.where(judged, targets, -1 - 2 * (draw.random(targets.shape) < 0.5))
    assert (fitted((train[0], other), valid, "multilabel", 4).predict(valid[0]) == probe.predict(valid[0])).all()


def test_where_all_is_judged_labels_go_through_the_solver_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain way, written out, gives the same bits."""
    monkeypatch.setattr(probes, "STRENGTHS", (1e-3, 1e-1))
    train, valid = made("multilabel")
    mean, factor = probes._standards(train[0])
    x = torch.from_numpy(probes._standardise(train[0], mean, factor)).double()
    rotated, back = probes._principal_axes(x, required=False)
    weights, biases, _ = logistic.solve(rotated, torch.from_numpy(train[1]).double(), (1e-3, 1e-1), multinomial=False)
    probe = fitted(train, valid, "multilabel")
    chosen = [1e-3, 1e-1].index(probe.report["strength"])
    assert (probe.layers[0][0] == (back @ weights[chosen]).float().numpy()).all()
    assert (probe.layers[0][1] == biases[chosen].float().numpy()).all()


@pytest.mark.parametrize("dim", [30, 600], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_regression_is_ridge(strength: float, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, strength)
    train, valid = made("regression", dim=dim, classes=2)
    x, unseen = standardised(train[0], valid[0])
    expected = Ridge(alpha=1 / strength).fit(x, train[1]).predict(unseen)
    assert fitted(train, valid, "regression", 2).predict(valid[0]) == pytest.approx(expected, abs=2e-4)


def test_going_without_the_rotation_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    train, valid = made("multiclass", clips=120, dim=150)
    rotated = fitted(train, valid, "multiclass")
    monkeypatch.setattr(probes, "LARGEST_ROTATION", 10)
    plain = fitted(train, valid, "multiclass")
    assert plain.report["strength"] == rotated.report["strength"]
    assert abs(softmax(plain.predict(valid[0])) - softmax(rotated.predict(valid[0]))).max() < 1e-3


@pytest.mark.parametrize("multinomial", [True, False])
def test_the_solver_ends_where_the_gradient_is_nothing(multinomial: bool) -> None:
    (x, y), _ = made("multiclass" if multinomial else "multilabel", clips=200, dim=12)
    x = torch.from_numpy(standardised(x, x)[0])
    truth = torch.eye(5, dtype=torch.float64)[y] if multinomial else torch.from_numpy(y).double()
    weights, biases, converged = logistic.solve(x, truth, (1e-3, 10.0), multinomial, tolerance=1e-7)
    assert converged == [True, True]
    for strength, w, b in zip((1e-3, 10.0), weights, biases, strict=True):
        logits = x @ w + b
        error = (logits.softmax(dim=1) if multinomial else logits.sigmoid()) - truth
        assert abs(w + strength * x.T @ error).max() < 1e-4 * strength
        assert abs(error.sum(dim=0)).max() < 1e-4  # the bias is not penalised
        if multinomial:
            assert abs(w.sum(dim=1)).max() < 1e-8  # what all classes share is 0
            assert abs(b.sum()) < 1e-5


def test_separable_classes_and_a_rare_label_converge() -> None:
    draw = np.random.default_rng(0)
    y = np.repeat(np.arange(6), 20)
    x = (np.eye(6)[y] @ draw.normal(size=(6, 300)) * 5 + draw.normal(size=(120, 300))).astype(np.float32)
    probe = fitted((x, y), (x, y), "multiclass", 6)
    assert all(probe.report["converged"])
    assert probe.report["validation"][-1] == 1.0
    rare = np.zeros((120, 2), int)
    rare[0, 0] = rare[1:60, 1] = 1
    assert all(fitted((x, rare), (x, rare), "multilabel", 2).report["converged"])
