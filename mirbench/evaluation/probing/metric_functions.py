"""The functions of metrics, for one weighting of the clips or for a thousand bootstrap resamples at once.

Conventions: `targets` and `scores` are those of `records.Predictions`; `classes` is the published order; `weights` is
(resamples, clips), non-negative, how often each clip counts. A result is (resamples,) float64 and equals what repeating the
clips literally would give; nan where the metric is undefined. The predicted class of a multiclass clip is the argmax of its
scores, the first of equals. A multilabel target of -1 is a label that nobody has judged for that clip: the clip is left out of
that label. Ranges: 0 to 1, r2 minus infinity to 1. Chance: macro_roc_auc .5, macro_average_precision the mean
prevalence, r2 0.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.notation import parse_key

EXACT = 2**24  # below which float32 holds every whole number
AT_ONCE, LEAST_AT_ONCE = 500_000, 128  # clips times resamples, and resamples
CLIPS_AT_ONCE = 4096
DENSEST = 48  # entries a clip of a table of counts, beyond which most are 0 and a product is slower than sums

PerClip = Callable[[np.ndarray, np.ndarray, tuple[str, ...]], np.ndarray]
"""((clips,) int target index, (clips,) int predicted index, classes) -> (clips,) score of each clip."""


@dataclass(frozen=True)
class mean_of:
    """A metric function that is the weighted mean of a score per clip, for multiclass targets.

    >>> from mirbench import Metric
    >>> near = lambda target, predicted, classes: abs(target - predicted) <= 1
    >>> metric = Metric("near", "within one class", frozenset({"multiclass"}), mean_of(near))
    >>> metric.function(np.array([0, 2]), np.eye(3)[[1, 0]], ("a", "b", "c"), np.ones((1, 2)))
    array([0.5])
    """

    per_clip: PerClip

    def __call__(self, targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
        values = np.asarray(self.per_clip(targets, scores.argmax(axis=1), classes), dtype=np.float64)
        return divide(weights @ values, weights.sum(axis=1))


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:  # nan where the denominator is not above 0
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0)


# Multilabel ----------------------------------------------------------------------------------------------------------


Area = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Of one label, from the highest score down, at each distinct score that a positive clip has: (weight of positives at it, of true
positives, above or at it, of negatives above it, of false positives, above or at it), each (thresholds, resamples), and the weight of all
negatives, (resamples,) -> (resamples,), nan where there are no positives. Above and above-or-at are one array where no score is shared."""


