"""SemiSupCon: one contrastive loss over labelled and unlabelled clips (Guinot, Quinton, Fazekas, ISMIR 2024)."""

from __future__ import annotations

import mirbench


class SemiSupCon(mirbench.BackboneEncoder):
    """Three quarters of a batch know their tags: two clips attract each other where they share three tags or more; every clip
    attracts its own views. Chosen on the validation split of `mini`; the paper has half of a batch labelled and one shared tag."""

    name = "semisupcon"
    description = "semi-supervised contrastive learning: tags on a share of each batch"
    objective = "contrastive"
    trainable = True
    options = {
        **mirbench.TRAINING_OPTIONS,
        **mirbench.CONTRASTIVE_OPTIONS,
        **mirbench.LABEL_OPTIONS,
        "supervision": mirbench.Spec(name="shared-tags", threshold=3),
        "labelled_share": 0.75,  # b_s: share of labelled clips in each batch
        "unlabelled_in_denominator": True,  # whether a labelled clip is also set against clips of which nothing is known
    }


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [SemiSupCon()]
