"""The class whose mean is nearest, of as few as one clip a class."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.neighbors import NearestCentroid


class CentroidClassifier(NearestCentroid):
    """scikit-learn's NearestCentroid, whose scores are distances over the standard deviation within classes. Of one clip of each class,
    where that is not defined and NearestCentroid gives nan, they are distances as they are.

    >>> CentroidClassifier().fit([[0.0, 1.0], [2.0, 1.0]], ["left", "right"]).decision_function([[0.5, 1.0]]) < 0
    array([ True])
    """

    within_class_std_dev_: np.ndarray

    def fit(self, X: Any, y: Any) -> Self:
        """X: (clips, dim), finite. y: (clips,) of two classes or more."""
        with np.errstate(invalid="ignore"):  # nothing over nothing
            super().fit(X, y)
        if np.isnan(self.within_class_std_dev_).any():
            self.within_class_std_dev_ = np.ones_like(self.within_class_std_dev_)
        return self
