"""plan(config) -> jobs, in planning.py; run(plan) -> a run folder."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mirbench.engine.store import Store, locked
from mirbench.errors import MirbenchError
from mirbench.experiment.collect import collect
from mirbench.experiment.data_selection import all_of, heard_by, register_own_data
from mirbench.experiment.entries import entries
from mirbench.experiment.jobs import Job, Kept, Planner
from mirbench.experiment.overlaps import found_by, refuse
from mirbench.experiment.planning import Plan, check_needs, learners, plan
from mirbench.records import OVERLAP_MARK, PRETRAINING_SPLITS
from mirbench.registry.plugins import Registry
from mirbench.results.run_folder import RunFolder
from mirbench.settings.config import RunConfig, reconfigured

TRIES = 3

__all__ = ["plan", "plan_sweep", "pretrain", "run"]


def _do(store: Store, jobs: Sequence[Job]) -> dict[str, float]:
    """Runs the jobs whose key is not in the store; returns the seconds that each took. A job that can be gone on with is run by one
    process at a time, and others wait for what it leaves. One that needs what could not be made is left out. What is transient is made only
    for those that are left to do, and removed after the last of them."""
    seconds: dict[str, float] = {}
    left = {(job.kind, job.key): job for job in jobs if not store.has(job.kind, job.key)}
    needed = Counter(need.key for job in left.values() if not job.transient for need in job.needs)
    tried: set[str] = set()
    for job in jobs:
        if job.transient and not needed[job.key]:
            store.remove(job.kind, job.key)  # of a run that was killed
        due = (job.kind, job.key) in left and (not job.transient or needed[job.key] > 0) and job.key not in tried
        if due and all(store.has(need.kind, need.key) for need in job.needs) and not store.has(job.kind, job.key):
            begun, title = time.perf_counter(), f"{job.kind}: {job.title}"
            if job.together is not None:
                some = [other for other in left.values() if other.together is job.together and not store.has(other.kind, other.key)]
                keys = [other.key for other in some if not other.transient or needed[other.key] > 0]
                tried |= set(keys)
                job.together.do(keys)
                title += f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            else:
                with _alone(job):
                    if not store.has(job.kind, job.key):
                        with store.writing(job.kind, job.key) as folder:
                            job.run(folder)
            seconds[title] = round(time.perf_counter() - begun, 2)
        if job.unfinished is not None:
            shutil.rmtree(job.unfinished, ignore_errors=True)
        for need in job.needs if (job.kind, job.key) in left and not job.transient else ():
            needed[need.key] -= 1
            if need.transient and needed[need.key] == 0:
                store.remove(need.kind, need.key)
    return seconds


def _alone(job: Job) -> contextlib.AbstractContextManager[None]:
    if job.unfinished is None:
        return contextlib.nullcontext()
    return locked(job.unfinished.with_name(f"{job.key}.lock"), f"pretraining {job.title}")


def run(planned: Plan, command: str = "") -> Path:
    """Does what is left to do and writes the run folder; returns it. A run folder that is whole already is left as it is."""
    seconds = _do(planned.store, planned.given())
    prepared = _do(planned.store, planned.preparations)
    if prepared:  # only now is it known what the data are, and that is part of every key
        planned = plan(planned.config, planned.registry, planned.store.root, planned.planner.kept)
    planned.planner.look_at(planned.datasets)
    planned.planner.look_at(all_of((), planned.heard), (*PRETRAINING_SPLITS, "valid"))
    seconds |= _do(planned.store, [planned.overlap] if planned.overlap else [])
    if planned.config.overlap == "refuse":
        refuse(found_by(planned.planner, planned.overlap, planned.pretrained))
    folder = RunFolder.create(Path(planned.config.output) / planned.name)
    if folder.is_whole(planned.key) and all(map(planned.done, planned.jobs)):
        return folder.path
    seconds |= prepared
    for _ in range(TRIES):
        seconds |= _do(planned.store, planned.jobs)
        if not (left := planned.missing()):
            break  # or another run that shares the cache has removed what it was done with
    else:
        raise MirbenchError(
            f"{len(left)} jobs are still not done, the first {left[0].kind}: {left[0].title}; another run may share the cache: run the "
            "same command again when it has ended."
        )
    collect(planned, folder, seconds, command)
    return folder.path


def plan_sweep(run_path: Path, overrides: Sequence[str], flags: Mapping[str, Any], registry: Registry, cache: Path) -> Plan:
    """A finished run under more corruptions or severities, on the checkpoints that it left in the cache; `run` adds them to its folder.

    overrides, flags: settings, as `load_config` takes them; corruptions and severities among the flags are added to those that the run
    has been scored under. Raises MirbenchError where the folder is no run, or the cache no longer has a
    checkpoint.
    """
    folder = RunFolder(run_path if run_path.name not in ("", "..") else run_path.resolve())
    manifest = folder.read_manifest()
    stored = {**manifest.get("config", {}), "output": str(folder.path.parent), "run_name": folder.name}
    config = reconfigured(stored, str(run_path), overrides, flags)
    heard = {"pretrain_on": config.pretrain_on, "supervise_with": config.supervise_with}  # which may be gone: the checkpoints are kept
    config = register_own_data(config.model_copy(update={name: [] for name in heard}), registry).model_copy(update=heard)
    if not config.corruptions:
        raise MirbenchError(f"a sweep adds corruptions to {run_path}, and none was asked for; name some, or all.")
    swept, before = manifest.get("robustness") or {}, list(manifest.get("corruptions") or {})
    if swept:
        if lost := [name for name in before if name not in registry.corruptions]:
            raise MirbenchError(f"{run_path} was scored under '{lost[0]}', which no plugin provides; name its plugin with --plugin FILE.")
        corruptions = list(dict.fromkeys([*before, *config.corruptions]))
        severities = sorted({*swept.get("severities", []), *config.severities})
        config = config.model_copy(update={"corruptions": corruptions, "severities": severities})
    encoders = manifest.get("encoders", {}).items()
    keys = {
        (name.removesuffix(OVERLAP_MARK), int(seed)): told["key"]
        for name, about in encoders
        for seed, told in about.get("checkpoints", {}).items()
    }
    by = manifest.get("pretrained_by") or {name: manifest.get(name) for name in ("command", "git_commit", "versions", "machine")}
    kept = Kept(keys, by)
    if learners(entries(config, registry), kept):
        config = register_own_data(config, registry)
    return plan(config, registry, cache, kept)


def pretrain(config: RunConfig, registry: Registry, cache: Path, encoder: str) -> dict[Path, str]:
    """Pretrains one encoder, or each of its variants in a sweep, for each seed, or takes it from the store; returns where the
    checkpoints are, and what each is called: `NAME, seed N`, several where they share it."""
    store = Store(cache)
    planner = Planner(config, registry, store)
    heard = heard_by(config, registry)
    alone = config.model_copy(update={"encoders": [encoder], "floors": [], "checkpoints": []})
    wanted = [c for c in entries(alone, registry) if c.encoder.name == encoder]
    check_needs(learners(wanted, planner.kept), heard)
    datasets = all_of((), heard)
    _do(store, planner.prepare(datasets))
    planner.look_at(datasets, (*PRETRAINING_SPLITS, "valid"))
    jobs = [planner.checkpoint(entry, seed, heard) for entry in wanted for seed in entry.seeds]
    _do(store, jobs)
    titles: dict[Path, list[str]] = {}
    for job in jobs:
        titles.setdefault(store.folder(job.kind, job.key), []).append(job.title)
    return {folder: " and ".join(dict.fromkeys(told)) for folder, told in titles.items()}
