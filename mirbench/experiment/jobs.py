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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mirbench.data.published.layout import data_root, folder_of
from mirbench.data.splits import check_clips
from mirbench.engine.store import Store, key_of
from mirbench.errors import MirbenchError, describe, printable
from mirbench.experiment.data_selection import Heard
from mirbench.experiment.entries import HEARD, PRINTS, VALID_PRINTS, Entry, Print, file_key, files_of, read_heard, write_prints
from mirbench.nouns import Dataset, Encoder, PretrainJob
from mirbench.records import ABOUT, PRETRAINING_SPLITS, SPLITS, TESTED_SPLITS, Clip
from mirbench.registry.plugins import Registry
from mirbench.results.provenance import core_count, moving_versions, native_bfloat16, room_digest
from mirbench.settings.config import RunConfig
from mirbench.settings.typed import in_words

USUAL_SECONDS = 30.0  # of a clip whose length nobody tells, in estimates
MEL_MEGABYTES, WAVEFORM_MEGABYTES = 0.011, 0.044  # that a second of audio takes to be pretrained on
DECODING = 0.002  # seconds that a second of audio takes on two cores


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
    """Checkpoints of an earlier run, to be taken from the store as they are. keys: by entry and seed; by: how that run was made."""

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
        self.stamps: dict[str, list[tuple[str, list[Any], dict[str, Any]]]] = {}  # of each clip: its split, itself and its labels
        self.data_keys: dict[tuple[Any, ...], str] = {}
        self.lengths: dict[str, dict[str, tuple[int, float]]] = {}  # data set -> split -> clips and seconds
        self.clips: dict[str, list[Clip]] = {}

    def prepare(self, datasets: Iterable[Dataset]) -> list[Job]:
        """The jobs that make data sets; those that people have on disk need none."""
        return [self.dataset(dataset) for dataset in datasets if not dataset.on_disk]

    def prepared(self, dataset: Dataset) -> bool:
        """Whether its clips can be listed."""
        return dataset.on_disk or self.store.has("datasets", self.dataset(dataset).key)

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
                clips = dataset.clips(self.location_of(dataset))
            check_clips(dataset.name, clips)
            self.clips[dataset.name] = clips
        return self.clips[dataset.name]

    def data_key(self, dataset: Dataset, labels: Collection[str] | None = None, splits: Sequence[str] = SPLITS) -> str:
        """Of the data set as it is: with a stamp of every clip and file once it is prepared. labels: the annotations that are read; None:
        all. splits: those that are."""
        job = self.dataset(dataset)
        if not self.prepared(dataset):
            return job.key
        about = (dataset.name, None if labels is None else tuple(sorted(set(labels))), tuple(splits))
        if about not in self.data_keys:
            if dataset.name not in self.stamps:
                folder = self.location_of(dataset)
                self.stamps[dataset.name] = [(c.split, _stamp(c, folder, dataset.on_disk), _labels(c)) for c in self.clips_of(dataset)]
            clips = [
                [*clip, {name: value for name, value in carried.items() if labels is None or name.removesuffix("_unknown") in labels}]
                for split, clip, carried in self.stamps[dataset.name]
                if split in splits
            ]
            self.data_keys[about] = key_of(data=self._where(dataset), clips=clips)
        return self.data_keys[about]

    def _where(self, dataset: Dataset) -> str:
        """What clips are clips of. Of somebody's own that is not what their manifest says: of that, the stamps have what is read."""
        if dataset.location is None:
            return self.dataset(dataset).key
        about = {"name": dataset.name, "version": dataset.version, "source": self.registry.digest("dataset", dataset.name)}
        return key_of(**about, location=os.path.abspath(dataset.location))

    def stamp_of(self, checkpoint: Path) -> dict[str, str]:
        """What it holds."""
        return {name: _digest(path) for name, path in files_of(checkpoint).items()}

    def location_of(self, dataset: Dataset) -> Path:
        """Where its files lie, or will."""
        if dataset.files:
            return folder_of(dataset, data_root(self.config.data_root))
        if dataset.location is not None:
            return dataset.location if dataset.location.is_dir() else dataset.location.parent
        job = self.dataset(dataset)
        return self.store.folder(job.kind, job.key)

    def size_of(self, dataset: Dataset, splits: Sequence[str]) -> tuple[int, float]:
        """Clips in these splits and, roughly, seconds of audio; 0 where nothing is known yet."""
        if not self.prepared(dataset):
            return 0, 0.0
        if dataset.name not in self.lengths:
            found = self.lengths[dataset.name] = dict.fromkeys(SPLITS, (0, 0.0))
            for clip in self.clips_of(dataset):
                count, seconds = found[clip.split]
                found[clip.split] = count + 1, seconds + (USUAL_SECONDS if clip.duration is None else clip.duration)
        sizes = [self.lengths[dataset.name][split] for split in splits]
        return sum(count for count, _ in sizes), sum(seconds for _, seconds in sizes)

    def seconds_of(self, dataset: Dataset, splits: Sequence[str]) -> float:
        return self.size_of(dataset, splits)[1]

    def encoder_key(self, entry: Entry, without: Sequence[str] = ()) -> dict[str, Any]:
        """What of an encoder moves its numbers; its name in the tables does not. without: options that are not heard of yet."""
        encoder = entry.encoder
        options = {name: value for name, value in entry.options.items() if name not in without}
        source, parts = self.registry.digest("encoder", encoder.name), self.registry.parts_digest(encoder.parts(entry.options))
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
            raise MirbenchError(
                f"{noun} '{name}' (from {provider}) failed while {doing}: {describe(error)}; --debug shows where."
            ) from error

    def checkpoint(self, entry: Entry, seed: int, heard: Sequence[Heard], scored: Sequence[Dataset] = ()) -> Job:
        """Pretrains, or takes over the folder that was given, or the one that is kept. scored: data sets that it must not have been
        pretrained on the test of."""
        if (entry.name, seed) in self.kept.keys:
            return self._keep(entry, seed, scored)
        if entry.checkpoints:
            self._check_heard(entry.checkpoints[seed], scored)
            return self._take_over(entry, seed)
        return self._pretrain(entry, seed, heard)

    def _pretrain(self, entry: Entry, seed: int, heard_data: Sequence[Heard]) -> Job:
        encoder, options, devices = entry.encoder, entry.options, self.config.devices
        datasets = [each.dataset for each in heard_data]
        key = key_of(
            **self.encoder_key(entry, without=encoder.load_options),
            seed=seed,
            data=[self.data_key(h.dataset, _read_of(encoder, options, h), (*PRETRAINING_SPLITS, "valid")) for h in heard_data],
            rooms=[self.rooms["data"], self.rooms["pretraining"]],
            **({} if devices == 1 else {"devices": devices}),
        )
        unfinished = self.store.root / "unfinished" / key

        def run(folder: Path) -> None:
            clips = [
                _as_heard(clip, h.dataset.name, read)
                for h in heard_data
                for read in [_read_of(encoder, options, h)]
                for clip in self.clips_of(h.dataset)
            ]
            heard = [c for c in clips if c.split in PRETRAINING_SPLITS]
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
            recorded = [d for d in datasets if not d.made]
            self._write_prints(folder, PRINTS, recorded, PRETRAINING_SPLITS)
            self._write_prints(folder, VALID_PRINTS, recorded, ("valid",))

        seconds, megabytes = encoder.cost(options)
        audio = sum(self.seconds_of(d, PRETRAINING_SPLITS) for d in datasets)
        on_bands = options.get("augment") != "waveform" and any(
            self.registry.get("backbone", name).bands for kind, name in encoder.parts(options) if kind == "backbone"
        )
        megabytes += audio * (MEL_MEGABYTES if on_bands else WAVEFORM_MEGABYTES)
        return Job("checkpoints", key, f"{entry.name}, seed {seed}", seconds + audio * DECODING, megabytes, run, unfinished)

    def _write_prints(self, folder: Path, name: str, datasets: Iterable[Dataset], splits: Sequence[str]) -> None:
        """Fingerprints of what was heard, so that a later run can tell whether it tests on that."""
        from mirbench.data.duplicates.fingerprinting import fingerprint_clips

        clips = [replace(c, id=f"{d.name}/{c.id}") for d in datasets for c in self.clips_of(d) if c.split in splits]
        prints = fingerprint_clips(clips, self.store.root, core_count()) if clips else []
        write_prints(folder, {c.id: Print(packed, file_key(c.path)) for c, packed in zip(clips, prints, strict=True)}, name)

    def _keep(self, entry: Entry, seed: int, datasets: Sequence[Dataset]) -> Job:
        key, title = self.kept.keys[entry.name, seed], f"{entry.name}, seed {seed}"
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
            if dataset.name not in heard or dataset.location is not None or not self.prepared(dataset):
                continue  # somebody's own may be other data of the same name: their fingerprints are compared
            known = set(heard[dataset.name]["clips"])
            if leaked := [c for c in self.clips_of(dataset) if c.split in TESTED_SPLITS and c.id in known]:
                raise MirbenchError(
                    f"checkpoint {given} was pretrained on {len(leaked)} clip{'s'[: len(leaked) > 1]} of data set '{dataset.name}' that "
                    f"are for validation or test now, the first '{leaked[0].id}' ({leaked[0].split}); pretrain again on the splits as "
                    "they are."
                )

    def _take_over(self, entry: Entry, seed: int) -> Job:
        """A copy of a checkpoint folder; its weights are loaded first, so that those of another shape, or trained with other options
        than are asked for, are refused at once."""
        encoder, given, asked = entry.encoder, entry.checkpoints[seed], entry.asked
        files = files_of(given)
        key = key_of(**self.encoder_key(entry), files=self.stamp_of(given), **({"asked": asked} if asked else {}))
        megabytes = sum(path.stat().st_size for path in files.values()) / 1e6

        def run(folder: Path) -> None:
            with self.named("encoder", encoder.name, f"loading {given}"):
                encoder.load(given, {**entry.options, **asked}, seed, self.device)
            for option, value in asked.items():
                trained = in_words(entry.options[option])
                raise MirbenchError(
                    f"checkpoint {given} was trained with {option} = {trained}, and options.{encoder.name}.{option} asks for "
                    f"{in_words(value)}; leave that option out, or pretrain with it: --encoder {encoder.name}."
                )
            for name, path in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / name)
            if not (folder / "report.json").exists():
                write_json(folder / "report.json", {})

        return Job("checkpoints", key, f"{entry.name}, seed {seed}, from {given}", 1.0, megabytes, run)

    def look_at(self, datasets: Iterable[Dataset], splits: Sequence[str] = SPLITS) -> None:
        """A first look at every file, before anything dear is begun; more bad ones than allowed end the run."""
        from mirbench.data.scans import scan_clips

        for dataset in datasets:
            if dataset.made:
                continue
            clips = [clip for clip in self.clips_of(dataset) if clip.split in splits]
            scans = scan_clips(clips, self.store.root, core_count(), f"looking at the files of {dataset.name}")
            for split in dict.fromkeys(clip.split for clip in clips):
                some = [clip.id for clip in clips if clip.split == split]
                self.check_bad(f"{dataset.name} {split}", {i: scans[i].problem for i in some if scans[i].problem}, len(some))

    def check_bad(self, what: str, skipped: Mapping[str, str], total: int) -> None:
        """More unreadable files than allowed end the run before a number is computed."""
        if len(skipped) > self.config.max_bad * total + 1e-9:
            clip, why = next(iter(skipped.items()))
            raise MirbenchError(
                f"{what}: {len(skipped)} of {total} clips cannot be read, more than max_bad {100 * self.config.max_bad:g}%; "
                f"the first is {printable(clip)}: {why.rstrip('.')}. Repair them, or allow more with --max-bad SHARE."
            )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, default=str) + "\n")


