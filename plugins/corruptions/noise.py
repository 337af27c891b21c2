"""White and pink noise at a signal-to-noise ratio. A clip's noise is the same at every level, only louder.

At 13 dB the noise is that of a worn cassette, at 4 dB of a radio off its station, at 0 dB it is as loud as the music.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np

LOWEST = 20.0  # Hz; below it pink noise would spend its power where nothing is heard


class WhiteNoise(mirbench.Corruption):
    name = "white-noise"
    description = "hiss, equally strong at all frequencies"
    unit = "dB SNR"
    levels = (13, 8, 4, 1, -2)
    family = "noise"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        with mirbench.seeded(seed):
            return audiomentations.AddGaussianSNR(level, level, p=1)(audio, sample_rate)


class PinkNoise(mirbench.Corruption):
    """Of numpy: audiomentations' AddColorNoise is flat below 170 Hz, and with a longer filter puts a third of its power below 20 Hz."""

    name = "pink-noise"
    description = "rushing, equally strong in every octave"
    unit = "dB SNR"
    levels = (13, 8, 4, 1.5, -1)
    family = "noise"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import numpy as np
        from scipy import fft

        samples = fft.next_fast_len(max(len(audio), sample_rate // 10), real=True)  # long enough that some bins are above the lowest
        white = fft.rfft(np.random.default_rng(seed).standard_normal(samples, np.float32))
        frequency = np.fft.rfftfreq(samples, 1 / sample_rate)
        shape = ((frequency >= LOWEST) / np.sqrt(np.maximum(frequency, LOWEST))).astype(np.float32)
        noise = fft.irfft(white * shape, samples)[: len(audio)]
        wanted = np.linalg.norm(audio) * 10 ** (-level / 20)
        return (audio + noise * np.float32(wanted / max(float(np.linalg.norm(noise)), 1e-30))).astype(np.float32)


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [WhiteNoise(), PinkNoise()]
