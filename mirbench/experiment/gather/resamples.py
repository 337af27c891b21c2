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
from mirbench.evaluation.statistics.robustness import Measured
from mirbench.evaluation.statistics.significance import resampled_interval
from mirbench.records import Condition


@dataclass(frozen=True)
class Measurement:
    """What one score job found. rows: (metric, value, low, high); resampled: (metrics, resamples); clips: a hash of those scored; labels:
    of a metric that is a mean over labels, how many it is over, and how many there are."""

    condition: Condition
    rows: tuple[tuple[str, float, float, float], ...]
    resampled: np.ndarray
    n_test: int
    clips: str
    seconds: float = 0.0
    key: str = ""
    labels: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def metrics(self) -> list[str]:
        """The first is the headline."""
        return [name for name, *_ in self.rows]

    def of(self, metric: str) -> Measured:
        place = self.metrics.index(metric)
        return self.rows[place][1], self.resampled[place]

    def scores(self, whose: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A row of scores.csv for each metric. whose: the cells that say whose they are."""
        facts = {**whose, **asdict(self.condition), "n_test": self.n_test, "seconds": self.seconds, "key": self.key}
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
    facts = (report["n_test"], report["clips"], report["seconds"], job.key, report["labels"])
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


def seed_mean(measurements: Sequence[Measurement], metric: str) -> Measured:
    """The mean over measurements of one condition, one a seed, and that of each resample."""
    found = [m.of(metric) for m in measurements]
    return float(np.mean([value for value, _ in found])), np.mean([resampled for _, resampled in found], axis=0)


def summaries(encoder: str, task: str, dataset: str, measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """A row of summary.csv for each metric of one condition; measurements: one a seed."""
    first, rows = measurements[0], []
    facts = {"encoder": encoder, "task": task, "dataset": dataset, "n_seeds": len(measurements), "n_test": first.n_test}
    facts |= {"corruption": first.condition.corruption, "severity": first.condition.severity}
    for metric in first.metrics:
        value, resampled = seed_mean(measurements, metric)
        low, high = resampled_interval(value, resampled)
        rows.append({**facts, "metric": metric, "value": value, "ci_low": low, "ci_high": high})
    return rows
