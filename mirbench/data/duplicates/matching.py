"""Which of many fingerprints are of the same recording, and at which offset.

Wang, "An industrial strength audio search algorithm", ISMIR 2003: groups of neighbouring points are hashed, and recordings that have groups
in common at one offset are candidates. Here a group is of three points, not two, so that fewer agree by chance, and candidates are
verified by all their points: once aligned, most must coincide, at nearly every moment. Recordings of the same sampled instruments or
drums at one tempo have many points in common, but not all through. Pieces over one drum loop do have them all through; what sounds beside
the drums must agree too, so that they share a loop and are not one recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mirbench.data.duplicates import tones
from mirbench.data.duplicates.fingerprints import HOP, Fingerprint

GROUPS = ((1, 2), (1, 3), (2, 3))  # a point goes with these of the points after it
GROUP_FRAMES = 40  # 1.3 s from the first to the last
MOST_OWNERS = 100  # a group that is in the index more often says nothing
LEAST_VOTES, LEAST_VOTED = 4, 0.03  # groups in common at an offset, and their share of those expected where both sound
OFFSETS = 6  # of a pair are tried, those with most votes, since repetitive music agrees with itself at several
SHIFT_BITS, NO_SHIFT = 26, 1 << 25  # 12 days
HITS_AT_ONCE = 1 << 22  # groups in common, 32 bytes each

# By tests/benchmarks/fingerprints.py: of excerpts of 5 s under mp3 at 64 kbit/s, equalisation or noise at 20 dB, 95 % have a share of 0.82
# or more and miss 0.01 or less. Pairs of other pieces in `mini` stay under a share of 0.3; loops of one drum kit reach 0.9, but miss 0.2.
# Of pieces of `mini` 6 or 12 dB under one drum loop, points alone call 2 % or 44 % of the pairs one recording, with their tones none.
LEAST_POINTS, LEAST_BINS, LEAST_FRAMES = 20, 8, 100
LEAST_SHARE = 0.6
MOST_MISSING = 0.05
LEAST_HARMONY, LEAST_TONES = 0.43, 2.0  # of the tones of both; where there are fewer at a time, they tell nothing
MOMENT_FRAMES = 6  # 0.2 s to each side
EDGE_FRAMES = 12  # in which points depend on what was cut off
PLAIN = 2.0  # times the least points and bins, and half that more frames, below which a copy may have too few


def comparable(each: Fingerprint, times: float = 1.0) -> bool:
    """Whether it has as much as any two must have in common. times: so many times the points and bins, and half that more of the frames."""
    if len(each.frames) < times * LEAST_POINTS or len(np.unique(each.bins)) < times * LEAST_BINS:
        return False
    return bool(each.frames[-1] - each.frames[0] + 1 >= (1 + times) / 2 * LEAST_FRAMES)


def hashes(prints: Sequence[Fingerprint]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of all groups of points of all fingerprints: the hash, (groups,) int64, the number of the fingerprint and the frame, int32.

    A hash is 3 x 8 bits of frequency and 2 x 5 bits of time, half as fine as the points, which jitter.
    """
    owners = np.repeat(np.arange(len(prints), dtype=np.int32), [len(each.frames) for each in prints])
    frames = np.concatenate([each.frames.astype(np.int32) for each in prints] or [np.zeros(0, np.int32)])
    coarse = np.concatenate([each.bins for each in prints] or [np.zeros(0, np.int64)]) // 2
    parts = []
    for second, third in GROUPS:
        n = max(0, len(frames) - third)
        near = np.flatnonzero((owners[third:] == owners[:n]) & (frames[third:] - frames[:n] <= GROUP_FRAMES))
        code = (coarse[near] << 8 | coarse[near + second]) << 8 | coarse[near + third]
        for later in (second, third):
            code = code << 5 | (frames[near + later] - frames[near]) // 2
        parts.append((code, owners[near], frames[near]))
    whole = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return whole[0], whole[1], whole[2]


