"""The pool of worker processes, with toy work: what comes, in what order, what a dead worker costs, and that no process is left."""

import contextlib
import faulthandler
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import threadpoolctl
import torch
from processes import alive, children, end_parent, wait_for

import mirbench
from mirbench.engine import workers
from mirbench.engine.workers import WorkerDied, in_workers, map_in_workers
from mirbench.errors import MirbenchError

pytestmark = [
    pytest.mark.skipif(not workers.can_fork(), reason="processes are forked on Linux"),
    pytest.mark.usefixtures("nothing_left"),
]


def die(how):
    """Ends this process: by a signal, or with an exit code."""
    faulthandler.disable()
    if isinstance(how, signal.Signals):
        os.kill(os.getpid(), how)
        time.sleep(60)
    os._exit(how)


# ---- what comes


@pytest.mark.parametrize("queued", [1, 3])
@pytest.mark.parametrize("count", [1, 3, 10])
def test_every_task_is_done_once_and_its_messages_come_in_their_order(count, queued):
    messages = list(in_workers(lambda task: ((task, n, os.getpid()) for n in range(task % 4)), iter(range(8)), count, queued))
    assert sorted((task, n) for task, n, _ in messages) == [(task, n) for task in range(8) for n in range(task % 4)]
    for task in range(8):
        assert [n for other, n, _ in messages if other == task] == list(range(task % 4))
    assert os.getpid() not in {pid for _, _, pid in messages}


def test_no_more_workers_are_forked_than_there_are_tasks():
    before = children()
    messages = in_workers(lambda task: iter([task]), iter(range(2)), 5)
    next(messages)
    assert len(children() - before) == 2
    assert len(list(messages)) == 1
    assert list(in_workers(lambda task: iter([task]), iter([]), 5)) == []


def test_tasks_are_taken_as_workers_come_free():
    taken = []
    tasks = (taken.append(n) or n for n in itertools.count())
    messages = in_workers(lambda task: iter([task]), tasks, 2)
    for _ in range(5):
        next(messages)
    messages.close()
    assert len(taken) <= 7


def test_a_worker_has_one_thread():
    def threads(task):
        limits = [library["num_threads"] for library in threadpoolctl.threadpool_info()]
        yield limits, torch.get_num_threads(), threading.active_count()

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with threadpoolctl.threadpool_limits(2):
            assert max(library["num_threads"] for library in threadpoolctl.threadpool_info()) == 2
            [(limits, of_torch, running)] = in_workers(threads, iter([0]), 1)
    finally:
        torch.set_num_threads(before)
    assert set(limits) == {1}
    assert (of_torch, running) == (1, 1)


def test_where_processes_cannot_be_forked_all_is_done_in_this_one(monkeypatch):
    monkeypatch.setattr(workers, "can_fork", lambda: False)
    assert list(in_workers(lambda task: iter([task, os.getpid()]), iter(range(2)), 2)) == [0, os.getpid(), 1, os.getpid()]
    assert list(map_in_workers(lambda item: (item, os.getpid()), range(2), 2)) == [(0, os.getpid()), (1, os.getpid())]


# ---- what is raised


class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(one)


