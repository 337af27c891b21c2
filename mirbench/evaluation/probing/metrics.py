"""Metrics: how well scores predict targets, for one weighting of the clips or for a thousand bootstrap resamples at once.

Conventions: `targets` and `scores` are those of `records.Predictions`; `classes` is the published order; `weights` is
(resamples, clips), non-negative, how often each clip counts. A result is (resamples,) float64 and equals what repeating the
clips literally would give; nan where the metric is undefined. The predicted class of a multiclass clip is the argmax of its
scores, the first of equals. A multilabel target of -1 is a label that nobody has judged for that clip: the clip is left out of
that label. Ranges: 0 to 1, r2 minus infinity to 1. Chance: macro_roc_auc .5, macro_average_precision the mean
prevalence, r2 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mirbench.errors import MirbenchError, unknown_name
from mirbench.notation import parse_key
from mirbench.nouns import Metric
from mirbench.records import Predictions

TARGETS = ("multiclass", "multilabel", "regression")
DENSEST = 48  # entries a clip of a table of counts, beyond which most are 0 and a product is slower than sums

PerClip = Callable[[np.ndarray, np.ndarray, tuple[str, ...]], np.ndarray]
"""((clips,) int target index, (clips,) int predicted index, classes) -> (clips,) score of each clip."""


@dataclass(frozen=True)
class mean_of:
    """A metric function that is the weighted mean of a score per clip, for multiclass targets.

    >>> near = lambda target, predicted, classes: abs(target - predicted) <= 1
    >>> metric = Metric("near", "within one class", frozenset({"multiclass"}), mean_of(near))
    >>> metric.function(np.array([0, 2]), np.eye(3)[[1, 0]], ("a", "b", "c"), np.ones((1, 2)))
    array([0.5])
    """

    per_clip: PerClip

    def __call__(self, targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
        values = np.asarray(self.per_clip(targets, scores.argmax(axis=1), classes), dtype=np.float64)
        return _divide(weights @ values, weights.sum(axis=1))


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:  # nan where the denominator is not above 0
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0)


# Multilabel ----------------------------------------------------------------------------------------------------------


Area = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Of one label, from the highest score down, at each distinct score that a positive clip has: (weight of positives at it, of positives
above or at it, of negatives above it, of negatives above or at it), each (thresholds, resamples), and the weight of all negatives,
(resamples,) -> (resamples,), nan where there are no positives. Above and above-or-at are one array where no score is shared."""


