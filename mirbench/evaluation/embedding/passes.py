"""Clips to encoders under many conditions with the least work: decoded once, corrupted once for each condition, embedded by all encoders.

The clips are cut into chunks. A worker process takes a chunk, decodes its clips, corrupts them for a condition and, where encoders run on
the CPU, embeds them, so that only embeddings travel; then for the next condition. Where a GPU is used, audio travels, and the encoders run
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

from mirbench import resample
from mirbench.engine.workers import WorkerDied, can_fork, in_workers
from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.corruption import Fault
from mirbench.evaluation.embedding.samples import CorruptedAudio, read_or_why
from mirbench.evaluation.embedding.windows import FrozenEncoder, embed_all
from mirbench.nouns import Corruption
from mirbench.progress import progress_bar
from mirbench.records import Clip, Condition

CHUNK_SECONDS = 172.0  # what a worker takes at a time: 64 windows of 2.7 s
ASSUMED_SECONDS, MOST_SECONDS = 30.0, 172.8  # of a clip whose duration is not given; that an encoder embeds of a clip
MOST_CLIPS = 1024  # of a chunk
CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
LEAST_FORKED = 8  # chunks under a condition; fewer are not worth a process
TASKS, LEAST_PASSES = 4, 4  # for each worker, where there are few chunks; of such a task, whose clips are decoded again
NOTHING = np.zeros((0, 0), np.float32)  # the rows of a chunk without a readable clip


@dataclass(frozen=True)
class Pass:
    """A condition and the numbers of the encoders that are to embed it."""

    condition: Condition
    encoders: tuple[int, ...]


@dataclass(frozen=True)
class Chunk:
    """Clips that are decoded together, by their places in the list, the last not included."""

    begin: int
    end: int

    @property
    def places(self) -> range:
        return range(self.begin, self.end)


@dataclass(frozen=True)
class PassRows:
    """What came of a pass over a chunk. rows: encoder number -> (clips that can be read, dim) float32; skipped: by place, why a clip has
    no row; fault: why there are no rows at all."""

    pass_: Pass
    chunk: Chunk
    rows: Mapping[int, np.ndarray]
    skipped: Mapping[int, str]
    fault: Fault | None = None


@dataclass(frozen=True)
class EmbeddingPass:
    """Which encoders embed what. conditions: all that there may be; corruptions: by name, those of the conditions. sample_rate: Hz, at
    which they are applied. background: clips that may be mixed in. workers: processes. encode_in_workers: whether encoders run in them
    too."""

    encoders: Sequence[FrozenEncoder]
    conditions: Sequence[Condition]
    corruptions: Mapping[str, Corruption] = field(default_factory=dict)
    sample_rate: int = 22_050
    replicate: int = 0
    background: Sequence[Clip] = ()
    batch_size: int = 64
    workers: int = 2
    encode_in_workers: bool = True


def chunks_of(clips: Sequence[Clip]) -> list[Chunk]:
    """Chunks of about `CHUNK_SECONDS`. Reads no file.

    >>> from pathlib import Path
    >>> chunks_of([Clip(str(n), Path("x.wav"), "test", "", duration=60.0) for n in range(5)])
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


