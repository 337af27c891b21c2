"""`mel-cnn`: a small convolutional network on log-mel bands, light enough to train on two CPU cores.

Four 2D blocks shrink frequency sixteenfold and time fourfold (93 ms a frame: a quaver of a reel still has a frame or two).
Two branches read them: one keeps its place on the frequency axis and is pooled over time only, because what a probe needs
for key and pitch is *where* on the axis something happens; the other collapses frequency and looks along time, for what
makes a texture or a rhythm. The embedding is both, side by side: mean and maximum over time of the first (1,536 numbers), mean,
maximum and standard deviation of the second (768).

`mel-cnn-small` is half as wide, shrinks time in the first block already, and leaves out the learned gain of each band, the gradient
of which costs as much as a block. A quarter of the operations; a training step takes two fifths of the time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mirbench.pretraining.backbones.channels_last import FirstConv, as_image
from mirbench.pretraining.backbones.mel import MelSpectrogram

SCALE = (-3.5, 1.5)  # about the mean and the spread of log10 band power in music


def _block(inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int]) -> nn.Sequential:
    """Convolution, batch norm, ReLU over (frequency, time)."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    convolution = (FirstConv if inputs == 1 else nn.Conv2d)(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class MelCNN(nn.Module):
    """Waveforms (batch, samples) at `sample_rate` to embeddings (batch, dim).

    first_stride: how much the first block shrinks time, 1, 2 or 4; the third does the rest of four. gains: whether bands have a learned
    gain and offset.
    """

    sample_rate = 22_050

    def __init__(
        self,
        channels: tuple[int, int, int, int] = (16, 32, 64, 96),
        global_channels: int = 256,
        bands: int = 128,
        collapsed_channels: int = 128,
        first_stride: int = 2,
        gains: bool = True,
    ) -> None:
        super().__init__()
        self.mel = MelSpectrogram(self.sample_rate, bands)
        self.norm = nn.BatchNorm2d(bands, affine=gains)
        one, two, three, four = channels
        self.blocks = nn.Sequential(
            _block(1, one, (5, 5), (2, first_stride)),
            _block(one, two, (3, 3), (2, 1)),
            _block(two, three, (3, 3), (2, 4 // first_stride)),
            _block(three, four, (3, 3), (2, 1)),
        )
        height = bands // 16
        self.collapse = nn.Sequential(
            nn.Conv2d(four, collapsed_channels, (height, 1), bias=False), nn.BatchNorm2d(collapsed_channels), nn.ReLU(inplace=True)
        )
        self.along = _block(collapsed_channels, global_channels, (1, 9), (1, 1))
        self.dim = 2 * four * height + 3 * global_channels

    def forward(self, audio: Tensor) -> Tensor:
        return self.encode(self.mel(audio))

    def encode(self, mel: Tensor) -> Tensor:
        """Log-mel bands (batch, bands, frames) to embeddings."""
        x = self.blocks(as_image(self.norm(((mel - SCALE[0]) / SCALE[1])[:, :, None])[:, :, 0]))
        y = self.along(self.collapse(x))[:, :, 0]
        where = [x.mean(dim=3).flatten(1), x.amax(dim=3).flatten(1)]
        spread = (y - y.mean(dim=2, keepdim=True)).float().square().mean(dim=2)
        return torch.cat([*where, y.mean(dim=2), y.amax(dim=2), (spread + 1e-5).sqrt().to(y)], dim=1)


class MelCNNSmall(MelCNN):
    """MelCNN in its smaller size."""

    def __init__(self, bands: int = 128) -> None:
        super().__init__((8, 16, 32, 48), 128, bands, collapsed_channels=64, first_stride=4, gains=False)
