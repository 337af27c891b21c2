"""A small copy of a data set, to try a pipeline on: the audio files of a few clips, and a manifest of them."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mirbench.data.asked_for import asked_for
from mirbench.data.bundles import labels_of
from mirbench.data.findings import count
from mirbench.data.manifests.columns import LABELS
from mirbench.data.manifests.manifest import write_manifest
from mirbench.data.sampling import choose_sample
from mirbench.engine.files import explain_os_errors, write_atomically
from mirbench.errors import MirbenchError, printable
from mirbench.experiment.corrupt import announce
from mirbench.experiment.planning.plan import size
from mirbench.experiment.run import prepared_data
from mirbench.nouns import Dataset
from mirbench.progress import progress_bar
from mirbench.records import SPLITS, Clip
from mirbench.registry import Registry

MANIFEST, ABOUT, AUDIO = "manifest.csv", "manifest.json", "audio"
NOTE = "A few clips of a data set, to try a pipeline on; scores on it are no scores of the data set, whose licence is that of these files."


def write_sample(dataset: Dataset, registry: Registry, cache: Path, folder: Path, most: int, seed: int = 0, root: str | None = None) -> str:
    """Writes `folder`, as a whole or not at all: audio/, manifest.csv and manifest.json; returns in a few lines what is there.

    most: clips; seed: of what is drawn; root: where published data sets lie. A data set that is made is made in the cache first. Raises
    MirbenchError where the folder holds something, no clip has a file, or the disk has no room.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MirbenchError(f"--output {folder} is there and not an empty folder; name a new one.")
    data = prepared_data(dataset, registry, cache, lambda seconds: announce(f"{dataset.name} is", cache, seconds), root)
    missing: list[Clip] = []

    def usable(clip: Clip) -> bool:
        there = clip.path.is_file() and clip.path.stat().st_size > 0
        missing.extend([] if there else [clip])
        return there

    chosen = choose_sample(data.clips, most, seed, usable)
    if not chosen:
        look = f"`mirbench data check {asked_for(dataset)}` says what is missing"
        raise MirbenchError(f"no clip of {dataset.name} has an audio file that is there; {look}.")
    names = _names(chosen)
    megabytes = sum(path.stat().st_size for path in names) / 1e6
    part = folder.absolute().with_name(f".part-{folder.name}")
    with explain_os_errors("writing a sample", folder):
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder.absolute().parent).free / 1e6
        if megabytes > free:
            raise MirbenchError(f"the files of the sample take {size(megabytes)}, and {folder} has {size(free)} free; ask for fewer by -n.")
        shutil.rmtree(part, ignore_errors=True)
        try:
            (part / AUDIO).mkdir(parents=True)
            copies = [replace(clip, path=part / AUDIO / names[clip.path]) for clip in chosen]
            write_manifest(part / MANIFEST, copies)
            with progress_bar(total=len(names), unit="file", desc="copying") as bar:
                for path, name in names.items():
                    shutil.copyfile(path, part / AUDIO / name)
                    bar.update()
            write_atomically(part / ABOUT, json.dumps(_about(dataset, chosen, data.clips, most, seed, missing), indent=2) + "\n")
            if folder.exists():
                folder.rmdir()
            os.rename(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return _in_words(folder, dataset, chosen, data.clips, megabytes, missing)


def _names(clips: Sequence[Clip]) -> dict[Path, str]:
    """The name of the copy of each file, its own where no other has it."""
    names: dict[Path, str] = {}
    taken: Counter[str] = Counter()
    for path in dict.fromkeys(clip.path for clip in clips):
        name, number = path.name, 1
        while taken[name.casefold()]:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        taken[name.casefold()] += 1
        names[path] = name
    return names


def _about(
    dataset: Dataset, chosen: Sequence[Clip], clips: Sequence[Clip], most: int, seed: int, missing: Sequence[Clip]
) -> dict[str, object]:
    facts = {name: getattr(dataset, name) for name in ("name", "version", "home", "licence", "citation", "split_rule")}
    return {
        "note": NOTE,
        "sample_of": facts | {"clips": len(clips)},
        "clips": len(chosen),
        "asked_for": most,
        "seed": seed,
        "splits": _by_split(chosen),
        "without_a_file": [clip.id for clip in missing],
    }


def _by_split(clips: Sequence[Clip]) -> dict[str, int]:
    counts = Counter(clip.split for clip in clips)
    return {split: counts[split] for split in SPLITS if counts[split]}


def _unseen(clips: Sequence[Clip]) -> int:
    """How many labels a test clip has and no training clip."""
    of = {split: {label for clip in clips if clip.split == split for label in labels_of(clip) if label[0] in LABELS} for split in SPLITS}
    return len(of["test"] - of["train"])


def _in_words(
    folder: Path, dataset: Dataset, chosen: Sequence[Clip], clips: Sequence[Clip], megabytes: float, missing: Sequence[Clip]
) -> str:
    splits = ", ".join(f"{number:,} {split}" for split, number in _by_split(chosen).items())
    groups = count(len({clip.group for clip in chosen}), "group")
    of = f"{len(chosen):,} of {count(len(clips), 'clip')} of {printable(dataset.name)}"
    lines = [f"{folder}: {of} ({splits}; {groups}; {size(megabytes)})."]
    if missing:
        lines.append(f"{count(len(missing), 'clip')} would have been taken and have no file, the first {printable(missing[0].id)}.")
    if unseen := _unseen(chosen):
        lost = count(unseen, "label")
        lines.append(f"Of so few clips, {lost} of its test clips {'is' if unseen == 1 else 'are'} in no training clip; take more by -n.")
    manifest = folder / MANIFEST
    lines += [f"Look at it: mirbench data check {manifest}", f"Run it:     mirbench run --dataset {manifest} --encoder handcrafted"]
    return "\n".join(lines)
