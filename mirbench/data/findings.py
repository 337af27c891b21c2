"""What is wrong with the clips of a data set, all at once: each finding is a sentence, with a few of what it is about."""

from __future__ import annotations

import functools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mirbench.data.audio.opening import printable_path
from mirbench.data.similar_names import look
from mirbench.data.splits import SHARES, Leak, in_another_order, leaks, mistyped_apart, perhaps_one_artist
from mirbench.errors import printable
from mirbench.nouns import Dataset
from mirbench.records import PRETRAINING_SPLITS, SPLITS, Clip

if TYPE_CHECKING:
    from mirbench.data.duplicates.fingerprinting import Listened
    from mirbench.data.duplicates.overlap import Overlap
    from mirbench.data.scans import Scan

FAR = 0.05  # of all clips, that a split may have more or less than was asked for
SHORTEST = 0.1  # seconds of a clip, below which there is hardly anything to hear
FEWEST_GROUPS = 10  # of the test split, below which intervals over groups say little
EXAMPLES, LONGEST = 3, 120  # of a finding in words, and characters of one
NUMBERED = 3  # lines of a file in a sentence, at most
LEVELS = ("error", "warning", "note")
KINDS = (  # of one level the first are told first: what makes every number wrong, some of them, or is worth knowing
    *("columns", "", "rows", "ids", "splits", "groups", "shared audio", "group names", "files", "tasks", "unreadable labels"),
    *("contradicting labels", "unlikely labels", "joined labels", "similar labels", "missing values", "unseen labels", "silence"),
    *("short clips", "few groups", "rare classes", "copies", "not compared"),
)
_VARIES = re.compile(r"(?<=begins with )b['\"].*|\d+(\.\d+)?")  # from file to file with the same fault


class Names(Protocol):
    """What clips are called in findings."""

    def __call__(self, clip: Clip) -> str: ...

    def lines(self, clips: Iterable[Clip]) -> str:
        """Where they stand in the file that tells of them, as `lines_in_words`; nothing where there is none."""

    def where(self, clips: Sequence[Clip]) -> str:
        """As `lines` or, of a folder of one's own, a few of their files."""


@dataclass(frozen=True)
class Finding:
    """level: error, which a run refuses, warning or note. examples: what it is about, all of it. kind: of what it is, so that many of one
    kind are told together; findings without are each by itself."""

    level: str
    text: str
    examples: tuple[str, ...] = ()
    kind: str = ""

    @property
    def place(self) -> tuple[int, int]:
        """By which findings are told: of the level, then of the kind."""
        return LEVELS.index(self.level), KINDS.index(self.kind) if self.kind in KINDS else len(KINDS)

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
        yield Finding("error", text, tuple(map(printable, twice)), "ids")


