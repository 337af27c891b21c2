"""Files that are cut off, damaged or of unknown length: right audio, or a sentence that says why not, and never a part in silence."""

import io
import re
import struct

import numpy as np
import pytest
import soundfile
from sounds import NO_LENGTH, RATE, every_format, plainly, tune, written

from mirbench import AudioError, describe_audio, read_audio
from mirbench.data.audio import audio as audio_room

KNOWN_LENGTH = sorted(kind for kind in every_format() if kind[0] not in NO_LENGTH)
CHECKED = sorted(every_format())


@pytest.fixture
def decoded(tmp_path):
    """What is decoded of some bytes, or the sentence that says why nothing is."""

    def read(data: bytes, *stretch: float, rate: int = 0, name: str = "file") -> np.ndarray | str:
        path = tmp_path / name
        path.write_bytes(data)
        try:
            return read_audio(path, rate or describe_audio(path).sample_rate, *stretch)
        except AudioError as error:
            said = str(error)
        assert said.startswith(str(path))
        return said

    return read


@pytest.mark.parametrize("kind", KNOWN_LENGTH, ids="-".join)
def test_a_truncated_file_is_never_decoded_shorter(kind, decoded):
    data = every_format()[kind]
    whole = decoded(data)
    for keep in (
        1,
        3,
        8,
        13,
        30,
        43,
        60,
        100,
        len(data) // 3,
        len(data) // 2,
        len(data) - 5000,
        len(data) - 300,
        len(data) - 20,
        len(data) - 3,
    ):
        if keep < len(data):
            found = decoded(data[:keep])
            assert isinstance(found, str) or np.array_equal(found, whole), keep


@pytest.mark.parametrize(
    "kind", [("WAV", "PCM_16"), ("AIFF", "PCM_16"), ("CAF", "FLOAT"), ("RF64", "PCM_16"), ("AU", "PCM_16"), ("W64", "PCM_16")]
)
def test_a_truncated_file_is_told_by_its_header_even_where_the_window_is_there(kind, decoded):
    assert "is truncated: its audio should end at byte" in decoded(every_format()[kind][:-1], 0.0, 0.1)


