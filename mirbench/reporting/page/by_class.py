"""What an encoder can and cannot do, from its predictions: average precision of each label, what is taken for what, numbers beside what
they should be, and the clips that it gets most wrong. Where the predictions of a run were not kept, there is nothing of it here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.records import MAJORITY, OVERLAP_MARK, Predictions
from mirbench.results.order import own_name
from mirbench.results.run_folder import RunFolder

if TYPE_CHECKING:
    from mirbench.results.merging import Results

WORST = 20  # clips that are named, of a task and an encoder
MOST_CLASSES = 40  # of a confusion matrix; of more only those with most clips
MOST_POINTS = 500  # clips of a scatter plot
TOLD = 4  # labels that a clip was given, or lacks
FIFTHS = (0, 7, 2, 9, 4, 11, 6, 1, 8, 3, 10, 5)  # pitch classes from C upwards by fifths
TONICS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SIGNS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
PITCH_CLASSES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
KEY = re.compile(r"([A-G])([#b♯♭]?)[ :]*(major|minor|maj|min)", re.IGNORECASE)


@dataclass(frozen=True)
class Kept:
    """The predictions of an encoder on a task, one for each seed; all of the same clips and classes."""

    task: str
    dataset: str
    encoder: str
    annotation: str
    seeds: tuple[Predictions, ...]


def kept_predictions(results: Results) -> Iterator[Kept]:
    """Those of clean audio that lie in the folders of the runs, but for the majority class, by task, data set and encoder. Raises
    MirbenchError where a file is damaged."""
    for (label, manifest), path in zip(results.manifests.items(), results.paths, strict=False):  # no paths: frames of a notebook
        run = RunFolder(path)
        for task, about in (manifest.get("tasks") or {}).items():
            for dataset in about.get("dataset") or {}:
                for name, facts in (manifest.get("encoders") or {}).items():
                    own = name.removesuffix(OVERLAP_MARK).removesuffix(f" ({label})" if name in results.renamed else "")
                    seeds = [int(seed) for seed in facts.get("seeds") or [0]]
                    there = [seed for seed in seeds if run.has_predictions(own, dataset, task, seed)]
                    if there and own_name(name) != MAJORITY:
                        found = tuple(run.read_predictions(own, dataset, task, seed) for seed in there)
                        yield Kept(task, dataset, name, str(about.get("annotation") or task), found)


def by_class(results: Results, encoders: Mapping[str, int]) -> list[dict[str, Any]]:
    """Of each task on a data set: where, target, classes, and by encoder the average precision of each label (`ap`), or what was taken for
    what (`confusions`), or of numbers what each clip is and was said to be (`points`), and the clips that it gets most wrong (`worst`).
    encoders: their places."""
    tasks: dict[str, dict[str, Any]] = {}
    for kept in kept_predictions(results):
        if kept.encoder not in encoders:
            continue
        first = kept.seeds[0]
        task = tasks.setdefault(
            f"{kept.task} on {kept.dataset}",
            {
                "where": f"{kept.task} on {kept.dataset}",
                "dataset": kept.dataset,
                "target": first.target,
                "ap": [],
                "confusions": {},
                "clips": [],
                "points": {},
                "worst": {},
            },
        )
        place = encoders[kept.encoder]
        if first.target == "multilabel":
            task["ap"] += [{"e": place, **row} for row in average_precisions(kept.seeds)]
        elif first.target == "multiclass":
            for kind, (labels, counts) in confusions(kept.seeds, kept.annotation).items():
                about = task["confusions"].setdefault(kind, {"labels": labels, "of": {}})
                about["of"][place] = [[int(i), int(k), float(f"{counts[i, k]:.4g}")] for i, k in zip(*np.nonzero(counts), strict=True)]
        else:
            shown = _spread_out(len(first.clip_ids))
            task["clips"] = [first.clip_ids[i] for i in shown]
            for dimension, points in numbers(kept.seeds, shown).items():
                task["points"].setdefault(dimension, {})[place] = points
        task["worst"][place] = worst_clips(kept.seeds)
    return list(tasks.values())


def average_precisions(seeds: Sequence[Predictions]) -> list[dict[str, Any]]:
    """Of each label with clips that have it and clips that do not: its average precision, mean over seeds, and its share of clips, which is
    what a guess would have."""
    from sklearn.metrics import average_precision_score

    found = []
    for i, name in enumerate(seeds[0].classes):
        judged = [(each.targets[:, i][each.targets[:, i] >= 0], each.scores[:, i][each.targets[:, i] >= 0]) for each in seeds]
        if all(0 < on.sum() < len(on) for on, _ in judged):
            values = [float(average_precision_score(on, scores)) for on, scores in judged]
            on = judged[0][0]
            found.append({"label": name, "v": round(float(np.mean(values)), 4), "s": [round(v, 4) for v in values],
                          "n": int(on.sum()), "chance": round(float(on.mean()), 4)})  # fmt: skip
    return found


def confusions(seeds: Sequence[Predictions], annotation: str = "") -> dict[str, tuple[list[str], np.ndarray]]:
    """Kind -> labels and (labels, labels) clips of the row's class that were called the column's, mean over seeds. Keys stand by fifths;
    notes are counted by octave and by pitch class; of other tasks those MOST_CLASSES classes with most clips."""
    classes = seeds[0].classes
    counts = np.zeros((len(classes), len(classes)))
    for each in seeds:
        np.add.at(counts, (each.targets, each.scores.argmax(axis=1)), 1 / len(seeds))
    if (keys := [_key(name) for name in classes]) and None not in keys:
        order = sorted(range(len(classes)), key=lambda i: keys[i] or (0, 0))
        return {"circle of fifths": ([classes[i] for i in order], counts[np.ix_(order, order)])}
    if annotation == "pitch" and all(name.isdecimal() and int(name) < 128 for name in classes):
        notes = np.array([int(name) for name in classes])
        octaves, pitch_classes = notes // 12 - 1, notes % 12
        return {
            "octave": ([str(o) for o in np.unique(octaves)], _pooled(counts, octaves)),
            "pitch class": ([PITCH_CLASSES[c] for c in np.unique(pitch_classes)], _pooled(counts, pitch_classes)),
        }
    commonest = np.sort(np.argsort(-(counts.sum(axis=1) + counts.sum(axis=0)), kind="stable")[:MOST_CLASSES])
    return {"class": ([classes[i] for i in commonest], counts[np.ix_(commonest, commonest)])}


def numbers(seeds: Sequence[Predictions], clips: Sequence[int]) -> dict[str, list[list[float]]]:
    """Dimension -> of each of these clips, by place, [what it is, what it was said to be, mean over seeds]."""
    targets, said = np.asarray(seeds[0].targets, float), np.mean([each.scores for each in seeds], axis=0)
    return {name: [[float(f"{x:.5g}") for x in (targets[i, k], said[i, k])] for i in clips] for k, name in enumerate(seeds[0].classes)}


def _spread_out(count: int) -> list[int]:
    """At most MOST_POINTS places of so many, as far from each other as can be."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int)).tolist()


