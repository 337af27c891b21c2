"""The network of an encoder that has a backbone, by itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from mirbench.pretraining.checkpoints import load_checkpoint, weights_folder
from mirbench.pretraining.encoder import BackboneEncoder


def network_of(encoder: BackboneEncoder, folder: Path | None, options: Mapping[str, Any], seed: int) -> nn.Module:
    """As `BackboneEncoder.load` has it, on the CPU: waveforms (batch, samples) float32 -> (batch, dim), in eval mode. folder: of the
    checkpoint, or None, for fresh weights of the seed."""
    network: nn.Module = encoder._build(options, seed)
    if folder is not None:
        load_checkpoint(weights_folder(folder, options), network)
    return network.eval()
