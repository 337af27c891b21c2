"""Linear centred kernel alignment (CKA) of two embeddings of the same clips, debiased.

CKA (Kornblith et al. 2019) is HSIC(x, y) / sqrt(HSIC(x, x) HSIC(y, y)), of linear kernels K = x x'. With the plain estimator of HSIC two
embeddings that share nothing seem alike where there are not many more clips than dimensions: .47 for 300 clips of noise of 256 dimensions.
The unbiased one (Song et al. 2012), which takes no clip as its own pair, is at .01; Nguyen et al. (2021) use it for CKA, and Murphy et al.
(2024) show what the plain one does. So it is the only one here. Clips count as independent: those of a group that are alike raise it where
groups are few.

Embeddings are taken as they are, as in the literature, less their mean: CKA stays the same under a rotation or a scaling of all dimensions,
not under one of single dimensions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mirbench.evaluation.similarity.ratio import Ratio
from mirbench.evaluation.statistics.estimates import of_one_training
from mirbench.evaluation.statistics.resampling import weights_of

FEWEST = 5  # clips: HSIC needs 4, and its resamples one that can be left out
NOTHING = 1e-12  # HSIC of an embedding with itself, over its squared variance, that is nothing but rounding


class Kernel:
    """The linear kernel of an embedding, which its alignment with any other is made of; 8 clips^2 bytes.

    embeddings: (clips, dim) float. products: (clips, clips) float64, of the centred embeddings, with a diagonal of zeros. sums: (clips,),
    of its rows. own: HSIC with itself, and how much each clip moves that; nan of fewer than 5 clips, and where the embedding is constant
    but for float32 rounding.
    """

    def __init__(self, embeddings: np.ndarray) -> None:
        centred = _centred(embeddings)
        self.products = centred @ centred.T
        scale = float(np.mean(np.diag(self.products))) if len(centred) else 0.0
        np.fill_diagonal(self.products, 0.0)
        self.sums = self.products.sum(axis=1)
        self.own = _hsic(self, self)
        if len(self) < FEWEST or self.own[0] <= NOTHING * scale**2:
            self.own = math.nan, np.full(len(self), np.nan)

    def __len__(self) -> int:
        return len(self.products)


def linear_cka(first: Kernel, second: Kernel) -> Ratio:
    """Debiased linear CKA: 1 for embeddings that are one up to rotation, scale and mean, about 0 for those that share nothing, or below it.

    first, second: of the same clips; the dimensions may differ. nan where either has no HSIC with itself. Resamples are of the first order:
    `top` is the value and how much each clip moves it (the jackknife), so that they add up over clips, whatever was drawn with it. Raises
    ValueError where the numbers of clips disagree.

    >>> clips = np.random.default_rng(0).normal(size=(100, 8))
    >>> round(linear_cka(Kernel(clips), Kernel(3 * clips[:, ::-1] + 1)).value, 6)
    1.0
    """
    if len(first) != len(second):
        raise ValueError(f"embeddings of {len(first)} and {len(second)} clips should be of the same clips")
    (xx, moved_xx), (yy, moved_yy) = first.own, second.own
    xy, moved_xy = first.own if first is second else _hsic(first, second)
    value = xy / math.sqrt(xx * yy)
    moved = moved_xy / math.sqrt(xx * yy) - value * (moved_xx / xx + moved_yy / yy) / 2
    return Ratio(value + moved, np.ones(len(first)))


def pairwise_cka(embeddings: Iterable[np.ndarray], groups: Sequence[str], resamples: int) -> np.ndarray:
    """(3, k, k) float64: the linear CKA of each two of k embeddings, and the ends of its 95 % interval over groups of clips.

    embeddings: (clips, dim) each, of the same clips. groups: of the clips; of fewer than two there is no interval, and else it lies in
    [-1, 1], as of correlations by Fisher's z (1915). The diagonal is 1, but nan of an embedding without structure.
    """
    kernels = [Kernel(each) for each in embeddings]
    found = np.full((3, len(kernels), len(kernels)), np.nan)
    if not kernels:
        return found
    drawn, pairs = len(set(groups)), list(itertools.combinations(range(len(kernels)), 2))
    measured = [linear_cka(kernels[i], kernels[j]) for i, j in pairs]
    resampled = np.full((len(pairs), resamples), np.nan)
    if drawn > 1:
        weights = weights_of(tuple(groups), frozenset(groups), resamples, 0)
        resampled = np.array([each.under(weights) for each in measured]).reshape(resampled.shape).clip(-1, 1)
    names, values = [f"{i} {j}" for i, j in pairs], [each.value for each in measured]
    shares = [(1 + value) / 2 for value in values]  # of which the log odds are twice the z
    for (i, j), value, (_, _, *ends) in zip(pairs, values, of_one_training(names, shares, (1 + resampled) / 2, drawn), strict=True):
        found[:, i, j] = found[:, j, i] = [value, *np.clip(2 * np.array(ends) - 1, -1, 1)]
    for i, kernel in enumerate(kernels):
        found[:, i, i] = np.nan if math.isnan(kernel.own[0]) else 1.0
    return found


def _centred(embeddings: np.ndarray) -> np.ndarray:
    """Less their mean, and at most 1 in size; columns that are constant but for rounding are 0."""
    from mirbench.evaluation.estimators.scaler import ROUNDING

    rows = np.asarray(embeddings, np.float64)
    rows = rows / max(np.abs(rows).max(initial=0.0), np.finfo(np.float64).tiny)
    if not len(rows):
        return rows
    mean = rows.mean(axis=0)
    return np.where(rows.std(axis=0) <= ROUNDING * np.abs(mean), 0.0, rows - mean)


def _hsic(x: Kernel, y: Kernel) -> tuple[float, np.ndarray]:
    """The unbiased estimator, and (clips,) how much each clip moves it: clips - 1 times what leaving it out takes away, less the mean.

    Of kernels K and L without their diagonals it is [sum_ij K_ij L_ij + sum(K) sum(L) / ((n - 1) (n - 2)) - 2 / (n - 2) sum_i K_i L_i] /
    (n (n - 3)).
    """
    clips = len(x)
    if clips < FEWEST:
        return math.nan, np.full(clips, np.nan)
    sums = x.sums * y.sums  # K_i L_i
    pairs = np.einsum("ij,ij->i", x.products, y.products)
    crossed = x.products @ y.sums + y.products @ x.sums  # sum_j K_ij L_j + L_ij K_j
    value = _estimate(pairs.sum(), x.sums.sum() * y.sums.sum(), sums.sum(), clips)
    totals = (x.sums.sum() - 2 * x.sums) * (y.sums.sum() - 2 * y.sums)
    without = _estimate(pairs.sum() - 2 * pairs, totals, sums.sum() - sums - crossed + pairs, clips - 1)
    moved = (clips - 1) * (value - without)
    return float(value), moved - moved.mean()


def _estimate(pairs: Any, totals: Any, rows: Any, clips: int) -> Any:
    return (pairs + totals / ((clips - 1) * (clips - 2)) - 2 * rows / (clips - 2)) / (clips * (clips - 3))