def _key(name: str) -> tuple[int, int] | None:
    """Major before minor, by fifths, a minor key below its relative major; None for what is no key.

    >>> _key("C major"), _key("A minor"), _key("G:maj"), _key("rock")
    ((0, 0), (1, 0), (0, 1), None)
    """
    found = KEY.fullmatch(name.strip())
    if not found:
        return None
    tonic = (TONICS[found[1].upper()] + SIGNS[found[2]]) % 12
    minor = found[3].lower().startswith("min")
    return int(minor), FIFTHS.index((tonic + 3) % 12 if minor else tonic)


def _pooled(counts: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Rows and columns of the same number in `of` together."""
    places = np.searchsorted(np.unique(of), of)
    pooled = np.zeros((places.max() + 1,) * 2)
    np.add.at(pooled, (places[:, None], places[None, :]), counts)
    return pooled


def worst_clips(seeds: Sequence[Predictions], most: int = WORST) -> list[dict[str, Any]]:
    """The clips that an encoder gets most wrong, worst first: clip, what it is, and what it was taken for."""
    first = seeds[0]
    errors = np.mean([_errors(each) for each in seeds], axis=0)
    order = [int(i) for i in np.argsort(-np.nan_to_num(errors, nan=-np.inf), kind="stable") if errors[i] > 0]
    rows = ({"clip": first.clip_ids[i], "is": _truth(first, i), "said": told} for i in order if (told := _said(seeds, i)))
    return list(islice(rows, most))


def _errors(p: Predictions) -> np.ndarray:
    """(clips,), above 0 where something is wrong. Of classes, how far the right one's score lies below the highest other; of many labels,
    the share of pairs of one that applies and one that does not which are ranked the wrong way round; of numbers, the mean distance in
    standard deviations of the targets."""
    scores = np.asarray(p.scores, float)
    if p.target == "multiclass":
        right = scores[np.arange(len(scores)), p.targets]
        others = scores.copy()
        others[np.arange(len(scores)), p.targets] = -np.inf
        return np.asarray(others.max(axis=1) - right)
    if p.target == "multilabel":
        applies, not_so = p.targets == 1, p.targets == 0
        wrong = np.zeros(len(scores))
        for own, on in zip(scores.T, applies.T, strict=True):  # label by label: all pairs of 200 of 10,000 clips would take gigabytes
            wrong += on * ((own[:, None] <= scores) & not_so).sum(axis=1)
        return np.asarray(wrong / np.maximum(applies.sum(axis=1) * not_so.sum(axis=1), 1))
    spread = np.std(p.targets, axis=0)
    return np.asarray(np.mean(np.abs(scores - p.targets) / np.where(spread > 0, spread, 1), axis=1))


def _truth(p: Predictions, i: int) -> str:
    if p.target == "multiclass":
        return p.classes[p.targets[i]]
    if p.target == "multilabel":
        return ", ".join(name for name, on in zip(p.classes, p.targets[i], strict=True) if on == 1)
    return ", ".join(f"{name} {x:.3g}" for name, x in zip(p.classes, p.targets[i], strict=True))


def _said(seeds: Sequence[Predictions], i: int) -> str:
    """Of classes those that the seeds say, most often said first; of many labels those that do not apply and rank highest, nothing where
    those that apply do."""
    first = seeds[0]
    if first.target == "multiclass":
        said = Counter(first.classes[each.scores[i].argmax()] for each in seeds)
        return ", ".join(name if len(said) == 1 else f"{name} ({n} of {len(seeds)})" for name, n in said.most_common(TOLD))
    mean = np.mean([each.scores[i] for each in seeds], axis=0)
    if first.target == "multilabel":
        on = first.targets[i]
        rank = [k for k in np.argsort(-mean, kind="stable") if on[k] >= 0]
        return ", ".join(first.classes[k] for k in rank[: max(int((on == 1).sum()), 1)] if on[k] == 0)
    return ", ".join(f"{name} {x:.3g}" for name, x in zip(first.classes, mean, strict=True))
