"""Whether a GPU gives what a CPU gives, goes on where it was killed, and is shared; and whether several give what one gives."""

from __future__ import annotations

import csv
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from gpu_common import RATE, Given, Row, command, ended, noise_clips, options_of
from songs import songs

import mirbench
from mirbench import registry, semisupcon_loss
from mirbench.engine.machine import gpus_of
from mirbench.evaluation.embedding.windows import FrozenEncoder, embed_all
from mirbench.evaluation.probing.metrics import evaluate
from mirbench.evaluation.probing.probes import fit
from mirbench.pretraining.trainer import STATE
from mirbench.records import Predictions

SCORES, LOSSES = 1e-3, 1e-4  # differences that are none
VIEWS, COMPARED = 8192, 1024
METRICS = ("macro_average_precision", "macro_roc_auc")
NOTES = 6
TINY = """
import mirbench
from mirbench_plugins.datasets.mini import Mini, sizes

@mirbench.hookimpl
def register_datasets():
    return [Mini("tiny", "a few clips of mini", sizes.Size((6, 2, 3), (2, 1, 1), 0, 30))]
"""
SEVERAL = """
import sys
from mirbench import cli
from mirbench.engine import gpu_processes
from mirbench.experiment import execution

gpu_processes.LEAST_SECONDS = 0.0
if {pretend}:
    execution.gpus_of = lambda device: ["0", "1"]
sys.exit(cli.main(sys.argv[1:]))
"""
SMALL = ["--set", "options.semisupcon={steps: 12, batch_views: 16}", "--set", "bootstrap.resamples=50", "--corruptions", "white-noise",
         "--severities", "1", "--set", "maps=none"]  # fmt: skip


