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
from dataclasses import replace
from functools import lru_cache

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.evaluation.metrics import Metric, evaluate
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


def moved(value: float, resampled: np.ndarray) -> np.ndarray:
    """The resamples less the bootstrap's estimate of their bias, so that their mean is the value; all nan as they are."""
    return resampled - (np.nanmean(resampled) - value) if np.isfinite(resampled).any() else resampled


def resampled_interval(value: float, resampled: np.ndarray, bounded: bool = True) -> tuple[float, float]:
    """The 95 % interval of a value from what it is in each resample, (resamples,): their percentiles, after `moved`.

    bounded: the move must not push an end out of [0, 1] where no resample leaves it; False for a difference.
    (nan, nan) where no resample is defined.
    """
    low, high = interval(moved(value, resampled))
    if bounded and not math.isnan(low):
        return max(low, 0.0) if np.nanmin(resampled) >= 0 else low, min(high, 1.0) if np.nanmax(resampled) <= 1 else high
    return low, high


def p_value(value: float, resampled: np.ndarray) -> float:
    """Two-sided p of a difference against no difference: the normal distribution with the standard error of its resamples.

    Not the share of resamples beyond 0, which cannot be below 2 in 1,000, while `holm` over hundreds of lines needs smaller ones.
    A little too small where there are few groups. nan where fewer than two resamples are defined, 1 where nothing ever differs.

    >>> resampled = 2 + np.random.default_rng(0).standard_normal(100_000)
    >>> round(p_value(2, resampled), 2), p_value(0, 0 * resampled)
    (0.05, 1.0)
    """
    resampled = resampled[np.isfinite(resampled)]
    if len(resampled) < 2 or math.isnan(value):
        return math.nan
    error = float(np.std(resampled, ddof=1))
    if error < 1e-12:  # rounding
        return 1.0 if abs(value) < 1e-12 else 0.0
    return math.erfc(abs(value) / error / math.sqrt(2))


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


def seed_mean(metric: str | Metric, predictions: Sequence[Predictions], resamples: int = 1000, seed: int = 0) -> tuple[float, float, float]:
    """The mean of the metric over seeds and its 95 % interval: (value, low, high).

    predictions: one for each seed, of the same clips in any order; each is scored on the same resampled groups.
    Raises MirbenchError where their clips differ.
    """
    value, resampled = _mean(metric, align(list(predictions)), resamples, seed)
    return value, *resampled_interval(value, resampled)


def paired_difference(
    metric: str | Metric, a: Sequence[Predictions], b: Sequence[Predictions], resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean over seeds of `a` minus that of `b`, and its 95 % interval: (difference, low, high).

    a, b: one Predictions for each seed, as many as there are; clips are matched by id, and both sides are scored on the same
    resampled groups. An interval without 0 is a difference that other pieces would be likely to confirm.
    Raises MirbenchError, naming how many, where the two sides have different clips, groups or targets.
    """
    aligned = align([*a, *b])
    if not a or not b:
        raise MirbenchError("a comparison needs predictions on both sides, but one side has none.")
    first, second = (_mean(metric, side, resamples, seed) for side in (aligned[: len(a)], aligned[len(a) :]))
    difference, resampled = first[0] - second[0], first[1] - second[1]
    return difference, *resampled_interval(difference, resampled)


def _mean(metric: str | Metric, predictions: list[Predictions], resamples: int, seed: int) -> tuple[float, np.ndarray]:
    found = [measure([metric], each, resamples, seed) for each in predictions]
    return float(np.mean([values[0] for values, _ in found])), np.mean([resampled[0] for _, resampled in found], axis=0)


def align(predictions: Sequence[Predictions]) -> list[Predictions]:
    """The same predictions with their clips in the order of the first.

    Raises MirbenchError, naming how many, where they have different clips, groups or targets.
    """
    if not predictions:
        raise MirbenchError("there are no predictions to score.")
    first = predictions[0]
    if len(set(first.clip_ids)) != len(first.clip_ids):
        raise MirbenchError(
            f"{len(first.clip_ids) - len(set(first.clip_ids))} clip ids occur twice among the predictions; ids must be unique."
        )
    aligned = [first]
    for other in predictions[1:]:
        if other.clip_ids != first.clip_ids:
            other = _reorder(other, first.clip_ids)
        groups = sum(mine != theirs for mine, theirs in zip(first.groups, other.groups, strict=True))
        if groups:
            raise MirbenchError(
                f"the groups of {groups} clips differ between the predictions; compare runs on the same version of the data."
            )
        if (other.target, other.classes) != (first.target, first.classes):
            raise MirbenchError(
                f"the predictions are of different classes ({len(first.classes)} and {len(other.classes)}); compare one task."
            )
        if not np.array_equal(first.targets, other.targets):
            wrong = np.reshape(np.asarray(first.targets) != other.targets, (len(first.clip_ids), -1)).any(axis=1).sum()
            raise MirbenchError(
                f"the targets of {wrong} clips differ between the predictions; compare runs on the same version of the data."
            )
        aligned.append(other)
    return aligned


def _reorder(predictions: Predictions, clip_ids: tuple[str, ...]) -> Predictions:
    place = {clip: row for row, clip in enumerate(predictions.clip_ids)}
    differ = len(set(clip_ids) ^ set(place))
    if differ or len(predictions.clip_ids) != len(clip_ids):
        raise MirbenchError(
            f"the predictions are not of the same clips: {differ} ids are in one and not in the other"
            f" ({len(clip_ids)} clips and {len(predictions.clip_ids)}); score both on the clips that they share."
        )
    rows = [place[clip] for clip in clip_ids]
    groups = tuple(predictions.groups[row] for row in rows)
    return replace(
        predictions,
        clip_ids=clip_ids,
        groups=groups,
        targets=np.asarray(predictions.targets)[rows],
        scores=np.asarray(predictions.scores)[rows],
    )
