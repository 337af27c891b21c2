"""Key distance: two clips are alike as their keys are near on the circle of fifths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mirbench

if TYPE_CHECKING:
    import torch

MODES = ("major", "minor")


SUCH_KEYS = ", how alike such keys are"


class KeyDistanceOptions(mirbench.Options):
    fifth = mirbench.option(0.5, "similarity of keys a perfect fifth apart, in one mode", ge=0, le=1, why=SUCH_KEYS)
    relative = mirbench.option(0.3, "similarity of a key and its relative, such as C major and A minor", ge=0, le=1, why=SUCH_KEYS)
    parallel = mirbench.option(0.2, "similarity of a key and its parallel, such as C major and C minor", ge=0, le=1, why=SUCH_KEYS)


class KeyDistance(mirbench.Supervision):
    """The weights of the MIREX key score, made symmetric (www.music-ir.org, Audio Key Detection):

    | second key, seen from C major | similarity |
    |---|---|
    | the same, C major | 1 |
    | a perfect fifth up or down in the same mode, G major or F major | `fifth`, .5 |
    | the relative, A minor | `relative`, .3 |
    | the parallel, C minor | `parallel`, .2 |
    | any other | 0 |
    """

    name = "key-distance"
    description = "how near the keys of two clips are: the same, a fifth apart, relative or parallel"
    annotation = "key"
    target = "multiclass"
    options = KeyDistanceOptions()

    def label(self, value: Any) -> str:
        """A key in its published spelling.

        >>> KeyDistance().label("Gb:maj")
        'F# major'
        """
        return mirbench.key_name(*mirbench.parse_key(value))

    def encode(self, labels: Sequence[Any], options: Mapping[str, Any]) -> torch.Tensor:
        import torch

        keys = map(mirbench.parse_key, labels)
        return torch.tensor([[tonic, MODES.index(mode)] for tonic, mode in keys], dtype=torch.float32)

    def similarity(self, encoded: torch.Tensor, options: Mapping[str, Any]) -> torch.Tensor:
        import torch

        keys = [(tonic, mode) for mode in (0, 1) for tonic in range(12)]
        table = torch.tensor([[_alike(a, b, options) for b in keys] for a in keys], device=encoded.device)
        row = (encoded[:, 0] + 12 * encoded[:, 1]).long()
        return table[row][:, row]


def _alike(a: tuple[int, int], b: tuple[int, int], options: Mapping[str, Any]) -> float:
    """How alike two keys, (tonic in semitones above C, 0 for major and 1 for minor), are."""
    (major, minor), step = sorted([a, b], key=lambda key: key[1]), (a[0] - b[0]) % 12
    if a[1] == b[1]:
        return {0: 1.0, 5: options["fifth"], 7: options["fifth"]}.get(step, 0.0)
    return {9: options["relative"], 0: options["parallel"]}.get((minor[0] - major[0]) % 12, 0.0)


@mirbench.hookimpl
def register_supervisions() -> list[mirbench.Supervision]:
    return [KeyDistance()]