def of_splits(clips: Sequence[Clip], alike: bool = False, published: bool = False, called: Names | None = None) -> Iterator[Finding]:
    """Splits that are none, groups in more than one, groups that may be one, and a test split of very few groups. `pretrain` counts as
    `train`.

    alike: whether names that look alike are one group's; of a published data set that is told, and not refused.
    """
    if unknown := Counter(clip.split for clip in clips if clip.split not in SPLITS):
        named = [f"'{printable(split)}' ({count(n, 'clip')})" for split, n in unknown.items()]
        yield Finding("error", f"{count(len(unknown), 'split')} unknown; a split is one of {', '.join(SPLITS)}.", tuple(named), "splits")
    found = leaks(clips, alike or published)
    surely = [leak for leak in found if alike or any(len(splits) > 1 for splits in leak.names.values())]
    if surely:
        which = "every group must be in one" + ", and names that look alike are one group's" * any(len(leak.names) > 1 for leak in surely)
        yield Finding("error", f"{count(len(surely), 'group')} in more than one split; {which}.", _leaking(surely, clips, called), "groups")
    if perhaps := [leak for leak in found if leak not in surely]:
        text = (
            f"{count(len(perhaps), 'group')} in more than one split, if names that look alike are one group's; they are left as published."
        )
        yield Finding("warning", text, _leaking(perhaps, clips, called), "groups")
    reordered = in_another_order(clips)
    if leaking := [leak for leak in reordered if leak.spans]:
        mend = "they are left as published" if published else "where they do, give them one name and one split"
        text = (
            f"{count(len(leaking), 'group')} in more than one split, if names of the same words in another order, or without accents, "
            f"mean one; {mend}."
        )
        yield Finding("warning", text, _leaking(leaking, clips, called), "groups")
    if apart := [leak for leak in reordered if not leak.spans]:
        text = (
            f"{count(len(apart), 'group')} of names of the same words in another order, or without accents; each name counts as a group of "
            "its own in intervals: where they are one group's, write one name."
        )
        yield Finding("note", text, _leaking(apart, clips, called), "group names")
    if mistyped := [] if published else mistyped_apart(clips):
        text = (
            f"{count(len(mistyped), 'pair')} of groups in different splits, of names one letter apart: give them one name if they are one."
        )
        yield Finding("note", text, _leaking(mistyped, clips, called), "group names")
    if sharing := [] if published else perhaps_one_artist(clips):
        text = (
            f"{count(len(sharing), 'group')} in more than one split, if names with another artist behind (feat., &), or with umlauts as "
            "two letters, mean the same first artist: where they do, give them one group and one split."
        )
        yield Finding("warning", text, _leaking(sharing, clips, called), "groups")
    tested = len({clip.group for clip in clips if clip.split == "test"})
    if 0 < tested < FEWEST_GROUPS:
        text = f"the test split has {count(tested, 'group')}; intervals are over groups, and over so few they say little."
        yield Finding("warning", text, kind="few groups")


def _leaking(found: Sequence[Leak], clips: Sequence[Clip], called: Names | None) -> tuple[str, ...]:
    """Each group with where its clips stand."""
    wanted, clips_of = {name for leak in found for name in leak.names}, defaultdict[tuple[str, str], list[Clip]](list)
    for clip in clips if called is not None else ():
        if clip.group in wanted:
            clips_of[clip.group, "train" if clip.split == "pretrain" else clip.split].append(clip)
    where = {at: lines for at, several in clips_of.items() if called is not None and (lines := called.lines(several))}
    return tuple(leak.in_words(where) for leak in found)


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
        yield Finding("warning", text, kind="splits")
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
        text = f"{'/'.join(wanted)} are {shares} % ({numbers} clips) where {asked} % was asked for: {why}."
        yield Finding("warning", text, kind="splits")


def of_files(clips: Sequence[Clip], scans: Mapping[str, Scan], max_bad: float, called: Names) -> Iterator[Finding]:
    """Files that give no audio, by reason. scans: by the ids of `unique`. max_bad: the share of a split that a run takes."""
    bad = [clip for clip in unique(clips) if scans[clip.id].problem]
    total, wrong = Counter(clip.split for clip in clips), Counter(clip.split for clip in bad)
    over = [split for split in wrong if wrong[split] > max_bad * total[split] + 1e-9]
    if over:
        shares = ", ".join(f"{wrong[split]:,} of {total[split]:,} in {split}" for split in over)
        text = f"more clips cannot be read than the {100 * max_bad:g}% of a split that --max-bad allows: {shares}."
        yield Finding("error", text, kind="files")
    reasons: dict[str, list[Clip]] = defaultdict(list)
    for clip in bad:
        reasons[_VARIES.sub("…", _reason(scans[clip.id].problem, clip.path))].append(clip)
    for reason, alike in sorted(reasons.items(), key=lambda item: -len(item[1])):
        exact = [_reason(scans[clip.id].problem, clip.path) for clip in alike]
        near = _other_case(alike)
        own = [f": {each}" if len(set(exact)) > 1 else "" for each in exact]
        hints = [f"; did you mean {printable(near[clip.id])}?" if clip.id in near else "" for clip in alike]
        told = tuple(f"{called(clip)}{why}{hint}" for clip, why, hint in zip(alike, own, hints, strict=True))
        yield Finding("warning", f"{count(len(alike), 'clip')} left out: {_spanned(reason, exact)}.", told, "files")


