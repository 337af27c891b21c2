"""The multilayer perceptrons: scikit-learn's conventions, early stopping by data that are given, labels that nobody judged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from probe_data import made
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from mirbench import MLPClassifier, MLPRegressor
from mirbench.evaluation.estimators.mlp import judged_loss


@pytest.mark.slow
@parametrize_with_checks([MLPClassifier(learning_rate_init=0.01), MLPRegressor(learning_rate_init=0.01)])  # of the few epochs of the checks
def test_scikit_learns_checks(estimator, check) -> None:
    check(estimator)


def test_given_validation_data_stop_it_at_the_best_epoch() -> None:
    (x, y), (x_val, y_val) = made("multiclass", clips=150, dim=40, noise=3.0)
    x, x_val = (each / x.std(axis=0) for each in (x, x_val))
    found = MLPClassifier(n_iter_no_change=5, random_state=0).fit(x, y, X_val=x_val, y_val=y_val)
    scores = found.validation_scores_
    assert found.best_iter_ == int(np.argmax(scores)) + 1
    assert found.n_iter_ == len(scores) == found.best_iter_ + 5
    assert found.score(x_val, y_val) == max(scores)
    same = clone(found).set_params(max_iter=found.best_iter_).fit(x, y)  # without validation data, all epochs
    assert np.array_equal(same.predict_proba(x_val), found.predict_proba(x_val))
    assert same.validation_scores_ == []


def test_more_layers_and_another_scoring() -> None:
    (x, y), (x_val, y_val) = made("regression", classes=2)
    seen = []
    deep = MLPRegressor((16, 8), max_iter=3, scoring=lambda model, a, b: seen.append(model.predict(a).shape) or 0.0, random_state=1)
    deep.fit(x, y, X_val=x_val, y_val=y_val)
    assert seen == [y_val.shape] * 3
    assert deep.best_iter_ == 1  # of equals the first
    assert [each.shape for each in deep.coefs_] == [(30, 16), (16, 8), (8, 2)]


def test_it_learns_only_from_what_was_judged() -> None:
    logits = torch.tensor([[0.5, -2.0], [1.0, 3.0], [0.0, 0.0]], requires_grad=True)
    truth = torch.tensor([[1.0, float("nan")], [float("nan"), 0.0], [float("nan"), float("nan")]])
    loss = judged_loss(logits, truth)
    loss.backward()
    expected = (np.log1p(np.exp(-0.5)) + np.log1p(np.exp(3.0))) / 2
    assert loss.item() == pytest.approx(expected)
    assert (logits.grad != 0).tolist() == [[True, False], [False, True], [False, False]]
    nothing = judged_loss(logits, torch.full((3, 2), float("nan")))
    assert nothing.item() == 0
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.ones(3, 2))
    assert judged_loss(logits, torch.ones(3, 2)).item() == pytest.approx(plain.item())


def test_what_is_no_label_is_refused() -> None:
    x = np.eye(4, dtype=np.float32)
    with pytest.raises(ValueError, match="should be 0 and 1, or -1 where nobody judged"):
        MLPClassifier().fit(x, np.full((4, 2), 2))
    with pytest.raises(ValueError, match="needs samples of two classes or more; the data has 1 class: 'a'"):
        MLPClassifier().fit(x, ["a"] * 4)