@pytest.mark.parametrize(
    ("raised", "comes"),
    [
        (MirbenchError("not this one."), (MirbenchError, r"^not this one\.$")),
        (Odd("task 1.", 0), (RuntimeError, "^Odd: task 1$")),  # cannot be unpickled
        (ValueError(lambda: 0), (RuntimeError, "^ValueError: <function")),  # nor pickled
        (KeyboardInterrupt("mine"), (KeyboardInterrupt, "mine")),
        (SystemExit(3), (SystemExit, "3")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_task_raises_comes_with_the_workers_traceback(raised, comes):
    def raising(task):
        yield task
        if task == 1:
            raise raised

    error, sentence = comes
    with pytest.raises(error, match=sentence) as caught:
        list(in_workers(raising, iter(range(9)), 2))
    assert "in raising" in str(caught.value.__cause__)
    with pytest.raises(error, match=sentence) as caught:
        list(map_in_workers(lambda item: list(raising(item)), range(9), 2))
    assert "in raising" in str(caught.value.__cause__)


def test_a_message_that_cannot_travel_is_an_error_of_its_task():
    with pytest.raises(Exception, match="pickle"):
        list(in_workers(lambda task: iter([lambda: task]), iter(range(3)), 2))


def test_an_error_of_the_tasks_themselves_comes_as_it_is():
    def tasks():
        yield from range(3)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        list(in_workers(lambda task: iter([task]), tasks(), 2))


# ---- a worker that dies

DEATHS = [(9, "exit code 9"), (0, "exit code 0"), (signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV"), (signal.SIGTERM, "SIGTERM")]


@pytest.mark.parametrize(("death", "how"), DEATHS)
def test_a_worker_that_dies_is_told_with_what_it_was_at(death, how):
    def deadly(task):
        yield f"began {task}"
        if task == 3:
            die(death)
        yield f"ended {task}"

    with pytest.raises(WorkerDied) as caught:
        list(in_workers(deadly, iter(range(9)), 2, queued=2))
    assert (caught.value.task, caught.value.message, caught.value.how) == (3, "began 3", how)


@pytest.mark.parametrize("queued", [1, 3])
@pytest.mark.parametrize(("death", "how"), DEATHS)
def test_another_task_in_its_place_costs_no_other(death, how, queued):
    deaths = []

    def deadly(task):
        yield ("began", task)
        if task % 4 == 1:
            die(death)
        yield ("ended", task)

    def instead(died):
        deaths.append((died.task, died.message, died.how))
        return died.task + 103

    messages = list(in_workers(deadly, iter(range(12)), 2, queued, instead))
    assert sorted(task for what, task in messages if what == "ended") == [*(n for n in range(12) if n % 4 != 1), 104, 108, 112]
    assert sorted(deaths) == [(task, ("began", task), how) for task in (1, 5, 9)]


def test_a_task_may_be_given_up_after_several_deaths():
    tries = []

    def again(died):
        tries.append(died.task)
        return died.task if len(tries) < 3 else None

    with pytest.raises(WorkerDied):
        list(in_workers(lambda task: die(9), iter([5]), 1, retry=again))
    assert tries == [5, 5, 5]


def test_a_worker_that_dies_when_it_has_nothing_to_do_costs_nothing():
    def work(task):
        if task == 0:
            signal.setitimer(signal.ITIMER_REAL, 0.05)  # ends this process, which is idle by then
        else:
            time.sleep(0.3)
        yield task

    assert sorted(in_workers(work, iter(range(2)), 2)) == [0, 1]


# ---- map_in_workers


def test_results_are_in_the_order_of_items():
    def slow_first(item):
        time.sleep(0.2 if item == 0 else 0.001 * (item % 3))
        return item * item, os.getpid()

    results = list(mirbench.map_in_workers(slow_first, range(40), 3))
    assert [square for square, _ in results] == [n * n for n in range(40)]
    assert len({pid for _, pid in results}) == 3


def test_one_worker_is_this_process():
    seen = []
    assert list(map_in_workers(lambda item: seen.append(os.getpid()) or item, range(3), 1)) == [0, 1, 2]
    assert seen == [os.getpid()] * 3


def test_the_rest_need_not_be_taken():
    with contextlib.closing(map_in_workers(lambda item: -item, itertools.count(), 2)) as results:
        assert list(itertools.islice(results, 5)) == [0, -1, -2, -3, -4]


@pytest.mark.parametrize(
    ("more", "at"), [({}, r"\[0, 1, 2, 3, 4, 5, \.\.\.\]"), ({"name": lambda item: f"the {len(item)}"}, "the 99")], ids=["short", "named"]
)
def test_a_worker_that_dies_is_told_in_a_sentence(more, at):
    sentence = (
        rf"^a worker process ended abruptly \(exit code 9\) while it worked on {at}, perhaps for want of memory; run the same command"
    )
    with pytest.raises(MirbenchError, match=sentence + r" again\.$") as caught:
        list(map_in_workers(lambda item: die(9), [list(range(99))], 2, **more))
    assert isinstance(caught.value.__cause__, WorkerDied)


# ---- no process is left; the fixture sees to it


def test_who_stops_listening_leaves_nothing():
    before = children()
    messages = in_workers(lambda task: iter([time.sleep(60 if task > 3 else 0)]), itertools.count(), 3)
    next(messages)
    assert len(children() - before) == 3
    messages.close()


def test_an_exception_of_who_listens_leaves_nothing():
    def fails():
        for _ in in_workers(lambda task: iter([task]), itertools.count(), 3):
            raise KeyError("mine")

    with pytest.raises(KeyError):
        fails()


def test_ctrl_c_leaves_nothing():
    here = os.getpid()

    def interrupting(task):
        yield task
        if task == 2:
            os.kill(here, signal.SIGINT)
        time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        list(in_workers(interrupting, iter(range(9)), 3))


def test_ctrl_c_of_the_whole_group_is_the_parents_matter():
    def interrupted(task):
        os.kill(os.getpid(), signal.SIGINT)
        yield task

    assert sorted(in_workers(interrupted, iter(range(5)), 2)) == list(range(5))


AT_FORK = """
import os
from torch.utils.data import DataLoader
from mirbench.engine.interrupts import SIGNALS, held_back
from mirbench.engine.workers import bound_to_here, in_workers

os.register_at_fork(after_in_child=lambda: [os.kill(os.getpid(), number) for number in SIGNALS])
{}
"""
OWN = "print(sorted(in_workers(lambda task: iter([task]), iter(range(5)), 2)))"
LOADED = "with held_back():\n    loader = iter(DataLoader(range(5), None, num_workers=2, worker_init_fn=bound_to_here()))\nprint([*loader])"


@pytest.mark.parametrize("work", [OWN, LOADED], ids=["own", "loader"])
def test_signals_before_a_worker_is_ready_for_them_are_the_parents_matter(work):
    done = subprocess.run([sys.executable, "-c", AT_FORK.format(work)], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "[0, 1, 2, 3, 4]\n", done.stderr


def test_workers_outlive_the_thread_that_forked_them():
    """The system's way to end a worker with its parent goes by that thread."""
    messages = in_workers(lambda task: iter([time.sleep(0.01) or task]), iter(range(20)), 2)
    first = []
    thread = threading.Thread(target=lambda: first.append(next(messages)))
    thread.start()
    thread.join()
    assert sorted([*first, *messages]) == list(range(20))


POOL = """
import itertools, os, sys, threading, time
from mirbench.engine.workers import in_workers

def do(task):
    yield os.getpid()
    {work}

def pool():
    global messages
    messages, pids = in_workers(do, itertools.count(), 2), set()
    while len(pids) < 2:
        pids.add(next(messages))
    print("ready", flush=True)
    {then}

{run}
"""
WORK = {"idle": "", "sleeping": "time.sleep(60)", "computing": "sum(range(10**12))", "sending": "yield bytes(10**8)"}


@pytest.mark.parametrize(
    ("by", "work"),
    [*((signal.SIGKILL, work) for work in WORK), (signal.SIGTERM, "computing"), (signal.SIGINT, "sleeping"), (signal.SIGINT, "sending")],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_nothing_outlives_a_parent_that_is_ended(tmp_path, by, work):
    code, below, left_alive = end_parent(POOL.format(work=WORK[work], then="time.sleep(60)", run="pool()"), by, tmp_path)
    assert code == -by
    assert len(below) == 2
    assert left_alive == set()


def test_nothing_outlives_a_parent_that_listened_in_a_thread(tmp_path):
    run = "threading.Thread(target=pool).start()"
    code, below, left_alive = end_parent(POOL.format(work=WORK["sleeping"], then="time.sleep(60)", run=run), signal.SIGKILL, tmp_path)
    assert code == -signal.SIGKILL
    assert len(below) == 2
    assert left_alive == set()


@pytest.mark.parametrize("then", ["", "sys.exit(0)"])
def test_a_parent_that_never_comes_back_for_the_rest_ends_all_the_same(then):
    """The generator is not closed: it is still there when the interpreter ends."""
    code = POOL.format(work=WORK["sleeping"], then="print(*pids, flush=True)", run=f"pool()\n{then}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)
    pids = done.stdout.splitlines()[1].split()
    wait_for(lambda: not alive(pids), 2)
    assert len(pids) == 2
    assert alive(pids) == set()
    assert done.stderr == ""
