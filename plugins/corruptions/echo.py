"""Echo: a delay of 100 to 500 ms, drawn from the seed, whose output is fed back, so that every repeat is as many dB weaker than the last.

The clip's energy is kept: what is added is the echo, not loudness. At severity 1 the first repeats are plain, at 3 they pile up for some
seconds, at 5 they hardly end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np


class Echo(mirbench.Corruption):
    name = "echo"
    description = "repeats, each weaker than the last"
    unit = "dB of each repeat"
    levels = (-5, -3, -2, -1, -0.5)
    family = "rooms"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import numpy as np

        delay = round(np.random.default_rng(seed).uniform(0.1, 0.5) * sample_rate)
        wet = audio.copy()
        for start in range(delay, len(wet), delay):
            block = wet[start : start + delay]
            block += np.float32(10 ** (level / 20)) * wet[start - delay : start][: len(block)]
        return (wet * np.sqrt(np.square(audio).sum() / np.maximum(np.square(wet).sum(), 1e-30))).astype(np.float32)


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [Echo()]
