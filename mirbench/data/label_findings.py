"""What is wrong with the labels of a data set: findings of tasks, classes and the names that are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirbench.data.findings import Finding, Names, count, counted, of_sound, of_splits, same_stretches
from mirbench.data.labels import Labels, Unread, most_unreadable, read_labels
from mirbench.data.manifests.columns import CORE, LABELS, meant_by
from mirbench.data.similar_names import similar_names
from mirbench.data.splits import spelled_freely
from mirbench.data.unlikely_labels import of_unlikely
from mirbench.errors import MirbenchError, did_you_mean, printable
from mirbench.notation import parse_key, parse_pitch
from mirbench.nouns import Dataset, Task
from mirbench.records import FEWEST_CLIPS, PROBED, Clip

if TYPE_CHECKING:
    from mirbench.data.duplicates.fingerprinting import Listened

SEPARATORS = "|;,/"  # of names in a cell, the likeliest first
PLACED = 2  # training clips of a class, up to which their lines are told
NAMED = 8  # classes in a sentence, at most
LIKE_MISSING = frozenset(
    (
        *("unknown", "unk", "undefined", "unspecified", "missing", "unlabeled", "unlabelled", "unclassified", "untagged", "tbd"),
        *("n.a.", "n.a", "not available", "not specified", "no label", "no data"),
    )
)  # class names that cells without a value may have been given
_JOINS = re.compile("[\t\n\r;，、；｜¦،]")  # which no name of a label holds


def labels_of(
    dataset: Dataset, annotations: Sequence[str], clips: Sequence[Clip], tasks: Sequence[Task]
) -> tuple[list[Labels], list[Finding]]:
    """Of each task whose annotation is there; and of those that have too many classes, that they are not run."""
    labels, told = list[Labels](), list[Finding]()
    for task in tasks:
        if task.annotation in annotations:
            try:
                labels.append(read_labels(task, clips, dataset.classes.get(task.annotation, ())))
            except MirbenchError as error:
                told.append(Finding("warning", f"task {task.name} is not run: {error}", kind="tasks"))
    return labels, told


def of_data(
    dataset: Dataset,
    annotations: Sequence[str],
    clips: Sequence[Clip],
    unread: Mapping[str, Sequence[Unread]],
    labels: Sequence[Labels],
    asked: Sequence[Task],
    known: Collection[str],
    columns: Sequence[str],
    called: Names,
    max_bad: float,
) -> Iterator[Finding]:
    """What its clips and labels alone show. annotations: that its clips carry; unread: those that are unknown since no task can read them;
    known: annotations that some task reads; columns: of its manifest. The others are as in `of_tasks`."""
    yield from of_splits(clips, spelled_freely(dataset), bool(dataset.files), called)
    yield from of_copies(same_stretches(clips), called, noun="stretch")
    for name, several in unread.items():
        whys = tuple(f"{called(each.clip)}: {printable(_why(each))}" for each in several)
        many = sum(name in clip.annotations for clip in clips) + len(several)
        text = f"{len(several):,} of {many:,} cells of '{printable(name)}' cannot be read, and are unknown."
        yield Finding("warning", text, whys, "unreadable labels")
    yield from of_tasks(labels, asked, dataset, annotations, called, max_bad)
    yield from of_annotations(annotations, known, columns, clips)


def of_tasks(
    labels: Sequence[Labels], asked: Sequence[Task], dataset: Dataset, annotations: Sequence[str], called: Names, max_bad: float
) -> Iterator[Finding]:
    """What is wrong with labels. asked: the tasks that were named, each of which must run; without any, one must. annotations: of
    the data set; max_bad: the share of cells that may be unreadable."""
    for each in labels:
        yield from of_labels(each, "error" if each.task in asked else "warning", bool(dataset.files), called, dataset.made, max_bad)
    for task in asked:
        if task.annotation not in annotations:
            carried = printable(", ".join(annotations) or "none")
            yield Finding("error", f"task {task.name} needs the annotation '{task.annotation}'; the clips carry {carried}.", kind="tasks")
    if not labels and not asked:
        given = printable(dataset.location or dataset.name)
        yield Finding("note", f"no task finds its annotation; it can be pretrained on, by --pretrain-on {given}.", kind="tasks")
    elif labels and not asked and not any(each.usable for each in labels):
        yield Finding("error", "no task can be run on it.", kind="tasks")


def of_listening(heard: Listened, called: Names, published: bool = False) -> Iterator[Finding]:
    """What listening to the clips of a set shows. published: whether they are somebody else's, to be left as they are."""
    yield from of_sound(heard, called, published)
    one_stretch = [list(map(len, same_stretches(several))) == [len(several)] for several in heard.alike]  # told without listening
    alike = [several for several, one in zip(heard.alike, one_stretch, strict=True) if not one]
    yield from of_copies(alike, called, published)


