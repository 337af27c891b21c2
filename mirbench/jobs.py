"""Jobs, each with a key: the hash of all that can move what it makes. Here those that come first, in scoring_jobs.py the others.

datasets -> checkpoints -> embeddings -> probes -> scores. A key holds names, sources, options, seed, the versions of the packages that
move numbers, and of a prepared data set a stamp of what its clips are, so that a changed label or file is a new key.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mirbench.config import RunConfig
from mirbench.contenders import HEARD, Contender, files_of, read_heard
from mirbench.data.splits import check_across, check_clips
from mirbench.errors import MirbenchError, told
from mirbench.nouns import Dataset, PretrainJob
from mirbench.provenance import moving_versions, native_bfloat16, room_digest
from mirbench.records import ABOUT, Clip
from mirbench.registry import Registry
from mirbench.store import Store, key_of
from mirbench.typed import shown

HEARD_SPLITS = ("train", "pretrain")  # in pretraining


@dataclass(frozen=True)
class Job:
    """kind: datasets, checkpoints, embeddings, probes or scores; title: what a person reads; seconds, megabytes: rough cost. unfinished:
    what may be removed once it is done. needs: jobs that must be done before; where one could not be, this one is left out. together:
    what does this job and others with it (embedding_jobs.Together), where it is not done by itself with `run`. transient: whether what it
    makes is removed once nothing that is still to be done needs it."""

    kind: str
    key: str
    title: str
    seconds: float
    megabytes: float
    run: Callable[[Path], None] = field(repr=False)
    unfinished: Path | None = None
    needs: tuple[Job, ...] = field(default=(), repr=False)
    together: Any = field(default=None, repr=False)
    transient: bool = False


def resolve_device(wanted: str) -> str:
    """auto -> cuda where there is one, else cpu. Imports torch only where a GPU may be present."""
    if wanted == "cpu" or (
        wanted == "auto" and not any(Path(p).exists() for p in ("/dev/nvidia0", "/dev/dxg", "/proc/driver/nvidia")) and os.name == "posix"
    ):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        if ":" in wanted and int(wanted.split(":")[1]) >= torch.cuda.device_count():
            raise MirbenchError(f"device {wanted} was asked for, but there are {torch.cuda.device_count()} CUDA devices, counted from 0.")
        return "cuda" if wanted == "auto" else wanted
    if wanted == "auto":
        return "cpu"
    raise MirbenchError(f"device {wanted} was asked for, but torch sees no CUDA device here; use --device cpu or auto.")


def check_devices(device: str, devices: int) -> None:
    """Raises MirbenchError for more devices than there are. device: resolved."""
    if devices == 1 or device == "cpu":
        return
    if ":" in device:
        raise MirbenchError(f"device {device} is one device, and {devices} were asked for; use --device cuda, or --devices 1.")
    import torch

    if devices > (there := torch.cuda.device_count()):
        raise MirbenchError(f"--devices {devices} was asked for, but torch sees {there} CUDA device{'s'[: there != 1]} here; use fewer.")


@dataclass(frozen=True)
class Kept:
    """Checkpoints of an earlier run, to be taken from the store as they are. keys: by contender and seed; by: how that run was made."""

    keys: Mapping[tuple[str, int], str] = field(default_factory=dict)
    by: Mapping[str, Any] = field(default_factory=dict)


class Planner:
    """Builds the jobs; each method returns the job, whose key names what later jobs build on.

    kept: what is not pretrained anew.
    """

    def __init__(self, config: RunConfig, registry: Registry, store: Store, kept: Kept | None = None) -> None:
        self.config, self.registry, self.store, self.kept = config, registry, store, kept or Kept()
        if ":" in config.device:
            check_devices(config.device, config.devices)
        self.device = resolve_device(config.device)
        check_devices(self.device, config.devices)
        self.base = {"versions": moving_versions(), "device": self.device.split(":")[0], "bfloat16": native_bfloat16()}
        self.rooms = {room: room_digest(room) for room in ("data", "pretraining", "evaluation")}
        self.sources: dict[str, Job] = {}
        self.stamps: dict[str, str] = {}
        self.clips: dict[str, list[Clip]] = {}

    def dataset(self, dataset: Dataset) -> Job:
        if dataset.name not in self.sources:
            key = key_of(name=dataset.name, identity=dataset.identity(), source=self.registry.digest("dataset", dataset.name))

            def run(folder: Path) -> None:
                with self.named("dataset", dataset.name, "preparing"):
                    dataset.prepare(folder)

            self.sources[dataset.name] = Job("datasets", key, dataset.name, *dataset.cost(), run)
        return self.sources[dataset.name]

    def clips_of(self, dataset: Dataset) -> list[Clip]:
        """All clips of a prepared data set, checked."""
        if dataset.name not in self.clips:
            with self.named("dataset", dataset.name, "listing its clips"):
                clips = dataset.clips(self._folder_of(dataset))
            check_clips(dataset.name, clips)
            self.clips[dataset.name] = clips
        return self.clips[dataset.name]

    def data_key(self, dataset: Dataset) -> str:
        """Of the data set as it is: with a stamp of every clip and file once it is prepared."""
        job = self.dataset(dataset)
        if not self.store.has(job.kind, job.key):
            return job.key
        if dataset.name not in self.stamps:
            folder = self._folder_of(dataset)
            self.stamps[dataset.name] = key_of(data=job.key, clips=[_stamp(clip, folder) for clip in self.clips_of(dataset)])
        return self.stamps[dataset.name]

    def _folder_of(self, dataset: Dataset) -> Path:
        job = self.dataset(dataset)
        return self.store.folder(job.kind, job.key)

    def encoder_key(self, contender: Contender, without: Sequence[str] = ()) -> dict[str, Any]:
        """What of an encoder moves its numbers; its name in the tables does not. without: options that are not heard of yet."""
        encoder = contender.encoder
        options = {name: value for name, value in contender.options.items() if name not in without}
        source, parts = self.registry.digest("encoder", encoder.name), self.registry.parts_digest(encoder.parts(contender.options))
        key = {**self.base, "encoder": encoder.name, "identity": encoder.identity(), "source": source, "options": options}
        return {**key, "parts": parts} if parts else key

    @contextlib.contextmanager
    def named(self, kind: str, name: str, doing: str) -> Iterator[None]:
        """A fault inside a plugin is told with the plugin's name; errors of ours and of the disk pass."""
        try:
            yield
        except (MirbenchError, OSError, MemoryError):
            raise
        except Exception as error:
            provider = self.registry.provider(kind, name)
            noun = {"dataset": "data set"}.get(kind, kind)
            raise MirbenchError(f"{noun} '{name}' (from {provider}) failed while {doing}: {told(error)}; --debug shows where.") from error

    def checkpoint(self, contender: Contender, seed: int, datasets: Sequence[Dataset]) -> Job:
        """Pretrains, or takes over the folder that was given, or the one that is kept."""
        if (contender.name, seed) in self.kept.keys:
            return self._keep(contender, seed, datasets)
        if contender.checkpoints:
            self._check_heard(contender.checkpoints[seed], datasets)
            return self._take_over(contender, seed)
        return self._pretrain(contender, seed, datasets)

    def _pretrain(self, contender: Contender, seed: int, datasets: Sequence[Dataset]) -> Job:
        encoder, options, devices = contender.encoder, contender.options, self.config.devices
        key = key_of(
            **self.encoder_key(contender, without=encoder.load_options),
            seed=seed,
            data=[self.data_key(d) for d in datasets],
            rooms=[self.rooms["data"], self.rooms["pretraining"]],
            **({} if devices == 1 else {"devices": devices}),
        )
        unfinished = self.store.root / "unfinished" / key

        def run(folder: Path) -> None:
            check_across({d.name: self.clips_of(d) for d in datasets})
            clips = [replace(c, id=f"{d.name}/{c.id}") for d in datasets for c in self.clips_of(d)]
            heard = [c for c in clips if c.split in HEARD_SPLITS]
            if not heard:
                raise MirbenchError(
                    f"encoder '{encoder.name}' has nothing to pretrain on: "
                    f"{', '.join(d.name for d in datasets)} has neither train nor pretrain clips."
                )
            unfinished.mkdir(parents=True, exist_ok=True)
            validation = [c for c in clips if c.split == "valid"]
            job = PretrainJob(heard, options, seed, folder, self.store.root, self.device, validation, unfinished, devices)
            with self.named("encoder", encoder.name, "pretraining"):
                encoder.pretrain(job)
            self.check_bad(f"pretraining {encoder.name}", job.report.get("skipped", {}), len(heard))
            trained = {name: value for name, value in options.items() if name not in encoder.load_options}
            write_json(folder / ABOUT, {"encoder": encoder.name, "options": trained, "seed": seed})
            write_json(folder / "report.json", job.report)
            about = {d.name: {"key": self.data_key(d), "clips": _heard(self.clips_of(d))} for d in datasets}
            write_json(folder / HEARD, about)

        return Job("checkpoints", key, f"{contender.name}, seed {seed}", *encoder.cost(options), run, unfinished)

    def _keep(self, contender: Contender, seed: int, datasets: Sequence[Dataset]) -> Job:
        key, title = self.kept.keys[contender.name, seed], f"{contender.name}, seed {seed}"
        folder = self.store.folder("checkpoints", key)
        if not self.store.has("checkpoints", key):
            raise MirbenchError(
                f"the checkpoint of {title} is no longer in {self.store.root}; name the cache that the run was made with by --cache, or "
                "make the run again."
            )
        self._check_heard(folder, datasets)

        def run(folder: Path) -> None:
            raise MirbenchError(f"the checkpoint of {title} was taken out of {self.store.root} in the meantime; make the run again.")

        return Job("checkpoints", key, title, 0.0, 0.0, run)

    def _check_heard(self, given: Path, datasets: Sequence[Dataset]) -> None:
        """Raises MirbenchError where a checkpoint was pretrained on clips that a prepared data set now validates or tests on."""
        heard = read_heard(given)
        for dataset in datasets:
            job = self.dataset(dataset)
            if dataset.name not in heard or not self.store.has(job.kind, job.key):
                continue
            known = set(heard[dataset.name]["clips"])
            if leaked := [c for c in self.clips_of(dataset) if c.split in ("valid", "test") and c.id in known]:
                raise MirbenchError(
                    f"checkpoint {given} was pretrained on {len(leaked)} clip{'s'[: len(leaked) > 1]} of data set '{dataset.name}' that "
                    f"are for validation or test now, the first '{leaked[0].id}' ({leaked[0].split}); pretrain again on the splits as "
                    "they are."
                )

    def _take_over(self, contender: Contender, seed: int) -> Job:
        """A copy of a checkpoint folder; its weights are loaded first, so that those of another shape, or trained with other options
        than are asked for, are refused at once."""
        encoder, given, asked = contender.encoder, contender.checkpoints[seed], contender.asked
        files = files_of(given)
        digests = {name: _digest(path) for name, path in files.items()}
        key = key_of(**self.encoder_key(contender), files=digests, **({"asked": asked} if asked else {}))
        megabytes = sum(path.stat().st_size for path in files.values()) / 1e6

        def run(folder: Path) -> None:
            with self.named("encoder", encoder.name, f"loading {given}"):
                encoder.load(given, {**contender.options, **asked}, seed, self.device)
            for option, value in asked.items():
                trained = shown(contender.options[option])
                raise MirbenchError(
                    f"checkpoint {given} was trained with {option} = {trained}, and options.{encoder.name}.{option} asks for "
                    f"{shown(value)}; leave that option out, or pretrain with it: --encoder {encoder.name}."
                )
            for name, path in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / name)
            if not (folder / "report.json").exists():
                write_json(folder / "report.json", {})

        return Job("checkpoints", key, f"{contender.name}, seed {seed}, from {given}", 1.0, megabytes, run)

    def check_bad(self, what: str, skipped: Mapping[str, str], total: int) -> None:
        """More unreadable files than allowed end the run before a number is computed."""
        if len(skipped) > self.config.max_bad * total:
            clip, why = next(iter(skipped.items()))
            raise MirbenchError(
                f"{what}: {len(skipped)} of {total} clips cannot be read, more than max_bad {self.config.max_bad:.0%}; "
                f"the first is {clip}: {why.rstrip('.')}. Repair them, or allow more with --set max_bad=SHARE."
            )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, default=str) + "\n")


def _heard(clips: Sequence[Clip]) -> list[str]:
    return [clip.id for clip in clips if clip.split in HEARD_SPLITS]


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(clip: Clip, folder: Path) -> list[Any]:
    """What of a clip can move a number; a file outside the prepared folder is somebody's own and may change under its name."""
    inside = clip.path.is_relative_to(folder)
    try:
        found = clip.path.stat()
        file = [found.st_size] if inside else [found.st_size, found.st_mtime_ns]
    except OSError:
        file = []
    where = clip.path.relative_to(folder).as_posix() if inside else str(clip.path)
    labels = {name: list(v) if isinstance(v, tuple | list) else str(v) for name, v in clip.annotations.items()}
    return [clip.id, where, file, clip.split, clip.group, clip.start, clip.duration, labels]
