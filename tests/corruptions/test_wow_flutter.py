"""Wow and flutter: the speed deviates by as much as the level says, in the bands that it names, and the clip keeps its time."""

import numpy as np
import pytest
from mirbench_plugins.corruptions.wow_flutter import deviation

from mirbench import registry

WOW_FLUTTER = registry.plugins.current().corruptions["wow-flutter"]
RATE = 22_050


def tone(hertz, seconds=6.0, rate=RATE):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def speeds(audio, hertz, rate=RATE):
    """Of a tone, from the phase of its analytic signal: 1 where it is `hertz`. Under a window, as the clip does not end as it begins; the
    first and last tenth of a second are left out."""
    spectrum = np.fft.fft(audio * np.hanning(len(audio)))
    spectrum[len(audio) // 2 :] = 0
    frequency = np.diff(np.unwrap(np.angle(np.fft.ifft(spectrum)))) * rate / (2 * np.pi)
    return frequency[rate // 10 : -rate // 10] / hertz


@pytest.mark.parametrize("rate", [8_000, RATE, 44_100])
@pytest.mark.parametrize("level", WOW_FLUTTER.levels)
def test_the_peak_deviation_is_the_level(level, rate):
    for seed in range(3):
        found = speeds(WOW_FLUTTER.apply(tone(1_000, rate=rate), rate, level, seed), 1_000, rate)
        inside = deviation(6 * rate - 1, rate, seed)[rate // 10 : -rate // 10]  # the peak may lie in what is left out
        assert 100 * np.abs(found - 1).max() == pytest.approx(level * np.abs(inside).max(), rel=0.02, abs=0.002)
        assert np.abs(deviation(6 * rate - 1, rate, seed)).max() == pytest.approx(1)


@pytest.mark.parametrize("level", WOW_FLUTTER.levels)
def test_the_pitch_stays_within_a_semitone_and_is_right_on_the_average(level):
    found = 1_200 * np.log2(speeds(WOW_FLUTTER.apply(tone(1_000), RATE, level, 1), 1_000))
    assert np.abs(found).max() < 108
    assert abs(np.median(found)) < 0.4 * np.abs(found).max()
    assert abs(deviation(6 * RATE - 1, RATE, 1).mean()) < 1e-12
    assert not WOW_FLUTTER.alters


def test_wow_and_flutter_are_in_their_bands_and_flutter_is_half_as_strong():
    rate, power = 200, []
    for seed in range(40):
        found = deviation(60 * rate, rate, seed)
        spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found)))) ** 2
        frequency = np.fft.rfftfreq(len(found), 1 / rate)
        bands = [spectrum[(frequency > low) & (frequency < high)].sum() for low, high in ((0.4, 2.1), (5.9, 20.1))]
        assert sum(bands) > 0.999 * spectrum.sum()
        power.append(bands[1] / bands[0])
    assert np.median(power) == pytest.approx(0.25, rel=0.2)


def test_it_is_one_curve_at_every_level_and_another_for_each_clip():
    clean = tone(1_000)
    low, high, other = (speeds(WOW_FLUTTER.apply(clean, RATE, level, seed), 1_000) - 1 for level, seed in ((0.4, 5), (2.8, 5), (2.8, 6)))
    assert np.corrcoef(low, high)[0, 1] > 0.97  # a later place is read where it has moved farther
    assert high.std() / low.std() == pytest.approx(7, rel=0.03)
    assert abs(np.corrcoef(high, other)[0, 1]) < 0.6


def test_no_deviation_leaves_the_clip_as_it_is():
    """White noise, of the whole band, -60 dB being asked for."""
    clean = np.random.default_rng(0).standard_normal(3 * RATE + 1).astype(np.float32)
    assert np.linalg.norm(WOW_FLUTTER.apply(clean, RATE, 0, 3) - clean) < 1e-6 * np.linalg.norm(clean)


@pytest.mark.parametrize(("share", "decibels"), [(0.1, -90), (0.5, -80), (0.8, -75), (0.95, -60)])
def test_what_is_read_between_samples_is_right(share, decibels):
    """A tone at so much of half the sampling rate, against the closed form, but for the ends, where the clip is cut off."""
    size = 4 * RATE
    places = np.concatenate([[0], np.cumsum(1 + 0.028 * deviation(size - 1, RATE, 2))])
    wanted = np.sin(np.pi * share * places)
    found = WOW_FLUTTER.apply(np.sin(np.pi * share * np.arange(size)).astype(np.float32), RATE, 2.8, 2)
    error = (found - wanted)[200:-200]
    assert 10 * np.log10((error**2).mean() / (wanted**2).mean()) < decibels


def test_the_clip_begins_and_ends_in_time_and_is_a_few_ms_off_in_between():
    clicks = np.zeros(6 * RATE, np.float32)
    clicks[100 :: RATE // 4] = 1
    at = np.flatnonzero(clicks)
    for seed in range(4):
        found = WOW_FLUTTER.apply(clicks, RATE, 2.8, seed)
        wide = np.pad(np.abs(found), 300)
        late = np.array([wide[place : place + 600].argmax() - 300 for place in at])
        assert abs(late[0]) <= 3
        assert 1 < np.abs(late).max() / RATE * 1e3 < 9
    ends = WOW_FLUTTER.apply(np.float32([1, *np.zeros(RATE), -1]), RATE, 2.8, 0)
    assert ends[[0, -1]] == pytest.approx([1, -1], abs=1e-4)
