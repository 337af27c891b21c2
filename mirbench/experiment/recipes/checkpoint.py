"""A checkpoint: pretrained here, or copied from a folder that was given."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirbench.engine.files import tell
from mirbench.engine.ranks import is_first
from mirbench.errors import MirbenchError, in_words
from mirbench.experiment.resolve.bad_clips import check_bad
from mirbench.experiment.resolve.checkpoints import (
    CLIPS,
    FINGERPRINTS,
    REPORT,
    VALID_FINGERPRINTS,
    ClipFingerprint,
    file_key,
    files_of,
    write_fingerprints,
)
from mirbench.experiment.resolve.records import Data, Entry, PretrainingData, Resolved
from mirbench.nouns import Encoder
from mirbench.records import ABOUT, PRETRAINING_SPLITS, Clip, PretrainJob


def pretrain(resolved: Resolved, entry: Entry, seed: int, key: str, folder: Path) -> None:
    """Trains, and notes what it was trained on. key: of the job, of which what is unfinished is gone on from after a kill."""
    encoder, options, data = entry.encoder, entry.options, resolved.pretraining_data
    clips = [
        pretraining_clip(clip, each.dataset.name, labels)
        for each in resolved.pretraining
        for labels in [labels_read(encoder, options, each)]
        for clip in resolved.pretraining_clips(resolved.data[each.dataset.name], *PRETRAINING_SPLITS, "valid")
    ]
    learnt_from = [clip for clip in clips if clip.split in PRETRAINING_SPLITS]
    if not learnt_from:
        raise MirbenchError(
            f"encoder '{encoder.name}' has nothing to pretrain on: "
            f"{', '.join(each.name for each in data)} has neither train nor pretrain clips."
        )
    unfinished = resolved.store.unfinished(key)
    if is_first():
        unfinished.mkdir(parents=True, exist_ok=True)
    validation, devices = [clip for clip in clips if clip.split == "valid"], resolved.config.devices * resolved.nodes(encoder)
    job = PretrainJob(learnt_from, options, seed, folder, resolved.store.root, resolved.machine.device, validation, unfinished, devices)
    with resolved.naming("encoder", encoder.name, "pretraining", seed):
        encoder.pretrain(job)
    if not is_first():
        return
    if (too_short := job.report.get("too_short_clips")) and not all(each.ships_with_mirbench for each in data):  # where it is by design
        tell(
            f"{encoder.name}: {too_short:,} clip{'s were' if too_short != 1 else ' was'} left out of pretraining, without a label that it "
            f"may use and no longer than one view ({options['view_seconds']:g} s), so that two views of it would be the same."
        )
    what, skipped = f"pretraining {encoder.name}", job.report.get("skipped", {})
    for each in data:
        if each.noun.made and (bad := {clip: why for clip, why in skipped.items() if clip.startswith(f"{each.name}/")}):
            check_bad(what, bad, len(learnt_from), resolved.config.max_bad, each.folder)
    check_bad(what, skipped, len(learnt_from), resolved.config.max_bad)
    trained = {name: value for name, value in options.items() if name not in encoder.load_options}
    write_json(folder / ABOUT, {"encoder": encoder.name, "options": trained, "seed": seed})
    write_json(folder / REPORT, job.report)
    known = {each.name: [clip.id for clip in resolved.pretraining_clips(each, *PRETRAINING_SPLITS)] for each in data}
    write_json(folder / CLIPS, {each.name: {"key": each.key(), "clips": known[each.name]} for each in data})
    recorded = [each for each in data if not each.noun.made]
    _write_fingerprints(resolved, folder, FINGERPRINTS, recorded, PRETRAINING_SPLITS)
    _write_fingerprints(resolved, folder, VALID_FINGERPRINTS, recorded, ("valid",))


def labels_read(encoder: Encoder, options: Mapping[str, Any], data: PretrainingData) -> tuple[str, ...] | None:
    """The annotations that pretraining may read, None for all: those that the encoder says it needs, where it says so at all."""
    if type(encoder).needs is Encoder.needs:
        return data.labels
    needs = encoder.needs(options)
    return needs if data.labels is None else tuple(name for name in needs if name in data.labels)


def pretraining_clip(clip: Clip, dataset: str, labels: Collection[str] | None) -> Clip:
    """Under the name of its data set, with the annotations that may be read."""
    read = {name: v for name, v in clip.annotations.items() if labels is None or name.removesuffix("_unknown") in labels}
    return replace(clip, id=f"{dataset}/{clip.id}", annotations=read)


def _write_fingerprints(resolved: Resolved, folder: Path, name: str, data: Iterable[Data], splits: Sequence[str]) -> None:
    """Of what was learnt from, so that a later run can tell whether it tests on that."""
    from mirbench.data.duplicates.fingerprinting import fingerprint_clips

    clips = [replace(clip, id=f"{each.name}/{clip.id}") for each in data for clip in resolved.pretraining_clips(each, *splits)]
    packed = fingerprint_clips(clips, resolved.store.root, resolved.machine.cores) if clips else []
    found = {clip.id: ClipFingerprint(one, file_key(clip.path)) for clip, one in zip(clips, packed, strict=True)}
    write_fingerprints(folder, found, name)


def take_over(resolved: Resolved, entry: Entry, seed: int, folder: Path) -> None:
    """A copy of a checkpoint folder; its weights are loaded first, so that those of another shape, or trained with other options than are
    asked for, are refused at once."""
    encoder, given, asked = entry.encoder, entry.checkpoints[seed], entry.asked
    with resolved.naming("encoder", encoder.name, f"loading {given}", seed):
        encoder.load(given, {**entry.options, **asked}, seed, resolved.machine.device)
    refuse_asked(entry, given)
    for name, path in files_of(given).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    if not (folder / REPORT).exists():
        write_json(folder / REPORT, {})


def refuse_asked(entry: Entry, given: Path) -> None:
    """Raises MirbenchError where other options are asked for than a checkpoint was trained with."""
    name = entry.encoder.name
    for option, value in entry.asked.items():
        trained = in_words(entry.options[option])
        raise MirbenchError(
            f"checkpoint {given} was trained with {option} = {trained}, and options.{name}.{option} asks for {in_words(value)}; leave that "
            f"option out, or pretrain with it: --encoder {name}."
        )


def keep(resolved: Resolved, title: str, folder: Path) -> None:
    """A checkpoint of an earlier run, which is there unless somebody removed it."""
    raise MirbenchError(f"the checkpoint of {title} was taken out of {resolved.store.root} in the meantime; make the run again.")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, default=str) + "\n")
