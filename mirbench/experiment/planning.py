"""plan(config) -> jobs: what a run is made of, in the order in which it will be done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mirbench.engine.store import Store, key_of
from mirbench.errors import MirbenchError, unknown_name
from mirbench.evaluation.probing import metrics
from mirbench.experiment.data_selection import Heard, all_of, heard_by, suggestion
from mirbench.experiment.entries import Entry, entries
from mirbench.experiment.jobs import Job, Kept
from mirbench.experiment.overlaps import Pretrained, overlap_job, pretrained
from mirbench.experiment.scoring_jobs import ScoringPlanner
from mirbench.nouns import Corruption, Dataset, Task
from mirbench.records import PROBED, Condition
from mirbench.registry.plugins import Registry
from mirbench.settings.config import RunConfig

LEAST_SAMPLE_RATE = 22_050  # Hz, at which corruptions are applied
CLIP_MEGABYTES = 0.01  # of an embedding
PASS_MEGABYTES = 4000.0  # of corrupted embeddings that may lie on disk at a time


Corrupted = tuple[str, str, str, int, Condition]  # entry, dataset, task, seed, condition


@dataclass(frozen=True)
class Skip:
    """A task that is not scored under a corruption on any data set, and why."""

    task: str
    corruption: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What is to be done, in order; a job that several entries need is in `jobs` once. The keys of the dicts hold their names.

    datasets: those that are scored on; heard: those that are pretrained on. conditions: corruption -> its conditions, by rising severity.
    corrupted, shifted: scores under a corruption, and those against labels that are moved along. pretrained: who was, or will be, on what;
    overlap: what finds out which of that is tested on. baseline: whom errors under corruption are relative to.
    """

    config: RunConfig
    registry: Registry
    store: Store
    encoders: tuple[Entry, ...]
    floors: tuple[Entry, ...]
    datasets: tuple[Dataset, ...]
    tasks: tuple[Task, ...]
    planner: ScoringPlanner
    heard: tuple[Heard, ...] = ()
    conditions: dict[str, tuple[Condition, ...]] = field(default_factory=dict)
    sample_rate: int = LEAST_SAMPLE_RATE
    baseline: str = ""
    skips: tuple[Skip, ...] = ()
    pretrained: tuple[Pretrained, ...] = ()
    overlap: Job | None = None
    jobs: tuple[Job, ...] = ()
    checkpoints: dict[tuple[str, int], Job] = field(default_factory=dict)  # (entry, seed)
    embeddings: dict[tuple[str, str, int], dict[str, Job]] = field(default_factory=dict)  # (entry, dataset, seed) -> split
    probes: dict[tuple[str, str, str, int], Job] = field(default_factory=dict)  # (entry, dataset, task, seed)
    scores: dict[tuple[str, str, str, int], Job] = field(default_factory=dict)  # (entry, dataset, task, seed)
    corrupted: dict[Corrupted, Job] = field(default_factory=dict)
    shifted: dict[Corrupted, Job] = field(default_factory=dict)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.encoders + self.floors

    @property
    def key(self) -> str:
        """Of the run folder's contents."""
        told: list[Any] = [self.baseline]
        for c in self.entries:
            checkpoints = [[seed, job.key] for (name, seed), job in self.checkpoints.items() if name == c.name]
            scores = [[*of, job.key] for (name, *of), job in self.scores.items() if name == c.name]
            told.append([c.name, c.role, dict(c.values), checkpoints, scores])
        return key_of(jobs=[job.key for job in self.jobs], entries=told)

    @property
    def name(self) -> str:
        """Of the run folder: what was asked for, and enough of the key to tell it from another run of the same names."""
        swept = dict.fromkeys(option for options in self.config.sweep.values() for option in options)
        parts = ["+".join(dict.fromkeys(e.encoder.name for e in self.encoders)), *([f"by-{'+'.join(swept)}"] if swept else [])]
        other = self.heard and (self.config.pretrain_on or self.config.supervise_with)
        pretrained = [f"on-{'+'.join(h.dataset.name for h in self.heard)}"] if other else []
        names = "-".join([*parts, *pretrained, "+".join(d.name for d in self.datasets)])
        return self.config.run_name or f"{names[:100]}-{self.key[:6]}"

    @property
    def preparations(self) -> list[Job]:
        """The jobs that make data sets."""
        return self.planner.prepare(all_of(self.datasets, self.heard))

    def carries(self, dataset: Dataset, task: Task) -> bool:
        """Whether the task is run on the data set."""
        return self.planner.carries(dataset, task)

    def given(self) -> list[Job]:
        """The jobs that take over a checkpoint; they need no data."""
        return [self.checkpoints[c.name, seed] for c in self.entries for seed in c.checkpoints]

    def describe(self) -> str:
        """What would be done, what is cached, and roughly what the rest costs: by job, and in a sweep by variant."""
        head = f"{len(self.jobs)} jobs, {len(self._left(self.jobs))} to do: about {self._cost(self.jobs)} in {self.store.root}"
        return "\n".join([head, *(self._by_contender() if self.config.sweep else self._by_job())])

    def _by_job(self) -> Iterable[str]:
        for job in self.jobs:
            done = self.done(job)
            cost = "" if done else f"  (about {duration(job.seconds)}, {job.megabytes:.0f} MB)"
            yield f"  {'cached ' if done else 'to do  '} {job.kind:<12} {job.title}{cost}"

    def _by_contender(self) -> Iterable[str]:
        """What a row above needs too is counted there, and called shared."""
        counted: set[tuple[str, str]] = set()
        rows = [("data sets", self.preparations)]
        rows += [(c.name, self.jobs_of(c)) for c in self.entries]
        width = max(len(name) for name, _ in rows)
        for name, jobs in rows:
            own = [job for job in jobs if (job.kind, job.key) not in counted]
            counted |= {(job.kind, job.key) for job in own}
            left, shared = len(self._left(own)), len(jobs) - len(own)
            facts = [f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}", f"{len(own) - left} cached"]
            facts += [*([f"{shared} shared"] if shared else []), f"{left} to do"]
            yield f"  {name:<{width}}  {', '.join(facts)}{f' (about {self._cost(own)})' if left else ''}"

    def jobs_of(self, entry: Entry) -> list[Job]:
        """Everything that is done for one entry, without preparing data sets."""
        checkpoints = [job for (name, _), job in self.checkpoints.items() if name == entry.name]
        embeddings = [job for (name, _, _), splits in self.embeddings.items() if name == entry.name for job in splits.values()]
        tables = (self.probes, self.scores, self.corrupted, self.shifted)
        scored = [job for table in tables for (name, *_), job in table.items() if name == entry.name]
        return list(dict.fromkeys([*checkpoints, *embeddings, *(each for job in scored for each in (*job.needs, job))]))

    def done(self, job: Job) -> bool:
        """Whether it is in the store, or was, and nothing that is left to do needs it."""
        if self.store.has(job.kind, job.key):
            return True
        return job.transient and all(self.store.has(other.kind, other.key) for other in self.needing.get(job.key, ()))

    def missing(self) -> list[Job]:
        """Jobs that should be done and are not; those that a faulty corruption stands in the way of are not among them."""
        faulty = {(dataset, name) for dataset, faults in self.planner.faults.items() for name in faults}
        tables = (self.corrupted, self.shifted)
        scores = [job for table in tables for (_, dataset, _, _, c), job in table.items() if (dataset, c.corruption) in faulty]
        hindered = {each.key for job in scores for each in (job, *job.needs)}
        return [job for job in self.jobs if not job.transient and not self.done(job) and job.key not in hindered]

    @cached_property
    def needing(self) -> dict[str, list[Job]]:
        """By the key of a job, those that need it."""
        found: dict[str, list[Job]] = {}
        for job in self.jobs:
            for need in job.needs:
                found.setdefault(need.key, []).append(job)
        return found

    def _left(self, jobs: Iterable[Job]) -> list[Job]:
        return [job for job in jobs if not self.done(job)]

    def cost(self, jobs: Iterable[Job] | None = None) -> tuple[float, float]:
        """Rough (seconds on two cores, megabytes in the cache) of what is left to do of these jobs, or of all."""
        left = self._left(self.jobs if jobs is None else jobs)
        passing = min(PASS_MEGABYTES, sum(job.megabytes for job in left if job.transient))
        return sum(job.seconds for job in left), passing + sum(job.megabytes for job in left if not job.transient)

    def _cost(self, jobs: Iterable[Job]) -> str:
        seconds, megabytes = self.cost(jobs)
        return f"{duration(seconds)} on two cores and {megabytes:.0f} MB"


