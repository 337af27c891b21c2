"""The fingerprints of many clips: computed in worker processes, kept between runs."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.data.audio.audio import AudioError
from mirbench.data.duplicates.fingerprints import Fingerprint, fingerprint_clip
from mirbench.data.duplicates.matching import comparable
from mirbench.data.duplicates.outline import MOST_SILENT
from mirbench.data.file_facts import FileFacts, Inspection, Stamp, code_version, inspect_once, stamp
from mirbench.engine.workers import WorkerDied, in_workers
from mirbench.records import Clip

CHUNK = 8  # clips that a worker is given at once

Packed = bytes | None
"""A packed fingerprint; None of a clip that cannot be decoded."""


CODE = "mirbench.data.duplicates.fingerprints:fingerprint_clip"  # what makes them


def fingerprint_clips(clips: Sequence[Clip], cache: Path, workers: int, title: str = "listening for overlap") -> list[Packed]:
    """Of each clip, in their order. A stretch of a file is decoded once, and not again while its path, size and time are the same.

    workers: processes, each with one thread. Clips that cannot be decoded, or whose decoding ends a worker, are passed over.
    """
    how = code_version(CODE, cache)
    stamps = [stamp(clip.path, how, clip.start, clip.duration) for clip in clips]
    by_stamp = {mark: clip for mark, clip in zip(stamps, clips, strict=True) if mark}

    def fingerprints(new: Sequence[Stamp]) -> Generator[tuple[Stamp, Packed]]:
        for number, packed in _fingerprints([by_stamp[mark] for mark in new], workers):
            yield new[number], packed

    inspection = Inspection(fingerprints, pack=lambda packed: packed, unpack=_whole)
    prints = inspect_once(inspection, {mark: mark for mark in by_stamp}, FileFacts(cache, "fingerprint"), title, "clip")
    return [prints[mark] if mark else None for mark in stamps]


@dataclass(frozen=True)
class Listened:
    """What fingerprints tell of the clips of one set. silent: throughout, or of one constant value; nearly_silent: for more than
    MOST_SILENT of their time; plain: too short or too steady to be compared by fingerprints; alike: those of equal samples, silence
    excepted."""

    silent: tuple[Clip, ...] = ()
    nearly_silent: tuple[Clip, ...] = ()
    plain: tuple[Clip, ...] = ()
    alike: tuple[tuple[Clip, ...], ...] = ()


def listen_to(clips: Sequence[Clip], cache: Path, workers: int) -> Listened:
    """What is kept of `fingerprint_clips` is not decoded again; clips that cannot be decoded are none of these."""
    prints = fingerprint_clips(clips, cache, workers)
    silent, nearly_silent, plain = list[Clip](), list[Clip](), list[Clip]()
    alike: dict[bytes, list[Clip]] = {}
    for clip, packed in zip(clips, prints, strict=True):
        if packed is None:
            continue
        each = Fingerprint.unpack(packed)
        if not each.digest:
            silent.append(clip)
            continue
        alike.setdefault(each.digest, []).append(clip)
        if each.outline is not None and each.outline.silent > MOST_SILENT:
            nearly_silent.append(clip)
        if not comparable(each):
            plain.append(clip)
    several = tuple(tuple(found) for found in alike.values() if len(found) > 1)
    return Listened(tuple(silent), tuple(nearly_silent), tuple(plain), several)


def _whole(packed: bytes) -> Packed:
    try:
        Fingerprint.unpack(packed)
    except ValueError:
        return None
    return packed


def _fingerprints(clips: Sequence[Clip], workers: int) -> Generator[tuple[int, Packed]]:
    """The number of each clip and its fingerprint, in any order."""

    def fingerprint(numbers: range) -> Iterator[tuple[int, Packed]]:
        return ((number, _fingerprint(clips[number])) for number in numbers)

    suspects: list[int] = []

    def rest(died: WorkerDied) -> range:
        """Of a chunk, the clips after the one that ended the worker."""
        number = died.task.start if died.message is None else died.message[0] + 1
        if number < died.task.stop:
            suspects.append(number)
        return range(number + 1, died.task.stop)

    if workers < 2 or len(clips) <= CHUNK:
        yield from fingerprint(range(len(clips)))
        return
    chunks = (range(begin, min(begin + CHUNK, len(clips))) for begin in range(0, len(clips), CHUNK))
    yield from in_workers(fingerprint, chunks, workers, queued=2, retry=rest)
    for number in suspects:  # once more, in a process of its own and with nothing beside it
        try:
            yield from in_workers(fingerprint, iter([range(number, number + 1)]), 1)
        except WorkerDied:
            yield number, None


def _fingerprint(clip: Clip) -> Packed:
    try:
        return fingerprint_clip(clip).pack()
    except (AudioError, OSError, ValueError, RuntimeError, MemoryError):
        return None
