"""Slurm's commands, by scripts in their place: what is asked for, what is understood of what they say, and a sentence for each refusal."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from mirbench import cli
from mirbench.engine.machine import Decided
from mirbench.engine.slurm import nodes, queue, submitting
from mirbench.engine.slurm.node import PackOnNode
from mirbench.engine.slurm.packing import Array
from mirbench.engine.slurm.profile import Profile
from mirbench.engine.slurm.queue import Full, State, Unanswered
from mirbench.engine.slurm.submission import Submission, SubmittedJob, Task, find, submissions
from mirbench.errors import MirbenchError

ARRAY = Array((), (), 45, 4, 1, 6.5)


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """(name, script of shell) -> it is what is found by that name. What sbatch is given is in the file `given`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)

    def command(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    command("srun", "exit 1")
    command("sbatch", f"cp $1 {tmp_path}/given; echo Submitted batch job 12")
    for cached in (queue.array_limit, queue.time_limit):
        cached.cache_clear()
    yield command
    for cached in (queue.array_limit, queue.time_limit):
        cached.cache_clear()


def submission(tmp_path: Path, name: str = "cake-123456") -> Submission:
    made = Submission(tmp_path / "cache" / "slurm" / name)
    with made.changing():
        made.begin("mirbench run --executor slurm")
    return made


def pack(n: int = 0) -> PackOnNode:
    return PackOnNode(make, (f"k{n}",), Decided("cpu", False, "one"), 0, 3)


def make(keys, part):
    raise AssertionError("it is not called here")


def test_an_array_asks_for_what_it_costs_after_what_it_needs(commands, tmp_path):
    profile = Profile(
        partition="gpu", account="lab", qos="long", constraint="a100", at_a_time=9, setup=("module load cuda",), extra={"nice": 10}
    )
    numbers = submitting.submit(submission(tmp_path), [pack(n) for n in range(3)], ARRAY, profile, ["7", "8"])
    assert numbers == ["12_0", "12_1", "12_2"]
    lines = (tmp_path / "given").read_text().splitlines()
    assert {line.removeprefix("#SBATCH --") for line in lines} >= {
        "partition=gpu", "account=lab", "qos=long", "constraint=a100", "time=45", "cpus-per-task=4", "gpus-per-node=1", "mem=6656M",
        "dependency=afterany:7:8", "array=0-2%3", "signal=USR1@90", "requeue", "open-mode=append", "job-name=mirbench-cake-123456",
        "nice=10",         "module load cuda",
    }  # fmt: skip
    assert any(line.startswith("srun ") and " --cpus-per-task=4 " in line for line in lines)
    assert submitting.pack_with(
        Submission(tmp_path / "cache/slurm/cake-123456", tasks=[Task("12_1", [SubmittedJob("k", "k1", "")])]), "k1"
    ) == pack(1)


def test_what_is_not_asked_for_is_left_to_the_site(commands, tmp_path):
    assert submitting.submit(submission(tmp_path), [pack()], Array((), (), 5, 1, 0, None), Profile()) == ["12"]
    text = (tmp_path / "given").read_text()
    assert not any(f"--{name}" in text for name in ("partition", "account", "gpus", "mem=", "dependency", "array"))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "sbatch: error: invalid partition specified: gpux\nsbatch: error: Batch job submission failed: Invalid partition name",
            "slurm.partition is gpux, which this cluster does not have; set one of its own: main, urgent.",
        ),
        (
            "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
            "Slurm refuses a job (Batch job submission failed: Invalid account or account/partition combination specified); change "
            "slurm.account or slurm.partition, by --set or in the profile.",
        ),
        (
            "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
            "Slurm refuses a job (Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)); change "
            "slurm.time, by --set or in the profile.",
        ),
        (
            "sbatch: error: something else.",
            "Slurm refuses a job (something else); change what slurm.* asks for, by --set or in the profile.",
        ),
    ],
)  # fmt: skip
def test_a_refusal_is_one_sentence(commands, tmp_path, capfd, said, sentence):
    (tmp_path / "said").write_text(said + "\n")
    commands("sbatch", f"cat {tmp_path}/said >&2; exit 1")
    commands("sinfo", "printf 'main\\nurgent\\nmain\\n'")
    with pytest.raises(MirbenchError) as told:
        submitting.submit(submission(tmp_path), [pack()], ARRAY, Profile(partition="gpux"))
    assert str(told.value) == sentence
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "said",
    [
        "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "AssocMaxSubmitJobLimit",
        "Slurm temporarily unable to accept job, sleeping and retrying",
    ],
)
def test_a_full_site_is_for_later(commands, tmp_path, said):
    commands("sbatch", f'echo "sbatch: error: {said}" >&2; exit 1')
    with pytest.raises(Full):
        submitting.submit(submission(tmp_path), [pack()], ARRAY, Profile())


def test_states_are_by_number_with_the_reason_of_a_wait(commands, monkeypatch):
    commands(
        "squeue", "printf '12_0|RUNNING|None\\n12_1|PENDING|BadConstraints\\n13|PENDING|launch failed requeued held\\n14|NODE_FAIL|x\\n'"
    )
    found = queue.states("cake")
    assert found == {
        "12_0": State("RUNNING"), "12_1": State("PENDING", "BadConstraints"), "13": State("PENDING", "launch failed requeued held"),
        "14": State("NODE_FAIL", "x"),
    }  # fmt: skip
    assert [state.lives for state in found.values()] == [True, True, True, False]
    assert [state.never for state in found.values()] == [False, True, False, False]
    assert [state.held for state in found.values()] == [False, False, True, False]
    commands("squeue", "echo slurm_load_jobs error: Unable to contact slurm controller >&2; exit 1")
    with pytest.raises(Unanswered, match=r"^slurm_load_jobs error: Unable to contact slurm controller$"):
        queue.states("cake")


