"""plan(config) -> jobs, in planning.py; run(plan) -> a run folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from mirbench.collect import collect
from mirbench.config import RunConfig
from mirbench.contenders import contenders
from mirbench.jobs import Job, Planner
from mirbench.planning import Plan, plan
from mirbench.registry import Registry
from mirbench.results import RunFolder
from mirbench.store import Store

__all__ = ["plan", "pretrain", "run"]


def _do(store: Store, jobs: Iterable[Job]) -> dict[str, float]:
    """Runs the jobs whose key is not in the store; returns the seconds that each took."""
    seconds = {}
    for job in jobs:
        if not store.has(job.kind, job.key):
            begun = time.perf_counter()
            with store.writing(job.kind, job.key) as folder:
                job.run(folder)
            if job.unfinished is not None:
                shutil.rmtree(job.unfinished, ignore_errors=True)
            seconds[f"{job.kind}: {job.title}"] = round(time.perf_counter() - begun, 2)
    return seconds


def run(planned: Plan, command: str = "") -> Path:
    """Does what is left to do and writes the run folder; returns it. A run folder that is whole already is left as it is."""
    seconds = _do(planned.store, planned.given())
    prepared = _do(planned.store, [planned.planner.dataset(d) for d in planned.datasets])
    if prepared:  # only now is it known what the data are, and that is part of every key
        planned = plan(planned.config, planned.registry, planned.store.root)
    folder = RunFolder.create(Path(planned.config.output) / planned.name)
    if folder.is_whole(planned.key) and all(planned.store.has(j.kind, j.key) for j in planned.jobs):
        return folder.path
    seconds |= prepared | _do(planned.store, planned.jobs)
    collect(planned, folder, seconds, command)
    return folder.path


def pretrain(config: RunConfig, registry: Registry, cache: Path, encoder: str) -> list[Path]:
    """Pretrains one encoder, or each of its variants in a sweep, for each seed, or takes it from the store; returns where the
    checkpoints are."""
    store = Store(cache)
    planner = Planner(config, registry, store)
    datasets = registry.resolve("dataset", config.datasets)
    alone = config.model_copy(update={"encoders": [encoder], "floors": [], "checkpoints": []})
    wanted = [c for c in contenders(alone, registry) if c.encoder.name == encoder]
    _do(store, [planner.dataset(d) for d in datasets])
    jobs = [planner.checkpoint(contender, seed, datasets) for contender in wanted for seed in contender.seeds]
    _do(store, jobs)
    return [store.folder(kind, key) for kind, key in dict.fromkeys((job.kind, job.key) for job in jobs)]
