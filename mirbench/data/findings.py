"""What is wrong with the clips of a data set, all at once: each finding is a sentence, with a few of what it is about."""

from __future__ import annotations

import functools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.data.audio.opening import printable_path
from mirbench.data.labels import Labels, Unread, read_labels
from mirbench.data.manifests.columns import CORE, meant_by
from mirbench.data.similar_names import similar_names
from mirbench.data.splits import SHARES, leaks, spelled_freely
from mirbench.errors import MirbenchError, did_you_mean, printable
from mirbench.nouns import Dataset, Task
from mirbench.records import PRETRAINING_SPLITS, PROBED, SPLITS, Clip

if TYPE_CHECKING:
    from mirbench.data.duplicates.overlap import Overlap
    from mirbench.data.scans import Scan

FEWEST_CLIPS = 5  # of a class in training, below which it is pointed out
FAR = 0.05  # of all clips, that a split may have more or less than was asked for
FEWEST_GROUPS = 10  # of the test split, below which intervals over groups say little
EXAMPLES, LONGEST = 3, 120  # of a finding in words, and characters of one
NAMED = 8  # classes in a sentence, at most
LEVELS = ("error", "warning", "note")
_VARIES = re.compile(r"(?<=begins with )b['\"].*|\d+(\.\d+)?")  # from file to file with the same fault
LIKE_MISSING = frozenset(
    (
        *("unknown", "unk", "undefined", "unspecified", "missing", "unlabeled", "unlabelled", "unclassified", "untagged", "tbd"),
        *("n.a.", "n.a", "not available", "not specified", "no label", "no data"),
    )
)  # class names that cells without a value may have been given
Name = Callable[[Clip], str]  # what a clip is called in a finding


@dataclass(frozen=True)
class Finding:
    """level: error, which a run refuses, warning or note. examples: what it is about, all of it."""

    level: str
    text: str
    examples: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """The sentence, with a few of its examples."""
        few = [text if len(text) <= LONGEST else f"{text[:LONGEST]}…" for text in self.examples[:EXAMPLES]]
        more = f" and {len(self.examples) - EXAMPLES:,} more" if len(self.examples) > EXAMPLES else ""
        said = f"{self.text[:-1]}: {', '.join(few)}{more}"
        return f"{said}{'' if said.endswith('…') else '.'}" if few else self.text


