"""What the jobs under corruption left in the store, as rows of the run folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.engine.jobs import Job
from mirbench.evaluation.probing.metric_table import resolve as resolve_metric
from mirbench.evaluation.statistics import robustness
from mirbench.evaluation.statistics.estimates import holm
from mirbench.experiment.gather.resamples import Measurement, Trainings, check_same_clips, read_measurements, summaries, vectors
from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.resolve.records import Data
from mirbench.nouns import Task, family_of
from mirbench.records import ALL, CLEAN, MAJORITY, NATURAL_SHIFT, Condition
from mirbench.results.schema import listed

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.corruption import Fault


@dataclass
class CorruptedRows:
    """For the run folder; filled task by task. faults: by data set and corruption; of such a corruption nothing is shown. means: over
    corruptions; families: of each corruption, and of each mean that it is over, as the column of the run folder."""

    trainings: Trainings
    means: robustness.Means
    families: Mapping[str, str]
    faults: Mapping[str, Mapping[str, Fault]]
    scores: list[dict[str, Any]] = field(default_factory=list)
    resampled: list[np.ndarray] = field(default_factory=list)  # of the rows of scores
    summaries: list[dict[str, Any]] = field(default_factory=list)
    lines: list[list[robustness.Line]] = field(default_factory=list)  # of each task and data set
    fewest: int = 0  # groups of any of them
    rows: list[dict[str, Any]] = field(default_factory=list)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    equivariance: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, run: RunGraph, trainings: Trainings, faults: Mapping[str, Mapping[str, Fault]]) -> CorruptedRows:
        families, seen = run.resolved.families, run.resolved.seen_families.values()
        means = robustness.means_over(families, {name for each in seen for name in each})
        of_single = {name: family_of(run.resolved.corruptions[name]) for name in run.resolved.conditions}
        of_single |= {shift.data.name: NATURAL_SHIFT for shift in run.resolved.natural_shifts}
        told = {label: dict.fromkeys(of_single[name] for group in groups for name in group) for label, groups in means.items()}
        return cls(trainings, means, of_single | {label: " ".join(names) for label, names in told.items()}, faults)

    def add(
        self, run: RunGraph, task: Task, data: Data, clean: dict[str, list[Measurement]], whose: dict[str, list[dict[str, Any]]]
    ) -> None:
        """clean: what was measured on clean audio, by entry, one a seed, the majority floor among them; whose: whose it is."""
        resolved, headline, trainings = run.resolved, clean[MAJORITY][0].metrics[0], self.trainings
        layout = trainings.layout(resolved.config.bootstrap.resamples, clean[MAJORITY][0].n_groups)
        of_task = f"{task.name} on {data.name}"
        clean_vectors = vectors(layout, headline, clean)
        curves: dict[str, dict[tuple[str, int], np.ndarray]] = {e.name: {(CLEAN, 0): clean_vectors[e.name]} for e in resolved.entries}
        of_entries: list[dict[str, list[Any]]] = [{e.name: [] for e in resolved.entries} for _ in range(4)]
        scores, resampled, summarised, moved = of_entries
        for condition in resolved.conditions_on(data.name):
            if found := self._measured(run, run.corrupted.scores, task, data, condition):
                for name, measurements in found.items():
                    check_same_clips([*clean[name], *measurements], f"{of_task} with {name} under {condition}")
                    scores[name] += [row for each, facts in zip(measurements, whose[name], strict=True) for row in each.scores(facts)]
                    resampled[name] += [row for each in measurements for row in each.resampled]
                for name, rows in summaries(trainings, layout, task.name, data.name, found).items():
                    summarised[name] += rows
                for name, vector in vectors(layout, headline, found).items():
                    curves[name][condition.corruption, condition.severity] = vector
            if found := self._measured(run, run.corrupted.shifted, task, data, condition):
                for name, rows in summaries(trainings, layout, task.name, data.name, found).items():
                    moved[name] += rows
        kept: tuple[list[Any], ...] = (self.scores, self.resampled, self.summaries, self.equivariance)
        for found_of_entries, whole in zip(of_entries, kept, strict=True):
            whole += [each for several in found_of_entries.values() for each in several]
        if all(len(curve) == 1 for curve in curves.values()):
            return
        scored = robustness.Scored(layout, curves, clean_vectors[MAJORITY], trainings.kinds)
        facts = {"task": task.name, "dataset": data.name, "metric": headline, "n_groups": layout.groups}
        of_entry = {e.name: {**facts, "n_seeds": len(e.seeds), "n_test": clean[e.name][0].n_test} for e in resolved.entries}
        lines = robustness.robustness(scored, resolved.baseline, self.means, resolve_metric(task.metrics[0]).best)
        self.lines.append(lines)
        self.fewest = min(self.fewest or layout.groups, layout.groups)
        self.rows += [self._row(line) | of_entry[line.encoder] for line in lines]
        differences = robustness.comparisons(scored, list(_pairs(run)), self.means)
        self.comparisons += [self._row(each) | of_entry[each.encoder] for each in differences]

    def finish(self, run: RunGraph) -> None:
        """What is made of all tasks together: means over them, and the correction of p-values for their number, measure by measure. A mean
        over one corruption or family is the same test as that, and counts once."""
        facts = {"task": ALL, "dataset": ALL, "metric": ALL}
        layout = self.trainings.layout(run.resolved.config.bootstrap.resamples, self.fewest)
        shifts = {shift.data.name for shift in run.resolved.natural_shifts}
        means = robustness.across_tasks(self.lines, self.means, layout, self.trainings.kinds, shifts)
        self.rows += [{**self._row(line), **facts, "n_seeds": self.trainings.trained(line.encoder)} for line in means]
        tables: dict[tuple[str, bool], list[dict[str, Any]]] = {}  # natural shifts by themselves: no corruption's verdict depends on them
        for row in self.comparisons:
            tables.setdefault((row["measure"], row["corruption"] in shifts), []).append(row)
        for rows in tables.values():
            correct(rows, self.means)

    def _measured(
        self, run: RunGraph, jobs: Mapping[tuple[str, str, str, int, Condition], Job], task: Task, data: Data, condition: Condition
    ) -> dict[str, list[Measurement]]:
        """By entry, what was measured under a condition, one a seed; without those for which it was not planned, or a faulty corruption is
        in the way."""
        if condition.corruption in self.faults.get(data.name, {}):
            return {}
        measured = {}
        for entry in run.resolved.entries:
            planned = [jobs.get((entry.name, data.name, task.name, seed, condition)) for seed in entry.seeds]
            of_seeds = [job for job in planned if job is not None]
            if of_seeds and (found := read_measurements(run.resolved.store, entry, of_seeds)):
                measured[entry.name] = found
        return measured

    def _row(self, line: robustness.Line | robustness.Difference) -> dict[str, Any]:
        """Its cells of robustness.csv or robustness_comparisons.csv."""
        columns = {"low": "ci_low", "high": "ci_high"}
        cells = {columns.get(f.name, f.name): getattr(line, f.name) for f in fields(line) if f.name != "vector"}
        cells |= {"by_seed": listed(cells["by_seed"])} if "by_seed" in cells else {}
        cells["families"] = self.families.get(line.corruption, "")
        single = {"one_training": self.trainings.once(line.encoder)}
        single |= {"baseline_one_training": self.trainings.once(line.baseline)} if line.baseline else {}
        return cells | single


def correct(rows: Iterable[dict[str, Any]], means: Collection[str]) -> None:
    """Fills in p_holm of rows of one measure. means: the names of corruptions that are means over others, each of which stands behind
    those others; one that is the same test as a row before it, as a mean over a single corruption is, counts once with that."""
    tests: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for number, row in enumerate(rows):
        same = tuple(row[name] for name in ("task", "dataset", "encoder", "baseline", "difference", "p"))
        of_mean = row["corruption"] in means
        tests.setdefault(same if of_mean or same not in tests else (*same, number), []).append(row)
    for several, p in zip(tests.values(), holm([each[0]["p"] for each in tests.values()]), strict=True):
        for row in several:
            row["p_holm"] = p


def lacking_twins(run: RunGraph) -> Iterator[tuple[str, Fault]]:
    """By data set, the first clip of a natural shift that could not be read, though that of the data set could: what is scored on the
    others does not compare with clean audio."""
    from mirbench.evaluation.embedding.corruption import Fault
    from mirbench.evaluation.embedding.stored import read_embeddings

    store = run.resolved.store
    for shift in run.resolved.natural_shifts:
        job = next(job for (name, of, *_), job in run.corrupted.shifts.items() if (name, of) == (shift.data.name, shift.of))
        clean = next(splits["test"] for (_, of, _), splits in run.clean.embeddings.items() if of == shift.of)
        there, skipped = (read_embeddings(store.folder(*each.name)) for each in (clean, job))
        for clip in there.clip_ids:
            if clip in skipped.skipped:
                yield shift.of, Fault(shift.condition, clip, f"its other recording cannot be read: {skipped.skipped[clip].rstrip('.')}")
                break


def _pairs(run: RunGraph) -> Iterator[tuple[str, str]]:
    """Each encoder with every other encoder and floor that comes after it, as on clean audio."""
    entries = run.resolved.entries
    for i, entry in enumerate(run.resolved.encoders):
        yield from ((entry.name, other.name) for other in entries[i + 1 :] if entry.rivals(other))
