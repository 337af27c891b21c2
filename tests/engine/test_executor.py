"""The engine by itself, with toy jobs: order, sharing, what does not stay, batches, faults, and two engines on one store."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mirbench.engine.executor import LocalExecutor, make_one
from mirbench.engine.files import Presence
from mirbench.engine.jobs import Cost, Graph, Job
from mirbench.engine.store import Store


@dataclass
class Kitchen:
    """Jobs that note when they are made. made: their titles."""

    made: list[str] = field(default_factory=list)

    def job(self, title, needs=(), *, fails=False, seconds=0.0, **about):
        def make(folder: Path) -> None:
            self.made.append(title)
            time.sleep(seconds)
            if fails:
                raise ZeroDivisionError(title)
            (folder / "x").write_text(title)

        kind = about.pop("kind", "dishes")
        return Job(kind, title, {"title": title}, about.pop("make", make), tuple(needs), about.pop("cost", Cost(0.01)), **about)


@dataclass(eq=False)
class Pass:
    """A batch. faulty: the titles of jobs that cannot be made; seen: what was asked for, a list a call."""

    faulty: tuple[str, ...] = ()
    seen: list[list[str]] = field(default_factory=list)

    def make(self, jobs, store):
        self.seen.append([job.title for job in jobs])
        for job in jobs:
            if job.title not in self.faulty:
                with store.writing(job.kind, job.key, job.title, job.parts) as folder:
                    (folder / "x").write_text(job.title)
        return {job.key: ValueError(job.title) for job in jobs if job.title in self.faulty}


@pytest.fixture
def kitchen():
    return Kitchen()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_each_is_made_once_after_what_it_needs(kitchen, store):
    flour = kitchen.job("flour")
    dough, cake = kitchen.job("dough", [flour]), kitchen.job("cake", [flour])
    graph = Graph([flour, dough, flour, cake, kitchen.job("table", [dough, cake])])
    outcome = LocalExecutor(store).run(graph)
    assert kitchen.made == ["flour", "dough", "cake", "table"]
    assert list(outcome.seconds) == [f"dishes: {title}" for title in kitchen.made]
    assert graph.missing(store) == []
    LocalExecutor(store).run(graph)
    assert len(kitchen.made) == 4


def test_a_graph_out_of_order_is_none(kitchen):
    flour = kitchen.job("flour")
    with pytest.raises(ValueError, match=r"^dishes dough comes before flour, which it needs$"):
        Graph([kitchen.job("dough", [flour]), flour])


def test_a_job_that_raises_ends_it_and_what_is_made_stays(kitchen, store):
    flour = kitchen.job("flour")
    graph = Graph([flour, kitchen.job("fire", [flour], fails=True), kitchen.job("cake", [flour])])
    with pytest.raises(ZeroDivisionError):
        LocalExecutor(store).run(graph)
    assert kitchen.made == ["flour", "fire"]
    assert [job.title for job in graph.missing(store)] == ["fire", "cake"]


def passing(kitchen, count=3):
    """Slices that do not have to stay, each eaten by one job that does."""
    loaf = kitchen.job("loaf")
    slices = [kitchen.job(f"slice {n}", [loaf], kind="slices", kept=False) for n in range(count)]
    return [loaf, *slices], [kitchen.job(f"meal {n}", [each]) for n, each in enumerate(slices)]


def test_what_does_not_have_to_stay_is_removed_after_its_last_use(kitchen, store):
    first, meals = passing(kitchen)
    there: list[int] = []
    watch = kitchen.job("watch", [meals[-1]], make=lambda folder: there.append(sum(store.has(*job.name) for job in first)))
    graph = Graph([*first, *meals, watch])
    LocalExecutor(store).run(graph)
    assert there == [1]  # the loaf
    assert graph.missing(store) == []
    kitchen.made.clear()
    LocalExecutor(store).run(graph)
    assert kitchen.made == []
    store.remove(*meals[1].name)
    LocalExecutor(store).run(graph)
    assert kitchen.made == ["slice 1", "meal 1"]


def test_within_the_budget_it_stays_for_the_next(kitchen, store):
    first, meals = passing(kitchen)
    LocalExecutor(store, budget_megabytes=1).run(Graph([*first, *meals]))
    kitchen.made.clear()
    LocalExecutor(store, budget_megabytes=1).run(Graph([*first, *meals, kitchen.job("second meal", [first[1], first[3]])]))
    assert kitchen.made == ["second meal"]
    LocalExecutor(store).run(Graph([*first, *meals]))  # another budget
    assert [store.has(*job.name) for job in first] == [True, False, False, False]


def test_a_killed_run_leaves_what_the_next_clears(kitchen, store):
    first, meals = passing(kitchen)
    executor = LocalExecutor(store)
    executor.run(Graph(first))  # as if it had been killed after the slices: nothing needs them
    for job in first[1:]:
        with store.writing(*job.name):
            pass
    executor.run(Graph([*first, *meals]))
    assert [store.has(*job.name) for job in first] == [True, False, False, False]
    assert "slice 0" not in kitchen.made


def batched(kitchen, batch, count=4):
    loaf = kitchen.job("loaf")
    return [loaf, *(kitchen.job(f"bun {n}", [loaf], batch=batch, make=None) for n in range(count))]


def test_a_batch_is_made_in_one_pass_of_what_is_missing(kitchen, store):
    batch = Pass()
    jobs = batched(kitchen, batch)
    with store.writing(*jobs[2].name):
        pass
    outcome = LocalExecutor(store).run(Graph(jobs))
    assert batch.seen == [["bun 0", "bun 2", "bun 3"]]
    assert list(outcome.seconds) == ["dishes: loaf", "dishes: bun 0 and 2 more"]
    LocalExecutor(store).run(Graph(jobs))
    assert len(batch.seen) == 1


def test_of_a_batch_whose_half_cannot_be_made_the_rest_goes_on(kitchen, store):
    batch = Pass(faulty=("bun 1", "bun 2"))
    jobs = batched(kitchen, batch)
    meals = [kitchen.job(f"meal {n}", [job]) for n, job in enumerate(jobs[1:])]
    graph = Graph([*jobs, *meals])
    outcome = LocalExecutor(store).run(graph)
    assert kitchen.made == ["loaf", "meal 0", "meal 3"]
    assert outcome.failed.keys() == {jobs[2].key, jobs[3].key}
    LocalExecutor(store).run(graph, outcome)
    assert len(batch.seen) == 1  # not tried again
    LocalExecutor(store).run(graph)
    assert batch.seen[1] == ["bun 1", "bun 2"]


def test_what_a_finished_job_had_kept_to_go_on_from_is_removed(kitchen, store):
    job = kitchen.job("cake")
    for again in range(2):
        half = store.unfinished(job.key)
        half.mkdir(parents=True)
        LocalExecutor(store).run(Graph([job]))
        assert not half.exists(), again
    assert kitchen.made == ["cake"]


def test_two_engines_on_one_store_make_each_job_once(kitchen, store):
    batch = Pass()
    jobs = [*batched(kitchen, batch), *(kitchen.job(f"pie {n}", seconds=0.05) for n in range(4))]
    faults: list[BaseException] = []

    def work() -> None:
        try:
            LocalExecutor(Store(store.root)).run(Graph(jobs))
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert faults == []
    assert sorted(kitchen.made) == ["loaf", "pie 0", "pie 1", "pie 2", "pie 3"]
    assert sum(map(len, batch.seen)) == 4
    assert [path.name for path in (store.root / "locks").iterdir()] == ["in-use.lock"]


def test_jobs_of_one_lock_are_not_made_at_once(kitchen, store):
    busy, most = [0], [0]

    def make(folder: Path) -> None:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        time.sleep(0.05)
        busy[0] -= 1

    jobs = [kitchen.job(f"oven {n}", make=make, lock="oven") for n in range(3)]
    threads = [threading.Thread(target=LocalExecutor(Store(store.root)).run, args=(Graph([job]),)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == [1]
    assert all(store.has(*job.name) for job in jobs)


def test_one_job_is_made_by_its_key_alone(kitchen, store):
    batch = Pass()
    jobs = batched(kitchen, batch)
    make_one(Graph(jobs), jobs[0].key, store)
    make_one(Graph(jobs), jobs[3].key, store)
    assert (kitchen.made, batch.seen) == (["loaf"], [["bun 2"]])


def test_a_job_whose_worker_dies_leaves_nothing_and_no_process(kitchen, store):
    from mirbench.engine.workers import WorkerDied, in_workers

    def die(task):
        import os

        yield task
        os._exit(3)

    def make(folder: Path) -> None:
        list(in_workers(die, iter([1, 2]), 2))

    job = kitchen.job("knife", make=make)
    with pytest.raises(WorkerDied):
        LocalExecutor(store).run(Graph([job]))
    assert not store.has(*job.name)
    assert multiprocessing.active_children() == []


def test_the_engine_knows_nothing_of_music():
    code = """
        import sys
        import mirbench.engine.executor, mirbench.engine.workers, mirbench.engine.prefetch, mirbench.engine.machine
        ours = {name.split(".")[1] for name in sys.modules if name.startswith("mirbench.")}
        print(sorted(ours), sorted({"numpy", "torch", "soundfile"} & set(sys.modules)))
    """
    found = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True).stdout
    assert found == "['engine', 'errors', 'hookspecs', 'nouns', 'progress', 'records', 'seeded'] []\n"


def test_what_another_engine_may_be_at_is_not_removed(kitchen, store):
    """Over its budget, each removes its own; what is left of others goes when nobody else is there."""
    first, meals = passing(kitchen)
    LocalExecutor(store, budget_megabytes=1).run(Graph([*first, *meals]))
    other = kitchen.job("crumb", kind="slices", kept=False)
    mine = Graph([other, kitchen.job("snack", [other])])
    with Presence(store.lock_file("in-use")):
        LocalExecutor(store).run(mine)
    assert not store.has(*other.name)
    assert all(store.has(*job.name) for job in first)
    LocalExecutor(store).run(mine)
    assert [store.has(*job.name) for job in first] == [True, False, False, False]
