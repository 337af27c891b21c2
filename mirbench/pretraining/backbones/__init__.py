"""Backbones: torch modules that map waveforms (batch, samples) at their `sample_rate` to (batch, dim).

In: the name of one, and its options. Out: a module with fresh weights.
"""

from __future__ import annotations

from typing import Any

from mirbench.errors import MirbenchError
from mirbench.registry import components as parts


def build_backbone(name: str, **options: Any) -> Any:
    """The backbone of that name with fresh weights, a torch.nn.Module with `sample_rate` (Hz) and `dim`.

    name: as in `mirbench list backbones`, which plugins extend. options: the backbone's own. Raises MirbenchError for an unknown name or
    option.

    >>> import torch
    >>> backbone = build_backbone("mel-cnn").eval()
    >>> tuple(backbone(torch.zeros(2, 59_535)).shape) == (2, backbone.dim)
    True
    """
    found = parts.backbone(name)
    try:
        return found.build(**options)
    except TypeError as error:
        raise MirbenchError(f"backbone '{name}' cannot be built with {options}: {error}.") from error
