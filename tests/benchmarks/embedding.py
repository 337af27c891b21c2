"""What bounds the embedding of real mp3s: decoding, the encoder, or Python. Not a test: `python tests/benchmarks/embedding.py`.

Writes mp3s of 30 s (44.1 kHz, stereo, made-up music) into a temporary folder and embeds them with an untrained mel-cnn: clips in a second
of the engine, of its workers when they do nothing but decode, and when they do nothing but embed audio that is in memory; and what the
cores reach at best when they share both works, one after the other. The goal is 0.8 of the lower limit, which cores that have both to do
can reach only where one of the two works takes a fifth of the time. The three take turns, and the fastest of each counts: other work on
the machine only ever adds. Where it is busy all the same, wall times say little; processor time, printed beside them, is moved least.

With --memory: the peak memory of N clips, of four times as many, and of N again, kept and stored as a run does. With --plan: what it takes
to cut 100,000 clips and to look after their embeddings.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from memory import peaks

from mirbench import read_clip, registry
from mirbench.engine.machine import core_count
from mirbench.engine.workers import in_workers
from mirbench.evaluation.embedding.partial import PartialEmbeddings
from mirbench.evaluation.embedding.passes import Chunk, EmbeddingPass, chunks_of, embed_passes
from mirbench.evaluation.embedding.windows import FrozenEncoder, embed_all
from mirbench.records import Clip, Condition

SECONDS, RATE, MASTERS = 30, 44_100, 8  # of an mp3; files that are different
GOAL_RATIO, DIM = 0.8, 2304
MANY = 100_000


def music(seed: int) -> np.ndarray:
    """(samples, 2): notes of a few harmonics that die away, between the channels, and some noise."""
    draw, count = np.random.default_rng(seed), SECONDS * RATE
    out = (0.005 * draw.standard_normal((count, 2))).astype(np.float32)
    for start in draw.integers(0, count, SECONDS * 6):
        pitch, time_ = 110 * 2 ** (draw.integers(0, 48) / 12), np.arange(min(count - start, int(draw.uniform(0.25, 1.5) * RATE))) / RATE
        tone = sum(np.sin(2 * np.pi * pitch * harmonic * time_) / harmonic for harmonic in range(1, 8)) * np.exp(-3 * time_)
        left = draw.uniform(0.2, 0.8)
        out[start : start + len(time_)] += (0.1 * tone[:, None] * np.array([left, 1 - left])).astype(np.float32)
    return out / np.abs(out).max() * np.float32(0.9)


def mp3s(folder: Path, count: int, files: int) -> list[Clip]:
    """Clips over so many files."""
    masters = [folder / f"master {number}.mp3" for number in range(min(MASTERS, files))]
    for number, path in enumerate(masters):
        soundfile.write(path, music(number), RATE, format="MP3")
    paths = [folder / f"{number}.mp3" for number in range(files)]
    for number, path in enumerate(paths):
        shutil.copyfile(masters[number % len(masters)], path)
    return [Clip(str(n), paths[n % files], "test", str(n), duration=float(SECONDS)) for n in range(count)]


def embedding_pass() -> EmbeddingPass:
    encoder = registry.load().get("encoder", "untrained")
    embed = encoder.load(None, {**encoder.options, "backbone": "mel-cnn"}, 0, "cpu")
    return EmbeddingPass([FrozenEncoder("mel-cnn", embed, encoder.input({}))], [Condition()], workers=core_count())


def whole(one: EmbeddingPass, clips: Sequence[Clip]) -> None:
    assert not any(heard.skipped for heard in embed_passes(one, clips, "embedding"))


def decoding(one: EmbeddingPass, clips: Sequence[Clip]) -> None:
    """The same workers and chunks, without the encoder."""

    def do(chunk: Chunk) -> Iterator[int]:
        yield sum(len(read_clip(clips[place], one.encoders[0].sample_rate)) for place in chunk.places)

    assert sum(in_workers(do, iter(chunks_of(clips)), one.workers)) > 0


def encoding(one: EmbeddingPass, clips: Sequence[Clip]) -> Callable[[], None]:
    """The same workers and chunks, without decoding: what it returns is to be timed."""
    audio = [read_clip(clip, one.encoders[0].sample_rate) for clip in clips[:MASTERS]]

    def do(chunk: Chunk) -> Iterator[np.ndarray]:
        some = [audio[place % len(audio)] for place in chunk.places]
        yield from embed_all(some, [clips[place].id for place in chunk.places], one.encoders, one.batch_size)

    def embed() -> None:
        assert sum(len(rows) for rows in in_workers(do, iter(chunks_of(clips)), one.workers)) == len(clips)

    return embed


def limits(count: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clips, one = mp3s(Path(folder), count, count), embedding_pass()
        calls = {"the whole": lambda: whole(one, clips), "decoding alone": lambda: decoding(one, clips)}
        calls["the encoder alone"] = encoding(one, clips)
        for call in calls.values():
            call()
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
        for _ in range(repeats):
            for name, call in calls.items():
                begun, before = time.perf_counter(), processors()
                call()
                found[name].append((time.perf_counter() - begun, processors() - before))
    print(f"{count} mp3s of {SECONDS} s, {core_count()} cores; clips/s")
    walls = {name: count / min(wall for wall, _ in taken) for name, taken in found.items()}
    describe(walls, "by the clock")
    describe(
        {name: count * core_count() / min(used for _, used in taken) for name, taken in found.items()}, "by processor time, over the cores"
    )


def describe(rates: dict[str, float], how: str) -> None:
    done, decoded, encoded = rates.values()
    shared, lower = 1 / (1 / decoded + 1 / encoded), min(decoded, encoded)
    print(f"\n{how}: " + ", ".join(f"{name} {rate:.1f}" for name, rate in {**rates, "both, shared": shared}.items()))
    print(f"ratio to the lower limit {done / lower:.2f}, goal {GOAL_RATIO}; cores that share both can reach {shared / lower:.2f} of it")
    print(f"ratio to what they can reach {done / shared:.2f}; the rest is Python, processes and an uneven end")


def processors() -> float:
    """Seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def embedded(clips: Sequence[Clip]) -> None:
    """As a run does it, from the clips to the stored file."""
    with tempfile.TemporaryDirectory() as folder:
        partial = PartialEmbeddings(Path(folder) / "partial", [clip.id for clip in clips], chunks_of(clips), "benchmark")
        for heard in embed_passes(embedding_pass(), clips, "embedding"):
            partial.add(heard.chunk, heard.rows[0], heard.skipped)
        assert partial.whole
        partial.store(Path(folder))


