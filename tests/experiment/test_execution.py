"""Where jobs are made: what cannot be made elsewhere, what a plan takes for known, and whose submission a command is."""

from __future__ import annotations

import contextlib
import json
import pickle
from dataclasses import asdict
from pathlib import Path

import pytest

from mirbench import registry
from mirbench.engine.executor import LocalExecutor
from mirbench.engine.machine import Decided, decided
from mirbench.engine.slurm import nodes, queue
from mirbench.engine.slurm.executor import SlurmExecutor
from mirbench.engine.slurm.node import CONTINUES
from mirbench.engine.slurm.queue import State
from mirbench.engine.slurm.submission import SubmittedJob, Task, find
from mirbench.engine.store import Store
from mirbench.errors import Detached, MirbenchError
from mirbench.evaluation.embedding.models import FunctionEncoder
from mirbench.experiment.execution import execution, local, looking_ahead
from mirbench.experiment.resolve.machine import resolve_machine
from mirbench.experiment.resolve.records import Machine
from mirbench.experiment.resolve.resolve import settle
from mirbench.settings.config import load_config

KNOWN = Decided("cuda", True, "a big GPU")

pytestmark = pytest.mark.usefixtures("built_in")


@pytest.fixture
def cluster(monkeypatch):
    """By number, the states of a queue; its nodes are known."""
    states: dict[str, State] = {}
    monkeypatch.setattr(queue, "states", lambda name: states)
    monkeypatch.setattr(nodes, "find_nodes", lambda cache, profile, device: KNOWN)
    return states


class Resolved:
    def __init__(self, cache):
        self.store = Store(cache)


def make(*about):
    raise AssertionError("it is not called here")


def on(cache, *settings, command="mirbench run", what=(None,), plugins=()):
    config = load_config([], ["executor=slurm", *settings])
    return execution(config, registry.load(plugins), cache, command, make, what)


def test_local_is_the_default_and_changes_nothing(tmp_path):
    config = load_config()
    with execution(config, registry.load(), tmp_path, "", make, ()) as where:
        assert where.config is config
        assert isinstance(where.of(type("R", (), {"store": Store(tmp_path), "config": config})), LocalExecutor)


class OnTwoGpus(Resolved):
    machine = Machine("cuda", True, "a big GPU")


def plan_again(*about):
    raise AssertionError("it is not called here")


def test_where_there_are_two_gpus_processes_plan_with_all_that_they_need(tmp_path, monkeypatch, tiny_plugin):
    asked = []
    monkeypatch.setattr("mirbench.experiment.execution.gpus_of", lambda device: asked.append(device) or ["0", "1"])
    config, nouns = load_config([], ["encoders=[untrained]"]), registry.load([str(tiny_plugin)])
    executor = local(config, nouns, tmp_path, plan_again)(OnTwoGpus(tmp_path))
    assert asked == ["cuda"]
    again, gpus, known = executor.sharing.args
    assert (gpus, known) == (["0", "1"], KNOWN)
    assert pickle.loads(pickle.dumps(again)).args == (config, [str(tiny_plugin)], tmp_path.resolve(), None)
    assert local(config, nouns, tmp_path)(OnTwoGpus(tmp_path)).sharing is contextlib.nullcontext  # as for pretraining


