"""How far corrupted audio is from clean audio, and which measure fits which corruption.

The tests and tests/benchmarks/corruptions.py share it, and the clips that they measure on.
Each measure is of two arrays (samples,) at RATE, of one length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mirbench_plugins.datasets.mini import plan, sizes
from scipy import fft

from mirbench.evaluation.embedding.corruption import corruption_seed
from mirbench.nouns import Corruption

RATE = 22_050  # Hz
FRAME, HOP = 2_048, 1_024  # samples
FLOOR = 60.0  # dB below the clip's strongest bin; what is weaker counts as that weak


def aligned_snr(clean: np.ndarray, corrupted: np.ndarray) -> float:
    """Signal-to-distortion ratio in dB after the clean clip is scaled to fit best; the corrupted clip's own level does not matter.

    Le Roux, Wisdom, Erdogan and Hershey, "SDR: half-baked or well done?", ICASSP 2019, eq. 3 (SI-SDR). 120 for no distortion at all.
    """
    clean, corrupted = clean.astype(np.float64), corrupted.astype(np.float64)
    signal = clean * (clean @ corrupted) / max(clean @ clean, 1e-30)
    distortion = corrupted - signal
    return float(10 * np.log10(max(signal @ signal, 1e-30) / max(distortion @ distortion, 1e-12 * (signal @ signal), 1e-30)))


def log_spectral_distance(clean: np.ndarray, corrupted: np.ndarray) -> float:
    """Root mean square over the bins of a frame of the difference of two power spectra in dB, averaged over frames.

    Gray and Markel, "Distance measures for speech processing", IEEE Trans. ASSP 24(5), 1976. Either spectrum is cut off FLOOR dB below
    the clean clip's strongest bin; the corrupted clip is brought to the clean one's level first.
    """
    level = np.linalg.norm(clean) / max(np.linalg.norm(corrupted), 1e-30)
    first, second = _power(clean), _power(corrupted * level)
    floor = first.max() * 10 ** (-FLOOR / 10)
    difference = 10 * np.log10(np.maximum(first, floor) / np.maximum(second, floor))
    return float(np.sqrt((difference**2).mean(1)).mean())


def level_drop(clean: np.ndarray, corrupted: np.ndarray) -> float:
    """By how many dB the corrupted clip is quieter."""
    return float(20 * np.log10(np.linalg.norm(clean) / max(np.linalg.norm(corrupted), 1e-30)))


def pitch_displacement(clean: np.ndarray, corrupted: np.ndarray) -> float:
    """By how many semitones, up or down, the clean clip's average spectrum has to be moved to be most like the corrupted one's.

    The lag of the greatest correlation between the two on a logarithmic frequency axis, within 8 semitones.
    """
    steps, widest = 20, 8  # per semitone; semitones
    frequency = 100 * 2 ** (np.arange(0, 60 * steps) / (12 * steps))
    first, second = (
        np.log(np.interp(frequency, np.linspace(0, RATE / 2, 4_097), _power(audio, 8_192).mean(0)) + 1e-9) for audio in (clean, corrupted)
    )
    lags, edge = range(-widest * steps, widest * steps + 1), widest * steps
    alike = [np.corrcoef(first[edge - lag : len(first) - edge - lag], second[edge:-edge])[0, 1] for lag in lags]
    return abs(lags[int(np.argmax(alike))]) / steps


def slowing(clean: np.ndarray, corrupted: np.ndarray) -> float:
    """By how many per cent the clean clip has to be slowed down to be most like the corrupted one, from 0 to 50.

    The factor of the greatest correlation between the two spectrograms, the clean one's read so much more slowly.
    """
    first, second = (np.log(_power(audio, FRAME, HOP // 4)[:, 4:404].reshape(-1, 50, 8).mean(2) + 1e-3) for audio in (clean, corrupted))
    likeness = []
    for percent in (tried := np.arange(0, 50, 0.5)):
        at = np.arange(len(second)) * (1 - percent / 100)
        share = (at % 1)[:, None]
        below = at.astype(int)
        slowed = first[below] * (1 - share) + first[np.minimum(below + 1, len(first) - 1)] * share
        likeness.append(np.corrcoef(slowed.ravel(), second.ravel())[0, 1])
    return float(tried[int(np.argmax(likeness))])


def _power(audio: np.ndarray, frame: int = FRAME, hop: int = HOP) -> np.ndarray:
    """(frames, bins)"""
    audio = np.pad(audio, (0, max(0, frame - len(audio))))
    frames = np.lib.stride_tricks.sliding_window_view(audio, frame)[::hop]
    return np.abs(fft.rfft(frames * np.hanning(frame).astype(np.float32), axis=1)) ** 2


@dataclass(frozen=True)
class Distance:
    """A measure, and whether it rises (1) or falls (-1) with severity."""

    name: str
    unit: str
    measure: Callable[[np.ndarray, np.ndarray], float]
    sign: int


SNR = Distance("SNR", "dB", aligned_snr, -1)
LSD = Distance("LSD", "dB", log_spectral_distance, 1)
PITCH = Distance("pitch", "semitones", pitch_displacement, 1)
TEMPO = Distance("slowing", "%", slowing, 1)
LEVEL = Distance("level", "dB", level_drop, 1)

DEFAULT = LSD  # filters, codecs, rooms: what moves phase or time is no waveform's noise
FITTING = {
    **dict.fromkeys(("white-noise", "pink-noise", "background-music", "background-chatter"), SNR),  # added to the waveform
    **dict.fromkeys(("clipping", "gain-up", "soft-distortion", "compression", "bit-depth", "sample-rate"), SNR),  # bent
    **dict.fromkeys(("time-masking", "packet-loss"), SNR),  # lost
    "gain-down": LEVEL,
    "pitch-shift": PITCH,
    "time-stretch": TEMPO,
}


def distance(name: str) -> Distance:
    """What fits the corruption of that name."""
    return FITTING.get(name, DEFAULT)


def real_clips(count: int, seconds: float) -> dict[str, np.ndarray]:
    """Pieces of `mini` by id, of all splits, styles and keys, cut to a length."""
    items = [item for item in plan.plan(sizes.QUICK) if item.piece >= 0]
    chosen = items[5 :: len(items) // count][:count]
    return {item.id: plan.render(item, 0)[0][: round(seconds * RATE)].astype(np.float32) / 32_768 for item in chosen}


def corrupt(corruption: Corruption, level: float, clip_id: str, clips: dict[str, np.ndarray], rate: int = RATE) -> np.ndarray:
    """One of the clips as an evaluation would corrupt it; what is mixed in are the clips that follow it."""
    audio, seed = clips[clip_id], corruption_seed(corruption.name, 0, clip_id)
    if not corruption.others:
        return corruption.apply(audio, rate, level, seed)
    names = list(clips)
    following = [names[(names.index(clip_id) + 1 + k) % len(names)] for k in range(corruption.others)]
    return corruption.mix(audio, np.stack([np.resize(clips[name], len(audio)) for name in following]), rate, level, seed)
