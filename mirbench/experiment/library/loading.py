"""`mirbench.load`: an encoder to embed audio with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.data.audio.audio import read_clip, resample
from mirbench.data.manifests.rows import ending_of
from mirbench.errors import MirbenchError, in_words
from mirbench.experiment.library.choosing import Chosen, choose
from mirbench.experiment.library.embedding import Embedder, clips_of
from mirbench.experiment.library.guest import cache_at, check_rate, guest, paths, plain
from mirbench.experiment.recipes.embedding import frozen_encoder, runs_in_workers
from mirbench.experiment.resolve.machine import resolve_machine
from mirbench.records import Clip, Embeddings, Input
from mirbench.settings.config import RunConfig


class LoadedEncoder:
    """A frozen encoder, called with audio. name; options: complete; input: the audio that it is given; layer: that is returned, a number,
    last or all, None where it has no layers."""

    def __init__(self, chosen: Chosen, embedder: Embedder, quiet: bool = False) -> None:
        self.name: str = chosen.entry.encoder.name
        self.options: Mapping[str, Any] = dict(chosen.entry.embedded_options)
        self.input: Input = chosen.entry.input
        self.layer: int | str | None = chosen.entry.embedded_layer
        self.embedder, self.quiet = embedder, quiet

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.input.sample_rate

    def __repr__(self) -> str:
        layer = "" if self.layer is None else f", layer {self.layer}"
        return f"<LoadedEncoder {self.name}{layer}: {self.sample_rate} Hz, windows of {self.input.window_seconds:g} s>"

    def __call__(self, audio: Any, *, sample_rate: int | None = None, max_bad: float = RunConfig().max_bad) -> Any:
        """The embeddings of audio, as in a run; what is called (dim,) here is (layers, dim) of all layers.

        audio: a file -> (dim,) float32; a list of files -> (files, dim); a folder, or a manifest, of which a share of max_bad may be
        unreadable -> `mirbench.Embeddings` with `clip_ids`, `matrix` (clips, dim) and `skipped`. An array (samples,) of floats in about
        [-1, 1] -> (dim,), all of it, however long; (clips, samples), or a list of arrays of any lengths -> (clips, dim). sample_rate: of
        arrays, in Hz; None: the encoder's. Raises MirbenchError for what is none of these.
        """
        with guest(self.quiet):
            if _is_path(audio):
                path = Path(audio).expanduser()
                if path.is_dir() or ending_of(path):
                    found = self.embedder.clips(clips_of([path]), max_bad)
                    return Embeddings(found.ids, found.matrix, found.skipped)
                return self.embedder.arrays([read_clip(Clip(str(path), path, "", ""), self.sample_rate)])[0]
            if isinstance(audio, (list, tuple)) and audio and all(map(_is_path, audio)):
                return self._files([Path(path).expanduser() for path in audio])
            rows = audio if isinstance(audio, (list, tuple)) else _array(audio)
            if isinstance(rows, np.ndarray) and rows.ndim == 1:
                return self.embedder.arrays([self._samples(rows, sample_rate)])[0]
            if (isinstance(rows, np.ndarray) and rows.ndim != 2) or not len(rows):
                raise MirbenchError(f"audio should be files, (samples,) or (clips, samples), not {_shape(audio)}.")
            arrays = [_array(row) for row in rows]
            if all(array.ndim == 0 for array in arrays):
                raise MirbenchError("audio should be files, (samples,) or (clips, samples), not a list of numbers; make it an array.")
            return self.embedder.arrays([self._samples(array, sample_rate) for array in arrays])

    def _files(self, paths: list[Path]) -> np.ndarray:
        if whole := [path for path in paths if path.is_dir() or ending_of(path)]:
            raise MirbenchError(f"{whole[0]}, in a list of audio files, holds several; give it by itself.")
        found = self.embedder.clips(clips_of(paths), max_bad=1.0)
        for name, why in found.skipped.items():
            raise MirbenchError(f"{len(found.skipped)} of {len(paths)} files cannot be read, the first {name}: {why}")
        return found.matrix

    def _samples(self, array: np.ndarray, sample_rate: int | None) -> np.ndarray:
        """(samples,) float32 at the encoder's rate. Raises MirbenchError for what is no audio."""
        if array.ndim != 1 or not len(array):
            raise MirbenchError(f"audio should be files, (samples,) or (clips, samples), not {_shape(array)}.")
        if array.dtype.kind != "f":
            raise MirbenchError(f"audio should be floats in about [-1, 1], not {array.dtype}; divide 16-bit samples by 32768.")
        if not np.isfinite(array).all():
            raise MirbenchError("the audio holds samples that are not finite.")
        rate = self.sample_rate if sample_rate is None else sample_rate
        check_rate(rate)
        return resample(array.astype(np.float32), int(rate), self.sample_rate)


def load(
    encoder: str | os.PathLike[str] = "",
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    seed: int = 0,
    device: str = "auto",
    plugins: Any = (),
    cache: str | os.PathLike[str] | None = None,
    quiet: bool = False,
    **options: Any,
) -> LoadedEncoder:
    """An encoder that is called with audio: files, folders, manifests and arrays (see `LoadedEncoder`).

    encoder: a name of `mirbench list encoders`, an address such as "onnx:model.onnx", or the folder of a checkpoint; "" for that of
    `checkpoint`. checkpoint: a folder that `mirbench pretrain` printed, or one that `mirbench export --format hub` wrote. seed: of weights
    that are not trained. device: auto, cpu, cuda or cuda:N. plugins: files or modules. cache: where what is known of files is kept.
    options: of the encoder, such as layer=2. Raises MirbenchError for what is wrong with any of these.
    """
    with guest(quiet):
        settings = {"seed": seed, "device": device}
        if not isinstance(encoder, (str, os.PathLike)):
            raise MirbenchError(f"mirbench.load takes one encoder, by its name, address or folder, not {in_words(encoder)}.")
        given = next(iter(paths("checkpoint", checkpoint)), None)
        chosen = choose(os.fspath(encoder), given, settings, plugins=paths("plugins", plugins), options=plain(options))
        return loaded(chosen, cache_at(cache), quiet)


def loaded(chosen: Chosen, cache: Path, quiet: bool = False) -> LoadedEncoder:
    """cache: keeps what is known of files."""
    machine = resolve_machine(chosen.config.device, chosen.config.devices)
    frozen = frozen_encoder(chosen.entry, chosen.folder, chosen.seed, chosen.provider, machine.device)
    in_workers = machine.kind == "cpu" and runs_in_workers(chosen.entry)
    return LoadedEncoder(chosen, Embedder(frozen, chosen.config.batch_size, machine.cores, in_workers, cache), quiet)


def _is_path(given: Any) -> bool:
    return isinstance(given, (str, os.PathLike))


def _array(given: Any) -> np.ndarray:
    """Raises MirbenchError for what is none."""
    try:
        return np.asarray(given)
    except (ValueError, TypeError, RuntimeError) as error:
        raise MirbenchError(f"audio should be files or arrays of floats, not {in_words(given)}.") from error


def _shape(rows: Any) -> str:
    return f"an array of the shape {rows.shape}" if isinstance(rows, np.ndarray) else in_words(rows)
