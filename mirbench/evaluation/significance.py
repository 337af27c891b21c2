"""Significance: intervals by the bootstrap over groups, and paired differences.

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

from collections.abc import Callable, Sequence
from dataclasses import replace

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
    random = np.random.default_rng(seed)
    counts = np.empty((resamples, len(names)), dtype=np.int32)
    for row in counts:
        row[:] = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
    return counts[:, group_of_clip]


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


def seed_mean(metric: str | Metric, predictions: Sequence[Predictions], resamples: int = 1000, seed: int = 0) -> tuple[float, float, float]:
    """The mean of the metric over seeds and its 95 % interval: (value, low, high).

    predictions: one for each seed, of the same clips in any order; each is scored on the same resampled groups.
    Raises MirbenchError where their clips differ.
    """
    aligned = _align(list(predictions))
    return _with_interval(aligned[0], lambda weights: _mean(metric, aligned, weights), resamples, seed)


def paired_difference(
    metric: str | Metric, a: Sequence[Predictions], b: Sequence[Predictions], resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean over seeds of `a` minus that of `b`, and its 95 % interval: (difference, low, high).

    a, b: one Predictions for each seed, as many as there are; clips are matched by id, and both sides are scored on the same
    resampled groups. An interval without 0 is a difference that other pieces would be likely to confirm.
    Raises MirbenchError, naming how many, where the two sides have different clips, groups or targets.
    """
    aligned = _align([*a, *b])
    first, second = aligned[: len(a)], aligned[len(a) :]
    if not first or not second:
        raise MirbenchError("a comparison needs predictions on both sides, but one side has none.")

    def difference(weights: np.ndarray | None) -> np.ndarray:
        return _mean(metric, first, weights) - _mean(metric, second, weights)

    return _with_interval(aligned[0], difference, resamples, seed)


def _mean(metric: str | Metric, predictions: list[Predictions], weights: np.ndarray | None) -> np.ndarray:
    return np.mean([evaluate(metric, each, weights) for each in predictions], axis=0)


def _with_interval(
    predictions: Predictions, statistic: Callable[[np.ndarray | None], np.ndarray], resamples: int, seed: int
) -> tuple[float, float, float]:
    """The statistic of all clips, and the interval of its resamples, moved so that their mean is the statistic."""
    value = float(statistic(None)[0])
    if len(set(predictions.groups)) < 2:
        return value, float("nan"), float("nan")
    found = statistic(bootstrap_weights(predictions.groups, resamples, seed))
    if not np.isfinite(found).any():
        return value, float("nan"), float("nan")
    low, high = interval(found - (np.nanmean(found) - value))
    # the move must not push the interval of a metric out of [0, 1] where no resample leaves it
    return value, max(low, 0.0) if np.nanmin(found) >= 0 else low, min(high, 1.0) if np.nanmax(found) <= 1 else high


def _align(predictions: list[Predictions]) -> list[Predictions]:
    """The same predictions with their clips in the order of the first."""
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