@pytest.mark.parametrize("format", ["MP3", "OGG", "FLAC"])
def test_a_cut_off_stream_is_told_by_its_end_even_where_the_window_is_there(format, decoded):
    data = written(format)
    assert isinstance(decoded(data[: len(data) // 2], 0.0, 0.1), str)


@pytest.mark.parametrize("kind", CHECKED, ids="-".join)
def test_a_damaged_file_does_not_crash(kind, decoded):
    data, random = every_format()[kind], np.random.default_rng(len(kind[1]))
    for _ in range(6):
        damaged = bytearray(data)
        for at in random.integers(0, len(data) if random.random() < 0.5 else 200, 3):
            damaged[at % len(data)] ^= 1 << int(random.integers(8))
        found = decoded(bytes(damaged), rate=RATE)
        assert isinstance(found, str) or (len(found) and np.isfinite(found).all())


@pytest.mark.parametrize("kind", [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_formats_with_checksums_show_every_flipped_bit_of_their_audio(kind, decoded):
    data, random = every_format()[kind], np.random.default_rng(0)
    whole = decoded(data)
    for _ in range(30):
        damaged = bytearray(data)
        damaged[int(random.integers(len(data) // 3, len(data)))] ^= 1 << int(random.integers(8))
        found = decoded(bytes(damaged))
        assert isinstance(found, str) or np.array_equal(found, whole)


def test_a_damaged_page_matters_only_where_it_is_decoded(decoded):
    data = written("OGG", None, tune(60.0, 44_100), 44_100)
    whole, damaged = decoded(data), bytearray(data)
    damaged[len(data) // 2] ^= 4
    assert "is damaged" in decoded(bytes(damaged), 29.0, 2.0)
    np.testing.assert_array_equal(decoded(bytes(damaged), 2.0, 2.0), whole[2 * 44_100 : 4 * 44_100])
    np.testing.assert_array_equal(decoded(bytes(damaged), 57.0, 2.0), whole[57 * 44_100 : 59 * 44_100])
    pages = data.split(b"OggS")
    assert "is damaged" in decoded(b"OggS".join([*pages[:20], *pages[21:]]))  # one is missing


def test_streams_one_after_another_are_not_decoded_as_one(decoded):
    one, other = written("OGG", None, tune(1.0)), written("OGG", None, tune(0.5))
    assert "several streams" in decoded(one + other)


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0x7FFF_F000])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT", "PCM_U8"])
def test_wav_from_a_pipe_is_decoded_to_its_end(size, subtype, decoded):
    data = written("WAV", subtype)
    at = data.index(b"data")
    piped = data[:4] + struct.pack("<I", min(0xFFFF_FFFF, size + 36)) + data[8 : at + 4] + struct.pack("<I", size) + data[at + 8 :]
    np.testing.assert_array_equal(decoded(piped), plainly(data)[0][:, 0])
    np.testing.assert_array_equal(decoded(piped, 0.5, 0.5), plainly(data)[0][11_025:22_050, 0])


def test_au_caf_and_flac_from_a_pipe_are_decoded_to_their_end(decoded):
    data = bytearray(written("AU", "PCM_16"))
    data[8:12] = b"\xff" * 4
    np.testing.assert_array_equal(decoded(bytes(data)), plainly(written("AU", "PCM_16"))[0][:, 0])
    data = bytearray(written("CAF", "PCM_16"))
    at = data.index(b"data")
    data[at + 4 : at + 12] = b"\xff" * 8
    np.testing.assert_array_equal(decoded(bytes(data)), plainly(written("CAF", "PCM_16"))[0][:, 0])
    data = bytearray(written("FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    whole = plainly(written("FLAC"))[0][:, 0]
    np.testing.assert_array_equal(decoded(bytes(data)), whole)
    np.testing.assert_array_equal(decoded(bytes(data), 1.0, 0.5), whole[RATE : RATE + RATE // 2])


def test_wav_without_samples(decoded):
    data = written("WAV", "PCM_16", np.zeros(0, np.float32))
    assert "holds no samples" in decoded(data, rate=RATE)
    assert "holds no samples" in decoded(
        data[:4] + struct.pack("<I", len(data)) + data[8:] + b"LIST" + struct.pack("<I", 4) + b"INFO", rate=RATE
    )


ID3V1 = b"TAG" + b"song".ljust(125, b"\0")
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0) + bytes(8)
ID3V2 = b"ID3\x03\0\0" + bytes([0, 0, 8, 0]) + bytes(1024)
LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf58.29.100\0"


@pytest.mark.parametrize("junk", [ID3V1, APE, APE + ID3V1, bytes(4096), b"junk" * 999])
@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3", "AIFF", "OGG", "CAF"])
def test_junk_after_the_audio_is_not_decoded(junk, format, decoded):
    if format == "MP3" and junk[:4] == b"junk":
        pytest.skip("libmpg123 looks for more frames in it")
    np.testing.assert_array_equal(decoded(written(format) + junk), plainly(written(format))[0][:, 0])


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3", "AIFF", "OGG", "W64"])
def test_id3_tags_before_the_audio(format, decoded):
    for tags in (ID3V2, ID3V2 + ID3V2):
        np.testing.assert_array_equal(decoded(tags + written(format)), plainly(written(format))[0][:, 0])
    assert "is truncated: its ID3 tag" in decoded(ID3V2[:500], rate=RATE)


def test_chunks_of_wav_before_and_after_the_audio(decoded):
    data = written("WAV", "PCM_16")
    whole = plainly(data)[0][:, 0]
    for changed in (data[:36] + LIST + data[36:], data + LIST, data[:12] + LIST + data[12:]):
        np.testing.assert_array_equal(decoded(changed[:4] + struct.pack("<I", len(changed) - 8) + changed[8:]), whole)
        np.testing.assert_array_equal(decoded(changed), whole)


def test_damage_to_the_header_of_wav_does_not_change_the_pitch(decoded):
    data = written("WAV", "PCM_16")
    whole = decoded(data)
    for at in range(22, 36):  # channels, rate, bytes a second, alignment, bits
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            found = decoded(bytes(damaged), rate=RATE)
            assert isinstance(found, str) or np.array_equal(found, whole), (at, bit)


def test_a_wav_that_says_less_than_it_has(decoded):
    data = bytearray(written("WAV", "PCM_16"))
    struct.pack_into("<I", data, 40, 20_000)
    assert "has a damaged header" in decoded(bytes(data))


def test_flac_whose_header_and_frames_disagree(decoded):
    data = written("FLAC")
    for at, bit in ((25, 0), (25, 7), (24, 5), (23, 0), (19, 3), (18, 2)):  # total and sample rate
        damaged = bytearray(data)
        damaged[at] ^= 1 << bit
        assert isinstance(decoded(bytes(damaged), rate=RATE), str), (at, bit)


def without_its_header(mp3: bytes) -> bytes:
    """An MP3 stream without the frame that says how many follow."""
    starts = [at for at in range(len(mp3) - 1) if mp3[at] == 0xFF and mp3[at + 1] in (0xFB, 0xF3)]
    return mp3[starts[1] :]


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_mp3_that_does_not_say_how_long_it_is(mode, rate, decoded):
    audio = tune(12.0, rate)
    audio[: 4 * rate] *= 0 if mode == "VARIABLE" else 1  # so that the first frames are small, by which the decoder guesses
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format="MP3", bitrate_mode=mode, compression_level=0.3)
    whole, bare = decoded(file.getvalue()), without_its_header(file.getvalue())
    found = decoded(bare)
    assert len(audio) <= len(found) <= len(audio) + 4 * 1152
    shift = next(
        shift for shift in (1105, 576, 1729, 528) if np.abs(found[shift:][6 * rate : 7 * rate] - whole[6 * rate : 7 * rate]).max() < 1e-3
    )
    np.testing.assert_allclose(decoded(bare, 7.0, 2.0), found[7 * rate : 9 * rate], rtol=0, atol=1e-6)
    art = np.random.default_rng(0).integers(0, 256, 50_000, np.uint8).tobytes()
    for tags in (ID3V1, b"APETAGEX" + art + APE):
        np.testing.assert_array_equal(decoded(bare + tags), found)
    cut = decoded(bare[77:], name="cut.mp3")  # in the middle of a frame
    assert len(found) - 2 * 1152 <= len(cut) < len(found)
    assert shift


def test_an_mp3_cut_from_a_longer_one_is_told_by_the_header_of_the_long_one(decoded):
    data = written("MP3")
    assert "is truncated: its header says" in decoded(data[: len(data) // 2], 0.0, 0.2)


@pytest.mark.parametrize(("kind", "known"), [("WAV", True), ("FLAC", True), ("MP3", True), ("OGG", False)])
def test_how_many_seconds_of_a_truncated_file_are_there_is_told(kind, known, decoded):
    data = written(kind, audio=tune(20.0, 8000), rate=8000)
    told = decoded(data[: len(data) // 2], 0.0, 0.2)
    there, promised = map(float, re.search(r"; about ([.\d]+) s(?: of ([.\d]+) s)? are there\.$", told).groups("0"))
    assert promised == (pytest.approx(20.0, abs=0.2) if known else 0)
    assert there == pytest.approx(10.0, rel=0.25)


def test_mp3_files_one_after_another_are_decoded_to_the_end(decoded):
    one, other = written("MP3", None, tune(3.0)), written("MP3", None, tune(4.0))
    found, whole = decoded(one + other), plainly(other)[0][:, 0]
    assert 7.0 * RATE <= len(found) <= 7.5 * RATE
    begins = np.correlate(found[3 * RATE :], whole[RATE : 2 * RATE], "valid").argmax() + 2 * RATE
    np.testing.assert_allclose(found[begins + RATE : begins + 3 * RATE], whole[RATE : 3 * RATE], rtol=0, atol=1e-3)


def test_a_sample_rate_that_makes_no_sense(decoded):
    data = bytearray(written("AU", "PCM_16"))
    for rate in (1, 3, 2**31 - 1):
        data[16:20] = rate.to_bytes(4, "big")
        assert f"says a sample rate of {rate} Hz" in decoded(bytes(data), rate=RATE)


def test_mp3_with_a_hole(decoded):
    data = written("MP3", None, tune(5.0))
    for hole in (bytes(9_000), b""):
        assert isinstance(decoded(data[:20_000] + hole + data[29_000:]), str)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_text_is_no_audio(encoding, decoded):
    assert "is no audio: it begins with b" in decoded(("a\ttitle: \u2603\u2603\r\n" * 99).encode(encoding))


def test_what_only_begins_like_mp3_is_not_said_to_be_missing(decoded):
    for data in (written("MP3")[:20], b"\xff\xfe" + bytes(range(200)) * 9):
        assert decoded(data).endswith("cannot be decoded: it is damaged, or no audio.")


@pytest.mark.parametrize("kind", [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS")])
def test_describing_sees_what_a_header_shows(kind, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(every_format()[kind])
    about = describe_audio(path)
    assert about == audio_room.AudioFile(2.0, RATE, 1, ", ".join(kind))
    path.write_bytes(every_format()[kind][:-6000])
    with pytest.raises(AudioError, match="is truncated"):
        describe_audio(path)
