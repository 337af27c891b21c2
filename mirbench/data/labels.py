"""What a task finds on clips, read so that one label that it cannot read hides no other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from mirbench.errors import MirbenchError, describe
from mirbench.nouns import Task
from mirbench.records import PROBED, Clip

MOST_CLASSES = 50_000
MANY = 20  # cells of a column, of which one may be unreadable whatever its share


@dataclass(frozen=True)
class Unread:
    """A clip whose annotation a task cannot read, and why."""

    clip: Clip
    value: Any
    why: str


@dataclass(frozen=True)
class Labels:
    """The labels of a task on clips.

    labelled: split -> clips that have one. classes: in their published order, or sorted; of a regression its dimensions. counts: split ->
    class -> clips. ranges: split -> dimension -> (least, mean, largest), for a regression. unseen: label -> clips, where it
    is none of the classes. declared: whether the data set names its classes. meant: what was written ->
    the class that the task takes it for; carrying: what was written -> those clips. texts: of several labels a clip,
    what is of a text that was split at `|`, not of a tuple.
    """

    task: Task
    labelled: Mapping[str, int]
    classes: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ranges: Mapping[str, Mapping[str, tuple[float, float, float]]] = field(default_factory=dict)
    unseen: Mapping[str, int] = field(default_factory=dict)
    declared: bool = False
    unread: tuple[Unread, ...] = ()
    meant: Mapping[str, str] = field(default_factory=dict)
    carrying: Mapping[str, Sequence[Clip]] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()

    @cached_property
    def names(self) -> dict[str, int]:
        """What was written -> clips."""
        return {name: len(clips) for name, clips in self.carrying.items()}

    def carrying_class(self, label: str) -> list[Clip]:
        """The clips on which the label stands, however it is written."""
        return [clip for name, clips in self.carrying.items() if self.meant[name] == str(label) for clip in clips]

    @property
    def undeclared(self) -> dict[str, int]:
        """Of the names that the task reads, those of none of the classes that the data set declares -> clips."""
        known = {"", *self.classes}
        return {name: n for name, n in self.names.items() if self.declared and self.meant[name] not in known}

    @property
    def empty(self) -> list[str]:
        """The splits without a labelled clip."""
        return [split for split in PROBED if not self.labelled.get(split)]

    @property
    def usable(self) -> bool:
        """Whether the task can be run."""
        return not (self.unread or self.empty or self.nothing_to_learn or self.unscored)

    @property
    def nothing_to_learn(self) -> bool:
        """Whether there are labels in train, and none of them tells its clips apart."""
        counts, labelled = self.counts.get("train", {}).values(), self.labelled.get("train", 0)
        if self.task.target == "regression" or not labelled:
            return False
        return sum(n > 0 for n in counts) < 2 if self.task.target == "multiclass" else not any(0 < n < labelled for n in counts)

    @property
    def unscored(self) -> list[str]:
        """The splits on which no probe can be chosen, or scored: their clips have none of the classes, or all of them one value."""
        splits = [split for split in PROBED[1:] if self.labelled.get(split)]
        if self.task.target == "regression":
            return [split for split in splits if all(least == largest for least, _, largest in self.ranges[split].values())]
        return [split for split in splits if not any(self.counts[split].values())]

    @property
    def nowhere(self) -> list[str]:
        """Classes without a clip in any split."""
        return [name for name in self.classes if self.counts and not any(counts[name] for counts in self.counts.values())]

    def rare(self, fewest: int) -> dict[str, int]:
        """Classes with fewer training clips than so many, but some."""
        return {name: n for name, n in self.counts.get("train", {}).items() if 0 < n < fewest}

    def lacking(self, split: str) -> list[str]:
        """Classes without a clip in a split."""
        return [name for name, n in self.counts.get(split, {}).items() if not n]


def without_empty(clips: Iterable[Clip]) -> list[Clip]:
    """The clips without annotations that are empty text, such as a cell of `mirbench.read_table`: they are unknown, as in a manifest."""
    return [
        replace(clip, annotations={name: value for name, value in clip.annotations.items() if not _is_empty(value)})
        if isinstance(clip, Clip) and any(map(_is_empty, clip.annotations.values()))
        else clip
        for clip in clips
    ]


def _is_empty(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def check_class_count(task: Task, clips: Iterable[Clip]) -> None:
    """Raises MirbenchError where clips have more different labels than any probe could tell apart."""
    if task.target == "regression" or task.classes:
        return
    values = {str(value) for clip in clips for value in _written(clip.annotations.get(task.annotation, ()), task.target == "multilabel")}
    if len(values) > MOST_CLASSES:
        raise MirbenchError(too_many(task.annotation, len(values)))


def too_many(annotation: str, count: int) -> str:
    """The sentence for so many classes."""
    return (
        f"the annotation '{annotation}' has {count:,} different labels, and a task of more than {MOST_CLASSES:,} classes cannot be run; "
        "name it otherwise if it is no label, or take the commonest ones."
    )


def read_labels(task: Task, clips: Sequence[Clip], published: Sequence[str] = ()) -> Labels:
    """The labels of the train, valid and test clips that carry the task's annotation. published: the data set's order of its classes.

    Raises MirbenchError where there are too many classes.
    """
    check_class_count(task, clips)
    reader = _Reader(task)
    labels: dict[str, list[Any]] = {split: [] for split in PROBED}
    unread: list[Unread] = []
    carrying = [clip for clip in clips if clip.split in labels and task.annotation in clip.annotations]
    for clip in carrying:
        label, why = reader.read(clip.annotations[task.annotation])
        if why:
            unread.append(Unread(clip, clip.annotations[task.annotation], why))
        else:
            labels[clip.split].append((clip, label))
    if task.target == "regression":
        return _regression(task, labels, unread, task.classes or published)
    many = task.target == "multilabel"
    named = {split: [(label if many else (label,)) for _, label in pairs] for split, pairs in labels.items()}
    declared = [] if task.classes else reader.published(published)
    classes = task.classes or declared or _sorted({name for names in named["train"] for name in names})
    label_counts = {split: Counter(n for names in names_of_clips for n in dict.fromkeys(names)) for split, names_of_clips in named.items()}
    known = set(classes)
    written: dict[str, list[Clip]] = {}
    for clip in carrying:
        for name in _written(clip.annotations[task.annotation], many):
            written.setdefault(name, []).append(clip)
    return Labels(
        task,
        {split: len(pairs) for split, pairs in labels.items()},
        tuple(classes),
        counts={split: {name: counter[name] for name in classes} for split, counter in label_counts.items()},
        unseen={} if many else dict(Counter(n for split in PROBED for n in label_counts[split].elements() if n not in known)),
        declared=bool(declared),
        unread=tuple(unread),
        carrying=written,
        texts=frozenset(_texts(clip.annotations[task.annotation] for clip in carrying)) if many else frozenset(),
        meant={name: reader.meaning(name) for name in written},
    )


def without_unreadable(clips: Sequence[Clip], tasks: Iterable[Task], max_bad: float) -> tuple[list[Clip], dict[str, tuple[Unread, ...]]]:
    """The clips, and by annotation those cells that none of its tasks can read, where they are few: then the clips are without them.

    max_bad: the share of a column's cells that this may be, rounded up to a whole cell where there are MANY. Where there are more, the
    clips keep them, and it is for the task to refuse.
    """
    readers: dict[str, list[_Reader]] = {}
    for task in tasks:
        readers.setdefault(task.annotation, []).append(_Reader(task))
    several = {name: _unreadable(name, clips, found) for name, found in readers.items()}
    few = {name: unread for name, (unread, many) in several.items() if unread and len(unread) <= most_unreadable(many, max_bad)}
    dropped = {(each.clip.id, name) for name, unread in few.items() for each in unread}
    if not dropped:
        return list(clips), {}
    changed = {clip_id for clip_id, _ in dropped}
    kept = [
        replace(clip, annotations={n: v for n, v in clip.annotations.items() if (clip.id, n) not in dropped})
        if clip.id in changed
        else clip
        for clip in clips
    ]
    return kept, few


def most_unreadable(many: int, max_bad: float) -> int:
    """Of so many cells of a column, how many may be unreadable.

    >>> most_unreadable(19, 0.01), most_unreadable(20, 0.01), most_unreadable(300, 0.01)
    (0, 1, 3)
    """
    return (math.ceil if many >= MANY else math.floor)(max_bad * many)


def _unreadable(name: str, clips: Sequence[Clip], readers: Sequence[_Reader]) -> tuple[tuple[Unread, ...], int]:
    """The clips whose annotation none can read, and how many carry it."""
    unread, many = list[Unread](), 0
    for clip in clips:
        if name in clip.annotations:
            many += 1
            whys = [reader.read(clip.annotations[name])[1] for reader in readers]
            if all(whys):
                unread.append(Unread(clip, clip.annotations[name], whys[0]))
    return tuple(unread), many


class _Reader:
    """`Task.label`, which is asked once for each value."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.known: dict[tuple[type, Any], tuple[Any, str]] = {}

    def read(self, value: Any) -> tuple[Any, str]:
        """(label, "") or (None, why there is none)."""
        try:
            key = (type(value), value)
            if key not in self.known:
                self.known[key] = self._read(value)
            return self.known[key]
        except TypeError:  # a list cannot be looked up
            return self._read(value)

    def _read(self, value: Any) -> tuple[Any, str]:
        try:
            return _checked(self.task, self.task.label(value)), ""
        except MirbenchError as error:
            return None, str(error).removesuffix(".")
        except Exception as error:  # of a plugin's
            return None, describe(error)

    def published(self, names: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(meant for name in names if (meant := self.meaning(name))))

    def meaning(self, name: str) -> str:
        """The class that the task takes a written name for; nothing where it takes it for none."""
        label, why = self.read((name,) if self.task.target == "multilabel" else name)
        return "" if why else "|".join(label) if self.task.target == "multilabel" else str(label)


