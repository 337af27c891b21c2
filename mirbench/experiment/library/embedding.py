"""Files, folders, manifests and arrays to embeddings, by one encoder, as in a run."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mirbench.data.audio.audio import AudioError, read_audio
from mirbench.data.manifests.folder_scan import scan_folder
from mirbench.data.manifests.manifest import load_manifest, made_id
from mirbench.data.manifests.rows import ending_of
from mirbench.data.scans import scan_clips
from mirbench.engine.workers import map_in_workers
from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.partial import PartialEmbeddings
from mirbench.evaluation.embedding.passes import EmbeddingPass, chunks_of, embed_passes
from mirbench.evaluation.embedding.rows import size_in_words
from mirbench.evaluation.embedding.stored import read_embeddings
from mirbench.evaluation.embedding.windows import FrozenEncoder, embed_all, windows
from mirbench.experiment.resolve.bad_clips import check_bad
from mirbench.progress import progress_bar
from mirbench.records import Clip, Condition

AT_A_TIME = 256  # windows of a long clip
WHAT = "the files to embed"


@dataclass(frozen=True)
class Vectors:
    """A row for each clip, or for each window of each. ids: of clips. starts, ends: (rows,) float64, seconds into the file. matrix: (rows,
    dim) or (rows, layers, dim) float32. skipped: clip id -> why it has no row."""

    ids: tuple[str, ...]
    starts: np.ndarray
    ends: np.ndarray
    matrix: np.ndarray
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Embedder:
    """batch_size: windows at a time. workers: processes; in_workers: whether the encoder is called in them. cache: a folder that keeps what
    is known of files."""

    encoder: FrozenEncoder
    batch_size: int
    workers: int
    in_workers: bool
    cache: Path

    def clips(self, clips: Sequence[Clip], max_bad: float) -> Vectors:
        """As a run embeds them. Raises MirbenchError where a larger share than max_bad, or everything, cannot be read."""
        scans = scan_clips(clips, self.cache, self.workers)
        skipped = {name: scan.problem for name, scan in scans.items() if scan.problem}
        check_bad(WHAT, skipped, len(clips), max_bad)
        title = f"embedding with {self.encoder.title}"
        how = EmbeddingPass(
            [self.encoder], [Condition()], batch_size=self.batch_size, workers=self.workers, encode_in_workers=self.in_workers
        )
        with tempfile.TemporaryDirectory() as folder:
            kept = PartialEmbeddings(Path(folder) / "rows", [clip.id for clip in clips], chunks_of(clips), self.encoder.title)
            with contextlib.closing(embed_passes(how, clips, title)) as passes:
                for found in passes:
                    kept.add(found.chunk, found.rows[0], found.skipped)
                    check_bad(WHAT, {clips[place].id: why for place, why in kept.skipped.items()}, len(clips), max_bad)
            kept.store(Path(folder))
            whole = read_embeddings(Path(folder))
            matrix = np.array(whole.matrix)
        _check_any(whole.skipped, clips)
        by_id = {clip.id: clip for clip in clips}
        rows = [by_id[name] for name in whole.clip_ids]
        ends = [scans[clip.id].seconds if clip.duration is None else clip.start + clip.duration for clip in rows]
        return Vectors(whole.clip_ids, np.array([clip.start for clip in rows]), np.array(ends), matrix, whole.skipped)

    def windows(self, clips: Sequence[Clip], max_bad: float) -> Vectors:
        """A row for each window of each clip, however long that is; their mean is the clip's in a run, where it has at most 172.8 s. Raises
        MirbenchError as `clips` does."""
        rate, cut = self.encoder.sample_rate, self.encoder.cut

        def embedded(clip: Clip) -> tuple[np.ndarray, np.ndarray] | str:
            """Windows by their starts and ends, and their embeddings."""
            try:
                audio = read_audio(clip.path, rate, clip.start, clip.duration)
            except AudioError as error:
                return str(error)
            places = windows(np.arange(len(audio), dtype=np.int32), cut.window, cut.hop)
            names = [f"{clip.id} ({clip.path})"] * len(places)
            found = []
            for first in range(0, len(places), AT_A_TIME):
                some = [audio[at[0] : at[-1] + 1] for at in places[first : first + AT_A_TIME]]
                found += embed_all(some, names[: len(some)], [self.encoder], self.batch_size)
            return clip.start + np.stack([places[:, 0], places[:, -1] + 1]) / rate, np.concatenate(found)

        workers = self.workers if self.in_workers else 1
        rows: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        skipped: dict[str, str] = {}
        with (
            progress_bar(total=len(clips), desc=f"embedding with {self.encoder.title}", unit="clip") as bar,
            contextlib.closing(map_in_workers(embedded, clips, workers, lambda clip: clip.id)) as results,
        ):
            for clip, result in zip(clips, results, strict=True):
                bar.update()
                if isinstance(result, str):
                    skipped[clip.id] = result
                    check_bad(WHAT, skipped, len(clips), max_bad)
                else:
                    rows[clip.id] = result
        _check_any(skipped, clips)
        ids = tuple(name for name, (_, matrix) in rows.items() for _ in matrix)
        starts, ends = np.concatenate([times for times, _ in rows.values()], axis=1)
        return Vectors(ids, starts, ends, self._joined([matrix for _, matrix in rows.values()]), skipped)

    def arrays(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """(samples,) float32 each, at the encoder's sample rate -> (arrays, dim) or (arrays, layers, dim) float32."""
        parts = [arrays[begin : begin + self.batch_size] for begin in range(0, len(arrays), self.batch_size)]
        names = [[f"number {self.batch_size * number + i}" for i in range(len(part))] for number, part in enumerate(parts)]
        return self._joined([embed_all(part, of, [self.encoder], self.batch_size)[0] for part, of in zip(parts, names, strict=True)])

    def _joined(self, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """Raises MirbenchError where they do not go together."""
        first, *others = dict.fromkeys(matrix.shape[1:] for matrix in matrices)
        if others:
            here, there = size_in_words(others[0]), size_in_words(first)
            raise MirbenchError(
                f"{self.encoder.title}: an embedding has {here} and others have {there}; it should return as many for all audio."
            )
        return np.concatenate(matrices)


def clips_of(given: Sequence[Path], data_root: Path | None = None, allow_outside: bool = False) -> list[Clip]:
    """Of audio files, folders and manifests; each with an id of its own. A file of a folder is called by its path below that, and below the
    folder as it was given, where more than that was. data_root, allow_outside: as in `load_manifest`. Raises MirbenchError for what is not
    there, and a folder without audio."""
    clips: list[Clip] = []
    for path in given:
        if not path.exists():
            raise MirbenchError(f"there is no file or folder {path}; give audio files, a folder of them, or a manifest.")
        if path.is_dir():
            found = [
                Clip(name if len(given) == 1 else f"{path.as_posix()}/{name}", file, "", "") for name, file, _ in scan_folder(path).files
            ]
            if not found:
                raise MirbenchError(f"the folder {path} holds no audio file; give one that holds some.")
            clips += sorted(found, key=lambda clip: (clip.id, os.fsencode(clip.path)))
        elif ending_of(path):
            clips += load_manifest(path, data_root=data_root, allow_outside=allow_outside).clips
        else:
            clips.append(Clip(path.as_posix(), path, "", ""))
    taken: set[str] = set()
    for place, clip in enumerate(clips):
        clips[place] = replace(clip, id=made_id(clip.id, 0.0, taken))
        taken.add(clips[place].id)
    return clips


def _check_any(skipped: Mapping[str, str], clips: Sequence[Clip]) -> None:
    if len(skipped) == len(clips):
        raise MirbenchError(f"none of {len(clips)} clips can be read, the first because {next(iter(skipped.values()))}")
