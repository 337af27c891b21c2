"""SampleCNN and TUNe+ in plain torch, layer by layer as their authors publish them, to be compared with ours."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool1d

CHANNELS = (128, 128, 256, 256, 256, 256, 256, 256, 512)


def block(inputs: int, outputs: int, stride: int = 1, padding: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(inputs, outputs, 3, stride, padding), nn.BatchNorm1d(outputs), nn.ReLU())


class SampleCNN(nn.Sequential):
    """(batch, 59,535 samples) -> (batch, 512)."""

    def __init__(self) -> None:
        pairs = zip((128, *CHANNELS), CHANNELS, strict=False)
        blocks = [nn.Sequential(*block(inputs, outputs), nn.MaxPool1d(3)) for inputs, outputs in pairs]
        super().__init__(nn.Unflatten(1, (1, -1)), block(1, 128, 3, 0), *blocks, block(512, 512), nn.Flatten())


class TUNePlus(nn.Module):
    """(batch, 59,535 samples) -> (batch, 512)."""

    def __init__(self, channels: int = 11) -> None:
        super().__init__()
        one, two, three, four, five = (channels * 2**level for level in range(5))
        self.down = nn.ModuleList(block(i, o) for i, o in [(1, one), (one, two), (two, three), (three, four), (four, five)])
        ups = [(five, four), (four, three), (three, two), (two, one)]
        self.up = nn.ModuleList(nn.ConvTranspose1d(i, o, 3, stride=3) for i, o in ups)
        self.join = nn.ModuleList(block(2 * o, o) for _, o in ups)
        tail = [(33, 22), (66, 44), (132, 88), (264, 176), (176, 352), *[(352, 352)] * 3, (352, 512)]
        self.tail = nn.ModuleList(block(i, o) for i, o in tail)
        self.pool = nn.AvgPool1d(3)

    def forward(self, audio: Tensor) -> Tensor:
        downs = [self.down[0](audio[:, None])]
        for layer in self.down[1:]:
            downs.append(layer(max_pool1d(downs[-1], 3)))
        maps = [downs[-1]]
        for raise_, join, skip in zip(self.up, self.join, reversed(downs[:-1]), strict=True):
            maps.append(join(torch.cat([raise_(maps[-1]), skip], dim=1)))
        x = maps[-1]
        for number, layer in enumerate(self.tail):
            x = max_pool1d(x, 3)
            x = layer(torch.cat([x, maps[3 - number]], dim=1) if number < 4 else x)
        pooled: Tensor = self.pool(x).flatten(1)
        return pooled


AUTHORS = {"samplecnn": SampleCNN, "tune-plus": TUNePlus}
