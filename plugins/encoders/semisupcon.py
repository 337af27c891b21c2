"""SemiSupCon: one contrastive loss over labelled and unlabelled clips (Guinot, Quinton, Fazekas, ISMIR 2024)."""

from __future__ import annotations

import mirbench


class SemiSupConOptions(mirbench.SemiSupervisedOptions):
    """Chosen on validation groups of `mini-large` (results/reference/recipe.md); the paper has half of a batch labelled however few labels
    there are, and one shared tag."""

    supervision = mirbench.Spec(name="shared-tags", threshold=3)
    labelled_share = "auto"


class SemiSupCon(mirbench.BackboneEncoder):
    """Half of a batch, or less where there are few labels, know their tags: two clips attract each other where they share three tags or
    more; every clip attracts its own views."""

    name = "semisupcon"
    description = "semi-supervised contrastive learning: tags on a share of each batch"
    objective = "contrastive"
    trainable = True
    options = SemiSupConOptions()


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [SemiSupCon()]
