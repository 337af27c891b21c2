"""Jobs that keep one core busy each, in worker processes."""

from __future__ import annotations

import faulthandler
import os
import signal
from pathlib import Path

import pytest

from mirbench.engine import side_by_side
from mirbench.engine.executor import LocalExecutor
from mirbench.engine.jobs import Cost, Graph, Job
from mirbench.engine.store import Store
from mirbench.engine.workers import Traceback
from mirbench.errors import MirbenchError

LONG = side_by_side.WORTH_SECONDS
HERE = os.getpid()


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(side_by_side, "core_count", lambda: 2)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def job(title, needs=(), make=lambda folder: None, cost=LONG, **about):
    def write(folder: Path) -> None:
        make(folder)
        (folder / "pid").write_text(str(os.getpid()))

    return Job(about.pop("kind", "dishes"), title, {"title": title}, write, tuple(needs), Cost(cost), **about)


def pid_of(store, made):
    return int((store.folder(*made.name) / "pid").read_text())


def test_those_of_one_core_are_made_side_by_side_and_those_of_all_here(store):
    first = [job(f"scores {number}") for number in range(4)]
    after = [job(f"tables {number}", [first[number]]) for number in range(4)]
    wide = Job("dishes", "wide", {"title": "wide"}, lambda folder: (folder / "pid").write_text(str(os.getpid())), cost=Cost(9.0, cores=0))
    outcome = LocalExecutor(store).run(Graph([wide, *first, *after]))
    assert pid_of(store, wide) == HERE
    assert {pid_of(store, made) for made in first + after}.isdisjoint({HERE})
    assert sorted(outcome.seconds) == sorted(f"dishes: {made.title}" for made in [wide, *first, *after])


def test_what_is_soon_done_is_made_here(store):
    made = [job(f"scores {number}", cost=LONG / 9) for number in range(4)]
    LocalExecutor(store).run(Graph(made))
    assert {pid_of(store, each) for each in made} == {HERE}


def test_on_one_core_all_is_made_here(store, monkeypatch):
    monkeypatch.setattr(side_by_side, "core_count", lambda: 1)
    made = [job(f"scores {number}") for number in range(3)]
    LocalExecutor(store).run(Graph(made))
    assert {pid_of(store, each) for each in made} == {HERE}


def test_what_does_not_stay_is_released_once_all_that_need_it_are_done(store):
    passing = [job(f"passing {number}", kind="broth", kept=False) for number in range(3)]
    made = [job(f"of {number}", [passing[number]]) for number in range(3)]
    LocalExecutor(store).run(Graph([*passing, *made]))
    assert all(store.has(*each.name) for each in made)
    assert not any(store.has(*each.name) for each in passing)


def test_an_error_is_raised_with_where_it_was(store):
    def fail(folder):
        raise ZeroDivisionError("eggs")

    with pytest.raises(ZeroDivisionError, match="eggs") as caught:
        LocalExecutor(store).run(Graph([job("one"), job("two", make=fail), job("three")]))
    assert isinstance(caught.value.__cause__, Traceback)
    assert "in fail" in str(caught.value.__cause__)
    assert not any(path.name.startswith(".part") for path in (store.root / "dishes").iterdir())


def test_what_does_not_fit_into_memory_at_once_is_made_one_after_another(store, monkeypatch):
    need = job("large", cost=0.0, kind="flour")
    made = [job(f"of {number}", [need]) for number in range(3)]
    monkeypatch.setattr(Store, "megabytes", lambda *_: 1000.0)
    monkeypatch.setattr(side_by_side, "free_megabytes", lambda: 7000.0)
    assert side_by_side.workers_for(made, store) == 1
    LocalExecutor(store).run(Graph([need, *made]))
    assert {pid_of(store, each) for each in made} == {HERE}
    monkeypatch.setattr(side_by_side, "free_megabytes", lambda: 70_000.0)
    assert side_by_side.workers_for(made, store) == 2


def test_after_a_kill_for_want_of_memory_the_rest_is_made_here(store, monkeypatch, capsys):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")

    def greedy(folder):
        if os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)

    made = [job("one", make=greedy), job("two", make=greedy), job("three")]
    LocalExecutor(store).run(Graph(made))
    assert all(store.has(*each.name) for each in made)
    told = capsys.readouterr().err
    assert "mirbench: a worker process ended abruptly (SIGKILL) while it made dishes of " in told
    assert told.endswith(", perhaps for want of memory; what is left of its stage is made one after another.\n")


@pytest.mark.parametrize("refused", side_by_side.REFUSED_IN_FORKS)
def test_what_torch_refuses_to_do_in_a_fork_is_made_here(store, refused):
    def compute(folder):
        if os.getpid() != HERE:
            try:
                raise RuntimeError(f"Cannot {refused}.")
            except RuntimeError as error:
                raise MirbenchError("probe 'deep' failed.") from error

    made = [job("one", make=compute), job("two"), job("three", make=compute)]
    outcome = LocalExecutor(store).run(Graph(made))
    assert [pid_of(store, each) == HERE for each in made] == [True, False, True]
    assert len(outcome.seconds) == 3


def test_a_worker_that_crashes_is_told_with_what_it_made(store):
    def crash(folder):
        assert os.getpid() != HERE
        faulthandler.disable()  # which pytest has on
        os.kill(os.getpid(), signal.SIGSEGV)

    with pytest.raises(MirbenchError, match=r"^a worker process ended abruptly \(SIGSEGV\) while it made dishes of two, perhaps"):
        LocalExecutor(store).run(Graph([job("two", make=crash), job("three")]))