def _areas(area: Area, targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Iterator[np.ndarray]:
    """The area of each label, (resamples,), nan in a resample without its positives or its negatives.

    Labels that are never positive or never negative are passed over, clips whose label is not judged too. Clips are sorted once a label,
    whatever the number of resamples; of few clips, a block of resamples stays in the processor's cache.
    """
    blocks, group = _distinct_weights(weights)
    for label in range(scores.shape[1]):
        order = np.argsort(-scores[:, label], kind="stable")
        judged = targets[order, label]
        above, below = order[judged > 0], order[judged == 0]
        if not len(above) or not len(below):
            continue
        rank = -scores[above, label]
        ends = np.flatnonzero(np.r_[rank[1:] != rank[:-1], True])
        negatives = -scores[below, label]
        first = np.searchsorted(negatives, rank[ends], "left")
        last = np.searchsorted(negatives, rank[ends], "right")
        true_positives_in = _running(group[above], ends + 1, blocks[0])
        false_positives_in = _running(group[below], np.r_[last, len(below)], blocks[0])
        above_in = false_positives_in if (first == last).all() else _running(group[below], np.r_[first, len(below)], blocks[0])
        results = []
        for group_weights in blocks:
            true_positives, false_positives = true_positives_in(group_weights), false_positives_in(group_weights)
            false_positives, all_negatives = false_positives[:-1], false_positives[-1]
            at = true_positives.copy()
            at[1:] -= true_positives[:-1]
            above_at = false_positives if above_in is false_positives_in else above_in(group_weights)[:-1]
            value = area(at, true_positives, above_at, false_positives, all_negatives)
            results.append(np.where(all_negatives > 0, value, np.nan))
        yield np.concatenate(results)


def _distinct_weights(weights: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Clips that count alike in every resample, as those of a group do, as one: the weights of these groups, a few resamples at a time,
    (groups, some) each, and the group of each clip. They are float32 where that holds every sum of them exactly."""
    number: dict[bytes, int] = {}
    group = np.empty(weights.shape[1], np.int32)
    for begin in range(0, len(group), CLIPS_AT_ONCE):
        for at, row in enumerate(np.ascontiguousarray(weights[:, begin : begin + CLIPS_AT_ONCE].T), begin):
            group[at] = number.setdefault(hashlib.blake2b(row, digest_size=16).digest(), len(number))
    first = np.unique(group, return_index=True)[1]
    kind = np.float32 if weights.dtype.kind in "iu" and weights.sum(axis=1).max() < EXACT else np.float64
    step = max(LEAST_AT_ONCE, AT_ONCE // len(group))
    blocks = (weights[begin : begin + step][:, first].T for begin in range(0, len(weights), step))
    return [np.ascontiguousarray(block, kind) for block in blocks], group


def _running(group: np.ndarray, upto: np.ndarray, by_group: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What gives the weight of the first upto[k] clips, (len(upto), resamples), for weights such as by_group, (groups, resamples).

    group: (clips,) that of each clip. upto: ascending. A product with how many clips of each group those are, or, where there are
    many small groups, sums stretch by stretch.
    """
    groups = len(by_group)
    if len(upto) * groups > DENSEST * len(group):
        from scipy.sparse import csr_array

        count = int(upto[-1])
        ends = np.r_[0, upto].astype(np.int32)
        stretches = csr_array((np.ones(count, by_group.dtype), group[:count], ends), shape=(len(upto), groups))

        def summed(weights: np.ndarray) -> np.ndarray:
            sums = (stretches @ weights).astype(np.float64)
            for before, after in itertools.pairwise(sums):  # ten times as fast as cumsum, which goes down column by column
                after += before
            return sums

        return summed
    stretch = np.searchsorted(upto, np.arange(upto[-1]), "right")
    counts = np.bincount(stretch * groups + group[: upto[-1]], minlength=len(upto) * groups).reshape(len(upto), groups)
    return np.cumsum(counts, axis=0, dtype=np.float64).__matmul__


def _mean_defined(values: Iterator[np.ndarray], resamples: int) -> np.ndarray:
    """The mean over labels of what is not nan; nan where nothing is left."""
    total, count = np.zeros(resamples), np.zeros(resamples)
    for value in values:
        defined = ~np.isnan(value)
        total += np.where(defined, value, 0.0)
        count += defined
    return divide(total, count)


def macro_roc_auc(targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """Mean over labels of the chance that a positive clip scores above a negative one, a tie counting half (Mann-Whitney U).

    A label without positives or without negatives in a resample is left out of that resample's mean.

    >>> macro_roc_auc(np.array([[1], [0], [0]]), np.array([[0.7], [0.7], [0.1]]), ("piano",), np.ones((1, 3)))
    array([0.75])
    """

    def area(
        at: np.ndarray, true_positives: np.ndarray, above: np.ndarray, false_positives: np.ndarray, negatives: np.ndarray
    ) -> np.ndarray:
        lost = np.einsum("kr,kr->r", at, false_positives)
        lost = lost if above is false_positives else (lost + np.einsum("kr,kr->r", at, above)) / 2
        return 1 - divide(lost, true_positives[-1] * negatives)

    return _mean_defined(_areas(area, targets, scores, weights), len(weights))


def macro_average_precision(targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """Mean over labels of sum_k (R_k - R_{k-1}) P_k over distinct thresholds, not interpolated (as scikit-learn defines it).

    A label without positives or without negatives in a resample is left out of that resample's mean.

    >>> targets, scores = np.array([[1], [0], [1]]), np.array([[0.9], [0.5], [0.1]])
    >>> macro_average_precision(targets, scores, ("piano",), np.ones((1, 3))).round(4)
    array([0.8333])
    """

    def area(
        at: np.ndarray, true_positives: np.ndarray, above: np.ndarray, false_positives: np.ndarray, negatives: np.ndarray
    ) -> np.ndarray:
        positives = np.maximum(true_positives + false_positives, np.finfo(np.float64).tiny)  # where none is predicted, none is true
        return divide(np.einsum("kr,kr->r", at, true_positives / positives), true_positives[-1])

    return _mean_defined(_areas(area, targets, scores, weights), len(weights))


# Multiclass ----------------------------------------------------------------------------------------------------------


def _class_key(name: str) -> tuple[int, str]:
    """The key that a class is named after, in full: tonic and mode."""
    try:
        if len(name.split()) == 2:
            return parse_key(name)
    except MirbenchError:
        pass
    raise MirbenchError(f"'{name}' is no key; keys are named like 'C major', 'Db minor' or 'F# minor': correct the annotation.")


def key_score(reference: str, estimate: str) -> float:
    """MIREX weighted score of an estimated key: same 1, a fifth above the reference .5, relative .3, parallel .2, else 0.

    As mir_eval.key.weighted_score, which counts the fifth one way only (Raffel et al. 2014; www.music-ir.org Audio Key Detection).
    Enharmonic names are one key.

    >>> [key_score("C major", key) for key in ("C major", "G major", "F major", "A minor", "C minor", "D major")]
    [1.0, 0.5, 0.0, 0.3, 0.2, 0.0]
    """
    (tonic, mode), (other, other_mode) = _class_key(reference), _class_key(estimate)
    step = (other - tonic) % 12
    if mode == other_mode:
        return {0: 1.0, 7: 0.5}.get(step, 0.0)
    if (mode == "major" and step == 9) or (mode == "minor" and step == 3):
        return 0.3
    return 0.2 if step == 0 else 0.0


@lru_cache(maxsize=32)
def _key_scores(classes: tuple[str, ...]) -> np.ndarray:
    return np.array([[key_score(reference, estimate) for estimate in classes] for reference in classes])


def mirex(target: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return _key_scores(tuple(classes))[target, predicted]


def same_pitch_class(target: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    wrong = [name for name in classes if not name.isdecimal()]
    if wrong:
        raise MirbenchError(
            f"pitch_class_accuracy needs classes that are MIDI numbers such as '60', but one is '{wrong[0]}'; use accuracy."
        )
    pitch_class = np.array([int(name) for name in classes]) % 12
    return pitch_class[target] == pitch_class[predicted]


def correct(target: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return target == predicted


def macro_f1(targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """Mean of 2 TP / (2 TP + FP + FN) over the classes that occur in the resample, as truth or as prediction (scikit-learn's default).

    >>> macro_f1(np.array([0, 0, 1]), np.eye(3)[[0, 1, 1]], ("a", "b", "never"), np.ones((1, 3))).round(4)
    array([0.6667])
    """
    guess = scores.argmax(axis=1)
    right = guess == targets
    both = _by_class(targets[right], len(classes), weights[:, right])
    return _mean_defined(
        iter(divide(2 * both, _by_class(targets, len(classes), weights) + _by_class(guess, len(classes), weights)).T), len(weights)
    )


def _by_class(index: np.ndarray, classes: int, weights: np.ndarray) -> np.ndarray:
    """The weight of the clips of each class, (resamples, classes). index: (clips,) the class of each."""
    if classes <= DENSEST:
        return weights @ np.eye(classes)[index]
    from scipy.sparse import csr_array

    return weights @ csr_array((np.ones(len(index)), index, np.arange(len(index) + 1)), shape=(len(index), classes))


# Regression ----------------------------------------------------------------------------------------------------------


def r2(targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """Mean over dimensions of 1 - residual / total sum of squares; a dimension that is constant in a resample is left out.

    >>> r2(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [2.0]]), ("arousal",), np.ones((1, 3)))
    array([0.5])
    """
    centred = targets - targets.mean(axis=0)
    residual = weights @ (targets - scores) ** 2
    square = weights @ centred**2
    total = square - divide((weights @ centred) ** 2, weights.sum(axis=1, keepdims=True) + np.zeros_like(square))
    spread = np.where(total > 1e-12 * square, total, 0.0)
    return _mean_defined(iter((1 - divide(residual, spread)).T), len(weights))


# What a mean is over ------------------------------------------------------------------------------------------------


def judged_both_ways(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(labels,) bool: those with a positive and a negative clip, over which `macro_roc_auc` and `macro_average_precision` are means.

    >>> judged_both_ways(np.array([[1, 1, 0, 1], [0, 1, 0, -1]]), np.zeros((2, 4)))
    array([ True, False, False, False])
    """
    return np.asarray((targets > 0).any(axis=0) & (targets == 0).any(axis=0))


def occurring(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(classes,) bool: those that occur as truth or as prediction, over which `macro_f1` is a mean.

    >>> occurring(np.array([0, 0, 1]), np.eye(3)[[0, 1, 1]])
    array([ True,  True, False])
    """
    return np.isin(np.arange(scores.shape[1]), np.r_[targets, scores.argmax(axis=1)])


def varying(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(dimensions,) bool: those that are not constant, over which `r2` is a mean.

    >>> varying(np.array([[1.0, 2.0], [1.0, 3.0]]), np.zeros((2, 2)))
    array([False,  True])
    """
    return np.asarray(np.ptp(targets, axis=0) > 0)
