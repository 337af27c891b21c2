"""The audio of a pretraining run, decoded once: as log-mel bands for backbones that listen to those, as waveforms for the others.

Decoding costs more than augmenting and training a light backbone: each clip is read once and kept, as half-precision log-mel bands
(88 kB for 8 s) or as 16-bit samples (353 kB), in one file of which views are cut through a memory map. Clips are decoded a piece at a
time, so that none, however long, is ever whole in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mirbench import AudioError, read_pieces
from mirbench.engine.files import locked
from mirbench.engine.prefetch import prefetch
from mirbench.engine.sources import MEMO, SourceTree
from mirbench.engine.store import Store, key_of
from mirbench.pretraining.backbones.mel import N_FFT, MelSpectrogram
from mirbench.progress import progress_bar
from mirbench.records import AUDIO_CACHE, Clip
from mirbench.results.provenance import versions_of

FULL_SCALE = 32_767
PIECES_AHEAD = 4  # of a clip, of a minute each, that are decoded ahead; the rest of a longer clip when its turn has come


@dataclass(frozen=True)
class AudioCache:
    """clips: those that could be read. Clip i has lengths[i] frames (or samples) from offsets[i] on in `frames`, (all frames, bands)
    float16 log10 power, or (all samples,) int16. skipped: clip id -> why it could not be read."""

    path: Path
    bands: int  # 0 for samples
    clips: tuple[Clip, ...]
    lengths: Tensor
    skipped: dict[str, str]

    @cached_property
    def frames(self) -> Tensor:
        shape = (int(self.lengths.sum()), self.bands) if self.bands else (int(self.lengths.sum()),)
        if not shape[0]:
            return torch.zeros(shape, dtype=torch.float16 if self.bands else torch.int16)
        # copy on write: it is never written, but torch warns of memory that it may not write
        return torch.from_numpy(np.memmap(self.path, np.float16 if self.bands else np.int16, mode="c", shape=shape))

    @cached_property
    def offsets(self) -> Tensor:
        return self.lengths.cumsum(0) - self.lengths

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the file itself."""
        return {name: value for name, value in self.__dict__.items() if name not in ("frames", "offsets")}

    def cut(self, clips: Tensor, starts: Tensor, speeds: Tensor, length: int) -> Tensor:
        """Views of clips, (views,) each -> (views, length, bands) or (views, length) float32; what runs over a clip's end begins anew.

        speeds apply to bands only: every speeds-th frame, the nearest; samples are cut as they are.
        """
        if self.bands:
            positions = starts[:, None] + (torch.arange(length)[None, :] * speeds[:, None]).round().long()
            index = self.offsets[clips][:, None] + positions % self.lengths[clips][:, None]
            return self.frames[index.reshape(-1)].view(*index.shape, -1).float()
        views = torch.empty(len(clips), length)
        for row, (clip, start) in enumerate(zip(clips.tolist(), starts.tolist(), strict=True)):
            offset, own = int(self.offsets[clip]), int(self.lengths[clip])
            audio = self.frames[offset : offset + own]
            if start + length <= own:
                views[row] = audio[start : start + length]
            else:
                views[row] = audio[(start + torch.arange(length)) % own]
        return views.div_(FULL_SCALE)


def load_audio_cache(clips: Sequence[Clip], sample_rate: int, cache: Path, mel: MelSpectrogram | None = None) -> AudioCache:
    """Reads every clip once, as bands of `mel` or, without one, as samples at `sample_rate` (Hz, mono, clipped to [-1, 1]).

    A second call with the same clips maps the stored file. Unreadable clips are skipped by name.
    """
    bands = mel.banks.shape[0] if mel is not None else 0
    store = Store(cache)
    stamp = [[c.id, str(c.path), _file_stamp(c.path), c.start, c.duration] for c in clips]
    made_by = [_code(cache, mel), _digest(mel) if mel is not None else ""]
    key = key_of(clips=stamp, bands=bands, sample_rate=sample_rate, made_by=made_by)
    if not store.has(AUDIO_CACHE, key) or store.is_damaged(AUDIO_CACHE, key):
        title = f"{'bands' if bands else 'samples'} of {len(clips):,} clips"
        with locked(store.lock_file(f"{AUDIO_CACHE}-{key}"), f"decoding {title}"):
            if not store.has(AUDIO_CACHE, key, anew=True):
                with store.writing(AUDIO_CACHE, key, title) as folder:
                    _write(clips, sample_rate, mel, folder)
    folder = store.folder(AUDIO_CACHE, key)
    about = json.loads((folder / "about.json").read_text())
    by_id = {c.id: c for c in clips}
    kept = tuple(by_id[i] for i in about["ids"])
    return AudioCache(folder / "frames.bin", bands, kept, torch.tensor(about["lengths"], dtype=torch.long), about["skipped"])


