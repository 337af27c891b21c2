"""From embeddings and clips to predictions and scores of one task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mirbench.engine.global_state import unchanged
from mirbench.errors import MirbenchError, describe, in_words
from mirbench.evaluation.embedding.corruption import corruption_seed
from mirbench.evaluation.probing import layers, metrics, probes
from mirbench.evaluation.probing.scorers import ScorerFunction
from mirbench.evaluation.probing.shots import few_rows
from mirbench.evaluation.statistics.estimates import of_one_training
from mirbench.evaluation.statistics.resampling import measure
from mirbench.nouns import Corruption, Probe, Task
from mirbench.records import Clip, Condition, Embeddings, Predictions
from mirbench.registry.contract import wrong_label


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
    unknown: Mapping[str, int] = field(default_factory=dict)  # of many labels a clip: one that is none of the classes -> its test clips


def task_data(task: Task, clips: Sequence[Clip], published: Sequence[str] = ()) -> TaskData:
    """Reads the annotation of each train, valid and test clip through the task.

    published: the classes of the annotation in the order of the data set, taken where the task has none of its own; without either, the
    classes are the training labels in sorted order. A label among a clip's NAME_unknown, beside the multilabel annotation NAME, has the
    target -1: nobody has judged it.
    Raises MirbenchError where an annotation is none that the task knows (naming the clip), or a split has no such clip.
    """
    labels: dict[str, dict[str, Any]] = {"train": {}, "valid": {}, "test": {}}
    by_id = {c.id: c for c in clips}
    with unchanged(f"task '{task.name}'"):
        for clip in clips:
            if clip.split in labels and task.annotation in clip.annotations:
                labels[clip.split][clip.id] = _read(task, clip, task.annotation)
    for split, labels_of_clips in labels.items():
        if not labels_of_clips:
            raise MirbenchError(
                f"task '{task.name}' needs '{task.annotation}' annotations in the {split} split, and no clip there has one."
            )
    classes = task.classes or _published(task, published) or _classes(task, labels["train"].values())
    known, unseen = set(classes), {}
    if task.target == "multiclass":
        for labels_of_clips in labels.values():
            for clip_id in [i for i, label in labels_of_clips.items() if label not in known]:
                unseen[clip_id] = str(labels_of_clips.pop(clip_id))
    many = labels["test"].values() if task.target == "multilabel" else ()
    unknown = Counter(name for names in many for name in dict.fromkeys(names) if name not in known)
    splits = {}
    for split, labels_of_clips in labels.items():
        listed = tuple(by_id[i] for i in labels_of_clips)
        unjudged = [_unjudged(task, clip) for clip in listed] if task.target == "multilabel" else ()
        splits[split] = Labelled(listed, _targets(task, list(labels_of_clips.values()), classes, unjudged))
    return TaskData(classes, splits, unseen, dict(unknown))


def of_read(data: TaskData, unreadable: Collection[str]) -> TaskData:
    """Without the clips that could not be read, of which no probe learnt and none was scored; unreadable: their ids."""
    if not unreadable:
        return data
    splits = {}
    for split, labelled in data.splits.items():
        kept = [i for i, clip in enumerate(labelled.clips) if clip.id not in unreadable]
        splits[split] = Labelled(tuple(labelled.clips[i] for i in kept), labelled.targets[kept])
    unseen = {clip_id: label for clip_id, label in data.unseen.items() if clip_id not in unreadable}
    return replace(data, splits=splits, unseen=unseen)


def check_probed(task: Task, data: TaskData) -> None:
    """Raises MirbenchError where no probe could be fitted on these labels, chosen or scored; looks at labels alone."""
    for split, labelled in data.splits.items():
        if not labelled.clips:
            raise MirbenchError(f"task '{task.name}' has no clip in the {split} split with one of its classes{_strange(data)}.")
    train, headline = data.splits["train"].targets, metrics.resolve(task.metrics[0])
    try:
        probes.learnable(train, task.target, len(data.classes))
    except MirbenchError as error:
        raise MirbenchError(f"task '{task.name}' cannot be learned{_strange(data)}: {error}") from None
    for split in ("valid", "test"):
        labelled = data.splits[split]
        floor = metrics.majority(task.target, train, len(labelled.clips), data.classes)
        if np.isnan(metrics.evaluate(headline, _predictions(task, data.classes, labelled, floor))[0]):
            raise MirbenchError(
                f"{headline.name} of task '{task.name}' is not defined on the labels of the {split} split: {_why_undefined(task.target)}."
            )
        for metric in map(metrics.resolve, task.metrics[1:]):
            if isinstance(metric.function, ScorerFunction):  # which may fail on such labels
                metrics.evaluate(metric, _predictions(task, data.classes, labelled, floor))


def _strange(data: TaskData) -> str:
    """How many labels are none of the classes, with one of them, as the end of a clause."""
    if not data.unseen:
        return ""
    clips = "1 clip has a label" if len(data.unseen) == 1 else f"{len(data.unseen):,} clips have labels"
    return f", where {clips} outside its classes, such as {in_words(next(iter(data.unseen.values())))}"


def _why_undefined(target: str) -> str:
    reasons = {
        "multilabel": "no label has both clips with it and clips without it there; put such clips into the split, or leave the task out",
        "regression": "the values never change there; put clips with other values into the split, or leave the task out",
    }
    return reasons.get(target, "put clips with other labels into the split, or leave the task out")


def _read(task: Task, clip: Clip, annotation: str) -> Any:
    value = clip.annotations[annotation]
    try:
        label = task.label(value)
    except (Exception, SystemExit) as error:
        why = f"{describe(error)}." if isinstance(error, (KeyError, SystemExit)) else str(error)
        raise MirbenchError(f"task '{task.name}' cannot read the annotation {value!r} of clip {clip.id}: {why}") from error
    if wrong := wrong_label(task.target, (), label):
        raise MirbenchError(f"task '{task.name}' reads the annotation {value!r} of clip {clip.id} as {in_words(label)}, {wrong}.")
    return label


def _unjudged(task: Task, clip: Clip) -> tuple[str, ...]:
    """The labels that nobody has judged for a clip."""
    name = f"{task.annotation}_unknown"
    return tuple(_read(task, clip, name)) if name in clip.annotations else ()


def _published(task: Task, names: Sequence[str]) -> tuple[str, ...]:
    """Published classes as the task names them; those of a regression are no labels."""
    if task.target == "regression":
        return tuple(names)
    try:
        labels = [task.label((name,) if task.target == "multilabel" else name) for name in names]
    except (Exception, SystemExit) as error:
        why = f"{describe(error)}." if isinstance(error, (KeyError, SystemExit)) else str(error)
        raise MirbenchError(f"task '{task.name}' cannot read a published class of the data set's '{task.annotation}': {why}") from error
    return tuple(dict.fromkeys(name for label in labels for name in (label if task.target == "multilabel" else (label,))))


def _classes(task: Task, labels: Any) -> tuple[str, ...]:
    """The training labels in sorted order, numbers by value."""
    if task.target == "regression":
        return tuple(f"dimension {i}" for i in range(len(np.atleast_1d(next(iter(labels))))))
    names = {tag for label in labels for tag in label} if task.target == "multilabel" else set(labels)
    return tuple(sorted(names, key=lambda n: (0, int(n), "") if n.removeprefix("-").isdecimal() else (1, 0, n)))


def _targets(task: Task, labels: list[Any], classes: tuple[str, ...], unjudged: Sequence[tuple[str, ...]] = ()) -> np.ndarray:
    """unjudged: of each clip, or nothing where all labels of all clips are judged; what is also among a clip's labels is judged."""
    column = {name: i for i, name in enumerate(classes)}
    if task.target == "regression":
        return np.array([np.atleast_1d(label) for label in labels], np.float64)
    if task.target == "multilabel":
        table = np.zeros((len(labels), len(classes)), np.int8)  # of many tags, where it may be large
        for value, each in ((-1, unjudged), (1, labels)):
            for row, names in enumerate(each):
                table[row, [column[name] for name in names if name in column]] = value
        return table
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


