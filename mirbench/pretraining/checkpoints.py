"""Checkpoints: safetensors for the weights and a JSON for everything needed to rebuild the encoder. Loading executes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from mirbench.errors import MirbenchError

WEIGHTS, ABOUT = "weights.safetensors", "encoder.json"


def save_checkpoint(folder: Path, module: nn.Module, about: dict[str, Any]) -> None:
    """about: JSON-able; goes beside the weights."""
    from safetensors.torch import save_file

    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}, folder / WEIGHTS)
    (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


def load_checkpoint(folder: Path, module: nn.Module) -> None:
    """Fills the module. Raises MirbenchError where the file is missing, damaged, or of another shape, with the difference."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise MirbenchError(f"the checkpoint {path} cannot be read: {error}; delete its folder to train it again.") from error
    own = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in weights.items()}
    if own != found:
        differences = [
            f"{n}: {found.get(n, 'missing')} instead of {own.get(n, 'nothing')}"
            for n in sorted({*own, *found})
            if own.get(n) != found.get(n)
        ]
        raise MirbenchError(
            f"the checkpoint {path} is of another shape: {'; '.join(differences[:4])}{' ...' if len(differences) > 4 else ''}."
        )
    module.load_state_dict(weights)
