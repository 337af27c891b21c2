"""Bars leave no thread behind; where there is neither a terminal nor a notebook they are lines, one for a stage and one a minute; under
--quiet nothing."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from mirbench import progress
from mirbench.engine.executor import LocalExecutor
from mirbench.engine.jobs import Graph, Job
from mirbench.engine.store import Store


def test_a_bar_has_no_thread_of_its_own():
    """In a process of its own, since tqdm starts its thread once. A worker that is forked while that holds a lock would wait for ever."""
    code = (
        "import threading; from mirbench.progress import progress_bar\n"
        "with progress_bar(total=2) as bar: bar.update(); print(threading.active_count())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.fixture
def clock(monkeypatch):
    """(seconds) moves both clocks; nothing was told before."""
    now = [1000.0]
    monkeypatch.delenv("MIRBENCH_QUIET", raising=False)
    monkeypatch.setattr(progress, "_told", [])
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress.time, "time", lambda: now[0])
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_a_long_stage_tells_once_a_minute_what_of_what_how_fast_and_how_long_still(clock, capsys):
    with progress.progress_bar(total=1400, initial=200, desc="pretraining", unit="step") as bar:
        for _ in range(300):
            clock(1)
            bar.update(2)
            bar.set_postfix(loss="1.000")
    assert capsys.readouterr().err.splitlines() == [
        f"mirbench: pretraining: {200 + 120 * n} of 1,400 steps, 2.0 steps/s, {left} left"
        for n, left in enumerate(("9 min 0 s", "8 min 0 s", "7 min 0 s", "6 min 0 s", "5 min 0 s"), 1)
    ]


def test_what_is_slower_than_one_a_second_and_has_no_end_is_told_so(clock, capsys):
    with progress.progress_bar(desc="listing x", unit="file") as bar:
        for _ in range(3):
            clock(45)
            bar.update()
    for _ in progress.progress_bar(iterable=range(3), desc="grid", unit="fit", leave=False, delay=2.0):
        clock(61)
    with progress.progress_bar(total=3 * 10**9, unit="B", unit_scale=True, desc="checksums") as bar:
        clock(60)
        bar.update(10**9)
    assert capsys.readouterr().err.splitlines() == [
        "mirbench: listing x: 2 files, 45.0 s/file",
        "mirbench: grid: 1 of 3 fits, 61.0 s/fit, 2 min 2 s left",
        "mirbench: grid: 2 of 3 fits, 61.0 s/fit, 1 min 1 s left",
        "mirbench: grid: 3 of 3 fits, 61.0 s/fit, 0 s left",
        "mirbench: checksums: 1.00G of 3.00G B, 16.7M B/s, 2 min 0 s left",
    ]


def test_short_bars_one_after_the_other_are_a_line_a_minute_too(clock, capsys):
    for number in range(100):
        with progress.progress_bar(total=10, desc=f"bar {number}", unit="clip") as bar:
            for _ in range(10):
                clock(1)
                bar.update()
    assert len(capsys.readouterr().err.splitlines()) == 16


def test_nothing_is_told_under_quiet_or_by_the_second_of_two_processes(clock, capsys, monkeypatch):
    for _ in progress.progress_bar(shown=False, iterable=range(3)):
        clock(61)
    monkeypatch.setenv("MIRBENCH_QUIET", "1")
    for _ in progress.progress_bar(iterable=range(3)):
        clock(61)
    stage = progress.stage("probes", 3)
    clock(61)
    stage.update()
    assert capsys.readouterr().err == ""


def test_the_executor_tells_each_stage_once(clock, capsys, tmp_path):
    def make(folder):
        clock(40)

    first = [Job("cakes", f"cake {n}", {"n": n}, make) for n in range(4)]
    second = [Job("tastes", f"taste {n}", {"taste": n}, make, needs=(first[n],)) for n in range(2)]
    executor = LocalExecutor(Store(tmp_path))
    executor.run(Graph([*first, *second]))
    assert capsys.readouterr().err.splitlines() == [
        "mirbench: cakes: 4 to make",
        "mirbench: cakes: 2 of 4 jobs, 40.0 s/job, 1 min 20 s left",
        "mirbench: cakes: 4 of 4 jobs, 40.0 s/job, 0 s left",
        "mirbench: tastes: 2 to make",
        "mirbench: tastes: 2 of 2 jobs, 40.0 s/job, 0 s left",
    ]
    executor.run(Graph([*first, *second]))
    assert capsys.readouterr().err == ""


def test_kinds_of_jobs_of_one_stage_are_told_together_by_its_name(clock, capsys, tmp_path):
    kinds = ("predictions", "probes", "scores", "scores")
    LocalExecutor(Store(tmp_path)).run(Graph([Job(kind, f"{n}", {"n": n}, lambda folder: None) for n, kind in enumerate(kinds)]))
    assert capsys.readouterr().err.splitlines() == ["mirbench: scoring: 3 to make", "mirbench: probing: 1 to make"]


def test_what_has_no_bar_says_what_it_does_and_how_long_it_took(clock, capsys, monkeypatch):
    with progress.timed("baking", "it is baked"):
        clock(75)
    assert capsys.readouterr().err.splitlines() == ["mirbench: baking", "mirbench: it is baked (1 min 15 s)"]
    monkeypatch.setenv("MIRBENCH_QUIET", "1")
    with progress.timed("baking", "it is baked"):
        clock(75)
    assert capsys.readouterr().err == ""


def test_on_a_terminal_there_are_bars_and_no_lines(monkeypatch, capsys):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    monkeypatch.setattr(progress, "_on_terminal", lambda: True)
    progress.stage("cakes", 2).update()
    with progress.progress_bar(total=2, desc="dough") as bar:
        bar.update(2)
    said = capsys.readouterr().err
    assert "dough: 100%" in said
    assert "cakes" not in said
    assert "mirbench" not in said


def test_a_notebook_shows_bars(monkeypatch, capsys):
    monkeypatch.delenv("MIRBENCH_QUIET", raising=False)
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    with progress.stage("embeddings", 3) as stage:
        stage.update(3)
    assert capsys.readouterr().err == ""
    with progress.progress_bar(total=2, desc="embedding", unit="clip", mininterval=0) as bar:
        bar.update(2)
    told = capsys.readouterr()
    assert "embedding: 100%" in told.err  # by tqdm.auto, which has no widgets here
    assert "mirbench:" not in told.err
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))  # imported by a program
    assert isinstance(progress.progress_bar(total=2), progress._Lines)
