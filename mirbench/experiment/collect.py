"""From what the jobs of a run left in the store to its run folder: scores, summaries, comparisons, predictions, manifest."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.store import key_of, write_copy
from mirbench.errors import MirbenchError
from mirbench.evaluation.probing import metrics
from mirbench.evaluation.probing.scoring import label_counts, majority_predictions, measured
from mirbench.evaluation.statistics.significance import resampled_interval
from mirbench.experiment.collect_corrupted import CorruptedRows, about_corruptions
from mirbench.experiment.entries import read_heard
from mirbench.experiment.overlaps import about_overlap, found_by
from mirbench.experiment.resamples import Measurement, check_same_clips, read_measurement, read_report, seed_mean, summaries
from mirbench.nouns import Dataset, Task
from mirbench.records import MAJORITY, OVERLAP_MARK, Condition, Score
from mirbench.results.provenance import git_commit, machine, versions
from mirbench.results.run_folder import Comparison, RunFolder, Summary

if TYPE_CHECKING:
    from mirbench.experiment.planning import Plan


def collect(planned: Plan, folder: RunFolder, seconds: dict[str, float], command: str) -> None:
    """Writes the run folder; the manifest last, so that a folder with a manifest is whole."""
    scores: list[Score] = []
    found: list[Summary] = []
    comparisons: list[Comparison] = []
    corrupted = CorruptedRows()
    predictions: list[Callable[[], object]] = []
    about_tasks: dict[str, Any] = {}
    for task in planned.tasks:
        for dataset in planned.datasets:
            if planned.carries(dataset, task):
                clean, about = _clean(planned, folder, task, dataset, predictions)
                for name, measurements in clean.items():
                    scores += [row for each, whose in zip(measurements, about[name], strict=True) for row in each.scores(whose)]
                    found += summaries(name, task.name, dataset.name, measurements)
                comparisons += _compare(planned, task, dataset, clean)
                corrupted.add(planned, task, dataset, clean, about)
                about_tasks.setdefault(task.name, _about_task(task))
                about_tasks[task.name]["dataset"][dataset.name] = _about_data(planned, task, dataset)
                about_tasks[task.name]["classes"] = list(planned.planner.data_of(task, dataset).classes)
    corrupted.finish(planned)
    manifest = _manifest(planned, about_tasks, seconds, command)
    marked = {name: name + OVERLAP_MARK for name in manifest.get("overlap", {})}
    _mark_manifest(manifest, marked)
    folder.clear()  # only now: a run that is stopped before has lost nothing
    for write in predictions:
        write()
    folder.write_scores(_marked([*scores, *corrupted.scores], marked))
    folder.write_summaries(_marked([*found, *corrupted.summaries], marked))
    folder.write_comparisons(_marked(comparisons, marked))
    folder.write_robustness(_marked(corrupted.rows, marked))
    folder.write_robustness_comparisons(_marked(corrupted.comparisons, marked))
    folder.write_equivariance(_marked(corrupted.equivariance, marked))
    folder.write_manifest(manifest)


def _marked(rows: list[Any], marked: Mapping[str, str]) -> list[Any]:
    """Under their new names, where they have one."""
    for column in ("encoder", "baseline") if marked else ():
        rows = [dataclasses.replace(row, **{column: marked.get(n, n)}) if (n := getattr(row, column, None)) else row for row in rows]
    return rows


def _mark_manifest(manifest: dict[str, Any], marked: Mapping[str, str]) -> None:
    """As `_marked`."""
    for part in ("encoders", "overlap"):
        if part in manifest:
            manifest[part] = {marked.get(name, name): about for name, about in manifest[part].items()}
    for point in manifest.get("sweep", {}).get("points", []):
        point["name"] = marked.get(point["name"], point["name"])
    if baseline := manifest.get("robustness", {}).get("baseline"):
        manifest["robustness"]["baseline"] = marked.get(baseline, baseline)


def _clean(
    planned: Plan, folder: RunFolder, task: Task, dataset: Dataset, predictions: list[Callable[[], object]]
) -> tuple[dict[str, list[Measurement]], dict[str, list[Score]]]:
    """By entry, one a seed, the majority floor last: what was measured on clean audio, and a score that says whose it is. Appends to
    `predictions` what writes those."""
    clean: dict[str, list[Measurement]] = {}
    about: dict[str, list[Score]] = {}
    clip_ids: tuple[str, ...] = ()
    for entry in planned.entries:
        fraction = entry.options.get("label_fraction", 1.0)
        for seed in entry.seeds:
            at = (entry.name, dataset.name, task.name, seed)
            job, n_train = planned.scores[at], read_report(planned.store, planned.probes[at])["n_train"]
            stored = RunFolder(planned.store.folder(job.kind, job.key))
            own = (entry.encoder.name, dataset.name, task.name, seed)
            clip_ids = clip_ids or stored.read_predictions(*own).clip_ids
            predictions.append(partial(write_copy, stored.predictions_path(*own), folder.predictions_path(*at)))
            found = read_measurement(planned.store, job)
            if found is None:
                raise MirbenchError(
                    f"no test clip of {task.name} on {dataset.name} could be embedded; see the skipped clips in the manifest."
                )
            clean.setdefault(entry.name, []).append(found)
            whose = Score(entry.name, task.name, dataset.name, "", 0.0, 0.0, 0.0, seed=seed, label_fraction=fraction, n_train=n_train)
            about.setdefault(entry.name, []).append(whose)
    data = planned.planner.data_of(task, dataset)
    floor = majority_predictions(task, data, clip_ids)
    predictions.append(partial(folder.write_predictions, MAJORITY, dataset.name, task.name, 0, floor))
    rows, resampled = measured(task, floor, planned.config.bootstrap.resamples)
    clips = key_of(clips=floor.clip_ids, groups=floor.groups)
    key = planned.planner.majority_key(task, dataset)
    clean[MAJORITY] = [Measurement(Condition(), tuple(rows), resampled, len(floor.clip_ids), clips, key=key)]
    about[MAJORITY] = [Score(MAJORITY, task.name, dataset.name, "", 0.0, 0.0, 0.0, n_train=len(data.splits["train"].clips))]
    check_same_clips([each for found in clean.values() for each in found], f"{task.name} on {dataset.name}")
    return clean, about


def _compare(planned: Plan, task: Task, dataset: Dataset, clean: dict[str, list[Measurement]]) -> Iterator[Comparison]:
    """Each encoder against every other encoder and floor that comes after it, on clean audio.

    The variants of a sweep are not compared with each other, but where they are the same point of two encoders' sweeps.
    """
    for metric in clean[MAJORITY][0].metrics:
        for i, entry in enumerate(planned.encoders):
            value, resampled = seed_mean(clean[entry.name], metric)
            for baseline in [*(other.name for other in planned.entries[i + 1 :] if entry.rivals(other)), MAJORITY]:
                other, others = seed_mean(clean[baseline], metric)
                low, high = resampled_interval(value - other, resampled - others, bounded=False)
                sizes = (len(clean[entry.name]), clean[entry.name][0].n_test)
                yield Comparison(entry.name, baseline, task.name, dataset.name, metric, value - other, low, high, *sizes)


def _about_task(task: Task) -> dict[str, Any]:
    return {
        "metrics": [metrics.resolve(m).name for m in task.metrics],
        "target": task.target,
        "annotation": task.annotation,
        "changed_by": sorted(task.changed_by),
        "description": task.description,
        "classes": [],
        "dataset": {},
    }


def _about_data(planned: Plan, task: Task, dataset: Dataset) -> dict[str, Any]:
    data = planned.planner.data_of(task, dataset)
    facts: dict[str, Any] = {f"n_{split}": len(found.clips) for split, found in data.splits.items()}
    facts["groups"] = {split: len({c.group for c in found.clips}) for split, found in data.splits.items()}
    facts["label_counts"] = label_counts(task, data)
    facts["left_out_for_unseen_label"] = data.unseen
    facts["probes"] = {}
    for (encoder, of, name, seed), job in planned.probes.items():
        if (of, name) == (dataset.name, task.name):
            facts["probes"][f"{encoder}, seed {seed}"] = read_report(planned.store, job)
    return facts


def _manifest(planned: Plan, about_tasks: dict[str, Any], seconds: dict[str, float], command: str) -> dict[str, Any]:
    encoders: dict[str, Any] = {}
    budgets: dict[str, list[str]] = {}
    for entry in planned.entries:
        encoders[entry.name] = {
            "description": entry.encoder.description,
            "role": entry.role,
            "encoder": entry.encoder.name,
            "options": entry.options,
            "provider": planned.registry.provider("encoder", entry.encoder.name),
            "seeds": entry.seeds,
            "checkpoints": _checkpoints(planned, entry.name, budgets),
        }
    encoders[MAJORITY] = {"description": "what can be said without hearing the audio", "role": "floor", "seeds": [0]}
    datasets = {}
    for dataset in planned.datasets:
        clips = planned.planner.clips_of(dataset)
        datasets[dataset.name] = {
            "version": dataset.version,
            "licence": dataset.licence,
            "citation": dataset.citation,
            "identity": dataset.identity(),
            "key": planned.planner.data_key(dataset),
            "provider": planned.registry.provider("dataset", dataset.name),
            "split_rule": dataset.split_rule,
            "clips": dict(Counter(c.split for c in clips)),
            "skipped": _skipped(planned, dataset.name),
        }
    used = {metrics.resolve(m) for task in planned.tasks for m in task.metrics}
    points = [{"name": c.name, "encoder": c.encoder.name, "values": c.values} for c in planned.entries if c.values]
    return {
        "command": command,
        "key": planned.key,
        "config": planned.config.model_dump(),
        "versions": versions(),
        "git_commit": git_commit(),
        "machine": {**machine(), "device": planned.planner.device},
        "seeds": list(range(planned.config.seed, planned.config.seed + planned.config.seeds)),
        "metrics": {m.name: m.label for m in sorted(used, key=lambda m: m.name)},
        "tasks": about_tasks,
        "encoders": encoders,
        "datasets": datasets,
        "label_budgets": budgets,
        "plugins": [dataclasses.asdict(p) | {"file": Path(p.file).name} for p in planned.registry.plugins],
        "timings": seconds,
        **({"sweep": {"points": points}} if points else {}),
        **about_corruptions(planned),
        **_about_data_sets(planned),
        **({"pretrained_by": planned.planner.kept.by} if planned.planner.kept.by else {}),
    }


def _about_data_sets(planned: Plan) -> dict[str, Any]:
    """Tasks that could not be run on a data set, and what is tested on after it was pretrained on, where there is any."""
    left_out = [{"dataset": dataset, "task": task, "why": why} for (dataset, task), why in planned.planner.left_out.items()]
    found = found_by(planned.planner, planned.overlap, planned.pretrained)
    splits = {f"{d.name}/{c.id}": c.split for d in planned.datasets for c in planned.planner.clips_of(d)} if found else {}
    return {**({"left_out": left_out} if left_out else {}), **({"overlap": about_overlap(found, splits)} if found else {})}


def _checkpoints(planned: Plan, encoder: str, budgets: dict[str, list[str]]) -> dict[str, Any]:
    """seed -> key, what pretraining reported (steps, views and labels seen, labels used by count, seconds), and the data sets that it
    heard, each with its key then.

    The clips whose labels were used are the same for all seeds, and may be many: they go into `budgets` once, under a key of theirs.
    """
    found = {}
    for (name, seed), job in planned.checkpoints.items():
        if name == encoder:
            report = read_report(planned.store, job)
            if clips := report.pop("labelled_clip_ids", None):
                report["label_budget"] = key_of(clips=clips)
                budgets[report["label_budget"]] = clips
            heard = read_heard(planned.store.folder(job.kind, job.key))
            found[str(seed)] = {"key": job.key, **report, **({"heard": {d: of["key"] for d, of in heard.items()}} if heard else {})}
    return found


def _skipped(planned: Plan, dataset: str) -> dict[str, str]:
    """clip id -> why it could not be read, over all embeddings of the data set."""
    skipped: dict[str, str] = {}
    for (_, of, _), splits in planned.embeddings.items():
        if of == dataset:
            for job in splits.values():
                skipped.update(planned.planner.embeddings(job).skipped)
    return skipped
