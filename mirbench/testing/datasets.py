"""What data sets promise.

PYTEST_DONT_REWRITE: what an assertion says is the whole sentence.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path

from mirbench.data.asked_for import asked_for
from mirbench.data.findings import count
from mirbench.data.label_findings import joined_texts, not_declared
from mirbench.data.labels import read_labels, without_empty
from mirbench.data.similar_names import look
from mirbench.engine.global_state import unchanged
from mirbench.errors import printable
from mirbench.nouns import Dataset, Task
from mirbench.records import SPLITS, Clip
from mirbench.testing.importing import IMPORTED
from mirbench.testing.means import as_json, contract
from mirbench.testing.promises import WRITTEN, NotSeen, Promise

SIDES = {"train": "train and pretrain", "pretrain": "train and pretrain", "valid": "valid", "test": "test"}


class DatasetSubject:
    """folder: what is prepared, or where its files lie. tasks: that may read its labels."""

    source = ""

    def __init__(self, dataset: Dataset, folder: Path, tasks: Collection[Task] = ()) -> None:
        self.dataset, self.folder, self.title = dataset, folder, f"data set '{dataset.name}'"
        self.tasks = [task for task in tasks if task.annotation in dataset.annotations]
        self.changed: dict[str, list[str]] = {}  # by method, what of the process it left changed
        self.mends: dict[str, str] = {}  # by promise, where a file is missing: which, and how it comes back

    def mend(self, promise: str, error: BaseException | None) -> str:
        return self.mends.get(promise, "")

    @cached_property
    def clips(self) -> Sequence[Clip]:
        return without_empty(self.dataset.clips(self.folder) or ())

    def called(self, clip: Clip) -> str:
        return f"{self.title}, clip '{clip.id}'"


def _contract(subject: DatasetSubject) -> str:
    contract("dataset", subject.dataset)
    return ", ".join(subject.dataset.annotations) or "no annotations"


def _identity(subject: DatasetSubject) -> str:
    dataset = subject.dataset
    assert dataset.identity() == dataset.identity(), f"{subject.title}: identity() changes from call to call"
    seconds, megabytes = dataset.cost()
    assert min(seconds, megabytes) >= 0, f"{subject.title}: cost() is {(seconds, megabytes)}; both should be at least 0"
    return f"'{dataset.identity()}'"


def _lists(subject: DatasetSubject) -> str:
    subject.folder.mkdir(parents=True, exist_ok=True)
    if lacking := [files.path for files in subject.dataset.files if not files.optional and not any(subject.folder.glob(files.path))]:
        subject.mends["clips"] = f"put {lacking[0]} into {subject.folder}; {_what_it_needs(subject)}"
    preparing, listing = unchanged(), unchanged()
    with preparing:
        subject.dataset.prepare(subject.folder)
    with listing:
        clips = subject.clips
    subject.changed = {"prepare": preparing.changed, "clips": listing.changed}
    assert clips, f"{subject.title} has no clips"
    for clip in clips:
        assert isinstance(clip, Clip), f"{subject.title}: clips() holds {clip!r:.60}, not a mirbench.Clip"
    return f"{len(clips):,} clips"


def _global_state(subject: DatasetSubject) -> str:
    for method, names in subject.changed.items():
        assert not names, (
            f"{subject.title}: {method} changes {' and '.join(names)}; use a generator of its own, and put back what it changes"
        )
    return ""


def _determinism(subject: DatasetSubject) -> str:
    again = [clip.id for clip in subject.dataset.clips(subject.folder)]
    assert again == [clip.id for clip in subject.clips], f"{subject.title}: clips() changes from call to call"
    return ""


def _ids(subject: DatasetSubject) -> str:
    seen: set[str] = set()
    for clip in subject.clips:
        assert isinstance(clip.id, str), f"{subject.called(clip)}: its id is not text"
        assert clip.id, f"{subject.title} has a clip without an id"
        assert clip.id not in seen, f"{subject.title} has two clips with the id '{clip.id}'"
        seen.add(clip.id)
    return ""


def _splits(subject: DatasetSubject) -> str:
    count = dict.fromkeys(SPLITS, 0)
    for clip in subject.clips:
        assert clip.split in SPLITS, f"{subject.called(clip)}: its split is '{clip.split}'; it should be one of {', '.join(SPLITS)}"
        count[clip.split] += 1
    return ", ".join(f"{split} {number:,}" for split, number in count.items() if number)


def _groups(subject: DatasetSubject) -> str:
    first_of: dict[str, Clip] = {}
    for clip in subject.clips:
        assert clip.group, f"{subject.called(clip)} has no group; name what must not span splits, or give each clip its own"
        assert isinstance(clip.group, str), f"{subject.called(clip)}: its group is not text"
        first = first_of.setdefault(look(clip.group), clip)
        side, other = SIDES[first.split], SIDES[clip.split]
        if first.group == clip.group:
            assert side == other, f"{subject.title}: the group '{clip.group}' is in two splits, {side} and {other}"
        alike = f"'{first.group}' in {side} and '{clip.group}' in {other}"
        assert side == other, f"{subject.title}: groups whose names look alike are one, and it is in two splits, {alike}"
    return f"{len({clip.group for clip in subject.clips}):,} groups"


def _files(subject: DatasetSubject) -> str:
    clips = {Path(clip.path): clip for clip in subject.clips}
    lost = [path for path in clips if not path.is_file()]
    if lost:
        subject.mends["files"] = _mend_of_files(subject, lost[0], len(lost) == len(clips))
    more = f", and {len(lost) - 1:,} more are missing" if len(lost) > 1 else ""
    assert not lost, f"{subject.called(clips[lost[0]])}: there is no file {lost[0]}{more}"
    return f"{len(clips):,} files"


def _mend_of_files(subject: DatasetSubject, lost: Path, every: bool) -> str:
    """lost: the first file that is missing; every: whether all are."""
    if not lost.is_relative_to(subject.folder):
        return f'make paths of the folder that clips() is given: folder / "{lost.name}"'
    file = lost.relative_to(subject.folder)
    if every:
        return f"none of its files is in {subject.folder}, such as {file}: look at how clips() makes paths of the folder that it is given"
    if not subject.dataset.files:
        return f"let prepare() write {file}, or clips() list no clip of it"
    return f"put {file} into {subject.folder}, or list no clip of it: if path.is_file(); {_what_it_needs(subject)}"


def _what_it_needs(subject: DatasetSubject) -> str:
    asked = asked_for(subject.dataset)
    got = (
        f"`mirbench data fetch {asked}` gets it again"
        if subject.dataset.downloads
        else f"`mirbench data where {asked}` says where to get it"
    )
    return f"{got}, and `mirbench data verify {asked}` names all that is missing"


def _times(subject: DatasetSubject) -> str:
    for clip in subject.clips:
        assert math.isfinite(clip.start) and clip.start >= 0, f"{subject.called(clip)} starts at {clip.start} s"  # noqa: PT018
        assert clip.duration is None or 0 < clip.duration < math.inf, f"{subject.called(clip)} lasts {clip.duration} s"
    return ""


def _annotations(subject: DatasetSubject) -> str:
    carried: dict[str, int] = {}
    for clip in subject.clips:
        as_json(f"{subject.called(clip)}: its annotations", dict(clip.annotations))
        for name in clip.annotations:
            carried[name] = carried.get(name, 0) + 1
    lost = [name for name in subject.dataset.annotations if name not in carried]
    assert not lost, f"{subject.title} says that its clips carry '{', '.join(lost)}', and no clip does"
    return ", ".join(f"{name} of {number:,} clips" for name, number in carried.items())


def _labels(subject: DatasetSubject) -> str:
    """A value is read where one task of its annotation reads it."""
    if not subject.tasks:
        raise NotSeen("no task that reads its annotations is known here")
    refused: dict[str, dict[str, str]] = {}  # by annotation the values, and why
    for task in subject.tasks:
        labels = read_labels(task, subject.clips, subject.dataset.classes.get(task.annotation, ()))
        strange = list(labels.undeclared)
        said = f"'{strange[0]}' is" if len(strange) == 1 else f"{len(strange):,} labels, such as '{strange[0]}', are" if strange else ""
        assert not strange, f"{subject.title}, {task.annotation}: {said} {not_declared(labels)}"
        joined = joined_texts(labels)
        one = f"'{printable(joined[0])}'" if joined else ""
        assert not joined, f"{subject.title}, {task.annotation}: {one} looks like several labels in one text; give a tuple of them"
        unread = {f"{each.value!r}": each.why for each in labels.unread}
        before = refused.get(task.annotation, unread)
        refused[task.annotation] = {value: why for value, why in before.items() if value in unread}
    for annotation, unread in refused.items():
        value, why = next(iter(unread.items()), ("", ""))
        said = f"no task can read {count(len(unread), 'value')}, such as" if len(unread) > 1 else "no task can read"
        assert not unread, f"{subject.title}, {annotation}: {said} {value} ({why})"
    return f"read by {', '.join(task.name for task in subject.tasks)}"


def _audio(subject: DatasetSubject) -> str:
    from mirbench import AudioError, read_clip

    clips, seconds = subject.clips, 0.0
    for clip in {clip.id: clip for clip in (clips[0], clips[len(clips) // 2], clips[-1])}.values():
        try:
            seconds += len(read_clip(clip, 22_050)) / 22_050
        except AudioError as error:
            raise AssertionError(f"{subject.called(clip)}: {error}") from error
    return f"{seconds:.3g} s of the first, middle and last clip"


DATASET = (
    Promise("contract", "what the registry asks of a data set", WRITTEN.format("dataset"), _contract),
    IMPORTED,
    Promise(
        "identity", "says what prepare depends on, and what it costs", "tell a version, and no date or address", _identity, ("contract",)
    ),
    Promise("clips", "prepares and lists its clips", "return a list of mirbench.Clip, and mend what clips() raises", _lists, ("contract",)),
    Promise(
        "global state",
        "leaves the process alone",
        "draw by np.random.default_rng(0), or in a mirbench.seeded block",
        _global_state,
        ("clips",),
    ),
    Promise(
        "determinism",
        "the same clips again",
        "sort what a folder holds, and draw by mirbench.assign_splits(..., seed=0)",
        _determinism,
        ("clips",),
    ),
    Promise(
        "ids",
        "each clip has a name of its own",
        "take the file's path as the id, with the start where a file has several clips",
        _ids,
        ("clips",),
    ),
    Promise("splits", "each clip is in a split", "give the published split, or mirbench.assign_splits(clips, seed=0)", _splits, ("clips",)),
    Promise(
        "groups",
        "no group in two splits",
        "name the piece, artist or player as group; mirbench.assign_splits and mirbench.keep_apart keep groups together",
        _groups,
        ("splits",),
    ),
    Promise("files", "each clip's file is there", "make paths of the folder that clips() is given: folder / NAME", _files, ("clips",)),
    Promise("times", "starts and durations are seconds", "give seconds, not samples or milliseconds", _times, ("clips",)),
    Promise("annotations", "plain values, of those that it names", "use text, numbers and tuples of text", _annotations, ("clips",)),
    Promise(
        "labels",
        "tasks read them, and they are of the classes that it declares",
        "write labels as the task reads them, leave out what is unknown, and name every class in `classes`",
        _labels,
        ("annotations", "splits"),
    ),
    Promise(
        "audio",
        "its audio can be decoded",
        "listen to the file that is named, and put a whole one in its place",
        _audio,
        ("files", "times"),
        lengthy=True,
    ),
)
