"""The files of a frozen set: a folder for each condition, with a manifest and a file for each clip, and their checksums.

The samples are those that a run gives to encoders, at the rate at which it corrupts, as 32-bit floats: FLAC holds whole numbers, which
would round them and cut peaks beyond full scale. What is written is recorded line by line, so that a killed command goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.io import wavfile

from mirbench.data.manifests.manifest import write_manifest
from mirbench.engine.files import explain_os_errors, locked, tell, write_atomically
from mirbench.engine.holds import held
from mirbench.engine.machine import core_count, machine
from mirbench.engine.store import key_of
from mirbench.engine.workers import WorkerDied, in_workers
from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.corruption import Fault
from mirbench.evaluation.embedding.passes import CRASHES
from mirbench.evaluation.embedding.samples import CorruptedAudio, checksum_of, condition_name, read_or_why, sampled
from mirbench.experiment.corrupt import announce, fault_in_words, wav
from mirbench.experiment.frozen.frozen_set import FORMAT, MANIFEST, SUMS, UNFINISHED, FrozenSet, free_megabytes, look, recorded_files
from mirbench.experiment.gather.manifest import corruption_facts, data_facts
from mirbench.experiment.planning.plan import size
from mirbench.experiment.resolve.bad_clips import check_bad
from mirbench.experiment.run import prepared_data
from mirbench.progress import progress_bar
from mirbench.results.cells import file_name
from mirbench.results.provenance import git_commit, versions

CLIPS = "manifest.csv"
ABOUT = (
    "The test clips of a data set as mirbench gives them to encoders, clean and under corruption. Each folder is a condition; its "
    "manifest.csv has a line for each file with the clip's id, group and annotations. Files are WAV, mono, 32-bit float, neither scaled "
    "nor cut; peaks may lie beyond full scale. Encoders of another sample rate are given corrupted audio resampled from these samples, "
    "and clean audio decoded at their own rate. SHA256SUMS is of files (sha256sum -c SHA256SUMS); sample_checksums are the first 16 "
    "hexadecimal digits of the SHA-256 of samples as little-endian 32-bit floats, as in the manifest.json of a run. Another processor or "
    "another version of a library may move last bits, and with them checksums. The licence of the data set is that of these files."
)


def write_frozen(frozen: FrozenSet, workers: int | None = None) -> str:
    """Writes what is still to be written, after a line on the error output that says what; returns in a line what is there. workers:
    processes; None: one for each core.

    Raises MirbenchError where the folder holds something else or the disk has no room, where a corruption breaks its promises, and where
    more clips than `max_bad` cannot be read.
    """
    look(frozen.folder)
    with held(frozen.store):
        return _write_held(frozen, workers)


def _write_held(frozen: FrozenSet, workers: int | None) -> str:
    frozen.store.touch("datasets", key_of(**frozen.data.source))
    if not frozen.data.prepared:
        cache, noun = frozen.store.root, frozen.data.noun
        data = prepared_data(noun, frozen.registry, cache, lambda seconds: announce(f"{noun.name} is", cache, seconds))
        frozen = replace(frozen, data=data)
    if not frozen.clips:
        raise MirbenchError(f"data set '{frozen.data.name}' has no test clips; name one that has, or mark some as split test.")
    folder = frozen.folder
    with locked(folder.with_name(file_name([f".{folder.name}"], "", ".lock")), "writing a frozen set"):
        return _Writing(frozen, recorded_files(frozen)).run(workers)


@dataclass(frozen=True)
class _Task:
    """The place of a clip. crashed: why it must not be decoded: that ended a worker."""

    place: int
    crashed: str = ""


@dataclass(frozen=True)
class _Decoding:
    """That a clip is decoded now."""


@dataclass(frozen=True)
class _Skipped:
    place: int
    why: str


@dataclass(frozen=True)
class _File:
    """A file that is there. digest: the SHA-256 of the file; checksum: of its samples; new: whether it was written now."""

    place: int
    condition: str
    path: str
    digest: str
    checksum: str
    new: bool


@dataclass(eq=False)
class _Writing:
    """recorded: path -> SHA-256 of files that are there already, unless they were changed."""

    frozen: FrozenSet
    recorded: Mapping[str, str]
    files: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, dict[str, str]] = field(default_factory=dict)  # condition -> clip id -> checksum
    skipped: dict[str, str] = field(default_factory=dict)
    written: int = 0

    def __post_init__(self) -> None:
        self.names = clip_file_names([clip.id for clip in self.frozen.clips])
        self.folders = {condition_name(condition): condition for condition in self.frozen.conditions}

    def run(self, workers: int | None) -> str:
        frozen = self.frozen
        self._check_room()
        tell(frozen.describe())
        self._write_manifests()  # first, for what of the labels cannot be written
        lines = [{"frozen_set": {"key": frozen.key}}, *([path, digest] for path, digest in self.recorded.items())]
        write_atomically(frozen.folder / UNFINISHED, "".join(f"{json.dumps(line)}\n" for line in lines))
        self._make(workers)
        if self.skipped:
            self._write_manifests()
        write_atomically(frozen.folder / MANIFEST, json.dumps(self._manifest(), indent=1, default=str) + "\n")
        more = [*(f"{name}/{CLIPS}" for name in self.folders), MANIFEST]
        sums = {**self.files, **{path: hashlib.sha256((frozen.folder / path).read_bytes()).hexdigest() for path in more}}
        write_atomically(frozen.folder / SUMS, "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items())))
        (frozen.folder / UNFINISHED).unlink()
        there = len(self.files) - self.written
        kept = f", of which {there:,} were there already" if there else ""
        skipped = f"; clips that cannot be read were left out ({len(self.skipped)}), see {MANIFEST}" if self.skipped else ""
        return f"{frozen.folder}: {len(self.folders)} folders, {len(self.files):,} files{kept}, and {SUMS}{skipped}"

    def _check_room(self) -> None:
        folder, megabytes = self.frozen.folder, self.frozen.megabytes()
        there = sum(path.stat().st_size for each in self.recorded if (path := folder / each).is_file()) / 1e6
        if (needed := megabytes - there) > (free := free_megabytes(folder)):
            raise MirbenchError(
                f"about {size(needed)} are to be written into {folder}, and {size(free)} are free on its disk; free some, give another "
                "place with --output, or freeze fewer corruptions or severities."
            )

    def _write_manifests(self) -> None:

        for name in self.folders:
            folder = self.frozen.folder / name
            named = zip(self.frozen.clips, self.names, strict=True)
            files = [replace(c, path=folder / file, start=0.0, duration=None) for c, file in named if c.id not in self.skipped]
            write_manifest(folder / CLIPS, files)

    def _make(self, workers: int | None) -> None:
        """The files that are missing, by worker processes."""
        import audiomentations  # noqa: F401  what most corruptions are built on, so that not every worker has to import it

        frozen, clips = self.frozen, self.frozen.clips
        audio = CorruptedAudio.mixing(frozen.corruptions, frozen.sample_rate, frozen.replicate, frozen.data.of("train"))
        tasks = (_Task(place) for place in range(len(clips)))
        title = f"freezing {frozen.data.name}"
        try:
            with (
                contextlib.closing(
                    in_workers(lambda task: self._of_clip(task, audio), tasks, workers or core_count(), 2, self._without_crash)
                ) as messages,
                explain_os_errors("writing a frozen set", frozen.folder / UNFINISHED),
                open(frozen.folder / UNFINISHED, "a", encoding="utf-8") as journal,
                progress_bar(total=len(clips) * len(self.folders), desc=title, unit="file") as bar,
            ):
                for message in messages:
                    if isinstance(message, _Skipped):
                        self._skip(message)
                        bar.update(len(self.folders))
                    elif isinstance(message, _File):
                        self._take(message)
                        if message.new:
                            journal.write(f"{json.dumps([message.path, message.digest])}\n")
                            journal.flush()
                        bar.update()
        except Fault as fault:
            raise fault_in_words(fault, frozen.registry, f"clip {fault.clip_id}") from fault
        except WorkerDied as died:
            clip = clips[died.task.place]
            raise MirbenchError(
                f"{died.while_it(f'worked on clip {clip.id} ({clip.path})')}; run the same command again, which goes on from here."
            ) from died

    def _of_clip(self, task: _Task, audio: CorruptedAudio) -> Iterator[_Decoding | _Skipped | _File]:
        """In a worker: the files of a clip."""
        clip = self.frozen.clips[task.place]
        samples: np.ndarray | str | None = None
        for name, condition in self.folders.items():
            path = f"{name}/{self.names[task.place]}"
            if (kept := self._kept(path)) is not None:
                yield _File(task.place, name, path, self.recorded[path], checksum_of(kept), False)
                continue
            if samples is None:
                yield _Decoding()
                decoded = task.crashed or read_or_why(clip, [self.frozen.sample_rate])
                samples = decoded if isinstance(decoded, str) else decoded[self.frozen.sample_rate]
            if isinstance(samples, str):
                yield _Skipped(task.place, samples)
                return
            made = audio.under(condition, clip, samples)
            data = wav(made, self.frozen.sample_rate)
            with explain_os_errors("writing a frozen set", self.frozen.folder / path):
                (self.frozen.folder / path).write_bytes(data)
            yield _File(task.place, name, path, hashlib.sha256(data).hexdigest(), checksum_of(made), True)

    def _kept(self, path: str) -> np.ndarray | None:
        """The samples of a file that is there as it was recorded; None where it is not."""
        try:
            data = (self.frozen.folder / path).read_bytes() if path in self.recorded else b""
        except OSError:
            return None
        whole = bool(data) and hashlib.sha256(data).hexdigest() == self.recorded[path]
        return wavfile.read(io.BytesIO(data))[1] if whole else None

    def _without_crash(self, died: WorkerDied) -> _Task | None:
        """Without the clip at which the decoder crashed."""
        if died.how not in CRASHES or not isinstance(died.message, _Decoding):
            return None
        path = self.frozen.clips[died.task.place].path
        return _Task(died.task.place, f"{path} cannot be decoded: the decoder crashed ({died.how}).")

    def _skip(self, message: _Skipped) -> None:
        data, clips = self.frozen.data, self.frozen.clips
        self.skipped[clips[message.place].id] = message.why
        rendered = data.folder if data.noun.made else None
        check_bad(f"{data.name} test", self.skipped, len(clips), self.frozen.config.max_bad, rendered)

    def _take(self, message: _File) -> None:
        self.files[message.path] = message.digest
        self.checksums.setdefault(message.condition, {})[self.frozen.clips[message.place].id] = message.checksum
        self.written += message.new

    def _manifest(self) -> dict[str, Any]:
        frozen = self.frozen
        chosen = sampled(clip.id for clip in frozen.clips if clip.id not in self.skipped)
        provider = frozen.registry.provider
        return {
            "about": ABOUT,
            "frozen_set": {"format": FORMAT, "key": frozen.key},
            "versions": versions(),
            "git_commit": git_commit(),
            "machine": machine(),
            "datasets": {frozen.data.name: data_facts(frozen.data, dict(sorted(self.skipped.items())))},
            "corruptions": {name: corruption_facts(each, provider("corruption", name)) for name, each in frozen.corruptions.items()},
            "robustness": {"replicate": frozen.replicate, "sample_rate": frozen.sample_rate},
            "folders": {
                name: {"corruption": c.corruption, "severity": c.severity, "level": c.level, "unit": c.unit}
                for name, c in self.folders.items()
            },
            "sample_checksums": {
                frozen.data.name: {name: {clip: self.checksums[name][clip] for clip in chosen} for name in self.folders}
            },
        }  # fmt: skip


def clip_file_names(clip_ids: Sequence[str]) -> list[str]:
    """Of each clip the name of a file that any file system takes and that no other clip has, on whatever system.

    >>> clip_file_names(["a/b.mp3", "c", "C"])
    ['a_b.mp3.wav', 'c~2e7d2c03.wav', 'C~6b23c0d5.wav']
    """
    plain = [re.sub(r"[^\w.+-]", "_", unicodedata.normalize("NFC", clip_id)) for clip_id in clip_ids]
    folded = [unicodedata.normalize("NFKC", name).casefold() for name in plain]
    counts = Counter(folded)
    hashes = [hashlib.sha256(clip_id.encode(errors="surrogatepass")).hexdigest()[:8] for clip_id in clip_ids]
    parts = zip(plain, folded, hashes, strict=True)
    return [file_name([f"{name}~{digest}" if counts[same] > 1 else name], "", ".wav") for name, same, digest in parts]
