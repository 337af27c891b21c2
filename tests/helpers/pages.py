"""A run folder with everything that a page shows: corruption, predictions, maps and sounds; of made-up numbers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
from synthetic import CORRUPTIONS, FAMILIES, FLOORS, SEEN, TASKS, a_manifest, a_row, a_sweep, by_families

from mirbench.records import Predictions
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import ALL_TABLES, TABLES

HOSTILE = "<script>alert('clip')</script>"
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in ("C", "G", "D"))
CLASSES = {"tagging": ("piano", "drums", "slow"), "key": KEYS, "pitch": ("59", "60", "61", "72"), "genre": ("rock", "jig")}
TARGETS = {"tagging": "multilabel"}


def mp3(seconds: float = 0.3) -> bytes:
    file = io.BytesIO()
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(round(22050 * seconds)) / 22050)
    soundfile.write(file, tone, 22050, format="MP3", subtype="MPEG_LAYER_III")
    return file.getvalue()


def predictions(task: str, clips: tuple[str, ...], seed: int) -> Predictions:
    random = np.random.default_rng(seed)
    classes, target = CLASSES[task], TARGETS.get(task, "multiclass")
    shape = (len(clips), len(classes)) if target == "multilabel" else len(clips)
    targets = random.integers(0, 2 if target == "multilabel" else len(classes), shape)
    if target == "regression":
        targets = random.normal(size=(len(clips), len(classes)))
    return Predictions(clips, clips, classes, target, targets, random.normal(size=(len(clips), len(classes))).astype(np.float32))


def whole_run(
    path: Path, encoders=("semisupcon", "simclr"), corruptions=CORRUPTIONS, seeds=3, clips=24, listened=True, severities=(1, 3, 5)
) -> Path:
    """Writes it; returns its folder. listened: whether it has sounds, each the same."""
    run, ids = RunFolder.create(path), (HOSTILE, *(f"clip-{i:03d}" for i in range(1, clips)))
    families = FAMILIES if corruptions is CORRUPTIONS else {f"family-{i}": list(corruptions)[i::4] for i in range(4)}
    manifest = a_manifest(encoders, corruptions, skipped=[], failed=[], families=families, seen_families=SEEN)
    for task, about in manifest["tasks"].items():
        about |= {"annotation": {"tagging": "tags"}.get(task, task), "target": TARGETS.get(task, "multiclass"), "dataset": {"mini": {}}}
    for name, about in manifest["encoders"].items():
        about |= {"seeds": list(range(seeds)), "description": f"what {name} is"}
    rows = a_sweep(encoders, corruptions, skipped=[], seeds=seeds, severities=severities)
    rows = by_families(rows) if corruptions is CORRUPTIONS else rows
    for row in (*rows["summary"], *rows["robustness"]):
        row["by_seed"] = " ".join(f"{row['value'] + 0.01 * (k - 1):.4f}" for k in range(seeds))
    numbers = {"ci_low": 0.0, "ci_high": 0.1, "detectable": 0.03}
    rows["comparisons"] = [
        a_row("comparisons", encoder=one, baseline=other, task=task, metric=metric, difference=0.02 * (k + 1), **numbers)
        for task, metric in TASKS.items()
        for i, one in enumerate(encoders)
        for k, other in enumerate([*encoders[i + 1 :], *FLOORS])
    ]  # fmt: skip
    for name, schema in TABLES.items():
        run.write(name, schema.frame(rows.get(name, [])))
    names = [*encoders, *FLOORS[:2]]
    for i, name in enumerate(names):
        for task in TASKS:
            for seed in range(seeds):
                run.write_predictions(name, "mini", task, seed, predictions(task, ids, 100 * i + seed))
    random = np.random.default_rng(0)
    points = [
        {"dataset": "mini", "encoder": n, "clip": clip, "x": x, "y": y}
        for n in names
        for clip, (x, y) in zip(ids, random.normal(size=(clips, 2)), strict=True)
    ]
    run.write("maps", ALL_TABLES["maps"].frame(points))
    said = [("genre", ["rock", "jig"]), ("pitch", ["59", "60"]), ("tags", ["piano|slow", "drums"])]
    labels = [{"dataset": "mini", "clip": c, "group": c, "annotation": a, "label": of[i % 2]} for a, of in said for i, c in enumerate(ids)]
    run.write("clips", ALL_TABLES["clips"].frame(labels))
    silhouettes = {a: {"embedding": 0.1, "map": 0.2} for a, _ in said}
    manifest["maps"] = {"mini": {"method": "tsne", "encoders": {n: {"trustworthiness": 0.9, "silhouettes": silhouettes} for n in names}}}
    manifest |= {
        "command": "mirbench run",
        "date": "2026-01-01 12:00 UTC",
        "key": "abc",
        "config": {"seeds": 3},
        "timings": {"checkpoints: x": 90.0},
    }
    if listened:
        conditions = [
            ("clean", 0, np.nan, ""),
            *(
                (n, s, about["levels"][s - 1], about["unit"])
                for n, about in corruptions.items()
                for s in severities
                if s <= len(about["levels"])
            ),
        ]
        (run.path / "sounds").mkdir()
        heard = [(clip, *each) for clip in ids for each in (conditions if clip == HOSTILE else conditions[:1])]
        sounds = [
            {"dataset": "mini", "clip": c, "corruption": n, "severity": s, "level": v, "unit": u, "seconds": 0.3, "file": f"{i:04d}.mp3"}
            for i, (c, n, s, v, u) in enumerate(heard)
        ]
        for each in sounds:
            (run.path / "sounds" / each["file"]).write_bytes(mp3())
        run.write("sounds", ALL_TABLES["sounds"].frame(sounds))
    run.write_manifest(manifest)
    return run.path