def embed_passes(
    embedding_pass: EmbeddingPass, clips: Sequence[Clip], title: str, missing: Callable[[Chunk], Sequence[Pass]] | None = None
) -> Generator[PassRows]:
    """Each pass over each chunk of clips, in any order. missing: the passes over a chunk that are still to be made; by default every
    encoder embeds every condition.

    A corruption that breaks its promises on a clip gives one `PassRows` with a fault, and is not applied any more. Raises MirbenchError
    where an encoder fails, or a worker dies.
    """
    everything = [Pass(condition, tuple(range(len(embedding_pass.encoders)))) for condition in embedding_pass.conditions]
    chunks, faults = chunks_of(clips), set[str]()
    forked = can_fork() and len(chunks) * len(embedding_pass.conditions) >= LEAST_FORKED
    if embedding_pass.corruptions:
        import audiomentations  # noqa: F401  what most are built on, so that not every worker has to import it
    p = embedding_pass
    audio = CorruptedAudio.mixing(p.corruptions, p.sample_rate, p.replicate, p.background)
    embedder = _ChunkEmbedder(embedding_pass, clips, audio)
    shares = (
        max(1, min(len(embedding_pass.conditions) // LEAST_PASSES, TASKS * embedding_pass.workers // max(1, len(chunks)))) if forked else 1
    )

    with progress_bar(total=len(clips) * len(everything), desc=title, unit="clip") as bar:

        def tasks() -> Iterator[_Task]:
            for chunk in chunks:
                passes = [p for p in (missing(chunk) if missing else everything) if p.condition.corruption not in faults]
                bar.update(len(chunk.places) * (len(everything) - len(passes)))
                yield from (_Task(chunk, share) for share in _share_out(passes, shares))

        workers = min(embedding_pass.workers, shares * len(chunks))
        results = _embed_in_workers(embedder, tasks(), workers) if forked else _embed_in_this_process(embedder, tasks())
        with contextlib.closing(results):
            for rows in results:
                bar.update(len(rows.chunk.places))
                if rows.pass_.condition.corruption in faults:
                    continue
                if rows.fault:
                    faults.add(rows.fault.condition.corruption)
                yield rows


def _share_out(passes: Sequence[Pass], shares: int) -> list[list[Pass]]:
    """In about so many parts; a corruption is whole in one, so that what is made of a faulty one does not depend on who is faster."""
    parts: list[list[Pass]] = []
    for pass_ in passes:
        if not parts or (len(parts[-1]) * shares >= len(passes) and pass_.condition.corruption != parts[-1][-1].condition.corruption):
            parts.append([])
        parts[-1].append(pass_)
    return parts


@dataclass(frozen=True)
class _Task:
    """crashed: by place, why a clip must not be decoded: that ended a worker."""

    chunk: Chunk
    passes: Sequence[Pass]
    crashed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _PassAudio:
    """A chunk under a condition, to be embedded. audio: sample rate -> one array for each clip that can be read."""

    pass_: Pass
    chunk: Chunk
    audio: Mapping[int, list[np.ndarray]]
    skipped: Mapping[int, str]


@dataclass(frozen=True)
class _Decoding:
    """The place of the clip that is decoded now; None: all are."""

    place: int | None = None


class _ChunkEmbedder:
    """What is done with a chunk of clips."""

    def __init__(self, embedding_pass: EmbeddingPass, clips: Sequence[Clip], audio: CorruptedAudio) -> None:
        self.embedding_pass, self.clips, self.audio = embedding_pass, clips, audio
        self.faulty: set[str] = set()  # corruptions that are not applied any more

    def rates(self, passes: Sequence[Pass]) -> list[int]:
        """The sample rates that clips are decoded at: clean audio as each encoder wants it."""
        clean = {self.embedding_pass.encoders[n].sample_rate for p in passes if not p.condition.severity for n in p.encoders}
        return sorted(clean | {self.embedding_pass.sample_rate for p in passes if p.condition.severity})

    def read(self, place: int, rates: Sequence[int]) -> dict[int, np.ndarray] | str:
        """A clip at each sample rate, or why it cannot be read."""
        return read_or_why(self.clips[place], rates)

    def in_worker(self, task: _Task) -> Generator[_Decoding | _PassAudio | PassRows]:
        rates, decoded = self.rates(task.passes), []
        for place in task.chunk.places:
            yield _Decoding(place)
            decoded.append(task.crashed.get(place) or self.read(place, rates))
        yield _Decoding()
        for pass_audio in self.under_conditions(task, decoded):
            yield self.embedded(pass_audio) if self.embedding_pass.encode_in_workers and isinstance(pass_audio, _PassAudio) else pass_audio

    def under_conditions(self, task: _Task, decoded: Sequence[dict[int, np.ndarray] | str]) -> Iterator[_PassAudio | PassRows]:
        """The audio of each pass, or what is wrong with it. decoded: what `read` made of each clip."""
        chunk, encoders = task.chunk, self.embedding_pass.encoders
        skipped = {place: why for place, why in zip(chunk.places, decoded, strict=True) if isinstance(why, str)}
        audio = {place: rates for place, rates in zip(chunk.places, decoded, strict=True) if not isinstance(rates, str)}
        for pass_ in task.passes:
            if pass_.condition.corruption in self.faulty:
                continue
            wanted = dict.fromkeys(encoders[n].sample_rate for n in pass_.encoders)
            if not pass_.condition.severity:
                yield _PassAudio(pass_, chunk, {rate: [clip_audio[rate] for clip_audio in audio.values()] for rate in wanted}, skipped)
                continue
            own = self.embedding_pass.sample_rate
            try:
                corrupted = [self.audio.under(pass_.condition, self.clips[place], rates[own]) for place, rates in audio.items()]
            except Fault as fault:
                self.faulty.add(pass_.condition.corruption)
                yield PassRows(pass_, chunk, {}, skipped, fault)
            else:
                yield _PassAudio(pass_, chunk, {rate: [resample(each, own, rate) for each in corrupted] for rate in wanted}, skipped)

    def embedded(self, pass_audio: _PassAudio) -> PassRows:
        """What the encoders make of a chunk."""
        encoders, pass_ = self.embedding_pass.encoders, pass_audio.pass_
        kept = [self.clips[place] for place in pass_audio.chunk.places if place not in pass_audio.skipped]
        names = [f"{clip.id} ({clip.path})" for clip in kept]
        if pass_.condition.severity:
            names = [f"{name} under {pass_.condition}" for name in names]
        rows: dict[int, np.ndarray] = {}
        for rate, audio in pass_audio.audio.items():
            members = [n for n in pass_.encoders if encoders[n].sample_rate == rate]
            of_rate = (
                embed_all(audio, names, [encoders[n] for n in members], self.embedding_pass.batch_size)
                if audio
                else [NOTHING] * len(members)
            )
            rows |= dict(zip(members, of_rate, strict=True))
        return PassRows(pass_, pass_audio.chunk, rows, pass_audio.skipped)


def _embed_in_workers(embedder: _ChunkEmbedder, tasks: Iterator[_Task], workers: int) -> Generator[PassRows]:
    """By worker processes."""

    def without_crash(died: WorkerDied) -> _Task | None:
        """Without the clip at which the decoder crashed."""
        task: _Task = died.task
        if died.how not in CRASHES or not isinstance(died.message, _Decoding) or (place := died.message.place) is None:
            return None
        why = f"{embedder.clips[place].path} cannot be decoded: the decoder crashed ({died.how})."
        return replace(task, crashed={**task.crashed, place: why})

    try:
        queued = 1 if embedder.embedding_pass.encode_in_workers else 2
        with contextlib.closing(in_workers(embedder.in_worker, tasks, workers, queued, without_crash)) as messages:
            for message in messages:
                if not isinstance(message, _Decoding):
                    yield embedder.embedded(message) if isinstance(message, _PassAudio) else message
    except WorkerDied as died:
        at = died.message.place if isinstance(died.message, _Decoding) else None
        clips = [embedder.clips[place] for place in (died.task.chunk.places if at is None else [at])]
        which = f"clip {clips[0].id} ({clips[0].path})" if len(clips) == 1 else f"the clips {clips[0].id} to {clips[-1].id}"
        doing = "worked on" if at is None else "decoded"
        raise MirbenchError(f"{died.while_it(f'{doing} {which}')}; run the same command again, which goes on from here.") from died


def _embed_in_this_process(embedder: _ChunkEmbedder, tasks: Iterator[_Task]) -> Generator[PassRows]:
    """In this process, in which threads decode the next chunk meanwhile."""
    waiting: deque[tuple[_Task, list[Future[dict[int, np.ndarray] | str]]]] = deque()

    def next_rows() -> Iterator[PassRows]:
        task, decoded = waiting.popleft()
        for pass_audio in embedder.under_conditions(task, [each.result() for each in decoded]):
            yield embedder.embedded(pass_audio) if isinstance(pass_audio, _PassAudio) else pass_audio

    with ThreadPoolExecutor(max(1, embedder.embedding_pass.workers)) as pool:
        try:
            for task in tasks:
                rates = embedder.rates(task.passes)
                waiting.append((task, [pool.submit(embedder.read, place, rates) for place in task.chunk.places]))
                if len(waiting) > 1:
                    yield from next_rows()
            if waiting:
                yield from next_rows()
        finally:
            pool.shutdown(cancel_futures=True)
