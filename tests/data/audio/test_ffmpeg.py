"""What libsndfile cannot read: by PyAV, or a sentence that says what to install."""

import contextlib
import os
import sys
import tracemalloc

import numpy as np
import pytest
from sounds import tune

from mirbench import AudioError, Clip, describe_audio, read_audio, read_clip, read_pieces
from mirbench.data.audio import ffmpeg

av = pytest.importorskip("av")
KINDS = {  # name -> coding, name of the format that ffmpeg has for it, sample rate
    "a.m4a": ("aac", "ipod", 44_100),
    "a.mp4": ("aac", "mp4", 44_100),
    "a.aac": ("aac", "adts", 44_100),
    "lossless.m4a": ("alac", "ipod", 44_100),
    "a.wma": ("wmav2", "asf", 44_100),
    "a.mka": ("libopus", "matroska", 48_000),
    "flac.mka": ("flac", "matroska", 44_100),
    "a.ac3": ("ac3", "ac3", 44_100),
    "a.wv": ("wavpack", "wv", 44_100),
}
SECONDS = 9.0


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return {name: encoded(tmp_path_factory.mktemp("files") / name, *kind) for name, kind in KINDS.items()}


def encoded(path, codec, format, rate, seconds=SECONDS, channels=2):
    audio = tune(seconds, rate, channels).reshape(-1, channels)
    layout = "stereo" if channels == 2 else "mono"
    with av.open(str(path), "w", format=format) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 64_000 * channels
        for at in range(0, len(audio), 4096):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio[at : at + 4096].T), format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, at
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return path


@pytest.mark.parametrize("name", KINDS)
def test_the_audio_is_that_which_was_written(name, files):
    codec, _, rate = KINDS[name]
    about, decoded, wanted = describe_audio(files[name]), read_audio(files[name], rate), tune(SECONDS, rate, 2).mean(axis=1)
    assert (about.sample_rate, about.channels) == (rate, 2)
    assert abs(about.seconds - SECONDS) < 0.1
    assert about.format.endswith(codec.removeprefix("lib"))
    assert abs(len(decoded) - len(wanted)) < 0.1 * rate
    shift = np.correlate(decoded[18_000:46_000], wanted[22_000:42_000], "valid").argmax() - 4_000
    assert abs(shift) <= (0 if name.endswith("m4a") or codec == "wavpack" else 3_000)  # where the container says how much to leave out
    assert np.abs(decoded[22_000 + shift :][:20_000] - wanted[22_000:42_000]).max() < 0.2


@pytest.mark.parametrize("name", KINDS)
def test_a_stretch_is_that_of_the_whole(name, files):
    rate = KINDS[name][2]
    whole = read_audio(files[name], rate)
    for start in (0.0, 0.3, 2.0, 5.123, 7.9, 1.0):
        first = round(start * rate)
        found, wanted = read_audio(files[name], rate, start, 0.5), whole[first : first + rate // 2]
        if KINDS[name][0] == "aac":  # it describes noise, which is drawn anew after a seek
            assert np.correlate(whole[max(0, first - 9) : first + rate // 2 + 9], found, "valid").argmax() == min(first, 9)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=0.05 if KINDS[name][0] == "aac" else 1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_pieces_join_to_the_whole(name, files):
    rate = KINDS[name][2]
    pieces = list(read_pieces(Clip("a", files[name], "train", "g"), rate, 2.0))
    np.testing.assert_array_equal(np.concatenate(pieces), read_audio(files[name], rate))


@pytest.mark.parametrize("name", [name for name in KINDS if name != "a.ac3"])
def test_a_truncated_file_is_not_decoded_in_silence(name, files, tmp_path):
    data, rate = files[name].read_bytes(), KINDS[name][2]
    whole = read_audio(files[name], rate)
    for keep in (20, 300, len(data) // 3, len(data) // 2, len(data) - 9_000, len(data) - 500):
        path = tmp_path / name
        path.write_bytes(data[:keep])
        with contextlib.suppress(AudioError):
            decoded = read_audio(path, rate)
            assert name == "a.aac" or len(decoded) >= len(whole) - 0.1 * rate, keep  # ADTS does not say how long it is


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_does_not_crash(name, files, tmp_path):
    data, random = files[name].read_bytes(), np.random.default_rng(1)
    for _ in range(6):
        damaged = bytearray(data)
        for at in random.integers(0, len(data) if random.random() < 0.5 else 300, 3):
            damaged[at] ^= 1 << int(random.integers(8))
        path = tmp_path / name
        path.write_bytes(damaged)
        with contextlib.suppress(AudioError):
            assert np.isfinite(read_audio(path, 22_050)).all()


def test_without_pyav_the_sentence_says_what_to_install(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match=r"needs ffmpeg; pip install 'mirbench-audio\[formats\]'"):
        read_audio(files["a.m4a"], 22_050)


def test_any_name(files, tmp_path):
    path = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"caf\xe9\n %d.m4a"))
    os.link(files["a.m4a"], path)
    assert len(read_audio(path, 44_100)) == SECONDS * 44_100


def test_a_playlist_opens_nothing_else(files, tmp_path):
    for text in (f"ffconcat version 1.0\nfile {files['a.m4a']}\n", f"#EXTM3U\n#EXTINF:9,\n{files['a.m4a']}\n"):
        (tmp_path / "a.m4a").write_text(text)
        with pytest.raises(AudioError, match="is no audio"):
            read_audio(tmp_path / "a.m4a", 22_050)


def test_a_film_without_sound(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        for packet in [*stream.encode(av.VideoFrame(32, 32, "yuv420p")), *stream.encode(None)]:
            out.mux(packet)
    with pytest.raises(AudioError, match="has no audio in it"):
        read_audio(tmp_path / "a.mp4", 22_050)


def test_a_long_file_costs_little_more_than_its_window(tmp_path, monkeypatch):
    path = encoded(tmp_path / "long.m4a", "aac", "ipod", 8_000, seconds=230.0, channels=1)
    decoded = []
    real = ffmpeg._samples
    monkeypatch.setattr(ffmpeg, "_samples", lambda frame: decoded.append(frame.samples) or real(frame))
    tracemalloc.start()
    assert len(read_audio(path, 8_000, 150.0, 10.0)) == 80_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(decoded) < 80_000 + 16_000
    assert peak < 4e6
    decoded.clear()
    assert len(read_clip(Clip("a", path, "train", "g"), 8_000)) == 172.8 * 8_000
    assert sum(decoded) < 250 * 8_000
