"""plan(config) -> jobs.

A job's key is the hash of all that can move its number: names, sources, options, data, seed, the versions of torch and numpy.
The store keeps what a job made under its key; a job whose key is there is not run again, so a killed run goes on where it
stopped, and two runs share what they have in common.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mirbench.config import RunConfig, encoder_options
from mirbench.data.splits import check_clips
from mirbench.errors import MirbenchError
from mirbench.nouns import Dataset, Encoder, PretrainJob, Task
from mirbench.provenance import native_bfloat16, room_digest, versions
from mirbench.records import Clip, Embeddings
from mirbench.registry import Registry
from mirbench.results import RunFolder
from mirbench.store import Store, key_of

PROBED = ("train", "valid", "test")
MOVES_NUMBERS = ("torch", "torchaudio", "numpy", "scipy", "librosa", "soxr", "soundfile")


@dataclass(frozen=True)
class Job:
    """kind: datasets, checkpoints, embeddings or scores; title: what a person reads; seconds, megabytes: rough cost."""

    kind: str
    key: str
    title: str
    seconds: float
    megabytes: float
    run: Callable[[Path], None] = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """What is to be done, in order."""

    config: RunConfig
    registry: Registry
    store: Store
    encoders: tuple[Encoder, ...]
    floors: tuple[Encoder, ...]
    datasets: tuple[Dataset, ...]
    tasks: tuple[Task, ...]
    planner: Planner
    jobs: tuple[Job, ...] = ()
    checkpoints: dict[tuple[str, int], Job] = field(default_factory=dict)  # (encoder, seed)
    embeddings: dict[tuple[str, str, int], dict[str, Job]] = field(default_factory=dict)  # (encoder, dataset, seed) -> split
    scores: dict[tuple[str, str, str, int], Job] = field(default_factory=dict)  # (encoder, dataset, task, seed)

    @property
    def key(self) -> str:
        """Of the run folder's contents."""
        return key_of(jobs=[j.key for j in self.jobs], encoders=[e.name for e in self.encoders], floors=[e.name for e in self.floors])

    @property
    def name(self) -> str:
        """Of the run folder: what was asked for, and enough of the key to tell it from another run of the same names."""
        parts = ["+".join(e.name for e in self.encoders), "+".join(d.name for d in self.datasets), self.key[:6]]
        return self.config.run_name or "-".join(parts)[:120]

    def describe(self) -> str:
        """What would be done, what is cached, and roughly what the rest costs."""
        lines, seconds, megabytes = [], 0.0, 0.0
        for job in self.jobs:
            done = self.store.has(job.kind, job.key)
            seconds, megabytes = seconds + (0 if done else job.seconds), megabytes + (0 if done else job.megabytes)
            lines.append(
                f"  {'cached ' if done else 'to do  '} {job.kind:<12} {job.title}"
                + ("" if done else f"  (about {_duration(job.seconds)}, {job.megabytes:.0f} MB)")
            )
        left = sum(not self.store.has(j.kind, j.key) for j in self.jobs)
        return "\n".join(
            [
                f"{len(self.jobs)} jobs, {left} to do: about {_duration(seconds)} on two cores and {megabytes:.0f} MB in {self.store.root}",
                *lines,
            ]
        )

    def seeds_of(self, encoder: Encoder) -> list[int]:
        """An encoder and probe without randomness need one seed only."""
        count = self.config.seeds if encoder.seeded or self.config.probe.kind == "mlp" else 1
        return list(range(self.config.seed, self.config.seed + count))


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def resolve_device(wanted: str) -> str:
    """auto -> cuda where there is one, else cpu. Imports torch only where a GPU may be present."""
    if wanted == "cpu" or (
        wanted == "auto" and not any(Path(p).exists() for p in ("/dev/nvidia0", "/dev/dxg", "/proc/driver/nvidia")) and os.name == "posix"
    ):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        if ":" in wanted and int(wanted.split(":")[1]) >= torch.cuda.device_count():
            raise MirbenchError(f"device {wanted} was asked for, but there are {torch.cuda.device_count()} CUDA devices, counted from 0.")
        return "cuda" if wanted == "auto" else wanted
    if wanted == "auto":
        return "cpu"
    raise MirbenchError(f"device {wanted} was asked for, but torch sees no CUDA device here; use --device cpu or auto.")


