"""Supervised: the same backbone, views and steps, trained end to end to predict the labels."""

from __future__ import annotations

import mirbench


class SupervisedOptions(mirbench.TrainingOptions, mirbench.LabelOptions):
    """As of all that learn from labels."""


class Supervised(mirbench.BackboneEncoder):
    """Binary cross-entropy on tags, cross-entropy on one-hot labels; every clip of a batch is labelled."""

    name = "supervised"
    description = "end-to-end training on the labels, then frozen"
    objective = "prediction"
    labelled_share = 1.0
    trainable = True
    options = SupervisedOptions()


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [Supervised()]
