"""Filters over the power spectrum of a batch of waveforms, and log-mel bands; the one module that knows torchaudio."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

N_FFT = 2048
HOP = 512
FLOOR = 1e-7  # power; about -70 dB below a full-scale sine's band power
TOGETHER = 16  # neighbouring filters, which reach over nearly the same bins
AT_ONCE = 256  # frames on a CPU, whose spectra stay in its cache


class FilterBank(nn.Module):
    """(batch, samples) float in about [-1, 1] -> (batch, filters, frames) power; frames are HOP samples apart, centred, of N_FFT samples
    under a Hann window, with silence around the audio.

    banks: (filters, N_FFT // 2 + 1), what each filter takes of each bin. Neighbours that reach over the same bins are best side by side:
    bins where they have nothing are left out.
    """

    banks: Tensor
    window: Tensor

    def __init__(self, banks: Tensor) -> None:
        super().__init__()
        self.hop = HOP
        self.spans = tuple(_span(banks, first) for first in range(0, len(banks), TOGETHER))
        self.register_buffer("banks", banks.contiguous(), persistent=False)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            audio = audio.float()
            if audio.shape[1] < N_FFT:
                audio = functional.pad(audio, (0, N_FFT - audio.shape[1]))
            frames = functional.pad(audio, (N_FFT // 2, N_FFT // 2)).unfold(1, N_FFT, HOP)
            batch, count, _ = frames.shape
            clips, step = (batch, count) if audio.is_cuda else (max(1, AT_ONCE // count), min(AT_ONCE, count))
            found = audio.new_empty(batch, count, len(self.banks))
            for clip in range(0, batch, clips):
                for frame in range(0, count, step):
                    there = (slice(clip, clip + clips), slice(frame, frame + step))
                    self._filter(frames[there], found[there])
            return found.transpose(1, 2)

    def _filter(self, frames: Tensor, found: Tensor) -> None:
        """frames: (clips, frames, N_FFT); found: (clips, frames, filters), to be filled."""
        squares = torch.view_as_real(torch.fft.rfft(frames * self.window)).square_()
        power = squares[..., 0] + squares[..., 1]
        for first, last, low, high in self.spans:
            found[..., first:last] = power[..., low:high] @ self.banks[first:last, low:high].T


def _span(banks: Tensor, first: int) -> tuple[int, int, int, int]:
    """The filters from this on that go together, and the bins that they reach over; the last of each not included."""
    last = min(first + TOGETHER, len(banks))
    bins = banks[first:last].any(dim=0).nonzero()[:, 0].tolist() or [0]
    return first, last, bins[0], bins[-1] + 1


class MelSpectrogram(FilterBank):
    """(batch, samples) float in about [-1, 1] -> (batch, bands, frames) log10 of the band power, floored; frames are HOP samples apart.

    Bands are triangular on Slaney's mel scale from 30 Hz to the Nyquist frequency, normalised by their width.
    """

    centres: Tensor

    def __init__(self, sample_rate: int, bands: int) -> None:
        from torchaudio.functional import melscale_fbanks

        banks = melscale_fbanks(N_FFT // 2 + 1, 30.0, sample_rate / 2, bands, sample_rate, norm="slaney", mel_scale="slaney")
        super().__init__(banks.T)
        frequencies = torch.linspace(0, sample_rate / 2, N_FFT // 2 + 1)
        self.register_buffer("centres", (banks * frequencies[:, None]).sum(0) / banks.sum(0), persistent=False)  # Hz

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio).clamp_min_(FLOOR).log10_()
