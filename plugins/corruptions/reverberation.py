"""Reverberation: convolution with a drawn room response of the given reverberation time.

The response is a direct path and Gaussian noise that decays exponentially (Polack's model; Moorer, About this reverberation business,
Computer Music Journal 3(2), 1979), from some 3 kHz up faster, as air and furnishings have it: in .7 of the time at 9 kHz. The reverberation
time is that of the middle frequencies, as it is for halls. The energy of the noise grows in proportion to it, as in one room that loses
its absorption (Sabine), and is that of the direct path at 1 s. The clip's energy is kept: what is added is the room, not loudness.
Severity 1 is a lecture hall, 3 a big church, 5 the biggest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np

CROSSOVER = 3000  # Hz
HIGH = 0.6  # the reverberation time far above it, as a share


class Reverberation(mirbench.Corruption):
    name = "reverberation"
    description = "a room's reverberation"
    unit = "s RT60"
    levels = (1.5, 2.5, 4, 6, 8)
    family = "rooms"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import numpy as np
        from scipy.signal import oaconvolve

        wet = oaconvolve(audio, room_response(level, sample_rate, seed)[: len(audio)])[: len(audio)]
        return (wet * np.sqrt(np.square(audio).sum() / np.maximum(np.square(wet).sum(), 1e-30))).astype(np.float32)


def room_response(rt60: float, sample_rate: int, seed: int) -> np.ndarray:
    """(samples,) float32, the direct path first, as long as `rt60` (s)."""
    import numpy as np
    from scipy.signal import lfilter

    samples = max(2, round(rt60 * sample_rate))
    noise = np.random.default_rng(seed).standard_normal(samples, dtype=np.float32)  # a longer one begins as a shorter one does
    pole = np.float32(np.exp(-2 * np.pi * CROSSOVER / sample_rate))
    low = noise
    for _ in range(2):  # there and back, for no delay against the noise
        low = lfilter(np.array([1 - pole]), np.array([1, -pole], np.float32), low)[::-1]
    decay = np.arange(samples, dtype=np.float32) * np.float32(-np.log(1000) / samples)
    response = low * np.exp(decay) + (noise - low) * np.exp(decay / HIGH)
    response[0] = 0
    response *= np.sqrt(rt60 / np.square(response).sum())
    response[0] = 1
    return response.astype(np.float32)


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [Reverberation()]
