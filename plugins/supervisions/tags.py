"""Tags: two clips are alike where they share words. `shared-tags` counts them, `dice` weighs them (Guinot et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mirbench

if TYPE_CHECKING:
    import torch


class Dice(mirbench.Supervision):
    """Weighted mode of the paper: 2 |a & b| / (|a| + |b|), 0 where both clips have no tag."""

    name = "dice"
    description = "how large a share of their tags two clips have in common"
    annotation = "tags"
    target = "multilabel"

    def encode(self, labels: Sequence[Any], options: Mapping[str, Any]) -> torch.Tensor:
        import torch

        column = {name: j for j, name in enumerate(sorted({name for names in labels for name in names}))}
        one_hot = torch.zeros(len(labels), len(column))
        for i, names in enumerate(labels):
            one_hot[i, [column[name] for name in names]] = 1
        return one_hot

    def similarity(self, encoded: torch.Tensor, options: Mapping[str, Any]) -> torch.Tensor:
        return _targets(encoded, weighted=True)


class SharedTagsOptions(mirbench.Options):
    threshold = mirbench.option(1, "tags that two clips must share to be alike", ge=1, why=", the number of tags to share")


class SharedTags(Dice):
    """Threshold mode of the paper: 1 where two clips share at least `threshold` tags, else 0."""

    name = "shared-tags"
    description = "whether two clips have at least `threshold` tags in common"
    options = SharedTagsOptions()

    def similarity(self, encoded: torch.Tensor, options: Mapping[str, Any]) -> torch.Tensor:
        return _targets(encoded, threshold=options["threshold"])


def _targets(encoded: torch.Tensor, **mode: Any) -> torch.Tensor:
    import torch

    clips = torch.arange(len(encoded), device=encoded.device)
    return mirbench.label_targets(clips, encoded, torch.ones_like(clips, dtype=torch.bool), **mode)


@mirbench.hookimpl
def register_supervisions() -> list[mirbench.Supervision]:
    return [SharedTags(), Dice()]
