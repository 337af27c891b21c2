"""Copies of what is too short or too steady for fingerprints are found by their waveform; other audio of the kind is not."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from mirbench.data.duplicates import overlap, waveforms
from mirbench.data.duplicates.fingerprinting import listen_to
from mirbench.data.duplicates.fingerprints import Fingerprint, fingerprint
from mirbench.data.duplicates.matching import comparable
from mirbench.data.duplicates.outline import BANDS, Outline, OutlineFinder
from mirbench.data.duplicates.overlap import LIKELY, SAME_RECORDING, SAME_WAVEFORM, Overlap, find_overlap
from mirbench.records import Clip

RATE = 22_050


def drone(seed: int, seconds: float = 4.0) -> np.ndarray:
    """A steady chord with slow beats."""
    random, t = np.random.default_rng(seed), np.arange(int(seconds * RATE)) / RATE
    partials = [(55 * 2 ** (random.integers(24) / 12) * k * (1 + random.normal() / 500), random.random()) for k in range(1, 9)]
    return 0.05 * sum(size * np.sin(2 * np.pi * (hertz * t + size)) for hertz, size in partials)


def hit(seed: int, seconds: float = 0.5) -> np.ndarray:
    """A drum."""
    t = np.arange(int(seconds * RATE)) / RATE
    return 0.3 * np.random.default_rng(seed).normal(size=len(t)) * np.exp(-(8 + seed) * t)


def clip(folder, name: str, audio: np.ndarray, split: str = "train", rate: int = RATE) -> Clip:
    soundfile.write(folder / name, audio, rate)
    return Clip(name, folder / name, split, name)


WAYS = {
    "-3 dB.flac": (lambda x: 0.708 * x, RATE),
    "inverted.wav": (lambda x: -0.3 * x, RATE),
    "16 kHz.wav": (lambda x: soundfile_resample(x, 16_000), 16_000),
    "cut.wav": (lambda x: x[3 : int(0.9 * len(x))], RATE),
}


def soundfile_resample(audio: np.ndarray, rate: int) -> np.ndarray:
    from mirbench.data.audio.audio import resample

    return resample(audio.astype(np.float32), RATE, rate)


@pytest.mark.parametrize("sound", [drone, hit])
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_what_fingerprints_cannot_compare_is_found_by_its_waveform(tmp_path, sound, way):
    assert_found(tmp_path, sound, way, *WAYS[way])


def test_a_coded_drone_is_found(tmp_path):  # of coded noise less than .98 is left
    assert_found(tmp_path, drone, "vorbis.ogg", lambda x: x, RATE)


def assert_found(tmp_path, sound, way, change, rate):
    first = [clip(tmp_path, f"{seed}.wav", sound(seed)) for seed in range(4)]
    second = [clip(tmp_path, way, change(sound(2)), "test", rate), clip(tmp_path, "other.wav", sound(9), "test")]
    assert find_overlap(first, second, tmp_path / "cache", 1) == [Overlap("2.wav", way, SAME_WAVEFORM)]


def test_candidates_are_few_and_nearest_first(monkeypatch):
    bands = np.zeros((3, BANDS))
    bands[1] += 1
    bands[2] += 50
    outlines = {10 + at: Outline(0.0, each) for at, each in enumerate(bands)}
    assert waveforms.nearest({7: Outline(0.0, np.full(BANDS, 0.8))}, outlines) == [(7, 11), (7, 10)]
    monkeypatch.setattr(waveforms, "MOST", 1)
    assert waveforms.nearest({7: Outline(0.0, np.full(BANDS, 0.8))}, outlines) == [(7, 11)]
    assert waveforms.nearest({}, outlines) == waveforms.nearest(outlines, {}) == []


def test_an_outline_does_not_depend_on_the_pieces_and_survives_packing():
    audio = np.concatenate([hit(1), np.zeros(9 * RATE)]).astype(np.float32)
    whole, pieces = OutlineFinder(), OutlineFinder()
    whole.add(audio)
    for begin in range(0, len(audio), 777):
        pieces.add(audio[begin : begin + 777])
    one, other = whole.outline(), pieces.outline()
    np.testing.assert_allclose(one.bands, other.bands)
    assert one.silent == other.silent > 0.9
    unpacked = Outline.unpack(one.pack())
    np.testing.assert_allclose(unpacked.bands, one.bands, atol=0.13)
    found = fingerprint([audio])
    assert Fingerprint.unpack(found.pack()).outline.pack() == one.pack()
    with pytest.raises(ValueError, match="no outline"):
        Outline.unpack(b"12")


def test_fingerprints_that_were_kept_without_an_outline_are_still_read():
    found = fingerprint([hit(1).astype(np.float32)])
    older = Fingerprint(found.digest, found.frames, found.bins, found.tones)
    assert Fingerprint.unpack(older.pack()).outline is None
    assert overlap._plain([older.pack(), found.pack(), None]).keys() == {1}


def test_what_was_listened_to_tells_what_is_silent_and_what_cannot_be_compared(tmp_path):
    random = np.random.default_rng(0)
    melody = np.concatenate([0.3 * np.sin(2 * np.pi * random.uniform(100, 3000) * np.arange(2000) / RATE) for _ in range(60)])
    clips = [
        clip(tmp_path, "melody.wav", melody),
        clip(tmp_path, "drone.wav", drone(0)),
        clip(tmp_path, "ends.wav", np.concatenate([melody[:RATE], np.zeros(6 * RATE)])),
        clip(tmp_path, "zeros.wav", np.zeros(RATE)),
        clip(tmp_path, "copy.flac", np.round(drone(0) * 32767).astype(np.int16)),
    ]
    heard = listen_to(clips, tmp_path / "cache", 1)
    named = [[each.id for each in several] for several in (heard.silent, heard.nearly_silent, heard.plain)]
    assert named == [["zeros.wav"], ["ends.wav"], ["drone.wav", "ends.wav", "copy.flac"]]
    assert comparable(fingerprint([melody.astype(np.float32)]))
    assert not comparable(fingerprint([melody.astype(np.float32)]), times=50)


def test_equal_samples_are_one_sound(tmp_path):
    samples = np.round(drone(0) * 32767).astype(np.int16)
    clips = [clip(tmp_path, name, samples) for name in ("a.wav", "b.flac")] + [clip(tmp_path, "c.wav", drone(1))]
    assert listen_to(clips, tmp_path / "cache", 1).alike == (tuple(clips[:2]),)


def test_a_recording_is_only_likely_where_the_waveform_does_not_agree(tmp_path, monkeypatch):
    assert overlap.CONFIRMED < waveforms.COPY
    random = np.random.default_rng(0)
    melody = np.concatenate([0.3 * np.sin(2 * np.pi * random.uniform(100, 3000) * np.arange(2000) / RATE) for _ in range(80)])
    first, second = [clip(tmp_path, "a.wav", melody)], [clip(tmp_path, "b.wav", 0.5 * melody, "test")]
    (found,) = find_overlap(first, second, tmp_path / "cache", 1)
    assert (found.how, found.certain) == (SAME_RECORDING, True)
    monkeypatch.setattr(overlap, "correlation", lambda *_: 0.6)
    (found,) = find_overlap(first, second, tmp_path / "cache", 1)
    assert (found.how, found.certain) == (LIKELY, False)
    monkeypatch.setattr(overlap, "MOST", 0)
    monkeypatch.setattr(overlap, "correlation", None)  # which is not asked of more pairs than that
    assert find_overlap(first, second, tmp_path / "cache", 1)[0].how == LIKELY


def test_the_correlation_of_what_cannot_be_read_is_none(tmp_path):
    missing = Clip("x", tmp_path / "x.wav", "train", "x")
    assert waveforms.correlation(missing, missing) == 0
    silent = clip(tmp_path, "zeros.wav", np.zeros(RATE))
    assert waveforms.correlation(silent, silent) == 0


def tone(phase: float, seconds: float = 0.4, size: float = 0.3) -> np.ndarray:
    return size * np.sin(np.arange(int(seconds * RATE)) * 0.02 + phase)


def test_two_tones_of_one_pitch_are_no_copies_but_a_whole_copy_of_one_is(tmp_path):
    """By lags of a part of a period they correlate at 1."""
    first = [clip(tmp_path, f"{phase}.wav", tone(phase)) for phase in range(4)]
    others = [clip(tmp_path, f"other {phase}.wav", tone(phase + 0.5), "test") for phase in range(4)]
    assert find_overlap(first, others, tmp_path / "cache", 1) == []
    longer = clip(tmp_path, "longer.wav", tone(2, 0.42), "test")
    softer = clip(tmp_path, "softer.flac", tone(2, size=0.1), "test")
    assert find_overlap(first, [longer, softer], tmp_path / "cache", 1) == [Overlap("2.wav", "softer.flac", SAME_WAVEFORM)]


def test_an_offset_that_two_clips_have_in_common_makes_no_copy(tmp_path):
    noises = [0.1 + 0.001 * np.random.default_rng(seed).normal(size=RATE) for seed in range(2)]
    first, second = (clip(tmp_path, f"{seed}.wav", each) for seed, each in enumerate(noises))
    assert waveforms.correlation(first, second) < 0.5  # what resampling makes of their ends
    assert waveforms.copies([(0, 0)], [first], [second]) == []
    softer = clip(tmp_path, "softer.wav", 0.5 * noises[0])
    assert waveforms.copies([(0, 0)], [first], [softer]) == [(0, 0)]