@dataclass(frozen=True)
class Alignment:
    """How well two fingerprints agree where both sound.

    shift: frames into the first at which the second begins. points: how many coincide, to a frame and a bin; bins: at how many frequencies;
    share: of the points of the sparser one. frames: how long both sound. missing: the share of moments, with three points or more in
    one of the two, of which less than a quarter is in the other. harmony: how many of the tones of both they have in common, 1 where it is
    not known, and where there are few tones.
    """

    shift: int
    points: int
    bins: int
    share: float
    frames: int
    missing: float
    harmony: float = 1.0

    @property
    def same(self) -> bool:
        """Whether they are of one recording."""
        return self.share_points and self.harmony >= LEAST_HARMONY

    @property
    def share_points(self) -> bool:
        """Whether they are of one recording, or of one drum loop."""
        enough = self.points >= LEAST_POINTS and self.bins >= LEAST_BINS and self.frames >= LEAST_FRAMES
        return enough and self.share >= LEAST_SHARE and self.missing <= MOST_MISSING


def align(first: Fingerprint, second: Fingerprint, shift: int) -> Alignment:
    """The best of this shift and those a frame to each side, where it is any good."""
    middle = _aligned(first, second, shift)
    if 2 * middle.share < LEAST_SHARE:
        return middle
    best = max((middle, *(_aligned(first, second, shift + jitter) for jitter in (-1, 1))), key=lambda found: found.share)
    return replace(best, harmony=_harmony(first, second, best.shift)) if best.share_points else best


def _harmony(first: Fingerprint, second: Fingerprint, shift: int) -> float:
    """As of `Alignment`."""
    common, many = tones.agreement(first.tones, second.tones, shift * HOP / tones.HOP)
    return common if many >= LEAST_TONES else 1.0


def _aligned(first: Fingerprint, second: Fingerprint, shift: int) -> Alignment:
    both = []
    if len(first.frames) and len(second.frames):
        begin = max(first.frames[0], second.frames[0] + shift) - 1
        end = min(first.frames[-1], second.frames[-1] + shift) + 1
        for each, offset in ((first, 0), (second, shift)):
            part = slice(*np.searchsorted(each.frames, (begin - offset, end - offset + 1)))
            both.append((each.frames[part] + offset, each.bins[part]))
    if not both or not all(len(frames) for frames, _ in both):
        return Alignment(shift, 0, 0, 0.0, 0, 1.0)
    (frames, bins), (others, other_bins) = both
    hit, other_hit = _coincide(frames, bins, others, other_bins), _coincide(others, other_bins, frames, bins)
    points = int(min(hit.sum(), other_hit.sum()))
    moments = [_moments(at, found, begin + EDGE_FRAMES, end - EDGE_FRAMES) for at, found in ((frames, hit), (others, other_hit))]
    missing, total = (sum(each[column] for each in moments) for column in (0, 1))
    share = points / min(len(frames), len(others))
    return Alignment(shift, points, len(np.unique(bins[hit])), share, int(end - begin - 1), missing / total if total else 1.0)


def _coincide(frames: np.ndarray, bins: np.ndarray, others: np.ndarray, other_bins: np.ndarray) -> np.ndarray:
    """(points,) bool: whether one of the others is within a frame and a bin of each point."""
    known, asked = others << 10 | other_bins, frames << 10 | bins
    hit = np.zeros(len(asked), bool)
    for frame in (-1, 0, 1):
        near = asked + (frame << 10)
        hit |= np.searchsorted(known, near + 1, "right") > np.searchsorted(known, near - 1)
    return hit


def _moments(frames: np.ndarray, hit: np.ndarray, begin: int, end: int) -> tuple[int, int]:
    """How many points stand among others that the other recording lacks, of how many that stand among others."""
    low, high = np.searchsorted(frames, frames - MOMENT_FRAMES), np.searchsorted(frames, frames + MOMENT_FRAMES, "right")
    until = np.concatenate([[0], np.cumsum(hit)])
    dense = (high - low >= 3) & (frames >= begin) & (frames <= end)
    lacking = dense & (4 * (until[high] - until[low]) <= high - low)
    return int(lacking.sum()), int(dense.sum())


