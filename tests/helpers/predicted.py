"""Predictions for tests of what a score is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mirbench.records import Predictions


def answers(right: np.ndarray, groups: list[str]) -> Predictions:
    """Two classes, all clips of class 0; `right` says which were predicted so."""
    ids = tuple(f"clip{i}" for i in range(len(right)))
    return Predictions(ids, tuple(groups), ("no", "yes"), "multiclass", np.zeros(len(right), int), np.c_[right, 0.5 * np.ones(len(right))])


def shuffled(given: Predictions, seed: int = 0) -> Predictions:
    order = np.random.default_rng(seed).permutation(len(given.clip_ids))
    names = (tuple(given.clip_ids[i] for i in order), tuple(given.groups[i] for i in order))
    return replace(given, clip_ids=names[0], groups=names[1], targets=given.targets[order], scores=given.scores[order])


def some(clips: int = 60, groups: int = 20, share: float = 0.6, seed: int = 0) -> Predictions:
    random = np.random.default_rng(seed)
    return answers((random.random(clips) < share).astype(float), [f"tune{i % groups}" for i in range(clips)])
