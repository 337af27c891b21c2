"""What could not be made on a cluster, in words: why, the end of its log, and the line that runs it alone."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

from mirbench.engine.files import tell
from mirbench.engine.ranks import LOST
from mirbench.engine.slurm.node import Told
from mirbench.engine.slurm.queue import State
from mirbench.engine.slurm.submission import Submission, Task, log_tail
from mirbench.errors import MirbenchError

TRIES = 3  # of a job whose process ended without an answer
ADVICE = {
    "OUT_OF_MEMORY": "raise slurm.memory_gb",
    "TIMEOUT": "raise slurm.time",
    "CANCELLED": "run the same command again to go on",
    "NODE_FAIL": "leave that node out by slurm.extra.exclude",
}


def of_job(submission: Submission, key: str, told: Told, number: str, more: int) -> str:
    """number: of the task that it was in; more: how many others failed, too."""
    job = next(job for task in submission.tasks for job in task.jobs if job.key == key)
    others = f" ({more} more failed, too)" if more else ""
    where = f", in process {told.rank} of it" if told.rank else ""
    rest = _line(submission, key) if told.ours else _log_and_line(submission, number, key, told.rank)
    return f"{job.kind} {job.title} failed on the cluster{where}{others}: {told.sentence}{rest}"


def refuse_lost(submission: Submission, lost: Sequence[Task], last: Mapping[str, State]) -> None:
    """lost: tasks that ended without an answer just now; last: how each was when last seen. Raises MirbenchError where it is no use to
    submit what they were to make again."""
    ever = Counter((job.key, task.part) for task in submission.tasks if task.number in submission.lost for job in task.jobs)
    for task in lost:
        word = last.get(task.number, State("")).word.split(" ")[0]
        how = f" ({word})" if word else ""
        job = next(job for job in task.jobs if not submission.store.has(job.kind, job.key))
        times = ever[job.key, task.part]
        if word == "CANCELLED" or times >= TRIES:
            often = "" if times == 1 else f" {times} times"
            advice = ADVICE.get(word, "see its log")
            raise MirbenchError(
                f"{job.kind} {job.title}, job {task.number}, ended{often} without an answer{how}; {advice}."
                f"{_log_and_line(submission, task.number, job.key, _that_failed(submission, task))}"
            )
        tell(f"job {task.number} ended without an answer{how}; what it was to make is submitted again.")


def _that_failed(submission: Submission, task: Task) -> int:
    """Which of the processes of a task ended by itself, where its log tells: not one that only says that another has ended."""
    tails = {rank: log_tail(submission.logs, task.number, rank=rank) for rank in range(1, task.processes)}
    return next((rank for rank, lines in tails.items() if lines and not any(line.startswith(LOST) for line in lines)), 0)


def _log_and_line(submission: Submission, number: str, key: str, rank: int = 0) -> str:
    lines = log_tail(submission.logs, number, rank=rank)
    log = f"\nThe end of its log in {submission.logs}:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""
    return f"{log}{_line(submission, key)}"


def _line(submission: Submission, key: str) -> str:
    return f"\nAlone, on this machine: {shlex.join(['mirbench', 'make', submission.name, key, '--cache', str(submission.store.root)])}"
