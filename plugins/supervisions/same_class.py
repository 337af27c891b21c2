"""Same class: two clips are alike where one annotation says the same of both, such as their genre or instrument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mirbench

if TYPE_CHECKING:
    import torch


class SameClass(mirbench.Supervision):
    name = "same-class"
    description = "whether two clips are of one class: genre, or any annotation with one value a clip"
    annotation = "genre"
    target = "multiclass"

    def encode(self, labels: Sequence[Any], options: Mapping[str, Any]) -> torch.Tensor:
        import torch

        number = {name: i for i, name in enumerate(sorted(set(labels)))}
        return torch.tensor([[number[label]] for label in labels], dtype=torch.float32)

    def similarity(self, encoded: torch.Tensor, options: Mapping[str, Any]) -> torch.Tensor:
        return (encoded == encoded.T).float()


@mirbench.hookimpl
def register_supervisions() -> list[mirbench.Supervision]:
    return [SameClass()]
