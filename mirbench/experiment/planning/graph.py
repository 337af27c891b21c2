"""All jobs of a run: data sets -> overlap, checkpoints -> embeddings -> probes -> predictions -> scores, and what encoders cost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from mirbench.engine.jobs import Graph, Job
from mirbench.engine.store import Store, key_of
from mirbench.experiment.planning import costs
from mirbench.experiment.planning.checkpoints import checkpoint_jobs
from mirbench.experiment.planning.maps import map_jobs
from mirbench.experiment.planning.measured_costs import cost_jobs, seconds_measured
from mirbench.experiment.planning.scores import CleanJobs, CorruptedJobs, Place, embedded_splits
from mirbench.experiment.recipes.data import prepare_data
from mirbench.experiment.recipes.overlap import OverlapSearch, Pretrained, overlap_search, pretrained
from mirbench.experiment.resolve.records import Data, Resolved


@dataclass(frozen=True, eq=False)
class RunGraph:
    """What a run is made of. checkpoints: by entry and seed; the others as their classes have them. pretrained: what entries learn from;
    overlap: finds which of that is tested on, by search. costs: by entry; maps: by entry and data set."""

    resolved: Resolved
    preparations: tuple[Job, ...] = ()
    checkpoints: dict[tuple[str, int], Job] = field(default_factory=dict)
    pretrained: tuple[Pretrained, ...] = ()
    search: OverlapSearch | None = None
    overlap: Job | None = None
    clean: CleanJobs = field(default_factory=CleanJobs)
    corrupted: CorruptedJobs = field(default_factory=CorruptedJobs)
    costs: dict[str, Job] = field(default_factory=dict)
    maps: dict[tuple[str, str], Job] = field(default_factory=dict)

    @cached_property
    def graph(self) -> Graph:
        overlap = [self.overlap] if self.overlap else []
        last = [*self.maps.values(), *self.costs.values()]
        return Graph([*self.preparations, *overlap, *self.checkpoints.values(), *self.clean.jobs, *self.corrupted.jobs, *last])

    @property
    def given(self) -> list[Job]:
        """The jobs that take over a checkpoint; they need no data."""
        return [self.checkpoints[entry.name, seed] for entry in self.resolved.entries for seed in entry.checkpoints]

    @cached_property
    def seconds_measured(self) -> dict[str, float]:
        """By entry, as of `measured_costs.seconds_measured`."""
        return seconds_measured(self.resolved, self.costs)

    @cached_property
    def key(self) -> str:
        """Of the run folder's contents but what encoders cost, which depends on the machine, and scores do not."""
        named: list[Any] = [self.resolved.baseline]
        for entry in self.resolved.entries:
            checkpoints = [[seed, job.key] for (name, seed), job in self.checkpoints.items() if name == entry.name]
            scores = [[*place, job.key] for (name, *place), job in self.clean.scores.items() if name == entry.name]
            named.append([entry.name, entry.role, dict(entry.values), checkpoints, scores])
        sounds = self.resolved.config.sounds
        asked = {} if sounds == "auto" else {"sounds": sounds}
        return key_of(jobs=[job.key for job in self.graph.jobs if job.kind != "costs"], entries=named, **asked)

    @property
    def name(self) -> str:
        """Of the run folder: what was asked for, and enough of the key to tell it from another run of the same names."""
        resolved, config = self.resolved, self.resolved.config
        swept = dict.fromkeys(option for options in config.sweep.values() for option in options)
        encoders = "+".join(dict.fromkeys(entry.encoder.name for entry in resolved.encoders))
        other = resolved.pretraining and (config.pretrain_on or config.supervise_with)
        learnt_from = [f"on-{'+'.join(each.dataset.name for each in resolved.pretraining)}"] if other else []
        parts = [encoders, *([f"by-{'+'.join(swept)}"] if swept else []), *learnt_from, "+".join(resolved.scored)]
        return config.run_name or f"{'-'.join(parts).encode()[:100].decode(errors='ignore')}-{self.key[:6]}"


