"""Hard clipping and soft distortion. Both go by the clip's own amplitudes, so that quiet clips are distorted as loud ones are.

Clipping: with 38 % of the samples cut it is noisy throughout, with 98 % all but a square wave. Soft distortion: at 62 % an overdriven
amplifier, at 80 % a fuzz pedal.
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
    levels = (38, 60, 82, 94, 98)
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
    levels = (62, 79, 90, 95, 98)
    family = "level"
    limits = True

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        with mirbench.seeded(seed):
            return audiomentations.TanhDistortion(level / 100, level / 100, p=1)(audio, sample_rate)


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [Clipping(), SoftDistortion()]
