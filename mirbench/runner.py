"""plan(config) -> jobs, in planning.py; run(plan) -> a run folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from mirbench.collect import collect
from mirbench.config import RunConfig, encoder_options
from mirbench.jobs import Job, Planner
from mirbench.planning import Plan, plan
from mirbench.registry import Registry
from mirbench.results import RunFolder
from mirbench.store import Store

__all__ = ["plan", "pretrain", "run"]


def _do(planned: Plan, jobs: Sequence[Job]) -> dict[str, float]:
    """Runs the jobs whose key is not in the store; returns the seconds that each took."""
    seconds = {}
    for job in jobs:
        if not planned.store.has(job.kind, job.key):
            begun = time.perf_counter()
            with planned.store.writing(job.kind, job.key) as folder:
                job.run(folder)
            seconds[f"{job.kind}: {job.title}"] = round(time.perf_counter() - begun, 2)
    return seconds


def run(planned: Plan, command: str = "") -> Path:
    """Does what is left to do and writes the run folder; returns it. A run folder that is whole already is left as it is."""
    seconds = _do(planned, [planned.planner.dataset(d) for d in planned.datasets])
    if seconds:  # only now is it known what the data are, and that is part of every key
        planned = plan(planned.config, planned.registry, planned.store.root)
    folder = RunFolder.create(Path(planned.config.output) / planned.name)
    if folder.is_whole(planned.key) and all(planned.store.has(j.kind, j.key) for j in planned.jobs):
        return folder.path
    seconds |= _do(planned, planned.jobs)
    collect(planned, folder, seconds, command)
    return folder.path


def pretrain(config: RunConfig, registry: Registry, cache: Path, encoder: str) -> list[Path]:
    """Pretrains one encoder for each seed, or takes it from the store; returns where the checkpoints are."""
    store = Store(cache)
    planner = Planner(config, registry, store)
    datasets = registry.resolve("dataset", config.datasets)
    wanted = registry.get("encoder", encoder)
    wanted.check(encoder_options(wanted, config.options))
    draft = Plan(config, registry, store, (wanted,), (), tuple(datasets), (), planner)
    _do(draft, [planner.dataset(d) for d in datasets])
    checkpoints = [planner.pretrain(wanted, seed, datasets) for seed in draft.seeds_of(wanted)]
    _do(draft, checkpoints)
    return [store.folder(c.kind, c.key) for c in checkpoints]
