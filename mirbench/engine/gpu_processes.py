"""Batches shared out among the GPUs of this machine: a process for each GPU, which sees that one alone, makes a part of every batch.

A process is a new interpreter, as CUDA does not survive a fork. It plans the same graph again, once, and is then told keys of jobs and
which part of them is its own; what it makes lies in the store, from where the parts are put together here.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from mirbench.engine.executor import MakeParts, make_several
from mirbench.engine.files import tell
from mirbench.engine.interrupts import SIGNALS, Stopped, held_back, let_through, stoppable
from mirbench.engine.jobs import Divisible, Graph, Job, Part
from mirbench.engine.machine import DECIDED, MOST_CORES, Decided, core_count, keep_memory
from mirbench.engine.store import Store
from mirbench.engine.workers import Raised, end_with, how_ended
from mirbench.errors import MirbenchError
from mirbench.progress import bars_told_to, progress_bar

LEAST_SECONDS = 60.0  # of a batch, by the plan's estimate; for less no process is started, which takes about ten
GRACE_SECONDS = 5.0  # to end in order, of all together
CODE = "import sys; sys.path[:] = {path!r}; from mirbench.engine.gpu_processes import serve; serve({handle}, {parent}, {in_main_thread})"

PlanAgain = Callable[[], tuple[Graph, Store]]


@dataclass(frozen=True)
class _Done:
    """unknown: whether the process has no job of some of the keys, and made nothing."""

    unknown: bool = False


@dataclass(eq=False)
class _Child:
    gpu: str
    process: subprocess.Popen[bytes]
    pipe: Connection


@contextlib.contextmanager
def sharing(plan: PlanAgain, gpus: Sequence[str], decided: Decided) -> Iterator[MakeParts]:
    """Gives what leaves the parts of a batch in the store, where it can be divided and is long enough; the processes are started at the
    first such batch, and have ended after the block, however that ends.

    plan: picklable, gives the graph again in a process of its own; gpus: what CUDA_VISIBLE_DEVICES is to be for each; decided: the machine
    that keys are of. Raises MirbenchError where a process dies, and what is raised in one, and ends the others.
    """
    processes = _Processes(plan, gpus, decided)
    try:
        yield processes.make_parts
    finally:
        processes.end()


class _Processes:
    def __init__(self, plan: PlanAgain, gpus: Sequence[str], decided: Decided) -> None:
        self.plan, self.gpus, self.decided = plan, gpus, decided
        self.children: list[_Child] = []
        self.needless = False

    def make_parts(self, jobs: Sequence[Job]) -> None:
        batch = jobs[0].batch
        if self.needless or not isinstance(batch, Divisible):
            return
        if not self.children and sum(job.cost.seconds for job in jobs) < LEAST_SECONDS:
            return
        if (count := min(len(self.gpus), batch.most_parts())) < 2:
            return
        try:
            self._start()
            unknown = self._share(jobs, self.children[:count])
        except BaseException:
            self.end()
            raise
        if unknown:
            tell("other processes do not have the same jobs, as data or plugins have changed; one GPU is used.", always=True)
            self.needless = True
            self.end()

    def _start(self) -> None:
        if self.children:
            return
        tell(f"{len(self.gpus)} GPUs are used, with a process each")
        for gpu in self.gpus:
            self._start_one(gpu)
        for child in self.children:
            with contextlib.suppress(OSError):  # of one that is dead, which is seen when it is to answer
                child.pipe.send(self.plan)

    def _start_one(self, gpu: str) -> None:
        environment = {
            **os.environ,
            "CUDA_VISIBLE_DEVICES": gpu,
            MOST_CORES: str(max(1, core_count() // len(self.gpus))),
            "MIRBENCH_QUIET": "1",  # this process tells
            DECIDED: json.dumps(asdict(self.decided)),
        }
        ours, theirs = multiprocessing.Pipe()
        in_main_thread = threading.current_thread() is threading.main_thread()
        code = CODE.format(path=sys.path, handle=theirs.fileno(), parent=os.getpid(), in_main_thread=in_main_thread)
        with theirs, held_back():
            process = subprocess.Popen([sys.executable, "-c", code], env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
            self.children.append(_Child(gpu, process, ours))

    def _share(self, jobs: Sequence[Job], children: Sequence[_Child]) -> bool:
        """Whether one does not know them."""
        keys = tuple(job.key for job in jobs)
        for number, child in enumerate(children):
            with contextlib.suppress(OSError):
                child.pipe.send((keys, Part(number, len(children))))
        busy: dict[Any, _Child] = {child.pipe: child for child in children}
        done = dict.fromkeys(busy, 0.0)
        unknown = False
        with contextlib.ExitStack() as stack:
            bar: Any = None
            while busy:
                for pipe in wait(list(busy)):
                    message = _received(busy[pipe], jobs[0])
                    if isinstance(message, Raised):
                        raise message.as_here()
                    if isinstance(message, _Done):
                        unknown |= message.unknown
                        del busy[pipe]
                    else:
                        if bar is None:
                            bar = stack.enter_context(progress_bar(total=message.total, desc=message.title, unit=message.unit))
                        done[pipe] = message.done
                        bar.update(int(sum(done.values()) / len(done)) - bar.n)  # each counts what is the others' as done
        return unknown

    def end(self) -> None:
        """By SIGTERM, and where that is not enough by SIGKILL."""
        children, self.children = self.children, []
        try:
            for child in children:
                child.process.terminate()
            ends = time.monotonic() + GRACE_SECONDS
            for child in children:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(0.0, ends - time.monotonic()))
        finally:
            for child in children:
                child.process.kill()
                child.process.wait()
                child.pipe.close()


def _received(child: _Child, job: Job) -> Any:
    try:
        return child.pipe.recv()
    except (EOFError, OSError):
        how = how_ended(child.process.wait())
        raise MirbenchError(
            f"the process of GPU {child.gpu} ended abruptly ({how}) while it made {job.kind} of {job.title}, perhaps for want of memory; "
            "run the same command again, which goes on from here."
        ) from None


def serve(handle: int, parent: int, in_main_thread: bool) -> None:
    """The process of a GPU. handle: of the pipe to its parent; the rest as of `end_with`. Ctrl-C and its like are the parent's matter, who
    ends this one by SIGTERM."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
    end_with(parent, in_main_thread)
    keep_memory()
    pipe = Connection(handle)
    try:
        with stoppable(), contextlib.suppress(EOFError, OSError):  # the parent has no more, or is gone
            let_through()
            _serve(pipe)
    except Stopped as stopped:
        signal.signal(stopped.number, signal.SIG_DFL)
        os.kill(os.getpid(), stopped.number)


def _serve(pipe: Connection) -> None:
    plan: PlanAgain = pipe.recv()
    planned: tuple[Graph, Store] | None = None
    while True:
        keys, part = pipe.recv()
        try:
            planned = planned or plan()
            graph, store = planned
            with bars_told_to(pipe.send):
                answer: Any = _make_part(graph, store, keys, part)
        except Exception as error:
            answer = Raised.of(error)
        pipe.send(answer)


def _make_part(graph: Graph, store: Store, keys: Sequence[str], part: Part) -> _Done:
    if set(keys) - {job.key for job in graph.jobs}:
        return _Done(unknown=True)
    for kind in {job.kind for job in graph.jobs}:
        store.has(kind, "", anew=True)  # what the parent has made since
    outcome = make_several(graph, keys, store, part)
    for error in outcome.raised.values():
        raise error
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized():
        sys.modules["torch"].cuda.empty_cache()  # for what the parent does before the next batch
    return _Done()
