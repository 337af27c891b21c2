"""What a probe decides: how often a corruption changes it, and whether its probabilities are right.

Scores of probes are logits (`probes.scores_of`). Their softmax, or of labels their sigmoid, are the probabilities of the linear and the mlp
probe, the nearest neighbours, the nearest centroid and the majority, and wherever else an estimator's `predict_proba` is the same. Of
margins, as a linear SVM or a ridge classifier has, and of what only predicts they are none, and calibration is not defined.

A label that nobody has judged, a multilabel target of -1, counts nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirbench.errors import unknown_name
from mirbench.evaluation.similarity.ratio import Ratio

BINS = 15
TARGETS = ("multiclass", "multilabel")
CHUNK = 2_000_000  # weights held at once, 16 MB


def probabilities(target: str, scores: np.ndarray) -> np.ndarray:
    """(clips, classes) float64 of logits: a softmax, or of many labels each one's sigmoid.

    >>> probabilities("multiclass", np.log([[0.2, 0.8]]))
    array([[0.2, 0.8]])
    >>> probabilities("multilabel", np.array([[0.0, -1e4]]))
    array([[0.5, 0. ]])
    """
    from scipy.special import expit, softmax

    _check(target)
    logits = np.asarray(scores, np.float64)
    return np.asarray(softmax(logits, axis=1) if target == "multiclass" else expit(logits))


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
    probability = probabilities(target, scores)
    if target == "multiclass":
        clip, confidence = np.arange(len(probability)), probability.max(axis=1)
        right = probability.argmax(axis=1) == targets
    else:
        clip, label = np.nonzero(targets >= 0)
        confidence, right = probability[clip, label], targets[clip, label] > 0
    order = np.argsort(confidence, kind="stable")
    ends = np.flatnonzero(np.diff(confidence[order], append=np.inf) > 0)
    return BinnedError(clip[order], (confidence - right)[order], ends, len(probability))


@dataclass(frozen=True)
class BinnedError:
    """What `calibration_error` is made of, as `Ratio` is of others: what was predicted in ascending order of its probability.

    clip: which one it is of; gap: its probability, less 1 where it is right; ends: the last of each stretch of equal probabilities. clips:
    how many there are. The bins of a resample hold equal weights; what a cut goes through is in both its bins, each with its share.
    """

    clip: np.ndarray
    gap: np.ndarray
    ends: np.ndarray
    clips: int

    @property
    def value(self) -> float:
        return float(self.under(np.ones((1, self.clips)))[0])

    def under(self, weights: np.ndarray) -> np.ndarray:
        """As `Ratio.under`; what repeating the clips would give."""
        result = np.full(len(weights), np.nan)
        step = max(1, CHUNK // max(len(self.clip), 1))
        for start in range(0, len(weights), step):
            each = weights[start : start + step, self.clip].astype(np.float64)
            masses = np.cumsum(each, axis=1)[:, self.ends]
            gaps = np.cumsum(each * self.gap, axis=1)[:, self.ends]
            for row, (mass, gap) in enumerate(zip(masses, gaps, strict=True), start):
                if len(mass) and mass[-1] > 0:
                    at = np.interp(np.linspace(0, mass[-1], BINS + 1), np.r_[0.0, mass], np.r_[0.0, gap])
                    result[row] = np.abs(np.diff(at)).sum() / mass[-1]
        return result


def _check(target: str) -> None:
    if target not in TARGETS:
        raise unknown_name("kind of target with decisions", target, TARGETS)
