"""Views of waveforms: the paper's training chain at severity s, batched, for backbones that listen to samples.

Each effect is computed for the views that it falls on, all of them together, on the device where the audio is. How each sounds is
audiomentations' matter (see effects.py and pitch_shift.py); probabilities and ranges are the paper's (arXiv 2407.13840), in its order:
gain, polarity, coloured noise, a filter, pitch shift, echo, and all that with probability min(1, .8 s). One of four filters is chosen
by an even chance and then has its own probability, as in audiomentations' OneOf; cut-off and centre frequencies are drawn evenly
on the mel scale, and steepness is 12, 18 or 24 dB an octave, as its filters do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mirbench.pretraining.effects import KINDS, ORDERS, butterworth, coloured_noise, delay, gain
from mirbench.pretraining.pitch_shift import pitch_shift


@dataclass(frozen=True)
class WaveformViews:
    """severity: the paper's s, 1 by default, 0 for clean views. sample_rate: Hz."""

    severity: float = 1.0
    sample_rate: int = 22_050

    def __call__(self, audio: Tensor, generator: torch.Generator) -> Tensor:
        """audio: (views, samples) float32. Returns the same shape, augmented independently view by view; randomness is `generator`'s alone,
        a generator on the CPU."""
        s = self.severity
        if s == 0:
            return audio
        views = len(audio)

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(views, generator=generator)

        def chance(p: float) -> Tensor:
            return torch.rand(views, generator=generator) < min(1.0, p)

        active = chance(0.8 * s)
        falls = {
            "gain": active & chance(min(0.7, 0.4 * s)),
            "polarity": active & chance(min(0.8, 0.6 * s)),
            "noise": active & chance(min(0.8, 0.6 * s)),
            "filter": active & chance(min(0.6, 0.3 * s)),
            "pitch": active & chance(min(0.75, 0.6 * s)),
            "delay": active & chance(min(0.6, 0.6 * s)),
        }
        decibels, snr_db, decay = uniform(-15 * s, 5 * s), uniform(3 / s, 30 / s), uniform(-2 * s, 2 * s)
        semitones = uniform(-4 * s, 4 * s)
        kind = torch.randint(len(KINDS), (views,), generator=generator)
        order = torch.randint(ORDERS[0], ORDERS[-1] + 1, (views,), generator=generator)
        low, high = self._edges(kind, uniform(0, 1), uniform(0.5 * s, 1.99))
        seconds, volume = uniform(min(0.5, 0.1 / s), 0.5), (0.5 * s * uniform(0.8, 1.2)).clamp_max(1.0)
        repeats = torch.full((views,), max(1, round(2 * s)))
        attenuation = torch.full((views,), min(1.0, 0.5 * s))
        noise = _where(generator, audio.device)

        out = audio.clone()
        for name, effect in (
            ("gain", lambda x, at: gain(x, decibels[at])),
            ("polarity", lambda x, at: -x),
            ("noise", lambda x, at: coloured_noise(x, snr_db[at], decay[at], noise, self.sample_rate)),
            ("filter", lambda x, at: butterworth(x, kind[at], order[at], low[at], high[at], self.sample_rate)),
            ("pitch", lambda x, at: pitch_shift(x, semitones[at])),
            ("delay", lambda x, at: delay(x, seconds[at], volume[at], repeats[at], attenuation[at], self.sample_rate)),
        ):
            at = falls[name].nonzero().flatten()
            if len(at):
                out[at.to(audio.device)] = effect(out[at.to(audio.device)], at)
        return out

    def _edges(self, kind: Tensor, place: Tensor, fraction: Tensor) -> tuple[Tensor, Tensor]:
        """(views,) Hz: cut-off or lower edge, and upper edge. place: 0 to 1, where on the mel scale; fraction: bandwidth over centre."""
        s = self.severity
        spans = {
            "low-pass": (max(75.0, 150 / s), 7500 / max(1.0, s)),
            "high-pass": (200 * s, min(self.sample_rate / 2, 2400 * s)),
            "band-pass": (200.0, 4000.0),
            "band-stop": (200.0, 4000.0),
        }
        lowest, highest = (torch.tensor([_mel(spans[name][end]) for name in KINDS])[kind] for end in (0, 1))
        centre = 700 * (10 ** ((lowest + (highest - lowest) * place) / 2595) - 1)
        band = kind >= KINDS.index("band-pass")
        return torch.where(band, centre * (1 - fraction / 2), centre), centre * (1 + fraction / 2)


def _mel(hertz: float) -> float:
    """O'Shaughnessy's mel scale, as audiomentations has it."""
    return 2595 * math.log10(1 + hertz / 700)


def _where(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """A generator on the device, seeded from the one on the CPU; that one itself on the CPU."""
    if device.type == "cpu":
        return generator
    seed = int(torch.randint(2**62, (1,), generator=generator))
    return torch.Generator(device).manual_seed(seed)
