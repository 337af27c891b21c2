"""All measures of one condition: those of all test clips, and for each task those that need its labels or what its probe decided.

Names are those of `MEASURES`; one that is of a task has its name behind it, such as `flip_rate_genre`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mirbench.evaluation.similarity.decisions import BinnedError, brier_score, calibration_error, flip_rate
from mirbench.evaluation.similarity.directions import Cosines, standardiser
from mirbench.evaluation.similarity.measures import MEASURES
from mirbench.evaluation.similarity.ratio import Ratio
from mirbench.evaluation.similarity.retrieval import group_retrieval, label_retrieval, same_label, shared_tags
from mirbench.evaluation.similarity.shift import cosine_shift, recall_at_k
from mirbench.evaluation.statistics.estimates import of_one_training
from mirbench.evaluation.statistics.resampling import weights_of
from mirbench.records import Embeddings, Predictions

Row = tuple[str, float, float, float]
"""Measure, value, and the ends of its interval."""


@dataclass(frozen=True)
class TestLabels:
    """Of a task. targets: as `records.Predictions` has them, of these clips."""

    __test__ = False  # no test, whatever pytest thinks

    task: str
    target: str
    clip_ids: tuple[str, ...]
    targets: np.ndarray


@dataclass(frozen=True)
class Part:
    """Measures that are of the same clips, by name. task: whose labels they need; empty: none."""

    task: str
    clip_ids: tuple[str, ...]
    groups: tuple[str, ...]
    measures: Mapping[str, Ratio | BinnedError]

    def measured(self, resamples: int) -> tuple[list[Row], np.ndarray]:
        """A row for each, and (measures, resamples) what the intervals are made of; nan where there is one group."""
        ranges = [MEASURES[name.removesuffix(f"_{self.task}") if self.task else name] for name in self.measures]
        if len(set(self.groups)) < 2:
            resampled = np.full((len(self.measures), resamples), np.nan)
        else:
            weights = weights_of(self.groups, frozenset(self.groups), resamples, 0)
            drawn = [each.under(weights) for each in self.measures.values()]
            resampled = np.array([each.clip(range_.low, range_.high) for each, range_ in zip(drawn, ranges, strict=True)])
        values = [measure.value for measure in self.measures.values()]
        rows = of_one_training(list(self.measures), values, resampled, len(set(self.groups)))
        ends = [np.clip(ends, range_.low, range_.high) for (_, _, *ends), range_ in zip(rows, ranges, strict=True)]
        return [(name, value, float(low), float(high)) for (name, value, *_), (low, high) in zip(rows, ends, strict=True)], resampled


def name_of(measure: str, task: str) -> str:
    return f"{measure}_{task}" if task else measure


def label_of(name: str, tasks: Sequence[str]) -> str:
    """For axes and table heads.

    >>> label_of("flip_rate_genre", ["genre"])
    'share of decisions that change, genre'
    """
    for task in ("", *tasks):
        for measure in MEASURES.values():
            if name_of(measure.name, task) == name:
                return f"{measure.label}{f', {task}' if task else ''}"
    return name


def parts(
    train: Embeddings,
    clean: Embeddings,
    embedded: Embeddings | None,
    groups: Mapping[str, str],
    artists: Mapping[str, str],
    labels: Sequence[TestLabels],
) -> list[Part]:
    """train, clean: of clean training and test clips, which standardise and are found; embedded: of the test clips under a condition, the
    queries; None for clean audio, whose clips are their own. All (clips, dim), of one layer. groups: by clip. artists: of clips whose
    artist is known, where it is not the group. Clips that are in one of the two alone are left out; a part without clips is none."""
    standardised = standardiser(np.asarray(train.matrix, np.float64))
    place = {clip: row for row, clip in enumerate(clean.clip_ids)}
    queried = place if embedded is None else {clip: row for row, clip in enumerate(embedded.clip_ids)}
    ids = tuple(clip for clip in clean.clip_ids if clip in queried)
    gallery = standardised(clean.matrix[[place[clip] for clip in ids]]) if ids else np.zeros((0, 1))
    queries = gallery if embedded is None else standardised(embedded.matrix[[queried[clip] for clip in ids]])
    cosines, at = Cosines(gallery, queries), {clip: row for row, clip in enumerate(ids)}
    own = tuple(groups[clip] for clip in ids)
    found: dict[str, Ratio | BinnedError] = {}
    if embedded is not None:
        found["cosine_shift"] = cosine_shift(cosines)
        found["recall_at_1"], found["recall_at_10"] = recall_at_k(cosines, 1, 10)
    if len(set(own)) < len(own):
        found["map_same_group"] = group_retrieval(cosines, own)
    if artists:
        found["map_same_artist"] = label_retrieval(cosines, same_label([artists.get(clip) for clip in ids]), own)
    made = [Part("", ids, own, found)] if ids and found else []
    for each in labels:
        rows = [row for row, clip in enumerate(each.clip_ids) if clip in at] if each.target != "regression" else []
        if rows:
            targets, places = each.targets[rows], [at[each.clip_ids[row]] for row in rows]
            relation = shared_tags(targets) if each.target == "multilabel" else same_label(targets.tolist())
            nearest = label_retrieval(cosines.among(places), relation, [own[place] for place in places])
            named = {name_of("map_same_label", each.task): nearest}
            made.append(Part(each.task, tuple(ids[place] for place in places), tuple(own[place] for place in places), named))
    return made


def decisions(task: str, clean: Predictions, embedded: Predictions | None) -> Part | None:
    """What a probe decides of the test clips of a task, on clean audio, or under a condition and whether it is the same: of the clips that
    are in both. None where nothing is decided, as of a regression, or no measure is defined."""
    said = clean if embedded is None else embedded
    known = {clip: row for row, clip in enumerate(clean.clip_ids)}
    rows = [row for row, clip in enumerate(said.clip_ids) if clip in known]
    if clean.target == "regression" or not rows:
        return None
    ids, targets, scores = tuple(said.clip_ids[row] for row in rows), said.targets[rows], said.scores[rows]
    found: dict[str, Ratio | BinnedError] = {}
    if embedded is not None:
        found["flip_rate"] = flip_rate(said.target, targets, clean.scores[[known[clip] for clip in ids]], scores)
    if said.calibrated:
        found["calibration_error"] = calibration_error(said.target, targets, scores)
        found["brier_score"] = brier_score(said.target, targets, scores)
    groups = tuple(said.groups[row] for row in rows)
    return Part(task, ids, groups, {name_of(name, task): measure for name, measure in found.items()}) if found else None
