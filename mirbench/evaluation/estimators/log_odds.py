"""Probabilities as scores: their logarithm, and their log odds."""

from __future__ import annotations

import numpy as np


def log_of(probability: np.ndarray) -> np.ndarray:
    """Finite for 0 too, which counts as the least number of float32.

    >>> log_of(np.array([0.0, 1.0])).round(2)
    array([-87.34,   0.  ])
    """
    return np.log(np.maximum(probability, np.finfo(np.float32).tiny))


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Finite for 0 and 1 too."""
    return log_of(probability) - log_of(1 - probability)
