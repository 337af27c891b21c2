"""LogisticClassifier and the linear probe against scikit-learn, its conventions, and the conditions of the optimum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mirbench_plugins.probes.linear import STRENGTHS
from probe_data import at, fitted, made, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from mirbench import LogisticClassifier
from mirbench.evaluation.estimators import solver
from mirbench.evaluation.probing import stored_probes


def standardised(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    return (train - mean) / deviation, (other - mean) / deviation


@parametrize_with_checks([LogisticClassifier(), LogisticClassifier(warm_start=True)])
def test_scikit_learns_checks(estimator, check) -> None:
    check(estimator)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    return torch.from_numpy(scores).double().sigmoid().numpy()


@pytest.mark.parametrize("dim", [30, 600], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_multiclass_is_scikit_learns_logistic_regression(strength: float, dim: int) -> None:
    train, valid = made("multiclass", dim=dim)
    x, unseen = standardised(train[0], valid[0])
    expected = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x, train[1]).predict_proba(unseen)
    got = softmax(fitted(train, valid, "multiclass", kind=at("multiclass", C=[strength])).predict(valid[0]))
    assert abs(got - expected).max() < 1e-3
    assert (got.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.99


@pytest.mark.parametrize("strength", [1e-4, 1e-2, 1.0])
def test_two_classes_are_scikit_learns_too(strength: float) -> None:
    train, valid = made("multiclass", classes=2)
    x, unseen = standardised(train[0], valid[0])
    expected = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x, train[1]).predict_proba(unseen)
    assert abs(softmax(fitted(train, valid, "multiclass", 2, at("multiclass", C=[strength])).predict(valid[0])) - expected).max() < 1e-3


@pytest.mark.parametrize("dim", [30, 600], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", [1e-5, 1e-3, 1e-1, 10.0])
def test_multilabel_is_a_logistic_regression_a_label(strength: float, dim: int) -> None:
    train, valid = made("multilabel", dim=dim, classes=3)
    x, unseen = standardised(train[0], valid[0])
    got = sigmoid(fitted(train, valid, "multilabel", 3, at("multilabel", C=[strength])).predict(valid[0]))
    for label in range(3):
        model = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x, train[1][:, label])
        assert abs(got[:, label] - model.predict_proba(unseen)[:, 1]).max() < 1e-3


@pytest.mark.parametrize("dim", [30, 600], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", [1e-5, 1e-3, 1e-1, 10.0])
def test_a_label_is_learned_from_the_clips_that_were_judged_for_it(strength: float, dim: int) -> None:
    """Standardised on all training clips; two labels were judged for the same clips, one for its own, one for all."""
    train, valid = made("multilabel", dim=dim, classes=4)
    draw = np.random.default_rng(3)
    judged = np.ones((250, 4), bool)
    judged[:, 0] = judged[:, 1] = draw.random(250) < 0.4
    judged[:, 2] = train[0][:, 0] > np.median(train[0][:, 0])  # of another kind than the rest
    targets = np.where(judged, train[1], -1)
    x, unseen = standardised(train[0], valid[0])
    probe = fitted((train[0], targets), valid, "multilabel", 4, at("multilabel", C=[strength]))
    got = sigmoid(probe.predict(valid[0]))
    for label in range(4):
        here = judged[:, label]
        model = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x[here], train[1][here, label])
        assert abs(got[:, label] - model.predict_proba(unseen)[:, 1]).max() < 1e-3
    assert probe.report["converged"] == [True]


@pytest.mark.parametrize("dim", [30, 600], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_regression_is_ridge(strength: float, dim: int) -> None:
    train, valid = made("regression", dim=dim, classes=2)
    x, unseen = standardised(train[0], valid[0])
    expected = Ridge(alpha=1 / strength).fit(x, train[1]).predict(unseen)
    found = fitted(train, valid, "regression", 2, at("regression", alpha=[1 / strength]))
    assert found.predict(valid[0]) == pytest.approx(expected, abs=2e-4)


def test_going_without_the_rotation_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    train, valid = made("multiclass", clips=120, dim=150)
    rotated = fitted(train, valid, "multiclass")
    monkeypatch.setattr(solver, "LARGEST_ROTATION", 10)
    plain = fitted(train, valid, "multiclass")
    assert plain.report["chosen"] == rotated.report["chosen"]
    assert abs(softmax(plain.predict(valid[0])) - softmax(rotated.predict(valid[0]))).max() < 1e-3


@pytest.mark.parametrize("turned", [128, 2], ids=["eigenbasis", "diagonal"])
@pytest.mark.parametrize("multinomial", [True, False])
def test_the_solver_ends_where_the_gradient_is_nothing(multinomial: bool, turned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "MOST_TURNED", turned)
    (x, y), _ = made("multiclass" if multinomial else "multilabel", clips=200, dim=12)
    x = torch.from_numpy(standardised(x, x)[0])
    truth = torch.eye(5, dtype=torch.float64)[y] if multinomial else torch.from_numpy(y).double()
    start = solver.beginning(truth, 12, multinomial)
    for strength in (1e-3, 10.0):
        start, _, converged = solver.solve(x, truth, strength, multinomial, start, tolerance=1e-7)
        assert converged
        w, b = start[:-1].flatten(1), start[-1].flatten()
        logits = x @ w + b
        error = (logits.softmax(dim=1) if multinomial else logits.sigmoid()) - truth
        assert abs(w + strength * x.T @ error).max() < 1e-4 * strength
        assert abs(error.sum(dim=0)).max() < 1e-4  # the bias is not penalised
        if multinomial:
            assert abs(w.sum(dim=1)).max() < 1e-8  # what all classes share is 0
            assert abs(b.sum()) < 1e-5


def test_the_eigenbasis_and_the_diagonal_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of classes of very different sizes too, where what all share must not take part."""
    (x, y), _ = made("multiclass", classes=12, noise=0.3)
    x, rare = standardised(x, x)[0], np.where(np.arange(250) % 3 > 0, 0, y)
    turned = LogisticClassifier(C=1.0, tol=1e-6).fit(x, rare)
    monkeypatch.setattr(solver, "MOST_TURNED", 2)
    plain = LogisticClassifier(C=1.0, tol=1e-6).fit(x, rare)
    assert plain.coef_ == pytest.approx(turned.coef_, abs=1e-4)
    assert plain.n_iter_ < 400