def loss(given: Given) -> Iterator[Row]:
    """The contrastive loss of 1,024 views as on a CPU in float64, and of 8,192, with its gradient, in the memory that there is."""
    draw = torch.Generator().manual_seed(0)
    few, classes = torch.randn(COMPARED, 128, generator=draw), torch.randint(0, 20, (COMPARED,), generator=draw)
    positives = (classes[:, None] == classes[None]).float()
    exact = semisupcon_loss(few.double(), positives.double())
    here = semisupcon_loss(few.to(given.device), positives.to(given.device))
    away = abs(float(here) - float(exact)) / float(exact)
    yield Row(f"{COMPARED:,} views against float64", f"{away:.1e} apart", f"<= {LOSSES:g}", away <= LOSSES)
    views = torch.randn(VIEWS, 128, generator=draw).to(given.device).requires_grad_()
    pairs = torch.block_diag(*[torch.ones(4, 4)] * (VIEWS // 4)).to(given.device)
    if given.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    begun = time.perf_counter()
    value = semisupcon_loss(views, pairs)
    value.backward()
    finite = bool(torch.isfinite(value)) and views.grad is not None and bool(torch.isfinite(views.grad).all())
    took = time.perf_counter() - begun
    peak = "" if given.device == "cpu" else f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB"
    yield Row(f"{VIEWS:,} views, forward and backward", f"{took:.2f} s{peak}", "finite", finite)


def _notes(count: int, length: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Clips of two of a few notes in noise, so many seconds long, and which notes, (clips, notes)."""
    draw, seconds = np.random.default_rng(0), np.arange(int(length * RATE)) / RATE
    targets = np.zeros((count, NOTES), np.int8)
    audio = []
    for row in targets:
        row[draw.choice(NOTES, 2, replace=False)] = 1
        tones = sum(np.sin(2 * np.pi * 220 * 2 ** (note / 3) * seconds) for note in np.flatnonzero(row))
        audio.append((0.1 * tones + 0.1 * draw.standard_normal(len(seconds))).astype(np.float32))
    return audio, targets


def equal_embeddings(given: Given) -> Iterator[Row]:
    """Scores of probes on embeddings of the device and of a CPU; where it pretends, of batches of other sizes."""
    count, length = (24, 1.0) if given.pretend else (240, 3.0)
    audio, targets = _notes(count, length)
    names, known = list(map(str, range(count))), registry.load()
    rows = {"train": slice(0, count // 2), "valid": slice(count // 2, 2 * count // 3), "test": slice(2 * count // 3, count)}
    for backbone in known.nouns("backbone"):
        encoder, options = options_of("untrained", {"backbone": backbone})
        found = []
        for device, batch in (("cpu", 8), (given.device, 32)):
            frozen = FrozenEncoder(backbone, encoder.load(None, options, 0, device), encoder.input(options))
            (matrix,) = embed_all(audio, names, [frozen], batch)
            parts = [part for split in ("train", "valid") for part in (matrix[rows[split]], targets[rows[split]])]
            classes = tuple(map(str, range(NOTES)))
            fitted = fit(*parts, target="multilabel", classes=classes, metric=METRICS[0], probe=known.get("probe", "linear"))
            of_test = tuple(names[rows["test"]])
            predictions = Predictions(of_test, of_test, classes, "multilabel", targets[rows["test"]], fitted.predict(matrix[rows["test"]]))
            found.append([evaluate(metric, predictions)[0] for metric in METRICS])
        away = float(np.abs(np.subtract(*found)).max())
        yield Row(backbone, f"{found[1][0]:.4f}, {away:.1e} apart", f"<= {SCORES:g}", away <= SCORES)


def _train(folder: Path, device: str, steps: int) -> None:
    options = {"backbone": "mel-cnn-small", "batch_views": 16, "steps": steps, "view_seconds": 0.6}
    encoder, options = options_of("simclr", options)
    clips = noise_clips(folder.parent / "clips", 24, 2.0)
    for name in ("made", "cache", "unfinished"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    job = mirbench.PretrainJob(clips, options, 0, folder / "made", folder / "cache", device, clips[:8], folder / "unfinished")
    encoder.pretrain(job)
    (folder / "report.json").write_text(json.dumps({name: job.report[name] for name in ("steps", "final_loss")}))


def resume_after_kill(given: Given) -> Iterator[Row]:
    """A training that is killed when it has a state, and goes on, against one that was not killed."""
    steps, start = 20 if given.pretend else 200, multiprocessing.get_context("spawn").Process
    place = given.place("resume")
    whole, killed = place / "whole", place / "killed"
    whole_training = start(target=_train, args=(whole, given.device, steps))
    whole_training.start()
    whole_training.join()
    training = start(target=_train, args=(killed, given.device, steps))
    training.start()
    while training.is_alive() and not (killed / "unfinished" / STATE).exists():
        time.sleep(0.01)
    os.kill(training.pid or 0, signal.SIGKILL)
    training.join()
    stopped = not (killed / "report.json").exists()
    again = start(target=_train, args=(killed, given.device, steps))
    again.start()
    again.join()
    losses = [json.loads((folder / "report.json").read_text())["final_loss"] for folder in (whole, killed)]
    wanted = 0.0 if given.device == "cpu" else 0.02 * abs(losses[0])
    right = stopped and abs(losses[0] - losses[1]) <= wanted
    yield Row("killed once, final loss", f"{losses[1]:.5f}", f"{losses[0]:.5f} within {wanted:.3f}, and killed before the end", right)


def _scores(folder: Path) -> dict[tuple[str, ...], float]:
    with (folder / "scores.csv").open(newline="") as file:
        named = ("encoder", "task", "dataset", "metric", "corruption", "severity", "seed")
        return {tuple(row[name] for name in named): float(row["value"] or "nan") for row in csv.DictReader(file)}


def _only(folder: Path) -> Path:
    (found,) = (path for path in folder.iterdir() if path.is_dir())
    return found


def two_processes(given: Given) -> Iterator[Row]:
    """The same run by two processes at one time, on one device and one cache; each ends well, and both have one result."""
    place, cache = given.place("two"), given.folder / "cache"
    (place / "tiny.py").write_text(TINY)
    words = ["run", "--plugin", str(place / "tiny.py"), "--dataset", "tiny", "--encoder", "semisupcon", "--device", given.device, *SMALL]
    begun = [command(*words, "--output", str(place / name), cache=cache) for name in ("one", "other")]
    for process in begun:
        ended(process)
    one, other = (_scores(_only(place / name)) for name in ("one", "other"))
    same = one.keys() == other.keys() and all(np.array_equal(one[key], other[key], equal_nan=True) for key in one)
    yield Row("two runs at once", f"{len(one)} scores", "the same scores", same and len(one) > 0)


def several_gpus(given: Given) -> Iterator[Row]:
    """The same run on one GPU and on all that are like it; where it pretends, by two processes on a CPU."""
    gpus = ["0", "1"] if given.pretend else gpus_of(given.device)
    if len(gpus) < 2:
        yield Row("embedding on several", "one GPU, not checked", "the same scores", None)
        return
    place = given.place("several")
    words = ["run", "--dataset", str(songs(place, 1.0)), "--encoder", "untrained", "--tasks", "genre", "--device", given.device]
    words += ["--corruptions", "none", "--set", "floors=none", "--set", "maps=none", "--set", "bootstrap.resamples=50"]
    found, said = [], ""
    for name, seen in (("one", gpus[:1]), ("all", gpus)):
        whole = [sys.executable, "-c", SEVERAL.format(pretend=given.pretend and len(seen) > 1), *words, "--output", str(place / name)]
        environment = {
            **os.environ,
            "MIRBENCH_CACHE": str(place / f"cache-{name}"),
            "CUDA_VISIBLE_DEVICES": ",".join(seen),
            "MIRBENCH_QUIET": "0",
        }
        process = subprocess.Popen(whole, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = ended(process)
        found.append(_scores(_only(place / name)))
    shared = f"{len(gpus)} GPUs are used, with a process each" in said
    away = max(abs(found[0][key] - found[1].get(key, math.inf)) for key in found[0] if not math.isnan(found[0][key]))
    right = shared and found[0].keys() == found[1].keys() and away <= SCORES
    what = f"{len(found[0])} scores, {away:.1e} apart" if shared else "one GPU was used"
    yield Row(f"embedding on {len(gpus)}", what, f"<= {SCORES:g}", right)


def default_run(given: Given) -> Iterator[Row]:
    """`mirbench run --encoder semisupcon --tasks all`; where it pretends, on a few clips and for a few steps."""
    place, cache = given.place("default"), given.folder / "cache"
    (place / "tiny.py").write_text(TINY)
    small = ["--plugin", str(place / "tiny.py"), "--dataset", "tiny", *SMALL] if given.pretend else []
    ended(
        command(
            "run",
            "--encoder",
            "semisupcon",
            "--tasks",
            "all",
            "--device",
            given.device,
            *small,
            "--output",
            str(place / "runs"),
            cache=cache,
        )
    )
    folder = _only(place / "runs")
    scores = _scores(folder)
    tasks = {key[1] for key in scores}
    there = all((folder / name).exists() for name in ("report.html", "manifest.json", "costs.csv"))
    yield Row("end to end", f"{len(scores)} scores of {len(tasks)} tasks", "report, manifest and costs", there and len(tasks) >= 4)
