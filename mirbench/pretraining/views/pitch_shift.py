"""Pitch shift of a batch of views, each by its own interval, duration unchanged: a phase vocoder that resamples as it goes.

A frame of `size` samples is transformed, its phases are turned, and it is transformed back to `played` samples: the same spectrum, and
so the same sound, size / played times as high, interpolated by the transform itself and cut at the Nyquist frequency by it. Frames are
taken every played / 2 samples and laid down every played / 2 samples, so nothing moves in time. What is left is to make them meet in
phase. Frame t, heard size / played times faster, stands for size / 2 samples of sound since frame t - 1, while it was taken only
played / 2 later. What a bin's phase does in size / 2 samples is read where frame t is, from a second transform that begins so much
earlier: earlier[t]. The rotation of frame t is then

    turn[t] = turn[t-1] * spectrum[t-1] * conj(earlier[t]), made as long as one

(Flanagan and Golden, Bell System Technical Journal 45, 1966, with no angle to compute and none to unwrap). Bin by bin that lets the bins
of one partial drift apart, and a chord loses 2 dB and its edge; so each bin's product is summed with its neighbours', in which the
strongest weighs most, before the length is made one (after Puckette, Phase-locked vocoder, WASPAA 1995). Where partials are many bins
apart, two neighbours to either side are taken; lower, one. Frames are windowed by a half sine before and after, whose square, half a
frame apart, adds up to one.

The ratio size / played is that of two even numbers without a prime factor above 13, which transforms are fast at: within 2 cents of
what was asked, .3 on average. Measured (tests/pretraining/test_pitch_shift.py; shifts of -8 to 8 semitones): tones of 60 Hz to 3.5 kHz
stand 50 dB above all the rest, their level within .1 dB; the ends of a burst within 4 ms up to 4 semitones, 12 ms up to 8; a triad's
partials within 1 dB where they are 25 Hz or more apart. Closer ones may beat or merge, as they do in audiomentations' own from 50 Hz on;
an attack is softened over a window of some 100 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SHORTEST, LONGEST = 2000, 2560  # samples of a frame before it is played
REACH = (0, 64)  # from which bin on a bin shares its rotation with its first neighbours, and with its second
SILENCE = 1e-20  # against products of about 1e-3 for one 16-bit step


def _fast_sizes(largest: int) -> np.ndarray:
    """Even numbers up to `largest` whose prime factors are 13 or less."""
    sizes = np.arange(2, largest + 1, 2)
    rest = sizes.copy()
    for prime in (2, 3, 5, 7, 11, 13):
        while (divisible := rest % prime == 0).any():
            rest[divisible] //= prime
    return sizes[rest == 1]


PLAYED = _fast_sizes(8 * LONGEST)
SIZES = PLAYED[(PLAYED >= SHORTEST) & (PLAYED <= LONGEST)]


def frame_sizes(semitones: Sequence[float]) -> list[tuple[int, int]]:
    """For each interval (size, played), the two whose ratio is nearest to it."""
    wanted = SIZES / 2.0 ** (np.asarray(semitones, dtype=np.float64)[:, None] / 12)
    after = np.searchsorted(PLAYED, wanted).clip(1, len(PLAYED) - 1)
    played = np.where(wanted / PLAYED[after - 1] < PLAYED[after] / wanted, PLAYED[after - 1], PLAYED[after])
    best = np.abs(np.log(played / wanted)).argmin(axis=1)
    return [(int(SIZES[i]), int(row[i])) for i, row in zip(best, played, strict=True)]


def pitch_shift(audio: Tensor, semitones: Tensor) -> Tensor:
    """Views moved in pitch, as long as before.

    audio: (views, samples) float32. semitones: (views,), up where positive, -24 to 24. Returns (views, samples) float32.
    """
    views, samples = audio.shape
    if not audio.numel():
        return audio.clone()
    sizes = frame_sizes(semitones.tolist())
    margin = max(max(pair) for pair in sizes)
    padded = functional.pad(audio, (margin, 2 * margin))
    taken = [_spectra(row, size, played, samples, margin) for row, (size, played) in zip(padded, sizes, strict=True)]
    frames, bins = (max(spectrum.shape[axis] for spectrum, _ in taken) for axis in (0, 1))
    turns = torch.zeros(frames - 1, views, bins, dtype=torch.complex64, device=audio.device)
    for view, (spectrum, earlier) in enumerate(taken):
        own = turns[: len(earlier), view, : earlier.shape[1]]
        torch.mul(spectrum[:-1], earlier.conj(), out=own)
    _lock(turns)
    shifted = torch.empty_like(audio)
    for view, ((size, played), (spectrum, earlier)) in enumerate(zip(sizes, taken, strict=True)):
        spectrum[1:] *= turns[: len(earlier), view, : spectrum.shape[1]]
        grains = torch.fft.irfft(spectrum, n=played) * (_window(played, audio.device) * (played / size))
        half = played // 2
        shifted[view] = (grains[:-1, half:] + grains[1:, :half]).flatten()[:samples]
    return shifted


def _spectra(padded: Tensor, size: int, played: int, samples: int, margin: int) -> tuple[Tensor, Tensor]:
    """Of one view: frames around every played / 2-th sample, (frames, bins), and those size / 2 before all but the first of them."""
    hop, window = played // 2, _window(size, padded.device)
    count, bins = -(-samples // hop) + 1, min(size, played) // 2 + 1
    centred = padded[margin - size // 2 :].unfold(0, size, hop)[:count]
    before = padded[margin + hop - size :].unfold(0, size, hop)[: count - 1]
    return torch.fft.rfft(centred * window)[:, :bins], torch.fft.rfft(before * window)[:, :bins]


def _lock(turns: Tensor) -> None:
    """(frames, views, bins): from what each frame adds to the rotation of every bin, with a magnitude, to the rotations; in place."""
    turn = torch.ones_like(turns[0])
    own, total = torch.empty_like(turn), torch.empty_like(turn)
    for step in turns:
        torch.mul(turn, step, out=own)
        torch.add(own, turn, alpha=SILENCE, out=total)  # where nothing sounds, the rotation stays
        for k, low in enumerate(REACH, 1):
            total[:, low + k :] += own[:, low:-k]
            total[:, low:-k] += own[:, low + k :]
        turn = torch.sgn(total, out=step)


def _window(size: int, device: torch.device) -> Tensor:
    return torch.sin((torch.arange(size, device=device) + 0.5) * (math.pi / size))
