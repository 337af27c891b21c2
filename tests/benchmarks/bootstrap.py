"""What 1,000 bootstrap resamples of a task's metrics cost, beside two slow twins in the same run. Not a test:
`OMP_NUM_THREADS=1 python tests/benchmarks/bootstrap.py`.

A corruption sweep scores a task under about a hundred conditions for each encoder and seed, so this is most of its cost after embedding.
Milliseconds, the fastest of several. The twins: the same metric with sums clip by clip, as mirbench had it, and scikit-learn in a loop over
resamples and labels (a few resamples, extrapolated). All three agree to 1e-9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from timing import seconds

from mirbench.evaluation.probing.metrics import evaluate
from mirbench.evaluation.statistics.resampling import bootstrap_weights, measure
from mirbench.records import Predictions

RESAMPLES, LOOPED = 1000, 8
SIZES = [(360, 36, 30), (360, 360, 30), (2000, 200, 50), (5000, 230, 50)]  # clips, groups, labels; the first is the goal's
GOAL = 150  # ms, both ranking metrics of the first size
KEYS = tuple(
    f"{tonic} {mode}" for tonic in ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B") for mode in ("major", "minor")
)


def rankings(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Of each label, at each score that a positive clip has, the highest first: the weight of positives at it, of negatives above it and
    of negatives above or at it, (thresholds, resamples); and that of all negatives."""
    by_clip = np.ascontiguousarray(weights.T, dtype=np.float64)
    descending = np.argsort(-scores, axis=0, kind="stable")
    for label in range(scores.shape[1]):
        order = descending[:, label]
        positive = targets[order, label] > 0
        above, below = order[positive], order[~positive]
        rank = -scores[above, label]
        starts = np.flatnonzero(np.r_[True, rank[1:] != rank[:-1]])
        first, last = (np.searchsorted(-scores[below, label], rank[starts], side) for side in ("left", "right"))
        cuts = np.unique(np.r_[0, first, last, len(below)])
        stretches = np.add.reduceat(by_clip[below], cuts[:-1], axis=0)
        until = np.concatenate([np.zeros((1, len(weights))), np.cumsum(stretches, axis=0)])
        at = np.add.reduceat(by_clip[above], starts, axis=0)
        yield at, until[np.searchsorted(cuts, first)], until[np.searchsorted(cuts, last)], until[-1]


def clip_by_clip(name: str, targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    areas = []
    for at, above, until, negatives in rankings(targets, scores, weights):
        found = np.cumsum(at, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            if name == "macro_roc_auc":
                areas.append((at * (negatives - 0.5 * (above + until))).sum(axis=0) / (found[-1] * negatives))
            else:
                precision = np.divide(found, found + until, out=np.zeros_like(found), where=found > 0)
                areas.append(np.where(negatives > 0, (at * precision).sum(axis=0) / found[-1], np.nan))
    return np.nanmean(areas, axis=0)


def looped(name: str, targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    score: Callable[..., float] = {"macro_roc_auc": roc_auc_score, "macro_average_precision": average_precision_score}[name]
    found = []
    for row in weights:
        pairs = zip(targets.T, scores.T, strict=True)
        found.append(np.mean([score(t, s, sample_weight=row) for t, s in pairs if 0 < (t * row).sum() < row.sum()]))
    return np.array(found)


def given(clips: int, groups: int, target: str, targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...]) -> Predictions:
    return Predictions(tuple(map(str, range(clips))), tuple(str(i % groups) for i in range(clips)), classes, target, targets, scores)


def ranking_metrics(clips: int, groups: int, labels: int) -> None:
    random = np.random.default_rng(0)
    targets = (random.random((clips, labels)) < random.uniform(0.03, 0.4, labels)).astype(int)
    scores = (random.standard_normal((clips, labels)) + targets).astype(np.float32)
    predictions = given(clips, groups, "multilabel", targets, scores, tuple(map(str, range(labels))))
    weights = bootstrap_weights(predictions.groups, RESAMPLES)

    def line(name: str) -> None:
        ways: list[tuple[Callable[[], np.ndarray], int, int]] = [
            (lambda: evaluate(name, predictions, weights), 5, RESAMPLES),
            (lambda: clip_by_clip(name, targets, scores, weights), 2, RESAMPLES),
            (lambda: looped(name, targets, scores, weights[:LOOPED]), 1, LOOPED),
        ]
        for way, _, resamples in ways[1:]:
            np.testing.assert_allclose(ways[0][0]()[:resamples], way(), rtol=0, atol=1e-9)
        ours, slow, loop = (seconds(way, repeats) * 1e3 * RESAMPLES / resamples for way, repeats, resamples in ways)
        print(f"{clips:5} {groups:6} {labels:6}  {name:24} {ours:7.1f} {slow:12.1f} {slow / ours:6.1f} {loop:12.0f} {loop / ours:6.0f}")

    line("macro_roc_auc")
    line("macro_average_precision")
    both = seconds(lambda: measure(["macro_roc_auc", "macro_average_precision"], predictions, RESAMPLES), 5) * 1e3
    goal = f", goal {GOAL} ms" if (clips, groups, labels) == SIZES[0] else ""
    print(f"{'both, as a sweep measures them':>45} {both:7.1f}{goal}")


def class_metrics(clips: int, groups: int) -> None:
    random = np.random.default_rng(0)
    keys = random.integers(0, 24, clips)
    predictions = given(clips, groups, "multiclass", keys, random.standard_normal((clips, 24)) + np.eye(24)[keys], KEYS)
    weights = bootstrap_weights(predictions.groups, RESAMPLES)
    for name in ("accuracy", "macro_f1", "mirex"):
        ours = seconds(lambda name=name: evaluate(name, predictions, weights), 9) * 1e3
        print(f"{clips:5} {groups:6} {24:6}  {name:24} {ours:7.1f}")


def main() -> None:
    heads = f"{'ms':>7} {'clip by clip':>12} {'ratio':>6} {'scikit-learn':>12} {'ratio':>6}"
    print(f"{'clips':>5} {'groups':>6} {'labels':>6}  {'metric':24} {heads}")
    for size in SIZES:
        ranking_metrics(*size)
    class_metrics(*SIZES[0][:2])


if __name__ == "__main__":
    main()
