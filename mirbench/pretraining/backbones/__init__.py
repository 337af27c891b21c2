"""Backbones by name: torch modules that map waveforms (batch, samples) at their `sample_rate` to (batch, dim)."""

from __future__ import annotations

import importlib
from typing import Any

from mirbench.errors import MirbenchError, unknown_name

BACKBONES = {"mel-cnn": "mirbench.pretraining.backbones.mel_cnn:MelCNN"}
"""name -> module:class, imported when first built."""


def build_backbone(name: str, **options: Any) -> Any:
    """The backbone of that name with fresh weights, a torch.nn.Module with `sample_rate` (Hz) and `dim`.

    options: the class's own arguments. Raises MirbenchError for an unknown name or option.

    >>> import torch
    >>> backbone = build_backbone("mel-cnn").eval()
    >>> tuple(backbone(torch.zeros(2, 59_535)).shape) == (2, backbone.dim)
    True
    """
    if name not in BACKBONES:
        raise unknown_name("backbone", name, BACKBONES)
    module, _, cls = BACKBONES[name].partition(":")
    try:
        return getattr(importlib.import_module(module), cls)(**options)
    except TypeError as error:
        raise MirbenchError(f"backbone '{name}' cannot be built with {options}: {error}.") from error
