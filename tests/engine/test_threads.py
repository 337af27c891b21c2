"""One thread, of libraries that are loaded and of those that are loaded later."""

from __future__ import annotations

import os

import threadpoolctl
import torch
from joblib import cpu_count

from mirbench.engine import side_by_side
from mirbench.engine.executor import LocalExecutor, make_several
from mirbench.engine.jobs import Cost, Graph, Job
from mirbench.engine.machine import core_count
from mirbench.engine.store import Store
from mirbench.engine.threads import WHEN_LOADED, one_thread
from mirbench.engine.workers import in_workers


def threads() -> list[int]:
    return [library["num_threads"] for library in threadpoolctl.threadpool_info()] + [torch.get_num_threads()]


def test_a_block_has_one_thread_and_leaves_all_as_it_was(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    with threadpoolctl.threadpool_limits(2):
        had = threads()
        with one_thread():
            assert set(threads()) == {1}
            assert [os.environ[name] for name in WHEN_LOADED] == ["1"] * 3
        assert threads() == had
    assert dict(os.environ) == before


def test_a_worker_has_one_thread_of_what_it_loads_later():
    told = in_workers(lambda _: iter([([os.environ[name] for name in WHEN_LOADED], _within(), core_count(), cpu_count())]), iter([0]), 1)
    [(later, within, cores, of_joblib)] = told
    assert later == ["1"] * 3
    assert within == {1}
    assert cores == of_joblib == 1  # as there are other workers for the rest


def _within() -> set[int]:
    with one_thread():
        return set(threads())


def test_a_job_of_one_core_has_one_thread_wherever_it_is_made(tmp_path, monkeypatch):
    """Else its last digits would depend on what is made beside it."""
    monkeypatch.setattr(side_by_side, "core_count", lambda: 2)
    store, made = Store(tmp_path), {}

    def job(title: str, cost: Cost) -> Job:
        return Job("dishes", title, {"title": title}, lambda folder: made.update({title: threads()}), cost=cost)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        alone, wide = job("alone", Cost(99.0)), job("wide", Cost(99.0, cores=0))
        LocalExecutor(store).run(Graph([alone, wide]))
        graph = Graph([job("on a node", Cost(99.0))])
        make_several(graph, [graph.jobs[0].key], store)
    finally:
        torch.set_num_threads(before)
    assert set(made["alone"]) == set(made["on a node"]) == {1}
    assert made["wide"][-1] == 2
