"""scikit-learn's scorers as metrics: any name of `sklearn.metrics.get_scorer_names()`, larger being better by the sign that it has there.

A scorer gets the argmax of the scores as prediction, their softmax (of labels, the sigmoid) as probabilities, and the scores themselves
as decision function. Scores are a probe's decision function where it has one, so its own `predict_proba` is then not asked. A resample is
scored by repeating clips literally; a class that it lacks is left out, or, where the scorer cannot do without one, given by a clip that
counts nothing. What was not judged is refused, as no scorer leaves it out.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from mirbench.errors import MirbenchError, describe
from mirbench.evaluation.probing.metric_functions import occurring
from mirbench.nouns import Metric
from mirbench.registry.contract import TARGETS

UNBOUNDED = ("positive_likelihood_ratio",)  # above
AVERAGED = ("balanced_accuracy", "average_precision", "r2")  # means over classes, labels or dimensions, as those named `_macro` are
FAILURES = (ValueError, TypeError, AttributeError)  # of a scorer that is asked what it cannot tell


@dataclass(frozen=True)
class ScorerFunction:
    """A `MetricFunction` of the scorer of that name."""

    name: str

    def seconds(self, target: str, classes: int) -> float:
        """Roughly what a resample takes, as measured on 360 clips."""
        if "ovo" in self.name and target == "multiclass":
            return 5e-4 * classes**2
        return 6e-4 * classes if "roc_auc" in self.name or "average_precision" in self.name else 2e-3

    def __call__(self, targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
        """Raises MirbenchError where the scorer fails on all clips as they are; in a resample that is nan."""
        if (weights != np.round(weights)).any():
            raise ValueError("a scorer of scikit-learn takes resamples in which each clip counts a whole number of times")
        target = "multiclass" if np.ndim(targets) == 1 else "multilabel" if np.asarray(targets).dtype.kind in "bui" else "regression"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.array([self.value(target, np.asarray(targets), scores, row.astype(np.int64)) for row in weights])

    def value(self, target: str, targets: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> float:
        """Where each clip counts so often."""
        from sklearn.metrics import get_scorer

        if not counts.any():
            return np.nan
        score = get_scorer(self.name)
        try:
            rows = np.repeat(np.arange(len(targets)), counts)
            return float(score(_given(target, scores), rows, _truth(targets[rows])))
        except FAILURES as error:
            try:
                return float(self._weighted(target, targets, scores, counts, score))
            except FAILURES:
                if (counts == 1).all():
                    raise MirbenchError(
                        f"the scorer '{self.name}' of scikit-learn cannot score this {target} task: {describe(error)}; name another metric."
                    ) from error
                return np.nan

    @staticmethod
    def _weighted(target: str, targets: np.ndarray, scores: np.ndarray, counts: np.ndarray, score: Any) -> Any:
        """With a clip of each class that counts nothing, so that no class is lacking."""
        if target == "multiclass":
            classes = scores.shape[1]
            targets, scores = np.r_[targets, np.arange(classes)], np.r_[scores, np.eye(classes)]
            counts = np.r_[counts, np.zeros(classes, np.int64)]
        return score(_given(target, scores), np.arange(len(targets)), _truth(targets), sample_weight=counts)


def _truth(targets: np.ndarray) -> np.ndarray:
    return targets[:, 0] if targets.dtype.kind == "f" and targets.shape[1] == 1 else targets


def _given(target: str, scores: np.ndarray) -> Any:
    """A fitted estimator whose features are rows of the scores."""
    from scipy.special import expit, softmax
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Values(RegressorMixin, BaseEstimator):
        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, rows: np.ndarray) -> np.ndarray:
            return scores[rows, 0] if scores.shape[1] == 1 else scores[rows]

    class Classes(ClassifierMixin, BaseEstimator):
        classes_ = np.arange(scores.shape[1]) if target == "multiclass" else [np.arange(2)] * scores.shape[1]

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def decision_function(self, rows: np.ndarray) -> np.ndarray:
            two = target == "multiclass" and scores.shape[1] == 2
            return scores[rows, 1] - scores[rows, 0] if two else scores[rows]

        def predict_proba(self, rows: np.ndarray) -> np.ndarray:
            wide = scores[rows].astype(np.float64)
            return np.asarray(softmax(wide, axis=1) if target == "multiclass" else expit(wide))

        def predict(self, rows: np.ndarray) -> np.ndarray:
            return scores[rows].argmax(axis=1) if target == "multiclass" else (scores[rows] > 0).astype(np.int64)

    return Values() if target == "regression" else Classes()


def scorer_names() -> Sequence[str]:
    """Those of scikit-learn, which this imports."""
    from sklearn.metrics import get_scorer_names

    return list(get_scorer_names())


@lru_cache(maxsize=128)
def scorer_metric(name: str) -> Metric:
    """The scorer as a metric, for the kinds of target that it can score, found by trying it; one of numbers would take classes for such."""
    function = ScorerFunction(name)
    targets = ("regression",) if _can(function, "regression") else [target for target in TARGETS if _can(function, target)]
    best = 0.0 if name.startswith("neg_") else np.inf if name in UNBOUNDED else 1.0
    labels = functools.partial(_averaged, name) if name.endswith("_macro") or name in AVERAGED else None
    return Metric(name, name.replace("_", " "), frozenset(targets), function, best=best, labels=labels)


def _averaged(name: str, targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(classes,) bool: those that scikit-learn's mean is over; of many labels a clip, and of numbers, all."""
    if targets.ndim > 1:
        return np.ones(scores.shape[1], bool)
    return np.isin(np.arange(scores.shape[1]), targets) if name == "balanced_accuracy" else occurring(targets, scores)


def _can(function: ScorerFunction, target: str) -> bool:
    """Of few or more classes or numbers, as some scorers take two or one alone; the task's own are tried when it is checked."""
    for width in (1, 3) if target == "regression" else (2, 3):
        draw = np.random.default_rng(0)
        scores = np.abs(draw.normal(size=(24, width))) + 0.1
        targets: np.ndarray = scores + 0.1 if target == "regression" else (scores > np.median(scores, axis=0)).astype(np.int64)
        if target == "multiclass":
            targets = np.arange(24) % width
        elif target == "multilabel":
            targets[np.arange(24), np.arange(24) % width] = 1  # each clip has one
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # such as of probabilities that do not sum to 1
            try:
                if np.isfinite(function.value(target, targets, scores, np.ones(24, np.int64))):
                    return True
            except (MirbenchError, UserWarning):
                continue
    return False
