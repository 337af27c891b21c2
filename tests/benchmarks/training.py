"""Where a pretraining step spends its time, as ratios of the same run. Not a test: `OMP_NUM_THREADS=1 python tests/benchmarks/training.py
[BACKBONE ...]`.

Prints, for each backbone, a step against one of the authors' network, the share that forward and backward in float32 reach of what a
product of matrices does (the peak), with the operations that take the most, and what bfloat16 saves; then, of a real training on noise of
its own, views a second, its share of the peak, and the share of the time that the model waits for data, with batches made inline and by a
worker process. With one thread seconds are the processor's, to which other programs add little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch
from authors import AUTHORS
from timing import seconds
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

import mirbench
from mirbench import build_backbone, registry
from mirbench.engine.machine import keep_memory, native_bfloat16
from mirbench.settings.options import encoder_options

VIEWS = {"mel-cnn": 96, "mel-cnn-small": 96, "samplecnn": 16, "tune-plus": 16}
STEPS = {"mel-cnn": 30, "mel-cnn-small": 30, "samplecnn": 3, "tune-plus": 3}
OPERATIONS = 6  # that are named of a step
TURNS = 3
SAMPLES = 59_535
RATE = 22_050


def clips_in(folder: Path, count: int = 64) -> list[mirbench.Clip]:
    """Noise of 6 s in FLAC, as `mini` has its pretraining clips."""
    random = np.random.default_rng(0)
    found = []
    for i in range(count):
        path = folder / f"{i}.flac"
        soundfile.write(path, random.uniform(-0.3, 0.3, 6 * RATE), RATE)
        found.append(mirbench.Clip(str(i), path, "train", str(i), annotations={"genre": "ab"[i % 2]}))
    return found


def clock() -> float:
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def peak() -> float:
    """Operations a second of a product of matrices in float32."""
    matrix = torch.randn(2048, 2048)
    return 2 * 2048**3 / seconds(lambda: matrix @ matrix, 5, clock)


def step_of(name: str, network: torch.nn.Module) -> Callable[[], None]:
    """Forward and backward, in float32, of views as they come out of augmentation."""
    audio = torch.randn(VIEWS[name], SAMPLES) * 0.1
    bands = network.mel(audio).transpose(1, 2).contiguous() if hasattr(network, "mel") else None

    def step() -> None:
        network.zero_grad(set_to_none=True)
        out = network(audio) if bands is None else network.encode(bands.transpose(1, 2))
        out.square().mean().backward()

    return step


def of_peak(name: str) -> float:
    """Prints what a step reaches and what it is made of; operations of a view, forward and backward."""
    step = step_of(name, build_backbone(name).train())
    with FlopCounterMode(display=False) as counted:
        step()
    share = counted.get_total_flops() / seconds(step, 5, clock) / peak()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        step()
    operations = sorted(profiled.key_averages(), key=lambda each: -each.self_cpu_time_total)
    whole = sum(each.self_cpu_time_total for each in operations)
    told = ", ".join(f"{each.key.removeprefix('aten::')} {each.self_cpu_time_total / whole:.0%}" for each in operations[:OPERATIONS])
    print(f"{name}: {share:.0%} of the peak in float32, of which: {told}", flush=True)
    return float(counted.get_total_flops() / VIEWS[name])


def against_authors(name: str) -> None:
    """A step of Adam in processes of their own, by turns: ours as a run has it, theirs in plain torch, theirs with memory kept as well."""
    code = "import sys; sys.path.insert(0, {!r}); import training; training.steps_of({!r}, ours={}, kept={})"
    found: dict[tuple[bool, bool], list[float]] = {(True, True): [], (False, False): [], (False, True): []}
    for ours, kept in [*found] * TURNS:
        command = [sys.executable, "-c", code.format(str(Path(__file__).parent), name, ours, kept)]
        found[ours, kept].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    mine, bare, theirs_kept = (min(times) for times in found.values())
    print(
        f"{name}: a step of {VIEWS[name]} views in float32 takes {mine / bare:.2f} of the authors', {mine / theirs_kept:.2f} of theirs "
        "with memory kept",
        flush=True,
    )


def steps_of(name: str, ours: bool, kept: bool) -> None:
    if kept:
        keep_memory()
    network = (build_backbone(name) if ours else AUTHORS[name]()).train()
    step, optimiser = step_of(name, network), torch.optim.Adam(network.parameters(), 1e-4)
    print(seconds(lambda: (step(), optimiser.step()), 3, clock))


def precision(name: str) -> None:
    backbone = build_backbone(name).train()
    audio = torch.randn(VIEWS[name], SAMPLES) * 0.1

    def step(half: bool) -> float:
        begun = clock()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            out = backbone(audio)
        out.float().square().mean().backward()
        return clock() - begun

    single, half = (min(step(on) for _ in range(2)) for on in (False, True))
    print(f"{name}: forward and backward of {VIEWS[name]} waveforms {single * 1e3:.0f} ms in float32, {half * 1e3:.0f} ms in bfloat16 "
          f"({single / half:.1f} x; native here: {native_bfloat16()})", flush=True)  # fmt: skip


def waiting(name: str, augment: str, clips: list[mirbench.Clip], cache: Path, operations: float) -> None:
    encoder = registry.load().get("encoder", "simclr")
    chosen = {"backbone": name, "augment": augment, "batch_views": VIEWS[name], "steps": STEPS[name], "precision": "float32"}
    options = encoder_options(encoder, {"simclr": chosen})
    for workers in ("0", "1"):
        os.environ["MIRBENCH_WORKERS"] = workers
        folder = Path(tempfile.mkdtemp(dir=cache))
        job = mirbench.PretrainJob(clips, options, 0, folder, cache, "cpu")
        encoder.pretrain(job)
        speed = job.report["views_seen"] / job.report["seconds"]
        made = "inline" if workers == "0" else "by a worker"
        share = speed * operations / peak()
        print(
            f"{name}, {augment} views made {made}: {speed:.0f} views/s in float32, {share:.0%} of the peak, "
            f"waiting {job.report['waiting_share']:.1%}",
            flush=True,
        )


def keeping_memory(cache: Path) -> None:
    """A training in processes of their own, by turns, with `keep_memory` and without."""
    code = "import sys; sys.path.insert(0, {!r}); import training; training.train_once({!r}, {})"
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for kept in (False, True) * 3:
        command = [sys.executable, "-c", code.format(str(Path(__file__).parent), str(cache), kept)]
        seconds[kept].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(f"mel-cnn, memory kept: {min(seconds[True]) / min(seconds[False]):.2f} of the seconds without", flush=True)


def train_once(folder: str, kept: bool) -> None:
    if kept:
        keep_memory()
    encoder, path = registry.load().get("encoder", "simclr"), Path(folder)
    options = encoder_options(encoder, {"simclr": {"steps": 60}})
    job = mirbench.PretrainJob(clips_in(path), options, 0, Path(tempfile.mkdtemp(dir=path)), path, "cpu")
    encoder.pretrain(job)
    print(job.report["seconds"])


if __name__ == "__main__":
    os.environ["MIRBENCH_QUIET"] = "1"
    keep_memory()
    print(f"{torch.get_num_threads()} threads", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        clips = clips_in(Path(folder))
        (Path(folder) / "cache").mkdir()
        keeping_memory(Path(folder) / "cache")
        for name in sys.argv[1:] or VIEWS:
            if name in AUTHORS:
                against_authors(name)
            operations = of_peak(name)
            precision(name)
            for augment in ("bands", "waveform") if name.startswith("mel") else ("waveform",):
                waiting(name, augment, clips, Path(folder) / "cache", operations)
