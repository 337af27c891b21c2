"""Classes that are unlikely to be meant: dates, numbers, a name for each clip, a number among words, keys without their mode."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mirbench.data.findings import Finding, Names, count, counted
from mirbench.data.labels import Labels
from mirbench.notation import is_key_without_mode

ALMOST = 0.5  # of the classes, from which on a column is taken for one of dates or decimals, or of the clips, for one of names of clips
FEWEST = 10  # classes of which that is asked
LABELS_OF_NUMBERS = ("pitch", "key")  # 8A is a key
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2}.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")
_DECIMAL = re.compile(r"[-+]?\d*\.\d+")
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?")


def of_unlikely(labels: Labels, published: bool, called: Names) -> Iterator[Finding]:
    """published: whether the label names are somebody else's, to be left as they are."""
    task, names = labels.task, labels.names
    if task.annotation == "key" and (bare := [name for name in names if is_key_without_mode(name)]):
        text = f"task {task.name}: keys without major or minor are read as major."
        yield Finding("note", text, _told(bare, labels, called), "similar labels")
    if published or labels.declared or task.classes or task.target == "regression" or task.annotation in LABELS_OF_NUMBERS:
        return
    if what := _no_classes(labels):
        many = count(len(names), "class")
        text = f"task {task.name}: its {many} look like {what}, of which nothing can be learnt: is that the column that is meant?"
        yield Finding("warning", text, _told(names, labels, called), "unlikely labels")
        return
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    if 0 < len(numbers) < sum(any(map(str.isalpha, name)) for name in names):
        many = count(len(numbers), "class")
        text = f"task {task.name}: {many} named by a number, where others are words; empty the cells if that is no name."
        yield Finding("warning", text, _told(numbers, labels, called), "unlikely labels")


def _told(names: Iterable[str], labels: Labels, called: Names) -> tuple[str, ...]:
    return tuple(counted(name, labels.names[name], called.where(labels.carrying[name])) for name in names)


def _no_classes(labels: Labels) -> str:
    """What most of the classes are instead, or nothing."""
    names = labels.names
    if len(names) >= FEWEST:
        for what, pattern in (("dates", _DATE), ("measurements", _DECIMAL)):
            if sum(map(bool, map(pattern.fullmatch, names))) > ALMOST * len(names):
                return what
        alone = sum(clips == 1 for clips in names.values())
        if labels.task.target == "multiclass" and alone > ALMOST * sum(labels.labelled.values()):
            return "names of single clips"
    return ""
