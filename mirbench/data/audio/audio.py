"""Audio of files, as encoders get it: the stretch that is wanted, mono, at one sample rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mirbench.data.audio.opening import AudioError as AudioError
from mirbench.data.audio.opening import Opened, opened
from mirbench.records import Clip

if TYPE_CHECKING:
    from mirbench.data.audio.decoding import Decoder

LONGEST_SECONDS = 172.8  # of a clip that is read whole: 64 windows of 2.7 s
STRETCHES = 8  # in which a longer clip is read, as long together
ROUNDED_SECONDS = 0.1  # by which a stretch may go on after the end of its file, as starts and durations are written with few digits
MOST_PEAK = 10.0  # times full scale; what is beyond was never scaled


@dataclass(frozen=True)
class AudioFile:
    """What a file's header says. seconds: its length; sample_rate: Hz; format: container and coding, such as 'WAV, PCM_16'."""

    seconds: float
    sample_rate: int
    channels: int
    format: str


def describe_audio(path: Path | str) -> AudioFile:
    """What a file holds, by its header; nothing is decoded but what is needed to know its length.

    Raises AudioError as `read_audio` does, except for what only decoding can show, such as damage in the middle.
    """
    from mirbench.data.audio.decoding import decoding

    with opened(path) as file, decoding(file) as decoder:
        return AudioFile(decoder.frames / decoder.rate, decoder.rate, decoder.channels, decoder.format)


def read_audio(path: Path | str, sample_rate: int, start: float = 0.0, duration: float | None = None) -> np.ndarray:
    """A stretch of a file as (samples,) float32 mono at `sample_rate` (Hz), decoding only that stretch.

    start, duration: seconds; None means to the end, which is also where a stretch ends that would go on for at most 0.1 s after it, as
    lengths are written rounded. Channels are averaged, or, where the average cancels (a stereo file in
    opposite phase), the loudest channel is taken. Raises AudioError where the file is missing, unreadable, shorter than its
    header or the request says, damaged, empty, changed while it is read, or holds samples that are not finite or more than 10 times
    over full scale.
    """
    from mirbench.data.audio.decoding import decoding

    with opened(path) as file, decoding(file) as decoder:
        return _read_stretch(file, decoder, sample_rate, start, duration)


def read_clip(clip: Clip, sample_rate: int) -> np.ndarray:
    """A clip as encoders get it: (samples,) float32 mono at `sample_rate` (Hz).

    A clip of at most 172.8 s is read whole. Of a longer one 8 stretches of 21.6 s are read, one after another: the first at its start,
    the last at its end, evenly spaced. That is 64 windows of 2.7 s, over as many of which the published embeddings of a track are
    averaged (Guinot et al. 2024), and so a clip of two hours costs no more memory or time than one of three minutes.

    Raises AudioError as `read_audio` does.
    """
    from mirbench.data.audio.decoding import decoding

    with opened(clip.path) as file, decoding(file) as decoder:
        seconds = decoder.frames / decoder.rate - clip.start
        seconds = seconds if clip.duration is None else min(seconds, clip.duration)
        if seconds <= LONGEST_SECONDS:
            return _read_stretch(file, decoder, sample_rate, clip.start, clip.duration)
        _wanted(file, decoder, clip.start, clip.duration)
        length = LONGEST_SECONDS / STRETCHES
        starts = (clip.start + (seconds - length) * number / (STRETCHES - 1) for number in range(STRETCHES))
        return np.concatenate([_read_stretch(file, decoder, sample_rate, start, length) for start in starts])


def read_pieces(clip: Clip, sample_rate: int, seconds: float = 60.0) -> Iterator[np.ndarray]:
    """A whole clip in consecutive pieces of `seconds`, the last one shorter: (samples,) float32 mono at `sample_rate` (Hz) each.

    Joined they are what `read_audio` gives, without seams, in the memory of one piece; only whether channels cancel is decided piece by
    piece. Raises AudioError as `read_audio` does, at the piece where something is wrong.
    """
    from mirbench.data.audio.decoding import decoding

    with opened(clip.path) as file, decoding(file) as decoder:
        first, wanted = _wanted(file, decoder, clip.start, clip.duration)
        size = max(1, round(seconds * decoder.rate))
        if wanted <= size:
            yield _read_stretch(file, decoder, sample_rate, clip.start, clip.duration)
            return
        resampled = _resampling(decoder.rate, sample_rate)
        held, length = np.empty(0, np.float32), max(1, round(seconds * sample_rate))
        begin, last = 0, False
        while not last:
            last = begin + size >= wanted - decoder.loose  # a rest that may not be there is no piece
            audio = _decoded(file, decoder, first + begin, wanted - begin if last else size)
            file.check_unchanged()
            held = np.concatenate([held, resampled(to_mono(audio), last)])
            while len(held) >= length or (last and len(held)):
                yield held[:length]
                held = held[length:]
            begin += size


