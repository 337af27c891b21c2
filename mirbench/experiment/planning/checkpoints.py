"""The job of a checkpoint: pretrained here, taken over from a folder that was given, or kept from an earlier run."""

from __future__ import annotations

from functools import partial
from typing import Any

from mirbench.engine.jobs import Job
from mirbench.engine.store import key_of
from mirbench.experiment.planning import costs
from mirbench.experiment.recipes.checkpoint import keep, labels_read, pretrain, take_over
from mirbench.experiment.resolve.records import Entry, Resolved
from mirbench.records import PRETRAINING_SPLITS


def encoder_parts(resolved: Resolved, entry: Entry) -> dict[str, Any]:
    """What of an encoder moves its numbers, beside its code and options; its name in the tables does not."""
    return {"encoder": entry.encoder.name, **resolved.identities.get(entry.name, {"identity": ""}), "device": resolved.machine.kind}


def checkpoint_job(resolved: Resolved, entry: Entry, seed: int, preparations: tuple[Job, ...]) -> Job:
    title = f"{entry.name}, seed {seed}"
    if key := resolved.kept.keys.get((entry.name, seed)):
        return Job("checkpoints", title, {}, partial(keep, resolved, title), key=key)
    if seed in entry.checkpoints:
        given = entry.checkpoints[seed]
        about = {"options": dict(entry.options), "files": resolved.checkpoint_files[given], "asked": dict(entry.asked)}
        parts = {**encoder_parts(resolved, entry), **about}
        return Job("checkpoints", f"{title}, from {given}", parts, partial(take_over, resolved, entry, seed), cost=costs.TAKING_OVER)
    parts = _pretraining_parts(resolved, entry, seed)
    make = partial(pretrain, resolved, entry, seed, resolved.store.unfinished(key_of(**parts)))
    return Job("checkpoints", title, parts, make, preparations, costs.pretraining(resolved, entry))


def _pretraining_parts(resolved: Resolved, entry: Entry, seed: int) -> dict[str, Any]:
    encoder, options, devices = entry.encoder, entry.options, resolved.config.devices
    read = (*PRETRAINING_SPLITS, "valid")
    names = [each.dataset.name for each in resolved.pretraining]
    dropped = {name: sorted(resolved.dropped[name]) for name in names if resolved.dropped.get(name)}
    return {
        **encoder_parts(resolved, entry),
        **resolved.code.pretraining[entry.name],
        "bfloat16": resolved.machine.bfloat16,
        "options": {name: value for name, value in options.items() if name not in encoder.load_options},
        "seed": seed,
        "data": [resolved.data[each.dataset.name].key(labels_read(encoder, options, each), read) for each in resolved.pretraining],
        "decoders": [data.decoders for data in resolved.pretraining_data],
        **({} if devices == 1 else {"devices": devices}),
        **({"dropped": dropped} if dropped else {}),
    }
