"""From what the jobs of a run left in the store to its run folder: scores, summaries, comparisons, predictions, manifest."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.contenders import read_heard
from mirbench.evaluation import metrics, significance
from mirbench.evaluation.scoring import label_counts, majority_predictions, score_rows
from mirbench.nouns import Dataset, Task
from mirbench.provenance import git_commit, machine, versions
from mirbench.records import MAJORITY, Predictions, Score
from mirbench.results import Comparison, RunFolder, Summary
from mirbench.store import key_of

if TYPE_CHECKING:
    from mirbench.jobs import Job
    from mirbench.planning import Plan


def collect(planned: Plan, folder: RunFolder, seconds: dict[str, float], command: str) -> None:
    """Writes the run folder; the manifest last, so that a folder with a manifest is whole."""
    folder.clear()
    scores: list[Score] = []
    summaries: list[Summary] = []
    comparisons: list[Comparison] = []
    about_tasks: dict[str, Any] = {}
    for task in planned.tasks:
        for dataset in planned.datasets:
            if task.annotation in dataset.annotations:
                runs = _collect_task(planned, folder, task, dataset, scores)
                _compare(planned, task, dataset, runs, summaries, comparisons)
                about_tasks.setdefault(task.name, _about_task(task))
                about_tasks[task.name]["dataset"][dataset.name] = _about_data(planned, task, dataset)
                about_tasks[task.name]["classes"] = list(planned.planner.data_of(task, dataset).classes)
    folder.write_scores(scores)
    folder.write_summaries(summaries)
    folder.write_comparisons(comparisons)
    folder.write_manifest(_manifest(planned, about_tasks, seconds, command))


def _collect_task(planned: Plan, folder: RunFolder, task: Task, dataset: Dataset, scores: list[Score]) -> dict[str, list[Predictions]]:
    """Appends the score rows of a task; returns encoder -> predictions, one a seed, the majority floor last."""
    runs: dict[str, list[Predictions]] = {}
    for contender in planned.contenders:
        for seed in contender.seeds:
            job = planned.scores[contender.name, dataset.name, task.name, seed]
            stored = planned.store.folder(job.kind, job.key)
            report = _report(planned, job)
            predictions = RunFolder(stored).read_predictions(contender.encoder.name, dataset.name, task.name, seed)
            folder.write_predictions(contender.name, dataset.name, task.name, seed, predictions)
            runs.setdefault(contender.name, []).append(predictions)
            fraction = contender.options.get("label_fraction", 1.0)
            facts = {name: report[name] for name in ("n_train", "n_test", "seconds")}
            about = Score(
                contender.name, task.name, dataset.name, "", 0.0, 0.0, 0.0, seed=seed, label_fraction=fraction, key=job.key, **facts
            )
            scores += _filled(about, report["rows"])
    data = planned.planner.data_of(task, dataset)
    floor = majority_predictions(task, data, next(iter(runs.values()))[0].clip_ids)
    key = planned.planner.majority_key(task, dataset)
    n_test = len(floor.clip_ids)
    about = Score(MAJORITY, task.name, dataset.name, "", 0.0, 0.0, 0.0, n_train=len(data.splits["train"].clips), n_test=n_test, key=key)
    scores += _filled(about, score_rows(task, [floor], planned.config.bootstrap.resamples))
    folder.write_predictions(MAJORITY, dataset.name, task.name, 0, floor)
    return {**runs, MAJORITY: [floor]}


def _report(planned: Plan, job: Job) -> dict[str, Any]:
    """What a checkpoint or score job said of itself."""
    found: dict[str, Any] = json.loads((planned.store.folder(job.kind, job.key) / "report.json").read_text())
    return found


def _filled(about: Score, rows: Any) -> list[Score]:
    """A score for each (metric, value, low, high)."""
    return [dataclasses.replace(about, metric=metric, value=value, ci_low=low, ci_high=high) for metric, value, low, high in rows]


def _compare(
    planned: Plan, task: Task, dataset: Dataset, runs: dict[str, list[Predictions]], summaries: list[Summary], comparisons: list[Comparison]
) -> None:
    """Means over seeds with intervals, and each encoder against every other encoder and floor that comes after it.

    The variants of a sweep are not compared with each other, but where they are the same point of two encoders' sweeps.
    """
    resamples = planned.config.bootstrap.resamples
    for name, predictions in runs.items():
        n_seeds, n_test = len(predictions), len(predictions[0].clip_ids)
        for scored, value, low, high in score_rows(task, predictions, resamples):
            summaries.append(Summary(name, task.name, dataset.name, scored, value, low, high, n_seeds=n_seeds, n_test=n_test))
    for metric in map(metrics.resolve, task.metrics):
        for i, contender in enumerate(planned.encoders):
            encoder = contender.name
            for baseline in [*(other.name for other in planned.contenders[i + 1 :] if contender.rivals(other)), MAJORITY]:
                difference, low, high = significance.paired_difference(metric, runs[encoder], runs[baseline], resamples)
                n_seeds, n_test = len(runs[encoder]), len(runs[encoder][0].clip_ids)
                names_of = (encoder, baseline, task.name, dataset.name, metric.name)
                comparisons.append(Comparison(*names_of, difference, low, high, n_seeds, n_test))


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
    for (encoder, of, name, seed), job in planned.scores.items():
        if (of, name) == (dataset.name, task.name):
            report = _report(planned, job)
            facts["probes"][f"{encoder}, seed {seed}"] = {k: v for k, v in report.items() if k != "rows"}
    return facts


def _manifest(planned: Plan, about_tasks: dict[str, Any], seconds: dict[str, float], command: str) -> dict[str, Any]:
    encoders: dict[str, Any] = {}
    budgets: dict[str, list[str]] = {}
    for contender in planned.contenders:
        encoders[contender.name] = {
            "description": contender.encoder.description,
            "role": contender.role,
            "encoder": contender.encoder.name,
            "options": contender.options,
            "provider": planned.registry.provider("encoder", contender.encoder.name),
            "seeds": contender.seeds,
            "checkpoints": _checkpoints(planned, contender.name, budgets),
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
            "clips": dict(Counter(c.split for c in clips)),
            "skipped": _skipped(planned, dataset.name),
        }
    used = {metrics.resolve(m) for task in planned.tasks for m in task.metrics}
    points = [{"name": c.name, "encoder": c.encoder.name, "values": c.values} for c in planned.contenders if c.values]
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
    }


def _checkpoints(planned: Plan, encoder: str, budgets: dict[str, list[str]]) -> dict[str, Any]:
    """seed -> key, what pretraining reported (steps, views and labels seen, labels used by count, seconds), and the data sets that it
    heard, each with its key then.

    The clips whose labels were used are the same for all seeds, and may be many: they go into `budgets` once, under a key of theirs.
    """
    found = {}
    for (name, seed), job in planned.checkpoints.items():
        if name == encoder:
            report = _report(planned, job)
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
