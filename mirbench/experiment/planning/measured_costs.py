"""The jobs that measure what encoders cost, once for each encoder with its options, its checkpoint and the device."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from functools import partial

from mirbench.engine.jobs import Job
from mirbench.experiment.planning import costs
from mirbench.experiment.planning.checkpoints import frozen_parts
from mirbench.experiment.recipes.cost import COST, measure_cost
from mirbench.experiment.resolve.records import Entry, Resolved

BATCH_SECONDS = 30.0  # of audio at a time on a CPU, if it is more than a window


def cost_jobs(resolved: Resolved, checkpoints: Mapping[tuple[str, int], Job]) -> dict[str, Job]:
    """By entry, of its first seed. checkpoints: by entry and seed."""
    return {entry.name: _cost_job(resolved, entry, checkpoints.get((entry.name, entry.seeds[0]))) for entry in resolved.entries}


def seconds_measured(resolved: Resolved, jobs: Mapping[str, Job]) -> dict[str, float]:
    """By entry, the seconds that a second of audio took where its cost was measured by an earlier run, as `Encoder.embedding_cost` tells
    them: one thread's by two, or a GPU's. jobs: by entry, of `cost_jobs`."""
    found = {}
    for entry in resolved.entries:
        with contextlib.suppress(FileNotFoundError, KeyError, ValueError):  # not measured, or not to be measured
            about = json.loads((resolved.store.folder(*jobs[entry.name].name) / COST).read_text())
            seconds = 1 / about["clips_per_second"] / min(about["window_seconds"], entry.input.hop_seconds or math.inf)
            found[entry.name] = seconds / 2 if resolved.machine.kind == "cpu" else seconds
    return found


def _cost_job(resolved: Resolved, entry: Entry, checkpoint: Job | None) -> Job:
    seed, batch_size = entry.seeds[0], _batch_size(resolved, entry)
    parts = {
        **frozen_parts(resolved, entry, seed, checkpoint),
        "measured on": resolved.machine.name,
        "batch": batch_size,
        "measuring": resolved.code.kinds["costs"],
    }
    folder = resolved.store.folder(*checkpoint.name) if checkpoint else None
    make = partial(measure_cost, resolved, entry, seed, batch_size, folder)
    return Job("costs", f"{entry.name}, seed {seed}", parts, make, (checkpoint,) if checkpoint else (), costs.measuring(resolved))


def _batch_size(resolved: Resolved, entry: Entry) -> int:
    """Windows at a time: on a GPU as many as in the run, on a CPU BATCH_SECONDS of them."""
    most = entry.input.batch_size or resolved.config.batch_size
    return most if resolved.machine.kind != "cpu" else max(1, min(most, int(BATCH_SECONDS / entry.input.window_seconds)))
