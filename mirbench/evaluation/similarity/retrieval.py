"""Whether the nearest clips are of the same piece, or have the same label.

A corrupted clip is the query, and the other clips, clean, are ranked by their cosine with it; the clip itself is not among them. Average
precision is the mean over relevant clips of the precision at their rank. Clips that tie have the mean over all their orders, in the closed
form of McSherry and Najork (2008), so that embeddings that are all alike get what a random order would. Queries to which no clip is
relevant are left out of the mean.

Where the embeddings are those of clean audio on both sides, it is retrieval among clean clips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mirbench.evaluation.similarity.directions import TIE, Cosines
from mirbench.evaluation.similarity.ratio import Ratio

Relation = Callable[[slice], np.ndarray]
"""Which clips stand in it to some of them: rows -> (rows, clips) bool. What it says of a clip and itself is nothing."""

HIDDEN = -4.0  # the cosine of what is not ranked, below all others


def same_label(labels: Sequence[str | int | None]) -> Relation:
    """Clips of one label: a class, a piece, an artist. labels: (clips,); None and "" are unknown, and like no other.

    >>> same_label(["jig", "reel", "jig", None])(slice(0, 2)).astype(int)
    array([[1, 0, 1, 0],
           [0, 1, 0, 0]])
    """
    known: dict[str | int, int] = {}
    code = [-1 - row if label is None or label == "" else known.setdefault(label, len(known)) for row, label in enumerate(labels)]
    codes = np.array(code, np.int64)
    return lambda rows: codes[rows, None] == codes


def shared_tags(tags: np.ndarray, least: float = 0.5) -> Relation:
    """Clips whose sets of tags have a Dice coefficient, 2 |A and B| / (|A| + |B|), of at least `least`.

    One tag in common, which is the rule in image retrieval by hashing (Lai et al. 2015), says next to nothing where a tag such as `guitar`
    is on a third of the clips. tags: (clips, labels) of 0, 1 and -1, which nobody has judged; a label counts that was judged for both.

    >>> shared_tags(np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]]))(slice(0, 1)).astype(int)
    array([[1, 1, 1, 0]])
    """
    on, judged = np.asarray(tags > 0, np.float32), np.asarray(tags >= 0, np.float32)

    def alike(rows: slice) -> np.ndarray:
        both = on[rows] @ on.T
        return np.asarray((both > 0) & (2 * both >= least * (on[rows] @ judged.T + judged[rows] @ on.T)))

    return alike


def group_retrieval(cosines: Cosines, groups: Sequence[str | int | None]) -> Ratio:
    """Mean average precision of the clips of the query's own group: its piece, or its artist where groups are artists.

    groups: (clips,). Resamples weight queries,
    against the gallery as it is: a piece that is drawn twice is two pieces, and not one with twice as many clips to be found.
    """
    total, relevant = np.zeros(len(cosines)), np.zeros(len(cosines))
    for ranked in _ranked(cosines, same_label(groups), None):
        relevant[ranked.rows], total[ranked.rows] = ranked.sums()
    return Ratio(total / np.maximum(relevant, 1), (relevant > 0).astype(np.float64))


def label_retrieval(cosines: Cosines, relevant: Relation, groups: Sequence[str | int | None]) -> Ratio:
    """Mean average precision of the clips that share a label with the query, among the clips of other groups.

    Those of its own group are left out, as the same recording or piece is near whatever encoders know of labels (the album and artist
    filter, Flexer and Schnitzer 2010). relevant: `same_label` or `shared_tags`.

    Resamples weight queries, and to the first order clips in the gallery too: `top` has the derivative of all average precisions by how
    often a clip is there to be found. Of queries alone, simulated standard errors were half to two thirds of what they should be.
    """
    clips = len(cosines)
    total, count, moved = np.zeros(clips), np.zeros(clips), np.zeros(clips)
    for ranked in _ranked(cosines, relevant, same_label(groups)):
        count[ranked.rows], total[ranked.rows] = ranked.sums()
        moved += np.bincount(ranked.order.ravel(), ranked.derivatives().ravel(), clips)
    return Ratio(total / np.maximum(count, 1) + moved, (count > 0).astype(np.float64))


def _ranked(cosines: Cosines, relevant: Relation, left_out: Relation | None) -> Iterator[_Ranked]:
    for rows, cosine in cosines.blocks():
        hidden = np.zeros(cosine.shape, bool) if left_out is None else left_out(rows)
        hidden[np.arange(len(cosine)), np.arange(rows.start, rows.stop)] = True
        cosine[hidden] = HIDDEN
        order = np.argsort(-cosine, axis=1)
        yield _Ranked(rows, order, np.take_along_axis(cosine, order, axis=1), np.take_along_axis(relevant(rows) & ~hidden, order, axis=1))


@dataclass(frozen=True)
class _Ranked:
    """Some queries and what is ranked for each, the nearest first. order, cosine, found: (queries, clips), which clip, its cosine, and
    whether it is relevant."""

    rows: slice
    order: np.ndarray
    cosine: np.ndarray
    found: np.ndarray

    def blocks(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each block of clips that tie, where it begins among all entries, and how many they are."""
        begins = np.ones(self.cosine.shape, bool)
        begins[:, 1:] = self.cosine[:, :-1] - self.cosine[:, 1:] > TIE
        start = np.flatnonzero(begins)
        return start, np.diff(np.r_[start, begins.size])

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """(queries,) how many clips are relevant, and the sum of the precisions at their ranks, expected over all orders of what ties.

        Of a block of t clips, r of them relevant, after a clips with c relevant ones, each rank i of 1 to t has a relevant clip with
        the chance r / t, and then 1 + c + (i - 1) (r - 1) / (t - 1) of a + i are relevant, on average.
        """
        start, t = self.blocks()
        r = np.add.reduceat(self.found.ravel(), start, dtype=np.int64)
        c = np.cumsum(self.found, axis=1).ravel()[start] - self.found.ravel()[start]
        some = r > 0
        start, t, r, c = start[some], t[some], r[some], c[some]
        query, a = np.divmod(start, self.found.shape[1])
        slope = (r - 1) / np.maximum(t - 1, 1)
        harmonic = np.r_[0.0, np.cumsum(1 / np.arange(1, self.found.shape[1] + 1))]
        precisions = slope * t + (1 + c - slope * (a + 1)) * (harmonic[a + t] - harmonic[a])
        return self.found.sum(axis=1), np.bincount(query, r / t * precisions, len(self.found))

    def derivatives(self) -> np.ndarray:
        """(queries, clips) of the average precision of each query, by how often each clip counts in the gallery; a row adds up to 0.

        With weights w it is sum_r w_r A_r / N_r over sum_r w_r, of the relevant clips r, where A and N are the weights of the relevant
        and of all that rank as high. Where clips tie, A and N are those of the whole block.
        """
        start, size = self.blocks()
        last = np.repeat(start + size - 1, size).reshape(self.found.shape)
        within = np.cumsum(self.found, axis=1, dtype=np.float64).ravel()[last]  # A
        every = last % self.found.shape[1] + 1.0  # N
        gained = self._from_here(self.found / every, start, size)
        lost = self._from_here(self.found * within / every**2, start, size)
        relevant = np.maximum(self.found.sum(axis=1, keepdims=True), 1)
        precision = (self.found * within / every).sum(axis=1, keepdims=True) / relevant
        return np.asarray((self.found * (within / every - precision + gained) - lost) / relevant)

    def _from_here(self, each: np.ndarray, start: np.ndarray, size: np.ndarray) -> np.ndarray:
        """The sum over a clip's block and all that is ranked below it."""
        sums = np.cumsum(each[:, ::-1], axis=1)[:, ::-1]
        return np.repeat(sums.ravel()[start], size).reshape(each.shape)
