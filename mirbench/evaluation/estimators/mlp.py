"""A multilayer perceptron that stops early by validation data that it is given, on a GPU if there is one, as scikit-learn estimators."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from mirbench.evaluation.estimators.logistic import UNJUDGED, check_labels

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[["Tensor", "Tensor"], "Tensor"]


class _MLP(BaseEstimator):
    """hidden_layer_sizes: units of each hidden layer, ReLU. Adam with learning_rate_init and weight_decay, on batches of batch_size.

    max_iter: epochs at most. With validation data, training stops after n_iter_no_change epochs that raised the score no further, and the
    weights are those of the best epoch, of equals the first. scoring: (estimator, X_val, y_val) -> the larger the better, nan where it is
    undefined; None: `score`. random_state: of the first weights and the batches. device: a torch device.

    Features are read as float32, and should be standardised. Fitted: `coefs_` and `intercepts_` as scikit-learn's MLPClassifier has them,
    float32, `n_iter_`, `best_iter_` and `validation_scores_`, one an epoch.
    """

    stops_by_scoring = True  # of the clips in X_val

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (512,),
        *,
        learning_rate_init: float = 3e-4,
        weight_decay: float = 1e-6,
        batch_size: int = 64,
        max_iter: int = 200,
        n_iter_no_change: int = 20,
        scoring: Any = None,
        random_state: Any = None,
        device: str = "cpu",
    ) -> None:
        self.hidden_layer_sizes, self.learning_rate_init, self.weight_decay = hidden_layer_sizes, learning_rate_init, weight_decay
        self.batch_size, self.max_iter, self.n_iter_no_change = batch_size, max_iter, n_iter_no_change
        self.scoring, self.random_state, self.device = scoring, random_state, device

    def _train(self, X: np.ndarray, truth: np.ndarray, loss: Loss, X_val: Any, y_val: Any) -> None:
        """Sets what is fitted. truth: (clips, outputs)."""
        import torch

        seed = self.random_state
        random = torch.Generator().manual_seed(int(seed if isinstance(seed, int) else check_random_state(seed).randint(2**31 - 1)))
        features, targets = torch.from_numpy(X).to(self.device), torch.from_numpy(truth).float().to(self.device)
        layers: list[tuple[Tensor, Tensor]] = []
        sizes = [X.shape[1], *self.hidden_layer_sizes, truth.shape[1]]
        for inputs, outputs in itertools.pairwise(sizes):
            bound = inputs**-0.5
            weights, bias = (torch.empty(shape).uniform_(-bound, bound, generator=random) for shape in ((inputs, outputs), (outputs,)))
            layers.append((weights.to(self.device).requires_grad_(), bias.to(self.device).requires_grad_()))
        parameters = [parameter for layer in layers for parameter in layer]
        optimiser = torch.optim.Adam(parameters, lr=self.learning_rate_init, weight_decay=self.weight_decay, fused=True)
        self.validation_scores_: list[float] = []
        best, self.best_iter_, kept = -np.inf, 0, layers
        with torch.enable_grad():
            for epoch in range(1, self.max_iter + 1):
                for rows in torch.randperm(len(X), generator=random).to(self.device).split(self.batch_size):
                    optimiser.zero_grad()
                    loss(_forward(features[rows], layers), targets[rows]).backward()
                    optimiser.step()
                self.n_iter_ = epoch
                if X_val is None:
                    continue
                self._set(layers)
                score = self.score(X_val, y_val) if self.scoring is None else self.scoring(self, X_val, y_val)
                self.validation_scores_.append(float(score))
                if score > best:
                    best, self.best_iter_ = score, epoch
                    kept = [(weights.detach().clone(), bias.detach().clone()) for weights, bias in layers]
                if epoch - self.best_iter_ >= self.n_iter_no_change:
                    break
        self._set(kept)

    def _set(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.coefs_ = [weights.detach().cpu().numpy() for weights, _ in layers]
        self.intercepts_ = [bias.detach().cpu().numpy() for _, bias in layers]

    def _outputs(self, X: Any, dtype: Any = np.float32) -> np.ndarray:
        import torch

        check_is_fitted(self)
        features, *arrays = (
            torch.from_numpy(np.asarray(each, dtype))
            for each in (validate_data(self, X, dtype=np.float32, reset=False), *self.coefs_, *self.intercepts_)
        )
        layers = list(zip(arrays[: len(self.coefs_)], arrays[len(self.coefs_) :], strict=True))
        with torch.inference_mode():
            return np.asarray(_forward(features, layers).numpy())


class MLPClassifier(ClassifierMixin, _MLP):
    __doc__ = f"""One hidden layer or more, softmax for classes and a logit for each label.

    y: (clips,) of two classes or more, or (clips, labels) of 0 and 1, where -1 means that nobody has judged that label for that clip; it
    is not learned from. {(_MLP.__doc__ or "")}"""

    takes_unjudged = True  # labels of -1

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, *, X_val: Any = None, y_val: Any = None) -> Self:
        """X, X_val: (clips, dim), finite. Raises ValueError where there is one class alone, or a label is not 0, 1 or -1."""
        from torch.nn.functional import cross_entropy

        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True)
        self.outputs_2d_ = y.ndim == 2 and y.shape[1] > 1
        if self.outputs_2d_:
            check_labels(y)
            self.classes_ = np.arange(y.shape[1])
            self._train(X, np.where(y == UNJUDGED, np.nan, y), judged_loss, X_val, y_val)
            return self
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"MLPClassifier needs samples of two classes or more; the data has 1 class: '{self.classes_[0]}'")
        self._train(X, np.eye(len(self.classes_))[index], cross_entropy, X_val, y_val)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """X: (clips, dim). The logits, (clips, classes or labels) float32; of two classes (clips,), that of the second less the first's."""
        scores = self._outputs(X)
        return scores if self.outputs_2d_ or len(self.classes_) > 2 else scores[:, 1] - scores[:, 0]

    def predict_proba(self, X: Any) -> np.ndarray:
        """X: (clips, dim). (clips, classes), or (clips, labels) the probability of each label by itself."""
        scores = self._outputs(X)
        return np.asarray(expit(scores) if self.outputs_2d_ else softmax(scores, axis=1))

    def predict(self, X: Any) -> np.ndarray:
        """X: (clips, dim). (clips,) a class each, or (clips, labels) 0 and 1."""
        scores = self._outputs(X)
        return (scores > 0).astype(np.int64) if self.outputs_2d_ else np.asarray(self.classes_[scores.argmax(axis=1)])


