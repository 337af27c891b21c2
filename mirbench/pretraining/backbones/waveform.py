"""What the backbones on raw audio share: from audio of any length to one embedding.

Such a network is made for clips of 2.7 s. It runs over longer audio, but not well: `samplecnn` ends in a convolution that reads one
frame back and one ahead, where a clip has only zeros, so that training on clips never touches those weights. So longer audio is cut
into clips, evenly spaced and as many as cover it, as the harness does (evaluation/embedding/windows.py), and the embedding is
their mean. Shorter audio is padded with zeros up to LEAST, the least that the published networks take.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mirbench.pretraining.backbones.channels_last import BatchNorm, Conv, as_image

CLIP = 59_535  # samples, 2.7 s
LEAST = 3**10  # samples
AT_ONCE = 24  # clips


def conv_block(inputs: int, outputs: int, stride: int = 1, padding: int = 1, pooled: int = 1) -> nn.Sequential:
    """Convolution of three, batch norm, ReLU, over maps as in `channels_last`. pooled: by how many, with the maximum, in front of the ReLU,
    which gives the same and has less to do. He's weights, so that an untrained network still tells inputs apart."""
    conv = Conv(inputs, outputs, 3, stride, padding)
    nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu")
    pooling = [nn.MaxPool2d((1, pooled))] if pooled > 1 else []
    return nn.Sequential(conv, BatchNorm(outputs), *pooling, nn.ReLU(inplace=True))


def cut(audio: Tensor) -> Tensor:
    """(batch, samples) -> (batch, clips, samples of a clip, LEAST to CLIP).

    >>> [tuple(cut(torch.zeros(1, samples)).shape[1:]) for samples in (1, 59_100, 59_535, 59_536, 200_000)]
    [(1, 59049), (1, 59100), (1, 59535), (2, 59535), (4, 59535)]
    """
    samples = audio.shape[1]
    if samples <= CLIP:
        return functional.pad(audio, (0, max(0, LEAST - samples)))[:, None]
    last = -(-samples // CLIP) - 1
    starts = [-(-index * (samples - CLIP) // last) for index in range(last + 1)]
    return torch.stack([audio[:, start : start + CLIP] for start in starts], dim=1)


class WaveformBackbone(nn.Module):
    """Waveforms (batch, samples) at `sample_rate` to embeddings (batch, dim)."""

    sample_rate = 22_050
    dim: int

    def frames(self, clips: Tensor) -> Tensor:
        """(clips, samples), LEAST to CLIP of them, -> (clips, dim, frames)."""
        return self.maps(as_image(clips[:, None]))[:, :, 0]

    def maps(self, image: Tensor) -> Tensor:
        """(clips, 1, 1, samples) -> (clips, dim, 1, frames), both as in `channels_last`."""
        raise NotImplementedError(f"{type(self).__name__} has no maps")

    def forward(self, audio: Tensor) -> Tensor:
        clips = cut(audio)
        batch, count, _ = clips.shape
        together = batch * count if self.training else max(batch, AT_ONCE)  # batch statistics are of the whole batch
        pooled = [self.frames(part).mean(dim=2) for part in clips.flatten(0, 1).split(together)]
        return torch.cat(pooled).unflatten(0, (batch, count)).mean(dim=1)
