"""Work shared out among forked processes, whose results come as they are made, and of which one that dies is told with what it was at.

Each worker has one thread and a pipe of its own. It ends when its parent does, however busy either is.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import itertools
import multiprocessing
import os
import pickle
import reprlib
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from mirbench.engine.interrupts import SIGNALS, held_back, let_through
from mirbench.engine.machine import MOST_CORES, core_count
from mirbench.engine.threads import keep_to_one_thread
from mirbench.errors import MirbenchError, describe

Task = TypeVar("Task")
Message = TypeVar("Message")
Item = TypeVar("Item")
Result = TypeVar("Result")

PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that a process gets when its parent ends
WATCH_SECONDS = 1.0
GRACE_SECONDS = 2.0  # to end by itself
SIGNAL_SECONDS = 0.5  # between the death of a worker by a signal to all of us and that signal here


class WorkerDied(Exception):
    """A worker ended abruptly. task: that it was at; message: the last that it sent for this task, or None; how: the signal that ended it,
    such as SIGKILL, or what it exited with."""

    def __init__(self, task: Any, message: Any, how: str) -> None:
        super().__init__(task, message, how)
        self.task, self.message, self.how = task, message, how

    def while_it(self, did: str) -> str:
        """The beginning of a sentence for people."""
        return f"a worker process ended abruptly ({self.how}) while it {did}, perhaps for want of memory"


class Traceback(Exception):
    """Where in a worker an exception was raised, as its cause here."""


@dataclass(frozen=True)
class Raised:
    """An error as it travels from another process. where: its traceback."""

    error: BaseException
    where: str

    @classmethod
    def of(cls, error: BaseException) -> Raised:
        return cls(_portable(error), "\n" + "".join(traceback.format_exception(error)))

    def as_here(self) -> BaseException:
        """To be raised."""
        self.error.__cause__ = Traceback(self.where)
        return self.error


@dataclass(frozen=True)
class _Done:
    pass


@dataclass(frozen=True)
class _Parent:
    """pid: of the process that forked a worker; in_main_thread: whether the thread that did lasts as long as the process."""

    pid: int
    in_main_thread: bool


@dataclass
class _Worker(Generic[Task]):
    process: BaseProcess
    pipe: Connection
    tasks: deque[Task] = field(default_factory=deque)
    message: Any = None


def can_fork() -> bool:
    """Whether it is safe here to go on in a copy of this process."""
    return sys.platform.startswith("linux")


def map_in_workers(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None, name: Callable[[Item], str] = reprlib.repr
) -> Generator[Result]:
    """What the function makes of each item, in their order, from worker processes of one thread each.

    workers: how many, by default one for each core; where it is 1, or processes cannot be forked (not Linux), all is done in this one.
    They are forked when the first result is asked for and find in their memory what is there, so that the function may be a closure; what
    it changes in memory is lost. Items and results are pickled. name: what an item is called in the error of a worker that dies at it.
    Raises what the function raises, and MirbenchError where a worker dies. No process is left, however it ends.

    >>> list(map_in_workers(abs, [-2, 1], workers=2))
    [2, 1]
    """
    if (count := core_count() if workers is None else workers) < 2:
        yield from map(function, items)
        return
    early: dict[int, Result] = {}
    turn = 0
    try:
        with contextlib.closing(in_workers(lambda task: iter([(task[0], function(task[1]))]), enumerate(items), count)) as results:
            for number, result in results:
                early[number] = result
                while turn in early:
                    yield early.pop(turn)
                    turn += 1
    except WorkerDied as died:
        raise MirbenchError(f"{died.while_it(f'worked on {name(died.task[1])}')}; run the same command again.") from died


def in_workers(
    do: Callable[[Task], Iterator[Message]],
    tasks: Iterator[Task],
    count: int,
    queued: int = 1,
    retry: Callable[[WorkerDied], Task | None] = lambda died: None,
) -> Generator[Message]:
    """What `do` yields for each task, as it comes, from `count` processes, or fewer where there are fewer tasks. They are forked now and
    find in their memory what is here. Where processes cannot be forked, all is done in this one.

    queued: tasks that a worker is given at a time; where more than one, tasks must be small. retry: what is to be done in the place of a
    task at which a worker died; None: nothing can be. Raises what `do` raises, and WorkerDied; no process is left, however it ends.
    """
    if not can_fork():
        for task in tasks:
            yield from do(task)
        return
    context = multiprocessing.get_context("fork")
    workers: list[_Worker[Task]] = []
    parent = _this_process()

    def hire(given: Iterable[Task]) -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(do, theirs, parent, [ours, *(worker.pipe for worker in workers)]))
        workers.append(_Worker(process, ours))  # before it starts: it may be interrupted
        with held_back():
            process.start()
        theirs.close()
        for task in given:
            feed(workers[-1], task)

    def feed(worker: _Worker[Task], task: Task) -> None:
        worker.tasks.append(task)
        with contextlib.suppress(OSError):  # of a worker that died, which is seen when its messages are read
            worker.pipe.send(task)

    def replace(worker: _Worker[Task], died: WorkerDied) -> None:
        if (instead := retry(died)) is None:
            raise died
        workers.remove(worker)
        worker.pipe.close()
        hire([instead, *list(worker.tasks)[1:]])

    def end() -> None:
        if os.getpid() != parent.pid:  # a copy of this process that somebody else forked
            return
        started = [worker.process for worker in workers if worker.process.pid]
        for process in started:
            process.kill()
        for process in started:
            process.join()
        for worker in workers:
            worker.pipe.close()

    atexit.register(end)  # of who never comes back for the rest
    try:
        for task in itertools.islice(tasks, count):
            hire([task])
        for worker, task in zip(workers * (queued - 1), tasks):  # noqa: B905  # as many as there are
            feed(worker, task)
        while busy := {worker.pipe: worker for worker in workers if worker.tasks}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                try:
                    message = _received(worker)
                except WorkerDied as died:
                    replace(worker, died)
                    continue
                if isinstance(message, Raised):
                    raise message.as_here()
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
        for worker in workers:
            worker.process.join(GRACE_SECONDS)  # one that a thread of a plugin keeps alive is ended
    finally:
        end()
        atexit.unregister(end)


def _received(worker: _Worker[Any]) -> Any:
    try:
        return worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        raise WorkerDied(worker.tasks[0], worker.message, how_ended(worker.process.exitcode or 0)) from None


def how_ended(code: int) -> str:
    """In a word, of a process of ours with this exit code. One that a signal ended is told when that had the time to come here, too."""
    if -code in SIGNALS:
        time.sleep(SIGNAL_SECONDS)  # which raises where it came
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _serve(do: Callable[[Task], Iterator[Message]], pipe: Connection, parent: _Parent, others: Sequence[Connection]) -> None:
    """A worker. Ctrl-C and its like are the parent's matter."""
    _bind(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()
    keep_to_one_thread()
    os.environ[MOST_CORES] = "1"  # of a probe with n_jobs=-1, or of workers of its own
    with contextlib.suppress(EOFError, OSError):  # the parent has no more, or is gone
        while True:
            task = pipe.recv()
            try:
                for message in do(task):
                    pipe.send(message)
            except BaseException as error:
                pipe.send(Raised.of(error))
            else:
                pipe.send(_Done())


def bound_to_here() -> Callable[..., None]:
    """What a process that somebody else forks from here, in a `held_back` block, is to call first, with whatever arguments: it ends when
    this one does, and leaves Ctrl-C and its like to it."""
    return functools.partial(_bind, _this_process())


def end_with_starter() -> None:
    """This process, which was started by multiprocessing, ends when the one that started it does."""
    if (starter := multiprocessing.parent_process()) is not None and starter.pid is not None:
        end_with(starter.pid, True)


def end_with(starter: int, in_main_thread: bool) -> None:
    """As `end_with_starter`, of whatever process. in_main_thread: whether the starter's main thread started it."""
    _end_with(_Parent(starter, in_main_thread))


def _this_process() -> _Parent:
    return _Parent(os.getpid(), threading.current_thread() is threading.main_thread())


def _bind(parent: _Parent, *_: object) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    let_through()
    _end_with(parent)


def _end_with(parent: _Parent) -> None:
    """This process ends when its parent does, amid a task too. The system sees to it, by the thread that forked it; where that thread may
    end earlier, or the system does not, a thread of ours does."""

    def watch() -> None:
        while os.getppid() == parent.pid:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    seen_to = False
    if parent.in_main_thread:
        with contextlib.suppress(OSError, AttributeError, TypeError):  # no such call
            seen_to = ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL)) == 0
    if not seen_to:
        threading.Thread(target=watch, daemon=True).start()
    if os.getppid() != parent.pid:  # it ended before
        os._exit(1)


def _portable(error: BaseException) -> BaseException:
    """The error, or where it cannot travel another that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(describe(error))
    return error
