"""Hard clipping and soft distortion. Both go by the clip's own amplitudes, so that quiet clips are distorted as loud ones are.

Clipping: with 2 % of the samples cut only attacks crackle, with 12 % it is a microphone too close, with 40 % noisy throughout. Soft
distortion: at 1 % a warm amplifier, at 15 % an overdriven one, at 80 % a fuzz pedal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class Clipping(mirbench.Corruption):
    """The level is the share of samples cut; whole, even numbers only, since audiomentations takes a whole percentile from either side."""

    name = "clipping"
    description = "the largest samples cut off"
    unit = "% of samples"
    levels = (2, 6, 12, 24, 40)
    family = "level"
    limits = True

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        with mirbench.seeded(seed):
            return audiomentations.ClippingDistortion(int(level), int(level), p=1)(audio, sample_rate)


class SoftDistortion(mirbench.Corruption):
    """The level is the share of samples beyond the knee, where tanh begins to bend. Loudness is kept."""

    name = "soft-distortion"
    description = "overdriven through a hyperbolic tangent"
    unit = "% of samples"
    levels = (1, 5, 15, 40, 80)
    family = "level"
    limits = True

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        with mirbench.seeded(seed):
            return audiomentations.TanhDistortion(level / 100, level / 100, p=1)(audio, sample_rate)


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [Clipping(), SoftDistortion()]
