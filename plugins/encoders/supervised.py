"""Supervised: the same backbone, views and steps, trained end to end to predict the tags."""

from __future__ import annotations

import mirbench


class Supervised(mirbench.BackboneEncoder):
    """Binary cross-entropy on the tags of the labelled clips."""

    name = "supervised"
    description = "end-to-end training on the tags, then frozen"
    objective = "classification"
    trainable = True
    options = {**mirbench.TRAINING_OPTIONS, **mirbench.LABEL_OPTIONS}


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [Supervised()]
