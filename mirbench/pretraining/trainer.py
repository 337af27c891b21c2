"""The training loop: a number of steps over a stream of batches, one learning-rate curve, checkpoints, and nothing else.

Lightning Fabric owns devices, precision and processes. A run that was stopped goes on from its last state, and on a CPU ends with the
very weights of a run that was not.
"""

from __future__ import annotations

import copy
import functools
import math
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mirbench.engine.files import disk, tell
from mirbench.engine.interrupts import deferred
from mirbench.errors import MirbenchError
from mirbench.pretraining.checkpoints import DamagedState, load_state, save_checkpoint, save_state
from mirbench.pretraining.devices import devices_here, on_devices
from mirbench.pretraining.log import EVENTS, METRICS, TrainingLog
from mirbench.pretraining.objectives import Truth
from mirbench.pretraining.views.stream import ViewStream, worker_count
from mirbench.progress import progress_bar

LOG_EVERY = 20  # steps between lines of metrics.jsonl, and between looks at the loss on a GPU, each of which waits for it
VALIDATIONS = 10  # in a training
VALIDATION_BATCHES = 4
SAVE_SECONDS = 60  # between states to resume from, besides one at each validation
NETWORK_STREAM = 10**6  # of the numbers that a network draws in a step, after those of the ranks' views
SIGNAL = "validation_loss"  # by which `best` is chosen: the objective's own loss on clips of the valid split
STATE = "state.safetensors"


@dataclass(frozen=True)
class Schedule:
    """warm_up: share of the steps over which the rate rises, until it meets the schedule. gradient_clip: largest norm, 0 for none.

    ema: decay of the average of the backbone's weights that is kept instead of them, 0 for none; the objective's head is not averaged.
    precision: float32, or bfloat16 by autocast.
    """

    steps: int
    optimizer: str = "adamw"  # or adam
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"  # to zero, or constant
    warm_up: float = 0.06
    gradient_clip: float = 0.0
    ema: float = 0.0
    precision: str = "float32"

    def rate(self, step: int) -> float:
        """The learning rate of a step, from 0 on."""
        after = 0.5 * (1 + math.cos(math.pi * step / self.steps)) if self.schedule == "cosine" else 1.0
        return self.learning_rate * min((step + 1) / max(1, round(self.warm_up * self.steps)), after)

    def build(self, module: nn.Module) -> torch.optim.Optimizer:
        cls = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        return cls([p for p in module.parameters() if p.requires_grad], lr=self.learning_rate, weight_decay=self.weight_decay)


class Learner(nn.Module):
    """A backbone with its objective. on_bands: its views are log-mel bands (views, frames, bands), not waveforms."""

    def __init__(self, backbone: nn.Module, objective: nn.Module, on_bands: bool) -> None:
        super().__init__()
        self.backbone, self.objective, self.on_bands = backbone, objective, on_bands

    def forward(self, views: Tensor, truth: Truth, backbone: nn.Module | None = None) -> Tensor:
        """The loss of a batch. backbone: another with the same outputs, such as the averaged one."""
        network: Any = backbone or self.backbone
        embeddings = network.encode(views.transpose(1, 2)) if self.on_bands else network(views)
        with torch.autocast(views.device.type, enabled=False):
            loss: Tensor = self.objective(embeddings.float(), truth)
        return loss


@dataclass(frozen=True)
class Training:
    """folder: gets last/ and best/; unfinished: keeps the state and the metrics while it goes on. about: goes into encoder.json."""

    learner: Learner
    stream: ViewStream
    validation: ViewStream | None
    schedule: Schedule
    device: str  # cpu, cuda or cuda:N
    devices: int
    folder: Path
    unfinished: Path
    about: dict[str, Any] = field(default_factory=dict)


def train(training: Training) -> dict[str, Any]:
    """Trains to the end, from the last state where there is one; returns what the manifest says of the run.

    Raises MirbenchError where the loss stops being finite, naming the step and the batch's clips. Where it is stopped in order, as by
    Ctrl-C or a signal to end, the step that it is at is ended and its state kept.
    """
    schedule = training.schedule
    report = on_devices(functools.partial(_run, training), training.device, training.devices, schedule.precision)
    if "error" in report:
        raise MirbenchError(report["error"])
    return report


def _run(training: Training, fabric: Any) -> dict[str, Any]:
    """A copy is trained where processes share what they are given."""
    own = replace(training, learner=copy.deepcopy(training.learner)) if fabric.world_size > 1 else training
    return _Loop(fabric, own).run()


def looks_each_step(device: str) -> bool:
    """Whether a look at the loss costs nothing; on a GPU it waits for the step to end."""
    return device == "cpu"


class _NotFinite(Exception):
    pass


