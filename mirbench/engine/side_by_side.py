"""Jobs that keep one core busy each, made side by side in worker processes, so that a run uses all cores in all its stages."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mirbench.engine.files import tell
from mirbench.engine.jobs import Job
from mirbench.engine.machine import core_count, free_megabytes
from mirbench.engine.store import Store
from mirbench.engine.workers import Raised, WorkerDied, can_fork, in_workers
from mirbench.errors import MirbenchError

WORTH_SECONDS = 3.0  # of jobs together, from which processes are forked for them
NEEDED_TIMES = 6  # memory that a job takes, to the size of what it reads: as float64, standardised, and what is made of it
JOB_MEGABYTES = 200.0  # and beside it
REFUSED_IN_FORKS = (  # what torch says of CUDA, and of gradients where there is a GPU, once the process that forked has used them
    "re-initialize CUDA in forked subprocess",
    "autograd's threading in combination with fork-based multiprocessing",
)


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
    needs = {need.name for job in jobs for need in job.needs}
    megabytes = {name: store.megabytes(*name) for name in needs}  # many need the same
    largest = max((sum(megabytes[need.name] for need in job.needs) for job in jobs), default=0.0)
    return max(1, min(core_count(), len(jobs), int(free_megabytes() / (NEEDED_TIMES * largest + JOB_MEGABYTES))))


def make_side_by_side(jobs: Sequence[Job], make: Callable[[Job], None], workers: int) -> Iterator[Done]:
    """Each as it is done. make: makes one, in a process forked from this one, or here where torch refuses to do its part in a fork. Where
    the system kills a worker, as for want of memory, what is left is made here, one after another. Raises MirbenchError where a worker ends
    in another way."""
    left = dict(enumerate(jobs))

    def one(number: int) -> Iterator[tuple[int, float, Raised | None]]:
        done = _tried(jobs[number], make)
        yield number, done.seconds, None if done.error is None else Raised.of(done.error)

    try:
        numbers = iter(range(len(jobs) if workers > 1 else 0))
        with contextlib.closing(in_workers(one, numbers, workers)) as results:
            for number, seconds, raised in results:
                if raised is not None and any(words in raised.where for words in REFUSED_IN_FORKS):
                    continue
                yield Done(left.pop(number), seconds, None if raised is None else raised.as_here())
    except WorkerDied as died:
        said = died.while_it(f"made {jobs[died.task].kind} of {jobs[died.task].title}")
        if died.how != signal.SIGKILL.name:
            raise MirbenchError(f"{said}; run the same command again.") from died
        tell(f"{said}; what is left of its stage is made one after another.")
    for job in left.values():
        yield _tried(job, make)


def _tried(job: Job, make: Callable[[Job], None]) -> Done:
    begun, error = time.perf_counter(), None
    try:
        make(job)
    except Exception as raised:
        error = raised
    return Done(job, time.perf_counter() - begun, error)