class MLPRegressor(RegressorMixin, _MLP):
    __doc__ = f"""One hidden layer or more under the mean squared error of targets that are standardised, so that their units are nothing.

    y: (clips,) or (clips, targets) of numbers. {(_MLP.__doc__ or "")}"""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, *, X_val: Any = None, y_val: Any = None) -> Self:
        """X, X_val: (clips, dim), finite."""
        from torch.nn.functional import mse_loss

        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True, y_numeric=True)
        self.flat_, y = y.ndim == 1, np.asarray(y, np.float64).reshape(len(y), -1)
        self.centre_, spread = y.mean(axis=0), y.std(axis=0)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        self._train(X, (y - self.centre_) / self.spread_, mse_loss, X_val, y_val)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X: (clips, dim). Shaped as y was, in its units, float64."""
        values = self._outputs(X, np.float64) * self.spread_ + self.centre_
        return np.asarray(values[:, 0] if self.flat_ else values)


def judged_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """The mean over what was judged, 0 where nothing was; truth is nan where nobody did."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    judged = ~truth.isnan()
    if judged.all():
        return binary_cross_entropy_with_logits(logits, truth)
    total = binary_cross_entropy_with_logits(logits, truth.nan_to_num(), weight=judged.to(logits), reduction="sum")
    return total / judged.sum().clamp(min=1)


def _forward(features: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    for number, (weights, bias) in enumerate(layers):
        features = (features if number == 0 else features.relu()) @ weights + bias
    return features