def fit_task(
    task: Task,
    data: TaskData,
    train: Embeddings,
    valid: Embeddings,
    probe: Probe,
    seed: int,
    device: str,
    layer: int | str | None = None,
    few: tuple[int, str] | None = None,
) -> probes.FittedProbe:
    """The probe, fitted on train and chosen on valid by the headline metric; its report also counts the clips. layer: as of
    `layers.fit_layers`. few: labels a class that it is fitted to, and what draws them, as of `shots.few_rows`; it is chosen on all of
    valid."""

    def fit(number: int | None, chosen: Probe) -> probes.FittedProbe:
        sides = layers.of_layer(train, number), layers.of_layer(valid, number)
        (x, fitted_on), (x_valid, chosen_on) = (
            _rows(side, data.splits[split]) for side, split in zip(sides, ("train", "valid"), strict=True)
        )
        rows = slice(None) if few is None else few_rows(fitted_on.targets, task.target, *few)
        x, targets = x[rows], fitted_on.targets[rows]
        fitted = probes.fit(
            x,
            targets,
            x_valid,
            chosen_on.targets,
            target=task.target,
            classes=data.classes,
            metric=metrics.resolve(task.metrics[0]),
            probe=chosen,
            seed=seed,
            device=device,
        )
        return replace(fitted, report={**fitted.report, "n_train": len(x), "n_valid": len(x_valid)})

    return layers.fit_layers(fit, train.matrix.shape[1] if train.matrix.ndim == 3 else 0, probe, layer)


