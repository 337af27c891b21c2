"""What each corruption promises, and what its unit says it does."""

import distances
import numpy as np
import pytest
from mirbench_plugins.corruptions import digital, distortion, filters, levels, masking, noise, sanity

from mirbench import registry
from mirbench.testing import check_corruption
from mirbench.testing.corruptions import flat_tops as _flat_tops

RATE = 22_050
CORRUPTIONS = registry.plugins.current().corruptions


def music(seconds=2.0, peak=0.5):
    """Tones that fade over a little noise."""
    rng, time = np.random.default_rng(1), np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * f * time + f) * np.exp(-time * f / 400) for f in (110, 277.2, 440, 1318.5, 3520))
    audio = tones + 0.05 * rng.standard_normal(len(time))
    return (audio * peak / np.abs(audio).max()).astype(np.float32)


def tone(frequency, seconds=2.0, rate=RATE):
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def applied(corruption, audio, level, rate=RATE, seed=3):
    if corruption.others:
        others = np.random.default_rng(5).uniform(-0.5, 0.5, (corruption.others, len(audio))).astype(np.float32)
        return corruption.mix(audio, others, rate, level, seed)
    return corruption.apply(audio, rate, level, seed)


def gain(corruption, frequency, level, rate=RATE, seed=3):
    """What is left of a tone once the filter has settled, in dB."""
    clean = tone(frequency, rate=rate)
    found = corruption.apply(clean, rate, level, seed)
    half = len(clean) // 2
    return 20 * np.log10(max(np.linalg.norm(found[half:]), 1e-9) / np.linalg.norm(clean[half:]))


def snr(clean, found):
    return 20 * np.log10(np.linalg.norm(clean) / np.linalg.norm(found.astype(float) - clean))


@pytest.mark.parametrize("rate", [RATE, 8_000])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_keeps_to_the_contract(name, rate):
    check_corruption(CORRUPTIONS[name], rate)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_copes_with_short_and_silent_audio(name):
    corruption = CORRUPTIONS[name]
    for samples in (1, 2, 100):
        for audio in (np.zeros(samples, np.float32), np.full(samples, 0.3, np.float32), music()[:samples]):
            for level in corruption.levels:
                found = applied(corruption, audio.copy(), level)
                assert found.shape == audio.shape
                assert found.dtype == np.float32
                assert np.isfinite(found).all()
    for level in corruption.levels:
        assert not applied(corruption, np.zeros(RATE, np.float32), level).any(), "silence does not stay silent"


@pytest.mark.parametrize("name", [name for name, found in CORRUPTIONS.items() if found.levels])
def test_flattens_no_peaks_unless_it_says_so(name):
    """Of a clip whose peaks are beyond full scale."""
    corruption, clean = CORRUPTIONS[name], music(peak=1.5)
    found = [applied(corruption, clean, level) for level in corruption.levels]
    if corruption.limits:
        assert _flat_tops(found[-1])
        return
    assert not any(map(_flat_tops, found))
    if name == "bit-depth":  # its steps go up to the old peak
        assert np.abs(found[-1]).max() == pytest.approx(1.5)
    else:
        assert all((np.abs(each) == 1).sum() == 0 for each in found)


@pytest.mark.parametrize("corruption", [noise.WhiteNoise(), noise.PinkNoise()], ids=lambda c: c.name)
def test_noise_has_the_snr_asked_for_and_is_the_same_at_every_level(corruption):
    for peak in (0.01, 0.5, 1.5):
        clean = music(peak=peak)
        for level in corruption.levels:
            assert snr(clean, corruption.apply(clean, RATE, level, 3)) == pytest.approx(level, abs=0.1)
    clean = music()
    first, last = (corruption.apply(clean, RATE, level, 3).astype(float) - clean for level in (20, 0))
    assert np.corrcoef(first, last)[0, 1] > 0.99999
    other = corruption.apply(clean, RATE, 0, 4).astype(float) - clean
    assert abs(np.corrcoef(last, other)[0, 1]) < 0.1


@pytest.mark.parametrize(("corruption", "slope"), [(noise.WhiteNoise(), 0), (noise.PinkNoise(), -3.01)], ids=["white", "pink"])
def test_noise_has_its_colour(corruption, slope):
    """The slope of the power spectrum in dB per octave, from 31 Hz up; nothing is left below 20 Hz of pink noise."""
    clean = np.tile(music(), 10)
    spectrum = np.abs(np.fft.rfft(corruption.apply(clean, RATE, 0, 3).astype(float) - clean)) ** 2
    frequency = np.fft.rfftfreq(len(clean), 1 / RATE)
    octaves = 31.25 * 2.0 ** np.arange(9)
    power = [10 * np.log10(spectrum[(frequency >= low) & (frequency < 2 * low)].mean()) for low in octaves[:-1]]
    assert np.polyfit(np.arange(8), power, 1)[0] == pytest.approx(slope, abs=0.2)
    below = spectrum[frequency < 19].sum() / spectrum.sum()
    assert below < 1e-3 if slope else below == pytest.approx(19 / RATE * 2, rel=0.3)


