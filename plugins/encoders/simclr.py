"""SimCLR: the same contrastive training without any label (Chen et al. 2020)."""

from __future__ import annotations

import mirbench


class SimCLROptions(mirbench.TrainingOptions, mirbench.ContrastiveOptions):
    """As of all that learn by contrast."""


class SimCLR(mirbench.BackboneEncoder):
    """Every clip attracts its own views only."""

    name = "simclr"
    description = "self-supervised contrastive learning: no labels"
    objective = "contrastive"
    trainable = True
    options = SimCLROptions()


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [SimCLR()]
