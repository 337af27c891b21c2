"""Few labels a class: which training clips a probe may learn from."""

from __future__ import annotations

import hashlib

import numpy as np


def few_rows(targets: np.ndarray, target: str, shots: int, draw: str) -> np.ndarray:
    """The clips that are first in a random order for one of their classes: of each class the first `shots`, in ascending order of places.

    targets: as `records.Predictions` has them for the kind of target; of labels, those that a clip has. Of a regression, which has no
    classes, the first `shots` clips. draw: names the order, the same whatever the number of shots, so that few are among more.

    >>> few_rows(np.array([0, 0, 0, 1, 1, 2]), "multiclass", 1, "a").size
    3
    """
    seed = int.from_bytes(hashlib.sha256(draw.encode(errors="surrogatepass")).digest()[:8], "big")
    order = np.random.default_rng(seed).permutation(len(targets))
    if target == "regression":
        return np.sort(order[:shots])
    has = targets[:, None] == np.unique(targets) if target == "multiclass" else targets == 1
    ranks = np.where(has[order], has[order].cumsum(axis=0), shots + 1)
    return np.sort(order[(ranks <= shots).any(axis=1)])
