"""`tune` and `tune-plus`: a U-Net on the waveform with a tail that pools it to an embedding (Vélez Vásquez & Burgoyne 2022, Tailed U-Net:
Multi-Scale Music Representation Learning).

Down: five blocks (convolution of three, batch norm, ReLU) of C, 2C, 4C, 8C, 16C channels, max-pooling by three between. Up: four times
a transposed convolution by three, and a block on its output together with the down map of that size. Tail: nine times
max-pooling by three and a block. In `tune-plus` the first four blocks of the tail also read the map of their size from the way up:
the up maps of 2C, 4C, 8C channels and the bottom of 16C.

The order of channels where two maps meet, for whoever loads weights: first what was just computed (transposed convolution, max-pooling),
then the older map. Convolutions and transposed ones have a bias; a transposed one has neither norm nor ReLU. Modules are in the
order of execution. The way up needs a multiple of 3^4 samples: other clips are padded with zeros. For longer audio see `waveform`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from mirbench.pretraining.backbones.channels_last import ConvTranspose
from mirbench.pretraining.backbones.waveform import WaveformBackbone, conv_block


class _Up(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.transposed = ConvTranspose(2 * channels, channels, 3, stride=3)
        self.block = conv_block(2 * channels, channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.block(torch.cat([self.transposed(x), skip], dim=1))


class TUNe(WaveformBackbone):
    """Waveforms (batch, samples) at `sample_rate` to embeddings (batch, dim).

    channels: C. tail_skips: whether the tail also reads the maps of the way up.
    """

    def __init__(self, channels: int = 11, dim: int = 512, tail_skips: bool = False) -> None:
        super().__init__()
        self.dim, self.tail_skips = dim, tail_skips
        sizes = [channels * 2**level for level in range(5)]
        self.down = nn.ModuleList(conv_block(i, o) for i, o in zip([1, *sizes[:-1]], sizes, strict=True))
        self.up = nn.ModuleList(_Up(size) for size in reversed(sizes[:-1]))
        tail = [*sizes[1:], *[2 * sizes[-1]] * 4, dim]
        skips = [*sizes[1:], 0, 0, 0, 0, 0] if tail_skips else [0] * 9
        inputs = [i + s for i, s in zip([sizes[0], *tail[:-1]], skips, strict=True)]
        self.tail = nn.ModuleList(conv_block(i, o) for i, o in zip(inputs, tail, strict=True))

    def maps(self, image: Tensor) -> Tensor:
        downs = [self.down[0](pad(image, (0, -image.shape[3] % 3**4)))]
        for block in self.down[1:]:
            downs.append(block(max_pool2d(downs[-1], (1, 3))))
        ups = [downs.pop()]
        for stage in self.up:
            ups.append(stage(ups[-1], downs.pop()))
        x = ups.pop()
        skips = ups if self.tail_skips else []
        for block in self.tail:
            x = max_pool2d(x, (1, 3))
            x = block(torch.cat([x, skips.pop()], dim=1) if skips else x)
        return x


class TUNePlus(TUNe):
    """TUNe whose tail also reads the maps of the way up."""

    def __init__(self, channels: int = 11, dim: int = 512, tail_skips: bool = True) -> None:
        super().__init__(channels, dim, tail_skips)
