"""A measure as a ratio of sums over clips, so that a thousand resamples of groups are a product with their weights.

What a resample means for a measure of pairs: a clip that is drawn twice is not its own neighbour. Each clip, as a query, is compared once
with all others, the gallery as it is, and resamples weight what was found of it. Where other clips in the gallery would move the measure as
much as other queries do, namely the distance between clips, retrieval by labels and CKA, `top` and `bottom` hold the first-order part of
that too: for a mean over pairs, each clip's own mean with twice its deviation (Hoeffding 1948).

Of 500 simulated data sets of 20, 100 and 400 groups of 1 to 5 clips each, 95 % intervals (`statistics.estimates`) held the mean over data
sets of that size in these shares, of which the standard error is .01; the program tests/helpers/resembling.py prints them.

    cosine_shift       .928 .954 .950      calibration_error  .970 .960 .958      map_same_group     .934 .950 .946
    recall_at_1        .958 .962 .972      brier_score        .950 .960 .946      map_same_label     .950 .956 .950
    recall_at_10       .978 .952 .960      flip_rate          .936 .958 .944      linear_cka         .898 .956 .936

Recall, retrieval of a group and the calibration error depend on how many clips there are, and so does what their intervals are of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirbench.evaluation.probing.metric_functions import divide


@dataclass(frozen=True)
class Ratio:
    """top, bottom: (clips,) float64. The value is the sum of `top` over that of `bottom`, nan where the latter is not above 0.

    >>> Ratio(np.array([1.0, 0.0, 3.0]), np.array([1.0, 1.0, 2.0])).under(np.array([[1, 1, 1], [2, 0, 1]]))
    array([1.  , 1.25])
    """

    top: np.ndarray
    bottom: np.ndarray

    @property
    def value(self) -> float:
        return float(self.under(np.ones((1, len(self.top))))[0])

    def under(self, weights: np.ndarray) -> np.ndarray:
        """(resamples,) float64. weights: (resamples, clips), how often each clip counts, as `bootstrap_weights` gives them."""
        return divide(weights @ self.top, weights @ self.bottom)
