"""Pitch distance: two clips are alike where they sound the same note, or its octave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mirbench

if TYPE_CHECKING:
    import torch


class PitchDistanceOptions(mirbench.Options):
    octave = mirbench.option(0.5, "similarity of one pitch class in two octaves", ge=0, le=1, why=", how alike octaves are")


class PitchDistance(mirbench.Supervision):
    """1 at the same MIDI note number, `octave` (.5) at the same pitch class in another octave, else 0."""

    name = "pitch-distance"
    description = "whether two clips sound the same pitch, or the same pitch class in another octave"
    annotation = "pitch"
    target = "multiclass"
    options = PitchDistanceOptions()

    def label(self, value: Any) -> str:
        """A MIDI note number, 0 to 127, as text.

        >>> PitchDistance().label(60.0)
        '60'
        """
        return str(mirbench.parse_pitch(value))

    def encode(self, labels: Sequence[Any], options: Mapping[str, Any]) -> torch.Tensor:
        import torch

        return torch.tensor([[int(label)] for label in labels], dtype=torch.float32)

    def similarity(self, encoded: torch.Tensor, options: Mapping[str, Any]) -> torch.Tensor:
        apart = (encoded - encoded.T).abs()
        return options["octave"] * (apart % 12 == 0) + (1 - options["octave"]) * (apart == 0)


@mirbench.hookimpl
def register_supervisions() -> list[mirbench.Supervision]:
    return [PitchDistance()]
