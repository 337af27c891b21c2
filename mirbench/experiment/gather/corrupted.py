"""What the jobs under corruption left in the store, as rows of the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from mirbench.engine.jobs import Job
from mirbench.evaluation.probing.metric_table import resolve as resolve_metric
from mirbench.evaluation.statistics import robustness
from mirbench.evaluation.statistics.robustness import Measured
from mirbench.evaluation.statistics.significance import holm
from mirbench.experiment.gather.resamples import Measurement, check_same_clips, read_measurement, seed_mean, summaries
from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.resolve.records import Data, Entry
from mirbench.nouns import Task
from mirbench.records import ALL, CLEAN, MAJORITY, Condition

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.corruption import Fault


@dataclass
class CorruptedRows:
    """For the run folder; filled task by task. faults: by data set and corruption; of such a corruption nothing is shown."""

    faults: Mapping[str, Mapping[str, Fault]]
    scores: list[dict[str, Any]] = field(default_factory=list)
    summaries: list[dict[str, Any]] = field(default_factory=list)
    lines: list[list[robustness.Line]] = field(default_factory=list)  # of each task and data set
    rows: list[dict[str, Any]] = field(default_factory=list)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    equivariance: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, run: RunGraph, task: Task, data: Data, clean: dict[str, list[Measurement]], whose: dict[str, list[dict[str, Any]]]
    ) -> None:
        """clean: what was measured on clean audio, by entry, one a seed, the majority floor among them; whose: whose it is."""
        resolved, headline = run.resolved, clean[MAJORITY][0].metrics[0]
        scored: dict[str, dict[tuple[str, int], Measured]] = {}
        for entry in resolved.entries:
            name, whole = entry.name, clean[entry.name]
            scored[name] = {(CLEAN, 0): seed_mean(whole, headline)}
            for condition in (c for conditions in resolved.conditions.values() for c in conditions):
                if measurements := self._over_seeds(run, run.corrupted.scores, entry, task, data, condition):
                    check_same_clips([*whole, *measurements], f"{task.name} on {data.name} with {name} under {condition}")
                    self.scores += [row for each, facts in zip(measurements, whose[name], strict=True) for row in each.scores(facts)]
                    self.summaries += summaries(name, task.name, data.name, measurements)
                    scored[name][condition.corruption, condition.severity] = seed_mean(measurements, headline)
                if measurements := self._over_seeds(run, run.corrupted.shifted, entry, task, data, condition):
                    self.equivariance += summaries(name, task.name, data.name, measurements)
        if all(len(curve) == 1 for curve in scored.values()):
            return
        counted = [name for name in resolved.conditions if resolved.corruptions[name].counted]
        floor = seed_mean(clean[MAJORITY], headline)
        facts = {"task": task.name, "dataset": data.name, "metric": headline}
        of_entry = {e.name: {**facts, "n_seeds": len(e.seeds), "n_test": clean[e.name][0].n_test} for e in resolved.entries}
        lines = robustness.robustness(scored, floor, resolved.baseline, counted, resolve_metric(task.metrics[0]).best)
        self.lines.append(lines)
        self.rows += [_row(line) | of_entry[line.encoder] for line in lines]
        differences = robustness.comparisons(scored, list(_pairs(run)), floor, counted)
        self.comparisons += [_row(each) | of_entry[each.encoder] for each in differences]

    def finish(self, run: RunGraph) -> None:
        """What is made of all tasks together: means over them, and the correction of p-values for their number, measure by measure."""
        facts = {"task": ALL, "dataset": ALL, "metric": ALL}
        seeds = {entry.name: len(entry.seeds) for entry in run.resolved.entries}
        self.rows += [{**_row(line), **facts, "n_seeds": seeds[line.encoder]} for line in robustness.across_tasks(self.lines)]
        for measure in {row["measure"] for row in self.comparisons}:
            rows = [row for row in self.comparisons if row["measure"] == measure]
            for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
                row["p_holm"] = p

    def _over_seeds(
        self,
        run: RunGraph,
        jobs: Mapping[tuple[str, str, str, int, Condition], Job],
        entry: Entry,
        task: Task,
        data: Data,
        condition: Condition,
    ) -> list[Measurement]:
        """What was measured under a condition, one a seed; nothing where that was not planned, or a faulty corruption is in its way."""
        if condition.corruption in self.faults.get(data.name, {}):
            return []
        planned = [jobs.get((entry.name, data.name, task.name, seed, condition)) for seed in entry.seeds]
        found = [read_measurement(run.resolved.store, job) for job in planned if job is not None]
        return [each for each in found if each is not None] if all(found) else []


def _row(line: robustness.Line | robustness.Difference) -> dict[str, Any]:
    """Its cells of robustness.csv or robustness_comparisons.csv."""
    columns = {"low": "ci_low", "high": "ci_high"}
    return {columns.get(f.name, f.name): getattr(line, f.name) for f in fields(line) if f.name != "resampled"}


def _pairs(run: RunGraph) -> Iterator[tuple[str, str]]:
    """Each encoder with every other encoder and floor that comes after it, as on clean audio."""
    entries = run.resolved.entries
    for i, entry in enumerate(run.resolved.encoders):
        yield from ((entry.name, other.name) for other in entries[i + 1 :] if entry.rivals(other))
