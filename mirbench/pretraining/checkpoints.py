"""Checkpoints: safetensors for the weights and a JSON for everything needed to rebuild the encoder. Loading executes nothing.

A state to resume from is one safetensors file: weights of the network and its head, the optimiser's moments, and the rest as JSON in
its header.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mirbench.engine.files import write_atomically
from mirbench.errors import MirbenchError
from mirbench.records import ABOUT

WEIGHTS = "weights.safetensors"


class DamagedState(MirbenchError):
    """A training state that cannot be gone on from."""


def save_checkpoint(folder: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """weights: a state_dict. metadata: JSON-able; goes beside the weights. Each file is the old one or the whole new one."""
    from safetensors.torch import save

    write_atomically(folder / WEIGHTS, save(_plain(weights)))
    write_atomically(folder / ABOUT, json.dumps(metadata, indent=1, sort_keys=True, default=str) + "\n")


def weights_folder(folder: Path, options: Mapping[str, Any]) -> Path:
    """Where the weights of a checkpoint lie: in its folder, or in the one of `last` and `best` that the options say."""
    return folder if (folder / WEIGHTS).is_file() else folder / str(options.get("checkpoint", "last"))


def load_checkpoint(folder: Path, module: nn.Module) -> None:
    """Fills the module. Raises MirbenchError where the file is missing, damaged, or of another shape, with the difference."""
    path = folder / WEIGHTS
    weights, _ = _read(path, "give another checkpoint or, if it lies in the cache, delete its folder to train it again")
    own = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    saved = {name: tuple(t.shape) for name, t in weights.items()}
    if own != saved:
        differences = [
            f"{n}: {saved.get(n, 'missing')} instead of {own.get(n, 'nothing')}"
            for n in sorted({*own, *saved})
            if own.get(n) != saved.get(n)
        ]
        raise MirbenchError(
            f"the checkpoint {path} is of another shape: {'; '.join(differences[:4])}{' ...' if len(differences) > 4 else ''}; "
            "set the backbone that it was trained with, or give another checkpoint."
        )
    module.load_state_dict(weights)


def save_state(path: Path, modules: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer, facts: Mapping[str, Any]) -> None:
    """facts: JSON-able, such as the step. Written whole or not at all."""
    from safetensors.torch import save

    tensors = {f"{name}/{key}": tensor for name, module in modules.items() for key, tensor in module.state_dict().items()}
    moments = optimiser.state_dict()["state"]
    tensors |= {f"optimiser/{i}/{key}": value for i, values in moments.items() for key, value in values.items()}
    plain, told = _plain(tensors), json.dumps(facts)
    write_atomically(path, save(plain, metadata={"facts": told, "digest": _digest(plain, told)}))


def load_state(path: Path, modules: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Fills modules and optimiser with what `save_state` wrote; returns the facts. Raises DamagedState for a file that is not as it
    was written, before anything is filled, and MirbenchError for one that does not fit."""
    try:
        tensors, metadata = _read(path, "")
    except MirbenchError:
        tensors, metadata = {}, {}
    if metadata.get("digest") != _digest(tensors, metadata.get("facts", "")):
        raise DamagedState(f"the training state {path} is not as it was written.")
    try:
        for name, module in modules.items():
            module.load_state_dict({key.removeprefix(f"{name}/"): t for key, t in tensors.items() if key.startswith(f"{name}/")})
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimiser/"):
                _, number, what = key.split("/")
                moments.setdefault(int(number), {})[what] = tensor
        optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
        facts: dict[str, Any] = json.loads(metadata["facts"])
    except (KeyError, ValueError, RuntimeError) as error:
        raise MirbenchError(f"the training state {path} does not fit: {error}; delete it to train from the beginning.") from error
    return facts


def _digest(tensors: Mapping[str, Tensor], facts: str) -> str:
    """Of all that a state holds."""
    found = hashlib.blake2b(facts.encode(), digest_size=16)
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _read(path: Path, remedy: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.offset_keys()}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise MirbenchError(f"the checkpoint {path} cannot be read: {error}; {remedy}.") from error