class Planner:
    """Builds the jobs; each method returns the job, whose key names what later jobs build on."""

    def __init__(self, config: RunConfig, registry: Registry, store: Store) -> None:
        self.config, self.registry, self.store = config, registry, store
        self.device = resolve_device(config.device)
        found = versions()
        self.base = {"versions": {k: found[k] for k in MOVES_NUMBERS}, "device": self.device.split(":")[0], "bfloat16": native_bfloat16()}
        self.rooms = {room: room_digest(room) for room in ("data", "pretraining", "evaluation")}
        self.clips: dict[str, list[Clip]] = {}
        self.task_data: dict[tuple[str, str], Any] = {}

    def dataset(self, dataset: Dataset) -> Job:
        key = key_of(name=dataset.name, identity=dataset.identity())
        return Job("datasets", key, dataset.name, *dataset.cost(), dataset.prepare)

    def clips_of(self, dataset: Dataset) -> list[Clip]:
        """All clips of a prepared data set, checked."""
        if dataset.name not in self.clips:
            clips = dataset.clips(self.store.folder("datasets", self.dataset(dataset).key))
            check_clips(dataset.name, clips)
            self.clips[dataset.name] = clips
        return self.clips[dataset.name]

    def pretrain(self, encoder: Encoder, seed: int, datasets: Sequence[Dataset]) -> Job:
        options = encoder_options(encoder, self.config.options)
        key = key_of(
            **self.base,
            encoder=encoder.name,
            source=self.registry.digest("encoder", encoder.name),
            options=options,
            seed=seed,
            data=[self.dataset(d).key for d in datasets],
            rooms=[self.rooms["data"], self.rooms["pretraining"]],
        )

        def run(folder: Path) -> None:
            clips = [c for d in datasets for c in self.clips_of(d) if c.split in ("train", "pretrain")]
            if not clips:
                raise MirbenchError(
                    f"encoder '{encoder.name}' has nothing to pretrain on: "
                    f"{', '.join(d.name for d in datasets)} has neither train nor pretrain clips."
                )
            job = PretrainJob(clips, options, seed, folder, self.store.root, self.device)
            encoder.pretrain(job)
            self._check_bad(f"pretraining {encoder.name}", job.report.get("skipped", {}), len(clips))
            (folder / "report.json").write_text(json.dumps(job.report, indent=1, default=str) + "\n")

        return Job("checkpoints", key, f"{encoder.name}, seed {seed}", *encoder.cost(options), run)

    def embed(self, encoder: Encoder, seed: int, dataset: Dataset, split: str, checkpoint: Job | None) -> Job:
        options = encoder_options(encoder, self.config.options)
        key = key_of(
            **self.base,
            encoder=encoder.name,
            source=self.registry.digest("encoder", encoder.name),
            options=options,
            split=split,
            seed=seed if encoder.seeded else None,
            checkpoint=checkpoint.key if checkpoint else None,
            data=self.dataset(dataset).key,
            rooms=list(self.rooms.values()),
            batch=self.config.batch_size,
            condition="clean",
        )

        def run(folder: Path) -> None:
            from mirbench.evaluation.embedding import embed_clips, write_embeddings

            clips = [c for c in self.clips_of(dataset) if c.split == split]
            embed = encoder.load(self.store.folder("checkpoints", checkpoint.key) if checkpoint else None, options, seed, self.device)
            title = f"embedding {dataset.name} {split} with {encoder.name}"
            found = embed_clips(clips, embed, encoder.sample_rate, encoder.window_seconds, self.config.batch_size, title)
            self._check_bad(f"{dataset.name} {split}", found.skipped, len(clips))
            write_embeddings(folder, found)

        return Job("embeddings", key, f"{encoder.name}, seed {seed}, {dataset.name} {split}", 8.0, 25.0, run)

    def score(self, encoder: Encoder, seed: int, dataset: Dataset, task: Task, embeddings: dict[str, Job]) -> Job:
        probe = self.config.probe.model_dump()
        resamples = self.config.bootstrap.resamples
        key = key_of(
            **self.base,
            task=task.name,
            source=self.registry.digest("task", task.name),
            probe=probe,
            resamples=resamples,
            seed=seed if probe["kind"] == "mlp" else None,
            embeddings=[embeddings[s].key for s in PROBED],
            rooms=[self.rooms["evaluation"]],
        )

        def run(folder: Path) -> None:
            from mirbench.evaluation.scoring import probe_task, score_rows

            begun = time.perf_counter()
            data = self.data_of(task, dataset)
            predictions, report = probe_task(
                task, data, {s: self.embeddings(embeddings[s]) for s in PROBED}, probe["kind"], seed, self.device
            )
            rows = score_rows(task, [predictions], resamples)
            report.update(rows=rows, seconds=round(time.perf_counter() - begun, 2))
            RunFolder.create(folder).write_predictions(encoder.name, dataset.name, task.name, seed, predictions)
            (folder / "report.json").write_text(json.dumps(report, indent=1, default=str) + "\n")

        return Job("scores", key, f"{task.name} on {dataset.name} with {encoder.name}, seed {seed}", 2.0, 1.0, run)

    def data_of(self, task: Task, dataset: Dataset) -> Any:
        from mirbench.evaluation.scoring import task_data

        if (task.name, dataset.name) not in self.task_data:
            self.task_data[task.name, dataset.name] = task_data(task, self.clips_of(dataset))
        return self.task_data[task.name, dataset.name]

    def embeddings(self, job: Job) -> Embeddings:
        from mirbench.evaluation.embedding import read_embeddings

        return read_embeddings(self.store.folder("embeddings", job.key))

    def _check_bad(self, what: str, skipped: Mapping[str, str], total: int) -> None:
        """More unreadable files than allowed end the run before a number is computed."""
        if len(skipped) > self.config.max_bad * total:
            clip, why = next(iter(skipped.items()))
            raise MirbenchError(
                f"{what}: {len(skipped)} of {total} clips cannot be read, more than max_bad {self.config.max_bad:.0%}; "
                f"the first is {clip}: {why.rstrip('.')}. Repair them, or allow more with --set max_bad=SHARE."
            )