def duration(seconds: float) -> str:
    """
    >>> duration(42), duration(600), duration(36_000)
    ('42 s', '10 min', '10 h')
    """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 3 * 3600 else f"{seconds / 3600:.0f} h"


def plan(config: RunConfig, registry: Registry, cache: Path, kept: Kept | None = None) -> Plan:
    """Every job of a run in the order in which it will be done. Prepares nothing and reads no audio.

    kept: checkpoints to take from the cache as they are. Raises MirbenchError for unknown names, and where
    a chosen task, or what an encoder learns from, finds its annotation in none of the data sets.
    """
    store = Store(cache)
    planner = ScoringPlanner(config, registry, store, kept)
    chosen = entries(config, registry)
    datasets = registry.resolve("dataset", config.datasets)
    learning = learners(chosen, planner.kept)
    heard = heard_by(config, registry) if learning else []
    tasks = _tasks(config, registry, datasets, planner)
    check_needs(learning, heard)
    encoders, floors = (tuple(c for c in chosen if c.role == role) for role in ("encoder", "floor"))
    corruptions: list[Corruption] = registry.resolve("corruption", config.corruptions) if config.corruptions else []
    conditions = {c.name: found for c in corruptions if (found := _conditions(c, config))}
    sample_rate = config.robustness.sample_rate or max(LEAST_SAMPLE_RATE, *(c.encoder.sample_rate for c in chosen))
    skips, shifting = _changed(tasks, corruptions)
    wanted = [(c, seed) for c in chosen for seed in c.seeds]
    checkpoints = {(c.name, seed): planner.checkpoint(c, seed, heard, datasets) for c, seed in wanted if c.encoder.trainable}
    draft = Plan(
        config, registry, store, encoders, floors, tuple(datasets), tuple(tasks), planner, tuple(heard), conditions, sample_rate,
        _baseline(config, chosen), tuple(skips), checkpoints=checkpoints,
    )  # fmt: skip
    learned = pretrained(planner, chosen, heard)
    overlap = overlap_job(planner, learned, datasets)
    jobs = [*draft.preparations, *([overlap] if overlap else []), *checkpoints.values()]
    for dataset in datasets:
        jobs += _clean_jobs(draft, wanted, dataset)
    for dataset in datasets:
        for some in _passes(draft, dataset, len(wanted)):
            jobs += _corrupted_jobs(draft, wanted, dataset, some, shifting)
    once: dict[tuple[str, str], Job] = {}
    for job in jobs:
        once.setdefault((job.kind, job.key), job)
    return replace(draft, jobs=tuple(once.values()), pretrained=tuple(learned), overlap=overlap)


