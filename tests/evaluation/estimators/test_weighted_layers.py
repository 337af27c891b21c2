"""Layers mixed by learned weights: of one layer it is logistic and ridge regression, of several it finds the one that tells."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import check_estimators_pickle

from mirbench.evaluation.estimators.logistic import LogisticClassifier
from mirbench.evaluation.estimators.weighted_layers import WeightedLayers

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((120, 6)).astype(np.float32)
CLASSES = np.array(["a", "b", "c"])[(X[:, 0] + 0.5 * RANDOM.standard_normal(120) > 0).astype(int) + (X[:, 1] > 0.5)]
LABELS = (X[:, :4] + RANDOM.standard_normal((120, 4)) > 0.3).astype(np.int64)
LABELS[RANDOM.random((120, 4)) < 0.2] = -1
VALUES = X[:, :2] @ RANDOM.standard_normal((2, 2)) + 0.3 * RANDOM.standard_normal((120, 2)) + 5


@pytest.mark.parametrize("strength", [1e-3, 0.1, 10])
@pytest.mark.parametrize(("target", "y"), [("multiclass", CLASSES), ("multiclass", CLASSES == "a"), ("multilabel", LABELS)])
def test_of_one_layer_it_is_logistic_regression(target, y, strength):
    one = WeightedLayers(1, strength, target=target).fit(X, y)
    twin = LogisticClassifier(strength).fit(X, y)
    assert one.weights_ == pytest.approx([1])
    np.testing.assert_allclose(one.predict_proba(X), twin.predict_proba(X), atol=5e-3)
    np.testing.assert_array_equal(
        one.predict(X), one.classes_[one.predict_proba(X).argmax(1)] if y.ndim == 1 else one.predict_proba(X) > 0.5
    )


def test_of_one_layer_it_is_ridge_regression():
    one = WeightedLayers(1, 0.1, target="regression").fit(X, VALUES)
    np.testing.assert_allclose(one.predict(X), Ridge(alpha=10).fit(X, VALUES).predict(X), atol=1e-3)


@pytest.mark.parametrize(("target", "y"), [("multiclass", CLASSES), ("multilabel", LABELS), ("regression", VALUES)])
def test_the_layer_that_tells_gets_the_weight(target, y):
    noise = RANDOM.standard_normal((120, 3, 6)).astype(np.float32)
    noise[:, 1] = X
    one = WeightedLayers(3, 1.0, target=target, max_iter=2000).fit(noise.reshape(120, -1), y)
    assert one.weights_.argmax() == 1
    assert one.weights_[1] > 0.8
    assert one.weights_.sum() == pytest.approx(1)


def test_a_layer_that_tells_is_found_however_strong_the_regularisation():
    layers = np.stack([RANDOM.standard_normal((120, 6)), X], axis=1).reshape(120, -1)
    for strength in (1e-5, 1e-3, 0.1, 10):
        assert WeightedLayers(2, strength, max_iter=2000).fit(layers, CLASSES).weights_[1] > 0.7


def test_it_is_the_same_again_and_after_it_was_stored():
    one, other = (WeightedLayers(2).fit(X, CLASSES) for _ in range(2))
    np.testing.assert_array_equal(one.coef_, other.coef_)
    check_estimators_pickle("WeightedLayers", WeightedLayers())


def test_what_cannot_be_fitted_is_told():
    with pytest.raises(ValueError, match="6 features are not 4 layers of as many each"):
        WeightedLayers(4).fit(X, CLASSES)
    with pytest.raises(ValueError, match="the data has one: 'a'"):
        WeightedLayers(2).fit(X, ["a"] * 120)
    with pytest.warns(Warning, match="not within tol after 2 steps"):
        WeightedLayers(2, max_iter=2).fit(X, CLASSES)
