"""Sanity checks, which count in no score: polarity, which nobody hears, and reverse, which keeps every spectrum and no order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class Polarity(mirbench.Corruption):
    name = "polarity"
    description = "the waveform upside down"
    unit = "degrees"
    levels = (180,)
    counted = False

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        with mirbench.seeded(seed):
            return audiomentations.PolarityInversion(p=1)(audio, sample_rate)


class Reverse(mirbench.Corruption):
    name = "reverse"
    description = "played backwards"
    unit = "% of the clip"
    levels = (100,)
    counted = False

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations
        import numpy as np

        with mirbench.seeded(seed):
            return np.ascontiguousarray(audiomentations.Reverse(p=1)(audio, sample_rate))


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [Polarity(), Reverse()]