def predict(task: Task, data: TaskData, probe: probes.FittedProbe, test: Embeddings) -> Predictions:
    """What a probe says of the test clips."""
    features, labelled = _rows(layers.of_layer(test, probe.layer), data.splits["test"])
    predictions = _predictions(task, data.classes, labelled, probe.predict(features))
    return replace(predictions, calibrated=probe.is_calibrated(features))


def shift_labels(task: Task, predictions: Predictions, corruption: Corruption, condition: Condition, replicate: int) -> Predictions:
    """Against the labels that the clips have after a corruption changed their music; clips are left out whose new label is none of the
    classes."""
    assert condition.level is not None
    labels: list[Any] = []
    unjudged: list[tuple[str, ...]] = []
    kept: list[int] = []
    known = set(predictions.classes)
    with unchanged(f"task '{task.name}' or corruption '{corruption.name}'"):
        for row, clip_id in enumerate(predictions.clip_ids):
            changes = corruption.changes(condition.level, corruption_seed(corruption.name, replicate, clip_id))
            label = task.shifted_label(_label(predictions, row), changes)
            names = () if label is None or task.target == "regression" else (label,) if task.target == "multiclass" else label
            if label is not None and known.issuperset(names):
                kept.append(row)
                labels.append(label)
                names = _label(predictions, row, -1) if predictions.target == "multilabel" else ()
                unjudged.append(tuple(task.shifted_label(names, changes) or ()) if names else ())
    return replace(
        predictions,
        clip_ids=tuple(predictions.clip_ids[i] for i in kept),
        groups=tuple(predictions.groups[i] for i in kept),
        targets=_targets(task, labels, predictions.classes, unjudged),
        scores=predictions.scores[kept],
    )


def _label(predictions: Predictions, row: int, value: int = 1) -> Any:
    """A target as `Task.label` gave it; a multilabel one with the classes that have this value."""
    target = predictions.targets[row]
    if predictions.target == "regression":
        return tuple(float(x) for x in target)
    if predictions.target == "multilabel":
        return tuple(name for name, on in zip(predictions.classes, target, strict=True) if on == value)
    return predictions.classes[int(target)]


def majority_predictions(task: Task, data: TaskData, clip_ids: Sequence[str]) -> Predictions:
    """What can be predicted of these test clips without their audio. data: of the clips that were read, see `of_read`."""
    wanted = set(clip_ids)
    kept = [i for i, clip in enumerate(data.splits["test"].clips) if clip.id in wanted]
    test = Labelled(tuple(data.splits["test"].clips[i] for i in kept), data.splits["test"].targets[kept])
    return _predictions(task, data.classes, test, metrics.majority(task.target, data.splits["train"].targets, len(kept), data.classes))


def label_counts(task: Task, data: TaskData) -> dict[str, dict[str, int]]:
    """split -> class -> clips that have it, for the manifest; nothing for regression."""
    counts = {}
    for split, labelled in data.splits.items():
        if task.target == "multiclass":
            counter = Counter(labelled.targets.tolist())
            counts[split] = {name: counter[i] for i, name in enumerate(data.classes)}
        elif task.target == "multilabel":
            counts[split] = dict(zip(data.classes, (labelled.targets > 0).sum(axis=0).tolist(), strict=True))
    return counts


def constant_targets(task: Task, data: TaskData) -> dict[str, list[str]]:
    """split -> the dimensions of a regression whose targets are one and the same there, for the manifest; nothing for classes."""
    if task.target != "regression":
        return {}
    each = {split: np.ptp(labelled.targets, axis=0) == 0 for split, labelled in data.splits.items() if labelled.clips}
    return {split: [name for name, same in zip(data.classes, found, strict=True) if same] for split, found in each.items() if found.any()}


def labels_behind(task: Task, predictions: Predictions) -> dict[str, tuple[int, int]]:
    """Of each metric that is a mean over labels, classes or dimensions: how many it is over, and how many there are."""
    resolved = [metrics.resolve(metric) for metric in task.metrics]
    given = predictions.targets, predictions.scores
    counts = {metric.name: int(np.count_nonzero(metric.labels(*given))) for metric in resolved if metric.labels is not None}
    return {name: (count, len(predictions.classes)) for name, count in counts.items()}


def measured(
    task: Task, predictions: Predictions, resamples: int, groups: Collection[str] = ()
) -> tuple[list[tuple[str, float, float, float]], np.ndarray]:
    """(metric, value, low, high) for each metric of the task, and (metrics, resamples) what the intervals are made of.

    groups: all that are resampled, where the predictions may lack some.
    """
    resolved = [metrics.resolve(metric) for metric in task.metrics]
    values, resampled = measure(resolved, predictions, resamples, groups=groups)
    drawn = len({*predictions.groups, *groups})
    return of_one_training([metric.name for metric in resolved], values, resampled, drawn), resampled
