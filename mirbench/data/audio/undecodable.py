"""Clips whose damage only decoding shows, and what it is."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from mirbench.data.audio.audio import AudioError, read_clip
from mirbench.data.duplicates.fingerprinting import fingerprint_clips
from mirbench.errors import describe
from mirbench.records import Clip

SAMPLE_RATE = 8000  # Hz
EXPLAINED = 500  # of very many, the first


def undecodable(clips: Sequence[Clip], cache: Path, workers: int, title: str) -> dict[str, str]:
    """By clip id, why a clip cannot be heard, as a sentence; what is heard is kept as fingerprints. cache, workers, title: as of `hear`."""
    failed = [clip for clip, heard in zip(clips, fingerprint_clips(clips, cache, workers, title), strict=True) if heard is None]
    found: dict[str, str] = {}
    pool = _worker()
    for clip in failed[:EXPLAINED]:
        try:
            why = pool.submit(_why, clip).result()
        except BrokenProcessPool:
            pool = _worker()
            why = f"{clip.path} ends the process that decodes it."
        if why:
            found[clip.id] = why
    pool.shutdown()
    return found | {clip.id: f"{clip.path} cannot be decoded." for clip in failed[EXPLAINED:]}


def _worker() -> ProcessPoolExecutor:
    """A process of its own, since a damaged file may end it."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn"))


def _why(clip: Clip) -> str:
    """Nothing where the clip can be heard as a run hears it."""
    try:
        read_clip(clip, SAMPLE_RATE)
    except AudioError as error:
        return str(error)
    except Exception as error:
        return f"{clip.path} cannot be decoded: {describe(error)}."
    return ""
