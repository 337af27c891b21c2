"""Standardisation: scikit-learn's, but for columns that are constant up to rounding."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mirbench.evaluation.estimators.label_by_label import LabelByLabel
from mirbench.evaluation.estimators.scaler import SteadyScaler


@parametrize_with_checks([SteadyScaler()])
def test_scikit_learns_checks(estimator, check) -> None:
    check(estimator)


def test_columns_that_vary_are_scikit_learns_to_the_bit() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(draw.normal(0, 100, 9), np.logspace(-2, 3, 9), (80, 9))
    assert np.array_equal(SteadyScaler().fit_transform(x), StandardScaler().fit_transform(x))


@pytest.mark.parametrize("value", [0.0, 0.1, -1e4, 3e7])
def test_a_column_of_one_value_and_its_rounding_becomes_nothing(value: float) -> None:
    x = np.full((40, 2), value, np.float32)
    x[::2, 1] = np.nextafter(np.float32(value), np.float32(np.inf)) if value else 0
    scaler = SteadyScaler().fit(x.astype(np.float64))
    assert not scaler.transform(x.astype(np.float64) + 1000).any()


def test_a_column_of_one_value_comes_back_and_a_scale_alone_is_left_out() -> None:
    x = np.c_[np.arange(4.0), np.full(4, 7.0)]
    scaler = SteadyScaler().fit(x)
    assert scaler.inverse_transform(scaler.transform(x)) == pytest.approx(x)
    shifted = SteadyScaler(with_std=False).fit(x)
    assert shifted.transform(x) == pytest.approx(x - x.mean(axis=0))
    assert shifted.inverse_transform(shifted.transform(x)) == pytest.approx(x)


def test_a_label_alone_is_a_clone_each() -> None:
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(50, 3)), draw.integers(0, 2, (50, 2))
    y[:10, 0] = -1
    found = LabelByLabel(LogisticRegression(C=0.5)).fit(x, y)
    alone = LogisticRegression(C=0.5).fit(x[10:], y[10:, 0])
    assert found.decision_function(x)[:, 0] == pytest.approx(alone.decision_function(x))
    assert found.predict(x)[:, 0].tolist() == alone.predict(x).tolist()
