"""Work shared out among forked processes, whose results come as they are made, and of which one that dies is told with what it was at.

Each worker has one thread and a pipe of its own. It ends when its parent does, since its pipe then ends.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import pickle
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from mirbench.errors import describe

Task = TypeVar("Task")
Message = TypeVar("Message")


class WorkerDied(Exception):
    """A worker ended abruptly. task: that it was at; message: the last that it sent for this task, or None; how: the signal that ended it,
    such as SIGKILL, or what it exited with."""

    def __init__(self, task: Any, message: Any, how: str) -> None:
        super().__init__(task, message, how)
        self.task, self.message, self.how = task, message, how


class Traceback(Exception):
    """Where in a worker an exception was raised, as its cause here."""


@dataclass(frozen=True)
class _Raised:
    error: BaseException
    where: str


@dataclass(frozen=True)
class _Done:
    pass


@dataclass
class _Worker(Generic[Task]):
    process: BaseProcess
    pipe: Connection
    tasks: deque[Task] = field(default_factory=deque)
    message: Any = None


def can_fork() -> bool:
    """Whether it is safe here to go on in a copy of this process."""
    return sys.platform.startswith("linux")


def in_workers(
    do: Callable[[Task], Iterator[Message]],
    tasks: Iterator[Task],
    count: int,
    queued: int = 1,
    retry: Callable[[WorkerDied], Task | None] = lambda died: None,
) -> Generator[Message]:
    """What `do` yields for each task, as it comes, from `count` processes. They are forked now and find in their memory what is here.

    queued: tasks that a worker is given at a time. again: what is to be done in the place of a task at which a worker died; None: nothing
    can be. Raises what `do` raises, and WorkerDied; no process is left, however it ends.
    """
    context = multiprocessing.get_context("fork")
    workers: list[_Worker[Task]] = []

    def hire(given: Iterable[Task]) -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(do, theirs, [ours, *(worker.pipe for worker in workers)]))
        process.start()
        theirs.close()
        workers.append(_Worker(process, ours))
        for task in given:
            feed(workers[-1], task)

    def feed(worker: _Worker[Task], task: Task) -> None:
        worker.tasks.append(task)
        with contextlib.suppress(OSError):  # of a worker that died, which is seen when it is listened to
            worker.pipe.send(task)

    def replace(worker: _Worker[Task], died: WorkerDied) -> None:
        if (instead := retry(died)) is None:
            raise died
        workers.remove(worker)
        worker.pipe.close()
        hire([instead, *list(worker.tasks)[1:]])

    try:
        for _ in range(count):
            hire(())
        for worker, task in zip(workers * queued, tasks):  # noqa: B905  # as many as there are
            feed(worker, task)
        while busy := {worker.pipe: worker for worker in workers if worker.tasks}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                try:
                    message = _received(worker)
                except WorkerDied as died:
                    replace(worker, died)
                    continue
                if isinstance(message, _Raised):
                    raise message.error from Traceback(message.where)
                if isinstance(message, _Done):
                    worker.tasks.popleft()
                    worker.message = None
                    for task in itertools.islice(tasks, 1):
                        feed(worker, task)
                else:
                    worker.message = message
                    yield message
        for worker in workers:
            worker.pipe.close()
            worker.process.join()
    finally:
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()
            worker.pipe.close()


def _received(worker: _Worker[Any]) -> Any:
    try:
        return worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        code = worker.process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        raise WorkerDied(worker.tasks[0], worker.message, how) from None


def _serve(do: Callable[[Task], Iterator[Message]], pipe: Connection, others: Sequence[Connection]) -> None:
    """A worker. Ctrl-C is the parent's matter."""
    from threadpoolctl import threadpool_limits

    for other in others:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    with contextlib.suppress(EOFError, OSError):  # the parent has no more, or is gone
        while True:
            task = pipe.recv()
            try:
                for message in do(task):
                    pipe.send(message)
            except BaseException as error:
                pipe.send(_Raised(_portable(error), "\n" + "".join(traceback.format_exception(error))))
            else:
                pipe.send(_Done())


def _portable(error: BaseException) -> BaseException:
    """The error, or where it cannot travel another that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(describe(error))
    return error
