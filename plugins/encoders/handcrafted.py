"""Handcrafted features: what one has without learning anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class Handcrafted(mirbench.Encoder):
    """Mean and standard deviation over a clip of 96 log-mel bands, 20 MFCC with their differences, and 12 chroma: 296 numbers."""

    name = "handcrafted"
    description = "statistics of log-mel bands, MFCC and chroma"
    window_seconds = 30.0

    def embed(self, audio: np.ndarray) -> np.ndarray:
        import librosa
        import numpy as np

        samples = max(audio.shape[1], 9 * 512)  # the differences need nine frames
        audio = np.pad(np.asarray(audio, np.float32), ((0, 0), (0, samples - audio.shape[1])))
        power = np.abs(librosa.stft(audio, n_fft=2048, hop_length=512)) ** 2
        mel = 10 * np.log10(np.maximum(librosa.feature.melspectrogram(S=power, sr=self.sample_rate, n_mels=96), 1e-10))
        mfcc = librosa.feature.mfcc(S=mel, n_mfcc=20)
        chroma = librosa.feature.chroma_stft(S=power, sr=self.sample_rate, tuning=0.0)
        rows = np.concatenate([mel, mfcc, librosa.feature.delta(mfcc), np.nan_to_num(chroma)], axis=1)
        silent = ~audio.any(axis=1)
        features = np.concatenate([rows.mean(axis=2), rows.std(axis=2)], axis=1)
        features[silent, -12:] = 0
        return features.astype(np.float32)


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [Handcrafted()]
