"""Compression: by its ratio in the steady state, with attack and release in between, as loud as before."""

import numpy as np
import pytest

from mirbench import registry

COMPRESSION = registry.plugins.current().corruptions["compression"]
RATE = 22_050


def steps(*decibels, seconds=1.0):
    """A tone of 1 kHz at one level after the other."""
    time = np.arange(round(seconds * RATE)) / RATE
    return np.concatenate([10 ** (level / 20) * np.sin(2 * np.pi * 1000 * time) for level in decibels]).astype(np.float32)


def level(audio):
    return 10 * np.log10((audio.astype(float) ** 2).mean())


def range_of(audio):
    """dB between the last third of the first second and that of the second."""
    return level(audio[2 * RATE // 3 : RATE]) - level(audio[5 * RATE // 3 : 2 * RATE])


@pytest.mark.parametrize("loud", [0, -40])
@pytest.mark.parametrize("ratio", COMPRESSION.levels)
def test_a_difference_shrinks_by_the_ratio_whether_the_clip_is_loud_or_quiet(ratio, loud):
    audio = steps(loud, loud - 8)
    assert range_of(audio) == pytest.approx(8, abs=0.1)
    assert range_of(COMPRESSION.apply(audio, RATE, ratio, 0)) == pytest.approx(8 / ratio, abs=0.3)


def test_below_the_threshold_only_what_is_above_it_shrinks():
    audio = steps(0, -60)
    above = level(np.ones(1)) - 3 - (level(audio) - 12)  # of the loud tone, against the threshold 12 dB below the clip
    assert range_of(COMPRESSION.apply(audio, RATE, 4, 0)) == pytest.approx(60 - above * (1 - 1 / 4), abs=0.3)


@pytest.mark.parametrize("ratio", COMPRESSION.levels)
def test_the_clip_is_as_loud_as_before(ratio):
    audio = steps(0, -10, -3)
    assert level(COMPRESSION.apply(audio, RATE, ratio, 0)) == pytest.approx(level(audio), abs=0.01)


def test_attack_is_quicker_than_release():
    """Both settle: a rise within 30 ms, a fall not before 60 ms."""
    audio = steps(-10, 0, -10)
    gain = np.abs(COMPRESSION.apply(audio, RATE, 8, 0)) / np.maximum(np.abs(audio), 1e-9)
    gain = gain.reshape(-1, 441)[:, np.arange(0, 441, 21)].max(axis=1)  # every 20 ms, where the tone is not at zero
    rise, fall = 20 * np.log10(gain[50:60] / gain[99]), 20 * np.log10(gain[100:110] / gain[149])
    assert rise[2:] == pytest.approx(0, abs=1)
    assert fall[3] < -3


def test_no_peak_is_cut_off():
    audio = 3 * np.random.default_rng(0).normal(0, 0.5, RATE).astype(np.float32)
    out = COMPRESSION.apply(audio, RATE, 20, 0)
    assert np.abs(out).max() > 1
    assert (np.abs(out) > 0.999 * np.abs(out).max()).sum() < 3