def of_copies(alike: Iterable[Sequence[Clip]], called: Names, published: bool = False, noun: str = "sound") -> Iterator[Finding]:
    """Clips of one split that are of the same audio: those with labels that differ, and the others. alike: the clips of one audio each;
    noun: what that is."""
    differ, equal = list[str](), list[str]()
    for several in alike:
        of_split: dict[str, list[Clip]] = {}
        for clip in several:
            of_split.setdefault("train" if clip.split == "pretrain" else clip.split, []).append(clip)
        for clips in of_split.values():
            if len(clips) > 1:
                names = [name for name in LABELS if len({_meaning(name, clip) for clip in clips if name in clip.annotations}) > 1]
                labels = [" and ".join(dict.fromkeys(_label(name, clip) for clip in clips if name in clip.annotations)) for name in names]
                (differ if names else equal).append(" and ".join(map(called, clips)) + f": {', '.join(labels)}" * bool(names))
    of = " of a file" * (noun == "stretch")
    if differ:
        mend = "left as published" if published else "give them the labels that are right, and leave out one"
        text = f"{count(len(differ), noun)}{of} given more than once in a split, with labels that differ; {mend}."
        yield Finding("note" if published else "warning", text, tuple(differ), "contradicting labels")
    if equal:
        text = f"{count(len(equal), noun)}{of} given more than once in a split, and counted as often."
        yield Finding("note" if published or noun == "sound" else "warning", text, tuple(equal), "copies")


def _meaning(name: str, clip: Clip) -> str:
    """The label, the same of two that are written otherwise: tags in another order, keys and pitches by another name."""
    value = clip.annotations[name]
    if isinstance(value, tuple | list):
        return str(sorted(map(str, value)))
    return str(_READS[name](value)) if name in _READS and _can_read(name, value) else str(value)


def _label(name: str, clip: Clip) -> str:
    value = clip.annotations[name]
    return f"{name} '{printable('|'.join(map(str, value)) if isinstance(value, tuple | list) else value)}'"


def of_annotations(
    annotations: Sequence[str], known: Collection[str], columns: Sequence[str] = (), clips: Sequence[Clip] = ()
) -> Iterator[Finding]:
    """Annotations that no task reads. known: those that one does. columns: of the manifest, all that are read. clips: whose values tell
    whether a column may hold what its name says."""
    for name in annotations:
        if name not in known and name.removesuffix("_unknown") not in known:
            values = [clip.annotations[name] for clip in clips if name in clip.annotations]
            called, meant = printable(name), meant_by(name, columns or annotations)
            if meant in _READS and sum(_can_read(meant, value) for value in values) < len(values) / 2:
                meant = ""
            if meant == "a label":
                text = f"no task reads the column '{called}'; rename it to what it tells: {', '.join(sorted(known))}."
                yield Finding("warning", text, kind="columns")
            elif meant in CORE or meant in known:
                text = f"the column '{called}' is not read as the {meant}; if that is what it holds, rename it to {meant}."
                yield Finding("warning", text, kind="columns")
            elif "tags" in known and "tags" not in (columns or annotations) and (separator := _list_separator(values)):
                text = f"no task reads the column '{called}', whose cells hold several names with '{separator}' between"
                instead = f"; rename it to tags{'' if separator == '|' else ', and write | between'}, to have them predicted."
                yield Finding("warning", text + instead, kind="columns")
            else:
                hint = f"; a task of it would read '{meant}', and there is none." if meant else ""
                hint = hint or (f";{near}" if (near := did_you_mean(name, known)) else ".")
                yield Finding("note", f"no task reads the annotation '{called}'{hint}", kind="columns")


