"""A process for each GPU: each sees its own and makes its part, what they make is what one makes, and none is left, however that ends."""

import functools
import io
import json
import os
import signal
import threading
from pathlib import Path

import pytest
import squares
from processes import end_parent, wait_for

from mirbench import progress
from mirbench.engine import gpu_processes, machine
from mirbench.engine.executor import LocalExecutor
from mirbench.engine.machine import Decided, decided
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError

GPUS = ("4", "GPU-aaaa")  # as CUDA_VISIBLE_DEVICES names them; there are none here
SQUARES = {str(number): str(number**2) for number in range(6)}

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.skipif(os.name != "posix", reason="a pipe is handed on as POSIX does"),
]


def executor(root, *about, gpus=GPUS):
    """about: of `squares_graph`, as the processes plan it."""
    sharing = functools.partial(
        gpu_processes.sharing, functools.partial(squares.plan_squares, root, *about), gpus, Decided("cuda", True, "x")
    )
    return LocalExecutor(Store(root), sharing=sharing)


def run(root, *about, planned=None, gpus=GPUS):
    """Makes `squares_graph` of about; planned: what the processes plan instead."""
    graph = squares.squares_graph(root, *about)
    executor(root, *(about if planned is None else planned), gpus=gpus).run(graph)
    return graph


def made(root):
    """(number, process, GPU, cores) of each square, in the order in which they were made."""
    return [json.loads(line) for line in (root / "made").read_text().splitlines()]


def results(root, graph):
    store = Store(root)
    return [json.loads((store.folder(*job.name) / "squares.json").read_text()) for job in graph.jobs]


def test_each_process_makes_its_part_on_its_own_gpu_and_they_are_planned_once(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_processes, "core_count", lambda: 7)
    graph = run(tmp_path, 6, None, 2)
    assert results(tmp_path, graph) == [SQUARES] * 4
    lines = made(tmp_path)
    assert len(lines) == 24  # two batches of two jobs: none was made twice, or here
    assert {(number % 2, gpu) for number, _, gpu, _ in lines} == {(0, GPUS[0]), (1, GPUS[1])}
    assert {cores for *_, cores in lines} == {"3"}
    pids = {pid for _, pid, _, _ in lines}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert sorted(map(int, (tmp_path / "planned").read_text().split())) == sorted(pids)
    assert not list((tmp_path / "unfinished").glob("*"))


def test_what_is_short_or_cannot_be_divided_is_made_here(tmp_path, monkeypatch):
    graph = run(tmp_path, 1)
    assert results(tmp_path, graph) == [{"0": "0"}] * 2
    monkeypatch.setattr(gpu_processes, "LEAST_SECONDS", 7201.0)
    (tmp_path / "short").mkdir()
    run(tmp_path / "short")
    assert {pid for folder in (tmp_path, tmp_path / "short") for _, pid, _, _ in made(folder)} == {os.getpid()}


def test_no_more_processes_are_at_it_than_there_are_parts(tmp_path):
    graph = run(tmp_path, 2, gpus=("0", "1", "2"))
    assert results(tmp_path, graph) == [{"0": "0", "1": "1"}] * 2
    assert [gpu for _, _, gpu, _ in sorted(made(tmp_path))] == ["0", "0", "1", "1"]


def test_an_error_in_one_is_the_same_here_and_ends_the_others(tmp_path):
    with pytest.raises(MirbenchError, match=r"^3 has no square; take another\.$") as caught:
        run(tmp_path, 6, {3: "ours", 2: "sleep"})
    assert "squares.py" in str(caught.value.__cause__)  # where, in the process
    (tmp_path / "other").mkdir()
    with pytest.raises(ZeroDivisionError, match=r"^3 / 0$"):
        run(tmp_path / "other", 6, {3: "another"})