@pytest.mark.parametrize("level", filters.LowPass.levels[1:])
def test_low_pass_keeps_what_is_below_and_falls_by_24_db_per_octave(level):
    corruption = filters.LowPass()
    assert gain(corruption, level / 2, level) == pytest.approx(0, abs=0.1)
    assert gain(corruption, level, level) == pytest.approx(-3, abs=0.1)
    assert -50 < gain(corruption, 2 * level, level) < -23


@pytest.mark.parametrize("level", filters.HighPass.levels)
def test_high_pass_keeps_what_is_above_and_falls_by_24_db_per_octave(level):
    corruption = filters.HighPass()
    assert gain(corruption, 2 * level, level) == pytest.approx(0, abs=0.1)
    assert gain(corruption, level, level) == pytest.approx(-3, abs=0.1)
    assert -29 < gain(corruption, level / 2, level) < -23  # steeper towards half the sampling rate


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_band_stop_stops_a_band_of_so_many_hz_that_lies_within_the_next(seed):
    corruption = filters.BandStop()
    edges = [corruption.edges(level, seed) for level in corruption.levels]
    for (low, high), level in zip(edges, corruption.levels, strict=True):
        assert high - low == pytest.approx(level)
        assert gain(corruption, low, level, seed=seed) == pytest.approx(-3, abs=0.3)
        assert gain(corruption, high, level, seed=seed) == pytest.approx(-3, abs=0.3)
        assert gain(corruption, (low * high) ** 0.5, level, seed=seed) < -40
        assert gain(corruption, low / 2, level, seed=seed) == pytest.approx(0, abs=0.3)
    lows, highs = zip(*edges, strict=True)
    assert list(lows) == sorted(lows, reverse=True)
    assert list(highs) == sorted(highs)
    centres = {round((low * high) ** 0.5) for low, high in (corruption.edges(100, seed) for seed in range(20))}
    assert len(centres) > 10
    assert min(centres) >= 400
    assert max(centres) <= 2_500


@pytest.mark.parametrize("rate", [1_000, 2_205, 4_000, 8_000])
def test_a_high_pass_leaves_less_at_each_severity_also_where_the_rate_has_no_such_frequency(rate):
    clean, corruption = np.random.default_rng(2).standard_normal(4 * rate).astype(np.float32), filters.HighPass()
    left = [np.linalg.norm(corruption.apply(clean, rate, level, 0)) / np.linalg.norm(clean) for level in corruption.levels]
    assert left == sorted(left, reverse=True), left
    for before, level, now in zip(left, corruption.levels[1:], left[1:], strict=False):
        assert now < before or level >= 0.49 * rate, left
    assert left[-1] < 0.8


def test_a_frequency_beyond_nyquist_leaves_the_audio_as_it_is():
    clean = music()
    low, sampled = filters.LowPass(), digital.SampleRate()
    for corruption, level in ((low, 7_000), (low, 4_000), (sampled, 8_000), (sampled, 14_000)):
        assert np.array_equal(corruption.apply(clean, 8_000, level, 0), clean)
    assert gain(filters.BandStop(), 3_900, 6_000, rate=8_000) < -20  # the band reaches to Nyquist


@pytest.mark.parametrize("level", levels.GainDown.levels)
def test_gain_down_is_that_many_db(level):
    clean = music()
    assert np.allclose(levels.GainDown().apply(clean, RATE, level, 0), clean * 10 ** (-level / 20), rtol=1e-5)


@pytest.mark.parametrize("peak", [0.01, 0.5, 1.5])
@pytest.mark.parametrize("level", levels.GainUp.levels)
def test_gain_up_cuts_what_is_within_so_many_db_of_the_peak(level, peak):
    clean = music(peak=peak)
    found = levels.GainUp().apply(clean, RATE, level, 0)
    cut = np.abs(clean) >= peak * 10 ** (-level / 20) * (1 + 1e-5)
    assert np.abs(found).max() == 1
    assert (np.abs(found[cut]) == 1).all()
    assert np.allclose(found[~cut], clean[~cut] / peak * 10 ** (level / 20), atol=1e-4)


@pytest.mark.parametrize("level", distortion.Clipping.levels)
def test_clipping_cuts_that_share_of_the_samples(level):
    for peak in (0.01, 1.5):
        clean = music(peak=peak)
        found = distortion.Clipping().apply(clean, RATE, level, 0)
        assert 100 * np.mean(found != clean) == pytest.approx(level, abs=0.05)
        assert np.array_equal(np.clip(clean, found.min(), found.max()), found)


