"""The fingerprints of many clips: computed in worker processes, kept between runs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from mirbench.data.audio.audio import AudioError
from mirbench.data.duplicates.fingerprints import Fingerprint, fingerprint_clip
from mirbench.data.file_facts import FileFacts, Stamp, stamp, version_of
from mirbench.progress import progress_bar
from mirbench.records import Clip

CHUNK = 8  # clips that a worker is given at once
KEPT_AT_ONCE = 500  # so that a run that is killed keeps most of what it heard
SHOWN_AFTER = 2.0  # seconds, the bar
WATCH_SECONDS = 1.0

Packed = bytes | None
"""A packed fingerprint; None of a clip that cannot be decoded."""


def fingerprint_clips(clips: Sequence[Clip], cache: Path, workers: int, title: str = "listening for overlap") -> list[Packed]:
    """Of each clip, in their order. A stretch of a file is heard once, and not again while its path, size and time are the same.

    workers: processes, each with one thread. Clips that cannot be decoded, or whose decoding ends a worker, are passed over.
    """
    known, how = FileFacts(cache, "fingerprint"), version_of("duplicates.fingerprints")
    stamps = [stamp(clip.path, how, clip.start, clip.duration) for clip in clips]
    kept = known.get(each for each in stamps if each)
    found = {mark: packed for mark, packed in kept.items() if _whole(packed)}
    new = {mark: clip for mark, clip in zip(stamps, clips, strict=True) if mark and mark not in found}
    marks, fresh = list(new), dict[Stamp, bytes]()
    try:
        with progress_bar(total=len(new), desc=title, unit="clip", leave=False, delay=SHOWN_AFTER) as bar:
            for number, packed in _heard(list(new.values()), workers):
                bar.update()
                if packed is not None:
                    found[marks[number]] = fresh[marks[number]] = packed
                if len(fresh) >= KEPT_AT_ONCE:
                    known.put(fresh)
                    fresh = {}
    finally:
        if fresh:
            known.put(fresh)
    return [found.get(mark) if mark else None for mark in stamps]


def _whole(packed: bytes) -> bool:
    try:
        Fingerprint.unpack(packed)
    except ValueError:
        return False
    return True


def _heard(clips: Sequence[Clip], workers: int) -> Iterator[tuple[int, Packed]]:
    """The number of each clip and what was heard, in any order."""
    if not sys.platform.startswith("linux") or workers < 2 or len(clips) <= CHUNK:
        yield from ((number, _hear([clip])[0]) for number, clip in enumerate(clips))
        return
    left = [range(begin, min(begin + CHUNK, len(clips))) for begin in range(0, len(clips), CHUNK)]
    while left:
        suspects, left = yield from _in_pool(clips, left, workers)
        for number in (number for chunk in suspects for number in chunk):  # one of them ended its worker: each in a process of its own
            lost, _ = yield from _in_pool(clips, [range(number, number + 1)], 1)
            if lost:
                yield number, None


def _in_pool(
    clips: Sequence[Clip], chunks: Sequence[range], workers: int
) -> Generator[tuple[int, Packed], None, tuple[list[range], list[range]]]:
    """Returns, where a worker has died, the chunks that were being heard then and those not yet begun."""
    waiting: dict[Future[list[Packed]], range] = {}
    left = list(reversed(chunks))
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _begin_worker, (os.getpid(),))
    try:
        while left or waiting:
            while left and len(waiting) < 2 * workers:
                waiting[pool.submit(_hear, [clips[number] for number in left[-1]])] = left[-1]
                left.pop()
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield from zip(waiting[future], future.result(), strict=True)
                del waiting[future]
    except BrokenProcessPool:
        return list(waiting.values()), left[::-1]
    finally:
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=not waiting, cancel_futures=True)
        for process in processes if waiting else ():
            process.terminate()
            process.join()
    return [], []


def _hear(clips: Sequence[Clip]) -> list[Packed]:
    found: list[Packed] = []
    for clip in clips:
        try:
            found.append(fingerprint_clip(clip).pack())
        except (AudioError, OSError, ValueError, RuntimeError, MemoryError):
            found.append(None)
    return found


def _begin_worker(parent: int) -> None:
    """Ctrl-C is the parent's matter; a worker whose parent was killed ends too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