def plan(config: RunConfig, registry: Registry, cache: Path) -> Plan:
    """Every job of a run in the order in which it will be done. Prepares nothing and reads no audio.

    Raises MirbenchError for unknown names, and where a chosen task finds its annotation in none of the data sets.
    """
    store = Store(cache)
    planner = Planner(config, registry, store)
    encoders = registry.resolve("encoder", config.encoders)
    floors = [e for e in registry.resolve("encoder", config.floors) if e not in encoders] if config.floors else []
    tasks, datasets = registry.resolve("task", config.tasks), registry.resolve("dataset", config.datasets)
    for task in tasks:
        if not any(task.annotation in d.annotations for d in datasets) and "all" not in config.tasks:
            carried = sorted({a for d in datasets for a in d.annotations})
            raise MirbenchError(
                f"task '{task.name}' needs the annotation '{task.annotation}', which {', '.join(d.name for d in datasets)} "
                f"does not carry; it carries {', '.join(carried) or 'none'}."
            )
    tasks = [t for t in tasks if any(t.annotation in d.annotations for d in datasets)]
    if not tasks:
        raise MirbenchError(f"none of the tasks finds its annotation in {', '.join(d.name for d in datasets)}.")
    draft = Plan(config, registry, store, tuple(encoders), tuple(floors), tuple(datasets), tuple(tasks), planner)
    wanted = [(e, seed) for e in (*encoders, *floors) for seed in draft.seeds_of(e)]
    checkpoints = {(e.name, seed): planner.pretrain(e, seed, datasets) for e, seed in wanted if e.trainable}
    jobs, embeddings, scores = [*(planner.dataset(d) for d in datasets), *checkpoints.values()], {}, {}
    for encoder, seed in wanted:
        for dataset in datasets:
            embedded = {s: planner.embed(encoder, seed, dataset, s, checkpoints.get((encoder.name, seed))) for s in PROBED}
            embeddings[encoder.name, dataset.name, seed] = embedded
            jobs += embedded.values()
            for task in tasks:
                if task.annotation in dataset.annotations:
                    scores[encoder.name, dataset.name, task.name, seed] = planner.score(encoder, seed, dataset, task, embedded)
                    jobs.append(scores[encoder.name, dataset.name, task.name, seed])
    return replace(draft, jobs=tuple(jobs), checkpoints=checkpoints, embeddings=embeddings, scores=scores)
