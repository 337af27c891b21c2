"""CREPE against torchcrepe's own embeddings and pitches, with its own weights."""

import math

import numpy as np
import pytest
import torch

from mirbench import registry
from mirbench.testing import check_encoder

torchcrepe = pytest.importorskip("torchcrepe", reason="torchcrepe is not installed; pip install 'mirbench-audio[models]'")

RATE = 16_000
DIM = {"crepe": 2048, "crepe-tiny": 256}
PITCHES = range(45, 82, 3)  # MIDI numbers


def encoder(name):
    return registry.load().encoders[name]


def loaded(name, **options):
    each = encoder(name)
    return each.load(None, {**each.options, **options}, 0, "cpu")


def tone(pitch, harmonics, seconds=0.5):
    """(samples,) float32: harmonics, by number their amplitude, of a MIDI number."""
    turns = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * np.arange(round(seconds * RATE)) / RATE
    return 0.2 * sum(size * np.sin(number * turns) for number, size in harmonics.items()).astype(np.float32)


@pytest.mark.parametrize("name", DIM)
@pytest.mark.parametrize("samples", [160, 1600, 12_345])
def test_embeddings_are_those_of_torchcrepe_over_time(name, samples):
    audio = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    capacity = name.partition("-")[2] or "full"
    frames = torchcrepe.embed(torch.as_tensor(audio[None]), RATE, hop_length=720, model=capacity)[0].flatten(1).detach()
    assert frames.shape == (1 + samples // 720, DIM[name])
    both = torch.cat([frames.mean(dim=0), frames.std(dim=0, correction=0)])
    found = loaded(name, hop_ms=45.0, pool="mean-std")(audio[None])
    np.testing.assert_allclose(found[0], both, rtol=1e-3, atol=2e-5)
    np.testing.assert_array_equal(loaded(name, hop_ms=45.0)(audio[None]), found[:, : DIM[name]])


def test_the_nearest_neighbour_of_a_tone_has_its_pitch_whatever_its_timbre():
    """Tones with hardly a fundamental among pure ones: of a network with random weights one in thirteen is right. So are torchcrepe's own
    pitches of the same audio."""
    embed, weak = loaded("crepe-tiny"), {1: 0.2, 2: 1.0, 3: 0.8, 4: 0.5, 5: 0.3}
    queries = np.stack([tone(pitch, weak) for pitch in PITCHES])
    known, asked = embed(np.stack([tone(pitch, {1: 1.0}) for pitch in PITCHES])), embed(queries)
    distances = np.linalg.norm((known[None] - asked[:, None]) / (known.std(axis=0) + 1e-3), axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1), range(len(PITCHES)))
    for pitch, query in zip(PITCHES, queries, strict=True):
        hertz = torchcrepe.predict(torch.as_tensor(query[None]), RATE, model="tiny", decoder=torchcrepe.decode.weighted_argmax)
        assert 12 * math.log2(float(hertz.median()) / 440) + 69 == pytest.approx(pitch, abs=0.3)


def test_loudness_is_not_heard_and_a_shorter_hop_hears_much_the_same():
    audio = tone(60, {1: 1.0, 2: 0.5}, seconds=2.0)[None]
    usual = loaded("crepe-tiny")(audio)
    np.testing.assert_allclose(loaded("crepe-tiny")(0.01 * audio), usual, atol=1e-3)
    finer = loaded("crepe-tiny", hop_ms=10.0)(audio)
    assert 0 < np.linalg.norm(finer - usual) < 0.1 * np.linalg.norm(usual)


def test_a_long_clip_is_taken_in_parts(monkeypatch):
    audio = np.random.default_rng(0).standard_normal((1, 5 * RATE)).astype(np.float32)
    whole = loaded("crepe-tiny", pool="mean-std")(audio)
    monkeypatch.setattr("mirbench_plugins.encoders.crepe.AT_ONCE", 7)
    np.testing.assert_allclose(loaded("crepe-tiny", pool="mean-std")(audio), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", DIM)
def test_they_keep_to_the_contract(name, monkeypatch):
    each = encoder(name)
    monkeypatch.setattr(each, "window_seconds", 0.1)
    check_encoder(each)
    assert each.embedding_cost({"hop_ms": 10.0}) == pytest.approx(6.4 * each.embedding_cost({"hop_ms": 64.0}))
