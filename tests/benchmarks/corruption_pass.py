"""What the corruption pass of the default run is made of. Not a test: `OMP_NUM_THREADS=1 python tests/benchmarks/corruption_pass.py`.

Made-up clips of 6 s under four corruptions at severities 1, 3 and 5, embedded by two networks and the handcrafted floor, all in this
process and with one thread. Prints the processor time of each part, what a floor costs of the network that it stands under (the goal: at
most 1), and the share of the peak: the time that a matrix product takes for as many operations as the networks have, over the time of the
whole pass (the goal: .35). Parts take turns, and the fastest of each counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from mirbench import registry
from mirbench.engine.machine import keep_memory
from mirbench.evaluation.embedding.corruption import corrupt
from mirbench.evaluation.embedding.windows import windows
from mirbench.records import Condition

RATE, SECONDS, CLIPS, SEVERITIES = 22_050, 6.0, 29, (1, 3, 5)  # 29 of 6 s are a chunk
CORRUPTIONS = ("white-noise", "background-music", "low-pass", "reverberation")
PEAK_SIZE = 1024
GOAL_SHARE, GOAL_FLOOR = 0.35, 1.0


def fastest(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Seconds of processor of each, of which the first call is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            begun = time.process_time()
            call()
            if turn:
                taken[name].append(time.process_time() - begun)
    return {name: min(each) for name, each in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--backbone", default="mel-cnn")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()  # as every command does
    found, draw = registry.load(), np.random.default_rng(0)
    clips = [(draw.standard_normal(round(RATE * SECONDS)) * 0.1).astype(np.float32) for _ in range(CLIPS)]
    network = found.get("encoder", "untrained")
    embed: Any = network.load(None, {**network.options, "backbone": given.backbone}, 0, "cpu")
    handcrafted = found.get("encoder", "handcrafted").load(None, {}, 0, "cpu")
    cut = np.concatenate([windows(clip, round(network.window_seconds * RATE)) for clip in clips])[:64]
    shown = embed.front(cut)
    with FlopCounterMode(display=False) as counted:
        embed.encode(shown)
    left, right = torch.randn(2, PEAK_SIZE, PEAK_SIZE)

    def corrupted(name: str, severity: int) -> Callable[[], None]:
        corruption = found.get("corruption", name)
        condition = Condition(name, severity, float(corruption.levels[severity - 1]), corruption.unit)
        others = np.stack(clips[: max(1, corruption.others)])
        return lambda: [corrupt(corruption, condition, clip, RATE, "clip", 0, lambda *_: others) for clip in clips[:5]] and None

    calls: dict[str, Callable[[], Any]] = {"peak": lambda: left @ right, "handcrafted": lambda: handcrafted(np.stack(clips[:5]))}
    calls |= {"front end": lambda: embed.front(cut), "network": lambda: embed.encode(shown)}
    calls |= {f"{name}-{severity}": corrupted(name, severity) for name in CORRUPTIONS for severity in SEVERITIES}
    spent = fastest(calls, given.repeats)
    peak = 2 * PEAK_SIZE**3 / spent.pop("peak")
    audio = {name: cut.size / RATE if name in ("front end", "network") else 5 * SECONDS for name in spent}
    a_second = {name: seconds / audio[name] * 1e3 for name, seconds in spent.items()}
    of_corruptions = [a_second[name] for name in calls if name.rpartition("-")[2].isdigit()]
    parts = {"corruption, with its checks": float(np.mean(of_corruptions)), "front end, shared": a_second["front end"]}
    parts |= {"two networks": 2 * a_second["network"], "handcrafted": a_second["handcrafted"]}
    whole, ideal = sum(parts.values()), 2 * counted.get_total_flops() / (cut.size / RATE) / peak * 1e3
    print(f"{given.backbone}; a matrix product makes {peak / 1e9:.0f} GFLOP/s; ms of a core for a second of audio under a condition")
    for name, milliseconds in parts.items():
        print(f"{name:30}{milliseconds:8.2f}{milliseconds / whole:8.0%}")
    alone = a_second["front end"] + a_second["network"]
    print(f"handcrafted over the network and its front end: {a_second['handcrafted'] / alone:.2f}, goal {GOAL_FLOOR:g}")
    print(f"share of the peak: {ideal / whole:.2f}, goal {GOAL_SHARE}; of the networks alone {ideal / 2 / a_second['network']:.2f}")


if __name__ == "__main__":
    main()
