"""Clips to encoders under many conditions with the least work: decoded once, corrupted once for each condition, heard by all encoders.

Clips are decoded a block at a time, as many as fit into `BLOCK_SAMPLES`. For each block worker processes are forked, one a core and each
with one thread; they find the block and the encoders in the memory that they were forked with, corrupt a chunk of clips for a condition
and, where encoders run on the CPU, embed it, so that only embeddings travel. Where a GPU is used the chunks travel, and the encoders run in
this process. Chunks depend on the clips alone, so the number of processes moves nothing.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mirbench import AudioError, read_audio, resample
from mirbench.ahead import ahead
from mirbench.errors import MirbenchError
from mirbench.evaluation.corruption import Fault, corrupt
from mirbench.evaluation.embedding import Listener, embed_all
from mirbench.nouns import Corruption
from mirbench.progress import progress_bar
from mirbench.records import Clip, Condition

BLOCK_SAMPLES = 2**27  # decoded at a time: 512 MB
CHUNK_SECONDS = 172.0  # what a worker takes at a time: 64 windows of 2.7 s
DECODED_AHEAD = 16  # clips; few, as they may be long
WAITING = 4  # chunks for each worker
LEAST_FORKED = 8  # chunks; fewer are not worth a process
POOL, POOL_TRIED, POOL_SECONDS = 64, 256, 5.0  # other clips to mix in: how many are kept, how many looked at, how long they should be
POOL_MOST = 30.0  # seconds that are kept of one: a pool of whole tracks would fill the memory
WATCH_SECONDS = 5.0


@dataclass(frozen=True)
class Hearing:
    """A condition and the numbers of the listeners that are to hear it."""

    condition: Condition
    listeners: tuple[int, ...]


@dataclass(frozen=True)
class Heard:
    """What came of a hearing in one block of clips. rows: listener number -> (clips, dim) float32; fault: why there are none. last: whether
    no more blocks follow."""

    hearing: Hearing
    clip_ids: tuple[str, ...]
    rows: Mapping[int, np.ndarray]
    fault: Fault | None
    last: bool


@dataclass(frozen=True)
class Session:
    """Who hears what. conditions: all that may be heard; corruptions: by name, those of the conditions. sample_rate: Hz, at which they are
    applied. background: clips that may be mixed in. workers: processes. apart: whether encoders run in the workers too."""

    listeners: Sequence[Listener]
    conditions: Sequence[Condition]
    corruptions: Mapping[str, Corruption] = field(default_factory=dict)
    sample_rate: int = 22_050
    replicate: int = 0
    background: Sequence[Clip] = ()
    batch_size: int = 64
    workers: int = 2
    apart: bool = True

    @property
    def rates(self) -> list[int]:
        """The sample rates that clips are decoded at: clean audio as each encoder wants it."""
        clean = {listener.sample_rate for listener in self.listeners if not all(c.severity for c in self.conditions)}
        return sorted(clean | {self.sample_rate for c in self.conditions if c.severity})


@dataclass(frozen=True)
class _Block:
    """audio: sample rate -> one array a clip."""

    clips: list[Clip]
    audio: Mapping[int, list[np.ndarray]]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(clip.id for clip in self.clips)


def listen(
    session: Session,
    clips: Sequence[Clip],
    title: str,
    skipped: dict[str, str],
    left: Callable[[tuple[str, ...]], Sequence[Hearing]] | None = None,
) -> Iterator[Heard]:
    """Each hearing of each block of clips. left: clip ids of a block -> the hearings that are left to do; by default every listener hears
    every condition. skipped: filled with the clips that cannot be read, and why.

    A corruption that breaks its promises on a clip gives a `Heard` with a fault, and so do its other hearings that are not done yet.
    Raises MirbenchError where an encoder fails.
    """
    everything = [Hearing(condition, tuple(range(len(session.listeners)))) for condition in session.conditions]
    pool = _pool(session)
    if session.corruptions:
        import audiomentations  # noqa: F401  what most are built on, so that not every worker has to import it
    faults: dict[str, Fault] = {}
    with progress_bar(total=len(clips) * len(everything), desc=title, unit="clip") as bar:
        for block, last in _blocks(clips, session, skipped):
            hearings = left(block.ids) if left else everything
            bar.update(len(block.clips) * (len(everything) - len(hearings)))
            for hearing, rows in _heard_of(_Work(session, block, hearings, pool), faults, bar.update):
                fault = faults.get(hearing.condition.corruption)
                yield Heard(hearing, block.ids, {} if fault else rows, fault, last)
            del block  # before the next is decoded


def block_name(clip_ids: Sequence[str]) -> str:
    """Of a block, for what is kept of it."""
    return hashlib.sha256("\0".join(clip_ids).encode()).hexdigest()[:16]


def _blocks(clips: Sequence[Clip], session: Session, skipped: dict[str, str]) -> Iterator[tuple[_Block, bool]]:
    """Decoded clips, and whether they are the last. No thread is left running when a block is given out, so that it is safe to fork."""
    rates = session.rates

    def decoded(clip: Clip) -> list[np.ndarray] | str:
        try:
            return [read_audio(clip.path, rate, clip.start, clip.duration) for rate in rates]
        except AudioError as error:
            return str(error)

    block, size = _Block([], {rate: [] for rate in rates}), 0
    for begin in range(0, max(1, len(clips)), DECODED_AHEAD):
        for clip, found in ahead(decoded, clips[begin : begin + DECODED_AHEAD], max(1, session.workers)):
            if isinstance(found, str):
                skipped[clip.id] = found
                continue
            block.clips.append(clip)
            size += len(found[0])  # of one rate, as another encoder may want another beside it
            for rate, samples in zip(rates, found, strict=True):
                block.audio[rate].append(samples)
        last = begin + DECODED_AHEAD >= len(clips)
        if last or size >= BLOCK_SAMPLES:
            yield block, last
            block, size = _Block([], {rate: [] for rate in rates}), 0


def _pool(session: Session) -> list[tuple[Clip, np.ndarray]]:
    """Other clips to mix in, where a corruption does so."""
    mixes = any(corruption.others for corruption in session.corruptions.values())
    return pool_of(session.background, session.sample_rate) if mixes else []


def pool_of(clips: Sequence[Clip], sample_rate: int) -> list[tuple[Clip, np.ndarray]]:
    """Clips to mix into others, the same whatever they are mixed into: the first by the hash of their id, rather long than short ones.

    Of a longer clip its first `POOL_MOST` seconds.
    """
    long: list[tuple[Clip, np.ndarray]] = []
    short: list[tuple[Clip, np.ndarray]] = []
    for clip in sorted(clips, key=lambda clip: hashlib.sha256(clip.id.encode()).digest())[:POOL_TRIED]:
        with contextlib.suppress(AudioError):
            samples = _beginning(clip, sample_rate)
            (long if len(samples) >= POOL_SECONDS * sample_rate else short).append((clip, samples))
        if len(long) == POOL:
            break
    return long or short[:POOL]


def _beginning(clip: Clip, sample_rate: int) -> np.ndarray:
    """Its first `POOL_MOST` seconds, or all of a shorter clip."""
    if clip.duration is None:
        with contextlib.suppress(AudioError):  # of a file that ends before
            return read_audio(clip.path, sample_rate, clip.start, POOL_MOST)
        return read_audio(clip.path, sample_rate, clip.start)
    return read_audio(clip.path, sample_rate, clip.start, min(clip.duration, POOL_MOST))


class _Work:
    """A block of clips and what is to be done with it; a chunk of it under a condition is a task, and needs nothing but what is here."""

    def __init__(self, session: Session, block: _Block, hearings: Sequence[Hearing], pool: list[tuple[Clip, np.ndarray]]) -> None:
        self.session, self.block, self.hearings, self.pool = session, block, hearings, pool
        rate, audio = next(iter(block.audio.items()))
        self.chunks: list[range] = []
        begin, seconds = 0, 0.0
        for end, samples in enumerate(audio, start=1):
            seconds += len(samples) / rate
            if seconds >= CHUNK_SECONDS or end == len(audio):
                self.chunks.append(range(begin, end))
                begin, seconds = end, 0.0

    def sounds(self, number: int, chunk: range) -> list[np.ndarray] | Fault:
        """The chunk as it sounds under a condition with a corruption."""
        session, condition = self.session, self.hearings[number].condition
        corruption, found = session.corruptions[condition.corruption], []
        for i in chunk:
            clip, samples = self.block.clips[i], self.block.audio[session.sample_rate][i]
            try:
                others = self._others(clip) if corruption.others else None
                found.append(corrupt(corruption, condition, samples, session.sample_rate, clip.id, session.replicate, others))
            except Fault as fault:
                return fault
        return found

    def rows(self, number: int, chunk: range, sounds: list[np.ndarray] | None) -> dict[int, np.ndarray]:
        """What the listeners make of a chunk. sounds: None where it is clean."""
        hearing, listeners = self.hearings[number], self.session.listeners
        names = [f"{self.block.clips[i].id} ({self.block.clips[i].path})" for i in chunk]
        if sounds is not None:
            names = [f"{name} under {hearing.condition}" for name in names]
        found: dict[int, np.ndarray] = {}
        for rate in dict.fromkeys(listeners[n].sample_rate for n in hearing.listeners):
            members = [n for n in hearing.listeners if listeners[n].sample_rate == rate]
            if sounds is None:
                audio = [self.block.audio[rate][i] for i in chunk]
            else:
                audio = [resample(each, self.session.sample_rate, rate) for each in sounds]
            made = embed_all(audio, names, [listeners[n] for n in members], self.session.batch_size)
            found |= dict(zip(members, made, strict=True))
        return found

    def do(self, number: int, chunk: range) -> dict[int, np.ndarray] | Fault:
        """Both."""
        sounds = self.sounds(number, chunk) if self.hearings[number].condition.severity else None
        return sounds if isinstance(sounds, Fault) else self.rows(number, chunk, sounds)

    def _others(self, clip: Clip) -> Callable[[int, int, int], np.ndarray]:
        return others_of(self.pool, clip.group)


def others_of(pool: Sequence[tuple[Clip, np.ndarray]], group: str) -> Callable[[int, int, int], np.ndarray]:
    """What draws clips from a pool for `corrupt`, none of them of the group; silence where there are none."""
    fit = [samples for other, samples in pool if other.group != group and len(samples)]

    def others(count: int, samples: int, seed: int) -> np.ndarray:
        if not fit:
            return np.zeros((count, samples), np.float32)
        random = np.random.default_rng(seed)
        chosen = [fit[i] for i in random.choice(len(fit), count, replace=count > len(fit))]
        starts = [int(random.integers(max(1, len(each) - samples + 1))) for each in chosen]
        return np.stack([np.resize(each[start:], samples) for each, start in zip(chosen, starts, strict=True)])

    return others


_work: _Work | None = None  # what a worker finds when it is forked


def _in_worker(number: int, chunk: range) -> dict[int, np.ndarray] | list[np.ndarray] | Fault | None:
    assert _work is not None
    if _work.session.apart:
        return _work.do(number, chunk)
    return _work.sounds(number, chunk) if _work.hearings[number].condition.severity else None


def _begin_worker(parent: int) -> None:
    """One thread; Ctrl-C is the parent's matter; a worker whose parent was killed ends too."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _heard_of(work: _Work, faults: dict[str, Fault], advance: Callable[[int], object]) -> Iterator[tuple[Hearing, dict[int, np.ndarray]]]:
    """Each hearing with listener -> rows, in their order; of one with a fault, which is noted, nothing."""
    global _work
    tasks = deque((number, chunk) for number in range(len(work.hearings)) for chunk in work.chunks)
    workers = work.session.workers if sys.platform.startswith("linux") and len(tasks) >= LEAST_FORKED else 0
    waiting: deque[tuple[int, range, concurrent.futures.Future | None]] = deque()
    got: dict[int, list[dict[int, np.ndarray]]] = {number: [] for number in range(len(work.hearings))}
    pool = None
    if workers:
        context = multiprocessing.get_context("fork")
        pool = concurrent.futures.ProcessPoolExecutor(workers, context, _begin_worker, (os.getpid(),))
    _work = work
    try:
        if not work.chunks:
            yield from ((hearing, {n: np.zeros((0, 0), np.float32) for n in hearing.listeners}) for hearing in work.hearings)
        while tasks or waiting:
            while tasks and len(waiting) < max(1, WAITING * workers):
                number, chunk = tasks.popleft()
                faulty = work.hearings[number].condition.corruption in faults
                waiting.append((number, chunk, pool.submit(_in_worker, number, chunk) if pool and not faulty else None))
            number, chunk, future = waiting.popleft()
            hearing = work.hearings[number]
            if hearing.condition.corruption not in faults:
                found: Any = future.result() if future else work.do(number, chunk)
                if future and not work.session.apart and not isinstance(found, Fault):
                    found = work.rows(number, chunk, found)
                if isinstance(found, Fault):
                    faults[hearing.condition.corruption] = found
                else:
                    got[number].append(found)
            advance(len(chunk))
            if chunk is work.chunks[-1]:
                parts = got.pop(number)
                done = hearing.condition.corruption not in faults
                yield hearing, {n: np.concatenate([part[n] for part in parts]) for n in hearing.listeners} if done else {}
    except BrokenProcessPool as error:
        raise MirbenchError(
            "a worker process ended abruptly, perhaps for want of memory; run the same command again, which goes on from here."
        ) from error
    finally:
        _work = None
        if pool:
            _stop(pool, at_once=bool(tasks or waiting))


def _stop(pool: concurrent.futures.ProcessPoolExecutor, at_once: bool) -> None:
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=not at_once, cancel_futures=True)
    if at_once:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
