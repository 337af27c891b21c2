"""Pitch shift: by so many cents, as long and as loud as before, all partials kept, and near what audiomentations makes of the same."""

import math
import random

import audiomentations
import numpy as np
import pytest
import torch

from mirbench.pretraining.views.pitch_shift import frame_sizes, pitch_shift

RATE, SAMPLES = 22_050, 59_535
SHIFTS = [-8.0, -4.0, -2.5, -0.3, 0.0, 0.7, 1.0, 3.3, 4.0, 8.0]
TIME = torch.arange(SAMPLES, dtype=torch.float64) / RATE


def tone(hertz):
    return 0.3 * torch.sin(2 * math.pi * hertz * TIME + 0.3).float()


def power_of(audio):
    """(hertz, power) of the middle of a view."""
    middle = audio[4096:-4096].double().numpy()
    return np.fft.rfftfreq(len(middle), 1 / RATE), np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2


def cents(found, wanted):
    return 1200 * math.log2(found / wanted)


def test_frame_sizes_are_within_a_few_cents_of_any_interval():
    wanted = np.linspace(-8, 8, 4001)
    off = [abs(cents(size / played, 2 ** (semitones / 12))) for semitones, (size, played) in zip(wanted, frame_sizes(wanted), strict=True)]
    assert max(off) < 2
    assert np.mean(off) < 0.5
    assert all(size == played for size, played in frame_sizes([0.0]))


@pytest.mark.parametrize("hertz", [60.0, 110.0, 220.0, 440.0, 880.0, 1760.0, 3500.0])
def test_a_tone_is_moved_by_the_cents_asked_for_and_stays_one_tone_as_loud_as_before(hertz):
    shifted = pitch_shift(tone(hertz).expand(len(SHIFTS), -1), torch.tensor(SHIFTS))
    assert shifted.shape == (len(SHIFTS), SAMPLES)
    for row, semitones in zip(shifted, SHIFTS, strict=True):
        frequency, power = power_of(row)
        k = int(power.argmax())
        a, b, c = np.log(power[k - 1 : k + 2])
        found = (k + (a - c) / (2 * (a - 2 * b + c))) * frequency[1]
        assert abs(cents(found, hertz * 2 ** (semitones / 12))) < 2  # the bound asked for is 5
        near = abs(frequency - found) < 25
        assert 10 * math.log10(power[near].sum() / power[~near].sum()) > 48
        assert 20 * math.log10(float(row[4096:-4096].std() / tone(hertz)[4096:-4096].std())) == pytest.approx(0, abs=0.1)


def test_what_would_pass_the_nyquist_frequency_is_left_out():
    """9.5 kHz, four semitones up, would be 11,969 Hz and fold back to 10,081."""
    assert float(pitch_shift(tone(9500.0)[None], torch.tensor([4.0]))[0, 4096:-4096].abs().max()) < 0.3 * 10 ** (-40 / 20)


@pytest.mark.parametrize("semitones", [-8.0, -6.0, -4.0, 0.5, 4.0, 8.0])
def test_a_burst_begins_and_ends_where_it_did(semitones):
    begin, end = 17_640, 35_280
    burst = tone(440.0).clone()
    burst[:begin] = burst[end:] = 0
    power = pitch_shift(burst[None], torch.tensor([semitones]))[0].square()
    loud = (torch.nn.functional.avg_pool1d(power[None], 111, 1, padding=55)[0] > 0.25 * 0.045).nonzero().flatten()
    bound = (0.005 if abs(semitones) <= 4 else 0.013) * RATE
    assert abs(int(loud[0]) - begin) < bound
    assert abs(int(loud[-1]) - end) < bound


def chord(root, semitones=0.0):
    """A major triad with six partials a note, and the frequencies of those."""
    notes = [root * 2 ** ((above + semitones) / 12) for above in (0, 4, 7)]
    partials = [note * k for note in notes for k in range(1, 7)]
    phases = np.random.default_rng(0).uniform(0, 6, len(partials))
    parts = [torch.sin(2 * math.pi * f * TIME + p) / (1 + i % 6) for i, (f, p) in enumerate(zip(partials, phases, strict=True))]
    return 0.1 * torch.stack(parts).sum(0).float(), partials


