"""Audio that two sets of clips have in common: the same file, the same samples, or the same recording under another codec, level or cut."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.data.duplicates.fingerprinting import Packed, fingerprint_clips
from mirbench.data.duplicates.fingerprints import FRAME_SECONDS, Fingerprint
from mirbench.data.duplicates.matching import PLAIN, Index, comparable
from mirbench.data.duplicates.outline import Outline
from mirbench.data.duplicates.waveforms import MOST, copies, correlation, nearest
from mirbench.records import Clip

INDEXED_BYTES = 18_000_000  # of fingerprints in an index at once: 10,000 clips of 30 s, for which it takes 0.8 GB
MOST_PAIRS = 1000  # of clips of one audio, that are all named
PASSING_BYTES = 500_000  # of those that are looked up at once

CONFIRMED = 0.9  # correlation of the waveforms of one recording, whatever its format; pieces over one rhythm and harmony reach .7

SAME_FILE, ANOTHER_PART, SAME_AUDIO, SAME_RECORDING = "same file", "same file, another part", "same audio", "same recording"
SAME_WAVEFORM, LIKELY = "same audio at another level or in another format", "may be the same recording"


@dataclass(frozen=True)
class Overlap:
    """Two clips that have audio in common, by their ids. how: SAME_FILE, ANOTHER_PART, SAME_AUDIO, SAME_WAVEFORM or SAME_RECORDING, or
    LIKELY, where they may have; offset: seconds into the first at which the second begins, of what fingerprints find."""

    first: str
    second: str
    how: str
    offset: float | None = None

    @property
    def certain(self) -> bool:
        return self.how != LIKELY


def find_overlap(first: Sequence[Clip], second: Sequence[Clip], cache: Path, workers: int, by_audio: bool = True) -> list[Overlap]:
    """Each pair of a clip of `first` and one of `second` that have audio in common, in their order, the strongest reason of each.

    The same file by whatever path or link it is reached, and, where `by_audio`, by audio fingerprints, which `cache` keeps: `SAME_AUDIO`
    has equal samples, silence excepted; `SAME_RECORDING` is shared for about 5 s or more, by the waveform too, and `LIKELY` by fingerprints
    alone; `SAME_WAVEFORM` are copies of what is too short or too steady for them. Clips that cannot be read are passed over.
    """
    if not by_audio:
        return list(_between(first, second, [None] * len(first), [None] * len(second)))
    prints = fingerprint_clips([*first, *second], cache, workers)
    return list(_between(first, second, prints[: len(first)], prints[len(first) :]))


def find_overlap_of_fingerprints(first: Mapping[str, Packed], second: Sequence[Clip], cache: Path, workers: int) -> list[Overlap]:
    """As `find_overlap`, where of the first there are fingerprints alone, by id, and so no waveforms: `SAME_AUDIO` or `LIKELY`."""
    pairs = _same_sound(list(first.values()), fingerprint_clips(second, cache, workers))
    ids = list(first)
    return [Overlap(ids[one], second[other].id, *pairs[one, other]) for one, other in sorted(pairs)]


def overlap_between_splits(clips: Sequence[Clip], cache: Path, workers: int) -> list[Overlap]:
    """As `find_overlap`, of one set of clips: pairs whose splits differ, `pretrain` counting as `train`."""
    prints = fingerprint_clips(clips, cache, workers)
    sides: dict[str, list[int]] = defaultdict(list)
    for number, clip in enumerate(clips):
        sides["train" if clip.split == "pretrain" else clip.split].append(number)
    overlaps: list[Overlap] = []
    parts = list(sides.values())
    for number, part in enumerate(parts):
        others = [other for later in parts[number + 1 :] for other in later]
        clips_of_part, other_clips = ([clips[i] for i in numbers] for numbers in (part, others))
        overlaps += _between(clips_of_part, other_clips, [prints[i] for i in part], [prints[i] for i in others])
    return overlaps


def _between(first: Sequence[Clip], second: Sequence[Clip], prints: Sequence[Packed], others: Sequence[Packed]) -> Iterator[Overlap]:
    files: dict[tuple[int, int], tuple[str, float | None]] = {pair: (how, None) for pair, how in _same_file(first, second)}
    pairs = _same_sound(prints, others)
    for tried, (pair, (_, offset)) in enumerate([each for each in pairs.items() if each[0] not in files and each[1][0] == LIKELY]):
        if tried < MOST and correlation(first[pair[0]], second[pair[1]], offset or 0.0) >= CONFIRMED:
            pairs[pair] = (SAME_RECORDING, offset)
    suspects = [pair for pair in nearest(_plain(prints), _plain(others)) if pair not in pairs and pair not in files]
    pairs |= dict.fromkeys(copies(suspects, first, second), (SAME_WAVEFORM, None))
    pairs |= files
    for one, other in sorted(pairs):
        yield Overlap(first[one].id, second[other].id, *pairs[one, other])


def _same_sound(prints: Sequence[Packed], others: Sequence[Packed]) -> dict[tuple[int, int], tuple[str, float | None]]:
    pairs: dict[tuple[int, int], tuple[str, float | None]] = dict.fromkeys(_same_audio(prints, others), (SAME_AUDIO, None))
    for pair, offset in _same_recording(prints, others):
        pairs.setdefault(pair, (LIKELY, offset))
    return pairs


def _plain(prints: Sequence[Packed]) -> dict[int, Outline]:
    """By number, the outlines of those whose copies may have a fingerprint of too little."""
    unpacked = ((number, Fingerprint.unpack(packed)) for number, packed in enumerate(prints) if packed)
    return {number: each.outline for number, each in unpacked if each.digest and each.outline and not comparable(each, PLAIN)}


def _same_file(first: Sequence[Clip], second: Sequence[Clip]) -> Iterator[tuple[tuple[int, int], str]]:
    there: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, clip in enumerate(second):
        if key := _file(clip):
            there[key].append(number)
    for number, clip in enumerate(first):
        for other in there.get(_file(clip) or (0, 0), ()):
            yield (number, other), SAME_FILE if _intersect(clip, second[other]) else ANOTHER_PART


def _file(clip: Clip) -> tuple[int, int] | None:
    try:
        status = os.stat(clip.path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _intersect(first: Clip, second: Clip) -> bool:
    ends = [float("inf") if clip.duration is None else clip.start + clip.duration for clip in (first, second)]
    return first.start < ends[1] and second.start < ends[0]


def _same_audio(prints: Sequence[Packed], others: Sequence[Packed]) -> Iterator[tuple[int, int]]:
    """All pairs; of very many that are all alike, each with the first of the others."""
    there = _by_digest(others)
    for digest, here in _by_digest(prints).items():
        alike = there.get(digest, [])
        if len(here) * len(alike) <= MOST_PAIRS:
            yield from itertools.product(here, alike)
        else:
            yield from ((number, alike[0]) for number in here)
            yield from ((here[0], other) for other in alike[1:])


def _by_digest(prints: Sequence[Packed]) -> dict[bytes, list[int]]:
    numbers: dict[bytes, list[int]] = defaultdict(list)
    for number, packed in enumerate(prints):
        if packed and (digest := Fingerprint.digest_of(packed)):
            numbers[digest].append(number)
    return numbers


def _same_recording(prints: Sequence[Packed], others: Sequence[Packed]) -> Iterator[tuple[tuple[int, int], float]]:
    """The smaller side is indexed, a part at a time, and the larger one passes by."""
    swapped = len(prints) < len(others)
    few, many = (prints, others) if swapped else (others, prints)
    for numbers in _parts(few, INDEXED_BYTES):
        index = Index([Fingerprint.unpack(few[number] or b"") for number in numbers])
        for passing in _parts(many, PASSING_BYTES):
            for owner, at, shift in index.same([Fingerprint.unpack(many[number] or b"") for number in passing]):
                if swapped:
                    yield (numbers[owner], passing[at]), shift * FRAME_SECONDS
                else:
                    yield (passing[at], numbers[owner]), -shift * FRAME_SECONDS


def _parts(prints: Sequence[Packed], most: int) -> Iterator[list[int]]:
    """The numbers of those that are there, in parts of about so many bytes."""
    part: list[int] = []
    size = 0
    for number, packed in enumerate(prints):
        if packed:
            part.append(number)
            size += len(packed)
            if size >= most:
                yield part
                part, size = [], 0
    if part:
        yield part