def _heard(clips: Sequence[Clip]) -> list[str]:
    return [clip.id for clip in clips if clip.split in PRETRAINING_SPLITS]


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_of(encoder: Encoder, options: Mapping[str, Any], heard: Heard) -> tuple[str, ...] | None:
    """The annotations that pretraining may read, None for all: those that the encoder says it needs, where it says so at all."""
    if type(encoder).needs is Encoder.needs:
        return heard.labels
    needs = encoder.needs(options)
    return needs if heard.labels is None else tuple(name for name in needs if name in heard.labels)


def _as_heard(clip: Clip, dataset: str, read: Collection[str] | None) -> Clip:
    """Under the name of its data set, with the annotations that may be read."""
    labels = {name: v for name, v in clip.annotations.items() if read is None or name.removesuffix("_unknown") in read}
    return replace(clip, id=f"{dataset}/{clip.id}", annotations=labels)


def _stamp(clip: Clip, folder: Path, on_disk: bool) -> list[Any]:
    """What of a clip can move a number; a file that was not prepared here is somebody's own and may change under its name."""
    path, start = os.fspath(clip.path), os.path.join(folder, "")
    inside = path.startswith(start)
    try:
        found = os.stat(path)
        file = [found.st_size] if inside and not on_disk else [found.st_size, found.st_mtime_ns]
    except (OSError, ValueError):
        file = []
    where = Path(path[len(start) :]).as_posix() if inside else path
    return [clip.id, where, file, clip.split, clip.group, clip.start, clip.duration]


def _labels(clip: Clip) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple | list) else str(v) for name, v in clip.annotations.items()}
