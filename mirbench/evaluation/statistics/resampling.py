"""What a metric is when groups of clips are drawn again.

Clips of one group (piece, artist, instrument) are alike, so groups, not clips, are drawn with replacement (the cluster bootstrap, Davison
and Hinkley 1997, section 3.8). A resample repeats clips, which flatters average precision (twins rank beside each other), so resamples are
moved by the bootstrap's estimate of that bias, their mean less the value (section 2.3); of metrics that are means over clips it is next to
nothing. The same resamples are used for every encoder, seed and corruption on the same groups, so what is common to them cancels in a
difference. With one group there is nothing to resample.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np

from mirbench.evaluation.probing.metrics import Metric, evaluate
from mirbench.records import Predictions


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
    random, count = np.random.default_rng(seed), len(names)
    weights = np.empty((resamples, len(group_of_clip)), np.int32)
    for row in weights:
        row[:] = np.bincount(random.integers(count, size=count), minlength=count)[group_of_clip]
    return weights


@lru_cache(maxsize=4)
def weights_of(groups: tuple[str, ...], drawn: frozenset[str], resamples: int, seed: int) -> np.ndarray:
    """bootstrap_weights of clips when groups are drawn from `drawn`; made once for the many conditions of a sweep."""
    names = sorted(drawn)
    place = {name: i for i, name in enumerate(names)}
    weights = np.take(bootstrap_weights(names, resamples, seed), [place[group] for group in groups], axis=1)
    weights.flags.writeable = False
    return weights


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
    weights = weights_of(tuple(predictions.groups), drawn, resamples, seed)
    return values, np.array([evaluate(metric, predictions, weights) for metric in metrics]).reshape(len(metrics), resamples)


def bias_corrected(value: float, resampled: np.ndarray) -> np.ndarray:
    """The resamples less the bootstrap's estimate of their bias, so that their mean is the value; all nan as they are."""
    return resampled - (np.nanmean(resampled) - value) if np.isfinite(resampled).any() else resampled
