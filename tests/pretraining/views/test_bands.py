"""Views: what each effect does to the power of mel bands, measured with the others switched off by chance."""

import numpy as np
import pytest
import torch

from mirbench.pretraining.backbones.mel import HOP, MelSpectrogram
from mirbench.pretraining.views.bands import MelViews

MEL = MelSpectrogram(22_050, 128)


def some_mel(views=64, frames=116, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(views, frames, 128, generator=generator) * 0.5 - 3.0


def made(severity, mel, seed=1, **options):
    return MelViews(MEL.centres, severity, **options)(mel, torch.Generator().manual_seed(seed))


def test_severity_zero_leaves_views_as_they_are():
    mel = some_mel()
    assert torch.equal(made(0.0, mel), mel)


def test_views_keep_their_shape_are_finite_and_depend_on_the_generator_alone():
    mel, state = some_mel(), torch.random.get_rng_state()
    for severity in (0.5, 1.0, 2.0):
        first = made(severity, mel)
        assert first.shape == mel.shape
        assert torch.isfinite(first).all()
        assert torch.equal(first, made(severity, mel))
        assert not torch.equal(first, made(severity, mel, seed=2))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_fifth_of_the_views_is_left_alone_at_severity_one():
    """The chain as a whole has probability .8, and then every effect has its own."""
    mel = some_mel(views=2000, frames=8)
    same = (made(1.0, mel) - mel).abs().amax(dim=(1, 2)) < 1e-4
    none_active = 0.2 + 0.8 * 0.4 * 0.6 * 0.4 * 0.4 * 0.7
    assert float(same.float().mean()) == pytest.approx(none_active, abs=0.03)


def test_a_view_falls_through_one_filter_of_four_as_often_as_in_the_papers_chain():
    """.8 of .3: a quarter of the views; the four kinds as often as each other."""
    centres, views = MEL.centres, 8_000
    generator = torch.Generator().manual_seed(3)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=generator)

    def chance(p):  # without gain
        return torch.rand(views, generator=generator) < (p if p != 0.4 else 0)

    decibels = MelViews._equaliser(centres, chance(0.8), 1.0, uniform, chance)
    filtered = decibels.abs().amax(dim=1) > 0.5
    assert float(filtered.float().mean()) == pytest.approx(0.24, abs=0.02)
    low, high, middle = decibels[filtered][:, 0] < -3, decibels[filtered][:, -1] < -3, decibels[filtered].amin(dim=1) < -3
    kinds = {"low-pass": high & ~low, "high-pass": low & ~high, "band-pass": low & high, "band-stop": middle & ~low & ~high}
    assert all(float(each.float().mean()) > 0.12 for each in kinds.values())


def test_stronger_views_are_further_from_the_clean_ones():
    mel = some_mel(views=400)
    distance = [float((made(s, mel) - mel).abs().mean()) for s in (0.25, 0.5, 1.0, 2.0)]
    assert distance == sorted(distance)
    assert distance[0] > 0


def test_noise_and_echo_only_ever_add_power(monkeypatch):
    """With gain, filters and detuning switched off, no band of any view loses power, and most views gain some."""
    monkeypatch.setattr(MelViews, "_equaliser", staticmethod(lambda centres, active, *_: torch.zeros(len(active), len(centres))))
    mel = some_mel(views=1500, frames=20)
    change = made(1.0, mel, detune_cents=0.0) - mel
    assert change.min() >= -1e-4
    assert float((change.amax(dim=(1, 2)) > 0.05).float().mean()) == pytest.approx(0.8 * (1 - 0.4 * 0.4), abs=0.05)


@pytest.mark.parametrize("cents", [-50, 50])
def test_detuning_moves_a_tone_by_the_cents_asked_for(cents):
    """A detuned spectrogram is that of the detuned tone: nearer to it than to the original, in the bands around the tone."""
    time = np.arange(HOP * 40) / 22_050

    def tone(frequency):
        return MEL(torch.tensor(np.sin(2 * np.pi * frequency * time), dtype=torch.float32)[None])[0].T

    plain, wanted = tone(3000.0), tone(3000.0 * 2 ** (cents / 1200))
    moved = MelViews._detune(plain[None], MEL.centres, torch.tensor([float(cents)]))[0]
    near = slice(int((MEL.centres - 3000).abs().argmin()) - 3, int((MEL.centres - 3000).abs().argmin()) + 4)
    error, untouched = (moved - wanted)[:, near].abs().mean(), (plain - wanted)[:, near].abs().mean()
    assert error < 0.5 * untouched
    assert torch.allclose(MelViews._detune(plain[None], MEL.centres, torch.tensor([0.0]))[0], plain)


def test_mel_bands_put_a_tone_where_it_is_and_follow_its_level():
    time = torch.arange(22_050) / 22_050
    for frequency in (220.0, 1000.0, 5000.0):
        loud, quiet = (MEL(a * torch.sin(2 * torch.pi * frequency * time)[None])[0, :, 20] for a in (0.5, 0.05))
        band = int(loud.argmax())
        assert abs(float(MEL.centres[band]) - frequency) < max(30.0, 0.05 * frequency)
        assert float(loud[band] - quiet[band]) == pytest.approx(2.0, abs=0.01)  # log10 of a power: 20 dB
