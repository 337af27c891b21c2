"""What digital equipment does: few bits, few samples per second, MP3, Opus.

Bits: 6 are an early sampler, 4 hiss as loudly as quiet music, 3 crackle on all but the loudest notes. Sampling: 8,500 Hz sounds metallic,
4,400 Hz like a bad line, 2,400 Hz is a toy. MP3 of one channel: 40 kbit/s is dull, 24 warbles, 8 is the least that MP3 has. Opus of one
channel: 15 kbit/s roughens chords, 10 is dull, 6 is the least that Opus has, music through a codec for speech.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np

MP3_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)  # Hz
MP3_SCALE = 0.95  # what LAME multiplies the audio by
MP3_DELAY = 1_105  # samples, of encoder and decoder; files too small for LAME's tag do not tell it
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # Hz
OPUS_PEAK = 0.5  # of full scale, at which a clip is coded


class BitDepth(mirbench.Corruption):
    """Rounds to 2^bits - 1 values from the clip's negative peak to its positive, an odd number of them: 3.32 bits are nine.
    audiomentations' BitCrush makes 2^bits + 3 of them, and silence of a quiet clip."""

    name = "bit-depth"
    description = "rounded to so many bits"
    unit = "bits"
    levels = (6, 5, 4, 3.32, 3)
    family = "coding"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import numpy as np

        peak = np.abs(audio).max(initial=0)
        steps = np.float32(round(2 ** (level - 1) - 1))
        return np.round(audio / peak * steps) / steps * peak if peak > 0 else audio.copy()


class SampleRate(mirbench.Corruption):
    """Without a filter against aliasing, as in cheap equipment: with one it would be a low-pass filter, and that is another corruption."""

    name = "sample-rate"
    description = "sampled anew at fewer Hz, with aliasing"
    unit = "Hz"
    levels = (8_500, 6_000, 4_400, 3_200, 2_400)
    family = "coding"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import audiomentations

        if level >= sample_rate or len(audio) * level < 2 * sample_rate:
            return audio.copy()
        with mirbench.seeded(seed):
            return audiomentations.Aliasing(int(level), int(level), p=1)(audio, sample_rate)


class Mp3(mirbench.Corruption):
    """By libsndfile, which has LAME and mpg123 in it; audiomentations' Mp3Compression needs a package that we do not.

    What has a sampling rate that MP3 lacks, or above 24,000 Hz at less than 64 kbit/s (LAME's own limit), is coded at the next one below.
    """

    name = "mp3"
    description = "MP3 and back"
    unit = "kbit/s"
    levels = (40, 32, 24, 16, 8)
    family = "coding"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import io

        import numpy as np
        import soundfile
        import soxr

        if not audio.any():
            return audio.copy()
        highest = min(sample_rate, 48_000 if level >= 64 else 24_000)
        rate = next((rate for rate in MP3_RATES if rate <= highest), MP3_RATES[-1])
        given = soxr.resample(audio, sample_rate, rate)
        given = np.pad(given, (0, max(0, 2 * 1_152 - len(given))))  # two frames at least
        file = io.BytesIO(self.encode(given, rate, level))
        found, _ = soundfile.read(file, dtype="float32")
        found = found[MP3_DELAY if len(found) > len(given) else 0 :]
        return _resampled(found / np.float32(MP3_SCALE), rate, sample_rate, len(audio))

    def encode(self, audio: np.ndarray, sample_rate: int, level: float) -> bytes:
        """An MP3 file of constant `level` kbit/s. sample_rate: one that MP3 has."""
        import io

        import soundfile

        low, high = (32, 320) if sample_rate >= 32_000 else (8, 160) if sample_rate >= 16_000 else (8, 64)  # libsndfile's range
        how = min((high - level) / (high - low), 0.9999)  # at 1 libsndfile refuses
        file = io.BytesIO()
        soundfile.write(file, audio, sample_rate, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=how)
        return file.getvalue()


class Opus(mirbench.Corruption):
    """Opus (RFC 6716) in Ogg and back, by libsndfile, which has libopus in it and a compression level that sets the bit rate: ffmpeg, for
    which one more package would be installed, has nothing to add. Variable bit rate and frames of 20 ms, libopus' defaults for music.

    Coded at the lowest sampling rate of Opus that holds the clip's, at most 48,000 Hz. The container says the encoder's delay and the
    length (RFC 7845), so the clip stays in time, but for .1 ms at 32 kbit/s and less, where Opus may go over to its codec for speech. That
    one is of 16 bits, so every clip is coded at one peak and a quiet one is no worse off. MirbenchError where libsndfile has no Opus.
    """

    name = "opus"
    description = "Opus and back"
    unit = "kbit/s"
    levels = (15, 12, 10, 7, 6)
    family = "coding"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import io

        import numpy as np
        import soundfile
        import soxr

        peak = np.abs(audio).max(initial=0).astype(np.float64)
        if not peak:
            return audio.copy()
        rate = next((rate for rate in OPUS_RATES if rate >= sample_rate), OPUS_RATES[-1])
        given = soxr.resample((audio * (OPUS_PEAK / peak)).astype(np.float32), sample_rate, rate)
        given = np.pad(given, (0, max(0, rate // 50 - len(given))))  # a frame at least
        found, _ = soundfile.read(io.BytesIO(self.encode(given, rate, level)), dtype="float32")
        return (_resampled(found, rate, sample_rate, len(audio)) * (peak / OPUS_PEAK)).astype(np.float32)

    def encode(self, audio: np.ndarray, sample_rate: int, level: float) -> bytes:
        """An Ogg file of about `level` kbit/s, 6 to 256, of Opus and some 2 of Ogg. sample_rate: one that Opus has."""
        import io

        import soundfile

        if "OPUS" not in soundfile.available_subtypes("OGG"):
            raise mirbench.MirbenchError("libsndfile has no Opus here; install soundfile from its wheel, whose libsndfile has it.")
        file = io.BytesIO()
        how = (256 - level) / 250  # libsndfile's range for a channel
        soundfile.write(file, audio, sample_rate, format="OGG", subtype="OPUS", compression_level=how)
        return file.getvalue()


def _resampled(audio: np.ndarray, rate: int, sample_rate: int, samples: int) -> np.ndarray:
    """From a codec's rate to the clip's and to its length, in samples."""
    import numpy as np
    import soxr

    found = soxr.resample(audio, rate, sample_rate)[:samples]
    return np.pad(found, (0, samples - len(found)))


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [BitDepth(), SampleRate(), Mp3(), Opus()]
