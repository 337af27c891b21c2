"""Processes that make one job together: the first alone takes its lock and writes, the others follow its word."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import toy_jobs

from mirbench.engine import ranks
from mirbench.engine.files import locked
from mirbench.engine.jobs import Cost, Job
from mirbench.engine.machine import Decided
from mirbench.engine.ranks import ENDS, MAKES, PeerLost, Ranks, current_ranks, is_first, taking_part
from mirbench.engine.slurm import failures, submitting
from mirbench.engine.slurm.node import Answer, PackOnNode, Told
from mirbench.engine.slurm.packing import Array, arrays_of
from mirbench.engine.slurm.profile import Profile
from mirbench.engine.slurm.submission import Submission, SubmittedJob, Task
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError

DECIDED = Decided("cpu", False, "one")
LOGS = "slurm/toy-123456/logs"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(ranks, "POLL_SECONDS", 0.01)
    monkeypatch.setattr("mirbench.engine.slurm.node.keep_memory", lambda: None)


def pack(root: Path, fails: int | None = None, processes: int = 1) -> PackOnNode:
    (job,) = toy_jobs.shared_graph(root, fails).jobs
    return PackOnNode(functools.partial(toy_jobs.make_together, root, fails), (job.key,), DECIDED, 0, 3, None, 2, processes)


def answers(root: Path, called, processes: int = 1) -> dict[int, object]:
    """What each process leaves that Slurm would start, two nodes of them: its answer, or what it exits with."""
    found = multiprocessing.get_context("fork").SimpleQueue()

    def run(rank: int) -> None:
        told = {"PROCID": rank, "LOCALID": rank % processes, "NODEID": rank // processes, "JOB_ID": 17, "CPUS_PER_TASK": 1}
        os.environ |= {f"SLURM_{name}": str(value) for name, value in told.items()}
        os.environ["SUBMITIT_FOLDER"] = str(root / LOGS)
        try:
            left = called()
        except SystemExit as error:
            left = error.code
        found.put((rank, left))

    several = [multiprocessing.get_context("fork").Process(target=run, args=(rank,)) for rank in range(2 * processes)]
    for process in several:
        process.start()
    for process in several:
        process.join(60)
    return dict(found.get() for _ in several)


def test_several_make_one_entry_and_know_which_they_are(tmp_path):
    left = answers(tmp_path, pack(tmp_path, processes=2), processes=2)
    store, (job,) = Store(tmp_path), toy_jobs.shared_graph(tmp_path, None).jobs
    assert (store.folder(*job.name) / "x").read_text() == "0"
    assert list(left[0].seconds) == ["dishes: soup"]
    assert [left[rank] for rank in (1, 2, 3)] == [Answer()] * 3
    told = [(tmp_path / f"stirred-{rank}of4").read_text().split() for rank in range(4)]
    assert [(local, node) for local, node, _ in told] == [
        (f"LOCAL_RANK={local}", f"GROUP_RANK={node}") for node in (0, 1) for local in (0, 1)
    ]
    assert len({port for *_, port in told}) == 1
    assert not list(store.root.rglob(".part-*"))


def test_what_is_there_is_made_by_none(tmp_path):
    (job,) = toy_jobs.shared_graph(tmp_path, None).jobs
    with Store(tmp_path).writing(*job.name, job.title, job.parts) as folder:
        (folder / "x").write_text("there")
    left = answers(tmp_path, pack(tmp_path))
    assert left == {0: Answer(), 1: Answer()}
    assert not list(tmp_path.glob("stirred-*"))


def test_the_others_wait_while_somebody_else_makes_it(tmp_path):
    store, (job,) = Store(tmp_path), toy_jobs.shared_graph(tmp_path, None).jobs
    begun, left, locks = tmp_path / "begun", {}, tmp_path / "locks-it"

    def make(keys, part):
        (begun / str(int(is_first()))).mkdir(parents=True)
        while not locks.exists():  # or these processes would inherit it
            time.sleep(0.01)
        return toy_jobs.make_together(tmp_path, None, keys, part)

    thread = threading.Thread(target=lambda: left.update(answers(tmp_path, PackOnNode(make, (job.key,), DECIDED, 0, 3, None, 2, 1))))
    thread.start()
    while len(list(begun.glob("*"))) < 2:
        time.sleep(0.01)
    with locked(store.lock_file(job.key), "making it"):
        locks.touch()
        time.sleep(0.2)
        with store.writing(*job.name, job.title, job.parts) as folder:
            (folder / "x").write_text("another's")
    thread.join()
    assert not left[0].raised
    assert left[1] == Answer()
    assert not list(tmp_path.glob("stirred-*"))


def test_one_that_cannot_even_plan_answers_and_lets_the_others_go(tmp_path):
    def make(keys, part):
        if is_first():
            raise MirbenchError("the data are gone.")
        return toy_jobs.make_together(tmp_path, None, keys, part)

    left = answers(tmp_path, PackOnNode(make, pack(tmp_path).keys, DECIDED, 0, 3, None, 2, 1))
    assert [told.sentence for told in left[0].raised.values()] == ["the data are gone."]
    assert left[1] == Answer()


def test_one_whose_peer_is_lost_says_so_and_leaves_no_answer(tmp_path, capfd):
    def make(keys, part):
        raise PeerLost("Connection closed by peer")

    assert answers(tmp_path, PackOnNode(make, ("k",), DECIDED, 0, 3, None, 2, 1)) == {0: 1, 1: 1}
    assert capfd.readouterr().err.count(f"{ranks.LOST}: Connection closed by peer\n") == 2


def test_only_the_first_is_stopped_by_a_signal_and_queued_again(tmp_path, monkeypatch):
    asked = multiprocessing.get_context("fork").SimpleQueue()
    monkeypatch.setattr("mirbench.engine.slurm.node.subprocess.run", lambda command, check: asked.put(command))

    def make(keys, part):
        os.kill(os.getpid(), signal.SIGUSR1)
        return toy_jobs.make_together(tmp_path, None, keys, part)

    left = answers(tmp_path, PackOnNode(make, pack(tmp_path).keys, DECIDED, 0, 3, None, 2, 1))
    assert left == {0: 128 + signal.SIGUSR1, 1: Answer()}
    assert asked.get() == ["scontrol", "requeue", "17"]
    assert asked.empty()


def test_the_address_of_a_site_is_taken_and_waiting_for_one_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("MASTER_ADDR", "n1-ib")
    monkeypatch.setenv("MASTER_PORT", "29500")
    first, second = (Ranks(rank, 0, rank, 1, 2, tmp_path / "words") for rank in (0, 1))
    monkeypatch.setattr(ranks, "MEETING_SECONDS", 0.05)
    with taking_part(second):
        assert (current_ranks(), is_first()) == (second, False)
        with pytest.raises(PeerLost):
            second.meet()
        first.meet()
        monkeypatch.delenv("MASTER_ADDR")
        second.meet()
        assert (os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]) == ("n1-ib", "29500")
        assert second.wait(MAKES, ranks.MEETS) == ranks.MEETS
    assert current_ranks() is None
    assert second.said(ENDS) is None
    with taking_part(first):
        pass
    assert second.said(ENDS) == ""
    with pytest.raises(PeerLost, match=r"^the first ended before they met$"):
        second.meet()
    assert "WORLD_SIZE" not in os.environ


def test_a_job_over_nodes_is_a_task_of_its_own(monkeypatch):
    light = [Job("dishes", f"{n}", {"n": n}, None, cost=Cost(1.0, cores=0)) for n in range(3)]
    wide = [Job("dishes", f"wide {n}", {"wide": n}, None, cost=Cost(1.0, cores=0, gpus=2, nodes=2, processes=2)) for n in range(2)]
    arrays = arrays_of([light[0], wide[0], light[1], wide[1], light[2]], Profile(cores=6, gpus=2, memory_gb=100), 100)
    assert Counter((a.nodes, a.processes, a.cores, a.gpus, a.memory_gb) for a in arrays) == {(1, 1, 6, 0, 9.0): 1, (2, 2, 6, 2, 12.0): 1}
    assert [[[job.title for job in pack.jobs] for pack in a.packs] for a in arrays if a.nodes == 2] == [[["wide 0"], ["wide 1"]]]


def test_slurm_is_asked_for_a_task_a_process_that_end_together(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(submitting, "_submitted", lambda executor, submission, what, called, profile: asked.append(what) or ["1"])
    for array in (Array((), (), 10, 6, 2, None, 3, 2), Array((), (), 10, 6, 2, None)):
        submitting.submit(Submission(tmp_path), [], array, Profile())
    wide, usual = asked
    assert {name: wide[name] for name in ("nodes", "ntasks_per_node", "cpus_per_task", "gpus_per_node")} == {
        "nodes": 3, "ntasks_per_node": 2, "cpus_per_task": 3, "gpus_per_node": 2
    }  # fmt: skip
    assert wide["srun_args"] == ["--cpus-per-task=3", "--kill-on-bad-exit=1", "--wait=60", "--distribution=block"]
    assert (usual["nodes"], usual["ntasks_per_node"], usual["cpus_per_task"], usual["srun_args"]) == (1, None, 6, ["--cpus-per-task=6"])


def test_the_process_that_failed_is_told_of_with_its_own_log(tmp_path, monkeypatch):
    left = {0: None, 1: Answer(), 2: Answer(raised={"k": Told("it has no spoon.", False, 2)})}
    monkeypatch.setattr(submitting, "result_of", lambda logs, number, rank: left[rank])
    assert submitting.answer_of(tmp_path, "7", 3) is left[2]
    assert submitting.answer_of(tmp_path, "7", 2) is None
    left[0] = Answer({"dishes: soup": 1.0})
    assert submitting.answer_of(tmp_path, "7", 3) is left[0]
    submission = Submission(tmp_path / "slurm" / "toy-123456")
    submission.logs.mkdir(parents=True)
    for rank, said in enumerate([f"{ranks.LOST}: closed\n", f"{ranks.LOST}: closed\n", "out of spoons\n"]):
        (submission.logs / f"7_{rank}_log.err").write_text(said)
    task = Task("7", [SubmittedJob("dishes", "k", "soup")], processes=3)
    with submission.changing():
        submission.begin("toy")
        submission.tasks, submission.lost = [task], ["7"] * failures.TRIES
    assert submission.read().tasks == [task]
    told = failures.of_job(submission, "k", left[2].raised["k"], "7", 0)
    assert told.splitlines()[0] == "dishes soup failed on the cluster, in process 2 of it: it has no spoon."
    assert "    out of spoons" in told
    monkeypatch.setattr(failures, "TRIES", 1)
    with pytest.raises(MirbenchError, match=r"(?s)^dishes soup, job 7, ended without an answer; see its log\..*out of spoons"):
        failures.refuse_lost(submission, [task], {})
