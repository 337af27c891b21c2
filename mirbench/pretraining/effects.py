"""Effects on a batch of waveforms, each view with its own strength, in torch; pure functions of (audio, parameters).

audiomentations is the source of truth for how each sounds (tests/pretraining/test_effects.py sets them side by side). Filters are
Butterworth's, applied in the frequency domain with the very response, magnitude and phase, of the digital filter that scipy designs:
by the bilinear transform all four kinds are one analog low-pass prototype 1 / B(jx), of which only the variable x differs (Oppenheim
and Schafer, Discrete-Time Signal Processing, chapter 7).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

KINDS = ("low-pass", "high-pass", "band-pass", "band-stop")
ORDERS = (2, 3, 4)  # 12, 18 and 24 dB an octave
PROTOTYPES = ((1.0, 1.414214, 1.0, 0.0, 0.0), (1.0, 2.0, 2.0, 1.0, 0.0), (1.0, 2.613126, 3.414214, 2.613126, 1.0))  # of B, by order
RING = 4096  # samples after a view in which a filter may ring before it comes round to the beginning
LARGEST = 1e4  # of x, so that its eighth power is a float32
COLOUR_BINS = 128  # below the first of so many bins noise has no colour


def gain(audio: Tensor, decibels: Tensor) -> Tensor:
    """audio: (views, samples); decibels: (views,)."""
    return audio * 10.0 ** (decibels.to(audio) / 20)[:, None]


def coloured_noise(audio: Tensor, snr_db: Tensor, decay: Tensor, generator: torch.Generator, sample_rate: int) -> Tensor:
    """The audio with Gaussian noise, snr_db (views,) below its RMS level, whose power falls (or rises) by `decay` (views,) dB an octave.

    generator: on the CPU, or where the audio is. The noise is made in the frequency domain.
    """
    views, samples = audio.shape
    size = _fast_size(samples)
    bins = size // 2 + 1
    spectrum = torch.randn(views, bins, 2, generator=generator, device=generator.device).to(audio.device)
    frequencies = torch.linspace(0, sample_rate / 2, bins, device=audio.device).clamp_min(sample_rate / COLOUR_BINS)
    exponent = decay.to(audio) / (20 * math.log10(2))  # of the amplitude
    spectrum *= torch.exp(exponent[:, None] * (frequencies / 1000).log()[None, :])[..., None]
    noise = torch.fft.irfft(torch.view_as_complex(spectrum), n=size)[:, :samples]
    level = _rms(audio) * 10.0 ** (-snr_db.to(audio) / 20) / _rms(noise).clamp_min(1e-20)
    return torch.addcmul(audio, noise, level[:, None])


def butterworth(audio: Tensor, kind: Tensor, order: Tensor, low: Tensor, high: Tensor, sample_rate: int) -> Tensor:
    """Filtered audio, as scipy's sosfilt gives it from the steady state of the first sample on.

    audio: (views, samples); kind: (views,) numbers of KINDS; order: (views,) of ORDERS; low, high: (views,) Hz, the edges of a band; a
    low-pass and a high-pass have their cut-off in `low`. Edges are kept below the Nyquist frequency.
    """
    samples = audio.shape[1]
    size = _fast_size(samples + RING)
    nyquist = sample_rate / 2
    warped = torch.tan(torch.linspace(0, math.pi / 2, size // 2 + 1, device=audio.device).clamp_max(math.pi / 2 - 1e-4))[None, :]
    first, second = (torch.tan(math.pi / 2 * (edge.to(audio) / nyquist).clamp(1e-6, 0.9999))[:, None] for edge in (low, high))
    kind = kind.to(audio.device)[:, None]
    band = (warped.square() - first * second) / (warped * (second - first)).clamp_min(1e-12)
    x = torch.where(kind == 0, warped / first, torch.where(kind == 1, -first / warped.clamp_min(1e-12), band))
    x = torch.where(kind == 3, -1 / torch.where(band.abs() < 1 / LARGEST, 1 / LARGEST, band), x).clamp_(-LARGEST, LARGEST)
    b = torch.tensor(PROTOTYPES, device=audio.device)[order.to(audio.device) - ORDERS[0]][:, :, None]
    square = x.square()
    real = (b[:, 4] * square - b[:, 2]) * square + b[:, 0]
    imaginary = (b[:, 1] - b[:, 3] * square) * x
    response = torch.complex(real, -imaginary) / (real.square() + imaginary.square())
    start = audio[:, :1]
    passed = torch.fft.irfft(torch.fft.rfft(audio - start, n=size) * response, n=size)[:, :samples]
    return torch.where((kind == 0) | (kind == 3), passed + start, passed)  # what was constant before the first sample has passed, or not


def delay(audio: Tensor, seconds: Tensor, volume: Tensor, repeats: Tensor, attenuation: Tensor, sample_rate: int) -> Tensor:
    """The audio with echoes: the r-th, r = 1 ... repeats, comes r * seconds late at volume * attenuation^(r - 1).

    seconds, volume, attenuation: (views,); repeats: (views,) int. The sum is scaled by 1 / (1 + the echoes' volumes) where that exceeds
    one, so that no echo can make a view clip.
    """
    samples = audio.shape[1]
    late = (seconds.to(torch.float64) * sample_rate).round().long()
    total, volumes = audio.clone(), torch.ones_like(seconds)
    for r in range(1, int(repeats.max()) + 1 if len(repeats) else 1):
        level = volume * attenuation ** (r - 1) * (repeats >= r)
        volumes = volumes + level
        for view in level.nonzero().flatten().tolist():
            after = r * int(late[view])
            if after < samples:
                total[view, after:].add_(audio[view, : samples - after], alpha=float(level[view]))
    return total / volumes.to(audio)[:, None]


def _rms(audio: Tensor) -> Tensor:
    return torch.linalg.vector_norm(audio, dim=1) / math.sqrt(max(1, audio.shape[1]))


def _fast_size(samples: int) -> int:
    """The next product of a power of two and 1, 3, 5, 9 or 15: sizes that Fourier transforms are fast at."""
    return min(m * 2 ** max(1, math.ceil(math.log2(max(2, samples) / m))) for m in (1, 3, 5, 9, 15))
