"""Supervised: the same backbone, views and steps, trained end to end to predict the labels."""

from __future__ import annotations

import mirbench


class Supervised(mirbench.BackboneEncoder):
    """Binary cross-entropy on tags, cross-entropy on one-hot labels; every clip of a batch is labelled."""

    name = "supervised"
    description = "end-to-end training on the labels, then frozen"
    objective = "prediction"
    labelled_share = 1.0
    trainable = True
    options = {**mirbench.TRAINING_OPTIONS, **mirbench.LABEL_OPTIONS}


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [Supervised()]
