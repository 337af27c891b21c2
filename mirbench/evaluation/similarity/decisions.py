"""What a probe decides: how often a corruption changes it, and whether its probabilities are right.

Scores of probes are logits (`probes.scores_of`). Their softmax, or of labels their sigmoid, are the probabilities of the linear and the mlp
probe, the nearest neighbours, the nearest centroid and the majority, and wherever else an estimator's `predict_proba` is the same
(`FittedProbe.is_calibrated`). Of margins, as a linear SVM or a ridge classifier has, and of what only predicts they are none, and
calibration is not defined.

A label that nobody has judged, a multilabel target of -1, counts nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirbench.errors import unknown_name
from mirbench.evaluation.probing.metric_functions import divide
from mirbench.evaluation.probing.probes import probabilities
from mirbench.evaluation.similarity.ratio import Ratio

BINS = 15
TARGETS = ("multiclass", "multilabel")


def flip_rate(target: str, targets: np.ndarray, clean: np.ndarray, corrupted: np.ndarray) -> Ratio:
    """Share of decisions that differ from those on clean audio, right or wrong.

    Of classes a decision is the one of the largest score, of equals the first; of labels whether a score is above 0, a probability of one
    half, where the estimators' `predict` decides. All labels that were judged count alike; nearly all decisions on a rare one are no, and
    stay so. clean, corrupted: (clips, classes) scores of a probe. targets: as in `brier_score`, for what was judged.
    Raises MirbenchError for regression, where nothing is decided.

    >>> scores = np.array([[2.0, -1.0], [1.0, -3.0]])
    >>> flip_rate("multilabel", np.array([[1, 0], [0, -1]]), scores, -scores).top
    array([2., 1.])
    """
    _check(target)
    if np.shape(clean) != np.shape(corrupted):
        raise ValueError(f"scores {np.shape(clean)} and {np.shape(corrupted)} should both be (clips, classes), of the same clips")
    if target == "multiclass":
        flips = np.argmax(clean, axis=1) != np.argmax(corrupted, axis=1)
        return Ratio(flips.astype(np.float64), np.ones(len(flips)))
    judged = targets >= 0
    flips = (np.asarray(clean) > 0) != (np.asarray(corrupted) > 0)
    return Ratio((flips & judged).sum(axis=1).astype(np.float64), judged.sum(axis=1).astype(np.float64))


def brier_score(target: str, targets: np.ndarray, scores: np.ndarray) -> Ratio:
    """Mean squared error of probabilities (Brier 1950): of classes the sum over them, 0 to 2; of labels the mean over those judged, 0 to 1.

    targets, scores: as `records.Predictions` has them, (clips,) of class or (clips, labels), and (clips, classes) logits.

    >>> brier_score("multiclass", np.array([0, 1]), np.log([[0.9, 0.1], [0.9, 0.1]])).top.round(2)
    array([0.02, 1.62])
    """
    _check(target)
    probability = probabilities(target, scores)
    if target == "multiclass":
        return Ratio(((probability - np.eye(probability.shape[1])[targets]) ** 2).sum(axis=1), np.ones(len(probability)))
    judged = targets >= 0
    return Ratio(((probability - (targets > 0)) ** 2 * judged).sum(axis=1), judged.sum(axis=1).astype(np.float64))


def calibration_error(target: str, targets: np.ndarray, scores: np.ndarray) -> BinnedError:
    """Expected calibration error: the mean over 15 bins of how far apart mean probability and frequency are (Guo et al. 2017).

    Of classes it is that of the likeliest (top-label) and whether it is right; of labels, which have no likeliest, of all pairs of a clip
    and a label that was judged for it. Bins hold equal numbers (Nixon et al. 2019); those of equal width, as of Guo et al., are all but
    empty where a probe is sure. targets, scores: as in `brier_score`.

    A perfect probe is above 0, too, as frequencies vary: at about .8 sqrt(15 v / n) for n clips, or pairs, and a mean v of p (1 - p), which
    is .04 for 1,200 clips of 8 classes of which half are right. It falls with more clips, and compares encoders on the same ones.
    """
    _check(target)
    probability = probabilities(target, scores)
    if target == "multiclass":
        clip, confidence = np.arange(len(probability)), probability.max(axis=1)
        right = probability.argmax(axis=1) == targets
    else:
        clip, label = np.nonzero(targets >= 0)
        confidence, right = probability[clip, label], targets[clip, label] > 0
    order = np.argsort(confidence, kind="stable")
    gaps = (confidence - right)[order, None] * _shares(confidence[order])
    of_clips = [np.bincount(clip[order], each, len(targets)) for each in gaps.T]
    return BinnedError(np.column_stack(of_clips), np.bincount(clip, minlength=len(targets)).astype(np.float64))


def _shares(ascending: np.ndarray) -> np.ndarray:
    """(numbers, BINS) how much of each is in each bin; those that are equal are in the same ones, whatever their order."""
    ends = np.flatnonzero(np.diff(ascending, append=np.inf) > 0) + 1
    starts, edges = np.r_[0, ends[:-1]], np.linspace(0, len(ascending), BINS + 1)
    inside = np.minimum(ends[:, None], edges[1:]) - np.maximum(starts[:, None], edges[:-1])
    return np.asarray(np.repeat(inside.clip(0) / (ends - starts)[:, None], ends - starts, axis=0))


@dataclass(frozen=True)
class BinnedError:
    """What `calibration_error` is made of, as `Ratio` is of others. gaps: (clips, BINS) by how much probabilities are too large, summed in
    each bin; counts: (clips,) of what was predicted. The bins of resamples are those of all clips."""

    gaps: np.ndarray
    counts: np.ndarray

    @property
    def value(self) -> float:
        return float(self.under(np.ones((1, len(self.counts))))[0])

    def under(self, weights: np.ndarray) -> np.ndarray:
        """As `Ratio.under`."""
        return divide(np.abs(weights @ self.gaps).sum(axis=1), weights @ self.counts)


def _check(target: str) -> None:
    if target not in TARGETS:
        raise unknown_name("kind of target with decisions", target, TARGETS)
