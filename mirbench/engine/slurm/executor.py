"""The executor that submits a graph to Slurm, and waits for it or goes."""

from __future__ import annotations

import os
import shlex
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mirbench.engine.executor import Outcome, TransientJobs, compare
from mirbench.engine.files import Presence, tell
from mirbench.engine.jobs import Graph, Job
from mirbench.engine.machine import Decided
from mirbench.engine.slurm import queue, submitting
from mirbench.engine.slurm.node import CONTINUES, Continuation, Make, PackOnNode, Told
from mirbench.engine.slurm.packing import Array, arrays_of
from mirbench.engine.slurm.profile import Profile
from mirbench.engine.slurm.queue import Full, State, Unanswered
from mirbench.engine.slurm.submission import Submission, SubmittedJob, Task, log_tail
from mirbench.engine.store import Store
from mirbench.errors import Detached, MirbenchError
from mirbench.progress import progress_bar

TRIES = 3  # of a job whose process ended without an answer
SUBMISSIONS = 6  # of a job, for whatever reason
FIRST_POLL, LAST_POLL, SLOWER = 1.0, 15.0, 1.2  # seconds between looks, and how they grow
GRACE_SECONDS = 10.0  # in which an answer comes to be seen after a task has left the queue
SILENCE_SECONDS = 900.0  # that Slurm may leave without an answer
CONTINUATION_MINUTES = 60
ADVICE = {
    "OUT_OF_MEMORY": "raise slurm.memory_gb",
    "TIMEOUT": "raise slurm.time",
    "CANCELLED": "run the same command again to go on",
    "NODE_FAIL": "leave that node out by slurm.extra.exclude",
}


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
        """By key, how often each was submitted."""
        return Counter(job.key for task in self.submission.tasks for job in task.jobs)

    def _take(self, graph: Graph, outcome: Outcome) -> None:
        """Waits for what is in the queue, and takes what it answers. Raises MirbenchError for what cannot be made."""
        last = self._wait()
        by_key = {job.key: job for job in graph.jobs}
        raised: dict[str, tuple[Told, str]] = {}
        lost: list[Task] = []
        for task in self.submission.tasks:
            answer = submitting.answer_of(self.submission.logs, task.number)
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
                raise MirbenchError(self._of_failure(key, told, number, len(raised) - 1))
        self._refuse_lost(lost, last)

    def _refuse_lost(self, lost: Sequence[Task], last: Mapping[str, State]) -> None:
        """Raises MirbenchError where it is no use to submit these again."""
        lost_ever = Counter(job.key for task in self.submission.tasks if task.number in self.submission.lost for job in task.jobs)
        for task in lost:
            word = last.get(task.number, State("")).word.split(" ")[0]
            job = next(job for job in task.jobs if not self.store.has(job.kind, job.key))
            if word == "CANCELLED" or lost_ever[job.key] >= TRIES:
                often = "" if lost_ever[job.key] == 1 else f" {lost_ever[job.key]} times"
                how = f"ended{often} without an answer{f' ({word})' if word else ''}"
                advice = ADVICE.get(word, "see its log")
                raise MirbenchError(
                    f"{job.kind} {job.title}, job {task.number}, {how}; {advice}.{self._log_and_line(task.number, job.key)}"
                )
            tell(f"job {task.number} ended without an answer{f' ({word})' if word else ''}; what it was to make is submitted again.")

    def _of_failure(self, key: str, told: Told, number: str, more: int) -> str:
        job = next(job for task in self.submission.tasks for job in task.jobs if job.key == key)
        others = f" ({more} more failed, too)" if more else ""
        rest = self._line(key) if told.ours else self._log_and_line(number, key)
        return f"{job.kind} {job.title} failed on the cluster{others}: {told.sentence}{rest}"

    def _log_and_line(self, number: str, key: str) -> str:
        lines = log_tail(self.submission.logs, number)
        log = f"\nThe end of its log in {self.submission.logs}:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""
        return f"{log}{self._line(key)}"

    def _line(self, key: str) -> str:
        return f"\nAlone, on this machine: {shlex.join(['mirbench', 'make', self.submission.name, key, '--cache', str(self.store.root)])}"

    def _wait(self) -> Mapping[str, State]:
        """Until nothing of ours is in the queue, or runs; returns how each task was when it was last seen."""
        last: dict[str, State] = {}
        jobs = {(job.kind, job.key) for task in self.submission.tasks for job in task.jobs}
        if not self._waiting():
            return last
        pause, left, answered = FIRST_POLL, 0.0, time.monotonic()
        try:
            with progress_bar(total=len(jobs), desc="on the cluster", unit="job") as bar:
                while True:
                    try:
                        states = queue.states(self.submission.job_name)
                        last |= states
                        answered = time.monotonic()
                    except Unanswered as error:
                        if time.monotonic() - answered > SILENCE_SECONDS:
                            raise MirbenchError(
                                f"Slurm does not answer ({error}); what is submitted goes on without this process: run the same command "
                                "again when it does."
                            ) from error
                        states = last
                    bar.update(sum(self.store.has(*name) for name in jobs) - bar.n)
                    self._tell_stages(states)
                    if living := self.submission.living(states):
                        if self.profile.detach:
                            self._continue()
                        left = 0.0
                    else:
                        left = left or time.monotonic()
                        if not self._waiting() or time.monotonic() - left > GRACE_SECONDS:
                            return last
                    time.sleep(min(pause, 1.0) if not living else pause)
                    pause = min(LAST_POLL, pause * SLOWER)
        except KeyboardInterrupt:
            name = self.submission.job_name
            tell(f"what is submitted goes on: mirbench status {self.submission.name}; scancel --name={name} ends it.", always=True)
            raise

    def _waiting(self) -> bool:
        """Whether a task of which nothing was taken yet has given no answer."""
        return any(
            task.number not in self.submission.taken and submitting.answer_of(self.submission.logs, task.number) is None
            for task in self.submission.tasks
        )

    def _tell_stages(self, states: Mapping[str, State]) -> None:
        """A line for each stage that is done, and for each job that is held, once. Raises MirbenchError for one that can never start."""
        kinds: dict[str, list[SubmittedJob]] = {}
        for task in self.submission.tasks:
            for job in task.jobs:
                kinds.setdefault(job.kind, []).append(job)
        for kind, jobs in kinds.items():
            if kind not in self._told and all(self.store.has(job.kind, job.key) for job in jobs):
                self._told.add(kind)
                tell(f"{kind}: {len({job.key for job in jobs}):,} made")
        if never := next(((number, state) for number, state in states.items() if state.never), None):
            queue.cancel(self.submission.job_name)
            raise MirbenchError(
                f"job {never[0]} can never start ({never[1].reason}), and is cancelled with all that was submitted; change what slurm.* asks "
                "for, by --set or in the profile, and run the same command again."
            )
        for number, state in states.items():
            if state.held and number not in self._told:
                self._told.add(number)
                tell(f"job {number} is held ({state.reason}): `scontrol release {number}` lets it go on.", always=True)

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
                PackOnNode(self.make, tuple(job.key for job in pack.jobs), self.decided, pack.gpus, self.profile.requeues)
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
                Task(number, [SubmittedJob(job.kind, job.key, job.title) for job in pack.jobs])
                for number, pack in zip(told, array.packs, strict=True)
            ]
        tasks, jobs = sum(map(len, numbers)), sum(len(pack.jobs) for array in arrays[: len(numbers)] for pack in array.packs)
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
