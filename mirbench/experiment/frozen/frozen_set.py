"""What a frozen set is to be of: its clips, conditions and key, what it takes, and what its folder holds already."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mirbench.engine.machine import core_count
from mirbench.engine.store import Store, key_of
from mirbench.errors import MirbenchError
from mirbench.experiment.planning.plan import size
from mirbench.experiment.resolve.code import resolve_code, source_tree
from mirbench.experiment.resolve.conditions import conditions_of
from mirbench.experiment.resolve.data import resolve_data
from mirbench.experiment.resolve.data_selection import register_own_data
from mirbench.experiment.resolve.records import LEAST_SAMPLE_RATE, Data
from mirbench.nouns import Corruption, Dataset
from mirbench.records import Clip, Condition
from mirbench.registry import Registry
from mirbench.settings.config import SEVERITIES, RunConfig, Severities

SUMS, MANIFEST, UNFINISHED = "SHA256SUMS", "manifest.json", "unfinished.jsonl"
FORMAT = 1
HEADER_BYTES, LONGEST_SECONDS = 58, 172.8  # of a WAV file; what is read of a clip


@dataclass(frozen=True, eq=False)
class FrozenSet:
    """What is to be written into a folder. data: may be still to be prepared. conditions: the clean one first."""

    folder: Path
    config: RunConfig
    registry: Registry
    store: Store
    data: Data
    corruptions: Mapping[str, Corruption]
    conditions: tuple[Condition, ...]

    @property
    def sample_rate(self) -> int:
        """Hz; what a run takes whose encoders have no higher one."""
        return self.config.robustness.sample_rate or LEAST_SAMPLE_RATE

    @property
    def replicate(self) -> int:
        return self.config.robustness.replicate

    @cached_property
    def clips(self) -> list[Clip]:
        return self.data.of("test")

    @cached_property
    def key(self) -> str:
        """Of all that can move a sample."""
        code = resolve_code(source_tree(self.store), self.registry, [], corruptions=self.corruptions.values())
        mixes = any(corruption.others for corruption in self.corruptions.values())
        return key_of(
            format=FORMAT,
            data=self.data.key(splits=("test",)),
            background=self.data.key((), ("train",)) if mixes else None,
            decoders=self.data.decoders,
            conditions=[[c.corruption, c.severity, c.level] for c in self.conditions],
            code=[code.kinds["embeddings"], code.corruptions],
            sample_rate=self.sample_rate,
            replicate=self.replicate,
        )

    @cached_property
    def seconds(self) -> list[float]:
        """Of each clip, by the header of its file where nobody tells."""
        from mirbench.data.scans import scan_clips

        unknown = [clip for clip in self.clips if clip.duration is None]
        title = f"looking at the files of {self.data.name}"
        scans = scan_clips(unknown, self.store.root, core_count(), title) if unknown else {}
        lengths = [scans[clip.id].seconds - clip.start if clip.duration is None else clip.duration for clip in self.clips]
        return [min(max(0.0, length), LONGEST_SECONDS) for length in lengths]

    def megabytes(self) -> float:
        """That all files take."""
        if self.data.prepared:
            lengths = self.seconds
        else:
            count, seconds = self.data.promised.get("test", (0, 0.0))
            lengths = [seconds / max(1, count)] * count
        return len(self.conditions) * sum(HEADER_BYTES + 4 * self.sample_rate * seconds for seconds in lengths) / 1e6

    def describe(self) -> str:
        """A line: what is to be written, and what it takes."""
        count = len(self.clips) if self.data.prepared else self.data.promised.get("test", (0, 0.0))[0]
        clips = f"{len(self.conditions)} folders of {f'{count:,} ' if count else ''}test clips of {self.data.name}"
        needed = f"about {size(self.megabytes())}" if count else "how much is known when that is made"
        return f"{self.folder}: {clips}, {self.sample_rate} Hz, {needed} ({size(free_megabytes(self.folder))} are free)"


def resolve_frozen(config: RunConfig, registry: Registry, cache: Path, folder: Path) -> FrozenSet:
    """Prepares nothing, decodes nothing and writes nothing. config: one data set, corruptions, severities, `robustness`.

    Raises MirbenchError for names that are not known, severities that a corruption lacks, and no corruption.
    """
    config = register_own_data(config, registry)
    datasets: list[Dataset] = registry.resolve("dataset", config.datasets)
    if len(datasets) != 1:
        raise MirbenchError(f"one data set is frozen at a time, and {', '.join(d.name for d in datasets)} was named; name one.")
    corruptions: list[Corruption] = registry.resolve("corruption", config.corruptions) if config.corruptions else []
    if not corruptions:
        raise MirbenchError("a frozen set needs a corruption, and none was named; name some, or --corruption all.")
    store = Store(cache)
    conditions = {corruption.name: conditions_of(corruption, config) for corruption in corruptions}
    used = {corruption.name: corruption for corruption in corruptions if conditions[corruption.name]}
    every = (Condition(), *(condition for name in used for condition in conditions[name]))
    data = resolve_data(datasets[0], registry, store, config.data_root)
    return FrozenSet(Path(os.path.abspath(folder)), config, registry, store, data, used, every)


def severities_of(text: str) -> list[int]:
    """What --severity says: `all`, or some, such as 3, 1-3 or 1,3,5. Raises MirbenchError."""
    try:
        return TypeAdapter(Severities).validate_python(f"1-{SEVERITIES}" if text == "all" else text)
    except ValidationError as error:
        raise MirbenchError(f"--severity {text} is none; give all, or some of 1 to {SEVERITIES}, such as 3, 1-3 or 1,3,5.") from error


def look(folder: Path) -> str:
    """What a folder holds: nothing, or a frozen set, of which the key is returned. Raises MirbenchError for anything else."""
    if not os.path.lexists(folder):
        return ""
    if not folder.is_dir():
        raise MirbenchError(f"--output {folder} is a file; give the folder that is to be written, such as --output frozen.")
    for name in (UNFINISHED, MANIFEST):
        try:
            with open(folder / name, encoding="utf-8") as file:
                return str(json.loads(file.readline() if name == UNFINISHED else file.read())["frozen_set"]["key"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    if any(folder.iterdir()):
        raise MirbenchError(f"--output {folder} holds something else; give a new folder, such as --output {folder / 'frozen'}.")
    return ""


def recorded_files(frozen: FrozenSet) -> dict[str, str]:
    """Path in the folder -> SHA-256, of the files that were written into it before."""
    folder, key = frozen.folder, look(frozen.folder)
    if key and key != frozen.key:
        raise MirbenchError(
            f"--output {folder} holds a frozen set of other data, corruptions or settings, or made by other versions; give another folder, "
            "or remove that one."
        )
    recorded: dict[str, str] = {}
    if (folder / UNFINISHED).is_file():
        for line in (folder / UNFINISHED).read_text(encoding="utf-8").splitlines()[1:]:
            try:
                path, digest = json.loads(line)
            except ValueError:  # the last, of a killed command
                continue
            recorded[path] = digest
    elif key and (folder / SUMS).is_file():
        for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
            digest, _, path = line.partition("  ")
            recorded[path] = digest
    return recorded


def free_megabytes(folder: Path) -> float:
    """Megabytes on its disk."""
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    return shutil.disk_usage(there).free / 1e6
