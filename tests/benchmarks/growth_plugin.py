"""Encoders and corruptions that cost next to nothing, so that what is measured beside them is mirbench."""

from __future__ import annotations

import numpy as np

import mirbench

ENCODERS, CORRUPTIONS, DIM = 8, 23, 64


class Trivial(mirbench.Encoder):
    description = "sums of the samples by their place"
    seeded = True
    window_seconds = 0.5

    def __init__(self, number: int) -> None:
        self.name = f"trivial-{number}"

    def embed(self, audio: np.ndarray) -> np.ndarray:
        whole = audio[:, : audio.shape[1] // DIM * DIM]
        return np.abs(whole.reshape(len(audio), DIM, -1)).sum(axis=2)


class Quieter(mirbench.Corruption):
    unit = "dB"
    levels = (1.0, 2.0, 3.0, 4.0, 5.0)

    def __init__(self, number: int) -> None:
        self.name = f"quieter-{number}"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        return audio * np.float32(10 ** (-level / 20))


@mirbench.hookimpl
def register_encoders():
    return [Trivial(number) for number in range(1, ENCODERS + 1)]


@mirbench.hookimpl
def register_corruptions():
    return [Quieter(number) for number in range(1, CORRUPTIONS + 1)]
