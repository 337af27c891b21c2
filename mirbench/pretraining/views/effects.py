"""Effects on a batch of waveforms, each view with its own strength: pure functions of the audio and of one tensor for each parameter.

audiomentations 0.43 is the source of truth for how each sounds; tests/pretraining/test_effects.py sets them side by side. Its noise is
white noise through a filter of 128 random-phase taps, and so is this one, made in the frequency domain. Its filters are Butterworth's
as scipy designs them, by the bilinear transform: on the unit circle the digital filter *is* the analog one at the frequency
W = tan(pi f / sample_rate), and the four kinds are the low-pass prototype 1 / B(jx) with four x (Oppenheim and Schafer, Discrete-Time
Signal Processing, 7.1):

    band-pass  x = (W - low high / W) / (high - low)        low-pass:  the same from low = 0
    band-stop  x = -1 / that of the band-pass               high-pass: the same from low = 0

The prototype of order 2, 3 or 4 is 1 / ((1 - x^2 + j a x) (1 - c x^2 + j d x)).
"""

from __future__ import annotations

import math

import torch
from scipy.fft import next_fast_len
from torch import Tensor

ORDERS = (2, 3, 4)  # 12, 18 and 24 dB an octave
PROTOTYPES = ((math.sqrt(2), 0.0, 0.0), (1.0, 0.0, 1.0), (2 * math.sin(math.pi / 8), 1.0, 2 * math.cos(math.pi / 8)))  # a, c, d, by order
RING_SECONDS = 0.35  # after a view, where a filter may ring before it comes round to the beginning: 95 dB for a band of 25 Hz
LARGEST = 1e4  # of x, so that its eighth power is a float32
TAPS = 128  # of the filter that colours noise


def gain(audio: Tensor, gain_db: Tensor) -> Tensor:
    """audio: (views, samples); gain_db: (views,)."""
    return audio * 10 ** (gain_db.to(audio) / 20)[:, None]


def add_coloured_noise(audio: Tensor, snr_db: Tensor, decay: Tensor, sample_rate: int, generator: torch.Generator) -> Tensor:
    """Adds Gaussian noise of power 1 / f^decay, `snr_db` below each view's own RMS level over the whole view.

    audio: (views, samples); snr_db: (views,); decay: (views,), 0 white, 1 pink, 2 brown, -2 violet: -3.01 dB an octave each, what
    audiomentations calls an f_decay of -3.01. As there, the law holds at multiples of sample_rate / 128 with random
    phases, and the lowest of them counts as 1 Hz, so that noise of positive decay is mostly rumble below 170 Hz.
    generator: on the audio's device.
    """
    views, samples = audio.shape
    size = next_fast_len(samples + samples % 2, real=True)
    frequency = torch.fft.rfftfreq(TAPS, 1 / sample_rate, device=audio.device)
    frequency[0] = 1.0
    level = -0.5 * decay.to(audio)[:, None] * frequency.log()
    level = (level - level.amax(dim=1, keepdim=True)).exp()
    phase = 2 * math.pi * torch.rand(level.shape, generator=generator, device=audio.device)
    colour = torch.fft.rfft(torch.fft.irfft(torch.polar(level, phase), n=TAPS), n=size)
    white = torch.randn(views, size // 2 + 1, generator=generator, device=audio.device, dtype=torch.complex64)
    noise = torch.fft.irfft(white.mul_(colour), n=size)[:, :samples]
    wanted = _rms(audio) * 10 ** (-snr_db.to(audio) / 20) / _rms(noise).clamp_min(1e-20)
    return torch.addcmul(audio, noise, wanted[:, None])


def butterworth(audio: Tensor, low_hz: Tensor, high_hz: Tensor, stop: Tensor, order: Tensor, sample_rate: int) -> Tensor:
    """Passes the band from low to high, or stops it; from 0 Hz that is a low-pass, or a high-pass, with its cut-off at `high_hz`.

    audio: (views, samples); low_hz, high_hz: (views,) Hz, edges at -3 dB, kept below the Nyquist frequency; stop: (views,) bool; order:
    (views,) of ORDERS. As in audiomentations, the filter is in the steady state of the view's first sample when that comes.
    """
    samples = audio.shape[1]
    size = next_fast_len(samples + round(RING_SECONDS * sample_rate), real=True)
    at = torch.linspace(0, math.pi / 2, size // 2 + 1, dtype=torch.float64).tan().clamp(1e-9, 1e9)
    edges = torch.stack([low_hz, high_hz])[:, :, None].double().clamp_max(0.9999 * (sample_rate // 2))
    low, high = (edges * (math.pi / sample_rate)).tan()
    first, width = (low * high).float().to(audio.device), (high - low).clamp_min(1e-9).float().to(audio.device)
    at, stops = at.float().to(audio.device), stop.to(audio.device)[:, None]
    x = (at - first / at) / width
    x = torch.where(stops, -1 / x, x).clamp_(-LARGEST, LARGEST)
    a, c, d = torch.tensor(PROTOTYPES, device=audio.device)[order.to(audio.device) - ORDERS[0]].T[:, :, None]
    square = x * x
    response = 1 / (torch.complex(1 - square, a * x) * torch.complex(1 - c * square, d * x))
    start = audio[:, :1]
    passed = torch.fft.irfft(torch.fft.rfft(audio - start, n=size).mul_(response), n=size)[:, :samples]
    constant = ((low_hz == 0) != stop).to(audio)[:, None]  # whether 0 Hz passes
    return torch.addcmul(passed, start, constant)


def echo(audio: Tensor, delay_seconds: Tensor, volume: Tensor, repeats: Tensor, attenuation: Tensor, sample_rate: int) -> Tensor:
    """Adds to the sound, which stays as it was, its echoes: the k-th is k delays late and attenuation^(k - 1) * volume as loud.

    y[n] = x[n] + volume * sum over k = 1 .. repeats of attenuation^(k - 1) * x[n - k * delay], nothing before the view's start.
    audio: (views, samples); delay_seconds, volume, attenuation: (views,); repeats: (views,) int.
    """
    samples = audio.shape[1]
    total = audio.clone()
    late = (delay_seconds * sample_rate).round().long().clamp_min(1)
    for view, numbers in enumerate(zip(late.tolist(), volume.tolist(), repeats.tolist(), attenuation.tolist(), strict=True)):
        delay, level, count, factor = numbers
        for begun in range(delay, min(count * delay, samples - 1) + 1, delay):
            total[view, begun:].add_(audio[view, : samples - begun], alpha=level)
            level *= factor
    return total


def _rms(audio: Tensor) -> Tensor:
    return torch.linalg.vector_norm(audio, dim=1) / math.sqrt(max(1, audio.shape[1]))
