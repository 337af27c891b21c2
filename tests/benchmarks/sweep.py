"""What a corruption sweep costs, as ratios within one run. Not a test: `python tests/benchmarks/sweep.py --cache DIR`.

All corruptions at all severities, on test clips of `mini` that are spread over the split (--clips 0: all of them), with an untrained
mel-cnn. Prints the processor time of corruptions, front end and encoder, each in a process of its own with one thread; the wall time of the
sweep over their sum divided by the cores (the goal: at most 1.3); what a second encoder adds; a naive loop beside the engine; and how long
all of `mini` takes (the goal: at most 12 minutes). Processor time is what other work on the machine moves least; wall times are the fastest
of several. Scoring is not in it: see bootstrap.py.

With --memory N, and nothing else of this: the peak memory of N clips of 30 s (the goal: 10,000 within 3 GB); with --cheap too, for an
encoder that costs nothing.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from memory import peaks

from mirbench import read_audio, read_clip, registry
from mirbench.engine.machine import core_count
from mirbench.engine.store import default_cache
from mirbench.evaluation.embedding import passes as listening
from mirbench.evaluation.embedding import samples
from mirbench.evaluation.embedding.corruption import corrupt
from mirbench.evaluation.embedding.passes import EmbeddingPass, embed_passes
from mirbench.evaluation.embedding.windows import FrozenEncoder, windows
from mirbench.experiment.resolve.records import LEAST_SAMPLE_RATE
from mirbench.experiment.run import prepared_data
from mirbench.nouns import Staged
from mirbench.records import Clip, Condition

GOAL_RATIO, GOAL_MINUTES, GOAL_BYTES = 1.3, 12, 3e9
STAGES = ("corruption", "front end", "encoder")
TASKS = 4  # what a naive loop does everything anew for
NAIVE, NAIVE_CLIPS, NAIVE_SEVERITIES = "pink-noise", 20, 2
SHARE = 4  # every so many conditions, where a share of them will do
LONG_SECONDS, LONG_FILES, CHEAP_CORRUPTION = 30, 8, "gain-down"  # for --memory


@dataclass(frozen=True)
class Case:
    """What is heard, by how many encoders, of which none is trained. cheap: encoders that cost nothing."""

    clips: Sequence[Clip]
    background: Sequence[Clip]
    conditions: Sequence[Condition]
    encoders: int = 1
    cheap: bool = False

    def embedding_pass(self) -> EmbeddingPass:
        found = registry.load()
        encoder = found.get("encoder", "untrained")
        embeds = [
            cheap if self.cheap else encoder.load(None, {**encoder.options, "backbone": "mel-cnn"}, n, "cpu") for n in range(self.encoders)
        ]
        return EmbeddingPass(
            encoders=[FrozenEncoder(f"encoder {n}", embed, encoder.input({})) for n, embed in enumerate(embeds)],
            conditions=self.conditions,
            corruptions={name: found.get("corruption", name) for name in {c.corruption for c in self.conditions}},
            sample_rate=LEAST_SAMPLE_RATE,
            background=self.background,
            workers=core_count(),
        )


def cheap(audio: np.ndarray) -> np.ndarray:
    return np.stack([audio.mean(axis=1), audio.std(axis=1)], axis=1)


def mini(cache: Path) -> list[Clip]:
    """All clips, prepared where they are not yet."""
    found = registry.load()
    return list(prepared_data(found.get("dataset", "mini"), found, cache, lambda seconds: None).clips)


def total_length(clips: Sequence[Clip]) -> float:
    """Seconds."""
    return float(sum(clip.duration or soundfile.info(clip.path).duration for clip in clips))


# Each of these runs in a process of its own.


def heard(case: Case) -> dict[str, float]:
    """The engine: seconds of wall, and of all its processors; and of the imports, which a long sweep hardly feels."""
    embedding_pass = case.embedding_pass()
    begun = time.perf_counter()
    warm_up(embedding_pass)
    imported, before = time.perf_counter() - begun, processors()
    begun = time.perf_counter()
    run(embedding_pass, case)
    return {"wall": time.perf_counter() - begun, "processors": processors() - before, "imports": imported}


def stages(case: Case) -> dict[str, float]:
    """The same in this process, with one thread: processor seconds of each stage, of each corruption, and of all."""
    one_thread()
    embedding_pass, spent = case.embedding_pass(), defaultdict[str, float](float)
    warm_up(embedding_pass)

    def clocked(call: Callable[..., Any], *names: str) -> Callable[..., Any]:
        def clock(*given: Any) -> Any:
            begun = time.process_time()
            found = call(*given)
            for name in names:
                spent[name] += time.process_time() - begun
            return found

        return clock

    corruptions = {}
    for name, corruption in embedding_pass.corruptions.items():
        corruptions[name] = copy.copy(corruption)
        for method in ("apply", "mix"):
            setattr(corruptions[name], method, clocked(getattr(corruption, method), "corruption", name))
    encoders = []
    for number, each in enumerate(embedding_pass.encoders):
        embed = each.embed
        assert isinstance(embed, Staged)
        embed = Staged(embed.kind, clocked(embed.front, "front end"), clocked(embed.encode, "encoder", f"encoder {number}"))
        encoders.append(replace(each, embed=embed))
    listening.LEAST_FORKED = sys.maxsize
    samples.read_clip = clocked(read_clip, "decoding")  # type: ignore[attr-defined]
    begun, before = time.perf_counter(), time.process_time()
    run(replace(embedding_pass, corruptions=corruptions, encoders=encoders, workers=1), case)
    spent |= {"wall": time.perf_counter() - begun, "all": time.process_time() - before}
    return dict(spent)


def naive(case: Case) -> dict[str, float]:
    """Everything anew for each task, encoder and condition, clip by clip, with as many threads as torch likes."""
    embedding_pass = case.embedding_pass()
    warm_up(embedding_pass)
    begun, before = time.perf_counter(), processors()
    for _ in range(TASKS):
        for encoder in embedding_pass.encoders:
            for condition in case.conditions:
                for clip in case.clips:
                    audio = read_audio(clip.path, embedding_pass.sample_rate, clip.start, clip.duration)
                    audio = corrupt(embedding_pass.corruptions[condition.corruption], condition, audio, embedding_pass.sample_rate, clip.id)
                    encoder.embed(windows(audio, encoder.window)).mean(axis=0)
    return {"wall": time.perf_counter() - begun, "processors": processors() - before}


def naive_in_one_thread(case: Case) -> dict[str, float]:
    one_thread()
    return naive(case)


def one_thread() -> None:
    import torch
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    torch.set_num_threads(1)


def run(embedding_pass: EmbeddingPass, case: Case) -> None:
    for each in embed_passes(embedding_pass, case.clips, "sweep"):
        if each.fault:
            raise each.fault
        assert not each.skipped


def warm_up(embedding_pass: EmbeddingPass) -> None:
    """Imports, and what libraries make on their first call."""
    noise = np.random.default_rng(0).standard_normal(LEAST_SAMPLE_RATE * 3, np.float32) * np.float32(0.1)
    for condition in embedding_pass.conditions:
        corrupt(embedding_pass.corruptions[condition.corruption], condition, noise, LEAST_SAMPLE_RATE, "warm-up")


def processors() -> float:
    """Seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


