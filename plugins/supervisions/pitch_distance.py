"""Pitch distance: two clips are alike where they sound the same note, or its octave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mirbench

if TYPE_CHECKING:
    import torch


class PitchDistance(mirbench.Supervision):
    """1 at the same MIDI note number, `octave` (.5) at the same pitch class in another octave, else 0."""

    name = "pitch-distance"
    description = "whether two clips sound the same pitch, or the same pitch class in another octave"
    annotation = "pitch"
    target = "multiclass"
    options = {"octave": 0.5}

    def label(self, value: Any) -> str:
        """A MIDI note number, 0 to 127, as text.

        >>> PitchDistance().label(60.0)
        '60'
        """
        return str(mirbench.parse_pitch(value))

    def check(self, options: Mapping[str, Any]) -> None:
        if not 0 <= options["octave"] <= 1:
            raise mirbench.MirbenchError(f"octave is {options['octave']}; it must lie between 0 and 1, how alike octaves are.")

    def encode(self, labels: Sequence[Any], options: Mapping[str, Any]) -> torch.Tensor:
        import torch

        return torch.tensor([[int(label)] for label in labels], dtype=torch.float32)

    def similarity(self, encoded: torch.Tensor, options: Mapping[str, Any]) -> torch.Tensor:
        apart = (encoded - encoded.T).abs()
        return options["octave"] * (apart % 12 == 0) + (1 - options["octave"]) * (apart == 0)


@mirbench.hookimpl
def register_supervisions() -> list[mirbench.Supervision]:
    return [PitchDistance()]
