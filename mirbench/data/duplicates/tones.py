"""Which tones sound when: the harmony of a recording, by which pieces over one drum loop are told apart.

Drums are much of what the loudest points of a spectrogram are of. A longer window shows tones through them: a partial stands far above what
is around it, while drums, which are noise and short, raise all of it.
"""

from __future__ import annotations

import numpy as np

RATE = 8000  # Hz
WINDOW, HOP = 4096, 1024  # samples
LOWEST, HIGHEST = 130.8, 3700.0  # Hz
BANDS = 58  # semitones
AROUND = 64  # bins, 125 Hz, over which the median is taken
RISE = 12.0  # dB over it
MOST = 8  # tones at a time, those that rise most
LEVEL = 50.0  # dB, at most so far below the loudest of their moment
LEAST_LEVEL = -18.0  # dB, of a sine at -78 dBFS

_BIN = RATE / WINDOW
_FROM, _TO = int(LOWEST / _BIN), int(HIGHEST / _BIN)
_BAND = np.clip(np.round(12 * np.log2(np.arange(_FROM, _TO) * _BIN / LOWEST)), 0, BANDS - 1).astype(int)
_BEGINS = np.flatnonzero(np.diff(_BAND, prepend=-1))  # bins of one semitone are neighbours; each has some


class ToneFinder:
    """Tones of consecutive pieces of audio; how it is cut into pieces changes nothing."""

    def __init__(self) -> None:
        self.held = np.zeros(0, np.float32)
        self.found: list[np.ndarray] = []

    def add(self, piece: np.ndarray) -> None:
        """piece: (samples,) float32 at RATE."""
        self.held = np.concatenate([self.held, piece])
        if (count := (len(self.held) - WINDOW) // HOP + 1) > 0:
            self.found.append(_tones(np.lib.stride_tricks.sliding_window_view(self.held, WINDOW)[::HOP]))
            self.held = self.held[count * HOP :]

    def tones(self) -> np.ndarray:
        """(moments,) uint64, a bit for each semitone that sounds."""
        return np.concatenate(self.found) if self.found else np.zeros(0, np.uint64)


def _tones(windows: np.ndarray) -> np.ndarray:
    """windows: (moments, WINDOW) float32."""
    from scipy.fft import rfft

    spectrum = rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)
    level = 10 * np.log10(spectrum.real**2 + spectrum.imag**2 + 1e-6)
    blocks = np.median(level[:, : level.shape[1] // AROUND * AROUND].reshape(len(level), -1, AROUND), axis=2)
    at = np.clip((np.arange(_FROM, _TO) + 0.5) / AROUND - 0.5, 0, blocks.shape[1] - 1)
    low = np.minimum(at.astype(int), blocks.shape[1] - 2)
    usual = blocks[:, low] + (at - low).astype(np.float32) * (blocks[:, low + 1] - blocks[:, low])
    here = level[:, _FROM:_TO]
    audible = here > np.maximum(level.max(axis=1, keepdims=True) - LEVEL, LEAST_LEVEL)
    for step in (-2, -1, 1, 2):
        audible &= here >= level[:, _FROM + step : _TO + step]
    rise = np.maximum.reduceat(np.where(audible, here - usual, 0), _BEGINS, axis=1)
    least = np.maximum(np.partition(rise, -MOST, axis=1)[:, -MOST], RISE)
    return ((rise >= least[:, None]) * (np.uint64(1) << np.arange(BANDS, dtype=np.uint64))).sum(axis=1, dtype=np.uint64)


def pack(tones: np.ndarray) -> bytes:
    """A row of bits for each semitone, which compresses well."""
    bits = np.unpackbits(tones.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")[:, :BANDS]
    return len(tones).to_bytes(4, "little") + np.packbits(bits.T, axis=1).tobytes()


def unpack(packed: bytes) -> np.ndarray:
    """Raises ValueError where the bytes are of no tones."""
    moments = int.from_bytes(packed[:4], "little")
    rows = np.frombuffer(packed[4:], np.uint8).reshape(BANDS, -(-moments // 8))
    bits = np.zeros((moments, 64), np.uint8)
    bits[:, :BANDS] = np.unpackbits(rows, axis=1, count=moments).T
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").reshape(-1).astype(np.uint64)


def agreement(first: np.ndarray, second: np.ndarray, shift: float) -> tuple[float, float]:
    """(how many of the tones of both they have in common, from 0 to 1; tones a moment, a mean over the two) where both sound.

    shift: moments into the first at which the second begins.
    """
    whole = round(shift)
    one = first[max(0, whole) : max(0, len(second) + whole)]
    other = second[max(0, -whole) :][: len(one)]
    one = one[: len(other)]
    tones = int(np.bitwise_count(one).sum()) + int(np.bitwise_count(other).sum())
    common = 2 * int(np.bitwise_count(one & other).sum())
    return common / tones if tones else 1.0, tones / 2 / len(one) if len(one) else 0.0