class _Loop:
    def __init__(self, fabric: Any, training: Training) -> None:
        self.fabric, self.training, self.schedule = fabric, training, training.schedule
        self.rank, self.world = fabric.global_rank, fabric.world_size
        self.stream = replace(training.stream, rank=self.rank, world=self.world)
        self.validation = training.validation and replace(training.validation, rank=self.rank, world=self.world)
        learner = training.learner.train()
        if self.world > 1 and training.device != "cpu":
            learner = nn.SyncBatchNorm.convert_sync_batchnorm(learner)
        self.learner = learner
        self.optimiser = self.schedule.build(learner)
        self.model, self.stepper = fabric.setup(learner, self.optimiser)
        self.averaged = None
        if self.schedule.ema:
            self.averaged = AveragedModel(learner.backbone, multi_avg_fn=get_ema_multi_avg_fn(self.schedule.ema)).eval()
        self.best = copy.deepcopy(learner.backbone)
        self.facts: dict[str, Any] = {"step": 0, "loss": None, "seconds": 0.0, "waited": 0.0, "best_step": None, "history": []}
        self.pending: list[Tensor] = []
        self.saved = time.perf_counter()

    @property
    def kept(self) -> Any:
        """The backbone that checkpoints hold."""
        return self.averaged.module if self.averaged else self.learner.backbone

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"learner": self.learner, "best": self.best} | ({"averaged": self.averaged} if self.averaged else {})

    def run(self) -> dict[str, Any]:
        """Random numbers that a network draws, as dropout does, are a function of (seed, step) too."""
        with torch.random.fork_rng(devices=[self.fabric.device] if self.fabric.device.type == "cuda" else []):
            try:
                return self._run()
            except _NotFinite as error:
                return {"error": str(error)}

    def _run(self) -> dict[str, Any]:
        training, state = self.training, self.training.unfinished / STATE
        self._resume(state)
        writer = TrainingLog(training.unfinished, self.facts["step"]) if self.rank == 0 else None
        first, steps = self.facts["step"], self.schedule.steps
        hurried = not training.learner.on_bands and hasattr(training.learner.backbone, "mel")  # bands of waveforms, made by the network
        loader = self.stream.loader(range(first, steps), worker_count(training.device, devices_here(training.devices), hurried))
        every = max(1, steps // VALIDATIONS)
        with progress_bar(total=steps, initial=first, desc="pretraining", unit="step", shown=self.rank == 0) as bar, deferred() as stopped:
            for step in range(first, steps):
                last = step + 1 == steps
                validates = self.validation is not None and ((step + 1) % every == 0 or last)
                logs = (step + 1) % LOG_EVERY == 0 or last or validates
                begun = time.perf_counter()
                views, truth = next(loader)
                self.facts["waited"] += time.perf_counter() - begun
                self.pending.append(self._step(step, views, truth))
                self.facts["step"] = step + 1
                looks = logs or looks_each_step(training.device)
                stops = stopped() and (looks or self.world == 1)  # to look, all devices must
                if looks or stops:
                    self._look(step)
                self.facts["seconds"] += time.perf_counter() - begun
                if validates:
                    self._validate(step)
                if writer and logs:
                    writer.write(self._line(step, validates))
                    bar.set_postfix(loss=f"{self.facts['loss']:.3f}", views_per_s=f"{self._speed():.0f}")
                bar.update()
                if validates or stops or (looks and time.perf_counter() - self.saved > SAVE_SECONDS):
                    self._save(state)
                if stops:
                    break  # the block ends with what stopped it
        report = self._report()
        if writer:
            writer.close()
            self._finish(report)
        return report

    def _resume(self, state: Path) -> None:
        """From the last state, where there is one: which it is, and whether it is whole, the first device says, and all go on from it.

        Raises MirbenchError where another finds a different one, as a network file system may show an earlier for a while."""
        found = state.is_file()
        if found and self.rank == 0:
            try:
                self.facts = load_state(state, self.modules, self.optimiser)
            except DamagedState as error:
                tell(f"{error} Training begins anew.")
                state.unlink(missing_ok=True)
                found = False
        chosen, step = self.fabric.broadcast((str(state) if found else "", self.facts["step"]))
        if chosen and self.rank:
            disk.refresh(Path(chosen).parent)
            try:
                self.facts = load_state(Path(chosen), self.modules, self.optimiser)
            except DamagedState as error:
                raise MirbenchError(f"{error} Another device could read it; run the same command again.") from error
            if self.facts["step"] != step:
                raise MirbenchError(
                    f"the training state {chosen} is of step {step:,} on one machine and of {self.facts['step']:,} on another; run the "
                    "same command again when the file system shows them the same."
                )

    def _step(self, step: int, cut: Tensor, truth: Truth) -> Tensor:
        views, truth = self.fabric.to_device((cut, truth))
        if self.stream.on_device:
            views = self.stream.augment(views, step)
        torch.manual_seed(self.stream.sampler.generator(step, NETWORK_STREAM + self.rank).initial_seed())
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate(step)
        loss = self.model(views, truth)
        self.fabric.backward(loss)
        if self.schedule.gradient_clip:
            self.fabric.clip_gradients(self.model, self.stepper, max_norm=self.schedule.gradient_clip, error_if_nonfinite=False)
        self.stepper.step()
        self.stepper.zero_grad(set_to_none=True)
        if self.averaged:
            self.averaged.update_parameters(self.learner.backbone)
        return loss.detach()

    def _look(self, step: int) -> None:
        """The losses since the last look, of all devices, into the running mean; a loss that is not finite ends the training."""
        losses = self.fabric.all_reduce(torch.stack(self.pending), reduce_op="mean").tolist()
        first = step + 1 - len(losses)
        self.pending = []
        for i, value in enumerate(losses):
            if not math.isfinite(value):
                clips = self.stream.clips_at(first + i)
                raise _NotFinite(
                    f"the loss is {value} at step {first + i} of {self.schedule.steps}; its batch held the clips "
                    f"{', '.join(clips[:6])}{f' and {len(clips) - 6} more' if len(clips) > 6 else ''}; try a lower learning_rate, "
                    "gradient_clip=1, or precision=float32."
                )
            self.facts["loss"] = value if self.facts["loss"] is None else 0.95 * self.facts["loss"] + 0.05 * value

    @torch.no_grad()
    def _validate(self, step: int) -> None:
        """The objective's loss on fixed batches of clips that are never trained on; the backbone is kept where it is the least yet."""
        assert self.validation is not None
        begun = time.perf_counter()
        self.learner.eval()
        losses = []
        for number in range(VALIDATION_BATCHES):
            views, truth = self.fabric.to_device(self.validation[number])
            if self.validation.on_device:
                views = self.validation.augment(views, number)
            with self.fabric.autocast():
                losses.append(self.learner(views, truth, self.kept))
        self.learner.train()
        value = float(self.fabric.all_reduce(torch.stack(losses).mean(), reduce_op="mean"))
        history = self.facts["history"]
        if math.isfinite(value) and all(value < earlier for _, earlier in history if math.isfinite(earlier)):
            self.facts["best_step"] = step + 1
            self.best.load_state_dict(self.kept.state_dict())
        history.append([step + 1, value])
        self.facts["seconds"] += time.perf_counter() - begun

    def _save(self, state: Path) -> None:
        if self.rank == 0:
            save_state(state, self.modules, self.optimiser, self.facts)
        self.saved = time.perf_counter()

    def _speed(self) -> float:
        return float(self.facts["step"] * self.stream.sampler.batch_views / max(self.facts["seconds"], 1e-9))

    def _line(self, step: int, validated: bool) -> dict[str, Any]:
        loss, rate = round(self.facts["loss"], 6), self.schedule.rate(step)
        line = {"step": step + 1, "loss": loss, "learning_rate": rate, "views_per_second": round(self._speed(), 1)}
        return line | ({SIGNAL: self.facts["history"][-1][1]} if validated else {})

    def _finish(self, report: dict[str, Any]) -> None:
        metadata = {**self.training.about, **report}
        save_checkpoint(self.training.folder / "last", self.kept.state_dict(), {**metadata, "step": self.schedule.steps})
        if self.facts["best_step"] is not None:
            save_checkpoint(self.training.folder / "best", self.best.state_dict(), {**metadata, "step": self.facts["best_step"]})
        if self.training.unfinished != self.training.folder:
            shutil.copyfile(self.training.unfinished / METRICS, self.training.folder / METRICS)
            if (self.training.unfinished / EVENTS).is_dir():
                shutil.copytree(self.training.unfinished / EVENTS, self.training.folder / EVENTS, dirs_exist_ok=True)

    def _report(self) -> dict[str, Any]:
        facts, sampler = self.facts, self.stream.sampler
        labelled = sum(sampler.labelled_clips(step) for step in range(self.schedule.steps)) * sampler.views
        return {
            "steps": self.schedule.steps,
            "views_seen": self.schedule.steps * sampler.clips * sampler.views,
            "labelled_views_seen": labelled,
            "final_loss": round(facts["loss"], 5),
            "seconds": round(facts["seconds"], 1),
            "waiting_share": round(facts["waited"] / max(facts["seconds"], 1e-9), 4),
            "devices": self.world,
            "best": None if facts["best_step"] is None else {"step": facts["best_step"], "signal": SIGNAL, "history": facts["history"]},
        }
