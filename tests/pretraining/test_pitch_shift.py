"""Pitch shift: by so many cents, as long and as loud as before, and near what audiomentations makes of the same."""

import itertools
import math
import random

import audiomentations
import numpy as np
import pytest
import torch

from mirbench.pretraining.pitch_shift import pitch_shift

RATE = 22_050
SAMPLES = 59_535
SHIFTS = torch.tensor([-8.0, -4.0, -2.5, -0.3, 0.0, 0.7, 1.0, 3.3, 4.0, 8.0])


def tone(hertz, samples=SAMPLES):
    return 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(samples, dtype=torch.float64) / RATE).float()


def heard(audio):
    """(frequency in Hz, level of everything else below the tone in dB) of the middle of a tone."""
    middle = audio[4096:-4096].double()
    size = 2**19
    power = torch.fft.rfft(middle * torch.hann_window(len(middle), dtype=torch.float64), n=size).abs().square()
    peak = int(power.argmax())
    a, b, c = power[peak - 1 : peak + 2].log().tolist()
    own = float(power[peak - 400 : peak + 400].sum())
    rest = max(float(power.sum()) - own, 1e-30)
    return (peak + (a - c) / (2 * (a - 2 * b + c))) * RATE / size, 10 * math.log10(own / rest)


@pytest.mark.parametrize("hertz", [60.0, 110.0, 440.0, 1760.0, 3500.0])
def test_a_tone_is_moved_by_the_cents_asked_for_and_stays_a_tone(hertz):
    shifted = pitch_shift(tone(hertz).expand(len(SHIFTS), -1), SHIFTS)
    assert shifted.shape == (len(SHIFTS), SAMPLES)
    for row, semitones in zip(shifted, SHIFTS.tolist(), strict=True):
        found, clean = heard(row)
        assert abs(1200 * math.log2(found / hertz) - 100 * semitones) < 0.1  # the bound asked for is 5 cents
        assert clean > 27
        assert 20 * math.log10(float(row[4096:-4096].std() / tone(hertz)[4096:-4096].std())) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("semitones", [-8.0, -4.0, 4.0, 8.0])
def test_a_burst_begins_and_ends_where_it_did(semitones):
    audio = tone(880.0).clone()
    audio[:15_000] = 0
    audio[40_000:] = 0
    (shifted,) = pitch_shift(audio[None], torch.tensor([semitones]))
    level = torch.nn.functional.avg_pool1d(shifted.square()[None, None], 221, 1, padding=110)[0, 0].sqrt()
    loud = (level > 0.5 * float(level.max())).nonzero().flatten()
    assert abs(int(loud[0]) - 15_000) < 0.025 * RATE
    assert abs(int(loud[-1]) - 40_000) < 0.025 * RATE
    assert float(level[20_000:35_000].std() / level[20_000:35_000].mean()) < 0.1


def test_every_view_is_shifted_by_its_own_interval_alone():
    views = torch.stack([tone(300.0), tone(500.0), tone(900.0)])
    shifts = torch.tensor([2.0, -3.0, 0.5])
    together = pitch_shift(views, shifts)
    for row in range(3):
        torch.testing.assert_close(together[row], pitch_shift(views[row : row + 1], shifts[row : row + 1])[0], atol=1e-5, rtol=1e-4)


def chord(semitones=0.0):
    """Three notes of six partials, decaying."""
    time = torch.arange(SAMPLES) / RATE
    notes = [220.0, 277.2, 329.6]
    parts = [torch.sin(2 * math.pi * f * k * 2 ** (semitones / 12) * time) / k for f in notes for k in range(1, 7)]
    return 0.1 * torch.stack(parts).sum(0) * torch.exp(-time / 2)


def spectrum(audio):
    """Level in dB of a third of an octave from 150 Hz to 3 kHz."""
    power = torch.fft.rfft(audio[4096:-4096]).abs().square()
    hertz = torch.linspace(0, RATE / 2, len(power))
    edges = 150 * 2 ** (torch.arange(14) / 3)
    return torch.stack([10 * power[(hertz >= a) & (hertz < b)].sum().log10() for a, b in itertools.pairwise(edges)])


@pytest.mark.parametrize("semitones", [-4.0, -1.5, 2.0, 4.0])
def test_a_chord_sounds_as_it_does_from_audiomentations(semitones):
    """The spectrum by thirds of an octave: as near to a chord played at that pitch as audiomentations' is, within half a decibel."""
    random.seed(0)
    twin = audiomentations.PitchShift(min_semitones=semitones, max_semitones=semitones, p=1.0)(chord().numpy(), RATE)
    ours = pitch_shift(chord()[None], torch.tensor([semitones]))[0]
    played = spectrum(chord(semitones))
    strong = played > played.max() - 30
    ours_off, twin_off = ((spectrum(torch.as_tensor(x)) - played)[strong].abs().mean() for x in (ours, np.ravel(twin)))
    assert float(ours_off) < float(twin_off) + 0.5
    assert float(ours_off) < 2


@pytest.mark.parametrize("samples", [1, 2, 100, 600, 5000])
def test_short_silent_and_constant_views_stay_finite(samples):
    views = torch.stack([torch.zeros(samples), torch.ones(samples), torch.rand(samples)])
    shifted = pitch_shift(views, torch.tensor([3.0, -3.0, 8.0]))
    assert shifted.shape == views.shape
    assert torch.isfinite(shifted).all()
    assert float(shifted[0].abs().max()) == 0
