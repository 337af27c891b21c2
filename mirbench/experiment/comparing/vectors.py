"""Replicates of scores of several runs in one layout, so that encoders of different runs are subtracted resample by resample.

The resamples of a set of groups are the same in every run, and the first of many are those of a run that has fewer, so what two runs have
in common is paired. Encoders of the same checkpoints, as under two probes, are paired by seed, too: they share one place in the layout, so
that their difference varies as the differences of single seeds do. Few labels are paired draw by draw as within a run, where the seed that
they were drawn by and the clips that they were drawn from are the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mirbench.evaluation.statistics.estimates import Estimate, estimate, shared
from mirbench.evaluation.statistics.replicates import Layout, Training
from mirbench.experiment.comparing.measured import OF_CLEAN, Condition, Entry, Place, Run
from mirbench.experiment.gather.resamples import Trainings
from mirbench.records import MAJORITY

Families = Sequence[Sequence[Sequence[Condition]]]
"""Families of corruptions, each the conditions that its mean is over."""


class Vectors:
    """Of the entries of runs whose scores at a place may be compared. Those without resamples have none."""

    def __init__(self, entries: Iterable[Entry], place: Place) -> None:
        self.place = place
        self.entries = [each for each in entries if each.run.resampled is not None and each.lines(place)]
        drawn_by = {each.name: (each.kind, each.drawn_by, _clips_of(each, place)) for each in self.entries if each.drawn_by is not None}
        self.trainings = replace(trainings_of(self.entries), drawn_by=drawn_by)
        names: dict[Hashable, str] = {}
        self.place_in_layout = {
            each: names.setdefault((each.training or each.name, each.kind, each.repeats, drawn_by.get(each.name)), each.name)
            for each in self.entries
        }
        self.resamples = min((_resampled(each.run).shape[1] for each in self.entries), default=0)
        groups = {int(each.run.scores["n_groups"].iloc[each.lines(place)[0]]) for each in self.entries}
        self.layout = Layout({self.place_in_layout[each]: each.repeats for each in self.entries}, self.resamples, min(groups, default=0))
        self._known: dict[tuple[Entry, Condition], np.ndarray] = {}
        self._measured: dict[tuple[Condition, ...], tuple[dict[Entry, np.ndarray], dict[Entry, Training]]] = {}

    def _of(self, entry: Entry, condition: Condition) -> np.ndarray:
        """The replicates of the mean over an entry's seeds."""
        if (entry, condition) not in self._known:
            lines = entry.lines(self.place, condition)
            resampled = _resampled(entry.run)[lines, : self.resamples].astype(np.float64)
            self._known[entry, condition] = self.layout.vector(
                self.place_in_layout[entry], entry.values(self.place, condition), list(resampled)
            )
        return self._known[entry, condition]

    def measured(self, families: Families) -> tuple[dict[Entry, np.ndarray], dict[Entry, Training]]:
        """Of each entry that was scored under all of these conditions its mean over them, and how much that varies from training to
        training, as encoders of a kind share it."""
        conditions = tuple(condition for family in families for of in family for condition in of)
        if conditions not in self._measured:
            vectors = {each: self._over(each, families) for each in self.entries if all(each.lines(self.place, c) for c in conditions)}
            own = {each.name: self.layout.training(vector, self.place_in_layout[each]) for each, vector in vectors.items()}
            found = shared(own, {each.name: each.kind for each in vectors})
            self._measured[conditions] = vectors, {each: found[each.name] for each in vectors if each.name in found}
        return self._measured[conditions]

    def _over(self, entry: Entry, families: Families) -> np.ndarray:
        """A mean over families, each of which counts once, of means over corruptions, of means over severities."""
        return np.mean(
            [np.mean([np.mean([self._of(entry, c) for c in of], axis=0) for of in family], axis=0) for family in families], axis=0
        )

    def difference(self, vectors: Mapping[Entry, np.ndarray], spread: Mapping[Entry, Training], pair: tuple[Entry, Entry]) -> Estimate:
        """Of the first minus the second. spread: of `measured`; of encoders of the same checkpoints that of their own difference counts."""
        one, other = (self.place_in_layout[each] for each in pair)
        difference = vectors[pair[0]] - vectors[pair[1]]
        of_each = {self.place_in_layout[each]: spread[each] for each in pair if each in spread}
        given = {} if one == other else self.trainings.of_difference(self.layout, difference, one, other, of_each)
        return estimate(difference, self.layout, "difference", given)

    def by_seed(self, vectors: Mapping[Entry, np.ndarray], pair: tuple[Entry, Entry]) -> list[float]:
        one, other = pair
        return self.layout.by_seed(vectors[one] - vectors[other], self.place_in_layout[one])


def trainings_of(entries: Sequence[Entry]) -> Trainings:
    """How entries of several runs were trained, by their names in tables."""
    return Trainings(
        {each.name: each.repeats for each in entries},
        {each.name: each.kind for each in entries},
        frozenset(each.name for each in entries if each.trainings == 1),
    )


def severities_in_common(entries: Sequence[Entry], place: Place) -> dict[str, list[Condition]]:
    """Corruption -> the conditions of it under which all entries were scored."""
    known = [set(each.run.conditions(each.own, place)) for each in entries]
    both = sorted(set.intersection(*known)) if known else []
    return {name: list(of) for name, of in itertools.groupby(both, key=lambda condition: condition[0])}


def _clips_of(entry: Entry, place: Place) -> str:
    """What is the same where two runs have the same clips in every split: the key of the majority class, which is scored on all."""
    lines = entry.run.lines.get((MAJORITY, place, OF_CLEAN), [])
    return (str(entry.run.scores["key"].iloc[lines[0]]) if lines else "") or entry.run.label


def _resampled(run: Run) -> np.ndarray:
    assert run.resampled is not None
    return run.resampled
