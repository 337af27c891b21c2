"""Decoding and resampling: the one room that knows file formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirbench.errors import MirbenchError


class AudioError(MirbenchError):
    """A file that gives no usable audio; the sentence says why."""


def read_audio(path: Path | str, sample_rate: int, start: float = 0.0, duration: float | None = None) -> np.ndarray:
    """A stretch of a file as (samples,) float32 mono at `sample_rate` (Hz), decoding only that stretch.

    start, duration: seconds; None means to the end. Channels are averaged, or, where the average cancels (a stereo file in
    opposite phase), the loudest channel is taken. Raises AudioError where the file is missing, unreadable, shorter than its
    header or the request says, empty, or holds NaN or infinite samples.
    """
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path} is {'not a regular file' if path.exists() else 'missing'}.")
    try:
        with soundfile.SoundFile(path) as file:
            rate, first = file.samplerate, round(start * file.samplerate)
            wanted = file.frames - first if duration is None else round(duration * rate)
            if wanted <= 0 or first >= file.frames:
                raise AudioError(f"{path} has {file.frames / rate:.2f} s; nothing is left from {start:.2f} s.")
            if first + wanted > file.frames + 1:
                raise AudioError(f"{path} has {file.frames / rate:.2f} s; {start + wanted / rate:.2f} s are needed.")
            file.seek(first)
            audio = file.read(wanted, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise AudioError(f"{path} cannot be decoded: {str(error).rstrip('.')}.") from error
    if len(audio) < wanted - 1:
        raise AudioError(f"{path} is truncated: {wanted / rate:.2f} s were promised, {len(audio) / rate:.2f} s are there.")
    if not np.isfinite(audio).all():
        raise AudioError(f"{path} holds samples that are not finite.")
    return resample(to_mono(audio), rate, sample_rate)


def to_mono(audio: np.ndarray) -> np.ndarray:
    """(samples, channels) -> (samples,): the mean, or the loudest channel where the mean has under a thousandth of its power.

    >>> left = np.sin(np.arange(100)).astype(np.float32)
    >>> bool(np.abs(to_mono(np.stack([left, -left], axis=1))).max() > 0.9)
    True
    """
    if audio.shape[1] == 1:
        return audio[:, 0]
    mean = audio.mean(axis=1)
    power = (audio.astype(np.float64) ** 2).mean(axis=0)
    return audio[:, int(power.argmax())] if (mean.astype(np.float64) ** 2).mean() < 1e-3 * power.max() else mean


def resample(audio: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """(samples,) at `rate` Hz -> (samples,) float32 at `sample_rate` Hz."""
    if rate == sample_rate:
        return np.ascontiguousarray(audio, np.float32)
    import soxr

    return soxr.resample(audio, rate, sample_rate).astype(np.float32)
