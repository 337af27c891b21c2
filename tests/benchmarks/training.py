"""Where a pretraining step spends its time, as ratios of the same run. Not a test: `python tests/benchmarks/training.py [BACKBONE ...]`.

Prints, for each backbone, what bfloat16 saves in forward and backward, and then, of a real training on noise of its own, views a second
and the share of the time that the model waits for data, with batches made inline and by a worker process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

import mirbench
from mirbench import build_backbone, registry
from mirbench.engine.machine import keep_memory, native_bfloat16
from mirbench.settings.options import encoder_options

VIEWS = {"mel-cnn": 96, "mel-cnn-small": 96, "samplecnn": 32, "tune-plus": 32}
STEPS = {"mel-cnn": 30, "mel-cnn-small": 30, "samplecnn": 3, "tune-plus": 3}
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


def precision(name: str) -> None:
    backbone = build_backbone(name).train()
    audio = torch.randn(VIEWS[name], SAMPLES) * 0.1

    def step(half: bool) -> float:
        begun = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            out = backbone(audio)
        out.float().square().mean().backward()
        return time.perf_counter() - begun

    single, half = (min(step(on) for _ in range(2)) for on in (False, True))
    print(f"{name}: forward and backward of {VIEWS[name]} waveforms {single * 1e3:.0f} ms in float32, {half * 1e3:.0f} ms in bfloat16 "
          f"({single / half:.1f} x; native here: {native_bfloat16()})", flush=True)  # fmt: skip


def waiting(name: str, augment: str, clips: list[mirbench.Clip], cache: Path) -> None:
    encoder = registry.load().get("encoder", "simclr")
    chosen = {"backbone": name, "augment": augment, "batch_views": VIEWS[name], "steps": STEPS[name]}
    options = encoder_options(encoder, {"simclr": chosen})
    for workers in ("0", "1"):
        os.environ["MIRBENCH_WORKERS"] = workers
        folder = Path(tempfile.mkdtemp(dir=cache))
        job = mirbench.PretrainJob(clips, options, 0, folder, cache, "cpu")
        encoder.pretrain(job)
        speed = job.report["views_seen"] / job.report["seconds"]
        made = "inline" if workers == "0" else "by a worker"
        print(f"{name}, {augment} views made {made}: {speed:.0f} views/s, waiting {job.report['waiting_share']:.1%}", flush=True)


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
    with tempfile.TemporaryDirectory() as folder:
        clips = clips_in(Path(folder))
        (Path(folder) / "cache").mkdir()
        keeping_memory(Path(folder) / "cache")
        for name in sys.argv[1:] or VIEWS:
            precision(name)
            for augment in ("bands", "waveform") if name.startswith("mel") else ("waveform",):
                waiting(name, augment, clips, Path(folder) / "cache")
