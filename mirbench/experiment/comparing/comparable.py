"""Whether two runs scored the same thing: the same test clips in the same groups, their labels, the metric, and the audio under corruption.

The majority class hears nothing, and every run scores it: the key of its job is a hash of the clips, their labels, the task and the code
that scores it, so that where it is the same in two runs, so is all of that. Where it is not, as one was made elsewhere or by another
version, what it stands for is looked at piece by piece.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mirbench.experiment.comparing.measured import OF_CLEAN, Condition, Place, Run
from mirbench.records import CLEAN, MAJORITY
from mirbench.results.merging import COMMON

SAME_DRAWS = 1e-4  # of two numbers that are kept as float32
OF_CORRUPTION = ("unit", "alters", "limits", "version", "key")  # facts of a manifest that change the audio, or what it is


def why_not(one: Run, other: Run, place: Place) -> str:
    """Why scores of two runs on clean audio are not compared, as the end of a sentence; nothing where they are."""
    task, dataset, _ = place
    majority = [_majority(run, place) for run in (one, other)]
    keys = [str(run.scores["key"].iloc[line]) if line is not None else "" for run, line in zip((one, other), majority, strict=True)]
    if keys[0] and keys[0] == keys[1]:
        return ""
    return _data(one, other, task, dataset) or _labels(one, other, task, dataset) or _metric(one, other, place, majority)


def why_not_corrupted(one: Run, other: Run, dataset: str, condition: Condition) -> str:
    """The same of audio under a corruption that both have at that severity; what holds of clean audio is not asked again."""
    name, severity = condition
    for setting in COMMON:
        of = [(run.manifest.get("robustness") or {}).get(setting) for run in (one, other)]
        if of[0] != of[1]:
            return f"robustness.{setting} is {of[0]} in {one.label} and {of[1]} in {other.label}"
    facts = [(run.manifest.get("corruptions") or {}).get(name) or {} for run in (one, other)]
    levels = [(of.get("levels") or [])[severity - 1 : severity] for of in facts]
    if levels[0] != levels[1]:
        shown = [f"{each[0]:g}" if each else "unknown" for each in levels]
        return f"severity {severity} is {shown[0]} in {one.label} and {shown[1]} in {other.label}"
    for fact in OF_CORRUPTION:
        if facts[0].get(fact) != facts[1].get(fact):
            return f"its {fact} differs"
    return _audio(one, other, dataset, f"{name}-{severity}" if severity and levels[0] else name)


def _majority(run: Run, place: Place) -> int | None:
    lines = run.lines.get((MAJORITY, place, OF_CLEAN), [])
    return lines[0] if lines else None


def _data(one: Run, other: Run, task: str, dataset: str) -> str:
    """Whether the test clips and their groups differ."""
    about = [(run.manifest.get("datasets") or {}).get(dataset) or {} for run in (one, other)]
    versions = [of.get("version") for of in about]
    if versions[0] != versions[1]:
        return f"{dataset} is of version {versions[0]} in {one.label} and {versions[1]} in {other.label}"
    if audio := _audio(one, other, dataset, CLEAN):
        return audio
    clips = [run.clips(task, dataset) for run in (one, other)]
    if clips[0] is None or clips[1] is None:
        counts = [_counts(run, task, dataset) for run in (one, other)]
        if counts[0] != counts[1]:
            return f"they test {task} on other clips of {dataset}"
        same = any(about[0].get(what) and about[0].get(what) == about[1].get(what) for what in ("key", "identity"))
        return (
            "" if same else f"{dataset} was read from elsewhere, and without predictions nothing tells whether the test clips are the same"
        )
    if alone := clips[0].keys() ^ clips[1].keys():
        return f"{len(alone)} test clip{'s'[: len(alone) != 1]} of {dataset} {'are' if len(alone) != 1 else 'is'} in one of them alone"
    moved = sum(clips[0][clip][0] != clips[1][clip][0] for clip in clips[0])
    return f"{moved} test clip{'s'[: moved != 1]} of {dataset} {'are' if moved != 1 else 'is'} in other groups" if moved else ""


def _labels(one: Run, other: Run, task: str, dataset: str) -> str:
    classes = [((run.manifest.get("tasks") or {}).get(task) or {}).get("classes") for run in (one, other)]
    if classes[0] != classes[1]:
        return f"the classes of {task} differ"
    clips = [run.clips(task, dataset) for run in (one, other)]
    if clips[0] is None or clips[1] is None:
        return ""
    other_labels = sum(clips[0][clip][1] != clips[1][clip][1] for clip in clips[0])
    return (
        f"{other_labels} test clip{'s'[: other_labels != 1]} of {dataset} {'have' if other_labels != 1 else 'has'} other labels"
        if other_labels
        else ""
    )


def _metric(one: Run, other: Run, place: Place, majority: list[int | None]) -> str:
    """Whether the metric is another of that name, or groups were drawn otherwise, by what both say of the majority class."""
    task, dataset, metric = place
    called = [(run.manifest.get("metrics") or {}).get(metric) for run in (one, other)]
    if called[0] != called[1]:
        return f"{metric} is {called[0]} in {one.label} and {called[1]} in {other.label}"
    if majority[0] is None or majority[1] is None:
        return ""
    learnt = [_facts(run, task, dataset).get("label_counts", {}).get("train") for run in (one, other)]
    values = [float(run.scores["value"].iloc[line]) for run, line in zip((one, other), majority, strict=True) if line is not None]
    if not _alike(*(np.array([value]) for value in values)):
        if learnt[0] != learnt[1]:
            return ""  # another commonest class
        given = f"{values[0]:.4g} in {one.label} and {values[1]:.4g} in {other.label}"
        return f"{metric} is computed otherwise: the same majority class has {given}"
    if one.resampled is not None and other.resampled is not None:
        drawn = min(one.resampled.shape[1], other.resampled.shape[1])
        if not _alike(one.resampled[majority[0], :drawn], other.resampled[majority[1], :drawn]):
            return "their resamples are not of the same draws of groups"
    return ""


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.allclose(one, other, rtol=SAME_DRAWS, atol=SAME_DRAWS, equal_nan=True))


def _audio(one: Run, other: Run, dataset: str, condition: str) -> str:
    """By checksums of a few clips, of those conditions that both runs have them of."""
    sums = [((run.manifest.get("sample_checksums") or {}).get(dataset) or {}).get(condition) or {} for run in (one, other)]
    differ = [clip for clip in sums[0] if clip in sums[1] and sums[0][clip] != sums[1][clip]]
    return f"the audio of the clip {differ[0]} is not the same" if differ else ""


def _facts(run: Run, task: str, dataset: str) -> dict[str, Any]:
    return (((run.manifest.get("tasks") or {}).get(task) or {}).get("dataset") or {}).get(dataset) or {}


def _counts(run: Run, task: str, dataset: str) -> list[Any]:
    facts = _facts(run, task, dataset)
    groups, labels = ((facts.get(what) or {}).get("test") for what in ("groups", "label_counts"))
    skipped = ((run.manifest.get("datasets") or {}).get(dataset) or {}).get("skipped")
    return [facts.get("n_test"), groups, labels, facts.get("left_out_for_unseen_label"), skipped]
