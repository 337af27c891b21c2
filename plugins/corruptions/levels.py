"""Gain down, and gain up until the peaks are cut.

Gain down: 36 dB is a microphone far away, 48 dB leaves eight of a CD's sixteen bits, 65 dB five. Gain up starts from the clip's peak at
full scale: 10 dB is crunchy, 24 dB nearly a square wave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class GainDown(mirbench.Corruption):
    name = "gain-down"
    description = "quieter, and nothing else"
    unit = "dB down"
    levels = (36, 46, 54, 61, 65)
    family = "level"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        with mirbench.seeded(seed):
            return audiomentations.Gain(-level, -level, p=1)(audio, sample_rate)


class GainUp(mirbench.Corruption):
    name = "gain-up"
    description = "too loud, peaks cut at full scale"
    unit = "dB over full scale"
    levels = (10, 18, 26, 35, 48)
    family = "level"
    limits = True

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        from audiomentations import Clip, Compose, Gain, Normalize

        with mirbench.seeded(seed):
            return Compose([Normalize(p=1), Gain(level, level, p=1), Clip(p=1)])(audio, sample_rate)


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [GainDown(), GainUp()]
