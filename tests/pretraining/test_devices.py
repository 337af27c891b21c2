"""The processes of a training that a scheduler started: they train what our own do, and end together."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from test_trainer import Net, equal, stream_of, weights

from mirbench.engine import ranks
from mirbench.engine.interrupts import Stopped, stoppable
from mirbench.engine.ranks import PeerLost, Ranks, taking_part
from mirbench.errors import MirbenchError
from mirbench.pretraining import trainer
from mirbench.pretraining.checkpoints import DamagedState
from mirbench.pretraining.objectives import Contrastive
from mirbench.pretraining.trainer import Learner, Schedule, Training, train


def training(folder: Path) -> Training:
    torch.manual_seed(0)
    learner = Learner(Net(), Contrastive(8, temperature=0.2, epsilon=0.0, norm=True), on_bands=False)
    (folder / "unfinished").mkdir(parents=True)
    streams = stream_of(folder.parent, "train"), stream_of(folder.parent, "valid", 8)
    return Training(learner, *streams, Schedule(20, learning_rate=1e-2), "cpu", 2, folder, folder / "unfinished")


def both(attempt: str, own: Training, stops_at: int | None = None) -> list[str]:
    """How two processes end that hold the training, the first of which is told to stop at a step. The second has, as on another machine,
    no state where the first keeps it."""
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()

    def run(rank: int) -> None:
        step, here = trainer._Loop._step, own if rank == 0 else replace(own, unfinished=own.folder / "elsewhere")

        def signalled(loop, number, *rest):
            if rank == 0 and number == stops_at:
                os.kill(os.getpid(), signal.SIGUSR1)
            return step(loop, number, *rest)

        trainer._Loop._step = signalled
        try:
            with stoppable(), taking_part(Ranks(rank, 0, rank, 1, 2, own.folder / attempt)):
                train(here)
        except (Stopped, PeerLost) as error:
            told.put((rank, type(error).__name__))
        else:
            told.put((rank, "done"))

    processes = [context.Process(target=run, args=(rank,)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [how for _, how in sorted(told.get() for _ in processes)]


@pytest.fixture(scope="module", autouse=True)
def imported():
    """Once, for the processes that are forked, what each would import."""
    for name in ("lightning_fabric.plugins.environments", "lightning_fabric.strategies", "torch._dynamo"):
        importlib.import_module(name)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(ranks, "POLL_SECONDS", 0.01)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # as Slurm gives each


def test_processes_that_a_scheduler_started_go_on_together_from_the_last_state_of_the_first(tmp_path):
    whole, stopped = training(tmp_path / "whole"), training(tmp_path / "stopped")
    assert both("first", whole) == ["done", "done"]
    assert both("first", stopped, stops_at=13) == ["Stopped", "PeerLost"]
    assert both("second", stopped) == ["done", "done"]
    assert equal(weights(whole), weights(stopped))
    assert not (stopped.folder / "elsewhere").exists()


@pytest.mark.slow
def test_processes_that_a_scheduler_started_train_what_our_own_do(tmp_path):
    ours, theirs = training(tmp_path / "ours"), training(tmp_path / "theirs")
    train(ours)
    assert both("first", theirs) == ["done", "done"]
    assert equal(weights(ours), weights(theirs))


def test_a_process_that_nobody_meets_does_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("mirbench.pretraining.devices.MEETING_SECONDS", 0.2)
    alone = training(tmp_path / "alone")
    with taking_part(Ranks(0, 0, 0, 1, 2, tmp_path / "words")), pytest.raises(PeerLost, match="1/2 clients joined"):
        train(alone)


def test_a_process_that_finds_another_state_than_the_first_does_not_train(tmp_path, monkeypatch):
    def resume(step: int | None) -> None:
        def load(path, *into):
            if step is None:
                raise DamagedState(f"the training state {path} is not as it was written.")
            return {"step": step}

        monkeypatch.setattr(trainer, "load_state", load)
        fabric = SimpleNamespace(broadcast=lambda own: (str(tmp_path / "state"), 40))
        second = SimpleNamespace(rank=1, fabric=fabric, facts={"step": 0}, modules={}, optimiser=None)
        trainer._Loop._resume(second, tmp_path / "elsewhere")

    resume(40)
    with pytest.raises(MirbenchError, match=r"state is of step 40 on one machine and of 30 on another; run the same command again when"):
        resume(30)
    with pytest.raises(MirbenchError, match=r"is not as it was written\. Another device could read it; run the same command again\.$"):
        resume(None)