def test_a_function_of_the_program_is_computed_on_one_gpu(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    monkeypatch.setattr("mirbench.experiment.execution.gpus_of", lambda device: ["0", "1"])
    encoder, nouns = FunctionEncoder("mine", lambda: None, ""), registry.load()
    encoder.name, encoder.held = "mine", True
    nouns.add_encoder(encoder)
    config = load_config([], ["encoders=[mine]"])
    assert local(config, nouns, tmp_path, plan_again)(OnTwoGpus(tmp_path)).sharing is contextlib.nullcontext
    told = "mirbench: other processes cannot know that they have the same encoder 'mine', so one of 2 GPUs is used.\n"
    assert capsys.readouterr().err == told


def test_keys_are_those_of_the_nodes_and_jobs_are_told_all_that_they_need(tmp_path, cluster, tiny_plugin):
    with on(tmp_path, "slurm.gpus=2", what=("semisupcon",), plugins=[str(tiny_plugin)]) as where:
        machine = resolve_machine(where.config.device, 2)
        assert (machine.device, machine.bfloat16, machine.name) == ("cuda", True, "a big GPU")  # which this one need not have
        executor = where.of(Resolved(tmp_path))
        assert isinstance(executor, SlurmExecutor)
        config, plugins, cache, kept, encoder = executor.make.args
        assert (config.device, plugins, cache, kept, encoder) == ("cuda", [str(tiny_plugin)], tmp_path, None, "semisupcon")
        where.finished = "results/x"
    assert decided() is None
    (record,) = (tmp_path / "slurm").glob("semisupcon-*/submission.json")
    assert json.loads(record.read_text())["run"] == "results/x"


def test_a_submission_is_of_the_settings_whatever_is_asked_of_the_cluster(tmp_path, cluster, monkeypatch):
    def submitted(*settings, **about):
        with on(tmp_path, *settings, **about) as where:
            executor = where.of(Resolved(tmp_path))
            assert isinstance(executor, SlurmExecutor)
            return executor.submission

    first = submitted()
    assert submitted("slurm.partition=gpu", "slurm.time=1h").name == first.name
    assert submitted("seeds=2").name != first.name
    with first.changing():
        first.tasks = [Task("12", [SubmittedJob("dishes", "0123", "cake")])]
    cluster["12"] = State("RUNNING")
    assert [task.number for task in submitted().tasks] == ["12"]  # which it waits for
    cluster["12"] = State("FAILED")
    monkeypatch.setenv(CONTINUES, "13")
    assert [task.number for task in submitted().tasks] == ["12"]  # the command that goes on takes what they answer
    monkeypatch.delenv(CONTINUES)
    assert submitted().tasks == []


def test_how_it_ended_is_noted(tmp_path, cluster):
    with pytest.raises(MirbenchError), on(tmp_path):
        raise MirbenchError("the oven is off.")
    (name,) = [path.name for path in (tmp_path / "slurm").iterdir()]
    assert find(tmp_path, name).error == "the oven is off."
    with pytest.raises(Detached), on(tmp_path):
        raise Detached("elsewhere")
    found = find(tmp_path, name)
    assert (found.error, found.run) == ("", "")


@pytest.mark.parametrize(
    ("settings", "command", "sentence"),
    [
        (["slurm.detach=true"], "mirbench.run()", "slurm.detach is for the command line, which is what goes on; leave it out, or use "),
        (
            ["slurm.gpus=1", "devices=4"],
            "mirbench run",
            "4 devices were asked for, and slurm.gpus is 1, which is the most that a job asks ",
        ),
    ],
)
def test_what_cannot_be_had_there_is_a_sentence(tmp_path, cluster, settings, command, sentence):
    with pytest.raises(MirbenchError) as told, on(tmp_path, *settings, command=command):
        pass
    assert str(told.value).startswith(sentence)


def test_a_function_of_this_program_stays_here(tmp_path, cluster):
    encoder = FunctionEncoder("mine", lambda: None, "1")
    encoder.name, encoder.held = "mine", True
    nouns = registry.load()
    nouns.add_encoder(encoder)
    config = load_config([], ["executor=slurm", "encoders=mine"])
    with (
        pytest.raises(
            MirbenchError, match=r"^encoder 'mine' is a function of this program, which other machines do not have; write it into a "
        ),
        execution(config, nouns, tmp_path, "mirbench.evaluate()", make, (None,)),
    ):
        pass


def test_what_no_other_machine_can_tell_is_the_same_is_refused(tmp_path, cluster, write):
    write("def embed(audio):\n    return audio[:, :2]\n", "some_functions.py")
    nouns = registry.load()
    config = settle(load_config([], ["executor=slurm", "encoders=python:some_functions:embed", "options.embed.sample_rate=16000"]), nouns)
    with (
        pytest.raises(MirbenchError, match=r"^nothing tells another machine that it has the same encoder 'embed'; say what it is, and "),
        execution(config, nouns, tmp_path, "mirbench run", make, (None,)),
    ):
        pass


def test_a_plan_takes_what_is_known_of_the_nodes_and_asks_for_nothing(tmp_path, capsys):
    config = load_config([], ["executor=slurm", "slurm.gpus=1", "slurm.partition=gpu"])
    with looking_ahead(config, tmp_path) as planned:
        assert (planned, decided()) == (config, None)
    assert (
        capsys.readouterr().err
        == "mirbench: what the nodes are is not known before a first run there; this is the plan for this machine.\n"
    )
    path = nodes._file(tmp_path, config.slurm.profile, "auto")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(asdict(KNOWN)))
    with looking_ahead(config, Path(tmp_path)) as planned:
        assert (planned.device, decided()) == ("cuda", KNOWN)
    other = load_config([], ["executor=slurm", "slurm.gpus=1", "slurm.partition=gpu", "slurm.bfloat16=false"])
    with looking_ahead(other, tmp_path):
        assert decided() == Decided("cuda", False, "a big GPU")
