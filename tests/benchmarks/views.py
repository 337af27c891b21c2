"""What 64 augmented views of 2.7 s cost, stage by stage, beside the same chain in audiomentations in the same run. Not a test:
`python tests/benchmarks/views.py`. All figures are milliseconds for 64 views, the fastest of a few.

The last line is the one that counts: batches as pretraining gets them, cut from the decoded material and augmented by two worker
processes of one thread each, against the reference chain, which decodes and augments view by view on the same two cores.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import audiomentations as a
import numpy as np
import soundfile
import torch

import mirbench
from mirbench.pretraining.effects import butterworth, coloured_noise, delay, gain
from mirbench.pretraining.material import Material, load_material
from mirbench.pretraining.objectives import PairTruth
from mirbench.pretraining.pitch_shift import pitch_shift
from mirbench.pretraining.sampling import Sampler
from mirbench.pretraining.stream import ViewStream
from mirbench.pretraining.supervision import LabelTable
from mirbench.pretraining.waveform_views import WaveformViews

VIEWS, SAMPLES, RATE, CLIPS = 64, 59_535, 22_050, 64
SHARES = {"gain": 0.32, "polarity": 0.48, "noise": 0.48, "filter": 0.24, "pitch shift": 0.48, "delay": 0.48}  # of the views, at severity 1


def fastest(call: Callable[[], object], repeats: int = 5) -> float:
    call()
    found = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return min(found) * 1e3


def clips_in(folder: Path) -> list[mirbench.Clip]:
    draw = np.random.default_rng(0)
    found = []
    for i in range(CLIPS):
        path = folder / f"{i}.flac"
        soundfile.write(path, 0.2 * np.sin(np.arange(8 * RATE) * draw.uniform(0.03, 0.3)) + draw.normal(0, 0.02, 8 * RATE), RATE)
        found.append(mirbench.Clip(str(i), path, "train", str(i)))
    return found


def stages(material: Material, threads: int) -> None:
    torch.set_num_threads(threads)
    draw = torch.Generator().manual_seed(0)
    which, starts = torch.arange(VIEWS) % CLIPS, torch.randint(100_000, (VIEWS,), generator=draw)
    audio = material.cut(which, starts, torch.ones(VIEWS), SAMPLES)

    def of(share: str) -> tuple[torch.Tensor, Any]:
        count = round(SHARES[share] * VIEWS)
        return audio[:count], lambda low, high: low + (high - low) * torch.rand(count, generator=draw)

    (x0, u0), (x1, _), (x2, u2), (x3, u3), (x4, u4), (x5, u5) = (of(name) for name in SHARES)
    kinds, orders = torch.arange(len(x3)) % 4, 2 + torch.arange(len(x3)) % 3
    calls: dict[str, Callable[[], object]] = {
        "cut": lambda: material.cut(which, starts, torch.ones(VIEWS), SAMPLES),
        "gain": lambda: gain(x0, u0(-15, 5)),
        "polarity": lambda: -x1,
        "noise": lambda: coloured_noise(x2, u2(3, 30), u2(-2, 2), draw, RATE),
        "filter": lambda: butterworth(x3, kinds, orders, u3(200, 1000), u3(1100, 4000), RATE),
        "pitch shift": lambda: pitch_shift(x4, u4(-4, 4)),
        "delay": lambda: delay(x5, u5(0.1, 0.5), u5(0.4, 0.6), torch.full((len(x5),), 2), u5(0.5, 0.5), RATE),
    }
    parts = {name: fastest(call) for name, call in calls.items()}
    steps = iter(range(10**6))
    whole = fastest(lambda: WaveformViews(1.0, RATE)(audio, torch.Generator().manual_seed(next(steps))), 12)
    print(f"{threads} thread{'s' if threads > 1 else ''}: " + ", ".join(f"{name} {ms:.0f}" for name, ms in parts.items()) +
          f"; the chain as it falls {whole:.0f} at best", flush=True)  # fmt: skip


def chain() -> Any:
    return a.Compose([a.Gain(-15, 5, p=0.4), a.PolarityInversion(p=0.6), a.AddColorNoise(3, 30, -2, 2, p=0.6), a.OneOf([
        a.BandPassFilter(200, 4000, 0.5, 1.99, p=0.3), a.BandStopFilter(200, 4000, 0.5, 1.99, p=0.3), a.HighPassFilter(200, 2400, p=0.3),
        a.LowPassFilter(150, 7500, p=0.3)]), a.PitchShift(-4, 4, p=0.6)], p=0.8)  # fmt: skip


def reference(paths: list[str]) -> float:
    """Seconds to read and augment a view of each file, as a loader does that knows no batches; without the echo, which it lacks."""
    random.seed(0)
    np.random.seed(0)
    apply, begun = chain(), time.perf_counter()
    for path in paths:
        audio = mirbench.read_audio(path, RATE, 1.0, SAMPLES / RATE)
        apply(audio, RATE)
    return time.perf_counter() - begun


def pipeline(material: Material, workers: int) -> float:
    """Milliseconds a batch of 64 views, by so many workers, when the model takes no time."""
    sampler = Sampler(torch.arange(0), torch.arange(CLIPS), material.lengths, VIEWS, 2, 0.0, SAMPLES, 0)
    stream = ViewStream(sampler, material, WaveformViews(1.0, RATE), PairTruth(LabelTable(material.clips, ()), True))
    loader = stream.loader(range(60), workers)
    for _ in range(20):
        next(loader)
    begun = time.perf_counter()
    for _ in range(40):
        next(loader)
    return (time.perf_counter() - begun) / 40 * 1e3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clips = clips_in(Path(folder))
        material = load_material(clips, RATE, Path(folder) / "cache")
        for threads in (1, 2):
            stages(material, threads)
        torch.set_num_threads(1)
        paths = [str(clip.path) for clip in clips]
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(reference, [paths[:4], paths[:4]]))
            begun = time.perf_counter()
            list(pool.map(reference, [paths[::2], paths[1::2]]))
            slow = (time.perf_counter() - begun) * 1e3
        fast = pipeline(material, 2)
    print(f"two workers: {fast:.0f} ms for 64 views; audiomentations, decoding each, in two processes {slow:.0f} ms: {slow / fast:.1f} x")


if __name__ == "__main__":
    sys.exit(main())