@pytest.mark.parametrize("root", [110.0, 220.0])
def test_a_chord_keeps_all_its_partials(root):
    """audiomentations' own loses some of them by 40 dB: two partials closer than 50 Hz may merge there."""
    audio, partials = chord(root)
    frequency, power = power_of(audio)
    shifts = torch.tensor([-4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0])
    for semitones, row in zip(shifts.tolist(), pitch_shift(audio.expand(len(shifts), -1), shifts), strict=True):
        _, moved = power_of(row)
        kept = []
        for partial in partials:
            wanted = partial * 2 ** (semitones / 12)
            before, after = (p[abs(frequency - f) < max(1.5, 0.003 * f)].sum() for p, f in ((power, partial), (moved, wanted)))
            kept.append(10 * math.log10(after / before))
        assert min(kept) > -1.0
        assert max(kept) < 0.5


def struck(seed):
    """Four-note chords struck one after another, each note with eight decaying partials."""
    draw, time = np.random.default_rng(seed), TIME.numpy()
    audio = np.zeros(SAMPLES)
    for onset in (0, 0.5, 1.0, 1.4, 1.9):
        since = (time - onset).clip(0)
        for hertz in 220 * 2 ** (draw.choice(24, 4, replace=False) / 12):
            for k in range(1, 9):
                decay = np.exp(-since * (2 + 0.6 * k)) / k**1.2
                audio += 0.05 * (time >= onset) * np.sin(2 * np.pi * hertz * k * since + draw.uniform(0, 6)) * decay
    return audio.astype(np.float32)


def bands_db(audio):
    """Level of 64 bands up to 5.5 kHz, frame by frame; -30 dB where nothing sounds."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, 1024)[::256] * np.hanning(1024)
    power = np.abs(np.fft.rfft(frames)) ** 2
    return 10 * np.log10(power[:, :256].reshape(len(frames), 64, 4).sum(axis=2) + 1e-3)


@pytest.mark.parametrize("semitones", [-3.0, 3.0])
def test_struck_chords_sound_as_they_do_from_audiomentations(semitones):
    """Root mean square distance of spectrograms, and level: nearer to its default method than its other method is."""
    audio, state = np.stack([struck(seed) for seed in range(2)]), random.getstate()
    fixed = {"min_semitones": semitones, "max_semitones": semitones, "p": 1.0}
    twin, other = (audiomentations.PitchShift(**fixed, method=m) for m in ("signalsmith_stretch", "librosa_phase_vocoder"))
    for row, found in zip(audio, pitch_shift(torch.tensor(audio), torch.full((2,), semitones)).numpy(), strict=True):
        wanted, alternative = twin(row, RATE), other(row, RATE)
        distance, of_other = (np.sqrt(np.mean((bands_db(x) - bands_db(wanted)) ** 2)) for x in (found, alternative))
        assert distance < 2.3
        assert distance < 0.6 * of_other
        assert 20 * math.log10(found.std() / row.std()) == pytest.approx(0, abs=0.5)
    random.setstate(state)


def test_every_view_is_shifted_by_its_own_interval_whatever_the_others_hold():
    views, shifts = torch.stack([tone(300.0), tone(500.0), tone(900.0)]), torch.tensor([2.0, -3.0, 0.5])
    together = pitch_shift(views, shifts)
    for row in range(3):
        torch.testing.assert_close(together[row], pitch_shift(views[row : row + 1], shifts[row : row + 1])[0], atol=1e-5, rtol=0)
    views[1:] = torch.rand(2, SAMPLES)
    assert torch.equal(together[0], pitch_shift(views, shifts)[0])


def test_no_shift_changes_nothing():
    audio = torch.randn(1, 20_000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(pitch_shift(audio, torch.zeros(1)), audio, atol=1e-5, rtol=0)


@pytest.mark.parametrize("samples", [0, 1, 2, 100, 5000])
def test_short_silent_and_constant_views_stay_finite(samples):
    views = torch.stack([torch.zeros(samples), torch.ones(samples), torch.rand(samples), torch.full((samples,), 1e-12)])
    shifted = pitch_shift(views, torch.tensor([3.0, -3.0, 16.0, -16.0]))
    assert shifted.shape == views.shape
    assert torch.isfinite(shifted).all()
    assert not shifted[0].any()


def test_sound_after_a_silence_is_as_loud_as_before():
    audio = tone(440.0).clone()
    audio[5000:25_000] = 0
    shifted = pitch_shift(audio[None], torch.tensor([3.0]))[0]
    assert 20 * math.log10(float(shifted[30_000:-4096].std() / tone(440.0)[30_000:-4096].std())) == pytest.approx(0, abs=0.1)
    assert float(shifted[9000:21_000].abs().max()) < 1e-4
