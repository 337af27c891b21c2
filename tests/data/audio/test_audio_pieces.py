"""Long clips: decoded in stretches, or piece by piece."""

import numpy as np
import pytest
from sounds import RATE, tune, written

from mirbench import AudioError, Clip, read_audio, read_clip, read_pieces
from mirbench.data.audio.audio import LONGEST_SECONDS


def clip(path, start: float = 0.0, duration: float | None = None) -> Clip:
    return Clip("a", path, "train", "g", start, duration)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """200 s at 8 kHz, of which every sample is another: a ramp."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    path.write_bytes(written("WAV", "FLOAT", np.linspace(-1, 1, 200 * 8_000, dtype=np.float32), 8_000))
    return path


def test_a_clip_of_at_most_64_windows_is_decoded_whole(long):
    for each in (clip(long, 10.0, LONGEST_SECONDS), clip(long, 150.0), clip(long, 3.0, 0.5)):
        np.testing.assert_array_equal(read_clip(each, 8_000), read_audio(long, 8_000, each.start, each.duration))


@pytest.mark.parametrize(("start", "duration"), [(0.0, None), (10.0, None), (5.0, 180.0), (0.0, 172.9)])
def test_a_longer_clip_is_decoded_in_eight_stretches_from_its_start_to_its_end(long, start, duration):
    whole = read_audio(long, 8_000, start, duration)
    decoded = read_clip(clip(long, start, duration), 8_000)
    assert len(decoded) == 172.8 * 8_000
    stretches = decoded.reshape(8, -1)
    np.testing.assert_array_equal(stretches[0], whole[: len(stretches[0])])
    np.testing.assert_array_equal(stretches[-1], whole[-len(stretches[0]) :])
    begins = np.searchsorted(whole, stretches[:, 0])
    assert np.ptp(np.diff(begins)) <= 2  # evenly
    for begin, stretch in zip(begins, stretches, strict=True):
        np.testing.assert_array_equal(stretch, whole[begin : begin + len(stretch)])


def test_a_long_clip_that_is_longer_than_its_file(long):
    with pytest.raises(AudioError, match=r"has 200\.00 s; 210\.00 s are needed"):
        read_clip(clip(long, 10.0, 200.0), 8_000)
    with pytest.raises(AudioError, match="nothing is left"):
        read_clip(clip(long, 300.0), 8_000)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3", "OGG"])
@pytest.mark.parametrize(
    ("rate", "seconds", "start", "duration"),
    [(RATE, 1.0, 0.0, None), (16_000, 0.77, 1.3, 2.2), (44_100, 2.0, 0.0, None), (44_100, 2.999, 0.3, 3.5), (8_000, 1.0, 0.7, None)],
)
def test_joined_pieces_are_the_whole_clip(format, rate, seconds, start, duration, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(written(format, None, tune(4.3, 44_100, 2), 44_100))
    whole = read_audio(path, rate, start, duration)
    pieces = list(read_pieces(clip(path, start, duration), rate, seconds))
    assert [len(piece) for piece in pieces[:-1]] == [round(seconds * rate)] * (len(pieces) - 1)
    assert 0 < len(pieces[-1]) <= round(seconds * rate)
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-6)


def test_a_clip_that_is_no_longer_than_a_piece_is_what_read_audio_gives(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(written("MP3", None, tune(3.0, 44_100, 2), 44_100))
    (piece,) = read_pieces(clip(path, 0.5, 2.0), RATE, 2.0)
    np.testing.assert_array_equal(piece, read_audio(path, RATE, 0.5, 2.0))


def test_a_fault_is_told_at_the_piece_where_it_is(tmp_path):
    audio = tune(5.0)
    audio[int(3.5 * RATE)] = np.nan
    path = tmp_path / "a.wav"
    path.write_bytes(written("WAV", "FLOAT", audio))
    pieces = read_pieces(clip(path), RATE, 1.0)
    for second in range(3):
        np.testing.assert_array_equal(next(pieces), audio[second * RATE : (second + 1) * RATE])
    with pytest.raises(AudioError, match="not finite"):
        next(pieces)
    pieces = read_pieces(clip(path), RATE, 1.0)
    next(pieces)
    path.write_bytes(written("WAV"))
    with pytest.raises(AudioError, match="changed while it was read"):
        next(pieces)
