"""What takes a graph and makes what is missing of it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mirbench.engine.files import Presence, all_locked
from mirbench.engine.holds import held
from mirbench.engine.jobs import Divisible, Graph, Job, Part
from mirbench.engine.ranks import ENDS, MAKES, Ranks, current_ranks
from mirbench.engine.side_by_side import are_worth_forking, is_single, make_side_by_side, workers_for
from mirbench.engine.store import IN_USE, Store
from mirbench.engine.threads import one_thread
from mirbench.errors import MirbenchError
from mirbench.progress import stage
from mirbench.records import stage_of

Name = tuple[str, str]  # of a job: kind and key
MakeParts = Callable[[Sequence[Job]], None]  # of jobs of one batch, before it is made; where it cannot be divided, nothing is done


@dataclass
class Outcome:
    """seconds: by title, what each job or batch took. failed: by key, why a job of a batch could not be made; raised: by key, what a job
    raised, where others went on."""

    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)
    raised: dict[str, Exception] = field(default_factory=dict)


class Executor(Protocol):
    """Makes what is missing of a graph, in order of need. What a job raises ends it; one that needs what could not be made is left out."""

    store: Store

    def run(self, graph: Graph, outcome: Outcome | None = None, read: Collection[Job] = ()) -> Outcome:
        """outcome: of an earlier call, which is added to; what failed there is not tried again. read: jobs that the caller will read.

        What is damaged of these, and of what is needed for what is missing, is made again.
        """


class LocalExecutor:
    """One batch after another in this process, which may use all cores with `engine.workers`; jobs that keep one core busy side by side, in
    processes forked from this one.

    Several may share a store: a job that another process is at is waited for, not made twice. budget_megabytes: what may stay of what does
    not have to. sharing: gives, while the graph is made, what has other processes make parts of a batch; by default none do.
    """

    def __init__(
        self,
        store: Store,
        budget_megabytes: float = 0.0,
        sharing: Callable[[], contextlib.AbstractContextManager[MakeParts | None]] = contextlib.nullcontext,
    ) -> None:
        self.store, self.budget_megabytes, self.sharing = store, budget_megabytes, sharing

    def run(self, graph: Graph, outcome: Outcome | None = None, read: Collection[Job] = ()) -> Outcome:
        outcome = outcome or Outcome()
        with held(self.store):
            return self._run_held(graph, outcome, read)

    def _run_held(self, graph: Graph, outcome: Outcome, read: Collection[Job]) -> Outcome:
        touch(graph, self.store)
        compare(graph, self.store, read)
        if not graph.missing(self.store) and not self.store.is_writable():
            return outcome
        self.store.check().sweep()
        with Presence(self.store.lock_file(IN_USE)) as presence:
            try:
                with self.sharing() as make_parts:
                    return self._run(graph, outcome, presence, make_parts)
            except Exception as error:
                if self._is_removed():
                    raise MirbenchError(
                        f"the cache {self.store.root} was removed while it was in use; run the same command again, which begins anew."
                    ) from error
                raise

    def _run(self, graph: Graph, outcome: Outcome, presence: Presence, make_parts: MakeParts | None) -> Outcome:
        missing = {job.name: job for job in graph.missing(self.store) if job.key not in outcome.failed}
        self._clear(graph)
        waiting = {name: {job.name for job in jobs if job.name in missing} for name, jobs in graph.needing.items()}
        transient = TransientJobs(self.store, graph, waiting, self.budget_megabytes, presence)
        tried: set[Name] = set()
        stages: dict[str, Any] = {}  # by name
        for job in graph.jobs:
            if job.name in missing and job.name not in tried and _ready(job, self.store):
                together = self._together(job, [other for other in missing.values() if other.name not in tried])
                tried |= {other.name for other in together}
                for of in dict.fromkeys(stage_of(other.kind) for other in together):
                    if of not in stages:
                        stages[of] = stage(of, sum(stage_of(other.kind) == of for other in missing.values()))
                for made in self._made(together, outcome, graph, make_parts):
                    stages[stage_of(made[0].kind)].update(len(made))
                    transient.add(made)
            for need in job.needs if job.name in missing else ():
                waiting[need.name].discard(job.name)
                if not need.kept and not waiting[need.name]:
                    transient.release(need)
        self._clear(graph)
        return outcome

    def _together(self, job: Job, untried: Sequence[Job]) -> list[Job]:
        """What is made with a job that is ready: its batch, or others that keep one core busy each, as there are more cores."""
        if job.batch is not None:
            others = [other for other in untried if other.batch is job.batch]
        elif is_single(job) and are_worth_forking(untried):
            others = [other for other in untried if is_single(other)]
        else:
            return [job]
        return [job, *(other for other in others if other is not job and _ready(other, self.store))]

    def _made(self, jobs: Sequence[Job], outcome: Outcome, graph: Graph, make_parts: MakeParts | None) -> Iterator[Sequence[Job]]:
        """Makes these, and yields what is made as it comes."""
        if jobs[0].batch is not None or len(jobs) == 1:
            try:
                _make(jobs, self.store, outcome, graph, make_parts)
            except Exception:
                if not self._lost(jobs, graph):
                    raise
                return
            yield jobs
            return
        for done in make_side_by_side(jobs, lambda job: _make([job], self.store, Outcome(), graph), workers_for(jobs, self.store)):
            if done.error is None:
                outcome.seconds[f"{done.job.kind}: {done.job.title}"] = round(done.seconds, 2)
                yield [done.job]
            elif not self._lost([done.job], graph):
                raise done.error

    def _clear(self, graph: Graph) -> None:
        """Removes what jobs had kept to go on from that are done, or needed no more."""
        unfinished = self.store.unfinished_keys()
        for job in graph.jobs if unfinished else ():
            there = self.store.unfinished(job.key).name in unfinished
            if there and (self.store.has(*job.name) or not _is_wanted(job, graph, self.store)):
                shutil.rmtree(self.store.unfinished(job.key), ignore_errors=True)

    def _is_removed(self) -> bool:
        """Whether somebody removed the store while we were at it, though a process of ours may have begun it anew."""
        return not self.store.lock_file(IN_USE).exists()

    def _lost(self, jobs: Sequence[Job], graph: Graph) -> bool:
        """Whether something that they need was removed while they were made, or what they kept to go on from since nothing of them is
        missing any more, as another run that is done with it may where there are no locks: then they are left."""
        if self._is_removed():
            return False
        gone = any(not self.store.has(*need.name, anew=True) for job in jobs for need in job.needs)
        return gone or not any(_is_wanted(job, graph, self.store) and not self.store.has(*job.name, anew=True) for job in jobs)


def touch(graph: Graph, store: Store) -> None:
    """What is used now: all that stays, and what something that is missing needs."""
    for job in graph.jobs:
        if job.kept:
            store.touch(*job.name)
    for need in {need.name for job in graph.missing(store) for need in job.needs}:
        store.touch(*need)


def compare(graph: Graph, store: Store, read: Collection[Job]) -> None:
    """What will be read with what was written, so that what is damaged counts as missing."""
    looked_at: set[Name] = set()
    while True:
        needed = {need.name for job in graph.missing(store) for need in job.needs} | {job.name for job in read}
        damaged = [name for name in sorted(needed - looked_at) if store.is_damaged(*name)]
        looked_at |= needed
        if not damaged:
            return


class TransientJobs:
    """What does not have to stay: kept within the budget, and while something that is missing needs it. waiting: by job, what that is."""

    def __init__(
        self, store: Store, graph: Graph, waiting: Mapping[Name, Collection[Name]], budget_megabytes: float, presence: Presence
    ) -> None:
        self.store, self.waiting, self.budget, self.presence = store, waiting, budget_megabytes, presence
        self.kinds = {job.kind for job in graph.jobs if not job.kept}
        self.own = {job.key for job in graph.jobs if not job.kept and (graph.part is None or job.name in graph.part)}
        self.megabytes = self._trim()

    def add(self, jobs: Iterable[Job]) -> None:
        self.megabytes += sum(self.store.megabytes(*job.name) for job in jobs if not job.kept)

    def release(self, job: Job) -> None:
        """Nothing needs it any more."""
        self.store.touch(*job.name)
        if self.megabytes > self.budget:
            self.megabytes = self._trim()

    def _trim(self) -> float:
        needed = {key for (kind, key), jobs in self.waiting.items() if jobs and kind in self.kinds}
        if not self.kinds:
            return 0.0
        return self.store.trim(self.kinds, self.budget, needed, None if self.presence.alone() else self.own)


def _make(jobs: Sequence[Job], store: Store, outcome: Outcome, graph: Graph | None = None, make_parts: MakeParts | None = None) -> None:
    """Makes one job, or several of one batch, whose needs are there; what another process makes meanwhile is left to it. graph: where what
    does not stay is made only if something in it still needs it."""
    begun, first = time.perf_counter(), jobs[0]
    with all_locked((store.lock_file(job.lock or job.key) for job in jobs), f"making {first.kind} of {_title(jobs)}"):
        missing = [job for job in jobs if not store.has(*job.name, anew=True)]  # another process may have been at it, or be done with it
        missing = [job for job in missing if graph is None or _is_wanted(job, graph, store)]
        if missing and make_parts is not None:
            make_parts(missing)
        if missing and first.batch is not None:
            outcome.failed |= first.batch.make(missing, store)
        elif missing:
            assert first.make is not None
            threads = one_thread() if is_single(first) else contextlib.nullcontext()  # the same numbers, here or beside others
            with threads, store.writing(first.kind, first.key, first.title, first.parts) as folder:
                if (ranks := current_ranks()) is not None:
                    ranks.say(MAKES)
                first.make(folder)
        for job in jobs:
            if store.has(*job.name, anew=True):
                shutil.rmtree(store.unfinished(job.key), ignore_errors=True)
    outcome.seconds[f"{first.kind}: {_title(jobs)}"] = round(time.perf_counter() - begun, 2)


def _title(jobs: Sequence[Job]) -> str:
    return f"{jobs[0].title}{f' and {len(jobs) - 1} more' if len(jobs) > 1 else ''}"


def make_several(graph: Graph, keys: Collection[str], store: Store, part: Part | None = None) -> Outcome:
    """Makes the jobs of these keys whose needs are there, or come to be by them; for a process, or a machine, of its own. What one raises
    does not end the others. part: of batches that are divisible, in the place of the whole."""
    outcome, jobs, tried = Outcome(), [job for job in graph.jobs if job.key in keys], set[Name]()
    with held(store), Presence(store.lock_file(IN_USE)):
        if (ranks := current_ranks()) is not None and ranks.rank:
            _help_with(jobs[0], ranks)
            return outcome
        while ready := [job for job in jobs if job.name not in tried and _ready(job, store)]:
            first = ready[0]
            together = [first] if first.batch is None else [job for job in ready if job.batch is first.batch]
            tried |= {job.name for job in together}
            try:
                _refuse_damaged(together, store)
                _make(together, store, outcome, graph) if part is None else _make_part(together, store, part, outcome)
            except Exception as error:
                outcome.raised |= {job.key: error for job in together if not store.has(*job.name)}
    return outcome


def _help_with(job: Job, ranks: Ranks) -> None:
    """Makes what the first of several processes makes, where it does: it may be there already, and what it leaves here is not kept."""
    if ranks.wait(MAKES, ENDS) == MAKES:
        assert job.make is not None
        with tempfile.TemporaryDirectory() as folder:
            job.make(Path(folder))
        ranks.wait(ENDS)  # since a scheduler may end all soon after one


def _make_part(jobs: Sequence[Job], store: Store, part: Part, outcome: Outcome) -> None:
    begun, batch = time.perf_counter(), jobs[0].batch
    assert isinstance(batch, Divisible)
    with all_locked((store.lock_file(f"{job.key}-{part}") for job in jobs), f"making part {part} of {jobs[0].title}"):
        batch.make_part(jobs, store, part)
    outcome.seconds[f"{jobs[0].kind}: {jobs[0].title}, part {part}"] = round(time.perf_counter() - begun, 2)


def _is_wanted(job: Job, graph: Graph, store: Store) -> bool:
    """Whether it stays, or what needs it is still to be made."""
    needing = graph.needing.get(job.name, ())
    return job.kept or any(not store.has(*other.name, anew=True) and _is_wanted(other, graph, store) for other in needing)


def make_one(graph: Graph, key: str, store: Store) -> Mapping[str, Exception]:
    """Makes the job of this key alone, whose needs are there, and returns why it could not be; for a process, or a machine, of its own."""
    outcome, job = Outcome(), next(job for job in graph.jobs if job.key == key)
    _refuse_damaged([job], store)
    _make([job], store, outcome)
    return outcome.failed


def _refuse_damaged(jobs: Iterable[Job], store: Store) -> None:
    if damaged := [need for job in jobs for need in job.needs if store.is_damaged(*need.name)]:
        raise MirbenchError(
            f"{damaged[0].kind} {damaged[0].title}, which the job needs, is damaged in {store.root}; make that again first."
        )


def _ready(job: Job, store: Store) -> bool:
    return not store.has(*job.name) and all(store.has(*need.name) for need in job.needs)
