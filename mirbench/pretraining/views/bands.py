"""Augmented views, made where the light backbone listens: on the power of mel bands.

Gain, filters, coloured noise and echo act on a power spectrogram as they do on sound (noise and echo in expectation: cross
terms between two sounds average to nothing); detuning moves bands; polarity does nothing to a power and is left out.
A batch of 96 views costs some 20 ms, little beside the network's step, which is what lets the default run train within minutes on two
cores. Probabilities are the paper's at severity s, one filter of four among them, and ranges are after it: cut-offs are drawn in Hz,
filters fall by 12 dB an octave, an echo is a single one of .3 to .6 of the amplitude, and pitch shift is kept to detuning, since several
semitones would teach the space to forget key. The paper's own chain is in waveforms.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mirbench.pretraining.backbones.mel import FLOOR, HOP

FRAME_SECONDS = HOP / 22_050


@dataclass(frozen=True)
class MelViews:
    """centres: (bands,) Hz. severity: the paper's s, 1 by default, 0 for clean views. detune_cents: at most so much, at severity 1."""

    centres: Tensor
    severity: float = 1.0
    detune_cents: float = 50.0

    def __call__(self, mel: Tensor, generator: torch.Generator) -> Tensor:
        """mel: (views, frames, bands) log10 power. Returns the same shape, augmented independently view by view."""
        s, centres = self.severity, self.centres
        if s == 0:
            return mel
        views, frames, bands = mel.shape

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return low + (high - low) * torch.rand(*shape, generator=generator)

        def chance(p: float) -> Tensor:
            return torch.rand(views, generator=generator) < min(1.0, p)

        active = chance(0.8 * s)
        cents = uniform(-self.detune_cents, self.detune_cents, views) * s
        # coloured noise: SNR 3/s .. 30/s dB, slope -2s .. 2s decades of power per decade of frequency, exponentially distributed power
        snr, slope = uniform(3 / s, 30 / s, views), uniform(-2 * s, 2 * s, views)
        # echo: 100/s .. 500 ms, about half the amplitude
        delay = (uniform(min(0.5, 0.1 / s), 0.5, views) / FRAME_SECONDS).long().clamp(1, frames - 1)
        amount = (uniform(0.3, 0.6, views) * s).square()
        detuned, noisy, echoed = ((active & chance(min(most, 0.6 * s))).nonzero().flatten() for most in (0.75, 0.8, 0.6))
        decibels = self._equaliser(centres, active, s, uniform, chance)

        mel = mel.clone()
        mel[detuned] = self._detune(mel[detuned], centres, cents[detuned])
        power = 10.0**mel
        colour = (centres / 1000.0).clamp_min(0.05)[None, :] ** slope[noisy, None]
        colour = colour / colour.mean(dim=1, keepdim=True)
        level = power[noisy].mean(dim=(1, 2)) * 10 ** (-snr[noisy] / 10)
        exponential = -torch.rand(len(noisy), frames, bands, generator=generator).clamp_min(1e-30).log()
        power[noisy] += exponential * (level[:, None] * colour)[:, None, :]
        index = torch.arange(frames)[None, :] - delay[echoed, None]
        late = power[echoed[:, None], index.clamp_min(0)] * (index >= 0)[:, :, None]
        power[echoed] += amount[echoed, None, None] * late
        return (power.clamp_min(FLOOR).log10() + decibels[:, None, :] / 10).clamp_min(math.log10(FLOOR))

    @staticmethod
    def _detune(mel: Tensor, centres: Tensor, cents: Tensor) -> Tensor:
        """Moves every band's content by `cents` (views,), interpolating linearly between bands."""
        position = torch.arange(len(centres), dtype=torch.float32)
        slope = torch.gradient(centres)[0]  # Hz per band
        shift = centres[None, :] * (1 - 2 ** (-cents[:, None] / 1200)) / slope[None, :]
        source = (position[None, :] - shift).clamp(0, len(centres) - 1)
        lower = source.floor().long().clamp_max(len(centres) - 2)
        part = (source - lower)[:, None, :]
        frames = mel.shape[1]
        below = mel.gather(2, lower[:, None, :].expand(-1, frames, -1))
        above = mel.gather(2, (lower + 1)[:, None, :].expand(-1, frames, -1))
        return torch.lerp(below, above, part)

    @staticmethod
    def _equaliser(centres: Tensor, active: Tensor, s: float, uniform: Callable[..., Tensor], chance: Callable[[float], Tensor]) -> Tensor:
        """(views, bands) dB: one of low-pass, high-pass, band-pass and band-stop, 12 dB an octave, and gain, each of the two by chance."""
        views, f = len(active), centres[None, :]
        low_cut = uniform(max(75, 150 / s), 7500 / max(1, s), views)[:, None]
        high_cut = uniform(200 * s, 2400 * s, views)[:, None]
        centre, width = uniform(200, 4000, views)[:, None], uniform(0.5 * s, 1.99, views)[:, None]
        low_pass = -10 * torch.log10(1 + (f / low_cut) ** 4)
        high_pass = -10 * torch.log10(1 + (high_cut / f) ** 4)
        edges = centre * width / 2
        band_pass = -10 * torch.log10(1 + ((f - centre) / edges) ** 4)
        band_stop = (-10 * torch.log10(1 + (edges / (f - centre).abs().clamp_min(1.0)) ** 4)).clamp_min(-40)
        kinds = torch.stack([low_pass, high_pass, band_pass, band_stop]).clamp_min(-40)
        kind = uniform(0, len(kinds), views).long().clamp_max(len(kinds) - 1)
        total = kinds[kind, torch.arange(views)] * (active & chance(min(0.6, 0.3 * s)))[:, None]
        return total + (uniform(-15 * s, 5 * s, views) * (active & chance(min(0.7, 0.4 * s))))[:, None]
