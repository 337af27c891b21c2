"""The run folder: scores, summaries, comparisons, predictions, and at the end the manifest."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from mirbench.engine.files import tell as say
from mirbench.engine.store import key_of
from mirbench.errors import MirbenchError
from mirbench.evaluation.probing.scoring import TaskData, labels_behind, majority_predictions, measured, of_read
from mirbench.evaluation.probing.stored import read_predictions
from mirbench.evaluation.statistics.estimates import estimate, holm, shared
from mirbench.evaluation.statistics.replicates import Layout
from mirbench.experiment.gather.corrupted import CorruptedRows, lacking_twins
from mirbench.experiment.gather.costs import cost_rows
from mirbench.experiment.gather.layers import layer_rows
from mirbench.experiment.gather.manifest import Made, add_task, manifest_of, skipped_clips
from mirbench.experiment.gather.maps import map_rows
from mirbench.experiment.gather.resamples import (
    Measurement,
    Trainings,
    check_same_clips,
    read_measurements,
    read_report,
    summaries,
    vectors,
)
from mirbench.experiment.gather.similarity import SimilarityRows
from mirbench.experiment.gather.sounds import write_sounds
from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.planning.power import FIXED, RANDOM, TRAINED, Spread, keep_spreads
from mirbench.experiment.recipes.overlap import shared_test_clips
from mirbench.experiment.recipes.probe import parts_of
from mirbench.experiment.resolve.records import Data, Entry
from mirbench.nouns import Task
from mirbench.records import MAJORITY, Condition, Predictions
from mirbench.results.overlap_mark import MARKS
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import ALL_TABLES, listed


@dataclass
class CleanRows:
    """For the run folder; filled task by task. predictions: what writes those. said: the same by data set, task and entry, of each seed."""

    trainings: Trainings
    scores: list[dict[str, Any]] = field(default_factory=list)
    summaries: list[dict[str, Any]] = field(default_factory=list)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[Callable[[], None]] = field(default_factory=list)
    said: dict[tuple[str, str, str], list[Predictions]] = field(default_factory=dict)
    resampled: list[np.ndarray] = field(default_factory=list)  # of the rows of scores
    spreads: list[Spread] = field(default_factory=list)

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
            places = [(entry.name, data.name, task.name, seed) for seed in entry.seeds]
            for at in places:
                predicted = self._predicted(run, folder, entry, at)
                clip_ids = clip_ids or predicted
            clean[entry.name] = self._of_entry(run, entry, places)
            facts = {"encoder": entry.name, **of_task, "label_fraction": entry.options.get("label_fraction", 1.0)}
            reports = [read_report(run.resolved.store, run.clean.probes[at]) for at in places]
            learnt = [[each["n_train"] for each in report.get("draws", [report])] for report in reports]
            if entry.shots is not None and len(entry.seeds) == 1:
                numbers = [{"seed": entry.seeds[0], "draw": draw, "n_train": n} for draw, n in enumerate(learnt[0])]
            else:
                numbers = [{"seed": seed, "n_train": round(np.mean(n))} for seed, n in zip(entry.seeds, learnt, strict=True)]
            whose[entry.name] = [{**facts, **number} for number in numbers]
        clean[MAJORITY] = [self._majority(run, folder, task, data, labels, clip_ids)]
        whose[MAJORITY] = [{"encoder": MAJORITY, **of_task, "n_train": len(labels.splits["train"].clips)}]
        check_same_clips([each for found in clean.values() for each in found], f"{task.name} on {data.name}")
        layout = self.trainings.layout(run.resolved.config.bootstrap.resamples, clean[MAJORITY][0].n_groups)
        floors = [entry.name for entry in run.resolved.entries if entry.role != "encoder"]
        self.spreads += _spreads(self.trainings, layout, of_task, clean, floors)
        rows = summaries(self.trainings, layout, task.name, data.name, clean)
        for name, measurements in clean.items():
            self.scores += [row for each, facts in zip(measurements, whose[name], strict=True) for row in each.scores(facts)]
            self.resampled += [row for each in measurements for row in each.resampled]
            self.summaries += rows[name]
        self.comparisons += self._compare(run, layout, {"task": task.name, "dataset": data.name}, clean)
        self.layers += layer_rows(run.resolved.entries, self.trainings, layout, of_task, clean)
        return clean, whose

    def finish(self) -> None:
        """Corrects the p-values of comparisons for their number, those of headline metrics by themselves."""
        heads = {(row["task"], row["dataset"]): row["metric"] for row in reversed(self.comparisons)}
        families: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
        for row in self.comparisons:
            families[heads[row["task"], row["dataset"]] == row["metric"]].append(row)
        for rows in families.values():
            for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
                row["p_holm"] = p

    def _predicted(self, run: RunGraph, folder: RunFolder, entry: Entry, at: tuple[str, str, str, int]) -> tuple[str, ...]:
        """The ids of the clips that were. What probes of few labels say is not kept, as it is much and soon made again."""
        predictions = read_predictions(parts_of(entry, run.resolved.store.folder(*run.clean.predictions[at].name))[0])
        if entry.shots is None:
            self.predictions.append(partial(folder.write_predictions, *at, predictions))
            self.said.setdefault((at[1], at[2], entry.name), []).append(predictions)
        return predictions.clip_ids

    def _of_entry(self, run: RunGraph, entry: Entry, places: Sequence[tuple[str, str, str, int]]) -> list[Measurement]:
        found = read_measurements(run.resolved.store, entry, [run.clean.scores[at] for at in places])
        if not found:
            _, dataset, task, _ = places[0]
            raise MirbenchError(f"no test clip of {task} on {dataset} could be embedded; see the skipped clips in the manifest.")
        return found

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
        groups = len(set(floor.groups))
        return Measurement(Condition(), tuple(rows), resampled, len(floor.clip_ids), groups, clips, key=key, labels=behind)

    def _compare(
        self, run: RunGraph, layout: Layout, of_task: dict[str, str], clean: dict[str, list[Measurement]]
    ) -> Iterator[dict[str, Any]]:
        """Each encoder against every other encoder and floor that comes after it, on clean audio.

        The variants of a sweep are not compared with each other, but where they are the same point of two encoders' sweeps.
        """
        trainings = self.trainings
        for metric in clean[MAJORITY][0].metrics:
            found = vectors(layout, metric, clean)
            spread = shared({name: layout.training(vector, name) for name, vector in found.items()}, trainings.kinds)
            for i, entry in enumerate(run.resolved.encoders):
                for baseline in [*(other.name for other in run.resolved.entries[i + 1 :] if entry.rivals(other)), MAJORITY]:
                    difference = found[entry.name] - found[baseline]
                    pair = trainings.of_difference(layout, difference, entry.name, baseline, spread)
                    each = estimate(difference, layout, "difference", pair)
                    yield {
                        **{"encoder": entry.name, "baseline": baseline, **of_task, "metric": metric},
                        **{"difference": each.value, "ci_low": each.low, "ci_high": each.high, "p": each.p},
                        **{"detectable": each.detectable, "n_seeds": trainings.trained(entry.name)},
                        **{"baseline_seeds": trainings.trained(baseline), "n_test": clean[entry.name][0].n_test, "n_groups": layout.groups},
                        **{"by_seed": listed(layout.by_seed(difference, entry.name))},
                        **{"one_training": trainings.once(entry.name), "baseline_one_training": trainings.once(baseline)},
                    }


def collect(run: RunGraph, folder: RunFolder, made: Made, command: str) -> None:
    """Writes the run folder; the manifest last, so that a folder with a manifest is whole."""
    trainings = Trainings.of(run.resolved.entries)
    for dataset, fault in lacking_twins(run):
        say(f"{fault}; it is left out, the rest goes on.", always=True)
        made.faults.setdefault(dataset, {})[fault.condition.corruption] = fault
    clean_rows, corrupted = CleanRows(trainings), CorruptedRows.of(run, trainings, made.faults)
    tasks: dict[str, Any] = {}
    unreadable = {data.name: skipped_clips(run, data.name) for data in run.resolved.scored_data}
    shared_tests = shared_test_clips(run.resolved.store.folder(*run.overlap.name), run.resolved) if run.overlap else {}
    for task in run.resolved.tasks:
        for data in run.resolved.scored_data:
            if run.resolved.carries(data, task):
                labels = of_read(run.resolved.labels[data.name, task.name], unreadable[data.name])
                clean, whose = clean_rows.add(run, folder, task, data, labels)
                corrupted.add(run, task, data, clean, whose)
                add_task(tasks, run, task, data, labels, shared_tests.get(data.name, ()))
    clean_rows.finish()
    corrupted.finish(run)
    similar = SimilarityRows(made.faults)
    for data in run.resolved.scored_data if run.resolved.similarity else []:
        similar.add(run, data)
    manifest = manifest_of(run, tasks, made, command, unreadable)
    points, labelled, of_maps = map_rows(run)
    if of_maps:
        manifest["maps"] = of_maps
    if similar.alignment:
        manifest |= {"similarity": similar.alignment, "metrics": manifest["metrics"] | similar.labels}
    overlapping = manifest.get("overlap", {})
    folder.clear()  # only now: a run that is stopped before has lost nothing
    for write in clean_rows.predictions:
        write()
    tables = {
        "scores": [*clean_rows.scores, *corrupted.scores, *similar.scores],
        "summary": [*clean_rows.summaries, *corrupted.summaries, *similar.summaries],
        "comparisons": clean_rows.comparisons,
        "layers": clean_rows.layers,
        "robustness": corrupted.rows,
        "robustness_comparisons": corrupted.comparisons,
        "equivariance": corrupted.equivariance,
        "costs": cost_rows(run),
        "maps": points,
        "clips": labelled,
    }
    folder.write_resamples(np.array([*clean_rows.resampled, *corrupted.resampled, *similar.resampled]))
    for name, rows in tables.items():
        for row in rows:
            row |= {mark: int(row.get(who) in overlapping) for who, mark in MARKS.items()}
        folder.write(name, ALL_TABLES[name].frame(rows))
    write_sounds(run, folder, clean_rows.said, made.faults, unreadable)
    folder.write_manifest({**manifest, "files": folder.digests()})
    keep_spreads(clean_rows.spreads, run.resolved.store, run.key)


def _spreads(
    trainings: Trainings, layout: Layout, of_task: Mapping[str, str], clean: Mapping[str, Sequence[Measurement]], floors: Sequence[str]
) -> Iterator[Spread]:
    """What clips and trainings vary of the headline metric, of each pair of encoders that were trained several times, and of each that was
    trained against each floor that embeds something."""
    metric = clean[MAJORITY][0].metrics[0]
    if layout.groups < 2:
        return
    floors = [name for name in floors if trainings.kinds[name] in (RANDOM, FIXED)]  # and all labels
    trained = [name for name in clean if trainings.kinds[name] == "trained" and name not in floors]
    found = vectors(layout, metric, {name: clean[name] for name in (*trained, *floors)})
    own = {name: layout.training(vector, name) for name, vector in found.items()}
    several_times = [name for name in trained if name in layout.seeds]
    for one, other in (*itertools.combinations(several_times, 2), *itertools.product(trained, floors)):
        variance = float(np.nanvar((found[one] - found[other])[1 : 1 + layout.resamples])) * layout.few_groups
        both = [own[one], own[other]]
        clips = max(variance - sum(each.sampled / each.seeds for each in both), 0.0)  # over very many seeds
        known = one in layout.seeds and (other in layout.seeds or trainings.kinds[other] == "fixed")
        mean = sum(each.total for each in both) / 2 if known else math.nan
        freedom, against = sum(each.freedom for each in both), trainings.kinds[other] if other in floors else TRAINED
        yield Spread(**of_task, metric=metric, clips=clips, trainings=mean, groups=layout.groups, freedom=freedom, against=against)
