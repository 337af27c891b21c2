"""Time masking: one stretch of the clip is silent. What is lost at one severity is lost at the next.

With 9 % a phrase misses notes, with a third of the clip lost a phrase is missing, with 60 % there may be little left to judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class TimeMasking(mirbench.Corruption):
    name = "time-masking"
    description = "one stretch silent"
    unit = "% lost"
    levels = (9, 26, 37, 48, 60)
    family = "time"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations
        import numpy as np

        lost = round(len(audio) * level / 100)
        start = int(np.random.default_rng(seed).uniform() * (len(audio) - lost))
        mask = audiomentations.TimeMask(p=1)
        mask.parameters = {"should_apply": True, "t": lost, "t0": start}  # its own draw would place each length anew
        mask.freeze_parameters()
        return mask(audio, sample_rate)


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [TimeMasking()]
