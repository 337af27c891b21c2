"""What 64 views of 2.7 s cost, by stage, beside the same effects in audiomentations in the same run. Not a test:
`python tests/benchmarks/views.py`.

Milliseconds for 64 views at severity 1, the fastest of several: other work on the machine only ever adds. A stage is timed on as many
views as it falls on in the mean; `all` is the chain as its chances fall, the mean of eight batches. audiomentations has no echo and
works view by view, on the same audio, in one thread.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import audiomentations as a
import numpy as np
import torch
from timing import seconds
from torch import Tensor

from mirbench.pretraining.views import effects
from mirbench.pretraining.views.audio_cache import AudioCache
from mirbench.pretraining.views.pitch_shift import pitch_shift
from mirbench.pretraining.views.waveforms import WaveformViews

VIEWS, SAMPLES, RATE, CLIPS, BATCHES = 64, 59_535, 22_050, 64, 8
SHARES = {"noise": 0.48, "filter": 0.24, "pitch shift": 0.48, "echo": 0.48}  # of the views
GOAL, REFERENCE = 160, 1600  # ms; the goal on two cores, and what the authors' pipeline takes on two cores


def fastest(call: Callable[[], object], repeats: int = 7) -> float:
    """Milliseconds."""
    return seconds(call, repeats) * 1e3


def decoded(folder: Path) -> AudioCache:
    """Clips of 8 s as pretraining keeps them, 16-bit samples in a memory-mapped file."""
    draw, time_ = np.random.default_rng(0), np.arange(8 * RATE) / RATE
    path = folder / "frames.bin"
    with open(path, "wb") as file:
        for _ in range(CLIPS):
            notes = sum(np.sin(2 * np.pi * hertz * time_) for hertz in draw.uniform(80, 2000, 8))
            file.write((1500 * (notes + draw.standard_normal(8 * RATE))).clip(-32_767, 32_767).astype(np.int16).tobytes())
    return AudioCache(path, 0, (), torch.full((CLIPS,), 8 * RATE), {})


def stages(cut: Callable[[], Tensor]) -> dict[str, float]:
    draw, audio = torch.Generator().manual_seed(0), cut()

    def some(name: str) -> tuple[Tensor, Callable[[float, float], Tensor]]:
        count = round(SHARES[name] * VIEWS)
        return audio[:count], lambda low, high: torch.linspace(low, high, count)

    (noisy, n), (filtered, f), (moved, p), (echoed, e) = (some(name) for name in SHARES)
    kinds, orders = torch.arange(len(filtered)) % 2 == 0, 2 + torch.arange(len(filtered)) % 3
    repeats = torch.arange(len(echoed)) % 3 + 1
    views, seeds = WaveformViews(1.0, RATE), range(BATCHES)
    calls: dict[str, Callable[[], object]] = {
        "cut": cut,
        "gain": lambda: effects.gain(audio, torch.linspace(-15, 5, VIEWS)),
        "noise": lambda: effects.add_coloured_noise(noisy, n(3, 30), n(-2, 2), RATE, draw),
        "filter": lambda: effects.butterworth(filtered, f(0, 1000), f(1100, 4000), kinds, orders, RATE),
        "pitch shift": lambda: pitch_shift(moved, p(-4, 4)),
        "echo": lambda: effects.echo(echoed, e(0.1, 0.5), e(0.3, 0.7), repeats, e(0.3, 0.7), RATE),
    }
    found = {name: fastest(call) for name, call in calls.items()}
    found["all"] = float(np.mean([fastest(lambda seed=seed: views(cut(), torch.Generator().manual_seed(seed)), 3) for seed in seeds]))
    return found


def twins() -> tuple[dict[str, Any], Any]:
    """audiomentations: single effects, and the chain of them."""
    decay = 20 * np.log10(2)
    filters = [a.LowPassFilter(150, 7500, p=0.3), a.HighPassFilter(200, 2400, p=0.3), a.BandPassFilter(200, 4000, 0.5, 1.99, p=0.3),
               a.BandStopFilter(200, 4000, 0.5, 1.99, p=0.3)]  # fmt: skip
    each = {"noise": a.AddColorNoise(3, 30, -decay, decay, p=0.6), "filter": a.OneOf(filters),
            "pitch shift": a.PitchShift(-4, 4, p=0.6)}  # fmt: skip
    return each, a.Compose([a.Gain(-15, 5, p=0.4), a.PolarityInversion(p=0.6), *each.values()], p=0.8)


def reference(cut: Callable[[], Tensor]) -> dict[str, float]:
    audio, (each, _) = cut().numpy(), twins()
    found: dict[str, float] = {}
    for name, effect in each.items():
        effect.p = 1.0
        for member in getattr(effect, "transforms", ()):
            member.p = 1.0
        found[name] = fastest(lambda effect=effect: [effect(row, RATE) for row in audio[:8]], 3) / 8 * VIEWS * SHARES[name]
    _, chain = twins()
    random.seed(0)
    np.random.seed(0)
    found["all"] = fastest(lambda: [chain(row, RATE) for _ in range(2) for row in audio], 3) / 2
    return found


def line(what: str, found: dict[str, float]) -> str:
    return f"{what:16}" + ", ".join(f"{name} {ms:.1f}" for name, ms in found.items())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        audio_cache, draw = decoded(Path(folder)), torch.Generator().manual_seed(0)
        starts = torch.randint(8 * RATE - SAMPLES, (VIEWS,), generator=draw)

        def cut() -> Tensor:
            return audio_cache.cut(torch.arange(VIEWS) % CLIPS, starts, torch.ones(VIEWS), SAMPLES)

        for threads in (2, 1):
            torch.set_num_threads(threads)
            ours = stages(cut)
            print(line(f"{threads} thread{'s' * (threads > 1)}", ours), flush=True)
        theirs = reference(cut)
    print(line("audiomentations", theirs))
    print("times as fast   " + ", ".join(f"{name} {theirs[name] / ours[name]:.1f}" for name in theirs))
    print(f"{ours['all']:.0f} ms for 64 views in one thread; the goal is {GOAL}, the authors' pipeline takes {REFERENCE} in two")


if __name__ == "__main__":
    main()
