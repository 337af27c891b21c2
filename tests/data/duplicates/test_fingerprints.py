"""The same recording is found under what may happen to it; what only sounds alike is not."""

from __future__ import annotations

import functools
import io
import tracemalloc

import numpy as np
import pytest
import soundfile

from mirbench.data.audio.audio import resample
from mirbench.data.duplicates.fingerprints import FRAME_SECONDS, SAMPLE_RATE, Fingerprint, fingerprint
from mirbench.data.duplicates.matching import Index, align, hashes

RATE = 22_050
EMPTY = Fingerprint(b"", np.zeros(0, np.int64), np.zeros(0, np.int64))


@functools.cache
def note(hertz: float, rate: int) -> np.ndarray:
    t = np.arange(rate) / rate
    return sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 9)) * np.exp(-5 * t)


def tune(seed: int, seconds: float = 10.0, rate: int = RATE, semitones: float = 0.0) -> np.ndarray:
    """A line and chords of one synthesised instrument at 120 bpm; another seed is another piece, a transposition the same piece."""
    random, audio = np.random.default_rng(seed), np.zeros(int((seconds + 2) * rate))
    for step in range(int(seconds * 4)):
        for pitch in random.choice([48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67, 69, 71, 72], 1 + 2 * (step % 4 == 0), replace=False):
            hertz = 440 * 2 ** ((pitch + semitones - 69) / 12)
            audio[step * rate // 4 : step * rate // 4 + rate] += note(hertz, rate) * random.uniform(0.5, 1)
    return (audio[: int(seconds * rate)] * 0.1).astype(np.float32)


def fingerprint_of(audio: np.ndarray, rate: int = RATE) -> Fingerprint:
    return fingerprint([resample(np.ascontiguousarray(audio, np.float32), rate, SAMPLE_RATE)])


def coded(audio: np.ndarray, format: str, subtype: str, level: float) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, audio, RATE, subtype, format=format, compression_level=level)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def noise(snr: float, audio: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(len(audio)) * np.sqrt((audio**2).mean() / 10 ** (snr / 10))


WHOLE = {seed: fingerprint_of(tune(seed)) for seed in range(6)}
INDEX = Index(list(WHOLE.values()))


@pytest.mark.parametrize("start", [0.0, 1.7, 3.31, 5.0])
@pytest.mark.parametrize(
    "way",
    [
        lambda x: x,
        lambda x: np.round(x * 3277) / 32768,
        lambda x: np.clip(x * 2, -1, 1),
        lambda x: coded(x, "MP3", "MPEG_LAYER_III", 0.7),
        lambda x: coded(x, "OGG", "VORBIS", 0.9),
        lambda x: x + noise(20, x),
        lambda x: x - 0.7 * np.concatenate([[0], x[:-1]]),
    ],
    ids=["cut", "16 bit at -20 dB", "louder", "mp3", "vorbis", "noise", "treble"],
)
def test_the_same_recording_is_found_and_where(way, start):
    part = way(tune(3))[int(start * RATE) : int((start + 5) * RATE)]
    found = list(INDEX.same([fingerprint_of(part)]))
    assert [(owner, number) for owner, number, _ in found] == [(3, 0)]
    assert found[0][2] * FRAME_SECONDS == pytest.approx(start, abs=0.05)


def test_a_longer_recording_finds_its_excerpt():
    (found,) = Index([fingerprint_of(tune(3)[5 * RATE :])]).same([WHOLE[2], WHOLE[3]])
    assert found[:2] == (0, 1)
    assert found[2] * FRAME_SECONDS == pytest.approx(-5, abs=0.05)


def test_recordings_that_share_a_stretch_are_found():
    audio = tune(4, 16)
    ((_, _, shift),) = Index([fingerprint_of(audio[: 10 * RATE])]).same([fingerprint_of(audio[5 * RATE :])])
    assert shift * FRAME_SECONDS == pytest.approx(5, abs=0.05)


@pytest.mark.parametrize("rate", [11_025, 44_100, 48_000])
def test_at_any_sample_rate(rate):
    assert align(WHOLE[1], fingerprint_of(resample(tune(1), RATE, rate), rate), 0).same


def test_other_pieces_of_the_same_instrument_are_not_found():
    prints = [fingerprint([tune(seed, 8, SAMPLE_RATE)]) for seed in range(100, 140)]
    assert [found for found in Index(prints).same(prints) if found[0] != found[1]] == []


def test_a_transposition_is_not_found():
    assert list(INDEX.same([fingerprint_of(tune(3, semitones=step)) for step in (-2, -1, 1, 7, 12)])) == []


def sounds(kind: str, seed: int) -> np.ndarray:
    random, t = np.random.default_rng(seed), np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    if kind == "noise":
        return random.standard_normal(len(t)) * 0.1
    if kind == "silence":
        return np.zeros(len(t))
    if kind == "dither":
        return np.round(random.triangular(-1, 0, 1, len(t))) / 32768
    if kind == "tone":
        return np.sin(2 * np.pi * 440 * t + seed)
    if kind == "tremolo":
        return (1 + np.sin(40 * t)) * sum(np.sin(2 * np.pi * f * t + random.uniform(0, 6)) for f in (220, 277.2, 329.6, 440)) * 0.1
    if kind == "note":  # of one instrument, at several velocities
        return sum(np.sin(2 * np.pi * 262 * k * t) / k ** (1 + seed / 10) for k in range(1, 14)) * np.exp(-t) * 0.3
    drum = np.random.default_rng(0).standard_normal((3, 3000)) * np.exp(-np.arange(3000) / np.array([[900], [500], [200]]))
    audio = np.zeros(len(t) + 3000)
    pattern = random.random((3, 16)) < 0.35
    for step in range(48):
        for hit in drum[pattern[:, step % 16]]:
            audio[step * 1000 : step * 1000 + 3000] += hit * 0.2
    return audio[: len(t)]


@pytest.mark.parametrize("kind", ["noise", "silence", "dither", "tone", "tremolo", "note", "drums"])
def test_what_has_much_in_common_is_not_found(kind):
    prints = [fingerprint([sounds(kind, seed).astype(np.float32)]) for seed in range(12)]
    assert [found for found in Index(prints).same(prints) if found[0] != found[1]] == []


def test_how_the_audio_is_cut_into_pieces_changes_nothing():
    audio = resample(tune(0, 20), RATE, SAMPLE_RATE)
    whole = fingerprint([audio])
    for size in (700, 8000, 50_001, len(audio)):
        parts = fingerprint(audio[begin : begin + size] for begin in range(0, len(audio), size))
        assert parts.digest == whole.digest
        np.testing.assert_array_equal(parts.frames, whole.frames)
        np.testing.assert_array_equal(parts.bins, whole.bins)


def test_memory_does_not_grow_with_length():
    piece = resample(tune(0, 10), RATE, SAMPLE_RATE)
    fingerprint([piece])

    def peak(pieces: int) -> int:
        tracemalloc.start()
        fingerprint(piece for _ in range(pieces))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(60) < 1.3 * peak(6)


def test_a_level_that_is_a_power_of_two_changes_no_point():
    audio = resample(tune(0), RATE, SAMPLE_RATE)
    loud, quiet = fingerprint([audio]), fingerprint([audio / 4])
    np.testing.assert_array_equal(loud.frames, quiet.frames)
    np.testing.assert_array_equal(loud.bins, quiet.bins)
    assert loud.digest != quiet.digest


def test_packing_is_small_and_loses_nothing():
    music = fingerprint_of(tune(0, 30))
    for each in (music, EMPTY, fingerprint([]), fingerprint([np.zeros(9, np.float32)])):
        back = Fingerprint.unpack(each.pack())
        assert back.digest == each.digest
        np.testing.assert_array_equal(back.frames, each.frames)
        np.testing.assert_array_equal(back.bins, each.bins)
    assert len(music.pack()) < 3000


@pytest.mark.parametrize("data", [b"", b"short", bytes(16), b"\xff" * 100])
def test_what_is_no_fingerprint_is_not_unpacked(data):
    with pytest.raises(ValueError, match="no fingerprint"):
        Fingerprint.unpack(data)


def test_a_digest_is_of_the_samples_unless_they_are_silent():
    click = np.zeros(100, np.float32)
    click[50] = 0.5
    assert fingerprint([click]).digest == fingerprint([click[:30], click[30:]]).digest != fingerprint([-click]).digest
    assert fingerprint([click[:50]]).digest == fingerprint([]).digest == b""
    assert fingerprint([np.full(100, 0.3, np.float32)]).digest == b""  # a constant is silent, too


def test_groups_do_not_reach_from_one_recording_into_the_next():
    alone = [hashes([each])[0] for each in WHOLE.values()]
    codes, owners, _ = hashes(list(WHOLE.values()))
    for number, own in enumerate(alone):
        np.testing.assert_array_equal(np.sort(codes[owners == number]), np.sort(own))


def test_nothing_is_found_in_nothing():
    assert list(Index([]).same([WHOLE[0]])) == []
    assert list(INDEX.same([])) == []
    assert list(Index([EMPTY, WHOLE[0], EMPTY]).same([EMPTY])) == []
    assert not align(EMPTY, WHOLE[0], 0).same
    assert not align(WHOLE[0], WHOLE[0], 10**6).same


def test_an_alignment_counts_what_a_slow_twin_counts():
    random = np.random.default_rng(0)
    for shift in (-40, 0, 7):
        one, other = (np.unique(random.integers(0, 200, 150) << 10 | random.integers(0, 60, 150)) for _ in range(2))
        prints = [Fingerprint(b"", keys >> 10, keys & 1023) for keys in (one, other)]
        found = align(*prints, shift)
        first = {(key >> 10, key & 1023) for key in one.tolist()}
        second = {((key >> 10) + found.shift, key & 1023) for key in other.tolist()}
        begin, end = max(min(first)[0], min(second)[0]) - 1, min(max(first)[0], max(second)[0]) + 1
        first, second = ({each for each in points if begin <= each[0] <= end} for points in (first, second))
        hits = [
            sum(any(abs(f - g) <= 1 and abs(b - c) <= 1 for g, c in others) for f, b in points)
            for points, others in ((first, second), (second, first))
        ]
        assert found.points == min(hits) > 0
        assert found.share == min(hits) / min(len(first), len(second))


def test_many_hits_are_looked_up_in_parts(monkeypatch):
    whole = sorted(INDEX.same(list(WHOLE.values())))
    monkeypatch.setattr("mirbench.data.duplicates.matching.HITS_AT_ONCE", 50)
    assert sorted(INDEX.same(list(WHOLE.values()))) == whole
    assert len(whole) == len(WHOLE)


@functools.cache
def drum_loop(kit: int, seconds: float = 10.0) -> np.ndarray:
    """A bar at 120 bpm, again and again, as loud as the tunes are."""
    random, audio, t = np.random.default_rng(kit), np.zeros(int((seconds + 1) * RATE)), np.arange(RATE // 4) / RATE
    kick = np.sin(2 * np.pi * (50 * t + 4 * (1 - np.exp(-30 * t)))) * np.exp(-8 * t)
    hits = [kick, random.standard_normal(len(t)) * np.exp(-15 * t), 0.3 * random.standard_normal(len(t)) * np.exp(-50 * t)]
    played = [random.random(16) < often for often in (0.3, 0.2, 0.6)]
    for step in range(int(seconds * 8)):
        for hit, when in zip(hits, played, strict=True):
            audio[step * RATE // 8 :][: len(hit)] += hit * when[step % 16]
    audio = audio[: int(seconds * RATE)]
    return audio * np.sqrt((tune(0) ** 2).mean() / (audio**2).mean())


def over_loop(seed: int, kit: int, level: float = -6.0, part: float = 1.0) -> np.ndarray:
    """A tune over drums, of which the end is of another kit. level: dB of the tune over them."""
    drums = drum_loop(kit).copy()
    drums[int(part * len(drums)) :] = drum_loop(kit + 1)[int(part * len(drums)) :]
    return (drums + 10 ** (level / 20) * tune(seed)) / 4


@pytest.mark.parametrize("level", [-12, -9, -6, -3])
@pytest.mark.parametrize("kit", [1, 2, 4])
def test_pieces_over_one_drum_loop_are_not_one_recording(kit, level):
    prints = [fingerprint_of(over_loop(seed, kit, level)) for seed in range(4)]
    assert [found[:2] for found in Index(prints).same(prints)] == [(number, number) for number in range(4)]
    others = [fingerprint_of(over_loop(seed, kit, level, part)) for seed, part in ((5, 1.0), (6, 0.7), (7, 0.5))]
    assert list(Index(prints).same(others)) == []


@pytest.mark.parametrize("level", [-12, -6, 0])
@pytest.mark.parametrize(
    "way",
    [lambda x: x, lambda x: coded(x, "MP3", "MPEG_LAYER_III", 0.3), lambda x: x + noise(20, x)],
    ids=["cut", "mp3", "noise"],
)
def test_and_a_recording_over_it_is_found_and_where(way, level):
    prints = [fingerprint_of(over_loop(seed, 1, level)) for seed in range(4)]
    part = fingerprint_of(way(over_loop(2, 1, level))[int(1.7 * RATE) : int(7.7 * RATE)])
    found = list(Index(prints).same([part]))
    assert [(owner, number) for owner, number, _ in found] == [(2, 0)]
    assert found[0][2] * FRAME_SECONDS == pytest.approx(1.7, abs=0.05)


def test_drums_alone_are_known_without_tones():
    prints = [fingerprint_of(drum_loop(kit)) for kit in range(3)]
    assert [found[:2] for found in Index(prints).same([fingerprint_of(drum_loop(kit) * 0.4) for kit in range(3)])] == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]


def test_tones_are_those_that_sound_and_when():
    t = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    audio = np.where(t < 2, np.sin(2 * np.pi * 440 * t), np.sin(2 * np.pi * 523.25 * t)).astype(np.float32)
    sounding = fingerprint([audio]).tones
    a4, c5 = (np.uint64(1) << np.uint64(semitones) for semitones in (21, 24))  # above C3
    assert len(sounding) == (len(audio) - 4096) // 1024 + 1
    assert (sounding[:11] == a4).all()
    assert (sounding[16:] == c5).all()


def test_a_fingerprint_without_tones_as_earlier_versions_kept_it_is_read():
    whole = fingerprint_of(over_loop(0, 1))
    former = Fingerprint.unpack(Fingerprint(whole.digest, whole.frames, whole.bins).pack())
    assert len(former.tones) == 0
    assert [found[:2] for found in Index([whole]).same([former])] == [(0, 0)]
    kept = Fingerprint.unpack(whole.pack())
    assert (kept.tones.tolist(), kept.tones.dtype) == (whole.tones.tolist(), np.uint64)


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_fingerprint_that_is_cut_off_is_none(cut):
    with pytest.raises(ValueError, match="no fingerprint"):
        Fingerprint.unpack(fingerprint_of(over_loop(0, 1)).pack()[:-cut])
