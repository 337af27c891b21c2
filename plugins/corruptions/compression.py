"""Dynamic range compression: feed-forward, with a hard knee 12 dB below the clip's own level and make-up gain that keeps its energy.

After Giannoulis, Massberg and Reiss, Digital dynamic range compressor design, Journal of the AES 60(6), 2012, but for the detector: it
is the larger of two smoothed powers, a quick one, which leads while the music gets louder (attack), and a slow one, which leads while it
gets softer (release). Each is a linear filter, so nothing is computed sample by sample in Python.
Severity 1 is gentle mastering, 3 a loud record, 5 all but a limiter: everything is equally loud and pumps. No peak is cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np

ATTACK, RELEASE = 0.01, 0.1  # s, time constants
THRESHOLD = -12  # dB above the clip's mean power


class Compression(mirbench.Corruption):
    name = "compression"
    description = "less difference between loud and soft"
    unit = ":1 ratio"
    levels = (1.5, 2, 4, 8, 20)
    family = "level"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import numpy as np
        from scipy.signal import lfilter

        power = audio.astype(np.float64) ** 2
        mean = power.mean()
        if not mean:
            return audio.copy()

        def smooth(seconds: float) -> np.ndarray:
            pole = np.exp(-1 / (seconds * sample_rate))
            return lfilter([1 - pole], [1, -pole], power, zi=[pole * mean])[0]  # as if music had gone before

        above = np.maximum(smooth(ATTACK), smooth(RELEASE)) / (mean * 10 ** (THRESHOLD / 10))
        squeezed = audio * np.maximum(above, 1) ** ((1 / level - 1) / 2)
        return (squeezed * np.sqrt(mean / np.mean(squeezed**2))).astype(np.float32)


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [Compression()]
