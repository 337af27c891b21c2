"""Pitch shift and time stretch: each changes what it says, by as much as it says, and leaves the other alone."""

import numpy as np
import pytest

from mirbench import registry

CORRUPTIONS = registry.plugins.current().corruptions
SHIFT, STRETCH = CORRUPTIONS["pitch-shift"], CORRUPTIONS["time-stretch"]
RATE = 22_050


def tone(hertz, seconds=4.0, rate=RATE):
    """Eight partials, the first the strongest."""
    time = np.arange(round(seconds * rate)) / rate
    return sum(0.2 / k * np.sin(2 * np.pi * k * hertz * time) for k in range(1, 9) if k * hertz < 0.4 * rate).astype(np.float32)


def cents(audio, hertz, rate=RATE):
    """How far the partial nearest to `hertz` is from it."""
    middle = audio[rate // 4 : -rate // 4]
    size = 1 << 20
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), size))
    low, high = (round(hertz * factor * size / rate) for factor in (0.94, 1.06))
    return 1200 * np.log2((low + spectrum[low:high].argmax()) * rate / size / hertz)


def bursts(at, seconds, rate=RATE):
    """A tenth of a second of tone at each of these times, in seconds."""
    audio = np.zeros(round(seconds * rate), np.float32)
    for start in at:
        audio[round(start * rate) :][: rate // 10] = tone(440, 0.1, rate)
    return audio


def middles(audio, count, rate=RATE):
    """Seconds of the centres of energy of so many bursts, which silence parts."""
    power = audio.astype(float) ** 2
    loud = np.convolve(power, np.ones(rate // 20), "same") > 0.02 * np.convolve(power, np.ones(rate // 20), "same").max()
    edges = np.flatnonzero(np.diff(np.r_[0, loud.astype(int), 0])).reshape(-1, 2)
    assert len(edges) == count
    return [(np.arange(a, b) * power[a:b]).sum() / power[a:b].sum() / rate for a, b in edges]


@pytest.mark.parametrize("hertz", [110, 261.6, 1000])
@pytest.mark.parametrize("seed", [4, 5])
def test_a_shift_is_right_to_three_cents(hertz, seed):
    for level in SHIFT.levels:
        moved = SHIFT.apply(tone(hertz), RATE, level, seed)
        semitones = SHIFT.changes(level, seed)["pitch"]
        assert abs(cents(moved, hertz * 2 ** (semitones / 12))) < 3


@pytest.mark.parametrize("rate", [8000, 48_000])
def test_a_shift_is_right_at_other_rates(rate):
    for seed in (4, 5):
        moved = SHIFT.apply(tone(330, rate=rate), rate, 3, seed)
        assert abs(cents(moved, 330 * 2 ** (SHIFT.changes(3, seed)["pitch"] / 12), rate)) < 3


def test_the_direction_is_the_seeds_and_not_the_levels():
    up = [{SHIFT.changes(level, seed)["pitch"] / level for level in SHIFT.levels} for seed in range(20)]
    assert all(each in ({1}, {-1}) for each in up)
    assert {each.pop() for each in up} == {1, -1}


def test_a_shift_moves_nothing_in_time():
    before = bursts((0.5, 1.5, 2.5, 3.5), 4)
    for seed in (4, 5):
        for level in SHIFT.levels:
            assert middles(SHIFT.apply(before, RATE, level, seed), 4) == pytest.approx(middles(before, 4), abs=0.01)


def test_a_shift_is_as_loud_and_lasts_to_the_end():
    for seed in (4, 5):
        for level in SHIFT.levels:
            moved = SHIFT.apply(tone(220), RATE, level, seed)
            assert moved[RATE:-RATE].std() == pytest.approx(tone(220).std(), rel=0.06)
            assert moved[-2000:-1000].std() > 0.7 * tone(220).std()


@pytest.mark.parametrize("level", STRETCH.levels)
def test_stretched_music_is_slower_by_the_level_and_fills_the_clip(level):
    factor = STRETCH.changes(level, 0)["tempo"]
    assert factor == pytest.approx(1 - level / 100)
    before = bursts((0.5, 1.2, 1.9), 4)
    assert middles(STRETCH.apply(before, RATE, level, 0), 3) == pytest.approx([at / factor for at in middles(before, 3)], abs=0.01)
    assert STRETCH.apply(tone(220), RATE, level, 0)[-200:].std() > 0.7 * tone(220).std()


@pytest.mark.parametrize("hertz", [110, 261.6, 1000])
def test_a_stretch_leaves_pitch_alone(hertz):
    for level in STRETCH.levels:
        assert abs(cents(STRETCH.apply(tone(hertz), RATE, level, 0), hertz)) < 3


@pytest.mark.parametrize(("corruption", "alters"), [(SHIFT, {"pitch"}), (STRETCH, {"tempo"})])
def test_what_they_alter(corruption, alters):
    assert corruption.alters == alters
    assert set(corruption.changes(corruption.levels[0], 0)) == alters
