"""The steps that `growth.py` measures: each function prepares a size and returns what is to be measured, importing that alone."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from mirbench import registry as registries
from mirbench.engine.machine import core_count
from mirbench.records import Clip, Condition, Predictions
from mirbench.settings.config import RunConfig, load_config

PLUGIN = Path(__file__).with_name("growth_plugin.py")
RATE, SAMPLES, BYTES = 22_050, 1_100, 2_244  # of a tiny file
MOST_FILES = 100_000  # that are written; clips of more are simulated
MOST_LINES = 5_000_000  # of one manifest, as mirbench allows
METRICS = ("macro_average_precision", "macro_roc_auc")
SCORED_RESAMPLES, RESAMPLES = 100, 1000
PER_GROUP, PER_CLIP = 10, 3  # clips of an artist, tags of a clip
_SIMULATED = "simulated"
Call = Callable[[], object]


@dataclass(frozen=True)
class Size:
    clips: int = 1000
    encoders: int = 1
    conditions: int = 0
    labels: int = 50
    seeds: int = 1

    @property
    def simulated(self) -> bool:
        return self.clips > MOST_FILES


def name_of(number: int) -> str:
    return f"{number // 1000:05d}/{number:08d}.wav"


def manifests(work: Path, size: Size) -> list[Path]:
    """One for each five million clips, or less of them."""
    return [_manifest(work, size, range(first, min(first + MOST_LINES, size.clips))) for first in range(0, size.clips, MOST_LINES)]


def _manifest(work: Path, size: Size, numbers: range) -> Path:
    """A line a clip, with artist, duration, genre and tags; files of noise beside it, or none where the decoder is simulated."""
    path = work / f"clips-{size.clips}-labels-{size.labels}{f'-from-{numbers.start}' if numbers.start else ''}.csv"
    if not path.exists():
        draw, folder = random.Random(numbers.start), _SIMULATED if size.simulated else "audio"
        tags = [f"tag {number:05d}" for number in range(size.labels)]
        with path.with_suffix(".part").open("w") as file:
            file.write("path,artist,duration,genre,tags\n")
            for number in numbers:
                artist, chosen = number // PER_GROUP, sorted(draw.sample(tags, PER_CLIP))
                file.write(f"{folder}/{name_of(number)},artist {artist},{SAMPLES / RATE:.4f},genre {artist % 7},{'|'.join(chosen)}\n")
        if not size.simulated:
            _audio(work, size.clips)
        path.with_suffix(".part").rename(path)
    return path


def _audio(work: Path, clips: int) -> None:
    for number in range(clips):
        path = work / "audio" / name_of(number)
        if number % 1000 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            samples = np.random.default_rng(number).uniform(-0.3, 0.3, SAMPLES)
            soundfile.write(path, samples, RATE, subtype="PCM_16")


def simulate(step: str) -> None:
    """Files of the folder `simulated` are there, whole, and noise, without a disk that holds them."""
    from mirbench.data import scans

    real_stat, status = os.stat, os.stat_result((0o100644, 0, 1, 1, 0, 0, BYTES, 0, 0, 0))

    def stat(path: Any, *more: Any, **named: Any) -> os.stat_result:
        if isinstance(path, int) or f"/{_SIMULATED}/" not in os.fspath(path):
            return real_stat(path, *more, **named)
        number = int(os.path.basename(os.fspath(path))[:8])
        return os.stat_result((*status[:1], number + 1, *status[2:]))

    noise = np.random.default_rng(0).uniform(-0.3, 0.3, SAMPLES).astype(np.float32)
    os.stat = stat
    scans._scan_file = lambda path: scans.Scan("", SAMPLES / RATE, RATE, 1, "WAV")
    if step == "embedding":
        from mirbench.evaluation.embedding import passes

        passes.read_or_why = lambda clip, rates: dict.fromkeys(rates, noise)


def settings(work: Path, size: Size) -> RunConfig:
    corruptions = -(-size.conditions // 5)
    flags = {
        "datasets": [str(path) for path in manifests(work, size)],
        "encoders": [f"trivial-{number + 1}" for number in range(size.encoders)],
        "floors": [],
        "tasks": ["tagging"],
        "corruptions": [f"quieter-{number + 1}" for number in range(corruptions)],
        "severities": list(range(1, min(5, max(1, size.conditions)) + 1)),
        "seeds": size.seeds,
        "output": str(work / "results"),
    }
    return load_config(overrides=[f"bootstrap.resamples={SCORED_RESAMPLES}", "maps=none", "sounds=false"], flags=flags)


def planning(work: Path, size: Size) -> Call:
    from mirbench.experiment.resolve.resolve import settle
    from mirbench.experiment.run import plan

    registry = registries.load([str(PLUGIN)])
    config = settings(work, size)
    return lambda: plan(settle(config, registry), registry, work / "cache")


def checking(work: Path, size: Size) -> Call:
    """Without listening, which decodes every clip; of headers that have not been looked at before."""
    from mirbench.experiment.check import check

    registry = registries.load([str(PLUGIN)])
    config = settings(work, size)
    shutil.rmtree(work / "unseen", ignore_errors=True)
    return lambda: check(config, registry, work / "unseen", listen=False)


def embedding(work: Path, size: Size) -> Call:
    """From clips to the stored files, of every encoder, clean and under each condition."""
    from mirbench.evaluation.embedding import passes
    from mirbench.evaluation.embedding.partial import PartialEmbeddings

    registry, config = registries.load([str(PLUGIN)]), settings(work, size)
    folder = work / (_SIMULATED if size.simulated else "audio")
    clips = [Clip(str(n), folder / name_of(n), "test", str(n), duration=SAMPLES / RATE) for n in range(size.clips)]
    encoders = [registry.get("encoder", name) for name in config.encoders]
    frozen = [passes.FrozenEncoder(each.name, each.load(None, {}, 0, "cpu"), each.input({})) for each in encoders]
    corruptions = {name: registry.get("corruption", name) for name in config.corruptions}
    severities = [(name, s) for name in corruptions for s in config.severities]
    conditions = [Condition(), *(Condition(name, s, corruptions[name].levels[s - 1], "dB") for name, s in severities)]
    one = passes.EmbeddingPass(frozen, conditions, corruptions, workers=core_count())

    def embed() -> None:
        with tempfile.TemporaryDirectory(dir=work) as place:
            chunks, ids = passes.chunks_of(clips), [clip.id for clip in clips]
            places = {(condition, n): Path(place) / f"{at}-{n}" for at, condition in enumerate(conditions) for n in range(size.encoders)}
            kept = {key: PartialEmbeddings(path / "partial", ids, chunks, "growth") for key, path in places.items()}
            for rows in passes.embed_passes(one, clips, "embedding"):
                for n, matrix in rows.rows.items():
                    kept[rows.pass_.condition, n].add(rows.chunk, matrix, rows.skipped)
            for key, partial in kept.items():
                assert partial.whole
                partial.store(places[key])

    return embed


def _tagged(clips: int, labels: int, draw: np.random.Generator) -> np.ndarray:
    return (draw.random((clips, labels), dtype=np.float32) < min(0.2, max(0.1, PER_CLIP / labels))).astype(np.int8)


def probing(work: Path, size: Size) -> Call:
    """The linear probe, of 64 dimensions, chosen on a fifth as many clips."""
    from mirbench.evaluation.probing.probes import fit

    draw, probe = np.random.default_rng(0), registries.load([str(PLUGIN)]).get("probe", "linear")
    few = size.clips // 5
    targets = [_tagged(count, size.labels, draw) for count in (size.clips, few)]
    features = [draw.standard_normal((count, 64), dtype=np.float32) for count in (size.clips, few)]
    names = tuple(map(str, range(size.labels)))
    given = {"target": "multilabel", "classes": names, "metric": METRICS[0], "probe": probe}
    return lambda: fit(features[0], targets[0], features[1], targets[1], **given)


def bootstrap(work: Path, size: Size) -> Call:
    """Both ranking metrics of tags, under 1,000 resamples of the groups."""
    from mirbench.evaluation.statistics.resampling import measure

    draw = np.random.default_rng(0)
    targets = _tagged(size.clips, size.labels, draw)
    scores = draw.standard_normal(targets.shape, dtype=np.float32) + targets
    groups = tuple(f"artist {number // PER_GROUP}" for number in range(size.clips))
    names = tuple(map(str, range(size.labels)))
    given = Predictions(tuple(map(str, range(size.clips))), groups, names, "multilabel", targets, scores)
    return lambda: measure(METRICS, given, RESAMPLES)


def finished(work: Path, size: Size) -> Path:
    """A run, made in this process; of collecting and reporting it is made in one before."""
    from mirbench.evaluation.embedding import cost
    from mirbench.experiment.resolve.resolve import settle
    from mirbench.experiment.run import run

    cost.SECONDS = 0.0
    registry = registries.load([str(PLUGIN)])
    return run(settle(settings(work, size), registry), registry, work / "cache")


def collecting(work: Path, size: Size) -> Call:
    from mirbench.experiment.gather.collect import collect
    from mirbench.experiment.gather.manifest import Made
    from mirbench.experiment.resolve.resolve import settle
    from mirbench.experiment.run import plan
    from mirbench.results.run_folder import RunFolder

    registry = registries.load([str(PLUGIN)])
    planned = plan(settle(settings(work, size), registry), registry, work / "cache")
    folder = RunFolder.create(Path(tempfile.mkdtemp(dir=work)))
    return lambda: collect(planned, folder, Made(), "growth")


def reporting(work: Path, size: Size) -> Call:
    from mirbench.reporting import report

    folder = finished(work, size)  # made by another process, and read by this one
    return lambda: report([folder])


STEPS = {each.__name__: each for each in (planning, checking, embedding, probing, bootstrap, collecting, reporting)}