@pytest.mark.parametrize("target", ["multiclass", "multilabel"])
def test_a_warm_start_goes_on_and_ends_where_a_cold_one_does(target: str) -> None:
    train, valid = made(target)
    x, unseen = standardised(train[0], valid[0])
    warm, steps = LogisticClassifier(warm_start=True, tol=1e-6), []
    for strength in STRENGTHS:
        warm.set_params(C=strength).fit(x, train[1])
        cold = LogisticClassifier(C=strength, tol=1e-6).fit(x, train[1])
        assert warm.decision_function(unseen) == pytest.approx(cold.decision_function(unseen), abs=1e-3)
        steps.append((warm.n_iter_, cold.n_iter_))
    assert sum(first for first, _ in steps) < sum(second for _, second in steps)
    again = LogisticClassifier(C=10.0, warm_start=True, tol=1e-6).fit(x, train[1])
    x *= -1  # written to: what was found of the old features must not be used
    assert again.fit(x, train[1]).decision_function(-unseen) == pytest.approx(cold.decision_function(unseen), abs=1e-3)
    other = again.fit(x.copy(), train[1])  # another array begins at the last solution, where nothing is left to do
    assert other.n_iter_ <= 2


def test_what_a_warm_start_keeps_of_the_features_is_neither_stored_nor_copied(tmp_path) -> None:
    train, valid = made("multiclass", clips=100)
    probe = fitted(train, valid, "multiclass")
    assert "_kept" not in vars(probe.pipeline[-1])
    stored_probes.write_probe(tmp_path, probe)
    assert (tmp_path / "probe.skops").stat().st_size < 30_000  # 100 x 30 features of 8 bytes are 24 kB, the weights 600 B


def test_too_few_steps_are_told() -> None:
    (x, y), valid = made("multiclass")
    with pytest.warns(ConvergenceWarning, match="not within tol after"):
        LogisticClassifier(C=10.0, tol=1e-9, max_iter=60).fit(standardised(x, x)[0], y)
    few = at("multiclass", max_iter=[60], tol=[1e-9], C=[1e-5, 10.0])
    assert fitted((x, y), valid, "multiclass", kind=few).report["converged"][-1] is False


def test_what_is_no_label_is_refused() -> None:
    x = np.eye(4, dtype=np.float32)
    with pytest.raises(ValueError, match="should be 0 and 1, or -1 where nobody judged"):
        LogisticClassifier().fit(x, np.full((4, 2), 2))
    with pytest.raises(ValueError, match="needs samples of two classes or more; the data has 1 class: 'a'"):
        LogisticClassifier().fit(x, ["a"] * 4)
    with pytest.raises(ValueError, match=r"C = -1, tol = 0\.0001 and max_iter = 3000 should be above 0"):
        LogisticClassifier(C=-1).fit(x, [0, 1, 0, 1])


def test_a_label_that_does_not_vary_has_the_log_odds_of_its_prevalence() -> None:
    targets = np.array([[1, 0, -1], [1, -1, -1], [1, 0, -1], [-1, 1, -1]])
    found = LogisticClassifier().fit(np.random.default_rng(0).normal(size=(4, 3)), targets)
    assert found.intercept_[[0, 2]] == pytest.approx([np.log(3.5 / 0.5), 0.0])
    assert not found.coef_[[0, 2]].any()
    assert found.coef_[1].any()


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


def test_a_warm_start_sees_labels_that_were_written_to():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), np.array(["a", "b"] * 30)
    warm = LogisticClassifier(warm_start=True).fit(X, y)
    rng.shuffle(y)
    np.testing.assert_allclose(warm.fit(X, y).coef_, LogisticClassifier().fit(X, y).coef_, atol=1e-3)
