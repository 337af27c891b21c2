"""Logistic regression for many labels, for labels that nobody judged, and along a path of strengths, as a scikit-learn classifier."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from mirbench.evaluation.estimators.solver import beginning, principal_axes, solve

if TYPE_CHECKING:
    from torch import Tensor

CENTRED = 1e-6  # a mean of standardised features that is nothing but float32 rounding
UNJUDGED = -1  # a target of a label that nobody has judged for that clip


@dataclass
class _Problem:
    """All classes, or labels that were judged for the same clips. which: the rows of `coef_` that it is to fill; features: on their axes,
    after `middle` was taken off; point: the solution so far."""

    which: np.ndarray
    features: Tensor
    back: Tensor | None
    middle: Tensor
    truth: Tensor
    multinomial: bool
    point: Tensor

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows of `coef_`, dim) and (rows,) of the features as they were given, float64."""
        flat = self.point.flatten(1)
        weights = flat[:-1] if self.back is None else self.back @ flat[:-1]
        return weights.T.cpu().numpy(), (flat[-1] - self.middle @ weights).cpu().numpy()

    def begin(self, coef: np.ndarray, intercept: np.ndarray) -> None:
        """At this solution for the features as they were given, (rows, dim) and (rows,)."""
        weights, bias = self.features.new_tensor(coef.T), self.features.new_tensor(intercept)
        rotated = weights if self.back is None else self.back.T @ weights
        self.point = _cat([rotated, (bias + self.middle @ weights)[None]]).view_as(self.point)


@dataclass
class _Kept:
    """What `warm_start` goes on from: the problems of one X and y, as they were given."""

    X: Any
    y: Any
    digest: str
    problems: list[_Problem]

    def is_of(self, X: Any, y: Any) -> bool:
        """The same objects, not written to since."""
        return self.X is X and self.y is y and self.digest == _digest(X, y)


