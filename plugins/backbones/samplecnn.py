"""SampleCNN: convolutions of three samples on the waveform (Lee et al. 2018)."""

from __future__ import annotations

from typing import Any

import mirbench

BLOCKS = tuple(f"blocks.{i}" for i in range(11))


class SampleCNN(mirbench.Backbone):
    name = "samplecnn"
    description = "convolutions of three samples on the waveform, 2.4 million parameters"
    blocks = BLOCKS

    def build(self, **options: Any) -> Any:
        return mirbench.SampleCNN(**options)


class SampleCNNXL(mirbench.Backbone):
    name = "samplecnn-xl"
    description = "samplecnn with up to 2,048 channels, 25 million parameters"
    blocks = BLOCKS

    def build(self, **options: Any) -> Any:
        return mirbench.SampleCNNXL(**options)


@mirbench.hookimpl
def register_backbones() -> list[mirbench.Backbone]:
    return [SampleCNN(), SampleCNNXL()]
