"""What score jobs left in the store: each metric under each condition, with what it is in each resample; and the rows made of them."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.engine.jobs import Job
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.evaluation.statistics.estimates import estimate, of_one_training, shared
from mirbench.evaluation.statistics.replicates import Layout, Training
from mirbench.experiment.recipes.probe import parts_of
from mirbench.experiment.recipes.score import RESAMPLED
from mirbench.experiment.resolve.records import Entry
from mirbench.records import MAJORITY, Condition
from mirbench.results.schema import listed


@dataclass(frozen=True)
class Measurement:
    """What one score job found. rows: (metric, value, low, high); resampled: (metrics, resamples); n_groups: that were resampled; clips: a
    hash of those scored; labels: of a metric that is a mean over labels, how many it is over, and how many there are."""

    condition: Condition
    rows: tuple[tuple[str, float, float, float], ...]
    resampled: np.ndarray
    n_test: int
    n_groups: int
    clips: str
    seconds: float = 0.0
    key: str = ""
    labels: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def metrics(self) -> list[str]:
        """The first is the headline."""
        return [name for name, *_ in self.rows]

    def scores(self, whose: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A row of scores.csv for each metric. whose: the cells that say whose they are."""
        facts = {
            **whose,
            **asdict(self.condition),
            "n_test": self.n_test,
            "n_groups": self.n_groups,
            "seconds": self.seconds,
            "key": self.key,
        }
        labels = {metric: dict(zip(("n_labels", "of_labels"), counts, strict=True)) for metric, counts in self.labels.items()}
        return [
            {**facts, "metric": metric, "value": value, "ci_low": low, "ci_high": high, **labels.get(metric, {})}
            for metric, value, low, high in self.rows
        ]


def read_report(store: Store, job: Job) -> dict[str, Any]:
    """What a checkpoint, probe or score job said of itself."""
    found: dict[str, Any] = json.loads((store.folder(*job.name) / "report.json").read_text())
    return found


def read_measurements(store: Store, entry: Entry, jobs: Sequence[Job]) -> list[Measurement]:
    """One a seed, a mean over draws where there are some; of a single seed, one a draw. jobs: of one condition, one a seed. Nothing where
    no clip was left to score."""
    of_seeds = [[read_measurement(folder, job.key) for folder in parts_of(entry, store.folder(*job.name))] for job in jobs]
    found = [[each for each in draws if each is not None] for draws in of_seeds]
    if not all(found):
        return []
    return found[0] if len(found) == 1 else [_mean(draws) for draws in found]


def read_measurement(folder: Path, key: str) -> Measurement | None:
    """Of a score, or a part of one; None where no clip was left to score. key: of the job."""
    report = json.loads((folder / "report.json").read_text())
    if not report["n_test"]:
        return None
    resampled = np.load(folder / RESAMPLED)
    facts = (report["n_test"], report["n_groups"], report["clips"], report["seconds"], key, report["labels"])
    return Measurement(Condition(**report["condition"]), tuple(map(tuple, report["rows"])), resampled, *facts)


def _mean(draws: Sequence[Measurement]) -> Measurement:
    """With the interval over groups of the mean over draws."""
    first, *others = draws
    if not others:
        return first
    resampled = np.mean([each.resampled for each in draws], axis=0)
    values = np.mean([[value for _, value, *_ in each.rows] for each in draws], axis=0)
    rows = of_one_training(first.metrics, values, resampled, first.n_groups)
    return replace(first, rows=tuple(rows), resampled=resampled, seconds=sum(each.seconds for each in draws))


def check_same_clips(measurements: Sequence[Measurement], what: str) -> None:
    """Raises MirbenchError where they were scored on different clips, so that nothing of theirs can be paired."""
    sizes = {m.clips: m.n_test for m in measurements}
    if len(sizes) > 1:
        counts = " and ".join(str(n) for n in sorted(sizes.values()))
        raise MirbenchError(
            f"{what} was scored on different clips ({counts}), so the scores cannot be compared; see the skipped clips in the manifest, "
            "repair them and run again."
        )


