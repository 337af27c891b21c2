"""Time stretch: the music slower by so many per cent, at the same pitch, cut where the clip ended.

Slower only: a faster clip would end before its time, and what filled it up would be another corruption.
Severity 1 is a slow performance, at 3 it drags, at 5 its attacks are smeared. From 50 % on the stretcher
draws phases at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class TimeStretch(mirbench.Corruption):
    name = "time-stretch"
    description = "slower at the same pitch"
    unit = "% slower"
    levels = (12, 20, 28, 34, 40)
    family = "time"
    alters = frozenset({"tempo"})

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        rate = self.changes(level, seed)["tempo"]
        with mirbench.seeded(seed):
            return audiomentations.TimeStretch(rate, rate, p=1)(audio, sample_rate)

    def changes(self, level: float, seed: int) -> Mapping[str, float]:
        return {"tempo": 1 - level / 100}


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [TimeStretch()]
