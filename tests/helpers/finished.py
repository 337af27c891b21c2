"""Run folders of made-up predictions, scored by the code that scores runs: with resamples and predictions, so that they can be paired."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mirbench.evaluation.probing.scoring import measured
from mirbench.experiment.gather.resamples import Measurement, Trainings, summaries
from mirbench.nouns import Task
from mirbench.records import MAJORITY, Condition, Predictions
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import ALL_TABLES

CLASSES = ("air", "jig", "reel")
FAMILIES = {"noise": ["white-noise"], "filtering": ["low-pass"]}
LEVELS = {"white-noise": [40, 30, 20, 10, 0], "low-pass": [8000, 4000, 2000, 1000, 500]}


class Genre(Task):
    name = annotation = "genre"
    metrics = ("accuracy", "macro_f1")


class Key(Genre):
    name = annotation = "key"


TASKS = {"genre": Genre(), "key": Key()}


def predictions(right: float, seed: int, clips: int = 120, groups: int = 30, task: str = "genre") -> Predictions:
    """Of a probe that is right on about that share of the clips; what is hard is hard for all of them."""
    of_all, own = np.random.default_rng(len(task)), np.random.default_rng([seed, round(1000 * right)])
    targets, hard = of_all.integers(len(CLASSES), size=clips), of_all.standard_normal(groups)[np.arange(clips) % groups]
    chance = right + 0.1 * hard + 0.2 * own.standard_normal(clips)
    scores = np.full((clips, len(CLASSES)), 0.1) + 0.01 * own.random((clips, len(CLASSES)))
    scores[np.arange(clips), np.where(chance > 0.5, targets, (targets + 1) % len(CLASSES))] = 1.0
    ids = tuple(f"clip{i}" for i in range(clips))
    return Predictions(ids, tuple(f"tune{i % groups:02}" for i in range(clips)), CLASSES, "multiclass", targets, scores)


def a_finished_run(
    folder: Path,
    encoders: Mapping[str, tuple[float, Sequence[int]]],
    tasks: Sequence[str] = ("genre",),
    conditions: Sequence[Condition] = (),
    resamples: int = 200,
    clips: int = 120,
    spread: float = 0.0,
    **manifest,
) -> Path:
    """encoders: name -> how good it is, and its seeds. conditions: corruption takes .02 of it a severity. spread: by how much a seed is
    better than the one before, three by three. manifest: what stands there in place of what would."""
    run, trainings = RunFolder.create(folder), Trainings({n: len(s) for n, (_, s) in encoders.items()} | {MAJORITY: 1},
                                                         dict.fromkeys(encoders, "trained") | {MAJORITY: "fixed"},
                                                         frozenset(n for n, (_, s) in encoders.items() if len(s) == 1))  # fmt: skip
    scores, summary, resampled = [], [], []
    for task in tasks:
        for condition in (Condition(), *conditions):
            found = {}
            for name, (right, seeds) in encoders.items():
                drawn = [predictions(right + spread * (seed % 3 - 1) - 0.02 * condition.severity, seed, clips, task=task) for seed in seeds]
                found[name] = [
                    _measurement(TASKS[task], each, resamples, condition, f"{name} {seed}") for each, seed in zip(drawn, seeds, strict=True)
                ]
                if condition.severity == 0:
                    for seed, each in zip(seeds, drawn, strict=True):
                        run.write_predictions(name, "mini", task, seed, each)
            if condition.severity == 0:
                floor = predictions(0.5, 0, clips, task=task)
                floor = Predictions(
                    floor.clip_ids, floor.groups, CLASSES, "multiclass", floor.targets, np.tile([0.5, 0.3, 0.2], (clips, 1))
                )
                run.write_predictions(MAJORITY, "mini", task, 0, floor)
                found[MAJORITY] = [_measurement(TASKS[task], floor, resamples, condition, f"majority of {folder}")]
            layout = trainings.layout(resamples, 30)
            for rows in summaries(trainings, layout, task, "mini", found).values():
                summary += rows
            for name, several in found.items():
                for each, seed in zip(several, encoders.get(name, (0, [0]))[1], strict=True):
                    scores += each.scores({"encoder": name, "task": task, "dataset": "mini", "seed": seed})
                    resampled += list(each.resampled)
    run.write("scores", ALL_TABLES["scores"].frame(scores))
    run.write("summary", ALL_TABLES["summary"].frame(summary))
    run.write_resamples(np.array(resampled))
    run.write_manifest({**manifest_of(encoders, tasks, clips, [c.corruption for c in conditions], resamples), **copy.deepcopy(manifest)})
    return folder


def _measurement(task: Task, given: Predictions, resamples: int, condition: Condition, key: str) -> Measurement:
    rows, resampled = measured(task, given, resamples)
    return Measurement(condition, tuple(rows), resampled, len(given.clip_ids), len(set(given.groups)), "", key=key)


def manifest_of(encoders, tasks, clips, corruptions, resamples) -> dict:
    about = {
        name: {
            "role": "encoder", "encoder": name, "options": {"steps": 400}, "seeds": list(seeds), "description": f"{name}, made up",
            "checkpoints": {str(seed): {"key": f"{name} {right} {seed}", "seconds": seed + right} for seed in seeds},
        }
        for name, (right, seeds) in encoders.items()
    }  # fmt: skip
    counts = {"train": dict.fromkeys(CLASSES, 10), "test": dict.fromkeys(CLASSES, clips // 3)}
    facts = {"n_test": clips, "groups": {"test": 30}, "label_counts": counts}
    task = {"metrics": ["accuracy", "macro_f1"], "classes": list(CLASSES), "dataset": {"mini": facts}, "target": "multiclass"}
    return {
        "command": "mirbench run",
        "key": "made up",
        "config": {"probe": {"kind": ["linear"]}, "bootstrap": {"resamples": resamples}, "seeds": 3},
        "versions": {"mirbench": "0.1.0"},
        "metrics": {"accuracy": "accuracy", "macro_f1": "macro F1"},
        "tasks": dict.fromkeys(tasks, task),
        "encoders": {**about, MAJORITY: {"role": "floor", "seeds": [0]}},
        "datasets": {"mini": {"version": "2", "identity": "mini 2", "key": "abc", "licence": "CC0"}},
        "corruptions": {name: {"levels": LEVELS[name], "unit": "dB", "counted": True} for name in dict.fromkeys(corruptions)},
        "robustness": {"train_on": "clean", "replicate": 0, "sample_rate": 22050, "families": FAMILIES if corruptions else {}},
        "sample_checksums": {"mini": {"clean": {"clip0": "aa"}}},
    }
