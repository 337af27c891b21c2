"""Audio fingerprints, by which a recording is known under another codec, level, sample rate, equalisation, noise or cut.

After Wang, "An industrial strength audio search algorithm", ISMIR 2003: the loudest points of the spectrogram, one in each neighbourhood;
and beside them the tones that sound (tones.py). How two of them are compared is in matching.py.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from mirbench.data.audio.audio import read_pieces
from mirbench.data.duplicates import tones
from mirbench.data.duplicates.outline import Outline, OutlineFinder
from mirbench.records import Clip

SAMPLE_RATE = 8000  # Hz
WINDOW, HOP = 1024, 256  # samples
FRAME_SECONDS = HOP / SAMPLE_RATE
LOWEST, HIGHEST = 8, 480  # bins: 60 to 3750 Hz
NEAR_FRAMES, NEAR_BINS = 12, 16  # a point is the loudest of 0.4 s and 125 Hz to each side
LEVEL_FRAMES, LEVEL = 62, 1e-4  # and at most 40 dB below the loudest of 2 s to each side
LEAST_POWER = 1e-3  # of a sine at -78 dBFS
SILENCE = 1e-4  # from the lowest to the highest sample
PIECE_SECONDS = 60.0
DIGEST = 16  # bytes


@dataclass(frozen=True)
class Fingerprint:
    """What a recording is known by.

    digest: DIGEST bytes, of its samples; none for silence. frames, bins: (points,) int64, in the order of frames, then bins.
    tones: (moments,) uint64, of tones.py; outline: of outline.py; none of both in what earlier versions kept.
    """

    digest: bytes
    frames: np.ndarray
    bins: np.ndarray
    tones: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    outline: Outline | None = None

    def pack(self) -> bytes:
        columns = np.diff(self.frames, prepend=0).astype("<u4").tobytes() + self.bins.astype("<u2").tobytes()
        harmony = zlib.compress(tones.pack(self.tones)) if len(self.tones) or self.outline else b""
        return self.digest.rjust(DIGEST, b"\0") + zlib.compress(columns, 1) + harmony + (self.outline.pack() if self.outline else b"")

    @staticmethod
    def unpack(packed: bytes) -> Fingerprint:
        """Raises ValueError where the bytes are no fingerprint."""
        try:
            columns, rest = _inflated(packed[DIGEST:])
            packed_tones, last = _inflated(rest) if rest else (b"", b"")
            harmony = tones.unpack(packed_tones) if packed_tones else np.zeros(0, np.uint64)
            outline = Outline.unpack(last) if last else None
        except (zlib.error, ValueError) as error:
            raise ValueError("these bytes are no fingerprint") from error
        points = len(columns) // 6
        steps, bins = np.frombuffer(columns, "<u4", points), np.frombuffer(columns, "<u2", points, 4 * points)
        return Fingerprint(Fingerprint.digest_of(packed), np.cumsum(steps, dtype=np.int64), bins.astype(np.int64), harmony, outline)

    @staticmethod
    def digest_of(packed: bytes) -> bytes:
        return packed[:DIGEST] if any(packed[:DIGEST]) else b""


def fingerprint(pieces: Iterable[np.ndarray]) -> Fingerprint:
    """Of consecutive pieces of mono audio, (samples,) float32 at SAMPLE_RATE, in memory that does not grow with their number.

    How the audio is cut into pieces changes nothing.
    """
    digest, lowest, highest = hashlib.blake2b(digest_size=DIGEST), np.inf, -np.inf
    points: list[tuple[np.ndarray, np.ndarray]] = []
    finder, outliner = tones.ToneFinder(), OutlineFinder()
    held, first, done = np.zeros(0, np.float32), 0, 0  # the samples from frame `first` on; points are found up to frame `done`
    for piece in pieces:
        if len(piece):
            digest.update(np.ascontiguousarray(piece, np.float32).data)
            lowest, highest = min(lowest, float(piece.min())), max(highest, float(piece.max()))
            held = np.concatenate([held, piece])
            finder.add(piece)
            outliner.add(piece)
        until = first + _count(held) - LEVEL_FRAMES  # what is around later frames is not known yet
        if until - done > LEVEL_FRAMES:
            points.append(_points(held, first, done, until))
            done, kept = until, max(first, until - LEVEL_FRAMES)
            held, first = held[(kept - first) * HOP :], kept
    points.append(_points(held, first, done, first + _count(held)))
    frames, bins = (np.concatenate([each[column] for each in points]) for column in (0, 1))
    return Fingerprint(digest.digest() if highest - lowest > SILENCE else b"", frames, bins, finder.tones(), outliner.outline())


def _inflated(data: bytes) -> tuple[bytes, bytes]:
    """What the first of some compressed streams holds, and the others."""
    stream = zlib.decompressobj()
    found = stream.decompress(data)
    if not stream.eof:
        raise ValueError("the stream is cut off")
    return found, stream.unused_data


def fingerprint_clip(clip: Clip) -> Fingerprint:
    """Raises AudioError where the clip cannot be decoded."""
    return fingerprint(read_pieces(clip, SAMPLE_RATE, PIECE_SECONDS))


def _count(samples: np.ndarray) -> int:
    return max(0, (len(samples) - WINDOW) // HOP + 1)


def _points(samples: np.ndarray, first: int, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames and bins of the points from frame `begin` to `end`, of samples that begin at frame `first`."""
    if end <= begin:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    from scipy.fft import rfft

    cut = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = rfft(cut * np.hanning(WINDOW).astype(np.float32), axis=1)[:, LOWEST:HIGHEST]
    power = spectrum.real**2 + spectrum.imag**2
    around = _greatest(_greatest(power, NEAR_FRAMES).T, NEAR_BINS).T
    level = _greatest(power.max(axis=1), LEVEL_FRAMES)
    frames, bins = np.nonzero(power == around)
    here = power[frames, bins]
    rises = (frames == 0) | (here > power[np.maximum(frames - 1, 0), bins])  # not each frame of a constant sound
    kept = rises & (here > LEAST_POWER) & (here > LEVEL * level[frames]) & (frames >= begin - first) & (frames < end - first)
    return frames[kept] + first, bins[kept]


def _greatest(values: np.ndarray, reach: int) -> np.ndarray:
    """The greatest of the rows up to `reach` before and after each, by doubling the stretch that is known."""
    edge = np.zeros((reach, *values.shape[1:]), values.dtype)
    known, length = np.concatenate([edge, values, edge]), 1
    while length < 2 * reach + 1:
        step = min(length, 2 * reach + 1 - length)
        known, length = np.maximum(known[:-step], known[step:]), length + step
    return known