@pytest.mark.parametrize("level", distortion.SoftDistortion.levels)
def test_soft_distortion_keeps_loudness_and_bends_symmetrically(level):
    clean, corruption = music(), distortion.SoftDistortion()
    found = corruption.apply(clean, RATE, level, 0)
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(clean), rel=1e-4)
    assert np.allclose(corruption.apply(-clean, RATE, level, 0), -found, atol=1e-6)
    order = np.argsort(clean)
    assert (np.diff(found[order]) >= -1e-7).all()
    knee = np.quantile(np.abs(clean), 1 - 0.99 * level / 100)  # there, tanh of 0.5 is 7.6 % less than 0.5
    slope = found[np.abs(clean) < 0.01 * knee].std() / clean[np.abs(clean) < 0.01 * knee].std()
    at_knee = np.argmin(np.abs(clean - knee))
    assert found[at_knee] / clean[at_knee] / slope == pytest.approx(np.tanh(0.5) / 0.5, rel=0.01)


@pytest.mark.parametrize("peak", [0.01, 0.5, 1.5])
@pytest.mark.parametrize("level", digital.BitDepth.levels)
def test_bit_depth_leaves_so_many_values_and_the_nearest_of_them(level, peak):
    clean = np.linspace(-peak, peak, 40_000, dtype=np.float32)
    found = digital.BitDepth().apply(clean, RATE, level, 0)
    steps = round(2 ** (level - 1) - 1)
    assert len(np.unique(found)) == 2 * steps + 1
    assert np.abs(found - clean).max() <= peak / steps / 2 * (1 + 1e-3)
    assert 0 in found


@pytest.mark.parametrize("level", digital.SampleRate.levels)
def test_sample_rate_folds_what_is_above_its_half_and_stays_in_time(level):
    corruption, high = digital.SampleRate(), level * 0.6
    spectrum = np.abs(np.fft.rfft(corruption.apply(tone(high), RATE, level, 0) * np.hanning(2 * RATE)))
    assert spectrum.argmax() / 2 == pytest.approx(level - high, abs=2)
    low = tone(level / 20)
    assert np.abs(corruption.apply(low, RATE, level, 0) - low).max() < 0.02


def test_sample_rate_takes_fewer_samples():
    """Between what is kept it draws straight lines."""
    found = digital.SampleRate().apply(music(), RATE, 2_000, 0).astype(float)
    bends = np.abs(np.diff(found, 2)) > 1e-4
    assert 0.7 < bends.sum() / (2 * 2 * 2_000) <= 1.01  # a line ends between two samples: two bends each


@pytest.mark.parametrize("rate", [48_000, 24_000, 22_050, 16_000, 8_000])
def test_mp3_has_its_bit_rate(rate):
    clean = music(4)
    for level in digital.Mp3.levels:
        if rate <= 24_000 or level >= 64:
            size = len(digital.Mp3().encode(clean, rate, level))
            assert size * 8 / (len(clean) / rate) / 1_000 == pytest.approx(level, rel=0.05)


@pytest.mark.parametrize("rate", [6_000, 8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 96_000])
def test_mp3_stays_in_time_and_keeps_its_level(rate):
    """Noise up to 1.5 kHz, which every bit rate has room for: the best lag against the clean clip is none."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(3 * rate))
    spectrum[3 * 1_500 :] = 0
    clean = np.fft.irfft(spectrum, 3 * rate).astype(np.float32)
    clean *= 0.5 / np.abs(clean).max()
    for level in digital.Mp3.levels:
        found = digital.Mp3().apply(clean, rate, level, 0)
        alike = np.fft.irfft(np.fft.rfft(found) * np.conj(np.fft.rfft(clean)))
        assert alike.argmax() in (0, 1, len(alike) - 1), (level, alike.argmax())
        if level == 64:
            assert found @ clean / (clean @ clean) == pytest.approx(1, abs=0.02)


def test_mp3_at_a_high_bit_rate_is_nearly_the_same():
    clean = music(4)
    assert snr(clean, digital.Mp3().apply(clean, RATE, 64, 0)) > 20


@pytest.mark.parametrize("seed", range(4))
def test_time_masking_loses_that_share_and_what_it_lost_before(seed):
    corruption, clean = masking.TimeMasking(), np.ones(40_001, np.float32)
    before = clean
    for level in corruption.levels:
        found = corruption.apply(clean, RATE, level, seed)
        lost = np.flatnonzero(found < 1)
        assert len(lost) == pytest.approx(len(clean) * level / 100, abs=3)
        assert len(lost) == lost[-1] - lost[0] + 1
        assert (found <= before).all()
        assert found.min() == 0
        before = found
    starts = {np.argmax(corruption.apply(clean, RATE, 10, seed) < 1) for seed in range(20)}
    assert len(starts) == 20


def test_sanity_checks_are_what_they_say_and_count_for_nothing():
    clean = music()
    assert np.array_equal(sanity.Polarity().apply(clean, RATE, 180, 0), -clean)
    assert np.array_equal(sanity.Reverse().apply(clean, RATE, 100, 0), clean[::-1])
    assert not sanity.Polarity.counted
    assert not sanity.Reverse.counted


def test_real_clips_are_real():
    clips = distances.real_clips(3, 1)
    assert [len(clip) for clip in clips.values()] == [RATE] * 3
    assert all(0.01 < np.abs(clip).max() <= 1 for clip in clips.values())