# And these do not.


def in_processes(call: Callable[[Case], Any], case: Case, count: int = 1) -> list[Any]:
    """What it returns in so many new processes at once."""
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(call, [case] * count))


def fastest(calls: Sequence[Callable[[], dict[str, float]]], repeats: int) -> list[dict[str, float]]:
    """Of each call the least of everything that it returns. They take turns."""
    found: list[list[dict[str, float]]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, mine in zip(calls, found, strict=True):
            mine.append(call())
    return [{name: min(each[name] for each in mine) for name in mine[0]} for mine in found]


def alone(call: Callable[[Case], Any], case: Case) -> Callable[[], Any]:
    return lambda: in_processes(call, case)[0]


def one_encoder(case: Case, repeats: int) -> float:
    """Seconds of wall."""
    cores, seconds = core_count(), total_length(case.clips)
    one, pure = fastest([alone(heard, case), alone(stages, case)], repeats)
    ideal = sum(pure[name] for name in STAGES) / cores
    print(f"\n{'':20}" + "".join(f"{head:>26}" for head in ("ms for a second of audio", "seconds of a core", "share of the sum")))
    counts = Counter(c.corruption for c in case.conditions)
    for name in (*STAGES, *sorted(counts, key=lambda name: -pure[name])):
        rate = pure[name] / seconds / counts.get(name, len(case.conditions)) * 1e3
        print(f"{name:20}{rate:26.2f}{pure[name]:26.1f}{pure[name] / ideal / cores:26.0%}")
    rest = pure["all"] - ideal * cores - pure["decoding"]
    print(f"decoding {pure['decoding']:.1f} s, what is none of these {rest:.1f} s of a core; imports {one['imports']:.1f} s")
    print(f"\nideal {ideal:.1f} s (the sum of the three over {cores} cores); the engine {one['wall']:.1f} s of wall time")
    print(f"ratio {one['wall'] / ideal:.2f}, goal {GOAL_RATIO}; its processor time {one['processors'] / ideal / cores:.2f} of the sum")
    return one["wall"]


def two_encoders(case: Case, repeats: int) -> None:
    """And what the machine itself loses when all cores work, or others are at work on it too."""
    cores, two = core_count(), replace(case, encoders=2)

    def apart() -> dict[str, float]:
        found = in_processes(stages, case, cores)
        return {name: max(each[name] for each in found) for name in ("wall", "all")}

    calls = [alone(stages, case), apart, alone(heard, case), alone(heard, two), alone(stages, two)]
    single, crowd, first, both, parts = fastest(calls, repeats)
    print(f"\nunder {len(case.conditions)} of the conditions, {cores} processes that share nothing, each of which does everything:")
    print(f"{crowd['all'] / single['all']:.2f} of the processor time that one takes alone")
    print(f"ratio of the engine's wall time to theirs over {cores}: {first['wall'] * cores / crowd['wall']:.2f}")
    added, own = {kind: both[kind] - first[kind] for kind in ("wall", "processors")}, parts["encoder 1"]
    print(
        f"\na second encoder adds {added['wall']:.1f} s to {first['wall']:.1f} s, ratio {added['wall'] / own * cores:.2f} to its own passes"
    )
    print(f"and {added['processors']:.1f} s of processor time to {first['processors']:.1f} s, ratio {added['processors'] / own:.2f}")


def naive_loop(case: Case, repeats: int) -> None:
    conditions = [condition for condition in case.conditions if condition.corruption == NAIVE]
    if not conditions:
        return
    clips = case.clips[:: max(1, len(case.clips) // NAIVE_CLIPS)][:NAIVE_CLIPS]
    large = replace(case, conditions=conditions, encoders=2)
    small = replace(large, clips=clips, conditions=conditions[:NAIVE_SEVERITIES])
    many, single, engine = fastest([alone(naive, small), alone(naive_in_one_thread, small), alone(heard, large)], repeats)
    print(f"\n{NAIVE}, {TASKS} tasks, 2 encoders: ms for a second of audio under one condition")
    for name, loop in {"as many threads as torch likes": many, "one thread": single}.items():
        for kind in ("wall", "processors"):
            slow, quick = (
                found[kind] / total_length(of.clips) / len(of.conditions) * 1e3 for found, of in ((loop, small), (engine, large))
            )
            print(f"{kind:10} {slow:8.2f} in a naive loop with {name}, {quick:.2f} here, ratio {slow / quick:.1f}")


def memory(clips: Sequence[Clip], count: int, no_encoder: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        corruption = registry.load().get("corruption", CHEAP_CORRUPTION)
        conditions = [Condition(corruption.name, n, float(corruption.levels[n - 1]), corruption.unit) for n in (1, 2)]
        case = Case(long_clips(clips, count, Path(folder)), (), conditions, cheap=no_encoder)
        begun = time.perf_counter()
        peak, highest = peaks(heard, case)
    print(f"{count} clips of {LONG_SECONDS} s under {len(conditions)} conditions took {time.perf_counter() - begun:.0f} s")
    ok = "below" if peak < GOAL_BYTES else "ABOVE"
    print(f"peak of all processes together {peak / 1e9:.2f} GB (proportional set size), {ok} the goal of {GOAL_BYTES / 1e9:.0f} GB")
    first, *others = (resident / 1e9 for resident in highest)
    print(f"peak of the first process {first:.2f} GB, of each worker at most {max(others, default=0):.2f} GB, shared pages counted in each")


def long_clips(clips: Sequence[Clip], count: int, folder: Path) -> list[Clip]:
    """A few files of 30 s under many ids."""
    paths = []
    for number in range(LONG_FILES):
        parts = [read_audio(clip.path, LEAST_SAMPLE_RATE, clip.start, clip.duration) for clip in clips[number :: LONG_FILES * 4][:16]]
        paths.append(folder / f"{number}.wav")
        soundfile.write(paths[-1], np.resize(np.concatenate(parts), LONG_SECONDS * LEAST_SAMPLE_RATE), LEAST_SAMPLE_RATE)
    return [Clip(str(n), paths[n % LONG_FILES], "test", str(n)) for n in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--clips", type=int, default=40, help="0: all")
    parser.add_argument("--corruptions", default="all", help="or names, with commas between")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--memory", type=int, nargs="?", const=10_000, metavar="N")
    parser.add_argument("--cheap", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("MIRBENCH_QUIET", "1")
    clips = mini(given.cache)
    test = [clip for clip in clips if clip.split == "test"]
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    if given.memory:
        memory(test, given.memory, given.cheap)
    else:
        chosen = registry.load().resolve("corruption", given.corruptions.split(","))
        conditions = [Condition(c.name, n, float(level), c.unit) for c in chosen for n, level in enumerate(c.levels, start=1)]
        places = np.linspace(0, len(test) - 1, min(given.clips or len(test), len(test))).astype(int)
        background = [clip for clip in clips if clip.split == "train"]
        case = Case([test[place] for place in places], background, conditions)
        print(f"{len(case.clips)} clips, {total_length(case.clips):.0f} s, {len(conditions)} conditions, {core_count()} cores")
        taken = one_encoder(case, given.repeats)
        two_encoders(replace(case, conditions=conditions[::SHARE]), given.repeats)
        naive_loop(case, given.repeats)
        minutes = taken / total_length(case.clips) * total_length(test) / 60
        goal = f", goal {GOAL_MINUTES}" if given.corruptions == "all" else ""
        print(f"\nall {len(test)} test clips under these {len(conditions)} conditions: {minutes:.1f} minutes without scoring{goal}")
    print(f"load of the machine after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