def _resampling(rate: int, sample_rate: int) -> Callable[[np.ndarray, bool], np.ndarray]:
    """What resamples pieces, told which one is the last, as if they were one."""
    if rate == sample_rate:
        return lambda audio, last: np.ascontiguousarray(audio, np.float32)
    import soxr

    stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
    return lambda audio, last: stream.resample_chunk(np.ascontiguousarray(audio), last=last)


def _wanted(file: Opened, decoder: Decoder, start: float, duration: float | None) -> tuple[int, int]:
    """The first frame and the number of frames of a stretch; raises AudioError where the file has not so many."""
    rate, first = decoder.rate, round(start * decoder.rate)
    wanted = decoder.frames - first if duration is None else round(duration * rate)
    if first < 0 or wanted <= 0 or first >= decoder.frames:
        raise AudioError(f"{file.name} has {decoder.frames / rate:.2f} s; nothing is left from {start:.2f} s.")
    over = first + wanted - decoder.frames
    if over > max(1, decoder.loose, min(int(ROUNDED_SECONDS * rate), wanted // 2)):
        raise AudioError(f"{file.name} has {decoder.frames / rate:.2f} s; {start + wanted / rate:.2f} s are needed.")
    return first, wanted if over <= max(1, decoder.loose) else wanted - over


def _read_stretch(file: Opened, decoder: Decoder, sample_rate: int, start: float, duration: float | None) -> np.ndarray:
    first, wanted = _wanted(file, decoder, start, duration)
    return resample(to_mono(_decoded(file, decoder, first, wanted)), decoder.rate, sample_rate)


def _decoded(file: Opened, decoder: Decoder, first: int, wanted: int) -> np.ndarray:
    """(frames, channels) float32; raises AudioError where they are not there or are no samples of audio."""
    audio, rate = decoder.read(first, wanted), decoder.rate
    if len(audio) < wanted - max(1, decoder.loose) or not len(audio):
        raise AudioError(f"{file.name} is truncated: {wanted / rate:.2f} s were promised, {len(audio) / rate:.2f} s are there.")
    peak = max(float(audio.max()), -float(audio.min()))
    if not np.isfinite(peak):
        raise AudioError(f"{file.name} holds samples that are not finite.")
    if peak > MOST_PEAK:
        raise AudioError(f"{file.name} peaks at {peak:.6g} times full scale, so it was not scaled; divide it by its peak.")
    return audio


def to_mono(audio: np.ndarray) -> np.ndarray:
    """(samples, channels) -> (samples,): the mean, or the loudest channel where the mean has under a thousandth of its power.

    A constant offset hides nothing: where the mean without it has under a thousandth of a channel's power without it, that channel is
    taken.

    >>> left = np.sin(np.arange(100)).astype(np.float32)
    >>> bool(np.abs(to_mono(np.stack([left, -left], axis=1))).max() > 0.9)
    True
    """
    if audio.shape[1] == 1:
        return audio[:, 0]
    mean = (audio[:, 0] + audio[:, 1]) / 2 if audio.shape[1] == 2 else audio.mean(axis=1)
    channels = [_powers(audio[:, channel]) for channel in range(audio.shape[1])]
    for mine, its in zip(_powers(mean), zip(*channels, strict=True), strict=True):
        if mine < 1e-3 * max(its) and max(its) > 1e-9 * max(channels)[0]:
            return audio[:, its.index(max(its))]
    return mean


def _powers(audio: np.ndarray) -> tuple[float, float]:
    """The mean square of (samples,), and that without the constant offset."""
    exact = audio.astype(np.float64)
    power = float(exact @ exact) / len(exact)
    return power, power - (float(exact.sum()) / len(exact)) ** 2


def resample(audio: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """(samples,) at `rate` Hz -> (samples,) float32 at `sample_rate` Hz; at least one sample of what is not empty.

    >>> len(resample(np.ones(1, np.float32), 192_000, 8_000))
    1
    """
    if rate == sample_rate:
        return np.ascontiguousarray(audio, np.float32)
    import soxr

    found = soxr.resample(audio, rate, sample_rate).astype(np.float32)
    return found if len(found) else np.ascontiguousarray(audio[:1], np.float32)