def _spanned(reason: str, exact: Sequence[str]) -> str:
    """A reason with, for each … that stands for what varies, what that is: from the least to the greatest number.

    >>> _spanned("has … s", ["has 3.5 s", "has 12 s"]), _spanned("begins with …", ["begins with b'a'"] * 2)
    ('has 3.5 to 12 s', "begins with b'a'")
    """
    varying = zip(*([match[0] for match in _VARIES.finditer(each)] for each in exact), strict=False)
    for found in varying:
        each = sorted(set(found), key=lambda text: float(text) if text[0].isdigit() else 0.0)
        span = each[0] if len(each) == 1 else f"{each[0]} to {each[-1]}" if each[0][0].isdigit() else "what is told of each"
        reason = reason.replace("…", span, 1)
    return reason


def _other_case(clips: Sequence[Clip]) -> dict[str, str]:
    """By id, the name of a file beside one that is missing, which differs in case or Unicode form alone."""
    beside: dict[Path, dict[str, str]] = {}
    found = {}
    for clip in clips:
        if os.path.lexists(clip.path):
            continue
        folder = clip.path.parent
        if folder not in beside:
            try:
                beside[folder] = {look(name): name for name in sorted(os.listdir(folder))}
            except (OSError, ValueError):
                beside[folder] = {}
        if name := beside[folder].get(look(clip.path.name)):
            found[clip.id] = name
    return found


def of_silence(silent: Sequence[Clip], called: Names, published: bool = False) -> Iterator[Finding]:
    """Clips without any sound. published: whether they are somebody else's, to be left as they are."""
    if silent:
        level, advised = ("note", "left as published") if published else ("warning", "take out what is not meant to be so")
        named = tuple(f"{called(clip)} in {clip.split}" for clip in silent)
        text = f"{_clips_are(silent)} silent, or of one constant value, throughout; {advised}."
        yield Finding(level, text, named, "silence")


def of_sound(heard: Listened, called: Names, published: bool = False) -> Iterator[Finding]:
    """Clips without any sound, with little, and those that fingerprints cannot compare. published: as of `of_silence`."""
    from mirbench.data.duplicates.outline import MOST_SILENT
    from mirbench.data.duplicates.waveforms import MOST

    yield from of_silence(heard.silent, called, published)
    if nearly := heard.nearly_silent:
        advised = "left as published" if published else "give start and duration of what sounds, or take them out"
        text = f"{_clips_are(nearly)} silent for more than {100 * MOST_SILENT:g} % of the time; {advised}."
        yield Finding("note" if published else "warning", text, tuple(f"{called(clip)} in {clip.split}" for clip in nearly), "silence")
    if plain := heard.plain:
        text = (
            f"{_clips_are(plain)} too short or too steady to be compared by fingerprints: whole copies of them in another split are looked "
            f"for by the waveform, in the {MOST:,} likeliest pairs at most; excerpts are not found."
        )
        yield Finding("note", text, tuple(map(called, plain)), "not compared")


def _clips_are(clips: Sequence[Clip]) -> str:
    return f"{count(len(clips), 'clip')} {'is' if len(clips) == 1 else 'are'}"


def of_lengths(clips: Sequence[Clip], scans: Mapping[str, Scan], called: Names, published: bool = False) -> Iterator[Finding]:
    """Clips that are too short for anything to be heard in them. published: as of `of_silence`."""
    scanned = (clip for clip in unique(clips) if clip.id in scans and not scans[clip.id].problem)
    if short := [clip for clip in scanned if 0 < _seconds(clip, scans[clip.id]) < SHORTEST]:
        level, advised = ("note", "left as published") if published else ("warning", "take out what is not meant to be so")
        why = "of which an encoder is given little but the silence put behind it"
        text = f"{_clips_are(short)} shorter than {1000 * SHORTEST:.0f} ms, {why}; {advised}."
        told = tuple(f"{called(clip)}: {1000 * _seconds(clip, scans[clip.id]):.0f} ms in {clip.split}" for clip in short)
        yield Finding(level, text, told, "short clips")


def _seconds(clip: Clip, scan: Scan) -> float:
    """As far as the header of its file tells."""
    return scan.seconds - clip.start if clip.duration is None else clip.duration


