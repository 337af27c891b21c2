"""The executor that submits a graph to Slurm, and waits for it or goes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mirbench.engine.executor import Outcome, TransientJobs, compare, touch
from mirbench.engine.files import Presence, tell
from mirbench.engine.holds import held
from mirbench.engine.jobs import Graph, Job
from mirbench.engine.machine import Decided
from mirbench.engine.slurm import failures, queue, submitting, waiting
from mirbench.engine.slurm.node import CONTINUES, Continuation, Make, PackOnNode, Told
from mirbench.engine.slurm.packing import Array, arrays_of
from mirbench.engine.slurm.profile import Profile
from mirbench.engine.slurm.queue import Full, State, Unanswered
from mirbench.engine.slurm.submission import Submission, SubmittedJob, Task
from mirbench.engine.store import Store
from mirbench.errors import Detached, MirbenchError

SUBMISSIONS = 6  # of a job, for whatever reason
CONTINUATION_MINUTES = 60


@dataclass(eq=False)
class SlurmExecutor:
    """make: makes jobs by their keys, in a process of its own; decided: what `auto` comes to; command: what a person typed, which goes on
    with what it submitted where the profile says so. budget_megabytes: as of `LocalExecutor`, and seen to when all is made."""

    store: Store
    budget_megabytes: float
    make: Make
    profile: Profile
    decided: Decided
    submission: Submission
    argv: Sequence[str] = ()
    _told: set[str] = field(default_factory=set)

    def run(self, graph: Graph, outcome: Outcome | None = None, read: Collection[Job] = ()) -> Outcome:
        outcome = outcome or Outcome()
        with held(self.store):
            return self._run(graph, outcome, read)

    def _run(self, graph: Graph, outcome: Outcome, read: Collection[Job]) -> Outcome:
        touch(graph, self.store)
        compare(graph, self.store, read)
        if not self._missing(graph, outcome) and not self.submission.tasks:
            return outcome
        self.store.check()
        while True:
            self._take(graph, outcome)
            compare(graph, self.store, read)
            missing = self._missing(graph, outcome)
            tries = self._tries()
            if not missing or max(tries[job.key] for job in missing) >= SUBMISSIONS:
                break
            self._submit(missing)
            if self.profile.detach:
                self._continue()
        with Presence(self.store.lock_file("in-use")) as presence:
            TransientJobs(self.store, graph, {}, self.budget_megabytes, presence)
        return outcome

    def _missing(self, graph: Graph, outcome: Outcome) -> list[Job]:
        hindered = graph.hindered(outcome.failed)
        return [job for job in graph.missing(self.store) if job.key not in hindered]

    def _tries(self) -> Counter[str]:
        """By key, how often each was submitted as a whole."""
        return Counter(job.key for task in self.submission.tasks if not task.part for job in task.jobs)

    def _take(self, graph: Graph, outcome: Outcome) -> None:
        """Waits for what is in the queue, and takes what it answers. Raises MirbenchError for what cannot be made."""
        last = waiting.wait(self.submission, self._told, self._continue if self.profile.detach else None)
        for kind in {job.kind for job in graph.jobs}:
            self.store.has(kind, "", anew=True)  # what nodes made is seen
        by_key = {job.key: job for job in graph.jobs}
        raised: dict[str, tuple[Told, str]] = {}
        lost: list[Task] = []
        for task in self.submission.tasks:
            answer = submitting.answer_of(self.submission.logs, task.number, task.processes)
            if answer is not None:
                outcome.failed |= {key: error for key, error in answer.failed.items() if key in by_key}
            if task.number in self.submission.taken:
                continue
            if answer is not None:
                outcome.seconds |= answer.seconds
                raised |= {key: (told, task.number) for key, told in answer.raised.items()}
            elif any(not self.store.has(job.kind, job.key) for job in task.jobs):
                lost.append(task)
        with self.submission.changing():
            self.submission.taken = [task.number for task in self.submission.tasks]
            self.submission.lost += [task.number for task in lost]
        for key, (told, number) in raised.items():
            if key not in by_key or not self.store.has(*by_key[key].name):
                raise MirbenchError(failures.of_job(self.submission, key, told, number, len(raised) - 1))
        failures.refuse_lost(self.submission, lost, last)

    def _submit(self, missing: Sequence[Job]) -> None:
        profile = replace(self.profile, minutes=int(min(self.profile.minutes, queue.time_limit(self.profile.partition))))
        most = min(self.profile.array or queue.array_limit(), queue.array_limit())
        with self.submission.changing():
            if self.submission.living(self._states()):
                return  # another process of the same command was first
            while True:
                arrays = arrays_of(missing, profile, most)
                try:
                    self._submit_arrays(arrays)
                    return
                except Full as full:
                    if most == 1:
                        raise MirbenchError(
                            f"the site takes no more jobs of yours now ({full}); run the same command again when some have ended."
                        ) from full
                    most = max(1, min(most, max(len(array.packs) for array in arrays)) // 2)

    def _submit_arrays(self, arrays: Sequence[Array]) -> None:
        """Raises Full where the site takes none; where it takes some, the others are for later."""
        numbers: list[list[str]] = []
        for array in arrays:
            packs = [
                PackOnNode(
                    self.make,
                    tuple(job.key for job in pack.jobs),
                    self.decided,
                    pack.gpus,
                    self.profile.requeues,
                    pack.part,
                    pack.nodes,
                    pack.processes,
                )
                for pack in array.packs
            ]
            after = [numbers[need][0].split("_")[0] for need in array.needs]
            try:
                told = submitting.submit(self.submission, packs, array, self.profile, after)
            except Full as full:
                if not numbers:
                    raise
                tell(f"the site takes no more jobs of yours now ({full}); the rest is submitted when these have ended.")
                break
            numbers.append(told)
            self.submission.tasks += [
                Task(
                    number,
                    [SubmittedJob(job.kind, job.key, job.title) for job in pack.jobs],
                    str(pack.part or ""),
                    pack.nodes * pack.processes,
                )
                for number, pack in zip(told, array.packs, strict=True)
            ]
        tasks, jobs = (
            sum(map(len, numbers)),
            len({job.name for array in arrays[: len(numbers)] for pack in array.packs for job in pack.jobs}),
        )
        tell(f"submitted {jobs:,} job{'s'[: jobs != 1]} as {tasks:,} of Slurm's in {len(numbers)} array{'s'[: len(numbers) != 1]}")

    def _states(self) -> Mapping[str, State]:
        try:
            return queue.states(self.submission.job_name)
        except Unanswered:
            return {}

    def _continue(self) -> None:
        """Submits the command that goes on when all is done, unless one waits already. Raises Detached."""
        with self.submission.changing():
            if not self._is_continued():
                taken = self.submission.taken
                after = list(dict.fromkeys(task.number.split("_")[0] for task in self.submission.tasks if task.number not in taken))
                continuation = Continuation(tuple(self.argv), Path(self.submission.where))
                minutes = min(self.profile.minutes, queue.time_limit(self.profile.partition), CONTINUATION_MINUTES)
                array = Array((), (), int(minutes), 1, 0, None)
                try:
                    (number,) = submitting.submit(self.submission, [continuation], array, self.profile, after, on_step=False)
                except Full as full:
                    raise MirbenchError(
                        f"the site takes no more jobs of yours now ({full}), so that nothing would go on after these; run the same command "
                        "again when some have ended, or without --detach."
                    ) from full
                self.submission.continuation = number
        raise Detached(self._in_words())

    def _is_continued(self) -> bool:
        """Whether another process is to go on."""
        number = self.submission.continuation
        state = self._states().get(number)
        return state is not None and state.lives and number != os.environ.get(CONTINUES)

    def _in_words(self) -> str:
        name = self.submission.name
        return f"submitted as {name}: `mirbench status {name}` tells where it is, `mirbench wait {name}` waits for it."