@dataclass(frozen=True)
class Trainings:
    """How the entries of a run were trained, for what is made of their scores. seeds: of each entry, or, of one that was trained once, how
    often few labels were drawn; kinds: trained | random, of weights that are drawn and not trained, | fixed; of few labels with their
    number, since fewer vary more. trained_once: by name, whatever is drawn. drawn_by: of one that was trained once and learnt from few
    labels, what those were drawn by: where it is the same, so are the labels of each draw."""

    seeds: Mapping[str, int]
    kinds: Mapping[str, str]
    trained_once: frozenset[str] = frozenset()
    drawn_by: Mapping[str, Hashable] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Trainings:
        """And of the majority floor."""
        seeds = {e.name: len(e.seeds) if len(e.seeds) > 1 else e.draws for e in entries} | {MAJORITY: 1}
        kinds = {e.name: _kind(e) if e.shots is None else f"{_kind(e)}, {e.shots} shots" for e in entries} | {MAJORITY: "fixed"}
        once = [e for e in entries if len(e.seeds) == 1]
        return cls(seeds, kinds, frozenset(e.name for e in once), {e.name: (e.shots, *e.seeds) for e in once if e.shots is not None})

    def once(self, name: str) -> int:
        """As the column one_training: 0; 1 where it was trained once and nothing tells how another training would have come out, 2 where
        others that were trained several times tell it, 3 where its weights were drawn once and not trained."""
        kind = self.kinds[name].partition(",")[0]
        if name not in self.trained_once or kind == "fixed":
            return 0
        if kind == "random":
            return 3
        if self.seeds[name] > 1:
            return 1  # of draws of labels
        return 2 if any(n > 1 and self.kinds[other] == "trained" for other, n in self.seeds.items()) else 1

    def trained(self, name: str) -> int:
        """How often; of few labels that were drawn several times, once."""
        return 1 if name in self.trained_once else self.seeds[name]

    def of_difference(
        self, layout: Layout, vector: np.ndarray, one: str, other: str, spread: Mapping[str, Training]
    ) -> dict[str, Training]:
        """What trainings add to the difference of two entries. Where each was trained once and both learnt from the same few labels, draw
        by draw, it is how much their difference varies from draw to draw. spread: the estimate of each entry by itself."""
        drawn_by = {self.drawn_by.get(name) for name in (one, other)}
        if len(drawn_by) == 1 and None not in drawn_by and layout.seeds.get(one, 1) == layout.seeds.get(other, 1) > 1:
            return {one: layout.paired(vector, one, other), other: Training(0.0, 0.0, 1, 0.0)}
        return {name: spread[name] for name in (one, other) if name in spread}

    def layout(self, resamples: int, groups: int) -> Layout:
        return Layout(self.seeds, resamples, groups)


def _kind(entry: Entry) -> str:
    return "trained" if entry.encoder.trainable or entry.checkpoints else "random" if entry.encoder.seeded else "fixed"


def vectors(layout: Layout, metric: str, measurements: Mapping[str, Sequence[Measurement]]) -> dict[str, np.ndarray]:
    """By entry, the replicates of the mean over its seeds. measurements: of one condition, one a seed."""
    found = {}
    for name, several in measurements.items():
        places = [each.metrics.index(metric) for each in several]
        values, resampled = zip(*((m.rows[at][1], m.resampled[at]) for m, at in zip(several, places, strict=True)), strict=True)
        found[name] = layout.vector(name, values, resampled)
    return found


def summaries(
    trainings: Trainings, layout: Layout, task: str, dataset: str, measurements: Mapping[str, Sequence[Measurement]]
) -> dict[str, list[dict[str, Any]]]:
    """By entry, a row of summary.csv for each metric of one condition that it has; measurements: by entry, one a seed."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in measurements}
    for metric in dict.fromkeys(metric for several in measurements.values() for metric in several[0].metrics):
        having = {name: several for name, several in measurements.items() if all(metric in each.metrics for each in several)}
        found = vectors(layout, metric, having)
        spread = shared({name: layout.training(vector, name) for name, vector in found.items()}, trainings.kinds)
        for name, vector in found.items():
            first = measurements[name][0]
            ours = {name: spread[name]} if name in spread else {}
            estimated = estimate(vector, layout, "score", ours)
            rows[name].append(
                {
                    **{"encoder": name, "task": task, "dataset": dataset, "metric": metric, "value": estimated.value},
                    **{"ci_low": estimated.low, "ci_high": estimated.high},
                    **{"corruption": first.condition.corruption, "severity": first.condition.severity},
                    **{"n_seeds": trainings.trained(name), "n_test": first.n_test, "n_groups": layout.groups},
                    **{"by_seed": listed(layout.by_seed(vector, name)), "one_training": trainings.once(name)},
                }
            )
    return rows