def build(resolved: Resolved, passes: int = 1) -> RunGraph:
    """The jobs in the order in which they will be done: the clean scores of every data set come before anything is corrupted, and
    what encoders cost comes last. passes: over corrupted audio, at least, where there are as many corruptions; no key depends on it."""
    preparations = prepare_jobs(resolved)
    needed = tuple(preparations.values())
    checkpoints = checkpoint_jobs(resolved, needed)
    wanted = [(entry, seed) for entry in resolved.entries for seed in entry.seeds]
    clean, corrupted = CleanJobs(), CorruptedJobs()
    for data in resolved.scored_data:
        place = Place(resolved, data, wanted, checkpoints, _only(preparations, [data]))
        clean.add(place)
    for data in resolved.scored_data:
        place = Place(resolved, data, wanted, checkpoints, _only(preparations, [data]))
        for corruptions in _corruption_groups(resolved, data, len(wanted), passes):
            corrupted.add(place, corruptions, clean)
    for shift in resolved.natural_shifts:
        places = [Place(resolved, data, wanted, checkpoints, _only(preparations, [data])) for data in (shift.data, resolved.data[shift.of])]
        corrupted.add_shift(places[0], shift, places[1], clean)
    learnt = pretrained(resolved)
    search = overlap_search(resolved, learnt)
    overlap = _overlap_job(search, preparations) if search else None
    maps = map_jobs(resolved, clean.embeddings)
    return RunGraph(resolved, needed, checkpoints, tuple(learnt), search, overlap, clean, corrupted, cost_jobs(resolved, checkpoints), maps)


def build_pretraining(resolved: Resolved) -> RunGraph:
    """As `build`, of checkpoints alone."""
    preparations = prepare_jobs(resolved)
    needed = tuple(preparations.values())
    checkpoints = checkpoint_jobs(resolved, needed)
    learnt = pretrained(resolved)
    search = overlap_search(resolved, learnt)
    overlap = _overlap_job(search, preparations) if search else None
    return RunGraph(resolved, needed, checkpoints, tuple(learnt), search, overlap)


def prepare_jobs(resolved: Resolved) -> dict[str, Job]:
    """By data set, the jobs that make them; those that people have on disk need none."""
    return {data.name: prepare_job(data, resolved.store) for data in resolved.data.values() if not data.noun.on_disk}


def prepare_job(data: Data, store: Store) -> Job:
    return Job("datasets", data.name, data.source, partial(prepare_data, data, store), cost=costs.preparing(data))


def _only(preparations: dict[str, Job], several: Iterable[Data]) -> tuple[Job, ...]:
    return tuple(preparations[data.name] for data in several if data.name in preparations)


def _overlap_job(search: OverlapSearch, preparations: dict[str, Job]) -> Job:
    resolved = search.resolved
    audio = [data.key(()) for data in (*search.learnt_from, *search.tested)]
    names = [[data.name for data in several] for several in (search.learnt_from, search.tested)]
    checkpoints = [[str(folder), resolved.checkpoint_files[folder]] for folder in search.folders]
    parts = {"overlap": audio, "names": names, "checkpoints": checkpoints, "format": 2, **resolved.code.kinds.get("overlaps", {})}
    what = [*names[0], *(["checkpoints"] if search.folders else [])] or ["training clips"]
    needs = _only(preparations, (*search.learnt_from, *search.tested))
    cost = costs.comparing(search.learnt_from, search.tested)
    return Job(
        "overlaps", f"{' and '.join(what)} in {' and '.join(names[1]) or 'what is held out of it'}", parts, search.write, needs, cost
    )


def _corruption_groups(resolved: Resolved, data: Data, entries: int, passes: int) -> Iterable[list[str]]:
    """The corruptions in groups, each of which is embedded in one pass and leaves no more than PASS_MEGABYTES on the disk."""
    most = math.ceil(len(resolved.conditions) / passes)
    splits = embedded_splits(resolved)
    clips = costs.sizes(data, splits)[0]
    group: list[str] = []
    size = 0.0
    for name, conditions in resolved.conditions.items():
        megabytes = clips * entries * len(conditions) * costs.PASS_CLIP_MEGABYTES
        if group and (size + megabytes > costs.PASS_MEGABYTES or len(group) == most):
            yield group
            group, size = [], 0.0
        group.append(name)
        size += megabytes
    if group:
        yield group
