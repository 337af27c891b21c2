"""The executor of a cluster on a real Slurm of one node: limits, preemption, a node that fails, and a run that equals the local one."""

from __future__ import annotations

import csv
import functools
import re
import subprocess
import sys
import threading
from pathlib import Path

import one_node_slurm
import pytest
import toy_jobs

from mirbench import cli
from mirbench.engine.machine import Decided
from mirbench.engine.slurm import nodes
from mirbench.engine.slurm.executor import SlurmExecutor
from mirbench.engine.slurm.profile import Profile
from mirbench.engine.slurm.submission import Submission
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError

REASON = one_node_slurm.why_not()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON)]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with one_node_slurm.started(tmp_path_factory.mktemp("slurm")) as slurm:
        yield slurm


@pytest.fixture(autouse=True)
def environment(slurm, monkeypatch):
    with one_node_slurm.finding_this_checkout(slurm, monkeypatch):
        if "slurmd" not in slurm.running:  # since a test that killed it failed
            slurm.start_node()
        slurm.until(slurm.is_up, "a node that is up")
        yield


def toy(root: Path, count: int, steps: int = 1, fails: int | None = None, **profile) -> tuple[SlurmExecutor, object]:
    submission = Submission(root / "slurm" / "toy-123456")
    with submission.changing():
        submission.begin("toy")
    make = functools.partial(toy_jobs.make, root, count, steps, fails)
    executor = SlurmExecutor(Store(root), 0.0, make, Profile(cores=1, **profile), Decided("cpu", False, "one"), submission)
    return executor, toy_jobs.graph(root, count, steps, fails)


def begun(root: Path, title: str) -> list[int]:
    """How far a toy job had come, whenever it was begun."""
    path = root / f"begun-{title}"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def in_thread(executor, graph) -> threading.Thread:
    thread = threading.Thread(target=executor.run, args=(graph,), daemon=True)
    thread.start()
    return thread


def ids(slurm) -> set[str]:
    """Of all jobs that there were."""
    return set(slurm.ask("squeue", "--noheader", "--states=all", "--format=%i").split())


def until_a_step(slurm, root: Path, executor) -> None:
    """The first dish has been begun, and has a state to go on from."""
    state = executor.store.unfinished(toy_jobs.key_of_title("dish 0")) / "state"
    slurm.until(lambda: begun(root, "dish 0") and state.exists(), "a step")


def hurry(slurm, number: str) -> None:
    """A job that is queued again waits two minutes by itself."""
    slurm.until(lambda: "BeginTime" in slurm.ask("squeue", "--noheader", "--format=%r", f"--jobs={number}"), "a job that is queued again")
    slurm.ask("scontrol", "update", f"jobid={number}", "StartTime=now")


def test_more_jobs_than_an_array_may_have_are_several_arrays(slurm, tmp_path):
    executor, graph = toy(tmp_path, 11)
    executor.run(graph)
    assert graph.missing(executor.store) == []
    arrays = {task.number.split("_")[0]: 0 for task in executor.submission.tasks}
    assert len(arrays) == 3  # 8, 3, and the one that needs them
    sizes = [sum(task.number.split("_")[0] == array for task in executor.submission.tasks) for array in arrays]
    assert sizes == [one_node_slurm.ARRAY, 3, 1]
    assert begun(tmp_path, "table") == [0]


def test_a_failure_comes_with_the_end_of_its_log_and_the_line_that_runs_it_alone(slurm, tmp_path, capsys):
    executor, graph = toy(tmp_path, 2, fails=1)
    with pytest.raises(MirbenchError) as told:
        executor.run(graph)
    first, *log, last = str(told.value).splitlines()
    assert first == "dishes dish 1 failed on the cluster: ZeroDivisionError: dish 1 has no oven."
    assert log[-1] == "    ZeroDivisionError: dish 1 has no oven"
    assert [job.title for job in graph.missing(executor.store)] == ["dish 1", "table"]
    command = re.fullmatch(r"Alone, on this machine: mirbench (make toy-123456 \w+ --cache \S+)", last)[1]
    assert cli.main(command.split()) == 1
    assert "ZeroDivisionError: dish 1 has no oven" in capsys.readouterr().err