def test_one_that_is_killed_is_told_and_what_was_made_is_gone_on_from(tmp_path):
    def kill():
        wait_for(lambda: (tmp_path / "made").exists() and {4, 5} <= {number for number, *_ in made(tmp_path)}, 20)
        os.kill(next(pid for _, pid, gpu, _ in made(tmp_path) if gpu == GPUS[1]), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    sentence = (
        r"^the process of GPU GPU-aaaa ended abruptly \(SIGKILL\) while it made squares of a0, perhaps for want of memory; run the same "
    )
    with pytest.raises(MirbenchError, match=sentence + r"command again, which goes on from here\.$"):
        run(tmp_path, 6, {4: "sleep", 5: "sleep"})
    thread.join()
    before = {number for number, *_ in made(tmp_path)} - {4, 5}
    count = len(made(tmp_path))
    (tmp_path / "awake").touch()
    graph = run(tmp_path, 6, {4: "sleep", 5: "sleep"})
    assert results(tmp_path, graph) == [SQUARES] * 2
    assert before == {0, 1, 2, 3}
    assert {number for number, *_ in made(tmp_path)[count:]} == {4, 5}


def test_jobs_that_the_processes_do_not_know_are_made_here(tmp_path, capsys):
    graph = run(tmp_path, 6, None, 2, planned=(6, None, 1))
    assert results(tmp_path, graph) == [SQUARES] * 4
    assert {pid == os.getpid() for _, pid, _, _ in made(tmp_path)} == {True, False}
    assert (
        "mirbench: other processes do not have the same jobs, as data or plugins have changed; one GPU is used.\n"
        in capsys.readouterr().err
    )


def test_one_bar_is_shown_for_all(tmp_path, monkeypatch):
    bars = []

    class Bar(progress.tqdm):
        def __init__(self, **options):
            super().__init__(**options, file=io.StringIO(), disable=False)
            bars.append(self)

    monkeypatch.delenv("TQDM_DISABLE", raising=False)  # which --quiet sets
    monkeypatch.setattr(gpu_processes, "progress_bar", Bar)
    run(tmp_path)
    assert [(bar.desc, bar.total, bar.n, bar.unit) for bar in bars] == [("squaring", 6, 6, "number")]


RUN = f"""
import functools, sys
from pathlib import Path
sys.path.insert(0, {str(Path(squares.__file__).parent)!r})
import squares
from mirbench.engine import gpu_processes
from mirbench.engine.executor import LocalExecutor
from mirbench.engine.interrupts import stoppable
from mirbench.engine.machine import Decided
from mirbench.engine.store import Store

root, trouble = Path("store"), {{4: "sleep", 5: "sleep"}}
root.mkdir()
again = functools.partial(squares.plan_squares, root, 6, trouble)
sharing = functools.partial(gpu_processes.sharing, again, ("0", "1"), Decided("cuda", True, "x"))
print("ready", flush=True)
with stoppable():
    LocalExecutor(Store(root), sharing=sharing).run(squares.squares_graph(root, 6, trouble))
"""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda by: by.name)
def test_none_outlives_what_is_ended_and_what_was_made_is_gone_on_from(tmp_path, by):
    """By a program that does not guard its main module, which a process of multiprocessing would run once more."""
    root = tmp_path / "store"
    at_it = lambda: (root / "made").exists() and {4, 5} <= {number for number, *_ in made(root)}  # noqa: E731
    _, below, left_alive = end_parent(RUN, by, tmp_path, at_it)
    assert at_it()
    assert len(below) == 2
    assert left_alive == set()
    count = len(made(root))
    (root / "awake").touch()
    assert results(root, run(root, 6, {4: "sleep", 5: "sleep"})) == [SQUARES] * 2
    assert {number for number, *_ in made(root)[count:]} == {4, 5}


def test_what_auto_came_to_is_told_to_the_processes(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(gpu_processes.subprocess, "Popen", lambda command, env, **more: seen.append(env) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path)
    monkeypatch.setenv(machine.DECIDED, seen[0][machine.DECIDED])
    assert decided() == Decided("cuda", True, "x")
