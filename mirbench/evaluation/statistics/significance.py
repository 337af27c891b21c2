"""Significance: intervals by the bootstrap over groups, paired differences, and p-values corrected for how many there are.

What the interval means: clips of one group (piece, artist, instrument) are alike, so groups, not clips, are drawn again with
replacement (the cluster bootstrap, Davison and Hinkley 1997, section 3.8), and the 2.5 and 97.5 percentiles of the metric over
the resamples are the 95 % interval. It answers "with other pieces of this kind, where would the number have been?" for the
trained probes as they are. A resample repeats clips, which flatters average precision (twins rank beside each other), so the
resamples are first moved by the bootstrap's estimate of that bias, their mean less the value (Davison and Hinkley, section 2.3);
for metrics that are means over clips it is next to nothing, and it never moves
an interval out of [0, 1]. The same resamples are used for every seed and for both sides of a
comparison, so what is common to them cancels. With one group there is nothing to resample: the interval is (nan, nan).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np

from mirbench.evaluation.probing.metrics import Metric, evaluate
from mirbench.records import Predictions

NORMAL = 1.959963984540054  # standard errors from the middle of the normal distribution to the ends of its central 95 %
ROUNDING = 1e-12


def bootstrap_weights(groups: Sequence[str], resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """How often each clip counts in each resample of the groups, drawn with replacement.

    groups: (clips,) the group of each clip. Returns (resamples, clips) int32; the clips of a group share a count, and the
    counts of the groups of a resample add up to the number of groups. Depends on the set of groups and the seed, not on the
    order of clips; the global generators are left alone.

    >>> weights = bootstrap_weights(["a", "a", "b"], resamples=4)
    >>> weights[:, 0] + weights[:, 2]
    array([2, 2, 2, 2], dtype=int32)
    """
    names, group_of_clip = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    drawn = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
    drawn += len(names) * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
    return counts.astype(np.int32)[:, group_of_clip]


@lru_cache(maxsize=4)
def _weights(groups: tuple[str, ...], drawn: frozenset[str], resamples: int, seed: int) -> np.ndarray:
    """bootstrap_weights of clips when groups are drawn from `drawn`; made once for the many conditions of a sweep."""
    names = sorted(drawn)
    place = {name: i for i, name in enumerate(names)}
    weights = bootstrap_weights(names, resamples, seed)[:, [place[group] for group in groups]]
    weights.flags.writeable = False
    return weights


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The central percentile interval of (resamples,) values; nan values are left out, (nan, nan) where nothing is left.

    >>> low, high = interval(np.arange(101.0), level=0.9)
    >>> round(low, 6), round(high, 6)
    (5.0, 95.0)
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level} should be between 0 and 1")
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def measure(
    metrics: Sequence[str | Metric], predictions: Predictions, resamples: int = 1000, seed: int = 0, groups: Collection[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Each metric of all clips, (metrics,), and of each resample of the groups, (metrics, resamples); float64.

    The resamples depend on the set of groups and the seed alone: what other encoders, seeds and corruptions get for the same groups
    can be compared with it resample by resample. groups: drawn from, with those of the predictions, where a corruption may have left
    all clips of a group out, so that what it left is still resampled as the rest is. nan where there is one group only.
    """
    values = np.array([evaluate(metric, predictions)[0] for metric in metrics])
    drawn = frozenset(predictions.groups) | frozenset(groups)
    if len(drawn) < 2:
        return values, np.full((len(metrics), resamples), np.nan)
    weights = _weights(tuple(predictions.groups), drawn, resamples, seed)
    return values, np.array([evaluate(metric, predictions, weights) for metric in metrics]).reshape(len(metrics), resamples)


def bias_corrected(value: float, resampled: np.ndarray) -> np.ndarray:
    """The resamples less the bootstrap's estimate of their bias, so that their mean is the value; all nan as they are."""
    return resampled - (np.nanmean(resampled) - value) if np.isfinite(resampled).any() else resampled


def resampled_interval(value: float, resampled: np.ndarray, bounded: bool = True) -> tuple[float, float]:
    """The 95 % interval of a value from what it is in each resample, (resamples,): their percentiles, after `bias_corrected`.

    bounded: the move must not push an end out of [0, 1] where no resample leaves it; False for a difference.
    (nan, nan) where no resample is defined.
    """
    low, high = interval(bias_corrected(value, resampled))
    if bounded and not math.isnan(low):
        return max(low, 0.0) if np.nanmin(resampled) >= 0 else low, min(high, 1.0) if np.nanmax(resampled) <= 1 else high
    return low, high


def p_value(value: float, low: float, high: float) -> float:
    """Two-sided p of a difference against no difference, from its 95 % interval: below .05 exactly where that leaves 0 out.

    A normal distribution whose standard error is that of the side of the interval which faces 0, as a difference of ratios has a heavy
    tail on the other. Not the share of resamples beyond 0, which cannot be below 2 in 1,000, while `holm` over hundreds of lines needs
    smaller ones: what is far below that is an extrapolation. A little too small where there are few groups. 1 where nothing ever
    differs, nan where there is no interval.

    >>> round(p_value(2.0, 2 - NORMAL, 9.0), 3), p_value(1.0, -0.01, 2.0) > 0.05, p_value(0.0, 0.0, 0.0)
    (0.046, True, 1.0)
    """
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return math.nan
    if abs(value) < ROUNDING:
        return 1.0
    error = (value - low if value > 0 else high - value) / NORMAL
    if error < ROUNDING:
        return 0.0
    p = math.erfc(abs(value) / error / math.sqrt(2))
    return max(p, 0.05) if low <= 0 <= high else p


def holm(p: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, in the same order (Holm 1979, step down): those below .05 are, all together, wrong
    with a chance of at most .05, however they depend on each other. nan stays nan and is not counted.

    >>> holm([0.01, 0.04, 0.03, float("nan")])
    [0.03, 0.06, 0.06, nan]
    """
    values = np.asarray(p, dtype=np.float64)
    ascending = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]  # nan sorts last
    adjusted = np.full(len(values), np.nan)
    adjusted[ascending] = np.minimum(1, np.maximum.accumulate(values[ascending] * np.arange(len(ascending), 0, -1)))
    return [float(x) for x in adjusted]
