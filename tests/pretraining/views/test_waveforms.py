"""The chain on waveforms: how often each effect falls and how strongly, that views are independent, and that it sounds as its twin."""

import random

import audiomentations as a
import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from mirbench.pretraining.views import effects, pitch_shift
from mirbench.pretraining.views.waveforms import WaveformViews

RATE = 22_050
EFFECTS = {"noise": (effects, "add_coloured_noise"), "filter": (effects, "butterworth"), "pitch": (pitch_shift, "pitch_shift"),
           "echo": (effects, "echo")}  # fmt: skip


def music(views, samples=RATE // 2, seed=0):
    """Decaying harmonic notes with a little noise, at levels 20 dB apart."""
    draw = torch.Generator().manual_seed(seed)
    time, hertz = torch.arange(samples) / RATE, 110 * 2 ** (torch.rand(views, 1, generator=draw) * 3)
    notes = sum(torch.sin(2 * torch.pi * k * hertz * time) / k for k in range(1, 6)) * torch.exp(-time * 2)
    return 10 ** -torch.rand(views, 1, generator=draw) * (0.3 * notes + 0.003 * torch.randn(views, samples, generator=draw))


def made(audio, severity=1.0, seed=1):
    return WaveformViews(severity, RATE)(audio, torch.Generator().manual_seed(seed))


@pytest.fixture
def seen(monkeypatch):
    """effect -> the parameters that it was called with, one tensor each; the effects themselves are switched off."""
    calls = {}

    def note(name):
        def effect(audio, *values):
            calls.setdefault(name, []).extend(v.double() for v in values if isinstance(v, torch.Tensor))
            return audio

        return effect

    for name, (module, function) in EFFECTS.items():
        monkeypatch.setattr(module, function, note(name))
    return calls


@pytest.mark.parametrize("severity", [0.01, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0])
def test_views_are_finite_and_depend_on_the_generator_alone(severity):
    audio = torch.cat([music(20), torch.zeros(2, RATE // 2), torch.ones(2, RATE // 2)])
    before = audio.clone()
    states = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    first = made(audio, severity)
    assert first.shape == audio.shape
    assert first.dtype == torch.float32
    assert torch.isfinite(first).all()
    assert torch.equal(first, made(audio, severity))
    if severity > 0.1:
        assert not torch.equal(first, made(audio, severity, seed=2))
    assert torch.equal(audio, before)
    assert torch.equal(states[0], torch.random.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()
    assert states[2] == random.getstate()


def test_severity_zero_leaves_views_as_they_are():
    audio = music(3)
    assert torch.equal(made(audio, 0.0), audio)


@pytest.mark.parametrize("views", [0, 1, 40])
@pytest.mark.parametrize("samples", [1, 2, 500])
def test_few_and_very_short_views_stay_finite(views, samples):
    found = made(music(views, samples), 2.0)
    assert found.shape == (views, samples)
    assert torch.isfinite(found).all()


def test_what_happens_to_a_view_does_not_depend_on_what_the_others_hold():
    audio, other = music(24), 100 * music(24, seed=9)
    other[::5] = audio[::5]
    for seed in range(3):
        first, second = made(audio, seed=seed), made(other, seed=seed)
        torch.testing.assert_close(first[::5], second[::5], atol=1e-6, rtol=1e-5)
        assert not torch.allclose(first[1], second[1])


def test_views_of_the_same_sound_are_augmented_differently():
    views = made(music(1).expand(60, -1))
    changed = views[(views != music(1)).any(dim=1)]
    assert len(changed) == len({tuple(v) for v in changed[:, 1000:1010].tolist()})


@pytest.mark.parametrize(("s", "whole", "shares"), [
    (0.5, 0.4, {"gain": 0.2, "inverted": 0.3, "noise": 0.3, "filter": 0.15, "pitch": 0.3, "echo": 0.3}),
    (1.0, 0.8, {"gain": 0.4, "inverted": 0.6, "noise": 0.6, "filter": 0.3, "pitch": 0.6, "echo": 0.6}),
    (2.0, 1.0, {"gain": 0.7, "inverted": 0.8, "noise": 0.8, "filter": 0.6, "pitch": 0.75, "echo": 0.6}),
])  # fmt: skip
def test_effects_fall_as_often_and_as_strongly_as_the_paper_says(seen, s, whole, shares):
    views = 20_000
    level = made(torch.ones(views, 1), s)[:, 0]
    louder, inverted = (level.abs() - 1).abs() > 1e-6, level < 0
    found = {name: len(values[0]) / views for name, values in seen.items()}
    found |= {"gain": float(louder.float().mean()), "inverted": float(inverted.float().mean())}
    assert found == pytest.approx({name: whole * share for name, share in shares.items()}, abs=0.015)
    both = whole * shares["gain"] * shares["inverted"]  # independent, but for the whole
    assert float((louder & inverted).float().mean()) == pytest.approx(both, abs=0.015)

    def spans(values, low, high):
        slack = 0.02 * (high - low)
        assert low - 1e-3 <= float(values.min()) <= low + slack
        assert high - slack <= float(values.max()) <= high + 1e-3

    spans(20 * level.abs()[louder].log10(), -15 * s, 5 * s)
    spans(seen["noise"][0], 3 / s, 30 / s)
    spans(seen["noise"][1], -2 * s, 2 * s)
    spans(seen["pitch"][0], -4 * s, 4 * s)
    delay, volume, repeats, attenuation = seen["echo"]
    spans(delay, min(0.5, 0.1 / s), 0.5)
    spans(volume, 0.5 * s - 0.2, min(1, 0.5 * s + 0.2))
    spans(attenuation, min(1, 0.5 * s) - 0.2, min(1, 0.5 * s + 0.2))
    assert set(repeats.tolist()) == {max(1, 2 * s + k) for k in (-1, 0, 1)}
    low, high, stop, order = seen["filter"]
    stop, band, middle = stop.bool(), low > 0, (low + high) / 2
    kinds = torch.bincount((2 * band + stop).long(), minlength=4) / len(low)
    assert kinds.tolist() == pytest.approx([0.25] * 4, abs=0.04)
    assert torch.bincount(order.long())[2:].div(len(low)).tolist() == pytest.approx([1 / 3] * 3, abs=0.04)
    spans(mel(high[~band & ~stop]), mel(max(75, 150 / s)), mel(7500 / max(1, s)))
    spans(mel(high[~band & stop]), mel(200 * s), mel(min(RATE / 2, 2400 * s)))
    assert float(np.median(mel(high[~band & stop]))) == pytest.approx((mel(200 * s) + mel(min(RATE / 2, 2400 * s))) / 2, rel=0.06)
    spans(mel(middle[band]), mel(200), mel(4000))
    spans((high - low)[band] / middle[band], min(1.99, 0.5 * s), 1.99)


def mel(hertz):
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def test_noise_is_another_with_another_generator(monkeypatch):
    seeds = []
    monkeypatch.setattr(effects, "add_coloured_noise", lambda audio, *values: (seeds.append(values[-1].initial_seed()), audio)[1])
    for seed in (1, 2, 1):
        made(torch.ones(50, 1), 1.0, seed)
    assert seeds[0] == seeds[2] != seeds[1]


def test_torchs_number_of_threads_is_put_back_even_after_a_fault(monkeypatch):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        made(music(4))
        assert torch.get_num_threads() == 2
        monkeypatch.setattr(effects, "gain", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            made(music(4))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_effects_come_in_the_papers_order(monkeypatch):
    order = []
    for name, (module, function) in EFFECTS.items():
        monkeypatch.setattr(module, function, lambda audio, *_, name=name: (order.append(name), audio)[1])
    made(torch.ones(300, 1), 2.0)
    assert order == ["noise", "filter", "pitch", "echo"]


def test_a_fifth_of_the_views_is_left_alone():
    """The share that is left alone at severity one: the chain misses a fifth, and all six miss some of the rest."""
    audio = music(1, 400).expand(1500, -1)
    untouched = (made(audio) == audio).all(dim=1).float().mean()
    assert float(untouched) == pytest.approx(0.2 + 0.8 * 0.6 * 0.4 * 0.4 * 0.7 * 0.4 * 0.4, abs=0.03)


def features(views):
    """Level in dB, spectral centroid in octaves, and the share of the power below 170 Hz in dB, of each view."""
    power = torch.fft.rfft(views * torch.hann_window(views.shape[1])).abs().square()
    hertz = torch.linspace(0, RATE / 2, power.shape[1])
    total = power.sum(1).clamp_min(1e-20)
    rumble = power[:, hertz < 170].sum(1) / total
    centroid = (power * hertz).sum(1) / total
    return 10 * views.square().mean(1).clamp_min(1e-12).log10(), centroid.clamp_min(1).log2(), 10 * rumble.clamp_min(1e-8).log10()


def test_the_chain_without_echo_is_distributed_as_that_of_audiomentations(monkeypatch):
    """Two samples of 400 views cannot be told apart by level, centroid or rumble; the untouched ones can. Echoes have no twin there."""
    monkeypatch.setattr(effects, "echo", lambda audio, *_: audio)
    audio, decay = music(400), 20 * np.log10(2)
    filters = [a.LowPassFilter(150, 7500, p=0.3), a.HighPassFilter(200, 2400, p=0.3), a.BandPassFilter(200, 4000, 0.5, 1.99, p=0.3),
               a.BandStopFilter(200, 4000, 0.5, 1.99, p=0.3)]  # fmt: skip
    twin = a.Compose([a.Gain(-15, 5, p=0.4), a.PolarityInversion(p=0.6), a.AddColorNoise(3, 30, -decay, decay, p=0.6), a.OneOf(filters),
                      a.PitchShift(-4, 4, p=0.6)], p=0.8)  # fmt: skip
    states = random.getstate(), np.random.get_state()
    random.seed(5)
    np.random.seed(5)
    wanted = torch.tensor(np.stack([twin(row.numpy(), RATE) for row in audio]))
    random.setstate(states[0])
    np.random.set_state(states[1])
    for ours, theirs, plain in zip(features(made(audio)), features(wanted), features(audio), strict=True):
        assert ks_2samp(ours.numpy(), theirs.numpy()).pvalue > 0.01
        assert ks_2samp(ours.numpy(), plain.numpy()).pvalue < 0.01