def _clean_jobs(draft: Plan, wanted: Sequence[tuple[Entry, int]], dataset: Dataset) -> list[Job]:
    """Embeddings of all entries, split by split, then their probes and scores."""
    planner, jobs = draft.planner, []
    passes = {split: planner.together(dataset, split, draft.sample_rate) for split in PROBED}
    for split, together in passes.items():
        for entry, seed in wanted:
            checkpoint = draft.checkpoints.get((entry.name, seed))
            embedded = planner.embed(together, entry, seed, Condition(), checkpoint)
            draft.embeddings.setdefault((entry.name, dataset.name, seed), {})[split] = embedded
            jobs.append(embedded)
    for entry, seed in wanted:
        embeddings = draft.embeddings[entry.name, dataset.name, seed]
        for task in _carried(draft, dataset):
            about = (entry.name, dataset.name, task.name, seed)
            draft.probes[about] = planner.probe(entry, seed, dataset, task, embeddings["train"], embeddings["valid"])
            draft.scores[about] = planner.score(entry, seed, dataset, task, Condition(), draft.probes[about], embeddings["test"])
            jobs += [draft.probes[about], draft.scores[about]]
    return jobs


def _corrupted_jobs(
    draft: Plan,
    wanted: Sequence[tuple[Entry, int]],
    dataset: Dataset,
    corruptions: Sequence[str],
    shifting: Collection[tuple[str, str]],
) -> list[Job]:
    """Embeddings under some corruptions in one pass, then all scores that need them."""
    planner, clean = draft.planner, draft.config.robustness.train_on == "clean"
    splits = ("test",) if clean else PROBED
    embedded: dict[tuple[str, str, int, Condition], Job] = {}
    for split in splits:
        together = planner.together(dataset, split, draft.sample_rate)
        for corruption in corruptions:
            for condition in draft.conditions[corruption]:
                for entry, seed in wanted:
                    checkpoint = draft.checkpoints.get((entry.name, seed))
                    embedded[split, entry.name, seed, condition] = planner.embed(together, entry, seed, condition, checkpoint)
    jobs: list[Job] = []
    skipped = {(skip.task, skip.corruption) for skip in draft.skips}
    for entry, seed in wanted:
        for task in _carried(draft, dataset):
            for corruption in corruptions:
                shifted = (task.name, corruption) in shifting
                if (task.name, corruption) in skipped and not shifted:
                    continue
                about = (entry.name, dataset.name, task.name, seed)
                table = draft.shifted if shifted else draft.corrupted
                for condition in draft.conditions[corruption]:
                    probe, test = draft.probes[about], embedded["test", entry.name, seed, condition]
                    if not clean and not shifted:
                        train, valid = (embedded[split, entry.name, seed, condition] for split in ("train", "valid"))
                        probe = planner.probe(entry, seed, dataset, task, train, valid)
                        jobs.append(probe)
                    table[*about, condition] = planner.score(entry, seed, dataset, task, condition, probe, test, shifted)
                    jobs.append(table[*about, condition])
    needed = {need.key for job in jobs for need in job.needs}
    return [*(job for job in embedded.values() if job.key in needed), *jobs]


