"""Reverberation and echo: reverberation times, delays and levels, read from what becomes of a click."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from mirbench import registry

CORRUPTIONS = registry.plugins.current().corruptions
REVERBERATION, ECHO = CORRUPTIONS["reverberation"], CORRUPTIONS["echo"]


def click(seconds, rate):
    audio = np.zeros(round(seconds * rate), np.float32)
    audio[0] = 1
    return audio


def reverberation_time(response, rate, low, high):
    """Seconds, by Schroeder's backward integration, from the decay between -5 and -25 dB (ISO 3382's T20) in a band."""
    band = sosfiltfilt(butter(3, (low, high), "bandpass", fs=rate, output="sos"), response)
    left = np.cumsum(band[::-1] ** 2)[::-1]
    level = 10 * np.log10(left / left[0])
    start, end = (int(np.argmax(level < at)) for at in (-5, -25))
    slope = np.polyfit(np.arange(start, end) / rate, level[start:end], 1)[0]
    return -60 / slope


@pytest.mark.parametrize("level", REVERBERATION.levels)
@pytest.mark.parametrize("rate", [8000, 22_050])
def test_the_reverberation_time_is_the_level(level, rate):
    times = []
    for seed in range(5):
        tail = REVERBERATION.apply(click(1.5 * level, rate), rate, level, seed)
        tail[0] = 0
        times.append(reverberation_time(tail, rate, 350, 1400))
    assert np.mean(times) == pytest.approx(level, rel=0.1)


def test_high_frequencies_decay_faster():
    tail = REVERBERATION.apply(click(3, 22_050), 22_050, 2, 0)
    tail[0] = 0
    assert 1.2 < reverberation_time(tail, 22_050, 8000, 10_000) < 1.6


@pytest.mark.parametrize("level", REVERBERATION.levels)
def test_direct_and_reverberant_energy_are_equal_at_one_second(level):
    response = REVERBERATION.apply(click(5, 22_050), 22_050, level, 3).astype(float)
    assert (response[1:] ** 2).sum() / response[0] ** 2 == pytest.approx(level, rel=0.01)


def test_a_room_is_one_draw_at_every_level():
    short, long = (REVERBERATION.apply(click(2, 22_050), 22_050, level, 3)[1:200] for level in (0.5, 2))
    assert np.corrcoef(short, long)[0, 1] > 0.99
    other = REVERBERATION.apply(click(2, 22_050), 22_050, 2, 4)[1:200]
    assert abs(np.corrcoef(other, long)[0, 1]) < 0.4


def test_the_direct_sound_is_not_late():
    audio = np.zeros(22_050, np.float32)
    audio[5000] = 1
    wet = REVERBERATION.apply(audio, 22_050, 0.25, 0)
    assert np.abs(wet).argmax() == 5000
    assert np.abs(wet[:5000]).max() < 1e-5


@pytest.mark.parametrize("name", ["reverberation", "echo"])
def test_energy_is_kept(name):
    audio = np.random.default_rng(0).normal(0, 0.1, 44_100).astype(np.float32)
    for level in CORRUPTIONS[name].levels:
        assert np.linalg.norm(CORRUPTIONS[name].apply(audio, 22_050, level, 0)) == pytest.approx(np.linalg.norm(audio), rel=1e-4)


def repeats(level, seed, rate=22_050):
    """(delay in samples, level of each repeat against the one before in dB) of a click's echoes, of which there is nothing between."""
    out = ECHO.apply(click(3, rate), rate, level, seed)
    there = np.flatnonzero(out)
    late = set(np.diff(there).tolist())
    assert len(late) == 1
    return late.pop(), 20 * np.log10(out[there][1:] / out[there][:-1])


@pytest.mark.parametrize("seed", range(5))
def test_repeats_come_evenly_and_each_is_weaker_by_the_level(seed):
    delays = set()
    for level in ECHO.levels:
        delay, steps = repeats(level, seed)
        delays.add(delay)
        assert steps == pytest.approx(level, abs=0.01)
        assert len(steps) >= 5
    assert len(delays) == 1  # the delay is not the level's matter
    assert 0.1 <= delays.pop() / 22_050 <= 0.5


def test_delays_differ_and_are_seconds():
    delays = {repeats(-6, seed)[0] for seed in range(8)}
    assert len(delays) == 8
    assert repeats(-6, 0, 44_100)[0] / 2 == pytest.approx(repeats(-6, 0)[0], abs=1)