def _checked(task: Task, label: Any) -> Any:
    """A label of the kind that the target asks for."""
    if task.target == "multilabel":
        return tuple(label)
    if task.target == "multiclass":
        hash(label)
        return label
    numbers = tuple(map(float, label)) if isinstance(label, Iterable) and not isinstance(label, str) else (float(label),)
    if not all(map(math.isfinite, numbers)):
        raise MirbenchError("it is not a finite number.")
    return numbers


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in {value for value in values if isinstance(value, str)}:
        yield from value.split("|")


def _written(value: Any, many: bool) -> Iterable[str]:
    if not many:
        return (str(value),)
    return dict.fromkeys(value.split("|") if isinstance(value, str) else map(str, value))


def _sorted(names: Iterable[str]) -> list[str]:
    """In alphabetical order, numbers by value and first."""
    return sorted(names, key=lambda name: (0, int(name), "") if name.removeprefix("-").isdecimal() else (1, 0, name))


def _regression(task: Task, labels: Mapping[str, list[tuple[Clip, Any]]], unread: list[Unread], published: Sequence[str]) -> Labels:
    lengths = Counter(len(numbers) for found in labels.values() for _, numbers in found)
    length = lengths.most_common(1)[0][0] if lengths else 1
    kept: dict[str, list[tuple[float, ...]]] = {}
    for split, found in labels.items():
        kept[split] = [numbers for _, numbers in found if len(numbers) == length]
        why = f"it has another number of values than the {length} of most clips"
        unread += [Unread(clip, clip.annotations[task.annotation], why) for clip, numbers in found if len(numbers) != length]
    names = tuple(published) if len(published) == length else tuple(f"dimension {i}" for i in range(length))
    ranges = {split: dict(zip(names, map(_range, zip(*rows, strict=True)), strict=True)) for split, rows in kept.items() if rows}
    return Labels(task, {split: len(rows) for split, rows in kept.items()}, names, ranges=ranges, unread=tuple(unread))


def _range(values: Sequence[float]) -> tuple[float, float, float]:
    return min(values), math.fsum(values) / len(values), max(values)
