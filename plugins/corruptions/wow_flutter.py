"""Wow and flutter: the speed of a tape or a record goes up and down, slowly (wow) and quickly (flutter), and the pitch with it.

audiomentations has no such effect. The level is the greatest deviation from the nominal speed within the clip, in per cent: the unweighted
peak of IEC 60386:1972 and AES6-2008, without the ballistics of their meters. 1 % is 17 cents; the highest level moves the pitch by 101
cents up and 107 down for moments and by nothing on the average: beyond it, notes would be others. The deviation is the sum of three drawn
sines of wow (.5 to 2 Hz; 33 1/3 turns a minute are .56 Hz) and three of flutter, half as strong (6 to 20 Hz), the same at each
level but for its size. Its mean over the clip is taken away: the clip begins and ends when it did, and in between is early or late by 4 ms
at most for each per cent. What it moves beyond half the sampling rate, the uppermost 6 % at most, folds.
Severity 1 wavers on long notes, as a worn portable does, 3 is a record with its hole beside the centre, 5 howls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np

WOW, FLUTTER = (0.5, 2.0), (6.0, 20.0)  # Hz
SHARE = 0.5  # of flutter, by wow
SINES = 3  # of each
OVERSAMPLING, ORDER = 3, 5  # and of the spline read there: errors are at -80 dB at .8 of half the sampling rate, at -68 dB at .95
MARGIN = 64  # samples of silence between the end of a clip and its beginning, which the Fourier transform joins


class WowFlutter(mirbench.Corruption):
    name = "wow-flutter"
    description = "the speed of a tape or a record that is not even"
    unit = "% peak"
    levels = (2, 3, 4, 5, 6)
    family = "time"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import numpy as np
        from scipy import fft, ndimage, signal

        if len(audio) < 3:  # begins and ends in time
            return audio.copy()
        speed = 1 + level / 100 * deviation(len(audio) - 1, sample_rate, seed)
        places = np.concatenate([[0.0], np.cumsum(speed)])
        size = fft.next_fast_len(len(audio) + MARGIN, real=True)
        finer = signal.resample(np.pad(audio, (0, size - len(audio))), OVERSAMPLING * size)
        read = ndimage.map_coordinates(finer, [OVERSAMPLING * places], order=ORDER, mode="grid-wrap")
        return read.astype(np.float32)


def deviation(steps: int, sample_rate: int, seed: int) -> np.ndarray:
    """(steps,), two at least, from each sample to the next: the deviation of the speed, of mean 0 and of peak 1."""
    import numpy as np

    random = np.random.default_rng(seed)
    times, found = np.arange(steps) / sample_rate, np.zeros(steps)
    for (low, high), share in ((WOW, 1.0), (FLUTTER, SHARE)):
        for _ in range(SINES):
            frequency = low * (high / low) ** random.uniform()
            found += share * np.sin(2 * np.pi * (frequency * times + random.uniform()))
    found -= found.mean()
    return found / np.abs(found).max()


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [WowFlutter()]
