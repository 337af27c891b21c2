"""plan(config) -> jobs: what a run is made of, in the order in which it will be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mirbench.config import RunConfig
from mirbench.contenders import Contender, contenders
from mirbench.errors import MirbenchError
from mirbench.evaluation import metrics
from mirbench.jobs import PROBED, Job, Planner
from mirbench.nouns import Dataset, Task
from mirbench.registry import Registry
from mirbench.store import Store, key_of


@dataclass(frozen=True)
class Plan:
    """What is to be done, in order; a job that several contenders need is in `jobs` once. The keys of the dicts hold their names."""

    config: RunConfig
    registry: Registry
    store: Store
    encoders: tuple[Contender, ...]
    floors: tuple[Contender, ...]
    datasets: tuple[Dataset, ...]
    tasks: tuple[Task, ...]
    planner: Planner
    jobs: tuple[Job, ...] = ()
    checkpoints: dict[tuple[str, int], Job] = field(default_factory=dict)  # (contender, seed)
    embeddings: dict[tuple[str, str, int], dict[str, Job]] = field(default_factory=dict)  # (contender, dataset, seed) -> split
    scores: dict[tuple[str, str, str, int], Job] = field(default_factory=dict)  # (contender, dataset, task, seed)

    @property
    def contenders(self) -> tuple[Contender, ...]:
        return self.encoders + self.floors

    @property
    def key(self) -> str:
        """Of the run folder's contents."""
        told = []
        for c in self.contenders:
            checkpoints = [[seed, job.key] for (name, seed), job in self.checkpoints.items() if name == c.name]
            scores = [[*of, job.key] for (name, *of), job in self.scores.items() if name == c.name]
            told.append([c.name, c.role, dict(c.values), checkpoints, scores])
        return key_of(jobs=[job.key for job in self.jobs], contenders=told)

    @property
    def name(self) -> str:
        """Of the run folder: what was asked for, and enough of the key to tell it from another run of the same names."""
        swept = dict.fromkeys(option for options in self.config.sweep.values() for option in options)
        parts = ["+".join(dict.fromkeys(e.encoder.name for e in self.encoders)), *([f"by-{'+'.join(swept)}"] if swept else [])]
        names = "-".join([*parts, "+".join(d.name for d in self.datasets)])
        return self.config.run_name or f"{names[:100]}-{self.key[:6]}"

    def given(self) -> list[Job]:
        """The jobs that take over a checkpoint; they need no data."""
        return [self.checkpoints[c.name, seed] for c in self.contenders for seed in c.checkpoints]

    def describe(self) -> str:
        """What would be done, what is cached, and roughly what the rest costs: by job, and in a sweep by variant."""
        head = f"{len(self.jobs)} jobs, {len(self._left(self.jobs))} to do: about {self._cost(self.jobs)} in {self.store.root}"
        return "\n".join([head, *(self._by_contender() if self.config.sweep else self._by_job())])

    def _by_job(self) -> Iterable[str]:
        for job in self.jobs:
            done = self.store.has(job.kind, job.key)
            cost = "" if done else f"  (about {_duration(job.seconds)}, {job.megabytes:.0f} MB)"
            yield f"  {'cached ' if done else 'to do  '} {job.kind:<12} {job.title}{cost}"

    def _by_contender(self) -> Iterable[str]:
        """What a row above needs too is counted there, and called shared."""
        counted: set[tuple[str, str]] = set()
        rows = [("data sets", [self.planner.dataset(d) for d in self.datasets])]
        rows += [(c.name, self.jobs_of(c)) for c in self.contenders]
        width = max(len(name) for name, _ in rows)
        for name, jobs in rows:
            own = [job for job in jobs if (job.kind, job.key) not in counted]
            counted |= {(job.kind, job.key) for job in own}
            left, shared = len(self._left(own)), len(jobs) - len(own)
            facts = [f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}", f"{len(own) - left} cached"]
            facts += [*([f"{shared} shared"] if shared else []), f"{left} to do"]
            yield f"  {name:<{width}}  {', '.join(facts)}{f' (about {self._cost(own)})' if left else ''}"

    def jobs_of(self, contender: Contender) -> list[Job]:
        """Everything that is done for one contender, without preparing data sets."""
        checkpoints = [job for (name, _), job in self.checkpoints.items() if name == contender.name]
        embeddings = [job for (name, _, _), splits in self.embeddings.items() if name == contender.name for job in splits.values()]
        return [*checkpoints, *embeddings, *(job for (name, *_), job in self.scores.items() if name == contender.name)]

    def _left(self, jobs: Iterable[Job]) -> list[Job]:
        return [job for job in jobs if not self.store.has(job.kind, job.key)]

    def _cost(self, jobs: Iterable[Job]) -> str:
        left = self._left(jobs)
        return f"{_duration(sum(job.seconds for job in left))} on two cores and {sum(job.megabytes for job in left):.0f} MB"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 3 * 3600 else f"{seconds / 3600:.0f} h"


