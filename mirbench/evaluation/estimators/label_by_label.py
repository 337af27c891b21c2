"""A classifier of two classes, fitted to each label by itself on the clips that were judged for it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone

from mirbench.evaluation.estimators.log_odds import log_odds
from mirbench.evaluation.estimators.logistic import UNJUDGED


class LabelByLabel(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """estimator: a classifier, of which `estimators_` has a clone for each label.

    scikit-learn's OneVsRestClassifier, but that a label of -1 is one that nobody has judged for that clip, which is then left out of it.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """X: (clips, dim). y: (clips, labels) of 0, 1 and -1, each label with clips that have it and clips that lack it."""
        judged = [column != UNJUDGED for column in y.T]
        self.estimators_ = [clone(self.estimator).fit(X[rows], column[rows]) for column, rows in zip(y.T, judged, strict=True)]
        self.classes_ = np.arange(y.shape[1])
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """X: (clips, dim). (clips, labels): the decision function of each, or the log odds of its probability, or 1 and 0."""
        return np.stack([logits_of_two(estimator, X) for estimator in self.estimators_], axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X: (clips, dim). (clips, labels) 0 and 1."""
        return np.stack([estimator.predict(X) for estimator in self.estimators_], axis=1)


def logits_of_two(estimator: Any, X: np.ndarray) -> np.ndarray:
    """(clips,): how far a fitted classifier of two classes holds a clip to be of the greater one, 1 of 0 and 1."""
    place = int(np.argmax(estimator.classes_))
    if hasattr(estimator, "decision_function"):
        scores = np.asarray(estimator.decision_function(X))
        scores = scores if scores.ndim == 1 else scores[:, 1] - scores[:, 0]
        return scores if place else -scores
    if hasattr(estimator, "predict_proba"):
        return log_odds(estimator.predict_proba(X)[:, place])
    return (estimator.predict(X) == estimator.classes_[place]).astype(np.float64)