def memory(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for some in (count, 4 * count, count):
            begun = time.perf_counter()
            together, each = peaks(embedded, mp3s(Path(folder), some, MASTERS))
            first, *others = (resident / 1e6 for resident in each)
            print(f"{some} clips in {time.perf_counter() - begun:.0f} s: peak of all processes together {together / 1e6:.0f} MB", end="")
            print(f", of the first {first:.0f} MB, of a worker {max(others):.0f} MB (shared pages counted in each)")


def planning() -> None:
    """Without audio: what is done for each clip beside decoding and embedding."""
    clips = [Clip(f"clip {n}", Path(f"{n % MASTERS}.mp3"), "test", str(n), duration=float(SECONDS)) for n in range(MANY)]
    rows = np.random.default_rng(0).standard_normal((64, DIM)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        took = [time.perf_counter()]

        def lap(what: str) -> None:
            took.append(time.perf_counter())
            print(f"{what:40}{took[-1] - took[-2]:8.2f} s")

        chunks = chunks_of(clips)
        lap(f"cutting {MANY} clips into {len(chunks)} chunks")
        ids = [clip.id for clip in clips]
        partial = PartialEmbeddings(Path(folder) / "partial", ids, chunks, "benchmark")
        for chunk in chunks:
            partial.add(chunk, rows[: len(chunk.places)], {})
        lap("keeping the rows")
        again = PartialEmbeddings(Path(folder) / "partial", ids, chunks, "benchmark")
        assert again.whole
        lap("taking them up again")
        again.store(Path(folder))
        lap("storing them")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=120, metavar="N")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--plan", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("MIRBENCH_QUIET", "1")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    if given.plan:
        planning()
    elif given.memory:
        memory(given.clips)
    else:
        limits(given.clips, given.repeats)
    print(f"load of the machine after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