_READS: Mapping[str, Callable[[Any], Any]] = {
    "key": parse_key,
    "pitch": parse_pitch,
    **dict.fromkeys(("start", "end", "duration", "tempo", "arousal", "valence"), float),
}  # what a cell must be read by to be of such a column


def _can_read(name: str, value: Any) -> bool:
    try:
        _READS[name](value)
    except (MirbenchError, ValueError, TypeError):
        return False
    return True


def _list_separator(values: Sequence[Any]) -> str:
    """What stands between names in many of the texts, where most of these stand in several; nothing where there is no such thing.

    >>> _list_separator(["slow;dark", "dark", "slow;loud", "loud;dark"]), _list_separator(["a song; live", "another one", "no more"])
    (';', '')
    """
    texts = [value for value in values if isinstance(value, str)]
    for separator in SEPARATORS:
        names = Counter(piece.strip() for text in texts for piece in text.split(separator))
        often = sum(n for n in names.values() if n > 1)
        if sum(separator in text for text in texts) > len(values) / 5 and often > names.total() / 2:
            return separator
    return ""


def of_labels(
    labels: Labels, level: str, published: bool, called: Names, made: bool = False, max_bad: float | None = None
) -> Iterator[Finding]:
    """level: of what keeps the task from being run. published: whether the label names are somebody else's, to be left as they are. made:
    whether the clips are, by a data set that decides how many there are of a class: few are a fact to note then, and no fault.
    max_bad: as of `of_tasks`."""
    task, name = labels.task, f"task {labels.task.name}"
    if unread := labels.unread:
        named = [f"{called(each.clip)}: {printable(_why(each))}" for each in unread]
        total = sum(labels.labelled.values()) + len(unread)
        allowed = "" if max_bad is None else f", where {most_unreadable(total, max_bad):,} may be so ({100 * max_bad:g}%, by --max-bad)"
        text = f"{name} cannot read {len(unread):,} of {count(total, 'annotation')}{allowed}, and is not run."
        yield Finding(level, text, tuple(named), "unreadable labels")
    if empty := labels.empty:
        yield Finding(level, f"{name} has no labelled clip in {' and '.join(empty)}, and is not run.", kind="tasks")
    if labels.unseen:
        named = [counted(label, n, called.where(labels.carrying_class(label))) for label, n in labels.unseen.items()]
        which = "none of its classes" if task.classes else not_declared(labels) if labels.declared else "in no training clip"
        are, many = "is" if len(labels.unseen) == 1 else "are", count(sum(labels.unseen.values()), "clip")
        text = f"{name}: {count(len(labels.unseen), 'label')} {are} {which}, so {many} cannot be scored."
        yield Finding("warning", text, tuple(named), "unseen labels")
    if labels.nothing_to_learn:
        has = "one class in train" if task.target == "multiclass" else "no label that some training clips have and others lack"
        yield Finding(level, f"{name} has {has}, so there is nothing to tell apart, and is not run.", kind="tasks")
    if labels.unscored:
        where = " and ".join(labels.unscored)
        has = f"one value for all clips of {where}" if task.target == "regression" else f"no clip in {where} with one of its classes"
        yield Finding(level, f"{name} has {has}, and is not run.", kind="tasks")
    yield from of_unlikely(labels, published, called)
    yield from _of_names(labels, published, called)
    yield from _of_counts(labels, made, called)


