"""What score jobs left in the store: each metric under each condition, with what it is in each resample; and the rows made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mirbench.engine.jobs import Job
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.evaluation.statistics.estimates import estimate, shared
from mirbench.evaluation.statistics.replicates import Layout
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


def read_measurement(store: Store, job: Job) -> Measurement | None:
    """None where no clip was left to score."""
    report = read_report(store, job)
    if not report["n_test"]:
        return None
    resampled = np.load(store.folder(*job.name) / "resampled.npy")
    facts = (report["n_test"], report["n_groups"], report["clips"], report["seconds"], job.key, report["labels"])
    return Measurement(Condition(**report["condition"]), tuple(map(tuple, report["rows"])), resampled, *facts)


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
    """How the entries of a run were trained, for what is made of their scores. seeds: of each entry; kinds: trained | random, of weights
    that are drawn and not trained, | fixed."""

    seeds: Mapping[str, int]
    kinds: Mapping[str, str]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Trainings:
        """And of the majority floor."""
        return cls({e.name: len(e.seeds) for e in entries} | {MAJORITY: 1}, {e.name: _kind(e) for e in entries} | {MAJORITY: "fixed"})

    def once(self, name: str) -> int:
        """As the column one_training: 0; 1 where it was trained once and nothing tells how another training would have come out, 2 where
        others that were trained several times tell it, 3 where its weights were drawn once and not trained."""
        if self.seeds[name] > 1 or self.kinds[name] == "fixed":
            return 0
        if self.kinds[name] == "random":
            return 3
        return 2 if any(n > 1 and self.kinds[other] == "trained" for other, n in self.seeds.items()) else 1

    def layout(self, resamples: int, groups: int) -> Layout:
        return Layout(self.seeds, resamples, groups)


def _kind(entry: Entry) -> str:
    return "trained" if entry.encoder.trainable or entry.checkpoints else "random" if entry.encoder.seeded else "fixed"


def vectors(layout: Layout, metric: str, measurements: Mapping[str, Sequence[Measurement]]) -> dict[str, np.ndarray]:
    """By entry, the replicates of the mean over its seeds. measurements: of one condition, one a seed."""
    found = {}
    for name, several in measurements.items():
        place = several[0].metrics.index(metric)
        found[name] = layout.vector(name, [m.rows[place][1] for m in several], [m.resampled[place] for m in several])
    return found


def summaries(
    trainings: Trainings, layout: Layout, task: str, dataset: str, measurements: Mapping[str, Sequence[Measurement]]
) -> dict[str, list[dict[str, Any]]]:
    """By entry, a row of summary.csv for each metric of one condition; measurements: by entry, one a seed."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in measurements}
    for metric in next(iter(measurements.values()))[0].metrics:
        found = vectors(layout, metric, measurements)
        spread = shared({name: layout.training(vector, name) for name, vector in found.items()}, trainings.kinds)
        for name, vector in found.items():
            first, several = measurements[name][0], measurements[name]
            ours = {name: spread[name]} if name in spread else {}
            estimated = estimate(vector, layout, "score", ours)
            rows[name].append(
                {
                    **{"encoder": name, "task": task, "dataset": dataset, "metric": metric, "value": estimated.value},
                    **{"ci_low": estimated.low, "ci_high": estimated.high},
                    **{"corruption": first.condition.corruption, "severity": first.condition.severity},
                    **{"n_seeds": len(several), "n_test": first.n_test, "n_groups": layout.groups},
                    **{"by_seed": listed(layout.by_seed(vector, name)), "one_training": trainings.once(name)},
                }
            )
    return rows
