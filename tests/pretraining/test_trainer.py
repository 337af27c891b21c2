"""Training: the same weights after a kill, the best that is the best, two processes as one, a loss that stops being finite."""

import json
import math
import multiprocessing
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from mirbench.engine.interrupts import SIGNALS, stoppable
from mirbench.errors import MirbenchError
from mirbench.pretraining import trainer
from mirbench.pretraining.checkpoints import load_checkpoint, save_checkpoint
from mirbench.pretraining.objectives import Contrastive, PairTruth
from mirbench.pretraining.signals import read_signals
from mirbench.pretraining.supervision import LabelTable
from mirbench.pretraining.trainer import Learner, Schedule, Training, train
from mirbench.pretraining.views.audio_cache import AudioCache
from mirbench.pretraining.views.sampling import Sampler
from mirbench.pretraining.views.stream import ViewStream
from mirbench.records import Clip


class Net(nn.Module):
    """Waveforms (batch, samples) to (batch, 8)."""

    dim = 8

    def __init__(self, norm: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 15, stride=5)
        self.norm: nn.Module = nn.BatchNorm1d(8) if norm else nn.Identity()

    def forward(self, audio: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(audio[:, None]))).mean(dim=2)


@dataclass(frozen=True)
class Noise:
    """A view with noise from the generator."""

    level: float = 0.05

    def __call__(self, views: Tensor, generator: torch.Generator) -> Tensor:
        return views + self.level * torch.randn(views.shape, generator=generator)