def test_before_a_time_limit_a_job_is_queued_again_and_goes_on(slurm, tmp_path):
    executor, graph = toy(tmp_path, 1, steps=60)
    thread = in_thread(executor, graph)
    until_a_step(slurm, tmp_path, executor)
    slurm.ask("scancel", "--signal=USR1", executor.submission.tasks[0].number)  # as Slurm itself, 90 s before
    hurry(slurm, executor.submission.tasks[0].number)
    thread.join(300)
    assert graph.missing(executor.store) == []
    first, second = begun(tmp_path, "dish 0")
    assert first == 0 < second


def test_a_job_that_gives_way_to_an_urgent_one_goes_on_after_it(slurm, tmp_path):
    executor, graph = toy(tmp_path, 1, steps=60)
    thread = in_thread(executor, graph)
    until_a_step(slurm, tmp_path, executor)
    slurm.ask("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 2")
    hurry(slurm, executor.submission.tasks[0].number)
    thread.join(300)
    assert graph.missing(executor.store) == []
    first, second = begun(tmp_path, "dish 0")
    assert first == 0 < second


def test_what_a_node_that_fails_was_at_is_made_when_it_is_back(slurm, tmp_path):
    executor, graph = toy(tmp_path, 1, steps=40)
    thread = in_thread(executor, graph)
    slurm.until(lambda: begun(tmp_path, "dish 0"), "a job that runs")
    slurm.kill_node()
    slurm.until(lambda: "down" in slurm.ask("sinfo", "--noheader", "--format=%t"), "a node that is down")
    slurm.start_node()
    hurry(slurm, executor.submission.tasks[0].number)
    thread.join(480)
    assert graph.missing(executor.store) == []
    assert len(begun(tmp_path, "dish 0")) == 2


def test_a_partition_that_is_not_there_is_one_sentence(slurm, tmp_path):
    with pytest.raises(MirbenchError) as told:
        nodes.find_nodes(tmp_path, Profile(partition="gpux"), "auto")
    assert str(told.value) == "slurm.partition is gpux, which this cluster does not have; set one of its own: main, urgent."


def test_what_no_node_has_is_a_sentence(slurm, tmp_path):
    with pytest.raises(MirbenchError, match=r"^Slurm refuses a job \(.*\); change slurm\.cores, slurm\.memory_gb, slurm\.gpus or "):
        nodes.find_nodes(tmp_path, Profile(gpus=1), "auto")


def test_a_cache_that_nodes_do_not_see_is_found_out(slurm, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    slurm.stop_node()
    slurm.start_node(hidden=cache)
    try:
        with pytest.raises(MirbenchError) as told:
            nodes.find_nodes(cache, Profile(), "auto")
    finally:
        slurm.stop_node()
        slurm.start_node()
    assert re.fullmatch(
        rf"the nodes do not see the cache {cache}: probe job \d+ looked for a file that was just written there, and found none; give a "
        "folder of a file system that they share by --cache.",
        str(told.value),
    )
    found = nodes.find_nodes(cache, Profile(), "auto")
    assert found.device == "cpu"
    jobs = ids(slurm)
    assert nodes.find_nodes(cache, Profile(), "auto") == found
    assert ids(slurm) <= jobs  # it is not asked twice
    assert nodes.find_nodes(cache, Profile(bfloat16=not found.bfloat16), "auto").bfloat16 is not found.bfloat16


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "scores.csv", newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_a_run_that_was_detached_scores_as_the_local_one_to_the_digit(slurm, tiny_run, tiny_command, tmp_path, capsys):
    words = tiny_command(tmp_path / "cache", tmp_path / "results", "--executor", "slurm", "--detach", "--set", "slurm.cores=2")
    told = subprocess.run([sys.executable, "-m", "mirbench", *words], capture_output=True, text=True, check=True)
    name = re.fullmatch(r"submitted as (\S+): .*\n", told.stdout)[1]
    assert cli.main(["wait", name, "--cache", str(tmp_path / "cache"), "--debug"]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert folder.parent == tmp_path / "results"
    assert rows(folder) == rows(tiny_run[1])
    assert cli.main(["status", str(folder), "--cache", str(tmp_path / "cache")]) == 0
    assert capsys.readouterr().out == f"{name}: finished, {folder}\n"
    before = ids(slurm)
    assert cli.main([word for word in words if word != "--detach"]) == 0  # all is there: nothing is submitted
    assert ids(slurm) <= before  # those that ended long ago are forgotten
