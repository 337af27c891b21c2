"""`mel-cnn`: a small 2D convolutional network on log-mel bands, light enough to train on two CPU cores.

The embedding keeps its place on the frequency axis: the last feature map is pooled over time only, because what a probe
needs for key and pitch is *where* on the axis something happens. (Pooling over both axes is what most networks do.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mirbench.pretraining.backbones.mel import MelSpectrogram


class _Block(nn.Sequential):
    """Convolution, batch norm, ReLU; stride is (frequency, time)."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int], kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class MelCNN(nn.Module):
    """Waveforms (batch, samples) at `sample_rate` to embeddings (batch, dim).

    channels: of the five blocks, each halving frequency and, but for the last two, time.
    """

    sample_rate = 22_050

    def __init__(self, channels: tuple[int, ...] = (16, 32, 64, 128, 128), bands: int = 128) -> None:
        super().__init__()
        self.mel = MelSpectrogram(self.sample_rate, bands)
        self.norm = nn.BatchNorm1d(bands)
        strides = [(2, 2), (2, 2), (2, 2), (2, 1), (1, 1)]
        sizes = [1, *channels]
        self.blocks = nn.ModuleList(
            _Block(a, b, s, 5 if i == 0 else 3) for i, (a, b, s) in enumerate(zip(sizes, channels, strides, strict=False))
        )
        self.dim = channels[-1] * bands // 16 * 2

    def forward(self, audio: Tensor) -> Tensor:
        return self.encode(self.mel(audio))

    def maps(self, mel: Tensor):
        x = self.norm(mel)[:, None].to(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x)
        return x

    def encode(self, mel: Tensor) -> Tensor:
        """Log-mel bands (batch, bands, frames) to embeddings: mean and maximum over time of each channel at each frequency."""
        x = self.maps(mel)
        return torch.cat([x.mean(dim=3), x.amax(dim=3)], dim=1).flatten(1)
