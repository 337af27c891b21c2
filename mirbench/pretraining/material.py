"""The audio of a pretraining run, kept as the log-mel bands that the light backbone listens to.

Decoding a FLAC and taking its Fourier transforms costs more than augmenting and training on it: each clip is read once, its
bands are stored in half precision (88 kB for 8 s), and views are cut from the memory-mapped array.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mirbench import AudioError, read_audio
from mirbench.pretraining.backbones.mel import HOP, MelSpectrogram
from mirbench.progress import progress_bar
from mirbench.provenance import moving_versions, room_digest
from mirbench.records import Clip
from mirbench.store import Store, key_of


@dataclass(frozen=True)
class Material:
    """clips: those that could be read. frames: (all frames, bands) float16 log10 power; clip i has lengths[i] of them from offsets[i]."""

    clips: tuple[Clip, ...]
    frames: Tensor
    offsets: Tensor
    lengths: Tensor
    skipped: dict[str, str]

    def cut(self, clips: Tensor, frames: Tensor) -> Tensor:
        """(views,) clip numbers and (views, length) frame numbers, taken modulo the clip's length -> (views, length, bands) float32."""
        index = self.offsets[clips][:, None] + frames % self.lengths[clips][:, None]
        return self.frames[index.reshape(-1)].view(*index.shape, -1).float()


def load_material(clips: Sequence[Clip], mel: MelSpectrogram, sample_rate: int, cache: Path) -> Material:
    """Reads every clip once; a second call with the same clips maps the stored array. Unreadable clips are skipped by name."""
    bands = mel.banks.shape[0]
    store = Store(cache)
    stamp = [[c.id, str(c.path), _file_stamp(c.path), c.start, c.duration] for c in clips]
    made_by = [room_digest("data", "pretraining/backbones"), moving_versions()]
    key = key_of(clips=stamp, bands=bands, sample_rate=sample_rate, made_by=made_by)
    if not store.has("mels", key):
        with store.writing("mels", key) as folder:
            _write(clips, mel, sample_rate, folder)
    folder = store.folder("mels", key)
    about = json.loads((folder / "about.json").read_text())
    frames = np.load(folder / "frames.npy", mmap_mode="c")  # copy on write: never written, but torch warns of memory that it may not
    by_id = {c.id: c for c in clips}
    lengths = torch.tensor(about["lengths"])
    return Material(tuple(by_id[i] for i in about["ids"]), torch.from_numpy(frames), lengths.cumsum(0) - lengths, lengths, about["skipped"])


def _file_stamp(path: Path) -> list[int]:
    """Size and time of a file, nothing where it is missing; this cache is local, so a time does no harm to published keys."""
    if not path.is_file():
        return []
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _write(clips: Sequence[Clip], mel: MelSpectrogram, sample_rate: int, folder: Path) -> None:
    """Decodes in threads (the decoder releases the interpreter), transforms clip by clip, appends to one array."""

    def bands_of(clip: Clip) -> np.ndarray | str:
        try:
            audio = read_audio(clip.path, sample_rate, clip.start, clip.duration)
        except AudioError as error:
            return str(error)
        with torch.inference_mode():
            found: Tensor = mel(torch.from_numpy(audio)[None])[0]
        return found.T.contiguous().to(torch.float16).numpy()

    ids, lengths, skipped, parts = [], [], {}, []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            heard = zip(clips, pool.map(bands_of, clips), strict=True)
            for clip, found in progress_bar(iterable=heard, total=len(clips), desc="listening to the pretraining clips", unit="clip"):
                if isinstance(found, str):
                    skipped[clip.id] = found
                    continue
                ids.append(clip.id)
                lengths.append(len(found))
                parts.append(found)
    finally:
        torch.set_num_threads(threads)
    array = np.lib.format.open_memmap(folder / "frames.npy", mode="w+", dtype=np.float16, shape=(sum(lengths), mel.banks.shape[0]))
    at = 0
    for part in parts:
        array[at : at + len(part)] = part
        at += len(part)
    array.flush()
    (folder / "about.json").write_text(json.dumps({"ids": ids, "lengths": lengths, "skipped": skipped, "hop": HOP}))
