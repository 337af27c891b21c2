"""Each effect beside its audiomentations twin, and echoes beside some written sample by sample."""

import itertools
import math
import random

import audiomentations
import numpy as np
import pytest
import torch

from mirbench.pretraining.views.effects import add_coloured_noise, butterworth, echo, gain

RATE = 22_050
DECIBELS = 20 * math.log10(2) / 2  # an octave, of a decay of one


def music(views=1, samples=RATE, seed=0):
    """Noise that swells, with an offset, so that the first sample and the level matter."""
    draw = np.random.default_rng(seed)
    return torch.tensor(draw.standard_normal((views, samples)) * (0.1 + 0.1 * np.sin(np.arange(samples) / 3000)) + 0.03).float()


def each(*values):
    return (torch.tensor([value]) for value in values)


@pytest.fixture
def seeded():
    """audiomentations draws from the global generators, which are put back."""
    states = random.getstate(), np.random.get_state()
    random.seed(1)
    np.random.seed(1)
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])


def test_gain_is_its_twin():
    audio = music()
    twin = audiomentations.Gain(min_gain_db=-7.5, max_gain_db=-7.5, p=1.0)(audio[0].numpy(), RATE)
    np.testing.assert_allclose(gain(audio, torch.tensor([-7.5]))[0], twin, rtol=1e-5)


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize(("kind", "at", "fraction"), [
    ("LowPass", 75.0, 0.0), ("LowPass", 2000.0, 0.0), ("LowPass", 7500.0, 0.0), ("HighPass", 200.0, 0.0), ("HighPass", 2400.0, 0.0),
    ("BandPass", 200.0, 0.5), ("BandPass", 2000.0, 1.0), ("BandPass", 4000.0, 1.99), ("BandStop", 200.0, 0.5), ("BandStop", 2000.0, 1.0),
    ("BandStop", 4000.0, 1.99), ("HighPass", 12_000.0, 0.0), ("BandPass", 9000.0, 0.9)])  # fmt: skip
def test_filters_are_their_twins_to_single_precision(seeded, kind, at, fraction, order):
    """Sample by sample, from the first one on, within 90 dB of the loudest; 57 dB where an edge is moved below the Nyquist frequency,
    since scipy's steady state of such a filter is that far off."""
    audio, steep = music(), {"min_rolloff": 6 * order, "max_rolloff": 6 * order, "p": 1.0}
    if fraction:
        steep |= {"min_bandwidth_fraction": fraction, "max_bandwidth_fraction": fraction, "min_center_freq": at, "max_center_freq": at}
        low, high = at * (1 - fraction / 2), at * (1 + fraction / 2)
    else:
        steep |= {"min_cutoff_freq": at, "max_cutoff_freq": at}
        low, high = 0.0, at
    wanted = getattr(audiomentations, f"{kind}Filter")(**steep)(audio[0].numpy(), RATE)
    found = butterworth(audio, *each(low, high, kind in ("HighPass", "BandStop"), order), RATE)[0].numpy()
    bound = 1.4e-3 if at * (1 + fraction / 2) > RATE / 2 else 3e-5
    assert np.abs(found - wanted).max() < bound * float(audio.abs().max())


def test_a_filter_does_not_ring_into_the_beginning():
    """A click at the end of a view, through the narrowest and steepest band-pass of severity a half: nothing before it."""
    early, late = torch.zeros(1, RATE), torch.zeros(1, RATE)
    early[0, 100], late[0, -1] = 1.0, 1.0
    rings, comes_round = (butterworth(click, *each(175.0, 225.0, False, 4), RATE)[0].abs() for click in (early, late))
    assert float(comes_round.max()) < 1e-4 * float(rings.max())


def octaves_db(noise):
    """Mean power of half-octave bands from 350 Hz to 8 kHz, in dB."""
    power, hertz = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(len(noise), 1 / RATE)
    edges = 350 * 2 ** (np.arange(10) / 2)
    return np.array([10 * np.log10(power[(hertz >= a) & (hertz < b)].mean()) for a, b in itertools.pairwise(edges)])