def _code(cache: Path, mel: MelSpectrogram | None) -> list[Any]:
    """A hash of what decodes the clips and makes the bands, and the versions of the packages that it uses."""
    tree = SourceTree(memo=cache / MEMO)
    sources = [tree.used_by(f"{__name__}:_write"), *([tree.of_object(mel)] if mel is not None else [])]
    packages = sorted({name for each in sources for name in each.packages})
    return [[each.digest for each in sources], versions_of(packages)]


def _digest(mel: MelSpectrogram) -> str:
    """Of the numbers that make the bands."""
    found = hashlib.sha256(f"{type(mel).__module__}.{type(mel).__qualname__} {mel.hop}".encode())
    for name, buffer in sorted(mel.named_buffers()):
        found.update(name.encode() + buffer.numpy().tobytes())
    return found.hexdigest()


def _file_stamp(path: Path) -> list[int]:
    """Size and time of a file, nothing where it is missing; this cache is local, so a time does no harm to published keys."""
    if not path.is_file():
        return []
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _write(clips: Sequence[Clip], sample_rate: int, mel: MelSpectrogram | None, folder: Path) -> None:
    """Decodes in threads (the decoder releases the interpreter), a bounded way ahead, and appends to one file."""

    def decode(clip: Clip) -> Iterator[np.ndarray] | str:
        pieces = read_pieces(clip, sample_rate)
        frames = _samples(pieces) if mel is None else _frames(pieces, mel)
        try:
            return chain(list(islice(frames, PIECES_AHEAD)), frames)
        except AudioError as error:
            return str(error)

    ids, lengths, skipped = [], [], {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            open(folder / "frames.bin", "wb") as file,
            progress_bar(total=len(clips), desc="listening to the pretraining clips", unit="clip") as bar,
        ):
            for clip, pieces in prefetch(decode, clips, threads):
                begin = file.tell()
                try:
                    if isinstance(pieces, str):
                        raise AudioError(pieces)
                    length = 0
                    for piece in pieces:
                        length += len(piece)
                        file.write(piece.tobytes())
                except AudioError as error:  # maybe midway
                    file.seek(begin)
                    file.truncate()
                    skipped[clip.id] = str(error)
                else:
                    ids.append(clip.id)
                    lengths.append(length)
                bar.update()
    finally:
        torch.set_num_threads(threads)
    (folder / "about.json").write_text(json.dumps({"ids": ids, "lengths": lengths, "skipped": skipped}))


def _samples(pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for audio in pieces:
        yield (audio.clip(-1, 1) * FULL_SCALE).round().astype(np.int16)


def _frames(pieces: Iterator[np.ndarray], mel: MelSpectrogram) -> Iterator[np.ndarray]:
    """(frames, bands) float16 of consecutive pieces, the frames that the whole audio has.

    A piece's last frames wait for the next one, as half a window of theirs lies in it; as much is kept before the first of what is left.
    """
    context = -(-N_FFT // 2 // mel.hop)  # frames
    held, done = np.empty(0, np.float32), 0
    for audio in pieces:
        if len(held):
            ready = len(held) // mel.hop - context
            if ready > max(done, context):
                yield _bands(held, mel)[done:ready]
                held, done = held[(ready - context) * mel.hop :], context
        held = np.concatenate([held, audio])
    yield _bands(held, mel)[done:]


def _bands(audio: np.ndarray, mel: MelSpectrogram) -> np.ndarray:
    with torch.inference_mode():
        found: Tensor = mel(torch.from_numpy(audio)[None])[0]
    return found.T.contiguous().to(torch.float16).numpy()
