"""Right audio from files that are well, however odd they are."""

import errno
import os
import socket
import struct
import threading
import tracemalloc

import numpy as np
import pytest
import soundfile
from sounds import RATE, every_format, plainly, tune, written

import mirbench
from mirbench import AudioError, describe_audio, read_audio, resample
from mirbench.data.audio import decoding, opening
from mirbench.data.audio.audio import read_clip, read_pieces, to_mono
from mirbench.records import Clip

WHOLE = sorted(every_format())


@pytest.fixture
def file(tmp_path):
    def make(data: bytes, name: str = "a.wav"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return make


@pytest.mark.parametrize("kind", WHOLE, ids="-".join)
def test_every_format_is_read_as_libsndfile_reads_it(kind, file):
    path = file(every_format()[kind], "whatever")
    wanted, rate = plainly(path.read_bytes())
    np.testing.assert_array_equal(read_audio(path, rate), wanted[:, 0])
    about = describe_audio(path)
    assert (about.sample_rate, about.channels, round(about.seconds * rate)) == (rate, 1, len(wanted))
    assert about.format.split(", ")[1] == kind[1]
    settling = 1e-3 if kind[1] == "OPUS" else 1e-5  # after a seek Opus and MP3 are right but for this
    for start, duration in ((0.0, 0.25), (0.35, 0.25), (0.65, 0.2)):
        first, count = round(start * rate), round(duration * rate)
        found = read_audio(path, rate, start, duration)
        np.testing.assert_allclose(found, wanted[first : first + count, 0], rtol=0, atol=settling)


def test_what_is_resampled_is_what_soxr_makes_of_the_whole_stretch(file):
    import soxr

    audio = tune(3.0, 44_100, 2)
    path = file(written("WAV", "FLOAT", audio, 44_100))
    wanted = soxr.resample(audio.mean(axis=1), 44_100, RATE)
    np.testing.assert_array_equal(read_audio(path, RATE), wanted)
    wanted = soxr.resample(audio[44_100 : 44_100 + 22_050].mean(axis=1), 44_100, RATE)
    np.testing.assert_array_equal(read_audio(path, RATE, 1.0, 0.5), wanted)


@pytest.mark.parametrize(("format", "mode"), [("MP3", "VARIABLE"), ("MP3", "CONSTANT"), ("OGG", None), ("FLAC", None)])
def test_a_stretch_of_a_file_with_quiet_passages_is_that_of_the_whole(format, mode, file):
    """Of MP3 a quiet passage takes little of the bit rate, so that what a frame needs lies many frames before it."""
    audio = tune(8.0, 44_100, 2)
    audio[44_100 : 5 * 44_100] *= 1e-3
    path, quality = file(b"", "a"), {"bitrate_mode": mode, "compression_level": 0.9} if mode else {}
    with soundfile.SoundFile(path, "w", 44_100, 2, format=format, **quality) as out:
        for at in range(0, len(audio), 4096):
            out.write(audio[at : at + 4096])
    wanted = plainly(path.read_bytes())[0].mean(axis=1)
    for start in np.arange(0.1, 7.4, 0.413):
        first = round(start * 44_100)
        np.testing.assert_allclose(read_audio(path, 44_100, start, 0.5), wanted[first : first + 22_050], rtol=0, atol=1e-6)
    with opening.opened(path) as handle, decoding.decoding(handle) as decoder:
        for first in (5, 200_000, 222_050, 222_051, 100_000, 144_100, 0):  # with one decoder
            np.testing.assert_allclose(decoder.read(first, 22_050).mean(axis=1), wanted[first : first + 22_050], rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "DOUBLE"])
def test_rates_and_depths(rate, subtype, file):
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate) / 2
    decoded = read_audio(file(written("WAV", subtype, tone, rate)), RATE)
    assert len(decoded) == RATE
    spectrum = np.abs(np.fft.rfft(decoded))
    assert spectrum.argmax() == 440
    assert abs(np.abs(decoded[1000:-1000]).max() - 0.5) < 0.02


@pytest.mark.parametrize("level", [0.0, 0.5, -1.0])
@pytest.mark.parametrize("count", [1, 2, 220, RATE])
def test_silence_an_offset_and_very_short_files_are_decoded_as_they_are(level, count, file):
    path = file(written("WAV", "FLOAT", np.full(count, level, np.float32)))
    np.testing.assert_array_equal(read_audio(path, RATE), np.full(count, level, np.float32))
    for rate in (8_000, 11_025, 48_000):
        decoded = read_audio(path, rate)
        assert len(decoded) >= 1
        assert np.isfinite(decoded).all()


def test_one_sample_of_a_request_stays_one(file):
    path = file(written("WAV", "FLOAT", tune(1.0, 192_000), 192_000))
    assert len(read_audio(path, 8_000, 0.5, 1 / 192_000)) == 1
    assert len(resample(np.ones(1, np.float32), 96_000, 8_000)) == 1
    assert len(resample(np.ones(0, np.float32), 96_000, 8_000)) == 0