class Breaking(nn.Module):
    """A loss that is not a number from the fourth call on."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.calls = nn.Parameter(torch.ones(())), 0

    def forward(self, embeddings: Tensor, truth: dict[str, Tensor]) -> Tensor:
        self.calls += 1
        return embeddings.square().mean() * self.scale * (math.nan if self.calls > 3 else 1.0)


def stream_of(folder: Path, name: str, clips: int = 20, labels: str = "ab") -> ViewStream:
    """Tones of two pitches by turns, labelled by turns."""
    random = np.random.default_rng(clips)
    path = folder / f"{name}.bin"
    tones = [np.sin(np.arange(600) * (0.1 if i % 2 else 0.4) + random.random()) * 8000 for i in range(clips)]
    path.write_bytes(np.concatenate(tones).astype(np.int16).tobytes())
    known = tuple(Clip(f"{name}{i}", path, "train", f"g{i}", annotations={"genre": labels[i % len(labels)]}) for i in range(clips))
    audio_cache = AudioCache(path, 0, known, torch.full((clips,), 600), {})
    table = LabelTable(known, read_signals("same-class"))
    sampler = Sampler(torch.arange(clips), torch.arange(clips), audio_cache.lengths, 16, 2, 0.5, 200, 3)
    return ViewStream(sampler, audio_cache, Noise(), PairTruth(table, True))


@pytest.fixture
def training(tmp_path):
    """(name, **changes) -> a training of 20 steps in a folder of its own; changes to its schedule or to itself."""

    def make(name: str = "one", net: nn.Module | None = None, objective: nn.Module | None = None, **changes) -> Training:
        torch.manual_seed(0)
        net = net or Net()
        learner = Learner(net, objective or Contrastive(8, temperature=0.2, epsilon=0.0, norm=True), on_bands=False)
        own = {k: changes.pop(k) for k in ("devices", "validation") if k in changes}
        schedule = Schedule(**({"steps": 20, "learning_rate": 1e-2} | changes))
        folder = tmp_path / name
        (folder / "unfinished").mkdir(parents=True, exist_ok=True)
        stream, validation = stream_of(tmp_path, "train"), stream_of(tmp_path, "valid", 8)
        return replace(Training(learner, stream, validation, schedule, "cpu", 1, folder, folder / "unfinished", {"encoder": "net"}), **own)

    return make


def weights(training: Training, which: str = "last") -> dict[str, Tensor]:
    return load_file(training.folder / which / "weights.safetensors")


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def lines(training: Training) -> list[dict]:
    return [json.loads(line) for line in (training.folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("at", [7, 13])
@pytest.mark.parametrize("options", [{}, {"ema": 0.9, "optimizer": "adam", "gradient_clip": 0.1, "precision": "bfloat16"}])
def test_a_run_that_was_stopped_ends_with_the_very_weights_of_one_that_was_not(training, monkeypatch, at, options):
    whole = training("whole", **options)
    facts = train(whole)
    stopped = training("stopped", **options)
    step = trainer._Loop._step

    def stop(self, number, *rest):
        if number == at:
            raise KeyboardInterrupt
        return step(self, number, *rest)

    monkeypatch.setattr(trainer._Loop, "_step", stop)
    monkeypatch.setattr(trainer, "VALIDATIONS", 4)  # states at 5, 10, 15: the steps after the last are done again
    with pytest.raises(KeyboardInterrupt):
        train(stopped)
    monkeypatch.setattr(trainer._Loop, "_step", step)
    monkeypatch.undo()
    again = train(training("stopped", **options))
    assert equal(weights(stopped), weights(whole))
    assert again["final_loss"] == facts["final_loss"]
    assert lines(stopped)[-1]["loss"] == lines(whole)[-1]["loss"]
    assert equal(weights(whole), whole.learner.backbone.state_dict()) == (not options)  # with an average, that is what is kept


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1], ids=lambda number: number.name)
def test_a_signal_ends_the_step_and_keeps_its_state(training, monkeypatch, number):
    """No step is done again, and none is done by half."""
    whole, stopped = training("whole"), training("stopped")
    train(whole)
    done, step = [], trainer._Loop._step

    def signalled(self, at, *rest):
        if at == 7:
            os.kill(os.getpid(), number)
        done.append(at)
        return step(self, at, *rest)

    monkeypatch.setattr(trainer._Loop, "_step", signalled)
    with pytest.raises(KeyboardInterrupt), stoppable():
        train(stopped)
    assert json.loads(safe_open_metadata(stopped)["facts"])["step"] == 8
    train(training("stopped"))
    assert done == list(range(20))
    assert equal(weights(stopped), weights(whole))


def test_a_data_worker_that_dies_is_a_sentence(training, monkeypatch):
    monkeypatch.setenv("MIRBENCH_WORKERS", "2")
    step = trainer._Loop._step

    def kill(self, at, *rest):
        if at == 3:
            for process in multiprocessing.active_children():
                process.kill()
        return step(self, at, *rest)

    monkeypatch.setattr(trainer._Loop, "_step", kill)
    with pytest.raises(
        MirbenchError, match=r"^a worker process that makes batches ended abruptly .* again, which goes on from the last state\.$"
    ):
        train(training(steps=400))


def test_signals_to_data_workers_are_their_parents_matter(training, monkeypatch):
    monkeypatch.setenv("MIRBENCH_WORKERS", "2")
    inline, step = training("inline", steps=40), trainer._Loop._step
    train(inline)

    def signalled(self, at, *rest):
        for process in multiprocessing.active_children():
            os.kill(process.pid, SIGNALS[at % len(SIGNALS)])
        return step(self, at, *rest)

    monkeypatch.setattr(trainer._Loop, "_step", signalled)
    worked = training("worked", steps=40)
    train(worked)
    assert equal(weights(inline), weights(worked))


def test_nothing_is_trained_again_where_the_last_state_is_of_the_last_step(training, monkeypatch):
    done = training()
    train(done)
    monkeypatch.setattr(trainer._Loop, "_step", None)
    first = weights(done)
    train(training())
    assert equal(weights(done), first)


def test_best_holds_the_weights_of_the_least_validation_loss_and_last_those_of_the_end(training, monkeypatch, tmp_path):
    """Validation clips whose labels say otherwise, so that their loss falls and rises again; what is there at each validation is kept."""
    seen = []
    validate = trainer._Loop._validate

    def look(self, step):
        validate(self, step)
        seen.append({k: v.clone() for k, v in self.kept.state_dict().items()})

    monkeypatch.setattr(trainer._Loop, "_validate", look)
    contrary = stream_of(tmp_path, "valid", 8, labels="aabb")
    chosen = training(net=Net(norm=False), steps=40, learning_rate=3e-4, schedule="constant", validation=contrary)
    facts = train(chosen)
    values = [value for _, value in facts["best"]["history"]]
    best = int(np.argmin(values))
    assert 0 < best < len(values) - 1, "the case must have its best in the middle"
    assert facts["best"]["step"] == facts["best"]["history"][best][0]
    assert equal(weights(chosen, "best"), seen[best])
    assert equal(weights(chosen, "last"), seen[-1])
    assert not equal(weights(chosen, "best"), weights(chosen, "last"))
    assert json.loads((chosen.folder / "best" / "encoder.json").read_text())["step"] == facts["best"]["step"]
    assert facts["best"]["signal"] == "validation_loss"


def test_without_validation_clips_there_is_no_best(training):
    chosen = training(validation=None)
    assert train(chosen)["best"] is None
    assert not (chosen.folder / "best").exists()


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_validating_leaves_the_training_as_it_was(training, ema):
    with_it, without = training("with", ema=ema), training("without", ema=ema, validation=None)
    train(with_it)
    train(without)
    assert equal(weights(with_it), weights(without))


def test_a_state_is_never_saved_after_a_loss_that_is_not_finite(training, monkeypatch):
    """Not even where the loss is looked at every twenty steps only, as on a GPU."""
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0)
    monkeypatch.setattr(trainer, "VALIDATIONS", 4)
    step = trainer._Loop._step
    monkeypatch.setattr(trainer._Loop, "_step", lambda self, number, *rest: step(self, number, *rest) * (math.nan if number >= 7 else 1))
    monkeypatch.setattr(trainer, "looks_each_step", lambda device: False)
    broken = training()
    with pytest.raises(MirbenchError, match="the loss is nan at step 7 of 20"):
        train(broken)
    assert json.loads(safe_open_metadata(broken)["facts"])["step"] == 5


def safe_open_metadata(training):
    with safe_open(training.unfinished / "state.safetensors", "pt") as file:
        return file.metadata()


def test_a_short_training_is_logged_before_the_first_look_is_due(training, monkeypatch):
    monkeypatch.setattr(trainer, "looks_each_step", lambda device: False)
    short = training(steps=10)
    train(short)
    assert len(lines(short)) == 10


def test_what_a_network_draws_is_a_function_of_seed_and_step(training, monkeypatch):
    class Dropping(Net):
        def forward(self, audio):
            return nn.functional.dropout(super().forward(audio), 0.5, self.training)

    torch.manual_seed(0)
    whole = training("whole", net=Dropping())
    torch.manual_seed(0)
    stopped = training("stopped", net=Dropping())
    state = torch.random.get_rng_state()
    train(whole)
    assert torch.equal(torch.random.get_rng_state(), state)
    step = trainer._Loop._step

    def stop(self, number, *rest):
        if number == 7:
            raise KeyboardInterrupt
        return step(self, number, *rest)

    monkeypatch.setattr(trainer._Loop, "_step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(stopped)
    monkeypatch.undo()
    torch.rand(5)
    train(stopped)
    assert equal(weights(stopped), weights(whole))


def test_a_validation_loss_that_is_not_a_number_does_not_end_the_search_for_the_best(training, monkeypatch):
    forward = Learner.forward
    calls = iter(range(10**6))

    def first_is_nan(self, views, truth, backbone=None):
        loss = forward(self, views, truth, backbone)
        return loss * math.nan if backbone is not None and next(calls) < trainer.VALIDATION_BATCHES else loss

    monkeypatch.setattr(Learner, "forward", first_is_nan)
    facts = train(training())
    assert math.isnan(facts["best"]["history"][0][1])
    assert facts["best"]["step"] > facts["best"]["history"][0][0]


def test_a_loss_that_is_not_finite_names_the_step_and_the_clips(training):
    broken = training(objective=Breaking(), validation=None)
    with pytest.raises(MirbenchError) as error:
        train(broken)
    clips = ", ".join(broken.stream.clips_at(3)[:6])
    assert str(error.value) == (
        f"the loss is nan at step 3 of 20; its batch held the clips {clips} and 2 more; try a lower learning_rate, gradient_clip=1, or "
        "precision=float32."
    )
    assert not (broken.folder / "last").exists()


def test_training_lowers_the_loss_and_logs_it(training):
    chosen = training(steps=60)
    facts = train(chosen)
    found = lines(chosen)
    assert [line["step"] for line in found] == [6, 12, 18, 20, 24, 30, 36, 40, 42, 48, 54, 60]
    assert found[-1]["loss"] < 0.9 * found[0]["loss"]
    assert found[-1]["loss"] == pytest.approx(facts["final_loss"], abs=1e-5)
    assert facts["views_seen"] == 60 * 16
    assert facts["labelled_views_seen"] == 60 * 8
    assert 0 <= facts["waiting_share"] <= 1


def test_the_kept_weights_are_the_moving_average(training):
    """Two steps by hand: a = d a + (1 - d) w, from the weights after the first step."""
    net = Net(norm=False)
    seen = []
    chosen = training(net=net, steps=3, ema=0.75, validation=None)
    net.register_forward_pre_hook(lambda module, _: seen.append(module.conv.weight.detach().clone()))
    train(chosen)
    after = [*seen[1:], net.conv.weight.detach()]
    expected = after[0]
    for now in after[1:]:
        expected = 0.75 * expected + 0.25 * now
    torch.testing.assert_close(weights(chosen)["conv.weight"], expected)


def test_gradients_are_clipped(training, monkeypatch):
    norms = []
    build = Schedule.build

    def spy(self, module):
        optimiser = build(self, module)
        optimiser.register_step_pre_hook(
            lambda *_: norms.append(float(torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None]).norm()))
        )
        return optimiser

    monkeypatch.setattr(Schedule, "build", spy)
    train(training("free", steps=4))
    free, norms[:] = max(norms), []
    train(training("clipped", steps=4, gradient_clip=free / 10))
    assert max(norms) == pytest.approx(free / 10, rel=1e-3)


def test_the_learning_rate_rises_and_falls():
    cosine, constant = Schedule(100, warm_up=0.1), Schedule(100, warm_up=0.1, schedule="constant")
    rates = [cosine.rate(step) / cosine.learning_rate for step in range(100)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert max(rates) > 0.95
    assert rates[50] == pytest.approx(0.5)
    assert rates[99] < 0.001
    assert [constant.rate(step) / constant.learning_rate for step in (0, 9, 50, 99)] == pytest.approx([0.1, 1, 1, 1])
    assert isinstance(Schedule(1, optimizer="adam").build(Net()), torch.optim.Adam)
    assert type(Schedule(1).build(Net())) is torch.optim.AdamW


@pytest.mark.slow
def test_two_processes_train_what_one_does(training):
    """A network without batch statistics, views without noise: the same batches, so the same weights but for rounding."""

    def make(name, devices):
        torch.manual_seed(0)
        plain = Contrastive(8, temperature=0.2, epsilon=0.0, norm=False)
        chosen = training(name, net=Net(norm=False), objective=plain, steps=6, devices=devices)
        return replace(chosen, stream=replace(chosen.stream, views=Noise(0.0)), validation=replace(chosen.validation, views=Noise(0.0)))

    one, two = make("single", 1), make("double", 2)
    first, second = train(one), train(two)
    assert second["devices"] == 2
    assert second["final_loss"] == pytest.approx(first["final_loss"], abs=1e-4)
    for name, value in weights(one).items():
        torch.testing.assert_close(weights(two)[name], value, atol=1e-4, rtol=1e-3)
    assert not torch.equal(weights(two)["conv.weight"], two.learner.backbone.state_dict()["conv.weight"])  # they were not trained here


def test_data_workers_change_nothing(training, monkeypatch):
    inline, worked = training("inline", steps=8), training("worked", steps=8)
    train(inline)
    monkeypatch.setenv("MIRBENCH_WORKERS", "2")
    train(worked)
    assert equal(weights(inline), weights(worked))


def test_a_checkpoint_of_another_shape_or_none_is_refused_with_the_difference(tmp_path):
    save_checkpoint(tmp_path, Net().state_dict(), {})
    other = Net()
    other.conv = nn.Conv1d(1, 4, 15)
    said = r"is of another shape: conv.bias: \(8,\) instead of \(4,\); conv.weight: \(8, 1, 15\).*; set the backbone that it was trained"
    with pytest.raises(MirbenchError, match=said):
        load_checkpoint(tmp_path, other)
    (tmp_path / "weights.safetensors").write_bytes(b"\x80\x04.")  # a pickle
    with pytest.raises(MirbenchError, match="cannot be read"):
        load_checkpoint(tmp_path, Net())
    with pytest.raises(MirbenchError, match=r"cannot be read: .*; give another checkpoint or, if it lies in the cache, delete its folder"):
        load_checkpoint(tmp_path / "nowhere", Net())


@pytest.mark.parametrize("harm", ["half a file", "a byte"])
def test_a_training_whose_state_is_damaged_begins_anew_and_says_so(training, capsys, monkeypatch, harm):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    undisturbed, chosen = training("undisturbed"), training("damaged")
    for each in (undisturbed, chosen):
        train(each)
    state = chosen.unfinished / "state.safetensors"
    assert state.is_file()
    data = bytearray(state.read_bytes())
    data[-1] ^= 1
    state.write_bytes(b"half a file" if harm == "half a file" else bytes(data))
    again = training("damaged")
    train(again)
    assert equal(weights(again), weights(undisturbed))
    assert f"the training state {state} is not as it was written. Training begins anew." in capsys.readouterr().err


def test_tensorboard_gets_what_the_log_gets_where_it_is_installed(training):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    chosen = training()
    train(chosen)
    events = accumulator.EventAccumulator(str(chosen.folder / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "learning_rate", "views_per_second", "validation_loss"}
    assert [e.step for e in events.Scalars("loss")] == [line["step"] for line in lines(chosen)]
