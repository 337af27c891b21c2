"""A rough outline of a recording: its spectrum as a whole, and how much of it is silent.

Copies of what is too short or too steady for a fingerprint have this in common; waveforms.py tells whether that is by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATE = 8000  # Hz
BLOCK = 256  # samples, 32 ms, that are silent or not
WINDOW = 1024  # samples
BANDS = 16
LOWEST, HIGHEST = 60.0, 3750.0  # Hz
SILENCE = 1e-4  # from the lowest to the highest sample of a block
MOST_SILENT = 0.75  # of the time of a clip that is not nearly silent
STEP, DEPTH = 0.25, 40.0  # dB of a band: how finely it is told, and how far below all bands together, at most

_EDGES = np.unique(np.round(np.geomspace(LOWEST, HIGHEST, BANDS + 1) * WINDOW / RATE).astype(int))


@dataclass(frozen=True)
class Outline:
    """silent: the share of its time without sound, 0 to 1. bands: (BANDS,) dB below the power of all of them."""

    silent: float
    bands: np.ndarray

    def pack(self) -> bytes:
        return bytes([round(200 * self.silent)]) + np.round(self.bands / STEP).astype(np.uint8).tobytes()

    @staticmethod
    def unpack(packed: bytes) -> Outline:
        """Raises ValueError where the bytes are no outline."""
        if len(packed) != 1 + BANDS:
            raise ValueError("these bytes are no outline")
        return Outline(packed[0] / 200, np.frombuffer(packed, np.uint8, offset=1) * STEP)


class OutlineFinder:
    """The outline of consecutive pieces of audio; how it is cut into pieces changes nothing."""

    def __init__(self) -> None:
        self.held = np.zeros(0, np.float32)
        self.power = np.zeros(BANDS)
        self.blocks = self.silent = 0

    def add(self, piece: np.ndarray) -> None:
        """piece: (samples,) float32 at RATE."""
        held = np.concatenate([self.held, piece])
        whole = len(held) // WINDOW * WINDOW
        self._take(held[:whole])
        self.held = held[whole:]

    def outline(self) -> Outline:
        """Of all that was added; nothing can be added after it."""
        if rest := len(self.held):
            blocks = -(-rest // BLOCK) * BLOCK
            self._take(np.pad(self.held, (0, blocks - rest), "edge"))
        below = -10 * np.log10(np.maximum(self.power, 1e-30) / max(self.power.sum(), 1e-30))
        return Outline(self.silent / self.blocks if self.blocks else 1.0, np.clip(below, 0, DEPTH))

    def _take(self, samples: np.ndarray) -> None:
        """samples: whole blocks; the last window is filled up with zeros."""
        if not len(samples):
            return
        from scipy.fft import rfft

        blocks = samples.reshape(-1, BLOCK)
        self.blocks += len(blocks)
        self.silent += int((blocks.max(axis=1) - blocks.min(axis=1) <= SILENCE).sum())
        windows = np.pad(samples, (0, -len(samples) % WINDOW)).reshape(-1, WINDOW)
        spectrum = rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)
        bins = (spectrum.real.astype(np.float64) ** 2 + spectrum.imag.astype(np.float64) ** 2).sum(axis=0)
        self.power += np.add.reduceat(bins[: _EDGES[-1]], _EDGES[:-1])
