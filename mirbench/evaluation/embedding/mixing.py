"""Other clips, for corruptions that mix some in."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from mirbench import AudioError, read_audio
from mirbench.records import Clip

POOL, POOL_TRIED, POOL_SECONDS = 64, 256, 5.0  # how many are kept, how many looked at, how long they should be
POOL_MOST = 30.0  # seconds that are kept of one: a pool of whole tracks would fill the memory


def mixing_pool(clips: Sequence[Clip], sample_rate: int) -> list[tuple[Clip, np.ndarray]]:
    """Clips to mix into others, the same whatever they are mixed into: the first by the hash of their id, rather long than short ones.

    Of a longer clip its first `POOL_MOST` seconds.
    """
    long: list[tuple[Clip, np.ndarray]] = []
    short: list[tuple[Clip, np.ndarray]] = []
    for clip in sorted(clips, key=lambda clip: hashlib.sha256(clip.id.encode(errors="surrogatepass")).digest())[:POOL_TRIED]:
        try:
            samples = _beginning(clip, sample_rate)
        except MemoryError:
            raise
        except Exception:  # whatever a decoder raises; it is told where that clip is read itself
            continue
        (long if len(samples) >= POOL_SECONDS * sample_rate else short).append((clip, samples))
        if len(long) == POOL:
            break
    return long or short[:POOL]


def _beginning(clip: Clip, sample_rate: int) -> np.ndarray:
    """Its first `POOL_MOST` seconds, or all of a shorter clip."""
    if clip.duration is None:
        with contextlib.suppress(AudioError):  # of a file that ends before
            return read_audio(clip.path, sample_rate, clip.start, POOL_MOST)
        return read_audio(clip.path, sample_rate, clip.start)
    return read_audio(clip.path, sample_rate, clip.start, min(clip.duration, POOL_MOST))


def other_clips(pool: Sequence[tuple[Clip, np.ndarray]], group: str) -> Callable[[int, int, int], np.ndarray]:
    """What draws clips from a pool for `corrupt`, none of them of the group; silence where there are none."""
    fit = [samples for other, samples in pool if other.group != group and len(samples)]

    def others(count: int, samples: int, seed: int) -> np.ndarray:
        if not fit:
            return np.zeros((count, samples), np.float32)
        random = np.random.default_rng(seed)
        chosen = [fit[i] for i in random.choice(len(fit), count, replace=count > len(fit))]
        starts = [int(random.integers(max(1, len(each) - samples + 1))) for each in chosen]
        return np.stack([np.resize(each[start:], samples) for each, start in zip(chosen, starts, strict=True)])

    return others
