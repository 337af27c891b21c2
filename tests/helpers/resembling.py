"""Data sets whose truth is known, through the measures of evaluation/similarity: how often intervals cover it.

Each has groups of 1 to 5 clips of one of 8 classes, embeddings that are alike in a group, noise on them that is stronger in some groups
than in others, and scores of a linear probe. The truth is the mean over data sets of that many groups. As a program, with the number of
data sets, it prints the table in ratio.py.
"""

from __future__ import annotations

import sys

import numpy as np

from mirbench.evaluation.similarity.alignment import Kernel, linear_cka
from mirbench.evaluation.similarity.decisions import BinnedError, brier_score, calibration_error, flip_rate
from mirbench.evaluation.similarity.directions import Cosines
from mirbench.evaluation.similarity.ratio import Ratio
from mirbench.evaluation.similarity.retrieval import group_retrieval, label_retrieval, same_label
from mirbench.evaluation.similarity.shift import cosine_shift, recall_at_k
from mirbench.evaluation.statistics.estimates import estimate
from mirbench.evaluation.statistics.replicates import Layout
from mirbench.evaluation.statistics.resampling import bootstrap_weights

CLASSES, DIMENSIONS = 8, 8


def measures(groups: int, random: np.random.Generator) -> tuple[list[str], dict[str, Ratio | BinnedError]]:
    """The groups of the clips of a data set, and each measure of it."""
    fixed = np.random.default_rng(99)  # the same in all data sets
    middles, probe = 0.7 * fixed.normal(size=(CLASSES, DIMENSIONS)), 1.5 * fixed.normal(size=(DIMENSIONS, CLASSES))
    group = np.repeat(np.arange(groups), random.integers(1, 6, groups))
    classes, spread = random.integers(CLASSES, size=groups), 1 / np.sqrt(1 + np.arange(DIMENSIONS))
    of_groups = (middles[classes] + random.normal(size=(groups, DIMENSIONS))) * spread
    clean = of_groups[group] + 0.6 * random.normal(size=(len(group), DIMENSIONS)) * spread
    noise = 0.8 * random.gamma(2, 0.5, groups)[group, None] * random.normal(size=clean.shape) * spread
    corrupted, scores = clean + noise + 0.2, clean @ probe
    targets = (scores / 1.5 + random.gumbel(size=scores.shape)).argmax(axis=1)
    return [f"{each:04}" for each in group], {
        "cosine_shift": cosine_shift(Cosines(clean, corrupted)),
        "recall_at_1": recall_at_k(Cosines(clean, corrupted), 1)[0],
        "recall_at_10": recall_at_k(Cosines(clean, corrupted), 10)[0],
        "flip_rate": flip_rate("multiclass", targets, scores, corrupted @ probe),
        "calibration_error": calibration_error("multiclass", targets, scores),
        "brier_score": brier_score("multiclass", targets, scores),
        "map_same_group": group_retrieval(Cosines(clean, corrupted), list(group)),
        "map_same_label": label_retrieval(Cosines(clean, corrupted), same_label(list(classes[group])), list(group)),
        "linear_cka": linear_cka(Kernel(clean), Kernel(corrupted)),
    }


def covered(groups: int, experiments: int, resamples: int = 300) -> dict[str, float]:
    """By measure, the share of data sets whose 95 % interval holds the truth."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    layout = Layout({}, resamples, groups)
    for number in range(experiments):
        names, each = measures(groups, np.random.default_rng([number, groups]))
        weights = bootstrap_weights(names, resamples)
        for name, measure in each.items():
            whole = estimate(layout.vector("", [measure.value], [measure.under(weights)]), layout, "score")
            found.setdefault(name, []).append((whole.value, whole.low, whole.high))
    shares = {}
    for name, rows in found.items():
        values, low, high = np.array(rows).T
        shares[name] = float(((low <= values.mean()) & (values.mean() <= high)).mean())
    return shares


if __name__ == "__main__":
    table = {groups: covered(groups, int(sys.argv[1])) for groups in (20, 100, 400)}
    for name in table[20]:
        print(f"{name:<18}", *(f"{table[groups][name]:.3f}" for groups in table))