class Index:
    """Fingerprints by their groups of points, as sorted arrays: 20 kB for a clip of 30 s, and three times that while it is built."""

    def __init__(self, prints: Sequence[Fingerprint]) -> None:
        self.prints, self.spans = prints, _spans(prints)
        codes, owners, frames = hashes(prints)
        order = np.argsort(codes, kind="stable")
        codes = codes[order]
        begins = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]])) if len(codes) else np.zeros(0, np.int64)
        counts = np.diff(begins, append=len(codes))
        kept = np.repeat(counts <= MOST_OWNERS, counts)
        self.codes, order = codes[kept], order[kept]
        self.owners, self.frames = owners[order], frames[order]

    def same(self, prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int]]:
        """(number in the index, number here, frames into the one in the index at which the one here begins) of the same recordings.

        Groups of points that are in the index more than MOST_OWNERS times are passed over.
        """
        codes, numbers, frames = hashes(prints)
        if not len(self.codes):
            return
        order = np.argsort(codes)  # neighbours are looked for one after another, which is several times faster
        low = np.searchsorted(self.codes, codes[order])
        there = self.codes[np.minimum(low, len(self.codes) - 1)] == codes[order]
        order, low = order[there], low[there]
        by_number = np.argsort(numbers[order], kind="stable")
        order, low = order[by_number], low[by_number]
        numbers, frames = numbers[order], frames[order]
        hits = np.searchsorted(self.codes, codes[order], "right") - low
        until = np.concatenate([[0], np.cumsum(hits)])
        ends = np.append(np.flatnonzero(np.diff(numbers)) + 1, len(numbers))
        begin = 0
        while begin < len(numbers):  # whole fingerprints, as many as fit
            fit = np.searchsorted(until[ends], until[begin] + HITS_AT_ONCE, "right") - 1
            end = int(ends[max(fit, np.searchsorted(ends, begin, "right"))])
            part = slice(begin, end)
            yield from self._verified(prints, low[part], hits[part], numbers[part], frames[part])
            begin = end

    def _verified(
        self, prints: Sequence[Fingerprint], low: np.ndarray, hits: np.ndarray, numbers: np.ndarray, frames: np.ndarray
    ) -> Iterator[tuple[int, int, int]]:
        """As `same`. low, hits: (groups,) where each is in the index and how often."""
        at = np.repeat(low - np.cumsum(hits) + hits, hits) + np.arange(hits.sum())
        pairs = np.repeat(numbers.astype(np.int64), hits) * len(self.prints) + self.owners[at]
        keys = np.sort(pairs << SHIFT_BITS | (self.frames[at] - np.repeat(frames, hits) + NO_SHIFT))
        votes = np.searchsorted(keys, keys + 2, "right") - np.arange(len(keys))  # at a shift and the two after it
        keys, votes = keys[votes >= LEAST_VOTES], votes[votes >= LEAST_VOTES]
        likely = votes >= LEAST_VOTED * self._expected(prints, keys)
        keys, votes = keys[likely], votes[likely]
        order = np.lexsort((-votes, keys >> SHIFT_BITS))
        keys = keys[order]
        begins = np.flatnonzero(np.diff(keys >> SHIFT_BITS, prepend=-1))
        for tried in np.split(keys, begins[1:]) if len(keys) else ():
            number, owner = divmod(int(tried[0] >> SHIFT_BITS), len(self.prints))
            for key in tried[:OFFSETS]:
                found = align(self.prints[owner], prints[number], int(_shift(key)))
                if found.same:
                    yield owner, number, found.shift
                    break

    def _expected(self, prints: Sequence[Fingerprint], keys: np.ndarray) -> np.ndarray:
        """How many groups the sparser of two has where both sound; infinite where that is too short."""
        numbers, owners = np.divmod(keys >> SHIFT_BITS, max(1, len(self.prints)))
        shifts = _shift(keys)
        here, there = _spans(prints)[numbers].T, self.spans[owners].T
        length = np.minimum(here[1] + shifts, there[1]) - np.maximum(here[0] + shifts, there[0])
        return np.where(length < LEAST_FRAMES, np.inf, length * np.minimum(here[2], there[2]))


def _shift(keys: np.ndarray) -> np.ndarray:
    return (keys & (2 * NO_SHIFT - 1)) - NO_SHIFT + 1


def _spans(prints: Sequence[Fingerprint]) -> np.ndarray:
    """(fingerprints, 3): first and last frame, and groups a frame."""
    ends = [(each.frames[0], each.frames[-1], len(each.frames)) if len(each.frames) else (0, 0, 0) for each in prints]
    spans = np.array(ends, np.float64).reshape(-1, 3)
    spans[:, 2] *= len(GROUPS) / np.maximum(1, spans[:, 1] - spans[:, 0])
    return spans