def _carried(draft: Plan, dataset: Dataset) -> list[Task]:
    return [task for task in draft.tasks if draft.carries(dataset, task)]


def _conditions(corruption: Corruption, config: RunConfig) -> tuple[Condition, ...]:
    """Those of the severities that it has. Raises MirbenchError where it was named and has none of them."""
    levels, wanted = dict(enumerate(corruption.levels, start=1)), config.severities
    if corruption.name in config.corruptions and not set(wanted) & set(levels):
        has = f"severities 1 to {len(levels)}" if len(levels) > 1 else "severity 1 alone"
        raise MirbenchError(
            f"corruption '{corruption.name}' has {has}, and {', '.join(map(str, wanted))} was asked for; ask for one that it has."
        )
    return tuple(Condition(corruption.name, s, float(levels[s]), corruption.unit) for s in wanted if s in levels)


def _changed(tasks: Iterable[Task], corruptions: Iterable[Corruption]) -> tuple[list[Skip], set[tuple[str, str]]]:
    """The tasks whose labels a corruption makes untrue, and those of them, (task, corruption), that can move their labels along."""
    skips, shifting = [], set()
    for task in tasks:
        for corruption in corruptions:
            if words := sorted(task.changed_by & corruption.alters):
                said = f"it changes the {' and '.join(words)} of the music, and with it what the labels of {task.name} mean"
                if type(task).shifted_label is not Task.shifted_label and type(corruption).changes is not Corruption.changes:
                    shifting.add((task.name, corruption.name))
                    said += "; equivariance is scored instead, against labels that are moved along"
                skips.append(Skip(task.name, corruption.name, said))
    return skips, shifting


