"""Pitch shift: all of the music higher or lower, by whole semitones, at the same speed. Up or down is drawn from the seed.

Whole semitones are what labels can be moved by. audiomentations' own PitchShift is up to 15 cents off on low tones; its TimeStretch keeps
pitch within 1 cent, so the clip is stretched by it and then resampled to the old length. Its last 40 ms may be softer.
At severity 1 instruments keep their character, at 3 they change it, 5 is a minor sixth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class PitchShift(mirbench.Corruption):
    name = "pitch-shift"
    description = "higher or lower at the same speed"
    unit = "semitones"
    levels = (2, 3, 4, 6, 8)
    family = "time"
    alters = frozenset({"pitch"})

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import numpy as np
        import soxr
        from audiomentations import TimeStretch

        higher = 2 ** (self.changes(level, seed)["pitch"] / 12)
        with mirbench.seeded(seed):
            longer = TimeStretch(1 / higher, 1 / higher, leave_length_unchanged=False, p=1)(audio, sample_rate)
        moved = soxr.resample(longer, higher, 1)[: len(audio)]
        return np.pad(moved, (0, len(audio) - len(moved)))

    def changes(self, level: float, seed: int) -> Mapping[str, float]:
        return {"pitch": level if seed % 2 else -level}


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [PitchShift()]
