"""plan(config) -> jobs: what a run is made of, in the order in which it will be done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mirbench.config import RunConfig, encoder_options
from mirbench.errors import MirbenchError
from mirbench.evaluation import metrics
from mirbench.jobs import PROBED, Job, Planner
from mirbench.nouns import Dataset, Encoder, Task
from mirbench.registry import Registry
from mirbench.store import Store, key_of


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
        names = "-".join(["+".join(e.name for e in self.encoders), "+".join(d.name for d in self.datasets)])
        return self.config.run_name or f"{names[:100]}-{self.key[:6]}"

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
        """The seeds that were asked for; an encoder and probe without randomness have one result, filed under 0."""
        random = encoder.seeded or self.config.probe.kind == "mlp"
        return list(range(self.config.seed, self.config.seed + self.config.seeds)) if random else [0]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


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
        for metric in map(metrics.resolve, task.metrics):
            metrics.check_fits(metric, task.target)
    for encoder in (*encoders, *floors):
        encoder.check(encoder_options(encoder, config.options))
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
