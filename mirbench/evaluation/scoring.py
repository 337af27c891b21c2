"""From embeddings and clips to predictions and scores of one task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.evaluation import metrics, probes, significance
from mirbench.nouns import Task
from mirbench.records import Clip, Embeddings, Predictions


@dataclass(frozen=True)
class Labelled:
    """The clips of a task in one split with their targets, as `Predictions` has them."""

    clips: tuple[Clip, ...]
    targets: np.ndarray


@dataclass(frozen=True)
class TaskData:
    """A task on a data set: classes in their published order, and the labelled clips of each split."""

    classes: tuple[str, ...]
    splits: dict[str, Labelled]
    unseen: dict[str, str]  # clip id -> a label that no training clip has; such a clip is left out and listed


def task_data(task: Task, clips: Sequence[Clip]) -> TaskData:
    """Reads the annotation of each train, valid and test clip through the task.

    Raises MirbenchError where an annotation is none that the task knows (naming the clip), or a split has no such clip.
    """
    labels: dict[str, dict[str, Any]] = {"train": {}, "valid": {}, "test": {}}
    by_id = {c.id: c for c in clips}
    for clip in clips:
        if clip.split in labels and task.annotation in clip.annotations:
            value = clip.annotations[task.annotation]
            try:
                labels[clip.split][clip.id] = task.label(value)
            except Exception as error:
                raise MirbenchError(f"task '{task.name}' cannot read the annotation {value!r} of clip {clip.id}: {error}") from error
    for split, found in labels.items():
        if not found:
            raise MirbenchError(
                f"task '{task.name}' needs '{task.annotation}' annotations in the {split} split, and no clip there has one."
            )
    classes = task.classes or _classes(task, labels["train"].values())
    known, unseen = set(classes), {}
    if task.target == "multiclass":
        for found in labels.values():
            for clip_id in [i for i, label in found.items() if label not in known]:
                unseen[clip_id] = str(found.pop(clip_id))
    splits = {}
    for split, found in labels.items():
        splits[split] = Labelled(tuple(by_id[i] for i in found), _targets(task, list(found.values()), classes))
    return TaskData(classes, splits, unseen)


def _classes(task: Task, labels: Any) -> tuple[str, ...]:
    """The training labels in sorted order, numbers by value."""
    if task.target == "regression":
        return tuple(f"dimension {i}" for i in range(len(np.atleast_1d(next(iter(labels))))))
    names = {tag for label in labels for tag in label} if task.target == "multilabel" else set(labels)
    return tuple(sorted(names, key=lambda n: (0, int(n), "") if n.lstrip("-").isdigit() else (1, 0, n)))


def _targets(task: Task, labels: list[Any], classes: tuple[str, ...]) -> np.ndarray:
    column = {name: i for i, name in enumerate(classes)}
    if task.target == "regression":
        return np.array([np.atleast_1d(label) for label in labels], np.float64)
    if task.target == "multilabel":
        return np.array([[name in label for name in classes] for label in labels], np.int64).reshape(len(labels), len(classes))
    return np.array([column[label] for label in labels], np.int64)


def _rows(embeddings: Embeddings, data: Labelled) -> tuple[np.ndarray, Labelled]:
    """The features of the labelled clips that have an embedding."""
    place = {clip_id: row for row, clip_id in enumerate(embeddings.clip_ids)}
    kept = [i for i, clip in enumerate(data.clips) if clip.id in place]
    rows = [place[data.clips[i].id] for i in kept]
    return np.asarray(embeddings.matrix[rows], np.float32), Labelled(tuple(data.clips[i] for i in kept), data.targets[kept])


def _predictions(task: Task, classes: tuple[str, ...], test: Labelled, scores: np.ndarray) -> Predictions:
    return Predictions(
        tuple(c.id for c in test.clips),
        tuple(c.group for c in test.clips),
        classes,
        task.target,
        test.targets,
        np.asarray(scores, np.float32),
    )


def probe_task(
    task: Task, data: TaskData, embeddings: dict[str, Embeddings], kind: str, seed: int, device: str
) -> tuple[Predictions, dict[str, Any]]:
    """Fits the probe on train, chooses it on valid, and predicts test once. Returns the predictions and the probe's report."""
    x, y = {}, {}
    for split in ("train", "valid", "test"):
        x[split], y[split] = _rows(embeddings[split], data.splits[split])
    probe = probes.fit(
        x["train"],
        y["train"].targets,
        x["valid"],
        y["valid"].targets,
        target=task.target,
        classes=data.classes,
        metric=metrics.resolve(task.metrics[0]),
        kind=kind,
        seed=seed,
        device=device,
    )
    report = {**probe.report, "n_train": len(x["train"]), "n_valid": len(x["valid"]), "n_test": len(x["test"])}
    return _predictions(task, data.classes, y["test"], probe.predict(x["test"])), report


def majority_predictions(task: Task, data: TaskData, clip_ids: Sequence[str]) -> Predictions:
    """What can be said of these test clips without hearing them."""
    wanted = set(clip_ids)
    kept = [i for i, clip in enumerate(data.splits["test"].clips) if clip.id in wanted]
    test = Labelled(tuple(data.splits["test"].clips[i] for i in kept), data.splits["test"].targets[kept])
    return _predictions(task, data.classes, test, metrics.majority(task.target, data.splits["train"].targets, len(kept), data.classes))


def label_counts(task: Task, data: TaskData) -> dict[str, dict[str, int]]:
    """split -> class -> clips, for the manifest; nothing for regression."""
    counts = {}
    for split, found in data.splits.items():
        if task.target == "multiclass":
            counter = Counter(found.targets.tolist())
            counts[split] = {name: counter[i] for i, name in enumerate(data.classes)}
        elif task.target == "multilabel":
            counts[split] = dict(zip(data.classes, found.targets.sum(axis=0).tolist(), strict=True))
    return counts


def score_rows(task: Task, runs: Sequence[Predictions], resamples: int) -> list[tuple[str, float, float, float]]:
    """(metric, value, low, high) of the mean over the runs (one a seed), for each metric of the task."""
    return [(m.name, *significance.seed_mean(m, runs, resamples)) for m in map(metrics.resolve, task.metrics)]