def _of_names(labels: Labels, published: bool, called: Names) -> Iterator[Finding]:
    """Names that hold several labels, stand for none, or look like one another."""
    task, name = labels.task, f"task {labels.task.name}"

    def each(written: str) -> str:
        return counted(written, labels.names[written], called.where(labels.carrying.get(written, ())))

    many = task.target == "multilabel"
    if joined := joined_texts(labels) if published else [written for written in labels.names if _joined(written, labels.names, many)]:
        text = f"{name}: {count(len(joined), 'label name')} may hold several labels, and {_each(joined)} taken as one"
        instead = "a clip has one class: a task of several labels reads tags"
        if many:
            instead = "give a tuple of them" if set(joined) <= labels.texts else "give each tag by itself, in a manifest with | between"
        yield Finding("warning", f"{text}; {instead}.", tuple(map(each, joined)), "joined labels")
    if doubtful := [written for written in labels.names if written.strip().lower() in LIKE_MISSING]:
        hint = "they are left as published" if published else "leave the cell empty if they do"
        text = f"{name}: classes that may stand for a missing value; {hint}."
        yield Finding("note" if published else "warning", text, tuple(map(each, doubtful)), "missing values")
    for alike in similar_names(labels.names):
        meant = {labels.meant[n] for n in alike.names}
        one = len(meant) == 1 and "" not in meant
        says = f"are one class, '{printable(next(iter(meant)))}'" if one else "are different classes to the task"
        text = f"{name}: label names look alike ({alike.why}) and {says}{'; left as published' if published and not one else ''}."
        yield Finding("note" if one or published else "warning", text, tuple(map(each, alike.names)), "similar labels")


def _of_counts(labels: Labels, made: bool, called: Names) -> Iterator[Finding]:
    """Classes of few clips, or of none."""
    level, by_design = ("note", ", by design") if made else ("warning", "")
    name, classes = f"task {labels.task.name}", count(len(labels.classes), "class")
    if nowhere := labels.nowhere:
        yield Finding(
            level, f"{name}: {len(nowhere)} of {classes} without any clip{by_design}.", tuple(map(printable, nowhere)), "rare classes"
        )
    for split in PROBED:
        if labels.labelled.get(split) and (lacking := [label for label in labels.lacking(split) if label not in set(nowhere)]):
            text = f"{name}: {len(lacking)} of {classes} without a clip in {split}{by_design}."
            yield Finding(level, text, tuple(map(printable, lacking)), "rare classes")
    if rare := labels.rare(FEWEST_CLIPS):
        lines = {label: called.lines(_in_train(labels, label)) if n <= PLACED else "" for label, n in rare.items()}
        named = [
            f"{printable(label)} ({n}{', ' * bool(lines[label])}{lines[label]})"
            for label, n in sorted(rare.items(), key=lambda item: item[1])
        ]
        text = f"{name}: {count(len(rare), 'class')} with fewer than {FEWEST_CLIPS} training clips{by_design}."
        yield Finding(level, text, tuple(named), "rare classes")


def _in_train(labels: Labels, label: str) -> list[Clip]:
    return [clip for clip in labels.carrying_class(label) if clip.split == "train"]


def joined_texts(labels: Labels) -> list[str]:
    """Of the texts that stand where a tuple of labels could, those that look like several labels in one: a publisher's own name, or a
    label with a separator in it, is told from them by a tuple of one."""
    return [name for name in labels.names if name in labels.texts and _joined(name, labels.names, many=True)]


def not_declared(labels: Labels) -> str:
    """What labels are that the data set does not declare, with a few of those that it does."""
    few = ", ".join(map(printable, labels.classes[:NAMED]))
    more = f" and {len(labels.classes) - NAMED:,} more" if len(labels.classes) > NAMED else ""
    return f"not among the classes that the data set declares ({few}{more})"


def _each(several: Sequence[str]) -> str:
    return "is" if len(several) == 1 else "each is"


def _why(unread: Unread) -> str:
    return unread.why if repr(unread.value) in unread.why else f"{unread.value!r}: {unread.why}"


def _joined(name: str, names: Collection[str], many: bool) -> bool:
    """Whether a label's name looks like several that were joined: by what no name holds, or by what one may, of names that are there."""
    if _JOINS.search(name) or (("," in name or (name[:1] + name[-1:]) in ("[]", "{}")) if many else "|" in name):
        return True
    if name.isalnum():
        return False
    pieces = [re.split(r"[\W_]+", name), re.split(r"\s*[^\w\s-]+\s*|\s+-+\s+|_+", name)]  # word by word, and where names have spaces
    return any(len(split) > 1 and all(piece in names for piece in split) for split in (list(filter(None, each)) for each in pieces))
