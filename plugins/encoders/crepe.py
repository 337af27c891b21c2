"""CREPE: a layer of a network that tracks the pitch of one voice (Kim, Salamon, Li, Bello, ICASSP 2018), with the weights of torchcrepe.

torchcrepe is by Max Morrison. What the weights were trained on is told as in the authors' README: scores on `nsynth` may be of audio that
CREPE was trained on, and so may be the training songs of `medley-solos-db`, which are MedleyDB's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import mirbench

from ._packaged import PackagedEncoder

if TYPE_CHECKING:
    import numpy as np
    import torch

FRAME = 1024  # samples
AT_ONCE = 64  # frames; each takes 2 MB in the full network
EPSILON = 0.001  # of batch normalisation
LAYERS = tuple(f"conv{number}" for number in range(1, 6))  # those that an embedding comes from


class CrepeOptions(mirbench.Options):
    """The pitch tracker's own hop is 10 ms, at 6.4 times the work."""

    hop_ms = mirbench.option(64.0, "milliseconds from a frame to the next, where a frame lasts 64", ge=1, le=1000)
    pool = mirbench.option("mean", "how frames become one embedding; mean-std has twice the numbers", choices=("mean", "mean-std"))


class Crepe(PackagedEncoder):
    """The output of the fifth layer, as `torchcrepe.embed` gives it, over time: 2,048 numbers. Each frame is brought to mean 0 and
    deviation 1, so that loudness is not heard."""

    name = "crepe"
    description = "CREPE, trained to track the pitch of one voice; slow without a GPU"
    sample_rate = 16_000
    window_seconds = 30.0
    packages = {"torchcrepe": "pip install 'mirbench-audio[models]'"}
    options = CrepeOptions()
    home = "https://github.com/maxrmorrison/torchcrepe"
    licence = "MIT"
    citation = "J. W. Kim, J. Salamon, P. Li and J. P. Bello, CREPE: a convolutional representation for pitch estimation, ICASSP 2018"
    trained_on = ("nsynth",)
    trained_with = "MIR-1K, Bach10, RWC-Synth, MedleyDB, MDB-STEM-Synth and NSynth, of which it is not said which part"
    capacity: ClassVar[str] = "full"
    seconds_per_frame: ClassVar[float] = 0.014

    def embedding_cost(self, options: Mapping[str, Any]) -> float:
        return 1000 / options["hop_ms"] * self.seconds_per_frame

    def weight_files(self, folder: Path | None, options: Mapping[str, Any]) -> list[Path]:
        return [self.folder() / "assets" / f"{self.capacity}.pth"]

    def count_parameters(self, options: Mapping[str, Any]) -> int:
        import torch

        weights = torch.load(self.weight_files(None, options)[0], map_location="cpu", weights_only=True)
        return sum(each.numel() for name, each in weights.items() if name[:5] in LAYERS and name.endswith((".weight", ".bias")))

    def load(self, folder: Path | None, options: Mapping[str, Any], seed: int, device: str) -> Callable[[np.ndarray], np.ndarray]:
        import torch

        weights = torch.load(self.weight_files(folder, options)[0], map_location=device, weights_only=True)
        hop = round(options["hop_ms"] * self.sample_rate / 1000)

        def embed(audio: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return torch.stack([pooled(clip) for clip in torch.as_tensor(audio, dtype=torch.float32)]).numpy()

        def pooled(clip: torch.Tensor) -> torch.Tensor:
            frames = torch.nn.functional.pad(clip, (FRAME // 2, FRAME // 2)).unfold(0, FRAME, hop)
            embedded = torch.cat([_embed_frames(part.to(device), weights) for part in frames.split(AT_ONCE)]).cpu()
            mean = embedded.mean(dim=0)
            return mean if options["pool"] == "mean" else torch.cat([mean, embedded.std(dim=0, correction=0)])

        return embed


class CrepeTiny(Crepe):
    """A smaller network, a thirtieth of the work: 256 numbers."""

    name = "crepe-tiny"
    description = "the smallest CREPE, trained to track the pitch of one voice"
    capacity = "tiny"
    seconds_per_frame = 0.00045


def _embed_frames(frames: torch.Tensor, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """(frames, 1024) samples -> (frames, dim), as `torchcrepe.Crepe.embed`, which has its convolutions in two dimensions and takes twice as
    long."""
    from torch.nn import functional

    x = frames - frames.mean(dim=1, keepdim=True)
    x = (x / x.std(dim=1, keepdim=True).clamp(min=1e-10))[:, None]
    for convolution in LAYERS:
        first, normalisation = convolution == LAYERS[0], f"{convolution}_BN"
        x = functional.pad(x, (254, 254) if first else (31, 32))
        kernel, bias = weights[f"{convolution}.weight"].squeeze(3), weights[f"{convolution}.bias"]
        x = functional.conv1d(x, kernel, bias, stride=4 if first else 1).relu()
        mean, variance, scale, shift = (weights[f"{normalisation}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        x = functional.max_pool1d(functional.batch_norm(x, mean, variance, scale, shift, eps=EPSILON), 2)
    return x.flatten(1)


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [Crepe(), CrepeTiny()]
