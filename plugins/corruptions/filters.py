"""Low-pass, high-pass and band-stop filters of 24 dB per octave, causal as those of real equipment are.

Low-pass: 900 Hz is a radio next door, 470 Hz leaves bass and fundamentals, 240 Hz a rumble. High-pass: 600 Hz is the loudspeaker of a
telephone, 2,700 Hz leaves overtones and hiss, 4,800 Hz a whisper of them. Band-stop: 150 Hz is a notch that few notes fall into, 2,000 Hz
takes a hole out of the middle, 5,000 Hz leaves bass and the topmost treble.

Where the sampling rate has no such frequency, a low-pass leaves the clip as it is, and a high-pass leaves only the top of what there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np

ROLLOFF = 24  # dB per octave
TOP = 0.49  # of the sampling rate: a high-pass begins no higher, so that it never lets everything through
CENTRES = (400.0, 2_500.0)  # Hz; the geometric centre of a stopped band is drawn from between these


class LowPass(mirbench.Corruption):
    name = "low-pass"
    description = "dull: nothing above a frequency"
    unit = "Hz"
    levels = (900, 640, 470, 340, 240)
    family = "filtering"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        if level >= sample_rate / 2:
            return audio.copy()
        with mirbench.seeded(seed):
            return audiomentations.LowPassFilter(level, level, ROLLOFF, ROLLOFF, p=1)(audio, sample_rate)


class HighPass(mirbench.Corruption):
    name = "high-pass"
    description = "thin: nothing below a frequency"
    unit = "Hz"
    levels = (600, 1_900, 2_700, 4_000, 4_800)
    family = "filtering"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        level = min(level, TOP * sample_rate)
        with mirbench.seeded(seed):
            return audiomentations.HighPassFilter(level, level, ROLLOFF, ROLLOFF, p=1)(audio, sample_rate)


class BandStop(mirbench.Corruption):
    """The level is the width of the stopped band. A clip's bands have one geometric centre, so that each lies within the next."""

    name = "band-stop"
    description = "hollow: nothing within a band of so many Hz"
    unit = "Hz wide"
    levels = (150, 1_000, 2_000, 3_200, 5_000)
    family = "filtering"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        low, high = self.edges(level, seed)
        if low >= sample_rate / 2:
            return audio.copy()
        high = min(high, 0.499 * sample_rate)
        middle, share = (low + high) / 2, 2 * (high - low) / (low + high)  # as audiomentations wants them
        with mirbench.seeded(seed):
            return audiomentations.BandStopFilter(middle, middle, share, share, ROLLOFF, ROLLOFF, p=1)(audio, sample_rate)

    def edges(self, level: float, seed: int) -> tuple[float, float]:
        """Hz; their difference is the level, their geometric mean is drawn from the seed."""
        import numpy as np

        centre = float(np.exp(np.random.default_rng(seed).uniform(*np.log(CENTRES))))
        low = ((level / 2) ** 2 + centre**2) ** 0.5 - level / 2
        return low, low + level


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [LowPass(), HighPass(), BandStop()]
