"""Standardisation of embeddings, some of whose columns may be constant but for rounding."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.preprocessing import StandardScaler

ROUNDING = 1e-6  # of the mean: a standard deviation that float32 can leave in a constant


class SteadyScaler(StandardScaler):
    """StandardScaler, to which a column that is constant up to float32 rounding becomes 0, whatever it is in other clips.

    >>> SteadyScaler().fit_transform([[0.0, 1e7], [2.0, 1e7 + 1]])
    array([[-1.,  0.],
           [ 1.,  0.]])
    """

    scale_: np.ndarray

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        super().partial_fit(X, y, sample_weight)
        self.scale_ = np.where(np.sqrt(self.var_) <= ROUNDING * np.abs(self.mean_), np.inf, self.scale_)
        return self