def same_stretches(clips: Iterable[Clip]) -> list[list[Clip]]:
    """The clips that are of the same stretch of the same file, where there are several of one."""
    real = functools.cache(os.path.realpath)

    def stretch(clip: Clip) -> tuple[str, str, float, float | None]:
        folder, name = os.path.split(clip.path)
        return real(folder), name, clip.start, clip.duration

    every = list(clips)
    seen, again = set[int](), set[int]()  # hashes, as of ten million clips the stretches themselves would take gigabytes
    for clip in every:
        (again if (number := hash(stretch(clip))) in seen else seen).add(number)
    same: dict[tuple[str, str, float, float | None], list[Clip]] = defaultdict(list)
    for clip in every:
        if hash(stretch(clip)) in again:
            same[stretch(clip)].append(clip)
    return [several for several in same.values() if len(several) > 1]


_OVERLAPPING = {
    "refuse": "remove one of the two clips, or put both in one split; "
    "pretraining on that is refused without --set overlap=drop or --allow-overlap",
    "drop": "that is left out of pretraining",
    "allow": "pretraining on that is allowed, and marked",
}


def overlap_mode(chosen: str, dataset: Dataset) -> str:
    """What becomes of the overlap within one data set where `overlap` is set so: of a published one it is dropped rather than refused."""
    return "drop" if chosen == "refuse" and dataset.files else chosen


def of_overlap(
    pairs: Sequence[Overlap], split: Mapping[str, str], mode: str, refused: bool, lines: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Audio in two splits. split: by clip id. mode: refuse | drop | allow, which becomes of it in pretraining; refused: whether anything
    is pretrained on it. lines: by clip id, where it stands.

    What only valid and test share is not refused. A clip is named once, however many others are of its audio.
    """

    def one(name: str) -> str:
        return f"{printable(name)} ({', '.join(filter(None, (split[name], (lines or {}).get(name))))})"

    in_training, others = ({True: dict[str, str](), False: dict[str, str]()} for _ in range(2))  # by whether it is certain
    for pair in sorted(pairs, key=lambda pair: not pair.certain):
        first, second = pair.first, pair.second
        if split[second] in PRETRAINING_SPLITS:
            first, second = second, first
        named = in_training if split[first] in PRETRAINING_SPLITS else others
        if second not in named[True]:
            named[pair.certain].setdefault(second, f"{one(first)} and {one(second)}: {pair.how}")
    level = "error" if refused and mode == "refuse" else "warning"
    if sure := in_training[True]:
        clips = count(len(sure), "clip")
        text = f"{clips} of valid or test with audio that is in training too, which flatters every probe; {_OVERLAPPING[mode]}."
        yield Finding(level, text, tuple(sure.values()), "shared audio")
    if perhaps := in_training[False]:
        clips = count(len(perhaps), "clip")
        text = (
            f"{clips} of valid or test that may be of a recording in training, by fingerprints alone, which find mixes and pieces "
            f"of the same loops too: listen to them; {_OVERLAPPING[mode]}."
        )
        yield Finding(level, text, tuple(perhaps.values()), "shared audio")
    for certain, found in others.items():
        if found:
            shares = "with audio that is in valid too" if certain else "that may be of a recording in valid, by fingerprints alone"
            yield Finding("warning", f"{count(len(found), 'clip')} of test {shares}.", tuple(found.values()), "shared audio")


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


def lines_in_words(numbers: Sequence[int], unit: str = "line") -> str:
    """
    >>> lines_in_words([4]), lines_in_words([4, 7]), lines_in_words([1, 2, 3, 4, 5], "row")
    ('line 4', 'lines 4 and 7', 'rows 1, 2, 3 and 2 others')
    """
    if len(numbers) < 2:
        return "".join(f"{unit} {number}" for number in numbers)
    first, more = [*map(str, numbers[:NUMBERED])], len(numbers) - NUMBERED
    last = count(more, "other") if more > 0 else first.pop()
    return f"{unit}s {', '.join(first)} and {last}"


def counted(name: str, many: int, lines: str = "") -> str:
    """
    >>> counted("polka", 1, "line 4")
    "'polka' (1, line 4)"
    """
    return f"'{printable(name)}' ({many:,}{', ' * bool(lines)}{lines})"