def below(noise, hertz):
    """The share of the power below so many Hz."""
    power = np.abs(np.fft.rfft(noise)) ** 2
    return power[np.fft.rfftfreq(len(noise), 1 / RATE) < hertz].sum() / power.sum()


@pytest.mark.parametrize("decay", [-2.0, -1.0, 0.0, 1.0, 2.0])
def test_noise_is_as_loud_and_as_coloured_as_its_twin(seeded, decay):
    """SNR of each view; of all of them, as phases are random, the slope in dB an octave, the level of half octaves, the share of rumble."""
    snr_db, views = 12.0, 60
    audio = music(views)
    numbers = (torch.full((views,), number) for number in (snr_db, decay))
    added = add_coloured_noise(audio, *numbers, RATE, torch.Generator().manual_seed(1)) - audio
    slope = -decay * DECIBELS
    make = audiomentations.AddColorNoise(min_snr_db=snr_db, max_snr_db=snr_db, min_f_decay=slope, max_f_decay=slope, p=1.0)
    twin = torch.tensor(np.stack([make(row, RATE) for row in audio.numpy()])) - audio
    for noise, bound in ((added, 0.01), (twin, 0.1)):
        assert (20 * torch.log10(audio.norm(dim=1) / noise.norm(dim=1))).sub(snr_db).abs().max() < bound
    ours, theirs = (np.mean([octaves_db(row) for row in noise.numpy()], axis=0) for noise in (added, twin))
    slopes = [np.polyfit(np.arange(9) / 2, levels, 1)[0] for levels in (ours, theirs)]
    assert slopes[0] == pytest.approx(slopes[1], abs=0.3)
    assert slopes[0] == pytest.approx(slope, abs=1.0)  # 128 taps follow the law but roughly
    assert abs(ours - theirs).max() < 1.5
    rumble = [np.median([below(row, 170) for row in noise.numpy()]) for noise in (added, twin)]
    assert rumble[0] == pytest.approx(rumble[1], abs=0.1)


def test_noise_differs_between_views_and_is_none_on_silence():
    generator = torch.Generator().manual_seed(0)
    silent = torch.zeros(2, 1000)
    assert torch.equal(add_coloured_noise(silent, torch.full((2,), 3.0), torch.zeros(2), RATE, generator), silent)
    audio = music(2)
    noise = add_coloured_noise(audio, torch.zeros(2), torch.zeros(2), RATE, generator) - audio
    assert abs(float(torch.corrcoef(noise)[0, 1])) < 0.03
    assert float(((noise / noise.std(dim=1, keepdim=True)) ** 4).mean()) == pytest.approx(3, abs=0.15)  # Gaussian


def slow_echo(audio, delay, volume, repeats, attenuation):
    late = round(delay * RATE)
    wet = np.zeros(len(audio))
    for k in range(1, repeats + 1):
        for n in range(k * late, len(audio)):
            wet[n] += attenuation ** (k - 1) * audio[n - k * late]
    return audio + volume * wet


def test_echoes_come_as_late_and_as_loud_as_asked():
    audio = music(5, 4000)
    numbers = [(0.02, 0.5, 2, 0.5), (0.1, 0.9, 1, 1.0), (0.5, 0.4, 3, 0.7), (0.0907, 0.6, 2, 0.5), (0.07, 0.3, 3, 0.3)]
    delays, volumes, repeats, attenuations = (torch.tensor(column) for column in zip(*numbers, strict=True))
    before = audio.clone()
    found = echo(audio, delays, volumes, repeats, attenuations, RATE)
    assert torch.equal(audio, before)
    for row, own in enumerate(numbers):
        np.testing.assert_allclose(found[row], slow_echo(audio[row].double().numpy(), *own), atol=1e-6)
