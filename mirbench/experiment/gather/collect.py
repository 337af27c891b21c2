"""The run folder: scores, summaries, comparisons, predictions, and at the end the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mirbench.engine.store import key_of
from mirbench.errors import MirbenchError
from mirbench.evaluation.probing.scoring import TaskData, labels_behind, majority_predictions, measured, of_read
from mirbench.evaluation.probing.stored import read_predictions
from mirbench.evaluation.statistics.significance import resampled_interval
from mirbench.experiment.gather.corrupted import CorruptedRows
from mirbench.experiment.gather.manifest import Made, add_task, manifest_of, skipped_clips
from mirbench.experiment.gather.resamples import Measurement, check_same_clips, read_measurement, read_report, seed_mean, summaries
from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.resolve.records import Data
from mirbench.nouns import Task
from mirbench.records import MAJORITY, Condition
from mirbench.results.overlap_mark import MARKS
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import TABLES


@dataclass
class CleanRows:
    """For the run folder; filled task by task. predictions: what writes those."""

    scores: list[dict[str, Any]] = field(default_factory=list)
    summaries: list[dict[str, Any]] = field(default_factory=list)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[Callable[[], None]] = field(default_factory=list)

    def add(
        self, run: RunGraph, folder: RunFolder, task: Task, data: Data, labels: TaskData
    ) -> tuple[dict[str, list[Measurement]], dict[str, list[dict[str, Any]]]]:
        """By entry, one a seed, the majority floor last: what was measured on clean audio, and the cells that say whose it is.

        labels: of the clips that were read."""
        clean: dict[str, list[Measurement]] = {}
        whose: dict[str, list[dict[str, Any]]] = {}
        of_task = {"task": task.name, "dataset": data.name}
        clip_ids: tuple[str, ...] = ()
        for entry in run.resolved.entries:
            for seed in entry.seeds:
                at = (entry.name, data.name, task.name, seed)
                found, predicted = self._of_seed(run, folder, at)
                clip_ids = clip_ids or predicted
                clean.setdefault(entry.name, []).append(found)
                n_train = read_report(run.resolved.store, run.clean.probes[at])["n_train"]
                fraction = entry.options.get("label_fraction", 1.0)
                facts = {"encoder": entry.name, **of_task, "seed": seed, "label_fraction": fraction, "n_train": n_train}
                whose.setdefault(entry.name, []).append(facts)
        clean[MAJORITY] = [self._majority(run, folder, task, data, labels, clip_ids)]
        whose[MAJORITY] = [{"encoder": MAJORITY, **of_task, "n_train": len(labels.splits["train"].clips)}]
        check_same_clips([each for found in clean.values() for each in found], f"{task.name} on {data.name}")
        for name, measurements in clean.items():
            self.scores += [row for each, facts in zip(measurements, whose[name], strict=True) for row in each.scores(facts)]
            self.summaries += summaries(name, task.name, data.name, measurements)
        self.comparisons += _compare(run, task, data, clean)
        return clean, whose

    def _of_seed(self, run: RunGraph, folder: RunFolder, at: tuple[str, str, str, int]) -> tuple[Measurement, tuple[str, ...]]:
        store, (_, dataset, task, _) = run.resolved.store, at
        predictions = read_predictions(store.folder(*run.clean.predictions[at].name))
        self.predictions.append(partial(folder.write_predictions, *at, predictions))
        found = read_measurement(store, run.clean.scores[at])
        if found is None:
            raise MirbenchError(f"no test clip of {task} on {dataset} could be embedded; see the skipped clips in the manifest.")
        return found, predictions.clip_ids

    def _majority(
        self, run: RunGraph, folder: RunFolder, task: Task, data: Data, labels: TaskData, clip_ids: tuple[str, ...]
    ) -> Measurement:
        """The floor that embeds nothing."""
        resolved, resamples = run.resolved, run.resolved.config.bootstrap.resamples
        floor = majority_predictions(task, labels, clip_ids)
        self.predictions.append(partial(folder.write_predictions, MAJORITY, data.name, task.name, 0, floor))
        rows, resampled = measured(task, floor, resamples)
        clips = key_of(clips=floor.clip_ids, groups=floor.groups)
        code = {**resolved.code.tasks[task.name], "scoring": resolved.code.kinds["scores"]}
        read = [clip.id for labelled in labels.splits.values() for clip in labelled.clips]
        key = key_of(majority=task.name, data=data.key(), read=read, resamples=resamples, **code)
        behind = labels_behind(task, floor)
        return Measurement(Condition(), tuple(rows), resampled, len(floor.clip_ids), clips, key=key, labels=behind)


def collect(run: RunGraph, folder: RunFolder, made: Made, command: str) -> None:
    """Writes the run folder; the manifest last, so that a folder with a manifest is whole."""
    clean_rows, corrupted = CleanRows(), CorruptedRows(made.faults)
    tasks: dict[str, Any] = {}
    unreadable = {data.name: skipped_clips(run, data.name) for data in run.resolved.scored_data}
    for task in run.resolved.tasks:
        for data in run.resolved.scored_data:
            if run.resolved.carries(data, task):
                labels = of_read(run.resolved.labels[data.name, task.name], unreadable[data.name])
                clean, whose = clean_rows.add(run, folder, task, data, labels)
                corrupted.add(run, task, data, clean, whose)
                add_task(tasks, run, task, data, labels)
    corrupted.finish(run)
    manifest = manifest_of(run, tasks, made, command, unreadable)
    overlapping = manifest.get("overlap", {})
    folder.clear()  # only now: a run that is stopped before has lost nothing
    for write in clean_rows.predictions:
        write()
    tables = {
        "scores": [*clean_rows.scores, *corrupted.scores],
        "summary": [*clean_rows.summaries, *corrupted.summaries],
        "comparisons": clean_rows.comparisons,
        "robustness": corrupted.rows,
        "robustness_comparisons": corrupted.comparisons,
        "equivariance": corrupted.equivariance,
    }
    for name, rows in tables.items():
        for row in rows:
            row |= {mark: int(row.get(who) in overlapping) for who, mark in MARKS.items()}
        folder.write(name, TABLES[name].frame(rows))
    folder.write_manifest({**manifest, "files": folder.digests()})


def _compare(run: RunGraph, task: Task, data: Data, clean: dict[str, list[Measurement]]) -> Iterator[dict[str, Any]]:
    """Each encoder against every other encoder and floor that comes after it, on clean audio.

    The variants of a sweep are not compared with each other, but where they are the same point of two encoders' sweeps.
    """
    for metric in clean[MAJORITY][0].metrics:
        for i, entry in enumerate(run.resolved.encoders):
            value, resampled = seed_mean(clean[entry.name], metric)
            for baseline in [*(other.name for other in run.resolved.entries[i + 1 :] if entry.rivals(other)), MAJORITY]:
                other, others = seed_mean(clean[baseline], metric)
                low, high = resampled_interval(value - other, resampled - others, bounded=False)
                facts = {"encoder": entry.name, "baseline": baseline, "task": task.name, "dataset": data.name, "metric": metric}
                sizes = {"n_seeds": len(clean[entry.name]), "n_test": clean[entry.name][0].n_test}
                yield {**facts, "difference": value - other, "ci_low": low, "ci_high": high, **sizes}
