"""The four steps: resolve, build, make, gather. `--plan` and `check` stop after the second, `pretrain` after the third."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.engine.executor import Executor, LocalExecutor, Outcome, make_one, make_several
from mirbench.engine.files import tell as say
from mirbench.engine.jobs import Graph, Job, Part
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.experiment.cached.runs import is_recorded, record_run
from mirbench.experiment.execution import Execution, execution
from mirbench.experiment.gather.collect import collect
from mirbench.experiment.gather.manifest import Made
from mirbench.experiment.planning.graph import RunGraph, build, build_pretraining, prepare_job
from mirbench.experiment.recipes.embedding import EmbeddingBatch
from mirbench.experiment.recipes.overlap import (
    dropped_clips,
    dropped_in_words,
    findings_of_listening,
    found_in_words,
    read_overlap,
    refuse_overlap,
    shared_with_training,
)
from mirbench.experiment.resolve.bad_clips import check_files
from mirbench.experiment.resolve.data import resolve_data
from mirbench.experiment.resolve.probe import check_probes
from mirbench.experiment.resolve.records import Data, KeptCheckpoints, Resolved
from mirbench.experiment.resolve.resolve import resolve, resolve_pretraining, settle
from mirbench.experiment.shard_notes import compare_shards, forget_shards
from mirbench.nouns import Dataset
from mirbench.records import AUDIO_CACHE
from mirbench.registry import Registry, load
from mirbench.results.run_folder import RunFolder
from mirbench.settings.config import RunConfig

if TYPE_CHECKING:
    from mirbench.data.duplicates.overlap import Overlap
    from mirbench.evaluation.embedding.corruption import Fault

TRIES = 3


def plan(config: RunConfig, registry: Registry, cache: Path, kept: KeptCheckpoints | None = None) -> RunGraph:
    """Every job of a run in the order in which it will be done; nothing is made. Raises MirbenchError as `resolve` does, and where a
    plugin's probe is not for a task, or its grid not for its estimator; of those that are built in, which import scikit-learn to tell,
    `run` asks that."""
    resolved = resolve(config, registry, cache, kept)
    check_probes(resolved, built_in=False)
    planned = build(resolved)
    with contextlib.suppress(FileNotFoundError):  # another run that shares the cache has removed it
        return _with_overlap(planned)
    return planned


def run(
    config: RunConfig,
    registry: Registry,
    cache: Path,
    command: str = "",
    kept: KeptCheckpoints | None = None,
    tell: Callable[[Resolved], None] = lambda resolved: None,
) -> Path:
    """Does what is left to do and writes the run folder; returns it. A run folder that is whole already is left as it is.

    command: for the manifest. kept: checkpoints to take from the cache as they are. tell: called once, when the data are known and
    nothing is computed of them.
    """
    with execution(config, registry, cache, command, make_jobs, (None,), kept, plan_again) as where:
        planned, executor, outcome = begin(where, registry, cache, kept, tell)
        compare_shards(planned.resolved, planned.key)
        folder = finish(planned, executor, outcome, command)
        where.finished = str(folder)
    return folder


def begin(
    where: Execution, registry: Registry, cache: Path, kept: KeptCheckpoints | None, tell: Callable[[Resolved], None]
) -> tuple[RunGraph, Executor, Outcome]:
    """Everything that the names of the other jobs depend on: checkpoints that are given, data that are made, which audio is in two splits;
    then refuses what is not to be made. As `run` has them."""
    config = where.config
    planned = plan(config, registry, cache, kept)
    executor = where.of(planned.resolved)
    outcome = executor.run(Graph(planned.given))  # which needs no data, and may be refused
    if not planned.resolved.prepared:
        executor.run(Graph(planned.preparations), outcome, planned.preparations)
        planned = plan(config, registry, cache, kept)  # only now is it known what the data are, and that is part of every key
    tell(planned.resolved)
    planned = _refuse(planned, executor, outcome)
    return planned, executor, outcome


def finish(planned: RunGraph, executor: Executor, outcome: Outcome, command: str) -> Path:
    """Makes what is missing of a run that was begun, and gathers."""
    folder = RunFolder(Path(planned.resolved.config.output) / planned.name)
    whole = folder.is_whole(planned.key)
    changed = [] if whole else folder.changed_files()
    for name in changed:
        say(f"{folder.path / name} is not as the run wrote it, and is written again.")
    if whole and not planned.graph.missing(executor.store):
        if not is_recorded(executor.store, planned.key):
            record_run(executor.store, planned.key, folder.path, planned.graph.jobs)
        forget_shards(planned.resolved)
        return folder.path
    folder = RunFolder.create(folder.path)
    try:
        _make(planned, executor, outcome)
        with folder.locked():
            if whole or not folder.is_whole(planned.key):  # or the same command, at the same time, was first
                jobs, untold = {job.name for job in planned.graph.jobs}, executor.store.untold_damage()
                trained = any(job.kind == "checkpoints" for job in planned.graph.jobs)
                repaired = [each for each in untold if (each["kind"], each["key"]) in jobs or (trained and each["kind"] == AUDIO_CACHE)]
                damaged = [*repaired, *({"kind": "results", "file": name} for name in changed)]
                collect(planned, folder, Made(outcome.seconds, faults_of(planned, outcome), damaged), command)
                executor.store.told_damage(repaired)
        forget_shards(planned.resolved)
        if not _not_known_again(planned):
            record_run(executor.store, planned.key, folder.path, planned.graph.jobs)
    finally:
        _forget(planned, executor.store)
    return folder.path


def pretrain(
    config: RunConfig,
    registry: Registry,
    cache: Path,
    encoder: str,
    tell: Callable[[Resolved], None] = lambda resolved: None,
    command: str = "",
) -> dict[Path, str]:
    """Pretrains one encoder, or each of its variants in a sweep, for each seed, or takes it from the store; returns where the
    checkpoints are, and what each is called: `NAME, seed N`, several where they share it. tell, command: as of `run`."""
    with execution(config, registry, cache, command, make_jobs, (encoder,)) as where:
        checkpoints = _pretrain(where, registry, cache, encoder, tell)
        where.finished = "\n".join(map(str, checkpoints))
    return checkpoints


def _pretrain(where: Execution, registry: Registry, cache: Path, encoder: str, tell: Callable[[Resolved], None]) -> dict[Path, str]:
    config = where.config
    resolved = resolve_pretraining(config, registry, cache, encoder)
    planned = build_pretraining(resolved)
    executor = where.of(resolved)
    if not resolved.prepared:
        executor.run(Graph(planned.preparations), read=planned.preparations)
        resolved = resolve_pretraining(config, registry, cache, encoder)
        planned = build_pretraining(resolved)
    tell(resolved)
    check_files(resolved)
    if planned.overlap is not None:
        planned, _ = _look_for_overlap(planned, executor, build=build_pretraining)
    executor.run(planned.graph, read=list(planned.checkpoints.values()))
    titles: dict[Path, list[str]] = {}
    for job in planned.checkpoints.values():
        titles.setdefault(executor.store.folder(*job.name), []).append(job.title)
    return {folder: " and ".join(dict.fromkeys(several)) for folder, several in titles.items()}


def make_job(config: RunConfig, plugins: Sequence[str], cache: Path, key: str) -> None:
    """Makes one job of a run, whose needs are there, from the settings of the run and its key alone: in a process, or on a machine, of its
    own. config: settled; plugins: files and modules, as --plugin takes them. Raises MirbenchError where the run has no such job."""
    planned = plan(settle(config, registry := load(plugins)), registry, cache)
    _refuse_unknown(planned, [key])
    for fault in make_one(planned.graph, key, planned.resolved.store).values():
        raise fault


def make_jobs(
    config: RunConfig,
    plugins: Sequence[str],
    cache: Path,
    kept: KeptCheckpoints | None,
    pretrained: str | None,
    keys: Sequence[str],
    part: Part | None = None,
) -> Outcome:
    """As `make_job`, of several, of which some may need others; what one raises does not end the others. kept: as of `run`. pretrained: the
    encoder, where it is for `pretrain`. part: as of `make_several`."""
    config = settle(config, registry := load(plugins))
    if pretrained is None:
        planned = plan(config, registry, cache, kept)
    else:
        planned = _with_overlap(build_pretraining(resolve_pretraining(config, registry, cache, pretrained)), build_pretraining)
    _refuse_unknown(planned, keys)
    return make_several(planned.graph, keys, planned.resolved.store, part)


def plan_again(config: RunConfig, plugins: Sequence[str], cache: Path, kept: KeptCheckpoints | None) -> tuple[Graph, Store]:
    """The jobs of a run whose data are there, in a process of its own, as of `make_jobs`."""
    planned = plan(settle(config, registry := load(plugins)), registry, cache, kept)
    return planned.graph, planned.resolved.store


def _refuse_unknown(planned: RunGraph, keys: Sequence[str]) -> None:
    if unknown := set(keys) - {job.key for job in planned.graph.jobs}:
        raise MirbenchError(
            f"the run has no job with the key {min(unknown)}; its data, its plugins or mirbench may have changed since it was planned."
        )


def prepared_data(dataset: Dataset, registry: Registry, cache: Path, announce: Callable[[float], None], root: str | None = None) -> Data:
    """A data set by itself, made where it is still to be. announce: called before that with the seconds that it will take. root: where
    published data sets lie."""
    store = Store(cache).check()
    data = resolve_data(dataset, registry, store, root)
    if not data.prepared:
        announce(data.noun.cost()[0])
        LocalExecutor(store).run(Graph([prepare_job(data, store)]))
        data = resolve_data(dataset, registry, store, root)
    return data


def _with_overlap(planned: RunGraph, build: Callable[[Resolved], RunGraph] = build, told: bool = False) -> RunGraph:
    """Where it is known already which audio is in two splits: with that among the findings, and with what is tested left out of
    pretraining, where it is to be. told: whether to say so, of what has just been looked for."""
    resolved = planned.resolved
    store, overlap = resolved.store, planned.overlap
    if overlap is None or (not told and (not store.has(*overlap.name) or store.is_damaged(*overlap.name))):
        return planned
    folder = store.folder(*overlap.name)
    dropped, shared, heard = (
        dropped_clips(folder, resolved),
        shared_with_training(folder, resolved),
        findings_of_listening(folder, resolved),
    )
    found = {name: (*shared.get(name, ()), *heard.get(name, ())) for name in {**shared, **heard}}
    new = {name: tuple(each for each in several if each not in resolved.findings.get(name, ())) for name, several in found.items()}
    for sentence in found_in_words(new) if told else ():
        say(sentence)
    for sentence in dropped_in_words(dropped) if told else ():
        say(sentence, always=True)
    every = {name: (*new.get(name, ()), *resolved.findings.get(name, ())) for name in {**resolved.findings, **new}}
    findings = {name: tuple(sorted(several, key=lambda finding: finding.place)) for name, several in every.items()}
    known = replace(resolved, dropped=dropped, findings=findings)
    return build(known) if dropped != resolved.dropped else replace(planned, resolved=known)


def _refuse(planned: RunGraph, executor: Executor, outcome: Outcome) -> RunGraph:
    """Raises MirbenchError where the probe or a file is none that can be used, or what is tested is pretrained on; where that is to be left
    out of pretraining, returns the run without."""
    refused = planned.resolved.config.overlap != "allow"
    if planned.search is not None and planned.resolved.config.overlap == "refuse":
        planned.search.refuse_same_files(planned.pretrained)
    if planned.graph.missing(executor.store):
        check_probes(planned.resolved)  # which imports scikit-learn
    check_files(planned.resolved)
    if planned.overlap is not None:
        planned, found = _look_for_overlap(planned, executor, outcome)
        if refused:
            refuse_overlap(found, planned.pretrained)
    return planned


def _look_for_overlap(
    planned: RunGraph, executor: Executor, outcome: Outcome | None = None, build: Callable[[Resolved], RunGraph] = build
) -> tuple[RunGraph, dict[str, list[Overlap]]]:
    """The run that knows which audio is in two splits, and what each entry is pretrained on and tested."""
    assert planned.overlap is not None
    for _ in range(TRIES):
        executor.run(Graph([*planned.preparations, planned.overlap]), outcome, [planned.overlap])
        with contextlib.suppress(FileNotFoundError):  # another run that shares the cache has removed it
            known = _with_overlap(planned, build, told=True)
            return known, read_overlap(executor.store.folder(*planned.overlap.name), known.pretrained, known.resolved.dropped)
    raise undone_error([planned.overlap])


def _make(planned: RunGraph, executor: Executor, outcome: Outcome) -> None:
    read = [job for job in planned.graph.jobs if job.kept and job.kind != "datasets"]  # by what gathers
    for _ in range(TRIES):
        executor.run(planned.graph, outcome, read)
        hindered = planned.graph.hindered(outcome.failed)
        undone = [job for job in planned.graph.missing(executor.store) if job.key not in hindered]
        if not undone:
            return  # or another run that shares the cache has removed what it was done with
    raise undone_error(undone)


def _not_known_again(planned: RunGraph) -> set[str]:
    """The entries that no later run could know again: functions that nothing tells from others."""
    again = {entry: getattr(entry.encoder, "known_again", None) for entry in planned.resolved.entries}
    return {entry.name for entry, known in again.items() if known is not None and not known(entry.options)}


def _forget(planned: RunGraph, store: Store) -> None:
    """Removes what no later run could take."""
    unknown = _not_known_again(planned)
    forgotten = {planned.costs[name].key for name in unknown & planned.costs.keys()}
    for job in planned.graph.jobs if unknown else ():
        of = job.batch.embeddings[job.key].entry.name if isinstance(job.batch, EmbeddingBatch) else ""
        if of in unknown or job.key in forgotten or any(need.key in forgotten for need in job.needs):
            forgotten.add(job.key)
            store.remove(*job.name)
            shutil.rmtree(store.unfinished(job.key), ignore_errors=True)


def undone_error(jobs: Sequence[Job]) -> MirbenchError:
    many = f"{len(jobs)} jobs are" if len(jobs) > 1 else "1 job is"
    return MirbenchError(
        f"{many} still not done, the first {jobs[0].kind}: {jobs[0].title}; another run may share the cache: run the same command again "
        "when it has ended."
    )


def faults_of(planned: RunGraph, outcome: Outcome) -> dict[str, dict[str, Fault]]:
    """By data set and corruption, what a corruption did wrong."""
    from mirbench.evaluation.embedding.corruption import Fault

    faults: dict[str, dict[str, Fault]] = {}
    for key, fault in outcome.failed.items():
        assert isinstance(fault, Fault)
        faults.setdefault(planned.corrupted.embeddings[key], {}).setdefault(fault.condition.corruption, fault)
    return faults
