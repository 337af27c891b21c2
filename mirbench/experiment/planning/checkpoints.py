"""The job of a checkpoint: pretrained here, taken over from a folder that was given, or kept from an earlier run."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from functools import partial
from typing import Any

from mirbench.engine.jobs import Cost, Job
from mirbench.engine.store import key_of
from mirbench.experiment.planning import costs
from mirbench.experiment.recipes.checkpoint import keep, labels_read, pretrain, take_over
from mirbench.experiment.resolve.records import Entry, Resolved
from mirbench.records import PRETRAINING_SPLITS


def encoder_parts(resolved: Resolved, entry: Entry) -> dict[str, Any]:
    """What of an encoder moves its numbers, beside its code and options; its name in the tables does not."""
    return {"encoder": entry.encoder.name, **resolved.identities.get(entry.name, {"identity": ""}), "device": resolved.machine.kind}


def frozen_parts(resolved: Resolved, entry: Entry, seed: int, checkpoint: Job | None) -> dict[str, Any]:
    """What moves the numbers of an encoder that is loaded. checkpoint: None: it has none."""
    return {
        **encoder_parts(resolved, entry),
        "options": entry.embedded_options,
        "seed": seed if entry.encoder.seeded else None,
        "input": asdict(entry.input),
        "checkpoint": checkpoint.key if checkpoint else None,
        **resolved.code.embedding[entry.name],
    }


def checkpoint_jobs(resolved: Resolved, preparations: tuple[Job, ...]) -> dict[tuple[str, int], Job]:
    """By the name of a trainable entry and the seed. preparations: the jobs that make the data."""
    wanted = [(entry, seed) for entry in resolved.entries if entry.encoder.trainable for seed in entry.seeds]
    parts = {(e.name, seed): _pretraining_parts(resolved, e, seed) for e, seed in wanted if _is_pretrained(resolved, e, seed)}
    forms = {entry.name: costs.listens_to_bands(resolved, entry) for entry, _ in wanted}
    sharing = Counter({key_of(**each): forms[name] for (name, _), each in parts.items()}.values())
    return {
        (entry.name, seed): _checkpoint_job(
            resolved,
            entry,
            seed,
            preparations,
            parts.get((entry.name, seed), {}),
            costs.pretraining(resolved, entry, sharing[forms[entry.name]]),
        )
        for entry, seed in wanted
    }


def _is_pretrained(resolved: Resolved, entry: Entry, seed: int) -> bool:
    """Not one that was given or kept."""
    return (entry.name, seed) not in resolved.kept.keys and seed not in entry.checkpoints


def _checkpoint_job(resolved: Resolved, entry: Entry, seed: int, preparations: tuple[Job, ...], parts: dict[str, Any], cost: Cost) -> Job:
    title = f"{entry.name}, seed {seed}"
    if key := resolved.kept.keys.get((entry.name, seed)):
        return Job("checkpoints", title, {}, partial(keep, resolved, title), key=key)
    if seed in entry.checkpoints:
        given = entry.checkpoints[seed]
        about = {"options": dict(entry.options), "files": resolved.checkpoint_files[given], "asked": dict(entry.asked)}
        make = partial(take_over, resolved, entry, seed)
        return Job("checkpoints", f"{title}, from {given}", encoder_parts(resolved, entry) | about, make, cost=costs.taking_over(resolved))
    make = partial(pretrain, resolved, entry, seed, key_of(**parts))
    return Job("checkpoints", title, parts, make, preparations, cost)


def _pretraining_parts(resolved: Resolved, entry: Entry, seed: int) -> dict[str, Any]:
    encoder, options = entry.encoder, entry.options
    devices = resolved.config.devices * resolved.nodes(encoder)  # on however many nodes
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
