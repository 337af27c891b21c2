"""Clips whose damage only decoding shows, and what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mirbench.data.audio.audio import AudioError, read_clip
from mirbench.data.duplicates.fingerprinting import fingerprint_clips
from mirbench.engine.workers import WorkerDied, in_workers
from mirbench.errors import describe
from mirbench.records import Clip

SAMPLE_RATE = 8000  # Hz
EXPLAINED = 500  # of very many, the first


def undecodable(clips: Sequence[Clip], cache: Path, workers: int, title: str) -> dict[str, str]:
    """By clip id, why a clip cannot be decoded, as a sentence; what is decoded is kept as fingerprints. cache, workers, title: as of
    `fingerprint_clips`."""
    prints = fingerprint_clips(clips, cache, workers, title)
    failed = [clip for clip, packed in zip(clips, prints, strict=True) if packed is None]

    def explain(task: tuple[Clip, str]) -> Iterator[tuple[Clip, str]]:
        clip, why = task
        yield clip, why or _why(clip)

    def ended(died: WorkerDied) -> tuple[Clip, str]:
        clip, _ = died.task
        return clip, f"{clip.path} ends the process that decodes it."

    explained = in_workers(explain, ((clip, "") for clip in failed[:EXPLAINED]), 1, retry=ended)
    return {clip.id: why for clip, why in explained if why} | {clip.id: f"{clip.path} cannot be decoded." for clip in failed[EXPLAINED:]}


def _why(clip: Clip) -> str:
    """Nothing where the clip can be read as a run reads it."""
    try:
        read_clip(clip, SAMPLE_RATE)
    except AudioError as error:
        return str(error)
    except Exception as error:
        return f"{clip.path} cannot be decoded: {describe(error)}."
    return ""