def _passes(draft: Plan, dataset: Dataset, entries: int) -> Iterable[list[str]]:
    """The corruptions in groups, each of which is embedded in one pass and leaves no more than PASS_MEGABYTES on the disk."""
    known = draft.planner.prepared(dataset)
    splits = ("test",) if draft.config.robustness.train_on == "clean" else PROBED
    clips = sum(c.split in splits for c in draft.planner.clips_of(dataset)) if known else 1000
    group: list[str] = []
    size = 0.0
    for name, conditions in draft.conditions.items():
        megabytes = clips * entries * len(conditions) * CLIP_MEGABYTES
        if group and size + megabytes > PASS_MEGABYTES:
            yield group
            group, size = [], 0.0
        group.append(name)
        size += megabytes
    if group:
        yield group


def _baseline(config: RunConfig, chosen: Sequence[Entry]) -> str:
    """Whom errors under corruption are relative to: the one that was named, or `untrained`, or the first."""
    names, named = [c.name for c in chosen], config.robustness.baseline
    if named is None:
        return "untrained" if "untrained" in names else names[0]
    if named not in names:
        raise unknown_name("encoder of this run", named, names)
    return named


def learners(chosen: Iterable[Entry], kept: Kept) -> list[Entry]:
    """Those that are pretrained in the run: the others learn nothing, or have checkpoints already."""
    unkept = (c for c in chosen if any((c.name, seed) not in kept.keys for seed in c.seeds))
    return [c for c in unkept if c.encoder.trainable and not c.checkpoints]


def check_needs(learning: Iterable[Entry], heard: Sequence[Heard]) -> None:
    """Raises MirbenchError where no data set carries an annotation that something to be pretrained learns from."""
    carried = sorted({a for h in heard for a in h.annotations})
    for c in learning:
        for annotation in c.encoder.needs(c.options):
            if annotation not in carried:
                some = f"give it a supervision that reads one of: {', '.join(carried)}" if carried else "pretrain one that needs no labels"
                raise MirbenchError(
                    f"encoder '{c.name}' learns from the annotation '{annotation}', which {', '.join(h.dataset.name for h in heard)} does "
                    f"not carry; {some}, or name a data set whose labels it is to use: --supervise-with NAME:{annotation}."
                )


def _tasks(config: RunConfig, registry: Registry, datasets: list[Dataset], planner: ScoringPlanner) -> list[Task]:
    """Those that were asked for and find their annotation in a data set, and labels enough."""
    tasks: list[Task] = registry.resolve("task", config.tasks)
    for task in tasks:
        if not any(task.annotation in d.annotations for d in datasets) and "all" not in config.tasks:
            carried = sorted({a for d in datasets for a in d.annotations})
            raise MirbenchError(
                f"task '{task.name}' needs the annotation '{task.annotation}', which {', '.join(d.name for d in datasets)} "
                f"does not carry; it carries {', '.join(carried) or 'none'}.{suggestion(datasets, registry)}"
            )
        for metric in map(metrics.resolve, task.metrics):
            metrics.check_fits(metric, task.target)
    tasks = [t for t in tasks if any(planner.carries(d, t) for d in datasets)]
    if not tasks:
        names, why = ", ".join(d.name for d in datasets), next(iter(planner.left_out.values()), "")
        none = f"none of the tasks finds its annotation in {names}; it can be pretrained on: --pretrain-on {names}."
        raise MirbenchError((why or none) + suggestion(datasets, registry))
    return tasks