def test_the_limits_of_a_site_are_its_own_words(commands):
    commands("scontrol", "printf 'Configuration data as of\\nMaxArraySize            = 501\\n'")
    commands("sinfo", "printf 'main*|1-00:00:00\\ngpu|12:30:00\\nfree|infinite\\n'")
    assert queue.array_limit() == 501
    assert [queue.time_limit(name) for name in (None, "gpu", "free", "unknown")] == [1440.0, 750.0, float("inf"), float("inf")]
    queue.array_limit.cache_clear()
    commands("scontrol", "exit 1")
    assert queue.array_limit() == queue.USUAL_ARRAY


def test_without_slurm_and_without_submitit_a_sentence_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MirbenchError, match=r"^--executor slurm needs Slurm's commands, and squeue is not on PATH here; run it where jobs are "
    ):
        queue.states("x")
    monkeypatch.setitem(__import__("sys").modules, "submitit", None)
    with pytest.raises(
        MirbenchError, match=r"^--executor slurm needs submitit, which is not installed; pip install 'mirbench-audio\[cluster\]'\.$"
    ):
        nodes.find_nodes(tmp_path, Profile(), "auto")


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("cuda", "device is cuda, and slurm.gpus is 0, so that no job may ask for a GPU; set slurm.gpus=1, or --device cpu."),
        ("cuda:1", "device cuda:1 is one of a machine's, and Slurm chooses it there; use --device cuda."),
    ],
)
def test_a_device_that_cannot_be_had_is_told_before_anything_is_submitted(tmp_path, device, sentence):
    with pytest.raises(MirbenchError) as told:
        nodes.find_nodes(tmp_path, Profile(gpus=int(":" in device)), device)
    assert str(told.value) == sentence


@pytest.mark.parametrize(("code", "what"), [(66, "the cache"), (67, "this Python")])
def test_a_probe_says_what_the_nodes_do_not_see(commands, tmp_path, monkeypatch, code, what):
    commands("squeue", "printf '12|FAILED|NonZeroExitCode\\n'")
    commands("scontrol", f"echo JobId=12 ExitCode={code}:0")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(MirbenchError, match=rf"^the nodes do not see {what}"):
        nodes.find_nodes(tmp_path / "cache", Profile(), "auto")
    script = (tmp_path / "given").read_text()
    assert "#SBATCH --output=/dev/null" in script
    token = next((tmp_path / "cache/slurm").glob("probe-*/token"))
    first = next(line for line in script.splitlines() if line.startswith("[ "))
    ends = [os.waitstatus_to_exitcode(os.system(f"(cd {tmp_path}; {first}; exit 0)"))]
    token.unlink()
    ends.append(os.waitstatus_to_exitcode(os.system(f"({first}; exit 0)")))
    assert ends == [0, 66]


def test_status_tells_each_in_a_line_or_a_table(commands, tmp_path, capsys):
    commands("squeue", "printf '12|RUNNING|None\\n13|PENDING|Dependency\\n14|PENDING|QOSMaxGRESPerUser\\n'")
    cache = tmp_path / "cache"
    assert cli.main(["status", "--cache", str(cache)]) == 0
    assert capsys.readouterr().out == f"Nothing was submitted to a cluster with the cache {cache}.\n"
    going, done, failed = (submission(tmp_path, name) for name in ("going-1", "done-2", "failed-3"))
    with going.changing():
        jobs = {number: [SubmittedJob("scores", f"{number}{n}", "") for n in range(3)] for number in ("12", "13")}
        going.tasks = [Task(number, of) for number, of in jobs.items()]
    with going.store.writing("scores", "120"):
        pass
    with done.changing():
        done.run = "results/done"
    with failed.changing():
        failed.error, failed.at = "the oven is off.", 0.0
    assert [each.name for each in submissions(cache)] == ["done-2", "going-1", "failed-3"]
    assert cli.main(["status", "--cache", str(cache)]) == 0
    text = capsys.readouterr().out
    assert "done-2: finished, results/done\n" in text
    assert (
        "going-1: 1 of Slurm's jobs running, 2 waiting\n"
        "                          jobs   made  running  waiting   lost\n"
        "  scores                     6      1        2        3      0\n"
        "  waiting, too, for: QOSMaxGRESPerUser\n"
    ) in text
    assert "failed-3: failed. the oven is off.\n" in text
    (tmp_path / "results" / "done").mkdir(parents=True)
    assert find(cache, "results/done").name == "done-2"
    assert cli.main(["wait", "done-2", "--cache", str(cache)]) == 0
    assert capsys.readouterr().out == "results/done\n"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["status", "doen-2"], "nothing that is called doen-2 was submitted with the cache {}; did you mean 'done-2'? Submitted were: "),
        (["wait", "done-2"], "the oven is off."),
        (["make", "done-2", "0123"], "done-2 has no job with the key 0123; mirbench status tells what it has, and errors name keys."),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_a_sentence(commands, tmp_path, capsys, argv, sentence):
    commands("squeue", "")
    with submission(tmp_path, "done-2").changing() as _:
        pass
    record = Submission(tmp_path / "cache" / "slurm" / "done-2")
    with record.changing():
        record.error = "the oven is off."
    assert cli.main([*argv, "--cache", str(tmp_path / "cache")]) == 2
    assert capsys.readouterr().err.startswith(f"mirbench: {sentence.format(tmp_path / 'cache')}")
