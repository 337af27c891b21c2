"""A linear model of several layers at once, mixed by weights that are learned with it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from mirbench.evaluation.estimators.logistic import UNJUDGED, check_labels

if TYPE_CHECKING:
    from torch import Tensor


class WeightedLayers(BaseEstimator):
    """The weighted sum of layers, with weights that are positive and have the sum 1, and on it logistic or ridge regression; all are
    learned together (the probe of SUPERB; Yang et al. 2021).

    layers: how many; features are theirs side by side, (clips, layers x dim), and should be standardised. target: multiclass, multilabel
    or regression. The objective is scikit-learn's, 1/2 |W|^2 + C x the summed loss, which for regression is half the squared error; the
    bias and the weights of layers are not penalised. It is not convex; all layers count alike where it begins. tol: of its gradient, a
    clip; max_iter: steps of L-BFGS; a ConvergenceWarning says that they were too few. Labels of -1 are as in `LogisticClassifier`.
    Fitted: `weights_` (layers,), `coef_` (outputs, dim), `intercept_`, `classes_`, `n_iter_`.

    >>> loud = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> one = WeightedLayers(layers=2, C=100).fit(np.hstack([0 * loud, loud]), ["no", "no", "yes", "yes"])
    >>> one.predict([[0, -3.0], [0, 3.0]]), int(one.weights_.argmax())
    (array(['no', 'yes'], dtype='<U3'), 1)
    """

    def __init__(self, layers: int = 1, C: float = 1.0, *, target: str = "multiclass", tol: float = 1e-5, max_iter: int = 500) -> None:
        self.layers, self.C, self.target, self.tol, self.max_iter = layers, C, target, tol, max_iter

    takes_unjudged = True  # labels of -1

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import ClassifierTags, RegressorTags

        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        if self.target == "regression":
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
            tags.target_tags.multi_output = True
        else:
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags(multi_label=True)
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """X: (clips, layers x dim), finite. Raises ValueError where it is no multiple of the layers, or there is one class alone."""
        import torch

        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True)
        if X.shape[1] % self.layers:
            raise ValueError(f"{X.shape[1]} features are not {self.layers} layers of as many each")
        truth, judged = self._read(y)
        features = torch.from_numpy(X).view(len(X), self.layers, -1).double()
        shape, scale = (features.shape[2] + 1, truth.shape[1]), min(1.0, self.C * len(X))  # with the bias, the last; about a weight's size
        begin = np.zeros(self.layers + shape[0] * shape[1])
        begin[self.layers :].reshape(shape)[-1] = self._bias(truth, judged)
        objective = _Objective(features, torch.from_numpy(truth), torch.from_numpy(judged), self.C, scale, self._losses())
        bounds = {"maxiter": self.max_iter, "maxfun": 2 * self.max_iter, "gtol": self.tol, "ftol": 0}
        found = minimize(objective, begin, method="L-BFGS-B", jac=True, options=bounds)
        self.weights_ = softmax(found.x[: self.layers]).astype(np.float32)
        weights = found.x[self.layers :].reshape(shape).astype(np.float32)
        self.coef_, self.intercept_, self.n_iter_ = np.ascontiguousarray(scale * weights[:-1].T), weights[-1], int(found.nit)
        if found.nit >= self.max_iter:
            warnings.warn(f"not within tol after {found.nit} steps; raise max_iter or standardise X", ConvergenceWarning, stacklevel=2)
        return self

    def _read(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(clips, outputs) of what is to be said, and whether it is known."""
        self.outputs_2d_ = y.ndim == 2 and y.shape[1] > 1
        if self.target == "regression":
            truth = y.reshape(len(y), -1).astype(np.float64)
        elif self.outputs_2d_:
            check_labels(y)
            truth, self.classes_ = y.astype(np.float64), np.arange(y.shape[1])
        else:
            y = column_or_1d(y, warn=True)
            check_classification_targets(y)
            self.classes_, index = np.unique(y, return_inverse=True)
            if len(self.classes_) < 2:
                raise ValueError(f"WeightedLayers needs samples of two classes or more; the data has one: '{self.classes_[0]}'")
            truth = np.eye(len(self.classes_))[index][:, -self._outputs() :]
        return truth, truth != UNJUDGED if self.outputs_2d_ and self.target == "multilabel" else np.ones(truth.shape, bool)

    def _outputs(self) -> int:
        """Of two classes there is one logit."""
        return len(self.classes_) if self.outputs_2d_ or len(self.classes_) > 2 else 1

    def _bias(self, truth: np.ndarray, judged: np.ndarray) -> np.ndarray:
        """That of a model which knows no feature."""
        if self.target == "regression":
            return np.asarray(truth.mean(axis=0))
        on = ((truth == 1) & judged).sum(axis=0)
        apart = self.outputs_2d_ or len(on) == 1
        return np.asarray(np.log((on + 0.5) / (judged.sum(axis=0) - on + 0.5)) if apart else np.log(on))

    def _losses(self) -> str:
        if self.target == "regression":
            return "squares"
        return "labels" if self.outputs_2d_ or self._outputs() == 1 else "classes"

    def decision_function(self, X: Any) -> np.ndarray:
        """X: (clips, layers x dim). (clips, classes, labels or dimensions) float32; of two classes (clips,), the logit of the second."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        mixed = np.einsum("nld,l->nd", X.reshape(len(X), self.layers, -1), self.weights_)
        outputs = np.asarray(mixed @ self.coef_.T + self.intercept_)
        return outputs if self.target == "regression" or self._outputs() > 1 or self.outputs_2d_ else outputs[:, 0]

    def predict(self, X: Any) -> np.ndarray:
        """X: (clips, layers x dim). A class each, 0 and 1 for each label, or values."""
        outputs = self.decision_function(X)
        if self.target == "regression":
            return outputs
        if self.outputs_2d_:
            return (outputs > 0).astype(np.int64)
        return np.asarray(self.classes_[outputs.argmax(axis=1) if outputs.ndim == 2 else (outputs > 0).astype(int)])

    def predict_proba(self, X: Any) -> np.ndarray:
        """X: (clips, layers x dim). (clips, classes), or (clips, labels) the probability of each label by itself."""
        outputs = self.decision_function(X)
        if self.outputs_2d_:
            return np.asarray(expit(outputs))
        return np.asarray(softmax(outputs, axis=1) if outputs.ndim == 2 else expit(np.c_[-outputs, outputs]))


@dataclass(frozen=True)
class _Objective:
    """A mean over clips, with its gradient.

    features: (clips, layers, dim); truth, judged: (clips, outputs). scale: weights are multiples of it, so that those of layers and those
    of features are found alike, however strong the regularisation.
    """

    features: Tensor
    truth: Tensor
    judged: Tensor
    strength: float
    scale: float
    losses: str

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        import torch
        from torch.nn import functional

        layers, rows = self.features.shape[1], self.strength * len(self.features)
        with torch.enable_grad():
            variables = torch.from_numpy(point).requires_grad_()
            weights = variables[layers:].view(-1, self.truth.shape[1])
            mixed = torch.einsum("nld,l->nd", self.features, variables[:layers].softmax(dim=0))
            outputs = self.scale * (mixed @ weights[:-1]) + weights[-1]
            if self.losses == "squares":
                losses = 0.5 * (outputs - self.truth).square()
            elif self.losses == "labels":
                losses = functional.binary_cross_entropy_with_logits(outputs, self.truth.clamp_min(0), reduction="none")[self.judged]
            else:
                losses = functional.cross_entropy(outputs, self.truth, reduction="none")
            total = (0.5 * self.scale**2 * weights[:-1].square().sum() / rows + losses.sum() / len(self.features)) / self.scale
            total.backward()
        assert variables.grad is not None
        return float(total.detach()), variables.grad.numpy()
