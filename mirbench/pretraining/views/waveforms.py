"""Views of waveforms: the paper's training chain at severity s, for backbones that listen to samples.

Probabilities and ranges are those of SemiSupCon (arXiv 2407.13840), in its order: gain, polarity inversion, coloured noise, a filter,
pitch shift, echo; the chain as a whole with probability min(1, .8 s). How each effect sounds is audiomentations' matter, see effects.py
and pitch_shift.py. Where the paper's table leaves something open:

- "one filter of four, min(.6, .3 s) each": one of the four is chosen with even chances and then has its own probability, as members
  of a OneOf do; so a quarter of min(.6, .3 s) for each kind. Cut-offs and centres are drawn evenly on the mel scale and the steepness is
  12, 18 or 24 dB an octave with even chances, which is what audiomentations does;
- a spectral decay d is noise of power 1 / f^d;
- an echo's volume is .5 s -.2 .. +.2, between 0 and 1; its repeats 2 s - 1, 2 s or 2 s + 1, one or more; its attenuation
  min(1, .5 s) -.2 .. +.2, between 0 and 1;
- a range that a very small or large s turns around is its nearer end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from mirbench.pretraining.views import effects, pitch_shift

KINDS = ("low-pass", "high-pass", "band-pass", "band-stop")


@dataclass(frozen=True)
class WaveformViews:
    """severity: the paper's s, 1 by default, 0 for clean views. sample_rate: Hz."""

    severity: float = 1.0
    sample_rate: int = 22_050

    def __call__(self, audio: Tensor, generator: torch.Generator) -> Tensor:
        """audio: (views, samples) float32, anywhere. Returns the same shape, augmented independently view by view.

        generator: on the CPU, all the randomness there is; parameters are drawn from it for every view, used or not. On a CPU the work is
        done by one thread, whatever torch's setting: its steps are too small to share, and worker processes are what makes views faster.
        """
        s, rate, device = self.severity, self.sample_rate, audio.device
        if s == 0 or not audio.numel():
            return audio
        views = len(audio)

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(views, generator=generator)

        def chance(p: float) -> Tensor:
            return torch.rand(views, generator=generator) < p

        active = chance(min(1, 0.8 * s))
        louder, inverted = active & chance(min(0.7, 0.4 * s)), active & chance(min(0.8, 0.6 * s))
        noisy, filtered = active & chance(min(0.8, 0.6 * s)), active & chance(min(0.6, 0.3 * s))
        moved, echoed = active & chance(min(0.75, 0.6 * s)), active & chance(min(0.6, 0.6 * s))
        gain_db, snr_db, decay = uniform(-15 * s, 5 * s), uniform(3 / s, 30 / s), uniform(-2 * s, 2 * s)
        low_hz, high_hz, stop = self._band(torch.randint(4, (views,), generator=generator), uniform)
        order = torch.randint(effects.ORDERS[0], effects.ORDERS[-1] + 1, (views,), generator=generator)
        semitones, late = uniform(-4 * s, 4 * s), uniform(min(0.5, 0.1 / s), 0.5)
        volume, attenuation = ((uniform(-0.2, 0.2) + middle).clamp(0, 1) for middle in (0.5 * s, min(1, 0.5 * s)))
        repeats = (torch.randint(-1, 2, (views,), generator=generator) + round(2 * s)).clamp_min(1)
        noise = torch.Generator(device).manual_seed(int(torch.randint(2**62, (1,), generator=generator)))

        def apply(where: Tensor, effect: Callable[[Tensor, Tensor], Tensor]) -> None:
            if where.any():
                index = where.nonzero().flatten()
                there = index.to(device)
                out.index_copy_(0, there, effect(out.index_select(0, there), index))

        with _one_thread(device):
            out = effects.gain(audio, torch.where(louder, gain_db, 0.0)).mul_(torch.where(inverted, -1.0, 1.0).to(device)[:, None])
            apply(noisy, lambda x, i: effects.add_coloured_noise(x, snr_db[i], decay[i], rate, noise))
            apply(filtered, lambda x, i: effects.butterworth(x, low_hz[i], high_hz[i], stop[i], order[i], rate))
            apply(moved, lambda x, i: pitch_shift.pitch_shift(x, semitones[i]))
            apply(echoed, lambda x, i: effects.echo(x, late[i], volume[i], repeats[i], attenuation[i], rate))
        return out

    def _band(self, kind: Tensor, uniform: Callable[[float, float], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """kind: (views,) numbers of KINDS. The edges, (views,) Hz each, and whether what is between them is stopped, (views,) bool."""
        s = self.severity
        nyquist = self.sample_rate / 2
        cuts = ((min(7500, max(75, 150 / s)), 7500 / max(1, s)), (min(nyquist, 200 * s), min(nyquist, 2400 * s)), (200, 4000), (200, 4000))
        lowest, highest = (torch.tensor([_mel(cut[end]) for cut in cuts])[kind] for end in (0, 1))
        hertz = 700 * (10 ** (torch.lerp(lowest, highest, uniform(0, 1)) / 2595) - 1)
        half = hertz * uniform(min(1.99, 0.5 * s), 1.99) / 2
        band = kind >= KINDS.index("band-pass")
        stop = (kind == KINDS.index("high-pass")) | (kind == KINDS.index("band-stop"))
        return torch.where(band, hertz - half, 0.0), torch.where(band, hertz + half, hertz), stop


def _mel(hertz: float) -> float:
    """O'Shaughnessy's mel scale, which audiomentations draws on."""
    return 2595 * math.log10(1 + hertz / 700)


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """A thread that waits for another at every small step waits for whatever else runs there: 50 times as long on two busy cores."""
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