class LogisticClassifier(ClassifierMixin, BaseEstimator):
    """L2-regularised logistic regression: softmax for classes, one against the rest for labels. The objective is scikit-learn's
    LogisticRegression's, 1/2 |W|^2 + C x the summed loss, the bias not penalised; solver.py says how it is minimised.

    C: above 0, the smaller, the stronger the regularisation. tol: about the root mean square error left in the logits. max_iter: steps,
    in rounds of 60; a ConvergenceWarning says that they were too few. warm_start: begin at the last solution; where X and y are
    the same arrays as before, what was found of them is used again, so that a path of rising C costs little more than its end. device:
    a torch device; one without float64, as mps, is left to the CPU.

    y: (clips,) of two classes or more, as is a single column, or (clips, 2 labels or more) of 0 and 1, where -1 means that nobody has
    judged that label for that clip; the clip is left out of it. A label that never varies among the judged gets the log odds of its
    prevalence, smoothed.
    Features are read as float32, and should be standardised. Fitted: `coef_` (1, classes or labels, dim) and `intercept_`, float32,
    `classes_`, `n_iter_`.

    >>> X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> LogisticClassifier(C=100).fit(X, ["no", "no", "yes", "yes"]).predict([[-3.0], [3.0]])
    array(['no', 'yes'], dtype='<U3')
    >>> LogisticClassifier().fit(X, [[0, -1], [0, 1], [1, 0], [1, 0]]).predict([[3.0]])
    array([[1, 0]])
    """

    def __init__(self, C: float = 1.0, *, tol: float = 1e-4, max_iter: int = 3000, warm_start: bool = False, device: str = "cpu") -> None:
        self.C, self.tol, self.max_iter, self.warm_start, self.device = C, tol, max_iter, warm_start, device

    takes_unjudged = True  # labels of -1
    coef_: np.ndarray
    intercept_: np.ndarray

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Without what `warm_start` keeps of the training features."""
        return {name: value for name, value in super().__getstate__().items() if name != "_kept"}

    def fit(self, X: Any, y: Any) -> Self:
        """X: (clips, dim), finite. y: as above. Raises ValueError where there is one class alone, or a label is not 0, 1 or -1."""
        import torch

        if not (self.C > 0 and self.tol > 0 and self.max_iter > 0):
            raise ValueError(f"C = {self.C}, tol = {self.tol} and max_iter = {self.max_iter} should be above 0")
        kept: _Kept | None = getattr(self, "_kept", None) if self.warm_start else None
        with torch.inference_mode():
            if not (kept and kept.is_of(X, y)):
                kept = _Kept(X, y, _digest(X, y) if self.warm_start else "", self._problems(X, y))
            self.n_iter_, reached = 0, True
            coef, intercept = self.coef_.astype(np.float64), self.intercept_.astype(np.float64)
            for each in kept.problems:
                each.point, steps, done = solve(
                    each.features, each.truth, float(self.C), each.multinomial, each.point, self.tol, self.max_iter
                )
                coef[each.which], intercept[each.which] = each.weights()
                self.n_iter_, reached = max(self.n_iter_, steps), reached and done
        self.coef_, self.intercept_ = coef.astype(np.float32), intercept.astype(np.float32)
        if self.warm_start:
            self._kept = kept
        if not reached:
            warnings.warn(f"not within tol after {self.n_iter_} steps; raise max_iter or standardise X", ConvergenceWarning, stacklevel=2)
        return self

    def _problems(self, X: Any, y: Any) -> list[_Problem]:
        """Reads X and y, and sets what does not depend on a solution; a warm start begins at the last one where it fits."""
        last = (self.classes_, self.coef_, self.intercept_) if self.warm_start and hasattr(self, "coef_") else None
        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True)
        self.outputs_2d_ = y.ndim == 2 and y.shape[1] > 1
        if self.outputs_2d_:
            check_labels(y)
            problems = self._label_problems(X, y.astype(np.int64))
        else:
            y = column_or_1d(y, warn=True)
            check_classification_targets(y)
            problems = self._class_problems(X, y)
        if last and np.array_equal(last[0], self.classes_) and last[1].shape == self.coef_.shape:
            for each in problems:
                each.begin(last[1][each.which], last[2][each.which])
        return problems

    def _class_problems(self, X: np.ndarray, y: np.ndarray) -> list[_Problem]:
        self.classes_, index = np.unique(y, return_inverse=True)
        count = len(self.classes_)
        if count < 2:
            raise ValueError(f"LogisticClassifier needs samples of two classes or more; the data has {count} class: '{self.classes_[0]}'")
        rows = count if count > 2 else 1  # of two, one logit
        self.coef_, self.intercept_ = np.zeros((rows, X.shape[1]), np.float32), np.zeros(rows, np.float32)
        return [self._problem(np.arange(rows), X, np.eye(count)[index][:, -rows:], count > 2)]

    def _label_problems(self, X: np.ndarray, y: np.ndarray) -> list[_Problem]:
        judged, on = y != UNJUDGED, (y == 1).sum(axis=0)
        off = judged.sum(axis=0) - on
        self.classes_ = np.arange(y.shape[1])
        self.coef_, self.intercept_ = np.zeros((y.shape[1], X.shape[1]), np.float32), np.log((on + 0.5) / (off + 0.5)).astype(np.float32)
        varies = np.flatnonzero((on > 0) & (off > 0))
        alike: dict[bytes, list[int]] = {}
        for label in varies:
            alike.setdefault(judged[:, label].tobytes(), []).append(int(label))
        problems = []
        for labels in alike.values():
            rows = judged[:, labels[0]]
            problems.append(self._problem(np.array(labels), X[rows], y[rows][:, labels].astype(np.float64), False))
        return problems

    def _problem(self, which: np.ndarray, X: np.ndarray, truth: np.ndarray, multinomial: bool) -> _Problem:
        import torch

        device = "cpu" if str(self.device).startswith("mps") else self.device  # which has no float64
        features, targets = torch.from_numpy(X).to(device).double(), torch.from_numpy(truth).to(device)
        middle = features.mean(dim=0)
        if middle.abs().max() < CENTRED:
            middle = torch.zeros_like(middle)
        else:
            features = features - middle
        rotated, back = principal_axes(features)
        return _Problem(which, rotated, back, middle, targets, multinomial, beginning(targets, rotated.shape[1], multinomial))

    def decision_function(self, X: Any) -> np.ndarray:
        """X: (clips, dim). The logits, (clips, classes or labels) float32; of two classes (clips,), that of the second."""
        import torch

        check_is_fitted(self)
        features, weights = validate_data(self, X, dtype=np.float32, reset=False), np.ascontiguousarray(self.coef_.T)
        scores = (torch.from_numpy(features) @ torch.from_numpy(weights) + torch.from_numpy(self.intercept_)).numpy()
        return scores if self.outputs_2d_ or len(self.classes_) > 2 else scores[:, 0]

    def predict_proba(self, X: Any) -> np.ndarray:
        """X: (clips, dim). (clips, classes), or (clips, labels) the probability of each label by itself."""
        scores = self.decision_function(X)
        if self.outputs_2d_:
            return np.asarray(expit(scores))
        return np.asarray(softmax(scores, axis=1)) if scores.ndim == 2 else expit(np.c_[-scores, scores])

    def predict(self, X: Any) -> np.ndarray:
        """X: (clips, dim). (clips,) a class each, or (clips, labels) 0 and 1."""
        scores = self.decision_function(X)
        if self.outputs_2d_:
            return (scores > 0).astype(np.int64)
        return np.asarray(self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)])


def check_labels(y: np.ndarray) -> None:
    """Raises ValueError where a label is not 0, 1 or -1. y: (clips, labels)."""
    if not np.isin(y, (0, 1, UNJUDGED)).all():
        raise ValueError("Unknown label type: the labels of several columns should be 0 and 1, or -1 where nobody judged")


def _cat(parts: list[Tensor]) -> Tensor:
    import torch

    return torch.cat(parts)


def _digest(X: Any, y: Any) -> str:
    import joblib

    return str(joblib.hash((X, y)))
