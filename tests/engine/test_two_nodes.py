"""One pretraining over two nodes of a real Slurm, which are this machine: as on one, a process that dies, one that fails, and a requeue."""

from __future__ import annotations

import functools
import json
import os
import threading
from pathlib import Path

import one_node_slurm
import pytest
import toy_jobs

from mirbench import cli
from mirbench.engine.machine import Decided
from mirbench.engine.slurm import submitting
from mirbench.engine.slurm.executor import SlurmExecutor
from mirbench.engine.slurm.profile import Profile
from mirbench.engine.slurm.submission import Submission
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError

REASON = one_node_slurm.why_not()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON)]
OPTIONS = "options.simclr={steps: 60, batch_views: 16, backbone: mel-cnn-small}"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with one_node_slurm.started(tmp_path_factory.mktemp("slurm"), "n1", "n2") as slurm:
        yield slurm


@pytest.fixture(autouse=True)
def environment(slurm, monkeypatch):
    with one_node_slurm.finding_this_checkout(slurm, monkeypatch):
        yield


@pytest.fixture(scope="module")
def command(tiny_plugin):
    def made(cache, *more):
        return ["pretrain", "simclr", "--plugin", str(tiny_plugin), "--dataset", "tiny", "--set", OPTIONS, "--cache", str(cache), *more]

    return made


@pytest.fixture(scope="module")
def on_two_devices(tmp_path_factory, command):
    """The weights that two processes of one machine train."""
    cache = tmp_path_factory.mktemp("local")
    assert cli.main(command(cache, "--devices", "2")) == 0
    return weights(cache)


def weights(cache: Path) -> dict[str, bytes]:
    """By the folder of a checkpoint, of which there is one."""
    return {path.parts[-3]: path.read_bytes() for path in cache.glob("checkpoints/*/last/weights.safetensors")}


def in_thread(words) -> tuple[threading.Thread, list[int]]:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(cli.main([*words, "--executor", "slurm", "--set", "slurm={nodes: 2, cores: 1}"])))
    thread.start()
    return thread, codes


def until_steps(slurm, cache: Path) -> str:
    """A state to go on from is there; the number of the job."""
    slurm.until(lambda: list(cache.glob("unfinished/*/state.safetensors")), "a training with a state", 240)
    (path,) = cache.glob("slurm/simclr-*/submission.json")
    return str(json.loads(path.read_text())["tasks"][-1]["number"])


def processes_of(rank: int, number: str) -> list[int]:
    """Of a job's step, the one of this rank."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            words, told = (Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0") for name in ("cmdline", "environ"))
        except OSError:
            continue
        if {f"SLURM_PROCID={rank}".encode(), f"SLURM_JOB_ID={number}".encode()} <= set(told) and b"submitit.core._submit" in words:
            found.append(int(pid))
    return found


def test_two_nodes_train_what_two_devices_of_one_do_and_go_on_after_a_requeue(slurm, command, on_two_devices, tmp_path):
    thread, codes = in_thread(command(tmp_path))
    number = until_steps(slurm, tmp_path)
    assert "n[1-2]" in slurm.ask("squeue", "--noheader", "--format=%N", f"--jobs={number}")
    slurm.ask("scancel", "--signal=USR1", number)  # as Slurm itself, 90 s before a limit
    slurm.until(lambda: "BeginTime" in slurm.ask("squeue", "--noheader", "--format=%r", f"--jobs={number}"), "a job that is queued again")
    slurm.ask("scontrol", "update", f"jobid={number}", "StartTime=now")
    thread.join(300)
    assert codes == [0]
    assert "Restarts=1" in slurm.ask("scontrol", "--oneliner", "show", "job", number).split()
    assert weights(tmp_path) == on_two_devices  # to the digit, under the same key
    assert not list(tmp_path.glob("unfinished/*"))


def test_a_process_that_is_killed_ends_the_others_and_the_job_is_submitted_again(
    slurm, command, on_two_devices, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    thread, codes = in_thread(command(tmp_path))
    number = until_steps(slurm, tmp_path)
    (pid,) = processes_of(1, number)
    os.kill(pid, 9)
    thread.join(300)
    assert codes == [0]
    assert f"job {number} ended without an answer (FAILED); what it was to make is submitted again." in capfd.readouterr().err
    assert weights(tmp_path) == on_two_devices


def test_a_process_that_fails_ends_the_others_and_is_told_with_its_log(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(submitting, "LAST_SECONDS", 3)
    submission = Submission(tmp_path / "slurm" / "toy-123456")
    with submission.changing():
        submission.begin("toy")
    make = functools.partial(toy_jobs.make_together, tmp_path, 1)
    executor = SlurmExecutor(Store(tmp_path), 0.0, make, Profile(cores=1), Decided("cpu", False, "one"), submission)
    with pytest.raises(MirbenchError) as told:
        executor.run(toy_jobs.shared_graph(tmp_path, 1))
    first, *log, _ = str(told.value).splitlines()
    assert first == "dishes soup failed on the cluster, in process 1 of it: ZeroDivisionError: process 1 of 2 has no spoon."
    assert log[-1] == "    ZeroDivisionError: process 1 of 2 has no spoon"
