"""The chain: how often each effect falls, that views are independent, and that it sounds as audiomentations' chain does."""

import random

import audiomentations
import numpy as np
import pytest
import torch

from mirbench.pretraining import waveform_views
from mirbench.pretraining.waveform_views import WaveformViews

RATE = 22_050


def music(views, samples=RATE // 2, seed=0):
    """Decaying harmonic notes with a little noise."""
    draw = torch.Generator().manual_seed(seed)
    time = torch.arange(samples) / RATE
    pitch = 110 * 2 ** (torch.rand(views, 1, generator=draw) * 3)
    notes = sum(torch.sin(2 * torch.pi * k * pitch * time) / k for k in range(1, 6)) * torch.exp(-time * 2)
    return 0.2 * notes + 0.002 * torch.randn(views, samples, generator=draw)


def made(audio, severity=1.0, seed=1):
    return WaveformViews(severity, RATE)(audio, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("severity", [0.25, 0.5, 1.0, 1.5, 2.0])
def test_views_keep_their_shape_are_finite_and_depend_on_the_generator_alone(severity):
    audio = torch.cat([music(12), torch.zeros(1, RATE // 2), torch.ones(1, RATE // 2)])
    before, states = audio.clone(), (torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    first = made(audio, severity)
    assert first.shape == audio.shape
    assert torch.isfinite(first).all()
    assert torch.equal(first, made(audio, severity))
    assert not torch.equal(first, made(audio, severity, seed=2))
    assert torch.equal(audio, before)
    assert torch.equal(states[0], torch.random.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()
    assert states[2] == random.getstate()


def test_severity_zero_leaves_views_as_they_are():
    audio = music(3)
    assert made(audio, 0.0) is audio


@pytest.mark.parametrize("samples", [1, 3, 500])
def test_very_short_views_stay_finite(samples):
    assert torch.isfinite(made(music(40, samples), 2.0)).all()


def test_what_happens_to_a_view_does_not_depend_on_the_others():
    audio, other = music(30), music(30, seed=9)
    other[7] = audio[7]
    for seed in range(5):
        torch.testing.assert_close(made(audio, seed=seed)[7], made(other, seed=seed)[7], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("severity", "chain", "shares"), [
    (1.0, 0.8, {"gain": 0.4, "noise": 0.6, "filter": 0.3, "pitch": 0.6, "delay": 0.6}),
    (2.0, 1.0, {"gain": 0.7, "noise": 0.8, "filter": 0.6, "pitch": 0.75, "delay": 0.6}),
    (0.5, 0.4, {"gain": 0.2, "noise": 0.3, "filter": 0.15, "pitch": 0.3, "delay": 0.3}),
])  # fmt: skip
def test_effects_fall_as_often_as_the_paper_says(monkeypatch, severity, chain, shares):
    """Every effect but polarity is replaced by a count; polarity is seen in the sign of what comes out."""
    names = {"gain": "gain", "noise": "coloured_noise", "filter": "butterworth", "pitch": "pitch_shift", "delay": "delay"}
    counts = dict.fromkeys(names, 0)

    def counted(name):
        def effect(audio, *_):
            counts[name] += len(audio)
            return audio

        return effect

    for name, function in names.items():
        monkeypatch.setattr(waveform_views, function, counted(name))
    views = 6000
    out = made(torch.ones(views, 2), severity)
    for name, share in shares.items():
        assert counts[name] / views == pytest.approx(chain * share, abs=0.025), name
    flipped = {1.0: 0.6, 2.0: 0.8, 0.5: 0.3}[severity]
    assert float((out[:, 0] < 0).float().mean()) == pytest.approx(chain * flipped, abs=0.025)


@pytest.mark.parametrize("severity", [0.5, 1.0, 2.0])
def test_parameters_stay_in_the_papers_ranges_and_reach_their_ends(monkeypatch, severity):
    seen = {}

    def keep(name, *which):
        def effect(audio, *values):
            seen.setdefault(name, []).append(torch.stack([values[i].float() for i in which]))
            return audio

        return effect

    monkeypatch.setattr(waveform_views, "gain", keep("gain", 0))
    monkeypatch.setattr(waveform_views, "coloured_noise", keep("noise", 0, 1))
    monkeypatch.setattr(waveform_views, "pitch_shift", keep("pitch", 0))
    monkeypatch.setattr(waveform_views, "delay", keep("delay", 0))
    monkeypatch.setattr(waveform_views, "butterworth", keep("filter", 0, 1, 2, 3))
    made(torch.ones(8000, 2), severity)
    s, found = severity, {name: torch.cat(parts, dim=1) for name, parts in seen.items()}
    ranges = {("gain", 0): (-15 * s, 5 * s), ("noise", 0): (3 / s, 30 / s), ("noise", 1): (-2 * s, 2 * s),
              ("pitch", 0): (-4 * s, 4 * s), ("delay", 0): (min(0.5, 0.1 / s), 0.5)}  # fmt: skip
    for (name, row), (low, high) in ranges.items():
        values, slack = found[name][row], 0.02 * (high - low)
        assert low <= float(values.min()) <= low + slack, name
        assert high - slack <= float(values.max()) <= high, name
    kind, order, low, high = found["filter"]
    assert torch.bincount(kind.long()).float().div(len(kind)).tolist() == pytest.approx([0.25] * 4, abs=0.04)
    assert set(order.tolist()) == {2, 3, 4}
    cuts = {0: (max(75, 150 / s), 7500 / max(1, s)), 1: (200 * s, min(RATE / 2, 2400 * s))}
    for number, (least, most) in cuts.items():
        values = low[kind == number]
        assert least * 0.999 <= float(values.min()) < least * 1.5
        assert most * 0.9 < float(values.max()) <= most * 1.001
    band = kind >= 2
    centre, width = (low + high)[band] / 2, (high - low)[band]
    assert float(centre.min()) + 0.1 >= 200
    assert float(centre.max()) <= 4000.1
    assert 0.5 * s - 1e-3 <= float((width / centre).min())
    assert float((width / centre).max()) <= 1.991


def features(views):
    """Level in dB, and the logarithm of the spectral centroid, of each view."""
    spectrum = torch.fft.rfft(views * torch.hann_window(views.shape[1])).abs().square()
    hertz = torch.linspace(0, RATE / 2, spectrum.shape[1])
    centroid = (spectrum * hertz).sum(1) / spectrum.sum(1).clamp_min(1e-20)
    return 10 * views.square().mean(1).clamp_min(1e-12).log10(), centroid.clamp_min(1).log2()


def test_the_chain_without_echo_is_distributed_as_that_of_audiomentations(monkeypatch):
    """Echoes have no twin. Two samples of 400 views: the largest gap between their distribution functions is one that chance explains."""
    monkeypatch.setattr(waveform_views, "delay", lambda audio, *_: audio)
    audio = music(400)
    a = audiomentations
    twin = a.Compose([a.Gain(-15, 5, p=0.4), a.PolarityInversion(p=0.6), a.AddColorNoise(3, 30, -2, 2, p=0.6), a.OneOf([
        a.BandPassFilter(200, 4000, 0.5, 1.99, p=0.3), a.BandStopFilter(200, 4000, 0.5, 1.99, p=0.3), a.HighPassFilter(200, 2400, p=0.3),
        a.LowPassFilter(150, 7500, p=0.3)]), a.PitchShift(-4, 4, p=0.6)], p=0.8)  # fmt: skip
    random.seed(5)
    np.random.seed(5)
    wanted = torch.stack([torch.as_tensor(np.ravel(twin(row.numpy(), RATE))) for row in audio])
    for ours, theirs, plain in zip(features(made(audio)), features(wanted), features(audio), strict=True):
        assert gap(ours, theirs) < 1.63 * (2 / 400) ** 0.5  # Kolmogorov and Smirnov's bound for p = 0.01
        assert gap(ours, plain) > 1.63 * (2 / 400) ** 0.5  # which the untouched views exceed


def gap(first, second):
    at = torch.cat([first, second])
    shares = [(values[None, :] <= at[:, None]).float().mean(1) for values in (first, second)]
    return float((shares[0] - shares[1]).abs().max())
