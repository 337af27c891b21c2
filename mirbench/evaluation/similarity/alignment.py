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
from collections.abc import Sequence
from typing import Any

import numpy as np

from mirbench.evaluation.similarity.directions import products
from mirbench.evaluation.similarity.ratio import Ratio

FEWEST = 5  # clips: HSIC needs 4, and its resamples one that can be left out
NOTHING = 1e-12  # HSIC of an embedding with itself, over its squared variance, that is nothing but rounding


def linear_cka(first: np.ndarray, second: np.ndarray) -> Ratio:
    """Debiased linear CKA: 1 for embeddings that are one up to rotation, scale and mean, about 0 for those that share nothing, or below it.

    first, second: (clips, dim) float, of the same clips; the dimensions may differ. nan of fewer than 5 clips, or where one is constant,
    but for float32 rounding. Resamples are of the first order: `top` is the value and how much each clip moves it (the jackknife), so that
    they add up over clips, whatever was drawn with it. Raises ValueError where the numbers of clips disagree.
    """
    if len(first) != len(second):
        raise ValueError(f"embeddings of {len(first)} and {len(second)} clips should be of the same clips")
    clips = len(first)
    if clips < FEWEST:
        return Ratio(np.full(clips, np.nan), np.ones(clips))
    x, y = _centred(first), _centred(second)
    (xy, moved_xy), (xx, moved_xx), (yy, moved_yy) = _hsic(x, y), _hsic(x, x), _hsic(y, y)
    if xx == 0 or yy == 0:
        return Ratio(np.full(clips, np.nan), np.ones(clips))
    value = xy / np.sqrt(xx * yy)
    moved = moved_xy / np.sqrt(xx * yy) - value * (moved_xx / xx + moved_yy / yy) / 2
    return Ratio(value + moved, np.ones(clips))


def cka_matrix(embeddings: Sequence[np.ndarray]) -> np.ndarray:
    """(k, k) float64, symmetric: `linear_cka(...).value` of each two of k embeddings, (clips, dim) each, of the same clips.
    By their kernels, which take 8 clips^2 bytes each."""
    if len({len(each) for each in embeddings}) > 1:
        raise ValueError(f"embeddings of {', '.join(str(len(each)) for each in embeddings)} clips should be of the same clips")
    matrix = np.full((len(embeddings), len(embeddings)), np.nan)
    if not len(embeddings) or len(embeddings[0]) < FEWEST:
        return matrix
    clips, kernels = len(embeddings[0]), [_kernel(_centred(each)) for each in embeddings]
    sums = [kernel.sum(axis=1) for kernel in kernels]

    def hsic(i: int, j: int) -> float:
        pairs, rows = np.vdot(kernels[i], kernels[j]), sums[i] @ sums[j]
        return float(_estimate(pairs, sums[i].sum() * sums[j].sum(), rows, clips))

    own = [hsic(i, i) for i in range(len(kernels))]
    own = [each if each >= NOTHING * (sums[i].sum() / clips) ** 2 else 0.0 for i, each in enumerate(own)]
    for i, j in itertools.combinations_with_replacement(range(len(kernels)), 2):
        if own[i] > 0 and own[j] > 0:
            matrix[i, j] = matrix[j, i] = 1.0 if i == j else hsic(i, j) / np.sqrt(own[i] * own[j])
    return matrix


def _kernel(centred: np.ndarray) -> np.ndarray:
    """(clips, clips) the linear one, without its diagonal."""
    kernel = centred @ centred.T
    np.fill_diagonal(kernel, 0.0)
    return np.asarray(kernel)


def _centred(embeddings: np.ndarray) -> np.ndarray:
    """Less their mean, and at most 1 in size; columns that are constant but for rounding are 0."""
    from mirbench.evaluation.estimators.scaler import ROUNDING

    rows = np.asarray(embeddings, np.float64)
    rows = rows / max(np.abs(rows).max(initial=0.0), np.finfo(np.float64).tiny)
    mean = rows.mean(axis=0)
    return np.where(rows.std(axis=0) <= ROUNDING * np.abs(mean), 0.0, rows - mean)


def _hsic(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The unbiased estimator, and (clips,) how much each clip moves it: clips - 1 times what leaving it out takes away, less the mean.

    x, y: centred. Of kernels K and L without their diagonals it is [sum_ij K_ij L_ij + sum(K) sum(L) / ((n - 1) (n - 2)) - 2 / (n - 2)
    sum_i K_i L_i] / (n (n - 3)). The sum of a row, K_i, is -|x_i|^2, as those of the whole kernel are 0.
    """
    clips, of_x, of_y = len(x), (x**2).sum(axis=1), (y**2).sum(axis=1)
    sums = of_x * of_y  # K_i L_i
    pairs = _kernel_products(x, y) - sums
    crossed = 2 * sums - x @ (x.T @ of_y) - y @ (y.T @ of_x)  # sum_j K_ij L_j + L_ij K_j
    value = _estimate(pairs.sum(), of_x.sum() * of_y.sum(), sums.sum(), clips)
    totals = (of_x.sum() - 2 * of_x) * (of_y.sum() - 2 * of_y)
    without = _estimate(pairs.sum() - 2 * pairs, totals, sums.sum() - sums - crossed + pairs, clips - 1)
    if x is y and value < NOTHING * of_x.mean() ** 2:
        value = 0.0
    moved = (clips - 1) * (value - without)
    return float(value), moved - moved.mean()


def _estimate(pairs: Any, totals: Any, rows: Any, clips: int) -> Any:
    return (pairs + totals / ((clips - 1) * (clips - 2)) - 2 * rows / (clips - 2)) / (clips * (clips - 3))


def _kernel_products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(clips,) sum_j K_ij L_ij, through the kernels where there are fewer clips than dimensions, and else through x' y."""
    if len(x) * (x.shape[1] + y.shape[1]) > 2 * x.shape[1] * y.shape[1]:
        return np.asarray(np.einsum("id,id->i", x @ (x.T @ y), y))
    return np.concatenate([(k * l_).sum(axis=1) for (_, k), (_, l_) in zip(products(x, x), products(y, y), strict=True)])
