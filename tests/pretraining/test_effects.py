"""Each effect beside its audiomentations twin, and an echo beside one written sample by sample."""

import itertools
import random

import audiomentations
import numpy as np
import pytest
import torch

from mirbench.pretraining.effects import KINDS, butterworth, coloured_noise, delay, gain

RATE = 22_050
TWINS = {"low-pass": audiomentations.LowPassFilter, "high-pass": audiomentations.HighPassFilter,
         "band-pass": audiomentations.BandPassFilter, "band-stop": audiomentations.BandStopFilter}  # fmt: skip


def music(views=1, samples=2 * RATE, seed=0):
    """Noise with an offset and a slow swell, so that the first sample and the level matter."""
    draw = np.random.default_rng(seed)
    swell = 0.1 + 0.1 * np.sin(np.arange(samples) / 3000)
    return torch.tensor(draw.standard_normal((views, samples)) * swell + 0.03, dtype=torch.float32)


def tensors(*values):
    return (torch.tensor([value]) for value in values)


def test_gain_is_that_of_audiomentations():
    audio = music()
    twin = audiomentations.Gain(min_gain_db=-7.5, max_gain_db=-7.5, p=1.0)(audio[0].numpy(), RATE)
    np.testing.assert_allclose(gain(audio, torch.tensor([-7.5]))[0], twin, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize(("centre", "fraction"), [(300.0, 0.6), (2000.0, 1.5), (3900.0, 1.9)])
def test_filters_are_those_of_audiomentations_to_rounding(kind, order, centre, fraction):
    audio = music()
    steep = {"min_rolloff": 6 * order, "max_rolloff": 6 * order, "p": 1.0}
    if kind.startswith("band"):
        band = {"min_bandwidth_fraction": fraction, "max_bandwidth_fraction": fraction}
        twin = TWINS[kind](min_center_freq=centre, max_center_freq=centre, **band, **steep)
        low, high = centre * (1 - fraction / 2), centre * (1 + fraction / 2)
    else:
        twin = TWINS[kind](min_cutoff_freq=centre, max_cutoff_freq=centre, **steep)
        low, high = centre, 0.0
    wanted = twin(audio[0].numpy(), RATE)
    found = butterworth(audio, *tensors(KINDS.index(kind), order, low, high), RATE)[0].numpy()
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(audio.numpy()).max()


def test_a_filter_does_not_ring_into_the_beginning():
    """A click at the end of a view, through the narrowest and steepest band-pass: nothing before it."""
    audio = torch.zeros(1, RATE)
    audio[0, -1] = 1.0
    found = butterworth(audio, *tensors(2, 4, 150.0, 250.0), RATE)
    assert float(found[0, : RATE // 2].abs().max()) < 1e-4


@pytest.mark.parametrize("snr", [3.0, 15.0])
@pytest.mark.parametrize("decay", [-2.0, 0.0, 2.0])
def test_noise_has_the_level_and_the_colour_of_its_twin(snr, decay):
    audio = music(samples=10 * RATE)
    added = coloured_noise(audio, *tensors(snr, decay), torch.Generator().manual_seed(1), RATE)[0] - audio[0]
    random.seed(1)
    np.random.seed(1)
    make = audiomentations.AddColorNoise(min_snr_db=snr, max_snr_db=snr, min_f_decay=decay, max_f_decay=decay, p=1.0)
    twin = torch.tensor(make(audio[0].numpy(), RATE)) - audio[0]
    assert 20 * float(torch.log10(audio[0].norm() / added.norm())) == pytest.approx(snr, abs=0.01)
    assert 20 * float(torch.log10(audio[0].norm() / twin.norm())) == pytest.approx(snr, abs=0.05)
    assert slope(added) == pytest.approx(decay, abs=0.15)
    assert slope(twin) == pytest.approx(slope(added), abs=0.6)  # the twin colours with 128 points only, and rises by 2.5 dB for 2


def slope(noise):
    """dB an octave from 400 Hz to 8 kHz, by octave bands' mean power."""
    power = torch.fft.rfft(noise).abs().square()
    hertz = torch.linspace(0, RATE / 2, len(power))
    edges = 400 * 2 ** (torch.arange(9) / 2)
    levels = [10 * float(power[(hertz >= a) & (hertz < b)].mean().log10()) for a, b in itertools.pairwise(edges)]
    return 2 * float(np.polyfit(np.arange(8), levels, 1)[0])


def test_noise_on_silence_is_silence_and_its_own_for_every_view():
    silent = torch.zeros(2, 1000)
    assert torch.equal(coloured_noise(silent, torch.tensor([3.0, 3.0]), torch.zeros(2), torch.Generator(), RATE), silent)
    audio = music(2)
    noise = coloured_noise(audio, torch.zeros(2), torch.zeros(2), torch.Generator().manual_seed(0), RATE) - audio
    assert abs(float(torch.corrcoef(noise)[0, 1])) < 0.02


def slow_delay(audio, seconds, volume, repeats, attenuation):
    late = round(seconds * RATE)
    out = [float(x) for x in audio]
    volumes = 1.0
    for r in range(1, repeats + 1):
        level = volume * attenuation ** (r - 1)
        volumes += level
        for n in range(r * late, len(out)):
            out[n] += level * float(audio[n - r * late])
    return np.array(out) / volumes


def test_an_echo_comes_as_late_and_as_loud_as_asked():
    audio = music(3, 4000)
    seconds, volume = torch.tensor([0.02, 0.1, 0.5]), torch.tensor([0.5, 0.9, 0.4])
    repeats, attenuation = torch.tensor([2, 1, 3]), torch.tensor([0.5, 1.0, 0.7])
    found = delay(audio, seconds, volume, repeats, attenuation, RATE)
    for row in range(3):
        wanted = slow_delay(audio[row], float(seconds[row]), float(volume[row]), int(repeats[row]), float(attenuation[row]))
        np.testing.assert_allclose(found[row], wanted, atol=1e-6)
