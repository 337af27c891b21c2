"""SupCon: the same contrastive training with labels on every clip of a batch (Khosla et al. 2020)."""

from __future__ import annotations

import mirbench


class SupConOptions(mirbench.TrainingOptions, mirbench.ContrastiveOptions, mirbench.LabelOptions):
    """Chosen on validation groups of `mini-large`, see results/reference/recipe.md."""

    supervision = mirbench.Spec(name="shared-tags", threshold=3)


class SupCon(mirbench.BackboneEncoder):
    """Every clip is labelled: two attract each other where their labels are alike, here where they share three tags or more."""

    name = "supcon"
    description = "supervised contrastive learning: labels on every clip of a batch"
    objective = "contrastive"
    labelled_share = 1.0
    trainable = True
    options = SupConOptions()


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [SupCon()]
