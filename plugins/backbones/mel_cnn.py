"""Convolutional networks on log-mel bands, light enough to train on two CPU cores."""

from __future__ import annotations

from typing import Any

import mirbench

BLOCKS = (*(f"blocks.{i}" for i in range(4)), "collapse", "along")


class MelCNN(mirbench.Backbone):
    name = "mel-cnn"
    description = "convolutions on log-mel bands, light enough for two CPU cores"
    bands = True
    blocks = BLOCKS

    def build(self, **options: Any) -> Any:
        return mirbench.MelCNN(**options)


class MelCNNSmall(mirbench.Backbone):
    name = "mel-cnn-small"
    description = "mel-cnn at half the width, trained in two fifths of the time"
    bands = True
    blocks = BLOCKS

    def build(self, **options: Any) -> Any:
        return mirbench.MelCNNSmall(**options)


@mirbench.hookimpl
def register_backbones() -> list[mirbench.Backbone]:
    return [MelCNN(), MelCNNSmall()]
