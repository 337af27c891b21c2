"""The chain of effects that SemiSupCon is trained with, at the paper's severity levels 1 to 4, which are s = .5, 1, 1.5 and 2.

A clip's draws are the same at every level, so what is on at one level is on at the next, and stronger. But the level also says how often an
effect is on: at level 1 six clips of ten are left as they are. A poor ruler, then, so it counts in no robustness score; it is here to apply
what pretraining applied. It shifts pitch, by an amount that differs with the clip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class Chain(mirbench.Corruption):
    name = "chain"
    description = "the augmentations of SemiSupCon's training"
    unit = "level"
    levels = (1, 2, 3, 4)
    alters = frozenset({"pitch"})
    counted = False

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import torch

        views = mirbench.WaveformViews(level / 2, sample_rate)
        return views(torch.from_numpy(audio)[None], torch.Generator().manual_seed(seed))[0].numpy()


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [Chain()]
