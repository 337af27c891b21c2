"""The networks in operations that a tracer follows whatever the batch and the length of the audio, for other programs to run.

Where a network asks how long its audio is, to pad it or to cut it, a tracer keeps the answer for its one example. Here that is computed
from the shape, as tensors, which is traced like all else.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mirbench.pretraining.backbones.mel import FLOOR, N_FFT, MelSpectrogram
from mirbench.pretraining.backbones.waveform import CLIP, LEAST, WaveformBackbone


def traceable(network: nn.Module, real: bool = False) -> nn.Module:
    """The network, which has the same weights, as one that a tracer follows; one that is none of ours as it is. real: without complex
    numbers, which ONNX has not."""
    if isinstance(getattr(network, "mel", None), MelSpectrogram):
        return TraceableMel(network, real).eval()
    return TraceableWaveform(network).eval() if isinstance(network, WaveformBackbone) else network


class TraceableMel(nn.Module):
    """As a network on log-mel bands, `encode(mel(audio))`."""

    def __init__(self, network: Any, real: bool) -> None:
        super().__init__()
        self.network, self.real = network, real

    def forward(self, audio: Tensor) -> Tensor:
        mel = self.network.mel
        samples: Any = torch._shape_as_tensor(audio)[1]
        audio = pad(audio, (0, N_FFT))[:, : samples.clamp_min(N_FFT)]
        frames = torch.stft(audio, N_FFT, mel.hop, window=mel.window, center=True, pad_mode="constant", return_complex=not self.real)
        real, imaginary = (frames[..., 0], frames[..., 1]) if self.real else (frames.real, frames.imag)
        bands = mel.banks @ (real.square() + imaginary.square())
        embedding: Tensor = self.network.encode(bands.clamp_min(FLOOR).log10())
        return embedding


class TraceableWaveform(nn.Module):
    """As a network on waveforms, which embeds longer audio clip by clip (see `waveform.cut`)."""

    def __init__(self, network: WaveformBackbone) -> None:
        super().__init__()
        self.network = network

    def forward(self, audio: Tensor) -> Tensor:
        samples: Any = torch._shape_as_tensor(audio)[1]
        count: Any = ((samples + CLIP - 1) // CLIP).clamp_min(1)
        last = (count - 1).clamp_min(1)
        starts = (torch.arange(count) * (samples - CLIP).clamp_min(0) + last - 1) // last
        places = starts[:, None] + torch.arange(samples.clamp(LEAST, CLIP))
        clips = pad(audio, (0, LEAST))[:, places].flatten(0, 1)
        return self.network.frames(clips).mean(dim=2).unflatten(0, (-1, count)).mean(dim=1)