def of_ids(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Clip ids that stand more than once."""
    if twice := [clip_id for clip_id, n in Counter(clip.id for clip in clips).items() if n > 1]:
        text = f"{count(len(twice), 'clip id')} given more than once; ids must be unique."
        yield Finding("error", text, tuple(map(printable, twice)))


def of_splits(clips: Sequence[Clip], alike: bool = False, published: bool = False) -> Iterator[Finding]:
    """Splits that are none, groups in more than one, and a test split of very few groups. `pretrain` counts as `train`.

    alike: whether names that look alike are one group's; of a published data set that is told, and not refused.
    """
    if unknown := Counter(clip.split for clip in clips if clip.split not in SPLITS):
        named = [f"'{printable(split)}' ({count(n, 'clip')})" for split, n in unknown.items()]
        yield Finding("error", f"{count(len(unknown), 'split')} unknown; a split is one of {', '.join(SPLITS)}.", tuple(named))
    found = leaks(clips, alike or published)
    surely = [leak for leak in found if alike or any(len(splits) > 1 for splits in leak.names.values())]
    if surely:
        which = "every group must be in one" + ", and names that look alike are one group's" * any(len(leak.names) > 1 for leak in surely)
        refused = tuple(leak.in_words for leak in surely)
        yield Finding("error", f"{count(len(surely), 'group')} in more than one split; {which}.", refused)
    if perhaps := [leak.in_words for leak in found if leak not in surely]:
        text = (
            f"{count(len(perhaps), 'group')} in more than one split, if names that look alike are one group's; they are left as published."
        )
        yield Finding("warning", text, tuple(perhaps))
    tested = len({clip.group for clip in clips if clip.split == "test"})
    if 0 < tested < FEWEST_GROUPS:
        text = f"the test split has {count(tested, 'group')}; intervals are over groups, and over so few they say little."
        yield Finding("warning", text)


def of_assigned(given: Sequence[Clip], clips: Sequence[Clip]) -> Iterator[Finding]:
    """Splits that were assigned: where only valid was missing, and where whole groups come out far from what was asked for. given: the
    clips before, with split '' where they had none."""
    before = Counter(clip.split for clip in given)
    if before[""]:
        wanted: Mapping[str, float] = SHARES
    elif not before["valid"] and any(clip.split == "valid" for clip in clips):
        wanted = {"train": 1 - SHARES["valid"], "valid": SHARES["valid"]}
        taken = sum(clip.split == "valid" for clip in clips)
        text = f"no clip is given the split valid: {taken:,} of the {before['train']:,} train clips are taken for it, in whole groups."
        yield Finding("warning", text)
    else:
        return
    assigned = [clip for clip in clips if clip.split in wanted]
    sizes, groups = Counter(clip.split for clip in assigned), Counter(clip.group for clip in assigned)
    if any(abs(sizes[split] - share * len(assigned)) > FAR * len(assigned) for split, share in wanted.items()):
        shares = "/".join(f"{100 * sizes[split] / len(assigned):.0f}" for split in wanted)
        numbers, asked = "/".join(f"{sizes[split]:,}" for split in wanted), "/".join(f"{100 * share:g}" for share in wanted.values())
        group, most = groups.most_common(1)[0]
        why = f"{count(len(groups), 'group')} are kept whole" if len(groups) < len(assigned) else ""
        if most > FAR * len(assigned):
            why = f"{why or 'groups are kept whole'}, the largest, '{printable(group)}', of {count(most, 'clip')}"
        why = f"{why}, and " * bool(why) + "each label comes into each split where it has groups enough"
        yield Finding("warning", f"{'/'.join(wanted)} are {shares} % ({numbers} clips) where {asked} % was asked for: {why}.")


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
                told.append(Finding("warning", f"task {task.name} is not run: {error}"))
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
    called: Name,
) -> Iterator[Finding]:
    """What its clips and labels alone show. annotations: that its clips carry; unread: those that are unknown since no task can read them;
    known: annotations that some task reads; columns: of its manifest. The others are as in `of_tasks`."""
    yield from of_splits(clips, spelled_freely(dataset), bool(dataset.files))
    yield from of_duplicates(clips)
    for name, several in unread.items():
        whys = tuple(f"{called(each.clip)}: {printable(_why(each))}" for each in several)
        many = sum(name in clip.annotations for clip in clips) + len(several)
        yield Finding("warning", f"{len(several):,} of {many:,} cells of '{printable(name)}' cannot be read, and are unknown.", whys)
    yield from of_tasks(labels, asked, dataset, annotations, called)
    yield from of_annotations(annotations, known, columns)


def of_tasks(
    labels: Sequence[Labels], asked: Sequence[Task], dataset: Dataset, annotations: Sequence[str], called: Name
) -> Iterator[Finding]:
    """What is wrong with labels. asked: the tasks that were named, each of which must run; without any, one must. annotations: of
    the data set."""
    for each in labels:
        yield from of_labels(each, "error" if each.task in asked else "warning", bool(dataset.files), called, dataset.made)
    for task in asked:
        if task.annotation not in annotations:
            carried = printable(", ".join(annotations) or "none")
            yield Finding("error", f"task {task.name} needs the annotation '{task.annotation}'; the clips carry {carried}.")
    if not labels and not asked:
        given = printable(dataset.location or dataset.name)
        yield Finding("note", f"no task finds its annotation; it can be pretrained on, by --pretrain-on {given}.")
    elif labels and not asked and not any(each.usable for each in labels):
        yield Finding("error", "no task can be run on it.")


def of_annotations(annotations: Sequence[str], known: Collection[str], columns: Sequence[str] = ()) -> Iterator[Finding]:
    """Annotations that no task reads. known: those that one does. columns: of the manifest, all that are read."""
    for name in annotations:
        if name not in known and name.removesuffix("_unknown") not in known:
            called, meant = printable(name), meant_by(name, columns or annotations)
            if meant == "a label":
                yield Finding("warning", f"no task reads the column '{called}'; rename it to what it tells: {', '.join(sorted(known))}.")
            elif meant in CORE or meant in known:
                yield Finding(
                    "warning", f"the column '{called}' is not read as the {meant}; if that is what it holds, rename it to {meant}."
                )
            else:
                hint = f"; a task of it would read '{meant}', and there is none." if meant else ""
                hint = hint or (f";{near}" if (near := did_you_mean(name, known)) else ".")
                yield Finding("note", f"no task reads the annotation '{called}'{hint}")


def of_labels(labels: Labels, level: str, published: bool, called: Name, made: bool = False) -> Iterator[Finding]:
    """level: of what keeps the task from being run. published: whether the label names are somebody else's, to be left as they are. made:
    whether the clips are, by a data set that decides how many there are of a class: few are a fact to note then, and no fault."""
    rarely, by_design = ("note", ", by design") if made else ("warning", "")
    task, name = labels.task, f"task {labels.task.name}"
    if unread := labels.unread:
        named = [f"{called(each.clip)}: {printable(_why(each))}" for each in unread]
        yield Finding(level, f"{name} cannot read {count(len(unread), 'annotation')}, and is not run.", tuple(named))
    if empty := labels.empty:
        yield Finding(level, f"{name} has no labelled clip in {' and '.join(empty)}, and is not run.")
    if labels.unseen:
        named = [f"'{printable(label)}' ({n})" for label, n in labels.unseen.items()]
        which = "none of its classes" if task.classes else not_declared(labels) if labels.declared else "in no training clip"
        are, many = "is" if len(labels.unseen) == 1 else "are", count(sum(labels.unseen.values()), "clip")
        text = f"{name}: {count(len(labels.unseen), 'label')} {are} {which}, so {many} cannot be scored."
        yield Finding("warning", text, tuple(named))
    if labels.nothing_to_learn:
        has = "one class in train" if task.target == "multiclass" else "no label that some training clips have and others lack"
        yield Finding(level, f"{name} has {has}, so there is nothing to tell apart, and is not run.")
    if labels.unscored:
        where = " and ".join(labels.unscored)
        has = f"one value for all clips of {where}" if task.target == "regression" else f"no clip in {where} with one of its classes"
        yield Finding(level, f"{name} has {has}, and is not run.")
    if nowhere := labels.nowhere:
        text = f"{name}: {len(nowhere)} of {count(len(labels.classes), 'class')} without any clip{by_design}."
        yield Finding(rarely, text, tuple(map(printable, nowhere)))
    for split in PROBED:
        if labels.labelled.get(split) and (lacking := [label for label in labels.lacking(split) if label not in set(nowhere)]):
            text = f"{name}: {len(lacking)} of {count(len(labels.classes), 'class')} without a clip in {split}{by_design}."
            yield Finding(rarely, text, tuple(map(printable, lacking)))
    if rare := labels.rare(FEWEST_CLIPS):
        named = [f"{printable(label)} ({n})" for label, n in sorted(rare.items(), key=lambda item: item[1])]
        text = f"{name}: {count(len(rare), 'class')} with fewer than {FEWEST_CLIPS} training clips{by_design}."
        yield Finding(rarely, text, tuple(named))
    if not published and (joined := [name for name in labels.names if _joined(name, labels.names, task.target == "multilabel")]):
        named = [f"'{printable(name)}' ({labels.names[name]:,})" for name in joined]
        text = f"{name}: {count(len(joined), 'label name')} may hold several labels, and {_each(joined)} taken as one"
        instead = "write | between tags" if task.target == "multilabel" else "a clip has one class: a task of several labels reads tags"
        yield Finding("warning", f"{text}; {instead}.", tuple(named))
    if doubtful := [name for name in labels.names if name.strip().lower() in LIKE_MISSING]:
        named = [f"'{printable(name)}' ({labels.names[name]:,})" for name in doubtful]
        hint = "they are left as published" if published else "leave the cell empty if they do"
        yield Finding("note" if published else "warning", f"{name}: classes that may stand for a missing value; {hint}.", tuple(named))
    for alike in similar_names(labels.names):
        named = [f"'{printable(n)}' ({c})" for n, c in zip(alike.names, alike.counts, strict=True)]
        meant = {labels.meant[n] for n in alike.names}
        one = len(meant) == 1 and "" not in meant
        says = f"are one class, '{printable(next(iter(meant)))}'" if one else "are different classes to the task"
        text = f"{name}: label names look alike ({alike.why}) and {says}{'; left as published' if published and not one else ''}."
        yield Finding("note" if one or published else "warning", text, tuple(named))


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


def of_files(clips: Sequence[Clip], scans: Mapping[str, Scan], max_bad: float, called: Name) -> Iterator[Finding]:
    """Files that give no audio, by reason. scans: by the ids of `unique`. max_bad: the share of a split that a run takes."""
    bad = [clip for clip in unique(clips) if scans[clip.id].problem]
    total, wrong = Counter(clip.split for clip in clips), Counter(clip.split for clip in bad)
    over = [split for split in wrong if wrong[split] > max_bad * total[split] + 1e-9]
    if over:
        shares = ", ".join(f"{wrong[split]:,} of {total[split]:,} in {split}" for split in over)
        yield Finding("error", f"more clips cannot be read than the {100 * max_bad:g}% of a split that --max-bad allows: {shares}.")
    reasons: dict[str, list[Clip]] = defaultdict(list)
    for clip in bad:
        reasons[_VARIES.sub("…", _reason(scans[clip.id].problem, clip.path))].append(clip)
    for reason, alike in sorted(reasons.items(), key=lambda item: -len(item[1])):
        exact = {_reason(scans[clip.id].problem, clip.path) for clip in alike}
        why = exact.pop() if len(exact) == 1 else reason
        yield Finding("warning", f"{count(len(alike), 'clip')} left out: {why}.", tuple(map(called, alike)))


def of_duplicates(clips: Sequence[Clip]) -> Iterator[Finding]:
    """The same stretch of the same file, given more than once in a split."""
    real = functools.cache(os.path.realpath)
    same: dict[tuple[str, str, str, float, float | None], list[Clip]] = defaultdict(list)
    for clip in clips:
        folder, name = os.path.split(clip.path)
        same[clip.split, real(folder), name, clip.start, clip.duration].append(clip)
    if groups := [group for group in same.values() if len(group) > 1]:
        named = [" and ".join(printable(clip.id) for clip in group) for group in groups]
        yield Finding("warning", f"{count(len(groups), 'stretch')} of a file given more than once in a split.", tuple(named))


_JOINS = re.compile("[\t\n\r;，、；｜¦،]")  # which no name of a label holds
_OVERLAPPING = {
    "refuse": "remove one of the two clips, or put both in one split; "
    "pretraining on that is refused without --set overlap=drop or --allow-overlap",
    "drop": "that is left out of pretraining",
    "allow": "pretraining on that is allowed, and marked",
}


def overlap_mode(chosen: str, dataset: Dataset) -> str:
    """What becomes of the overlap within one data set where `overlap` is set so: of a published one it is dropped rather than refused."""
    return "drop" if chosen == "refuse" and dataset.files else chosen


def of_overlap(pairs: Sequence[Overlap], split: Mapping[str, str], mode: str, refused: bool) -> Iterator[Finding]:
    """Audio in two splits. split: by clip id. mode: refuse | drop | allow, which becomes of it in pretraining; refused: whether anything
    is pretrained on it.

    What only valid and test share is not refused. A clip is named once, however many others are of its audio.
    """
    in_training, others = dict[str, str](), dict[str, str]()
    for pair in pairs:
        first, second = pair.first, pair.second
        if split[second] in PRETRAINING_SPLITS:
            first, second = second, first
        named = in_training if split[first] in PRETRAINING_SPLITS else others
        named.setdefault(second, f"{printable(first)} ({split[first]}) and {printable(second)} ({split[second]}): {pair.how}")
    if in_training:
        clips = count(len(in_training), "clip")
        text = f"{clips} of valid or test with audio that is in training too, which flatters every probe; {_OVERLAPPING[mode]}."
        yield Finding("error" if refused and mode == "refuse" else "warning", text, tuple(in_training.values()))
    if others:
        yield Finding("warning", f"{count(len(others), 'clip')} of test with audio that is in valid too.", tuple(others.values()))


def unique(clips: Sequence[Clip]) -> list[Clip]:
    """The clips, with ids that differ even where those given do not."""
    seen: Counter[str] = Counter()
    distinct = []
    for clip in clips:
        seen[clip.id] += 1
        distinct.append(clip if seen[clip.id] == 1 else replace(clip, id=f"{clip.id} (given again, {seen[clip.id]})"))
    return distinct


def _reason(problem: str, path: Path) -> str:
    """What is wrong with a file, without its name, so that files with the same fault are counted together."""
    text = problem
    for name in (str(path), printable_path(path), path.name, printable_path(path.name)):
        text = text.replace(name, "")
    return " ".join(printable(re.sub(r"(['\"]){2}", "", text)).split()).strip(" :").removesuffix(".")


def count(many: int, noun: str) -> str:
    """
    >>> count(1, "clip"), count(1200, "class")
    ('1 clip', '1,200 classes')
    """
    plural = f"{noun}es" if noun.endswith(("s", "ch")) else f"{noun}s"
    return f"{many:,} {noun if many == 1 else plural}"
