"""Experiments whose truth is known, through the code that scores and compares: how often intervals cover it, and tests err.

Each experiment has ENCODERS encoders that are equally good, several trainings of each, and clips in groups. What is common to all encoders,
to the trainings of one, and to neither makes an encoder right or wrong on a clip, each with a part that the clips of a group share.
Trainings differ in how good they are. The truth is the mean over many experiments.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mirbench.evaluation.statistics.estimates import Estimate, estimate, holm, shared
from mirbench.evaluation.statistics.replicates import Layout
from mirbench.evaluation.statistics.resampling import measure
from mirbench.records import Predictions

ENCODERS, CONDITIONS = 3, 4  # conditions: in which the encoders are compared, as corruptions are; the first is clean audio
CLIPS = {5: 150, 11: 308, 20: 160, 40: 160, 160: 320}  # by groups
ALIKE, COMMON, OF_ENCODER = 0.3, 0.5, 0.2  # shares of the variance: of a group, of all encoders, of the trainings of one
KEYS = tuple(
    f"{tonic} {mode}" for tonic in ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"] for mode in ("major", "minor")
)
TRAININGS = {"accuracy": 0.1, "mirex": 0.1, "macro_average_precision": 0.1}  # sd of how good one is, in sds of a clip


@dataclass
class Found:
    """Shares of experiments, and of their tests."""

    covered: float
    rejected: float
    family: float


def simulate(metric: str, groups: int, seeds: int, experiments: int, resamples: int = 300, start: int = 0) -> Found:
    """covered: intervals that hold the truth; rejected: uncorrected p of a difference that is not there below .05; family: experiments in
    which a corrected one is. One training has no spread of trainings to be covered, so with one seed there is none."""
    intervals, p_values, families = list[Estimate](), list[float](), list[bool]()
    for number in range(experiments):
        random = np.random.default_rng([start, number, groups, seeds])
        own, tests = _experiment(metric, groups, seeds, resamples, random)
        intervals += own
        p_values += tests
        families.append(min(holm(tests)) < 0.05)
    truth = np.mean([each.value for each in intervals])
    covered = np.mean([each.low <= truth <= each.high for each in intervals])
    return Found(float(covered), float(np.mean(np.array(p_values) < 0.05)), float(np.mean(families)))


def _experiment(metric: str, groups: int, seeds: int, resamples: int, random: np.random.Generator) -> tuple[list[Estimate], list[float]]:
    """The intervals on clean audio, and p of every pair in every condition."""
    names = [f"e{i}" for i in range(ENCODERS)]
    layout = Layout(dict.fromkeys(names, seeds), resamples, groups)
    own, tests = list[Estimate](), list[float]()
    for condition, drawn in enumerate(_predictions(metric, groups, seeds, random)):
        vectors = {}
        for name, several in zip(names, drawn, strict=True):
            found = [measure([metric], predictions, resamples) for predictions in several]
            vectors[name] = layout.vector(name, [values[0] for values, _ in found], [resampled[0] for _, resampled in found])
        spread = shared({name: layout.training(vectors[name], name) for name in names}, dict.fromkeys(names, "trained"))
        of = {name: {name: spread[name]} if name in spread else {} for name in names}
        if condition == 0:
            own = [estimate(vectors[name], layout, "score", of[name]) for name in names]
        tests += [estimate(vectors[a] - vectors[b], layout, "difference", of[a] | of[b]).p for a, b in itertools.combinations(names, 2)]
    return own, tests


def _predictions(metric: str, groups: int, seeds: int, random: np.random.Generator) -> Iterator[list[list[Predictions]]]:
    """For each condition, of each encoder, one a seed."""
    clips = CLIPS[groups]
    group = np.repeat(np.arange(groups), clips // groups)
    ids, named = tuple(map(str, range(clips))), tuple(f"g{g:03}" for g in group)
    labels = 6 if metric == "macro_average_precision" else 1

    def noise(share: float) -> np.ndarray:
        of_groups, of_clips = random.standard_normal((groups, labels)), random.standard_normal((clips, labels))
        mixed: np.ndarray = np.sqrt(share * ALIKE) * of_groups[group] + np.sqrt(share * (1 - ALIKE)) * of_clips
        return mixed

    targets = _targets(metric, group, groups, random)
    common, rest = noise(COMMON), 1 - COMMON - OF_ENCODER
    of_encoders = [noise(OF_ENCODER) for _ in range(ENCODERS)]
    trainings = TRAININGS[metric] * random.standard_normal((ENCODERS, seeds)) * (seeds > 1)
    of_seeds = [[noise(rest / 2) for _ in range(seeds)] for _ in range(ENCODERS)]
    for condition in range(CONDITIONS):
        easy = 1.0 - 0.4 * condition
        yield [
            [
                _made(
                    metric, targets, common + of_encoders[e] + of_seeds[e][s] + noise(rest / 2), easy + trainings[e, s], ids, named, random
                )
                for s in range(seeds)
            ]
            for e in range(ENCODERS)
        ]


def _targets(metric: str, group: np.ndarray, groups: int, random: np.random.Generator) -> np.ndarray:
    if metric == "macro_average_precision":
        return (random.random((groups, 6)) < 0.25)[group] ^ (random.random((len(group), 6)) < 0.08)
    return random.integers(len(KEYS) if metric == "mirex" else 2, size=len(group))


def _made(
    metric: str,
    targets: np.ndarray,
    error: np.ndarray,
    good: float,
    ids: tuple[str, ...],
    named: tuple[str, ...],
    random: np.random.Generator,
) -> Predictions:
    """error: (clips, labels), of unit variance; good: how far from it what is right is."""
    if metric == "macro_average_precision":
        return Predictions(ids, named, tuple("abcdef"), "multilabel", targets.astype(int), error + good * targets)
    classes = KEYS if metric == "mirex" else ("no", "yes")
    right = error[:, 0] < good * 0.8
    wrong = (targets + random.integers(1, len(classes), len(targets))) % len(classes)
    if metric == "mirex":  # mostly a fifth above, or the relative key
        wrong = np.where(error[:, 0] < good * 0.8 + 0.6, (targets + 14) % 24, wrong)
    return Predictions(ids, named, classes, "multiclass", targets, np.eye(len(classes))[np.where(right, targets, wrong)])
