"""Metrics: how well scores predict targets. What each computes is in metric_functions.py, whose conventions hold here too."""

from __future__ import annotations

import numpy as np

from mirbench.errors import MirbenchError, unknown_name
from mirbench.evaluation.estimators.log_odds import log_odds, log_of
from mirbench.evaluation.probing.metric_functions import divide, macro_average_precision, macro_roc_auc
from mirbench.evaluation.probing.metric_functions import mean_of as mean_of
from mirbench.evaluation.probing.metric_table import METRICS as METRICS
from mirbench.evaluation.probing.metric_table import resolve as resolve
from mirbench.nouns import Metric
from mirbench.records import Predictions

TARGETS = ("multiclass", "multilabel", "regression")


def evaluate(metric: str | Metric, predictions: Predictions, weights: np.ndarray | None = None) -> np.ndarray:
    """The metric under each row of `weights`, (resamples, clips); without weights every clip counts once.

    Returns (resamples,) float64. Raises MirbenchError where the metric does not fit the targets, labels are unjudged and it cannot leave
    them out, a score is not finite, or there are no clips; ValueError where the shapes disagree.
    """
    metric = resolve(metric)
    check_fits(metric, predictions.target)
    targets, scores = np.asarray(predictions.targets), np.asarray(predictions.scores)
    of_rankings = metric.function in (macro_roc_auc, macro_average_precision)
    if targets.dtype == np.int8 and not of_rankings:
        targets = targets.astype(np.int64)  # whose products a function of somebody else's may take
    clips, classes = len(predictions.clip_ids), tuple(predictions.classes)
    expected = (clips,) if predictions.target == "multiclass" else (clips, len(classes))
    if targets.shape != expected or scores.shape != (clips, len(classes)):
        raise ValueError(f"targets {targets.shape} and scores {scores.shape} should be {expected} and {(clips, len(classes))}")
    if not clips:
        raise MirbenchError(f"there are no clips to score {metric.name} on; see the skipped clips in the manifest.")
    if predictions.target == "multilabel" and not metric.partial and targets.size and targets.min() < 0:
        raise MirbenchError(
            f"metric '{metric.name}' does not leave out labels that nobody has judged (targets of -1), and there are such; use "
            "macro_average_precision or macro_roc_auc, or a Metric of yours that leaves them out and says so by partial=True."
        )
    bad = int((~np.isfinite(scores)).any(axis=1).sum())
    if bad:
        raise MirbenchError(f"the scores of {bad} of {clips} clips are not finite, so {metric.name} is not defined; check the embeddings.")
    weights = np.ones((1, clips)) if weights is None else np.asarray(weights)
    if weights.ndim != 2 or weights.shape[1] != clips:
        raise ValueError(f"weights {weights.shape} should be (resamples, {clips})")
    if of_rankings:  # which sort clips once, for however many resamples
        return np.asarray(metric.function(targets, scores, classes, weights), dtype=np.float64)
    rows = max(1, 2_000_000 // clips)  # 16 MB
    chunks = (weights[start : start + rows].astype(np.float64) for start in range(0, len(weights), rows))
    return np.concatenate([np.asarray(metric.function(targets, scores, classes, chunk), dtype=np.float64) for chunk in chunks])


def check_fits(metric: Metric, target: str) -> None:
    """Raises MirbenchError where the metric does not fit the kind of target."""
    if target not in metric.targets:
        known = ", ".join(sorted(name for name, other in METRICS.items() if target in other.targets))
        raise MirbenchError(f"metric '{metric.name}' does not fit {target} targets; those that do: {known or 'none'}.")


def majority(target: str, train_targets: np.ndarray, n_test: int, classes: tuple[str, ...]) -> np.ndarray:
    """The floor: what can be predicted without the audio. Returns (n_test, classes) float32, the same row for every clip.

    multiclass: the logarithm of each class's share of the training clips, so that the most frequent, of equals the first, is predicted;
    multilabel: the log odds of each label's training prevalence among the clips that were judged for it, 0 where none was; both finite,
    a share of 0 being the least that float32 holds. Their softmax and sigmoid are what scikit-learn's DummyClassifier(strategy="prior")
    gives. regression: training mean.

    >>> np.exp(majority("multiclass", np.array([1, 1, 0]), 1, ("a", "b"))).round(3)
    array([[0.333, 0.667]], dtype=float32)
    """
    row: np.ndarray
    if target == "multiclass":
        row = log_of(np.bincount(train_targets, minlength=len(classes)) / len(train_targets))
    elif target == "multilabel":
        row = log_odds(np.nan_to_num(divide((train_targets > 0).sum(axis=0), (train_targets >= 0).sum(axis=0))))
    elif target == "regression":
        row = np.asarray(np.mean(train_targets, axis=0, dtype=np.float64))
    else:
        raise unknown_name("target", target, TARGETS)
    return np.tile(row.astype(np.float32), (n_test, 1))