def _areas(area: Area, targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Iterator[np.ndarray]:
    """The area of each label, (resamples,), nan in a resample without its positives or its negatives.

    Labels that are never positive or never negative are passed over, clips whose label is not judged too. Clips are sorted once a label,
    whatever the number of resamples; a few resamples at a time stay in the processor's cache.
    """
    by_group, group = _alike(weights)
    descending = np.argsort(-scores, axis=0, kind="stable")
    for label in range(scores.shape[1]):
        order = descending[:, label]
        judged = targets[order, label]
        above, below = order[judged > 0], order[judged == 0]
        if not len(above) or not len(below):
            continue
        rank = -scores[above, label]
        ends = np.flatnonzero(np.r_[rank[1:] != rank[:-1], True])
        negatives = -scores[below, label]
        first = np.searchsorted(negatives, rank[ends], "left")
        last = np.searchsorted(negatives, rank[ends], "right")
        found_in = _running(group[above], ends + 1, len(by_group))
        until_in = _running(group[below], np.r_[last, len(below)], len(by_group))
        above_in = until_in if (first == last).all() else _running(group[below], np.r_[first, len(below)], len(by_group))
        step = max(64, 20_000 // len(ends))
        result = np.empty(len(weights))
        for start in range(0, len(weights), step):
            some = by_group[:, start : start + step]
            found, until = found_in(some), until_in(some)
            until, all_negatives = until[:-1], until[-1]
            at = found.copy()
            at[1:] -= found[:-1]
            value = area(at, found, until if above_in is until_in else above_in(some)[:-1], until, all_negatives)
            result[start : start + step] = np.where(all_negatives > 0, value, np.nan)
        yield result


def _alike(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clips that count alike in every resample, as those of a group do, as one: ((groups, resamples), the group of each clip)."""
    by_clip = np.ascontiguousarray(weights.T, dtype=np.float64)
    number: dict[bytes, int] = {}
    group = np.array([number.setdefault(row.tobytes(), len(number)) for row in by_clip])
    return by_clip[np.unique(group, return_index=True)[1]], group


def _running(group: np.ndarray, upto: np.ndarray, groups: int) -> Callable[[np.ndarray], np.ndarray]:
    """What gives the weight of the first upto[k] clips, (len(upto), resamples), for the weights of groups, (groups, resamples).

    group: (clips,) that of each clip. upto: ascending. A product with how many clips of each group those are, or, where there are
    many small groups, sums stretch by stretch.
    """
    if len(upto) * groups > DENSEST * len(group):
        cuts, place = np.unique(np.r_[0, upto], return_inverse=True)

        def summed(by_group: np.ndarray) -> np.ndarray:
            sums = np.zeros((len(cuts), by_group.shape[1]))
            sums[1:] = np.add.reduceat(by_group[group[: cuts[-1]]], cuts[:-1], axis=0)
            return np.cumsum(sums, axis=0, out=sums)[place[1:]]

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
    return _divide(total, count)


def macro_roc_auc(targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """Mean over labels of the chance that a positive clip scores above a negative one, a tie counting half (Mann-Whitney U).

    A label without positives or without negatives in a resample is left out of that resample's mean.

    >>> macro_roc_auc(np.array([[1], [0], [0]]), np.array([[0.7], [0.7], [0.1]]), ("piano",), np.ones((1, 3)))
    array([0.75])
    """

    def area(at: np.ndarray, found: np.ndarray, above: np.ndarray, until: np.ndarray, negatives: np.ndarray) -> np.ndarray:
        lost = np.einsum("kr,kr->r", at, until)
        lost = lost if above is until else (lost + np.einsum("kr,kr->r", at, above)) / 2
        return 1 - _divide(lost, found[-1] * negatives)

    return _mean_defined(_areas(area, targets, scores, weights), len(weights))


def macro_average_precision(targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """Mean over labels of sum_k (R_k - R_{k-1}) P_k over distinct thresholds, not interpolated (as scikit-learn defines it).

    A label without positives or without negatives in a resample is left out of that resample's mean.

    >>> targets, scores = np.array([[1], [0], [1]]), np.array([[0.9], [0.5], [0.1]])
    >>> macro_average_precision(targets, scores, ("piano",), np.ones((1, 3))).round(4)
    array([0.8333])
    """

    def area(at: np.ndarray, found: np.ndarray, above: np.ndarray, until: np.ndarray, negatives: np.ndarray) -> np.ndarray:
        seen = np.maximum(found + until, np.finfo(np.float64).tiny)  # where nothing is seen, nothing is found
        return _divide(np.einsum("kr,kr->r", at, found / seen), found[-1])

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


def _mirex(target: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return _key_scores(tuple(classes))[target, predicted]


def _same_pitch_class(target: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    wrong = [name for name in classes if not name.isdecimal()]
    if wrong:
        raise MirbenchError(
            f"pitch_class_accuracy needs classes that are MIDI numbers such as '60', but one is '{wrong[0]}'; use accuracy."
        )
    pitch_class = np.array([int(name) for name in classes]) % 12
    return pitch_class[target] == pitch_class[predicted]


def _right(target: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return target == predicted


def macro_f1(targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """Mean of 2 TP / (2 TP + FP + FN) over the classes that occur in the resample, as truth or as prediction (scikit-learn's default).

    >>> macro_f1(np.array([0, 0, 1]), np.eye(3)[[0, 1, 1]], ("a", "b", "never"), np.ones((1, 3))).round(4)
    array([0.6667])
    """
    identity = np.eye(len(classes))
    truth, guess = identity[targets], identity[scores.argmax(axis=1)]
    both = weights @ (truth * guess)
    return _mean_defined(iter(_divide(2 * both, weights @ truth + weights @ guess).T), len(weights))


# Regression ----------------------------------------------------------------------------------------------------------


def r2(targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """Mean over dimensions of 1 - residual / total sum of squares; a dimension that is constant in a resample is left out.

    >>> r2(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [2.0]]), ("arousal",), np.ones((1, 3)))
    array([0.5])
    """
    centred = targets - targets.mean(axis=0)
    residual = weights @ (targets - scores) ** 2
    square = weights @ centred**2
    total = square - _divide((weights @ centred) ** 2, weights.sum(axis=1, keepdims=True) + np.zeros_like(square))
    spread = np.where(total > 1e-12 * square, total, 0.0)
    return _mean_defined(iter((1 - _divide(residual, spread)).T), len(weights))


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("macro_roc_auc", "macro ROC-AUC", frozenset({"multilabel"}), macro_roc_auc, partial=True),
        Metric("macro_average_precision", "macro average precision", frozenset({"multilabel"}), macro_average_precision, partial=True),
        Metric("accuracy", "accuracy", frozenset({"multiclass"}), mean_of(_right)),
        Metric("macro_f1", "macro F1", frozenset({"multiclass"}), macro_f1),
        Metric("mirex", "MIREX weighted key score", frozenset({"multiclass"}), mean_of(_mirex)),
        Metric("pitch_class_accuracy", "pitch-class accuracy", frozenset({"multiclass"}), mean_of(_same_pitch_class)),
        Metric("r2", "R²", frozenset({"regression"}), r2),
    )
}


def resolve(metric: str | Metric) -> Metric:
    """The metric of that name, or the Metric itself. Raises MirbenchError where no metric has the name."""
    if isinstance(metric, Metric):
        return metric
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    return METRICS[metric]


def evaluate(metric: str | Metric, predictions: Predictions, weights: np.ndarray | None = None) -> np.ndarray:
    """The metric under each row of `weights`, (resamples, clips); without weights every clip counts once.

    Returns (resamples,) float64. Raises MirbenchError where the metric does not fit the targets, labels are unjudged and it cannot leave
    them out, a score is not finite, or there are no clips; ValueError where the shapes disagree.
    """
    metric = resolve(metric)
    check_fits(metric, predictions.target)
    targets, scores = np.asarray(predictions.targets), np.asarray(predictions.scores)
    clips, classes = len(predictions.clip_ids), tuple(predictions.classes)
    expected = (clips,) if predictions.target == "multiclass" else (clips, len(classes))
    if targets.shape != expected or scores.shape != (clips, len(classes)):
        raise ValueError(f"targets {targets.shape} and scores {scores.shape} should be {expected} and {(clips, len(classes))}")
    if not clips:
        raise MirbenchError(f"there are no clips to score {metric.name} on; see the skipped clips in the manifest.")
    if predictions.target == "multilabel" and not metric.partial and targets.size and targets.min() < 0:
        raise MirbenchError(
            f"metric '{metric.name}' does not say that it leaves out labels that nobody has judged (targets of -1), and there are such;"
            " let it do so and give it partial=True, or use macro_average_precision."
        )
    bad = int((~np.isfinite(scores)).any(axis=1).sum())
    if bad:
        raise MirbenchError(f"the scores of {bad} of {clips} clips are not finite, so {metric.name} is not defined; check the embeddings.")
    weights = np.ones((1, clips)) if weights is None else np.asarray(weights)
    if weights.ndim != 2 or weights.shape[1] != clips:
        raise ValueError(f"weights {weights.shape} should be (resamples, {clips})")
    rows = max(1, 2_000_000 // clips)  # 16 MB
    chunks = (weights[start : start + rows].astype(np.float64) for start in range(0, len(weights), rows))
    return np.concatenate([np.asarray(metric.function(targets, scores, classes, chunk), dtype=np.float64) for chunk in chunks])


def check_fits(metric: Metric, target: str) -> None:
    """Raises MirbenchError where the metric does not fit the kind of target."""
    if target not in metric.targets:
        known = ", ".join(sorted(name for name, other in METRICS.items() if target in other.targets))
        raise MirbenchError(f"metric '{metric.name}' does not fit {target} targets; those that do: {known or 'none'}.")


def majority(target: str, train_targets: np.ndarray, n_test: int, classes: tuple[str, ...]) -> np.ndarray:
    """The floor: what can be said without hearing the audio. Returns (n_test, classes) float32, the same row for every clip.

    multiclass: one-hot of the most frequent training class; multilabel: each label's training prevalence among the
    clips that were judged for it, 0 where none was; regression: training mean.

    >>> majority("multiclass", np.array([1, 1, 0]), 1, ("a", "b"))
    array([[0., 1.]], dtype=float32)
    """
    if target == "multiclass":
        row = np.eye(len(classes))[np.bincount(train_targets, minlength=len(classes)).argmax()]
    elif target == "multilabel":
        row = np.nan_to_num(_divide((train_targets > 0).sum(axis=0), (train_targets >= 0).sum(axis=0)))
    elif target == "regression":
        row = np.mean(train_targets, axis=0, dtype=np.float64)
    else:
        raise unknown_name("target", target, TARGETS)
    return np.tile(row.astype(np.float32), (n_test, 1))
