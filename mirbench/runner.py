"""plan(config) -> jobs, in planning.py; run(plan) -> a run folder."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from mirbench.collect import collect
from mirbench.config import RunConfig
from mirbench.contenders import contenders
from mirbench.jobs import Job, Planner
from mirbench.planning import Plan, check_needs, plan
from mirbench.registry import Registry
from mirbench.results import RunFolder
from mirbench.store import Store, locked

__all__ = ["plan", "pretrain", "run"]


def _do(store: Store, jobs: Iterable[Job]) -> dict[str, float]:
    """Runs the jobs whose key is not in the store; returns the seconds that each took. A job that can be gone on with is run by one
    process at a time, and others wait for what it leaves."""
    seconds = {}
    for job in jobs:
        if not store.has(job.kind, job.key):
            with _alone(job):
                begun = time.perf_counter()
                if not store.has(job.kind, job.key):
                    with store.writing(job.kind, job.key) as folder:
                        job.run(folder)
                    seconds[f"{job.kind}: {job.title}"] = round(time.perf_counter() - begun, 2)
        if job.unfinished is not None:
            shutil.rmtree(job.unfinished, ignore_errors=True)
    return seconds


def _alone(job: Job) -> contextlib.AbstractContextManager[None]:
    if job.unfinished is None:
        return contextlib.nullcontext()
    return locked(job.unfinished.with_name(f"{job.key}.lock"), f"pretraining {job.title}")


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


def pretrain(config: RunConfig, registry: Registry, cache: Path, encoder: str) -> dict[Path, str]:
    """Pretrains one encoder, or each of its variants in a sweep, for each seed, or takes it from the store; returns where the
    checkpoints are, and what each is called: `NAME, seed N`, several where they share it."""
    store = Store(cache)
    planner = Planner(config, registry, store)
    datasets = registry.resolve("dataset", config.datasets)
    alone = config.model_copy(update={"encoders": [encoder], "floors": [], "checkpoints": []})
    wanted = [c for c in contenders(alone, registry) if c.encoder.name == encoder]
    check_needs(wanted, datasets)
    _do(store, [planner.dataset(d) for d in datasets])
    jobs = [planner.checkpoint(contender, seed, datasets) for contender in wanted for seed in contender.seeds]
    _do(store, jobs)
    titles: dict[Path, list[str]] = {}
    for job in jobs:
        titles.setdefault(store.folder(job.kind, job.key), []).append(job.title)
    return {folder: " and ".join(dict.fromkeys(told)) for folder, told in titles.items()}
