"""Handcrafted features: what one has without learning anything."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import mirbench

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np

MELS = 96


class Handcrafted(mirbench.Encoder):
    """Mean and standard deviation over a clip of 96 log-mel bands, 20 MFCC with their differences, and 12 chroma: 296 numbers."""

    name = "handcrafted"
    description = "statistics of log-mel bands, MFCC and chroma"
    window_seconds = 30.0

    def embedding_cost(self, options: Mapping[str, Any]) -> float:
        return 0.0002

    def load(self, folder: Path | None, options: Mapping[str, Any], seed: int, device: str) -> Callable[[np.ndarray], np.ndarray]:
        _filters(self.sample_rate)  # before workers are forked, so that not each of them has to import and to make
        return self.embed

    def embed(self, audio: np.ndarray) -> np.ndarray:
        import librosa
        import numpy as np
        import torch

        samples = max(audio.shape[1], 9 * 512)  # the differences need nine frames
        audio = np.pad(np.asarray(audio, np.float32), ((0, 0), (0, samples - audio.shape[1])))
        with torch.inference_mode():
            power = _filters(self.sample_rate)(torch.from_numpy(audio)).numpy()
        mel = 10 * np.log10(np.maximum(power[:, :MELS], 1e-10))
        mfcc = librosa.feature.mfcc(S=mel, n_mfcc=20)
        chroma = librosa.util.normalize(power[:, MELS:], norm=np.inf, axis=-2)
        rows = np.concatenate([mel, mfcc, librosa.feature.delta(mfcc), np.nan_to_num(chroma)], axis=1)
        silent = ~audio.any(axis=1)
        features = np.concatenate([rows.mean(axis=2), rows.std(axis=2)], axis=1)
        features[silent, -12:] = 0
        return features.astype(np.float32)


@functools.cache
def _filters(sample_rate: int) -> Any:
    """librosa's bands, then its chroma, as one bank."""
    import librosa
    import numpy as np
    import torch

    mel = librosa.filters.mel(sr=sample_rate, n_fft=2048, n_mels=MELS)
    chroma = librosa.filters.chroma(sr=sample_rate, n_fft=2048, tuning=0.0)
    return mirbench.FilterBank(torch.from_numpy(np.concatenate([mel, chroma]).astype(np.float32)))


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [Handcrafted()]
