"""Log-mel bands of a batch of waveforms; the one module that knows torchaudio."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

N_FFT = 2048
HOP = 512
FLOOR = 1e-7  # power; about -70 dB below a full-scale sine's band power


class MelSpectrogram(nn.Module):
    """(batch, samples) float in about [-1, 1] -> (batch, bands, frames) log10 of the band power, floored; frames are HOP samples apart.

    Bands are triangular on Slaney's mel scale from 30 Hz to the Nyquist frequency, normalised by their width.
    """

    banks: Tensor
    window: Tensor
    centres: Tensor

    def __init__(self, sample_rate: int, bands: int) -> None:
        super().__init__()
        from torchaudio.functional import melscale_fbanks

        banks = melscale_fbanks(N_FFT // 2 + 1, 30.0, sample_rate / 2, bands, sample_rate, norm="slaney", mel_scale="slaney")
        frequencies = torch.linspace(0, sample_rate / 2, N_FFT // 2 + 1)
        self.hop = HOP
        self.register_buffer("banks", banks.T.contiguous(), persistent=False)
        self.register_buffer("centres", (banks * frequencies[:, None]).sum(0) / banks.sum(0), persistent=False)  # Hz
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            audio = audio.float()
            if audio.shape[1] < N_FFT:
                audio = functional.pad(audio, (0, N_FFT - audio.shape[1]))
            spectrum = torch.stft(audio, N_FFT, HOP, window=self.window, center=True, pad_mode="constant", return_complex=True)
            power = spectrum.real.square() + spectrum.imag.square()
            return (self.banks @ power).clamp_min(FLOOR).log10()