def plan(config: RunConfig, registry: Registry, cache: Path) -> Plan:
    """Every job of a run in the order in which it will be done. Prepares nothing and reads no audio.

    Raises MirbenchError for unknown names, and where a chosen task, or what an encoder learns from, finds its annotation in none of the
    data sets.
    """
    store = Store(cache)
    planner = Planner(config, registry, store)
    chosen = contenders(config, registry)
    datasets = registry.resolve("dataset", config.datasets)
    tasks = _tasks(config, registry, datasets)
    check_needs(chosen, datasets)
    encoders, floors = (tuple(c for c in chosen if c.role == role) for role in ("encoder", "floor"))
    draft = Plan(config, registry, store, encoders, floors, tuple(datasets), tuple(tasks), planner)
    wanted = [(c, seed) for c in chosen for seed in c.seeds]
    checkpoints = {(c.name, seed): planner.checkpoint(c, seed, datasets) for c, seed in wanted if c.encoder.trainable}
    jobs, embeddings, scores = [*(planner.dataset(d) for d in datasets), *checkpoints.values()], {}, {}
    for contender, seed in wanted:
        for dataset in datasets:
            embedded = {s: planner.embed(contender, seed, dataset, s, checkpoints.get((contender.name, seed))) for s in PROBED}
            embeddings[contender.name, dataset.name, seed] = embedded
            jobs += embedded.values()
            for task in tasks:
                if task.annotation in dataset.annotations:
                    scores[contender.name, dataset.name, task.name, seed] = planner.score(contender, seed, dataset, task, embedded)
                    jobs.append(scores[contender.name, dataset.name, task.name, seed])
    once: dict[tuple[str, str], Job] = {}
    for job in jobs:
        once.setdefault((job.kind, job.key), job)
    return replace(draft, jobs=tuple(once.values()), checkpoints=checkpoints, embeddings=embeddings, scores=scores)


def check_needs(chosen: Iterable[Contender], datasets: Sequence[Dataset]) -> None:
    """Raises MirbenchError where no data set carries an annotation that something to be pretrained learns from."""
    carried = sorted({a for d in datasets for a in d.annotations})
    for c in chosen:
        for annotation in c.encoder.needs(c.options) if c.encoder.trainable and not c.checkpoints else ():
            if annotation not in carried:
                raise MirbenchError(
                    f"encoder '{c.name}' learns from the annotation '{annotation}', which {', '.join(d.name for d in datasets)} does not "
                    f"carry; give it a supervision that reads one of: {', '.join(carried) or 'none'}, or add a data set."
                )


def _tasks(config: RunConfig, registry: Registry, datasets: list[Dataset]) -> list[Task]:
    """Those that were asked for and find their annotation in a data set."""
    tasks: list[Task] = registry.resolve("task", config.tasks)
    for task in tasks:
        if not any(task.annotation in d.annotations for d in datasets) and "all" not in config.tasks:
            carried = sorted({a for d in datasets for a in d.annotations})
            raise MirbenchError(
                f"task '{task.name}' needs the annotation '{task.annotation}', which {', '.join(d.name for d in datasets)} "
                f"does not carry; it carries {', '.join(carried) or 'none'}."
            )
        for metric in map(metrics.resolve, task.metrics):
            metrics.check_fits(metric, task.target)
    tasks = [t for t in tasks if any(t.annotation in d.annotations for d in datasets)]
    if not tasks:
        raise MirbenchError(f"none of the tasks finds its annotation in {', '.join(d.name for d in datasets)}.")
    return tasks
