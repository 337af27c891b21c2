"""Opus: at its bit rate, in time at every sampling rate, as loud, and alike for quiet and loud clips."""

import distances
import numpy as np
import pytest
import soundfile
import soxr

import mirbench
from mirbench import registry

OPUS = registry.plugins.current().corruptions["opus"]
RATE = 22_050


def noise(seconds, rate, highest=1_500, peak=0.5):
    """Up to 1.5 kHz, which every bit rate has room for."""
    size = round(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(size))
    spectrum[round(seconds * highest) :] = 0
    audio = np.fft.irfft(spectrum, size)
    return (audio * peak / np.abs(audio).max()).astype(np.float32)


def lag(found, clean):
    """Samples by which it is late."""
    alike = np.fft.irfft(np.fft.rfft(found) * np.conj(np.fft.rfft(clean)), len(clean))
    at = int(alike.argmax())
    return at - len(clean) if at > len(clean) / 2 else at


def snr(clean, found):
    return 20 * np.log10(np.linalg.norm(clean) / np.linalg.norm(found.astype(float) - clean))


@pytest.mark.slow
@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 24_000, 48_000])
def test_it_has_its_bit_rate(rate):
    """Of music; the bit rate is variable. Ogg adds its pages and the lengths of 50 packets a second."""
    clean = soxr.resample(np.concatenate(list(distances.real_clips(6, 6).values())), distances.RATE, rate)
    for level in OPUS.levels:
        kilobits = len(OPUS.encode(clean, rate, level)) * 8 / (len(clean) / rate) / 1_000
        assert kilobits == pytest.approx(level + 2, rel=0.2, abs=0.3), level


@pytest.mark.parametrize("rate", [6_000, 8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])
def test_it_stays_in_time_and_keeps_its_level(rate):
    clean = noise(3, rate)
    for level in OPUS.levels:
        found = OPUS.apply(clean, rate, level, 0)
        late = lag(found, clean)
        assert late == 0 if level > 32 else abs(late) <= max(1, 1e-4 * rate), (level, late)
        if level >= 64:
            assert found @ clean / (clean @ clean) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("seconds", [0.5, 1.2345, 70])
def test_it_is_in_time_to_the_end_of_short_and_long_clips(seconds):
    clean = noise(seconds, 48_000)
    found = OPUS.apply(clean, 48_000, 64, 0)
    assert snr(clean, found) > 15
    assert snr(clean[-9_600:], found[-9_600:]) > 10


def test_at_a_high_bit_rate_it_is_nearly_the_same():
    clean = noise(4, RATE, 5_000)
    assert snr(clean, OPUS.apply(clean, RATE, 96, 0)) > 15


@pytest.mark.parametrize("level", OPUS.levels)
def test_a_quiet_clip_is_coded_as_a_loud_one_is(level):
    clean = noise(1, RATE)
    found = OPUS.apply(clean, RATE, level, 0)
    for gain in (2.0**-40, 2.0**-7, 8.0):
        assert np.allclose(OPUS.apply(clean * np.float32(gain), RATE, level, 0), found * gain, rtol=1e-5, atol=1e-6 * gain)


def test_the_next_higher_sampling_rate_of_opus_keeps_the_treble():
    """A tone of 10 kHz of a clip at 22,050 Hz, which would be gone at 16,000 Hz."""
    tone = (0.5 * np.sin(2 * np.pi * 10_000 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    assert snr(tone, OPUS.apply(tone, RATE, 96, 0)) > 15


def test_a_libsndfile_without_opus_is_told(monkeypatch):
    monkeypatch.setattr(soundfile, "available_subtypes", lambda format: {"VORBIS": "Vorbis"})
    with pytest.raises(mirbench.MirbenchError, match="install soundfile from its wheel"):
        OPUS.apply(noise(1, RATE), RATE, 64, 0)
