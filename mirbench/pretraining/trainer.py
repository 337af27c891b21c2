"""The training loop: a number of steps over a stream of batches, one learning-rate curve, and nothing else."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mirbench.errors import MirbenchError
from mirbench.pretraining.material import Material
from mirbench.pretraining.sampling import Sampler
from mirbench.pretraining.views import MelViews
from mirbench.progress import progress_bar

WARM_UP = 0.06  # share of the steps over which the learning rate rises
LOG_EVERY = 20  # steps between lines of metrics.jsonl


@dataclass(frozen=True)
class Schedule:
    """AdamW with a linear warm-up and a cosine to zero."""

    steps: int
    learning_rate: float
    weight_decay: float
    precision: str = "float32"  # or bfloat16, by autocast


def train(
    backbone: Any,
    objective: nn.Module,
    sampler: Sampler,
    views: MelViews,
    material: Material,
    labels: Tensor,
    schedule: Schedule,
    device: str,
    folder: Path,
) -> dict[str, float]:
    """Trains backbone and objective in place; writes metrics.jsonl; returns what the manifest says of the run.

    labels: (clips of the material, classes) 0 or 1; rows of clips that a batch does not call labelled are not read.
    Raises MirbenchError where the loss stops being finite, naming the step and the batch's clips.
    """
    backbone.to(device).train()
    objective.to(device).train()
    parameters = [p for p in (*backbone.parameters(), *objective.parameters()) if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    warm_up = max(1, round(WARM_UP * schedule.steps))

    def rate(step: int) -> float:
        return min((step + 1) / warm_up, 0.5 * (1 + math.cos(math.pi * step / schedule.steps)))

    curve = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    centres = backbone.mel.centres
    begun, recent, n_views, n_labelled = time.perf_counter(), float("nan"), 0, 0
    with (
        open(folder / "metrics.jsonl", "w", encoding="utf-8") as log,
        progress_bar(total=schedule.steps, desc="pretraining", unit="step") as bar,
    ):
        for step in range(schedule.steps):
            generator = sampler.generator(step)
            batch = sampler.batch(generator)
            mel = material.cut(batch.clips[batch.view_to_clip], batch.frames)
            mel = views(mel, centres.cpu(), generator).to(device).transpose(1, 2)
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=schedule.precision == "bfloat16"):
                embeddings = backbone.encode(mel)
            loss = objective(embeddings.float(), batch.view_to_clip, labels[batch.clips], batch.labelled)
            value = float(loss.detach())
            if not math.isfinite(value):
                named = ", ".join(material.clips[i].id for i in batch.clips.tolist()[:6])
                raise MirbenchError(
                    f"the loss is {value} at step {step}; the batch began with the clips {named}; try a lower learning_rate."
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            curve.step()
            n_views += len(batch.view_to_clip)
            n_labelled += int(batch.labelled.sum())
            recent = value if math.isnan(recent) else 0.95 * recent + 0.05 * value
            bar.update()
            if (step + 1) % LOG_EVERY == 0 or step + 1 == schedule.steps:
                speed = n_views / (time.perf_counter() - begun)
                log.write(json.dumps({"step": step + 1, "loss": round(recent, 5), "views_per_second": round(speed, 1)}) + "\n")
                log.flush()
                bar.set_postfix(loss=f"{recent:.3f}", views_per_s=f"{speed:.0f}")
    return {
        "steps": schedule.steps,
        "views_seen": n_views,
        "labelled_clips_seen": n_labelled,
        "final_loss": round(recent, 5),
        "seconds": round(time.perf_counter() - begun, 1),
    }
