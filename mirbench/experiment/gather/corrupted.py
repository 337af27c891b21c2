"""What the jobs under corruption left in the store, as rows of the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirbench.engine.jobs import Job
from mirbench.evaluation.statistics import robustness
from mirbench.evaluation.statistics.robustness import Measured
from mirbench.experiment.gather.resamples import Measurement, check_same_clips, read_measurement, seed_mean, summaries
from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.resolve.records import Data, Entry
from mirbench.nouns import Task
from mirbench.records import ALL, CLEAN, MAJORITY, Condition, Score
from mirbench.results.rows import Robustness, RobustnessComparison, Summary

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.corruption import Fault


@dataclass
class CorruptedRows:
    """For the run folder; filled task by task. faults: by data set and corruption; of such a corruption nothing is shown."""

    faults: Mapping[str, Mapping[str, Fault]]
    scores: list[Score] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    lines: list[list[robustness.Line]] = field(default_factory=list)  # of each task and data set
    rows: list[Robustness] = field(default_factory=list)
    comparisons: list[RobustnessComparison] = field(default_factory=list)
    equivariance: list[Summary] = field(default_factory=list)

    def add(self, run: RunGraph, task: Task, data: Data, clean: dict[str, list[Measurement]], whose: dict[str, list[Score]]) -> None:
        """clean: what was measured on clean audio, by entry, one a seed, the majority floor among them; whose: whose it is."""
        resolved, headline = run.resolved, clean[MAJORITY][0].metrics[0]
        scored: dict[str, dict[tuple[str, int], Measured]] = {}
        for entry in resolved.entries:
            name, whole = entry.name, clean[entry.name]
            scored[name] = {(CLEAN, 0): seed_mean(whole, headline)}
            for condition in (c for conditions in resolved.conditions.values() for c in conditions):
                if measurements := self._over_seeds(run, run.corrupted.scores, entry, task, data, condition):
                    check_same_clips([*whole, *measurements], f"{task.name} on {data.name} with {name} under {condition}")
                    self.scores += [
                        row for each, prototype in zip(measurements, whose[name], strict=True) for row in each.scores(prototype)
                    ]
                    self.summaries += summaries(name, task.name, data.name, measurements)
                    scored[name][condition.corruption, condition.severity] = seed_mean(measurements, headline)
                if measurements := self._over_seeds(run, run.corrupted.shifted, entry, task, data, condition):
                    self.equivariance += summaries(name, task.name, data.name, measurements)
        if all(len(curve) == 1 for curve in scored.values()):
            return
        counted = [name for name in resolved.conditions if resolved.corruptions[name].counted]
        floor = seed_mean(clean[MAJORITY], headline)
        sizes = {entry.name: (len(entry.seeds), clean[entry.name][0].n_test) for entry in resolved.entries}
        where = (task.name, data.name, headline)
        lines = robustness.robustness(scored, floor, resolved.baseline, counted)
        self.lines.append(lines)
        self.rows += [_row(line, where, sizes[line.encoder]) for line in lines]
        for each in robustness.comparisons(scored, list(_pairs(run)), floor, counted):
            names = (each.encoder, each.baseline, *where, each.corruption, each.measure)
            numbers = (each.difference, each.low, each.high, each.p, 1.0)
            self.comparisons.append(RobustnessComparison(*names, *numbers, *sizes[each.encoder]))

    def finish(self, run: RunGraph) -> None:
        """What is made of all tasks together: means over them, and the correction of p-values for their number."""
        sizes = {entry.name: (len(entry.seeds), 0) for entry in run.resolved.entries}
        self.rows += [_row(line, (ALL, ALL, ALL), sizes[line.encoder]) for line in robustness.across_tasks(self.lines)]
        self.comparisons = robustness.corrected(self.comparisons)

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


def _row(line: robustness.Line, scored: tuple[str, str, str], sizes: tuple[int, int]) -> Robustness:
    numbers = (line.value, line.low, line.high)
    return Robustness(line.encoder, *scored, line.measure, line.corruption, line.severity, *numbers, line.baseline, *sizes)


def _pairs(run: RunGraph) -> Iterator[tuple[str, str]]:
    """Each encoder with every other encoder and floor that comes after it, as on clean audio."""
    entries = run.resolved.entries
    for i, entry in enumerate(run.resolved.encoders):
        yield from ((entry.name, other.name) for other in entries[i + 1 :] if entry.rivals(other))
