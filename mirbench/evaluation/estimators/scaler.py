"""Standardisation of embeddings, some of whose columns may be constant but for rounding."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.preprocessing import StandardScaler

ROUNDING = 1e-6  # of the mean: a standard deviation that float32 can leave in a constant


class SteadyScaler(StandardScaler):
    """StandardScaler, to which a column that is constant up to float32 rounding becomes 0, whatever it is in other clips.

    >>> SteadyScaler().fit_transform([[0.0, 1e7], [2.0, 1e7 + 1]]).round() + 0
    array([[-1.,  0.],
           [ 1.,  0.]])
    """

    scale_: np.ndarray

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        super().partial_fit(X, y, sample_weight)
        if self.with_std:
            self.scale_ = np.where(np.sqrt(self.var_) <= ROUNDING * np.abs(self.mean_), np.inf, self.scale_)
        return self

    def inverse_transform(self, X: Any, copy: bool | None = None) -> np.ndarray:
        """As StandardScaler's; a column that was constant is its mean again."""
        with np.errstate(invalid="ignore"):  # nothing times infinity
            given = np.array(super().inverse_transform(np.asarray(X), copy=True))
        constant = np.isinf(self.scale_) if self.with_std else np.zeros(given.shape[1], bool)
        given[:, constant] = self.mean_[constant] if self.with_mean else 0.0
        return given
