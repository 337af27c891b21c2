"""`samplecnn` and `samplecnn-xl`: convolutions of three samples on the waveform (Lee et al. 2018, SampleCNN; the sizes are those of
CLMR, Spijkervet & Burgoyne 2021, and of SemiSupCon, Guinot et al. 2024).

A convolution of three with stride three, nine of stride one with max-pooling by three behind each, and one more: of a clip one frame
is left, of 3^10 = 59,049 samples. Every convolution has a bias and is followed by its batch norm and a ReLU; modules are in the order
of execution. Of longer audio the published networks flatten the frames; here they are pooled (`waveform`).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mirbench.pretraining.backbones.waveform import WaveformBackbone, conv_block

CHANNELS = (128, 128, 256, 256, 256, 256, 256, 256, 512)
CHANNELS_XL = (128, 128, 256, 256, 512, 512, 1024, 1024, 2048)


class SampleCNN(WaveformBackbone):
    """Waveforms (batch, samples) at `sample_rate` to embeddings (batch, dim). channels: of the nine blocks with max-pooling."""

    def __init__(self, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        if len(channels) != len(CHANNELS):
            raise TypeError(f"channels are {len(CHANNELS)} numbers, not {len(channels)}")
        self.dim = channels[-1]
        blocks = [conv_block(1, channels[0], stride=3, padding=0)]
        for inputs, outputs in zip([channels[0], *channels[:-1]], channels, strict=True):
            blocks.append(conv_block(inputs, outputs, pooled=3))
        blocks.append(conv_block(self.dim, self.dim))
        self.blocks = nn.Sequential(*blocks)

    def maps(self, image: Tensor) -> Tensor:
        return self.blocks(image)


class SampleCNNXL(SampleCNN):
    """SampleCNN with up to 2,048 channels: ten times the parameters, a tenth more to compute."""

    def __init__(self, channels: Sequence[int] = CHANNELS_XL) -> None:
        super().__init__(channels)
