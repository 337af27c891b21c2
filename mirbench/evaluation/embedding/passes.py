"""Clips to encoders under many conditions with the least work: decoded once, corrupted once for each condition, heard by all encoders.

The clips are cut into chunks. A worker process takes a chunk, decodes its clips, corrupts them for a condition and, where encoders run on
the CPU, embeds them, so that only embeddings travel; then for the next condition. Where a GPU is used, sounds travel, and the encoders run
in this process. Workers are forked once, one a core and each with one thread, and find clips and encoders in the memory that they were
forked with. Chunks depend on the list of clips alone, so the number of processes moves nothing.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from mirbench import AudioError, read_clip, resample
from mirbench.engine.workers import Died, can_fork, in_workers
from mirbench.errors import MirbenchError, told
from mirbench.evaluation.embedding.corruption import Fault, corrupt
from mirbench.evaluation.embedding.mixing import others_of, pool_of
from mirbench.evaluation.embedding.windows import Listener, embed_all
from mirbench.nouns import Corruption
from mirbench.progress import progress_bar
from mirbench.records import Clip, Condition

CHUNK_SECONDS = 172.0  # what a worker takes at a time: 64 windows of 2.7 s
ASSUMED_SECONDS, MOST_SECONDS = 30.0, 172.8  # of a clip whose duration is not given; that an encoder hears of a clip
MOST_CLIPS = 1024  # of a chunk
CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
LEAST_FORKED = 8  # chunks under a condition; fewer are not worth a process
TASKS, LEAST_HEARINGS = 4, 4  # for each worker, where there are few chunks; of such a task, whose clips are decoded again
NOTHING = np.zeros((0, 0), np.float32)  # the rows of a chunk without a readable clip


@dataclass(frozen=True)
class Hearing:
    """A condition and the numbers of the listeners that are to hear it."""

    condition: Condition
    listeners: tuple[int, ...]


@dataclass(frozen=True)
class Chunk:
    """Clips that are decoded together, by their places in the list, the last not included."""

    begin: int
    end: int

    @property
    def places(self) -> range:
        return range(self.begin, self.end)


@dataclass(frozen=True)
class Heard:
    """What came of a hearing of a chunk. rows: listener number -> (clips that can be read, dim) float32; skipped: by place, why a clip has
    no row; fault: why there are no rows at all."""

    hearing: Hearing
    chunk: Chunk
    rows: Mapping[int, np.ndarray]
    skipped: Mapping[int, str]
    fault: Fault | None = None


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


def cut(clips: Sequence[Clip]) -> list[Chunk]:
    """Chunks of about `CHUNK_SECONDS`. Reads no file.

    >>> from pathlib import Path
    >>> cut([Clip(str(n), Path("x.wav"), "test", "", duration=60.0) for n in range(5)])
    [Chunk(begin=0, end=3), Chunk(begin=3, end=5)]
    """
    chunks: list[Chunk] = []
    begin, seconds = 0, 0.0
    for end, clip in enumerate(clips, start=1):
        seconds += min(ASSUMED_SECONDS if clip.duration is None else clip.duration, MOST_SECONDS)
        if seconds >= CHUNK_SECONDS or end - begin == MOST_CLIPS or end == len(clips):
            chunks.append(Chunk(begin, end))
            begin, seconds = end, 0.0
    return chunks


def listen(
    session: Session, clips: Sequence[Clip], title: str, left: Callable[[Chunk], Sequence[Hearing]] | None = None
) -> Generator[Heard]:
    """Each hearing of each chunk of clips, in any order. left: the hearings of a chunk that are left to do; by default every listener hears
    every condition.

    A corruption that breaks its promises on a clip gives one `Heard` with a fault, and is not heard any more. Raises MirbenchError where an
    encoder fails, or a worker dies.
    """
    everything = [Hearing(condition, tuple(range(len(session.listeners)))) for condition in session.conditions]
    chunks, faults = cut(clips), set[str]()
    forked = can_fork() and len(chunks) * len(session.conditions) >= LEAST_FORKED
    if session.corruptions:
        import audiomentations  # noqa: F401  what most are built on, so that not every worker has to import it
    work = _Work(session, clips, _pool(session))
    shares = max(1, min(len(session.conditions) // LEAST_HEARINGS, TASKS * session.workers // max(1, len(chunks)))) if forked else 1

    with progress_bar(total=len(clips) * len(everything), desc=title, unit="clip") as bar:

        def tasks() -> Iterator[_Task]:
            for chunk in chunks:
                hearings = [h for h in (left(chunk) if left else everything) if h.condition.corruption not in faults]
                bar.update(len(chunk.places) * (len(everything) - len(hearings)))
                yield from (_Task(chunk, share) for share in _shared_out(hearings, shares))

        found = _forked(work, tasks(), min(session.workers, shares * len(chunks))) if forked else _here(work, tasks())
        with contextlib.closing(found):
            for heard in found:
                bar.update(len(heard.chunk.places))
                if heard.hearing.condition.corruption in faults:
                    continue
                if heard.fault:
                    faults.add(heard.fault.condition.corruption)
                yield heard


def _shared_out(hearings: Sequence[Hearing], shares: int) -> list[list[Hearing]]:
    """In about so many parts; a corruption is whole in one, so that what is heard of a faulty one does not depend on who is faster."""
    found: list[list[Hearing]] = []
    for hearing in hearings:
        if not found or (len(found[-1]) * shares >= len(hearings) and hearing.condition.corruption != found[-1][-1].condition.corruption):
            found.append([])
        found[-1].append(hearing)
    return found


@dataclass(frozen=True)
class _Task:
    """crashed: by place, why a clip must not be decoded: that ended a worker."""

    chunk: Chunk
    hearings: Sequence[Hearing]
    crashed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Sounds:
    """A chunk under a condition, to be heard. audio: sample rate -> one array for each clip that can be read."""

    hearing: Hearing
    chunk: Chunk
    audio: Mapping[int, list[np.ndarray]]
    skipped: Mapping[int, str]


@dataclass(frozen=True)
class _At:
    """The place of the clip that is decoded now; None: all are."""

    place: int | None = None


class _Work:
    """What is done with a chunk of clips."""

    def __init__(self, session: Session, clips: Sequence[Clip], pool: list[tuple[Clip, np.ndarray]]) -> None:
        self.session, self.clips, self.pool = session, clips, pool
        self.faulty: set[str] = set()  # corruptions that are not applied any more

    def rates(self, hearings: Sequence[Hearing]) -> list[int]:
        """The sample rates that clips are decoded at: clean audio as each encoder wants it."""
        clean = {self.session.listeners[n].sample_rate for h in hearings if not h.condition.severity for n in h.listeners}
        return sorted(clean | {self.session.sample_rate for h in hearings if h.condition.severity})

    def read(self, place: int, rates: Sequence[int]) -> dict[int, np.ndarray] | str:
        """A clip at each sample rate, or why it cannot be read."""
        clip = self.clips[place]
        try:
            return {rate: read_clip(clip, rate) for rate in rates}
        except AudioError as error:
            return str(error)
        except MemoryError:
            raise
        except Exception as error:
            return f"{clip.path} cannot be decoded: {told(error)}."

    def in_worker(self, task: _Task) -> Generator[_At | _Sounds | Heard]:
        rates, found = self.rates(task.hearings), []
        for place in task.chunk.places:
            yield _At(place)
            found.append(task.crashed.get(place) or self.read(place, rates))
        yield _At()
        for sounds in self.sounds(task, found):
            yield self.heard(sounds) if self.session.apart and isinstance(sounds, _Sounds) else sounds

    def sounds(self, task: _Task, found: Sequence[dict[int, np.ndarray] | str]) -> Iterator[_Sounds | Heard]:
        """Each hearing as it sounds, or what is wrong with it. found: what `read` made of each clip."""
        chunk, listeners = task.chunk, self.session.listeners
        skipped = {place: why for place, why in zip(chunk.places, found, strict=True) if isinstance(why, str)}
        audio = {place: rates for place, rates in zip(chunk.places, found, strict=True) if not isinstance(rates, str)}
        for hearing in task.hearings:
            if hearing.condition.corruption in self.faulty:
                continue
            wanted = dict.fromkeys(listeners[n].sample_rate for n in hearing.listeners)
            if not hearing.condition.severity:
                yield _Sounds(hearing, chunk, {rate: [each[rate] for each in audio.values()] for rate in wanted}, skipped)
                continue
            own = self.session.sample_rate
            try:
                corrupted = [self.corrupted(hearing.condition, place, rates[own]) for place, rates in audio.items()]
            except Fault as fault:
                self.faulty.add(hearing.condition.corruption)
                yield Heard(hearing, chunk, {}, skipped, fault)
            else:
                yield _Sounds(hearing, chunk, {rate: [resample(each, own, rate) for each in corrupted] for rate in wanted}, skipped)

    def corrupted(self, condition: Condition, place: int, samples: np.ndarray) -> np.ndarray:
        """samples: (samples,) float32 of that clip, as it sounds under the condition."""
        session, clip = self.session, self.clips[place]
        corruption = session.corruptions[condition.corruption]
        others = others_of(self.pool, clip.group) if corruption.others else None
        return corrupt(corruption, condition, samples, session.sample_rate, clip.id, session.replicate, others)

    def heard(self, sounds: _Sounds) -> Heard:
        """What the listeners make of a chunk."""
        listeners, hearing = self.session.listeners, sounds.hearing
        kept = [self.clips[place] for place in sounds.chunk.places if place not in sounds.skipped]
        names = [f"{clip.id} ({clip.path})" for clip in kept]
        if hearing.condition.severity:
            names = [f"{name} under {hearing.condition}" for name in names]
        found: dict[int, np.ndarray] = {}
        for rate, audio in sounds.audio.items():
            members = [n for n in hearing.listeners if listeners[n].sample_rate == rate]
            rows = embed_all(audio, names, [listeners[n] for n in members], self.session.batch_size) if audio else [NOTHING] * len(members)
            found |= dict(zip(members, rows, strict=True))
        return Heard(hearing, sounds.chunk, found, sounds.skipped)


def _forked(work: _Work, tasks: Iterator[_Task], workers: int) -> Generator[Heard]:
    """By worker processes."""

    def again(died: Died) -> _Task | None:
        """Without the clip at which the decoder crashed."""
        task: _Task = died.task
        if died.how not in CRASHES or not isinstance(died.message, _At) or (place := died.message.place) is None:
            return None
        why = f"{work.clips[place].path} cannot be decoded: the decoder crashed ({died.how})."
        return replace(task, crashed={**task.crashed, place: why})

    try:
        queued = 1 if work.session.apart else 2
        with contextlib.closing(in_workers(work.in_worker, tasks, workers, queued, again)) as messages:
            for message in messages:
                if not isinstance(message, _At):
                    yield work.heard(message) if isinstance(message, _Sounds) else message
    except Died as died:
        at = died.message.place if isinstance(died.message, _At) else None
        clips = [work.clips[place] for place in (died.task.chunk.places if at is None else [at])]
        which = f"clip {clips[0].id} ({clips[0].path})" if len(clips) == 1 else f"the clips {clips[0].id} to {clips[-1].id}"
        doing = "worked on" if at is None else "decoded"
        raise MirbenchError(
            f"a worker process ended abruptly ({died.how}) while it {doing} {which}, perhaps for want of memory; run the same command "
            "again, which goes on from here."
        ) from died


def _here(work: _Work, tasks: Iterator[_Task]) -> Generator[Heard]:
    """In this process, in which threads decode the next chunk meanwhile."""
    waiting: deque[tuple[_Task, list[Future[dict[int, np.ndarray] | str]]]] = deque()

    def heard() -> Iterator[Heard]:
        task, found = waiting.popleft()
        for sounds in work.sounds(task, [each.result() for each in found]):
            yield work.heard(sounds) if isinstance(sounds, _Sounds) else sounds

    with ThreadPoolExecutor(max(1, work.session.workers)) as pool:
        try:
            for task in tasks:
                rates = work.rates(task.hearings)
                waiting.append((task, [pool.submit(work.read, place, rates) for place in task.chunk.places]))
                if len(waiting) > 1:
                    yield from heard()
            if waiting:
                yield from heard()
        finally:
            pool.shutdown(cancel_futures=True)


def _pool(session: Session) -> list[tuple[Clip, np.ndarray]]:
    """Other clips to mix in, where a corruption does so."""
    mixes = any(corruption.others for corruption in session.corruptions.values())
    return pool_of(session.background, session.sample_rate) if mixes else []