def test_mono_of_many_channels(file):
    audio = tune(0.5, RATE, 8)
    for channels in (2, 6, 8):
        decoded = read_audio(file(written("WAV", "FLOAT", audio[:, :channels])), RATE)
        np.testing.assert_array_equal(decoded, audio[:, :channels].mean(axis=1))
    assert describe_audio(file(written("WAV", "FLOAT", audio))).channels == 8


def test_mono_of_channels_that_cancel():
    left = tune(0.5)
    np.testing.assert_array_equal(to_mono(np.stack([left, -left], axis=1)), left)
    np.testing.assert_array_equal(to_mono(np.stack([left / 2, -left / 2, left, -left], axis=1)), left)
    offset = np.stack([left + 0.3, 0.3 - left], axis=1)
    np.testing.assert_array_equal(to_mono(offset), offset[:, 0])
    one_side = np.stack([left, 0 * left], axis=1)
    np.testing.assert_array_equal(to_mono(one_side), left / 2)
    for constant in (0.0, 0.7):
        np.testing.assert_array_equal(to_mono(np.full((9, 3), constant, np.float32)), np.full(9, constant, np.float32))
    np.testing.assert_array_equal(to_mono(np.float32([[0.5, -0.5]])), np.float32([0.5]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_that_are_not_finite(value, subtype, file):
    audio = tune(1.0, RATE, 2)
    audio[5_000, 1] = value
    path = file(written("WAV", subtype, audio))
    with pytest.raises(AudioError, match="not finite"):
        read_audio(path, RATE)
    assert len(read_audio(path, RATE, 0.5)) == RATE // 2  # which is fine


def test_a_double_that_no_float_holds(file):
    with pytest.raises(AudioError, match="not finite"):
        read_audio(file(written("WAV", "DOUBLE", np.array([0.0, 1e300]))), RATE)


def test_samples_far_over_full_scale_are_refused_and_a_little_over_are_not(file):
    with pytest.raises(AudioError, match="peaks at 50 times full scale"):
        read_audio(file(written("WAV", "FLOAT", np.float32([0, 50, -20]))), RATE)
    with pytest.raises(AudioError, match="peaks at 32768 times full scale"):
        read_audio(file(written("WAV", "FLOAT", np.float32([0, 2, -32768]))), RATE)
    np.testing.assert_array_equal(read_audio(file(written("WAV", "FLOAT", np.float32([0, 3, -9]))), RATE), np.float32([0, 3, -9]))


NAMES = [
    b"with spaces.wav",
    b'it\'s "quoted".wav',
    b"line\nbreak.wav",
    "\N{GUITAR}.wav".encode(),
    b"caf\xe9 \xff.wav",
    b"-rf.wav",
    b"http:x.wav",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("format", ["WAV", "MP3"])
def test_any_name(name, format, tmp_path):
    path = os.fsdecode(os.path.join(os.fsencode(tmp_path), name))
    with open(path, "wb") as out:
        out.write(written(format))
    assert len(read_audio(path, RATE)) == 2 * RATE
    with open(path, "wb") as out:
        out.write(written(format)[:-3000])
    with pytest.raises(AudioError) as told:
        read_audio(path, RATE)
    assert str(told.value).encode()  # as valid UTF-8
    assert "\n" not in str(told.value)


def test_raw_samples_are_no_audio_whatever_their_name(file):
    noise = np.random.default_rng(0).integers(0, 256, 9_999, np.uint8).tobytes()
    for name in ("a.raw", "a.au", "a.snd", "a.vox", "a.gsm", "a.wav", "a.flac", "a.m4a"):
        with pytest.raises(AudioError, match="Format not recognised"):
            read_audio(file(noise, name), RATE)


@pytest.mark.parametrize(
    "text", ["<!DOCTYPE html><html>404</html>", "Not found\n", "version https://git-lfs.github.com/spec/v1\noid", "é" * 99]
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.au", "a.m4a"])
def test_text_is_no_audio(text, name, file):
    path = file(text.encode(), name)
    for read in (lambda: read_audio(path, RATE), lambda: describe_audio(path)):
        with pytest.raises(AudioError, match="is no audio: it begins with"):
            read()


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "loop.wav").symlink_to(tmp_path / "pool.wav")
    (tmp_path / "pool.wav").symlink_to(tmp_path / "loop.wav")
    (tmp_path / "broken.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "to-pipe.wav").symlink_to(tmp_path / "pipe.wav")
    place, there = socket.socket(socket.AF_UNIX), os.getcwd()
    os.chdir(tmp_path)  # as the name of a socket must be short
    try:
        place.bind("socket.wav")
    finally:
        os.chdir(there)
    wanted = {
        "pipe.wav": "is a named pipe",
        "to-pipe.wav": "is a named pipe",
        "loop.wav": "is a link that leads back to itself",
        "broken.wav": "is a link to a file that is missing",
        "gone.wav": "is missing",
        "gone/a.wav": "is missing",
        "empty.wav/a.wav": "is missing",
        "empty.wav": "is empty",
        "folder.wav": "is a folder",
        "socket.wav": "is a socket",
        "a\0b.wav": "is no path that a file can have",
        "a\ud800b.wav": "is no path that a file can have",
        "x" * 300 + ".wav": "has a name that is too long",
        "/dev/null": "is a device",
    }
    for name, sentence in wanted.items():
        for read in (lambda path: read_audio(path, RATE), describe_audio):
            with pytest.raises(AudioError, match=sentence) as told:
                read(tmp_path / name)
            assert str(told.value).encode()
    place.close()


def test_a_file_that_may_not_be_read(file, monkeypatch):
    path = file(written("WAV"))

    def locked(*given):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(opening.os, "open", locked)
    with pytest.raises(AudioError, match="may not be read by this user"):
        read_audio(path, RATE)


@pytest.mark.parametrize("how", ["appended", "cut", "removed", "replaced", "rewritten"])
def test_a_file_that_changes_while_it_is_read(how, file, monkeypatch):
    path = file(written("WAV"))
    real = decoding.SoundFileDecoder.read

    def meddled(self, first, count):
        found = real(self, first, count)
        if how == "appended":
            with open(path, "ab") as out:
                out.write(b"more")
        elif how == "cut":
            os.truncate(path, 1_000)
        elif how == "rewritten":
            os.utime(path, ns=(0, 0))
        else:
            path.unlink()
            if how == "replaced":
                path.write_bytes(written("WAV"))
        return found

    monkeypatch.setattr(decoding.SoundFileDecoder, "read", meddled)
    with pytest.raises(AudioError, match="vanished while" if how == "removed" else "changed while"):
        read_audio(path, RATE)


def test_nothing_is_left_open_and_threads_may_read_at_once(file):
    good, bad = file(written("FLAC"), "good"), file(written("FLAC")[:-2000], "bad")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    found = []

    def read():
        for _ in range(10):
            found.append(read_audio(good, RATE))
            with pytest.raises(AudioError):
                read_audio(bad, RATE)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert all(np.array_equal(each, found[0]) for each in found)
    assert not before or len(os.listdir("/proc/self/fd")) == before


def sparse_wav(path, seconds: int) -> None:
    """A file of 8-bit silence at 8 kHz that takes no room on the disk."""
    size = seconds * 8_000
    with open(path, "wb") as out:
        out.write(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 8_000, 1, 8))
        out.write(b"data" + struct.pack("<I", size))
        out.truncate(44 + size)


def test_two_hours_cost_no_more_memory_than_the_window(tmp_path):
    sparse_wav(tmp_path / "long.wav", 7_200)
    read_audio(tmp_path / "long.wav", 8_000, 0, 1)
    tracemalloc.start()
    decoded = read_audio(tmp_path / "long.wav", 8_000, 3_600.0, 10.0)
    assert len(mirbench.read_clip(mirbench.Clip("a", tmp_path / "long.wav", "train", "g"), 8_000)) == 1_382_400
    for piece in mirbench.read_pieces(mirbench.Clip("a", tmp_path / "long.wav", "train", "g"), 8_000):
        assert len(piece) == 480_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(decoded) == 80_000
    assert peak < 40e6  # of 230 MB


@pytest.mark.parametrize("format", ["FLAC", "OGG", "MP3"])
def test_little_more_than_the_window_is_decoded(format, file, monkeypatch):
    path = file(written(format, None, np.tile(tune(10.0, 8_000), 6), 8_000))
    decoded = []
    real = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda self, frames, **how: decoded.append(frames) or real(self, frames, **how))
    assert len(read_audio(path, 8_000, 30.0, 2.0)) == 16_000
    assert sum(decoded) < 16_000 + 30_000


def test_a_request_beyond_the_end(file):
    path = file(written("WAV"))
    for start, duration in ((2.0, None), (5.0, 1.0), (0.0, 0.0), (-1.0, 1.0)):
        with pytest.raises(AudioError, match=r"has 2\.00 s; nothing is left from"):
            read_audio(path, RATE, start, duration)
    with pytest.raises(AudioError, match=r"has 2\.00 s; 2\.50 s are needed"):
        read_audio(path, RATE, 1.5, 1.0)


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_a_stretch_whose_length_is_rounded_ends_with_its_file(tmp_path, start):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.linspace(-0.5, 0.5, 3000 - 40), 1000)
    whole = read_audio(path, 1000, start)
    np.testing.assert_array_equal(read_audio(path, 1000, start, 3.0 - start), whole)
    clip = Clip("a", path, "train", "a", start, 3.05 - start)
    np.testing.assert_array_equal(read_clip(clip, 1000), whole)
    np.testing.assert_array_equal(np.concatenate(list(read_pieces(clip, 1000, 0.5))), whole)
    with pytest.raises(AudioError, match=r"has 2\.96 s; 3\.07 s are needed"):
        read_audio(path, 1000, start, 3.07 - start)
    with pytest.raises(AudioError, match="are needed"):  # half of it is not there
        read_audio(path, 1000, 2.95, 0.05)
