"""Other music in the background: one clip of the training split, or a babble of six at equal levels, under the clip.

The level is the ratio of the clip's energy to that of all that is mixed in, over the whole clip; the clip itself stays as loud as it is.
Severity 1 is heard only in pauses, at 3 something plays in the same room, at 5 both are nearly equally loud.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class Background(mirbench.Corruption):
    unit = "dB SNR"
    family = "mixing"

    def __init__(self, name: str, others: int, levels: tuple[float, ...], description: str) -> None:
        self.name, self.others, self.levels, self.description = name, others, levels, description

    def mix(self, audio: np.ndarray, others: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import numpy as np

        power = np.square(others).mean(axis=1)
        audible = power > 0
        background = (others[audible] / np.sqrt(power[audible, None])).sum(axis=0)
        scale = np.sqrt(np.square(audio).mean() / np.maximum(np.square(background).mean(), 1e-30)) * 10 ** (-level / 20)
        return (audio + scale * background).astype(np.float32)


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [
        Background("background-music", 1, (21, 14, 9, 5, 2), "another clip in the background"),
        Background("background-chatter", 6, (20, 14, 11, 7, 4), "a babble of six other clips in the background"),
    ]
