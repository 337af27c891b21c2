"""Jobs that keep one core busy each, made side by side in worker processes, so that a run uses all cores in all its stages."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.engine.jobs import Job
from mirbench.engine.machine import core_count
from mirbench.engine.store import Store
from mirbench.engine.workers import Raised, WorkerDied, can_fork, in_workers
from mirbench.errors import MirbenchError

WORTH_SECONDS = 3.0  # of jobs together, from which processes are forked for them
NEEDED_TIMES = 6  # memory that a job takes, to the size of what it reads: as float64, standardised, and what is made of it
JOB_MEGABYTES = 200.0  # and beside it


@dataclass(frozen=True)
class Done:
    """A job that was tried. seconds: that it took; error: why it was not made."""

    job: Job
    seconds: float
    error: BaseException | None = None


def is_single(job: Job) -> bool:
    """Whether it keeps one core busy, and shares its work with no other."""
    return job.batch is None and job.cost.cores == 1 and not job.cost.gpus


def are_worth_forking(jobs: Sequence[Job]) -> bool:
    return sum(job.cost.seconds for job in jobs if is_single(job)) >= WORTH_SECONDS and can_fork() and core_count() > 1


def workers_for(jobs: Sequence[Job], store: Store) -> int:
    """How many of these may be made at once: one a core, or fewer where they would not fit into the memory that is free."""
    largest = max((sum(store.megabytes(*need.name) for need in job.needs) for job in jobs), default=0.0)
    return max(1, min(core_count(), len(jobs), int(free_megabytes() / (NEEDED_TIMES * largest + JOB_MEGABYTES))))


def free_megabytes() -> float:
    """Memory that is to be had without swapping, within the limit of a container; without bound where the system does not tell."""
    free = [float("inf")]
    with contextlib.suppress(OSError, ValueError, IndexError):
        free.append(int(Path("/proc/meminfo").read_text().split("MemAvailable:", 1)[1].split()[0]) / 1e3)
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        group = Path("/sys/fs/cgroup")
        free.append((int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())) / 1e6)
    return min(free)


def make_side_by_side(jobs: Sequence[Job], make: Callable[[Job], None], workers: int) -> Iterator[Done]:
    """Each as it is done. make: makes one, in a process forked from this one. Where the system kills a worker, as for want of memory, what
    is left is made here, one after another. Raises MirbenchError where a worker ends in another way."""
    left = dict(enumerate(jobs))

    def one(number: int) -> Iterator[tuple[int, float, Raised | None]]:
        begun, raised = time.perf_counter(), None
        try:
            make(jobs[number])
        except Exception as error:
            raised = Raised.of(error)
        yield number, time.perf_counter() - begun, raised

    try:
        numbers = iter(range(len(jobs) if workers > 1 else 0))
        with contextlib.closing(in_workers(one, numbers, workers)) as results:
            for number, seconds, raised in results:
                yield Done(left.pop(number), seconds, None if raised is None else raised.as_here())
    except WorkerDied as died:
        if died.how != signal.SIGKILL.name:
            job = jobs[died.task]
            raise MirbenchError(f"{died.while_it(f'made {job.kind} of {job.title}')}; run the same command again.") from died
    for job in left.values():
        begun, error = time.perf_counter(), None
        try:
            make(job)
        except Exception as caught:
            error = caught
        yield Done(job, time.perf_counter() - begun, error)
