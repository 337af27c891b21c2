"""What the jobs under corruption left in the store, as rows of the run folder and as a part of its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mirbench.evaluation.statistics import robustness
from mirbench.evaluation.statistics.robustness import Measured
from mirbench.experiment.entries import Entry
from mirbench.experiment.jobs import Job
from mirbench.experiment.resamples import Measurement, check_same_clips, read_measurement, seed_mean, summaries
from mirbench.nouns import Dataset, Task
from mirbench.records import ALL, CLEAN, MAJORITY, Condition, Score
from mirbench.results.run_folder import Robustness, RobustnessComparison, Summary

if TYPE_CHECKING:
    from mirbench.experiment.planning import Corrupted, Plan


@dataclass
class CorruptedRows:
    """For the run folder; filled task by task."""

    scores: list[Score] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    lines: list[list[robustness.Line]] = field(default_factory=list)  # of each task and data set
    rows: list[Robustness] = field(default_factory=list)
    comparisons: list[RobustnessComparison] = field(default_factory=list)
    equivariance: list[Summary] = field(default_factory=list)

    def add(self, planned: Plan, task: Task, dataset: Dataset, clean: dict[str, list[Measurement]], about: dict[str, list[Score]]) -> None:
        """clean: what was measured on clean audio, by entry, one a seed, the majority floor among them; about: whose it is."""
        headline = clean[MAJORITY][0].metrics[0]
        scored: dict[str, dict[tuple[str, int], Measured]] = {}
        for entry in planned.entries:
            name, whole = entry.name, clean[entry.name]
            scored[name] = {(CLEAN, 0): seed_mean(whole, headline)}
            for condition in (c for conditions in planned.conditions.values() for c in conditions):
                if found := _over_seeds(planned, planned.corrupted, entry, task, dataset, condition):
                    check_same_clips([*whole, *found], f"{task.name} on {dataset.name} with {name} under {condition}")
                    self.scores += [row for each, whose in zip(found, about[name], strict=True) for row in each.scores(whose)]
                    self.summaries += summaries(name, task.name, dataset.name, found)
                    scored[name][condition.corruption, condition.severity] = seed_mean(found, headline)
                if found := _over_seeds(planned, planned.shifted, entry, task, dataset, condition):
                    self.equivariance += summaries(name, task.name, dataset.name, found)
        if all(len(curve) == 1 for curve in scored.values()):
            return
        counted = [name for name in planned.conditions if planned.registry.get("corruption", name).counted]
        floor = seed_mean(clean[MAJORITY], headline)
        sizes = {c.name: (len(c.seeds), clean[c.name][0].n_test) for c in planned.entries}
        where = (task.name, dataset.name, headline)
        lines = robustness.robustness(scored, floor, planned.baseline, counted)
        self.lines.append(lines)
        self.rows += [_row(line, where, sizes[line.encoder]) for line in lines]
        for each in robustness.comparisons(scored, list(_pairs(planned)), floor, counted):
            names = (each.encoder, each.baseline, *where, each.corruption, each.measure)
            numbers = (each.difference, each.low, each.high, each.p, 1.0)
            self.comparisons.append(RobustnessComparison(*names, *numbers, *sizes[each.encoder]))

    def finish(self, planned: Plan) -> None:
        """What is made of all tasks together: means over them, and the correction of p-values for their number."""
        sizes = {c.name: (len(c.seeds), 0) for c in planned.entries}
        self.rows += [_row(line, (ALL, ALL, ALL), sizes[line.encoder]) for line in robustness.across_tasks(self.lines)]
        self.comparisons = robustness.corrected(self.comparisons)


def _over_seeds(
    planned: Plan, jobs: Mapping[Corrupted, Job], entry: Entry, task: Task, dataset: Dataset, condition: Condition
) -> list[Measurement]:
    """What was measured under a condition, one a seed; nothing where that was not planned, or a corruption at fault stood in its way."""
    planned_for = [jobs.get((entry.name, dataset.name, task.name, seed, condition)) for seed in entry.seeds]
    if condition.corruption in planned.planner.faults.get(dataset.name, {}):
        return []
    found = [read_measurement(planned.store, job) for job in planned_for if job is not None]
    return [each for each in found if each is not None] if all(found) else []


def _row(line: robustness.Line, about: tuple[str, str, str], sizes: tuple[int, int]) -> Robustness:
    numbers = (line.value, line.low, line.high)
    return Robustness(line.encoder, *about, line.measure, line.corruption, line.severity, *numbers, line.baseline, *sizes)


def _pairs(planned: Plan) -> Iterator[tuple[str, str]]:
    """Each encoder with every other encoder and floor that comes after it, as on clean audio."""
    for i, entry in enumerate(planned.encoders):
        yield from ((entry.name, other.name) for other in planned.entries[i + 1 :] if entry.rivals(other))


def about_corruptions(planned: Plan) -> dict[str, Any]:
    """For the manifest; nothing where nothing was corrupted."""
    if not planned.conditions:
        return {}
    nouns = {name: planned.registry.get("corruption", name) for name in planned.conditions}
    corruptions = {
        name: {
            "description": noun.description,
            "unit": noun.unit,
            "levels": list(noun.levels),
            "alters": sorted(noun.alters),
            "limits": noun.limits,
            "counted": noun.counted,
            "provider": planned.registry.provider("corruption", name),
        }
        for name, noun in nouns.items()
    }
    skipped = [
        {"task": skip.task, "dataset": dataset.name, "corruption": skip.corruption, "reason": skip.reason}
        for skip in planned.skips
        for dataset in planned.datasets
        if any(task.name == skip.task and task.annotation in dataset.annotations for task in planned.tasks)
    ]
    failed = [
        {"dataset": dataset, "corruption": name, "severity": fault.condition.severity, "clip": fault.clip_id, "reason": fault.reason}
        for dataset, faults in planned.planner.faults.items()
        for name, fault in faults.items()
    ]
    settings = planned.config.robustness
    facts = {
        "baseline": planned.baseline,
        "train_on": settings.train_on,
        "replicate": settings.replicate,
        "sample_rate": planned.sample_rate,
        "severities": planned.config.severities,
        "skipped": skipped,
        "failed": failed,
    }
    return {"corruptions": corruptions, "robustness": facts}
