"""Whether two clips are of one waveform, whatever its level: normalised cross-correlation of the decoded audio.

It confirms what fingerprints and outlines suggest; a copy in another format, at another level or rate, or cut, correlates above .98. So do
two steady tones of one pitch once they are moved by part of a period, whoever made them: of what repeats itself only a whole copy
without loss is taken for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mirbench.data.audio.audio import AudioError, read_pieces
from mirbench.data.duplicates.outline import Outline
from mirbench.records import Clip

RATE = 8000  # Hz
SECONDS = 20.0  # of a clip that are compared, at most
FINER = 4  # lags a sample, since what was resampled is moved by parts of one
LEAST_COMMON, LEAST_POWER = 0.8, 0.5  # of the time of the shorter clip, and of the power of each, that must be in common
COPY = 0.98  # of one waveform; copies reach .99 under Vorbis, other synthesised notes of one pitch at most .94
REPEATS = 0.985  # of the greatest correlation, that is reached at another lag too: it repeats itself
APART = 0.003  # seconds: lags further apart than this are others
SAME = 0.9995  # correlation of copies without loss, of what repeats itself: two phases of a tone by chance are so near once in fifty
ROUNDING = 2  # samples at RATE, by which copies at other rates differ in length
NEAR = 2.5  # dB a band, root mean square: outlines that differ by more are of other audio
NEIGHBOURS = 4  # outlines that are tried of each clip
UNREADABLE = (AudioError, OSError, ValueError, RuntimeError, MemoryError)
MOST = 1000  # pairs whose audio is compared: 20 s for clips of 4 s, at most 2 minutes


def nearest(outlines: Mapping[int, Outline], others: Mapping[int, Outline]) -> list[tuple[int, int]]:
    """Pairs of one of each side whose outlines are alike, the nearest first, at most MOST."""
    from scipy.spatial import cKDTree

    if not outlines or not others:
        return []
    numbers, other_numbers = list(outlines), list(others)
    tree = cKDTree(np.stack([others[number].bands for number in other_numbers]))
    bands = np.stack([outlines[number].bands for number in numbers])
    distances, places = tree.query(bands, k=min(NEIGHBOURS, len(others)), distance_upper_bound=NEAR * bands.shape[1] ** 0.5)
    distances, places = (found.reshape(len(numbers), -1) for found in (distances, places))
    at, which = np.nonzero(np.isfinite(distances))
    order = np.argsort(distances[at, which], kind="stable")[:MOST]
    return [(numbers[at[i]], other_numbers[places[at[i], which[i]]]) for i in order]


def correlation(first: Clip, second: Clip, offset: float = 0.0) -> float:
    """The greatest normalised cross-correlation, 0 to 1, at any lag at which they have most in common; 0 where one cannot be decoded.

    offset: seconds into the first at which the second begins; SECONDS from there are compared.
    """
    try:
        one, other = (_beginning(clip, skipped) for clip, skipped in ((first, max(0.0, offset)), (second, max(0.0, -offset))))
    except UNREADABLE:
        return 0.0
    return _best(one, other, *_at_lags(one, other))


def _beginning(clip: Clip, skipped: float) -> np.ndarray:
    """(samples,) float64 at RATE, of at most SECONDS from so many seconds on, without their mean, which any two have in common."""
    duration = None if clip.duration is None else max(1 / RATE, clip.duration - skipped)
    pieces, length = list[np.ndarray](), 0
    for piece in read_pieces(replace(clip, start=clip.start + skipped, duration=duration), RATE, SECONDS):
        pieces.append(piece)
        length += len(piece)
        if length >= SECONDS * RATE:
            break
    audio = np.concatenate([*pieces, np.zeros(0, np.float32)])[: int(SECONDS * RATE)].astype(np.float64)
    return audio - audio.mean() if len(audio) else audio


def _best(first: np.ndarray, second: np.ndarray, lags: np.ndarray, found: np.ndarray) -> float:
    """The greatest correlation at these lags and between them. lags, found: as `_at_lags` returns them."""
    if not len(lags):
        return 0.0
    best = int(found.argmax())
    return max(float(found[best]), _between_samples(*_common(first, second, int(lags[best]))))


def _at_lags(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(lags,) in samples of the first, at which the second begins, and the normalised correlation at each; of lags at which they have
    enough in common."""
    from scipy.fft import irfft, next_fast_len, rfft

    n, m = len(first), len(second)
    if not n or not m:
        return np.zeros(0, int), np.zeros(0)
    size = next_fast_len(n + m, real=True)
    found = np.abs(irfft(rfft(first, size) * np.conj(rfft(second, size)), size))
    lags = np.arange(size)
    lags[lags > size // 2] -= size
    begin, end = np.maximum(0, lags), np.minimum(n, m + lags)  # where both sound, in the first
    inside = end - begin >= LEAST_COMMON * min(n, m)
    begin, end, lags, found = begin[inside], end[inside], lags[inside], found[inside]
    powers = [np.concatenate([[0.0], np.cumsum(audio**2)]) for audio in (first, second)]
    common = [power[end - shift] - power[begin - shift] for power, shift in zip(powers, (0, lags), strict=True)]
    enough = np.minimum(*(here / max(power[-1], 1e-30) for here, power in zip(common, powers, strict=True))) >= LEAST_POWER
    return lags[enough], found[enough] / np.sqrt(np.maximum(common[0][enough] * common[1][enough], 1e-30))


def _common(first: np.ndarray, second: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """What sounds in both where the second begins at a lag of the first."""
    begin, end = max(0, lag), min(len(first), len(second) + lag)
    return first[begin:end], second[begin - lag : end - lag]


def _between_samples(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two stretches of a length at the best of the lags of parts of a sample."""
    from scipy.fft import next_fast_len, rfft

    size = next_fast_len(len(one), real=True)
    cross = rfft(one, size) * np.conj(rfft(other, size))
    cross[0] /= 2
    angles = 2 * np.pi * np.arange(len(cross)) / size
    at_lags = [abs(float((cross * np.exp(1j * angles * (step / FINER))).real.sum())) * 2 / size for step in range(1 - FINER, FINER)]
    return min(1.0, max(at_lags) / max(float(np.sqrt((one**2).sum() * (other**2).sum())), 1e-30))


def copies(pairs: Iterable[tuple[int, int]], first: Sequence[Clip], second: Sequence[Clip]) -> list[tuple[int, int]]:
    """Those of the pairs, numbers of clips of each side, that are of one waveform."""
    return [(one, other) for one, other in pairs if _is_copy(first[one], second[other])]


def _is_copy(first: Clip, second: Clip) -> bool:
    try:
        one, other = _beginning(first, 0.0), _beginning(second, 0.0)
    except UNREADABLE:
        return False
    lags, found = _at_lags(one, other)
    if _best(one, other, lags, found) < COPY:
        return False
    best = int(found.argmax())
    repeats = bool((found[np.abs(lags - lags[best]) > APART * RATE] > REPEATS * found[best]).any())
    return not repeats or (abs(len(one) - len(other)) <= ROUNDING and bool((found[lags == 0] >= SAME).any()))
