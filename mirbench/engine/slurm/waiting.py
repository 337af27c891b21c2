"""Until what was submitted is done: progress from the store, and states from the queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from mirbench.engine.files import tell
from mirbench.engine.slurm import queue, submitting
from mirbench.engine.slurm.queue import State, Unanswered
from mirbench.engine.slurm.submission import Submission, SubmittedJob
from mirbench.errors import MirbenchError
from mirbench.progress import progress_bar
from mirbench.records import stage_of

FIRST_POLL, LAST_POLL, SLOWER = 1.0, 15.0, 1.2  # seconds between looks, and how they grow
GRACE_SECONDS = 10.0  # in which an answer comes to be seen after a task has left the queue
SILENCE_SECONDS = 900.0  # that Slurm may leave without an answer


def wait(submission: Submission, told: set[str], leave: Callable[[], None] | None = None) -> Mapping[str, State]:
    """Until nothing of it is in the queue, or runs; returns how each task was when last seen. told: stages and jobs that were told of,
    which is added to. leave: called in the place of waiting, and raises. Raises MirbenchError where Slurm does not answer for long, and for
    a job that can never start."""
    last: dict[str, State] = {}
    jobs = {(job.kind, job.key) for task in submission.tasks for job in task.jobs}
    if not _lacks_answers(submission):
        return last
    pause, left, answered = FIRST_POLL, 0.0, time.monotonic()
    try:
        with progress_bar(total=len(jobs), desc="on the cluster", unit="job") as bar:
            while True:
                try:
                    states = queue.states(submission.job_name)
                    last |= states
                    answered = time.monotonic()
                except Unanswered as error:
                    if time.monotonic() - answered > SILENCE_SECONDS:
                        raise MirbenchError(
                            f"Slurm does not answer ({error}); what is submitted goes on without this process: run the same command again "
                            "when it does."
                        ) from error
                    states = last
                bar.update(sum(submission.store.has(*name) for name in jobs) - bar.n)
                _tell(submission, states, told)
                if living := submission.living(states):
                    if leave is not None:
                        leave()
                    left = 0.0
                else:
                    left = left or time.monotonic()
                    if not _lacks_answers(submission) or time.monotonic() - left > GRACE_SECONDS:
                        return last
                time.sleep(pause if living else FIRST_POLL)
                pause = min(LAST_POLL, pause * SLOWER)
    except KeyboardInterrupt:
        name = submission.name
        tell(f"what is submitted goes on: mirbench status {name}; scancel --name={submission.job_name} ends it.", always=True)
        raise


def _lacks_answers(submission: Submission) -> bool:
    """Whether a task of which nothing was taken yet has given no answer."""
    new = [task for task in submission.tasks if task.number not in submission.taken]
    return any(submitting.answer_of(submission.logs, task.number, task.processes) is None for task in new)


def _tell(submission: Submission, states: Mapping[str, State], told: set[str]) -> None:
    """A line for each stage that is done, and for each job that is held, once. Raises MirbenchError for one that can never start."""
    stages: dict[str, list[SubmittedJob]] = {}
    for task in submission.tasks:
        for job in task.jobs:
            stages.setdefault(stage_of(job.kind), []).append(job)
    for stage, jobs in stages.items():
        if stage not in told and all(submission.store.has(job.kind, job.key) for job in jobs):
            told.add(stage)
            tell(f"{stage}: {len({(job.kind, job.key) for job in jobs}):,} made")
    for number, state in states.items():
        if state.never:
            queue.cancel(submission.job_name)
            raise MirbenchError(
                f"job {number} can never start ({state.reason}), and is cancelled with all that was submitted; change what slurm.* asks "
                "for, by --set or in the profile, and run the same command again."
            )
        if state.held and number not in told:
            told.add(number)
            tell(f"job {number} is held ({state.reason}): `scontrol release {number}` lets it go on.", always=True)
