"""Embeddings as directions, whose products are cosines.

The embeddings of most encoders lie in a narrow cone about their mean, so that the cosine of any two is near 1 (Ethayarajh 2019), and few
dimensions of large variance decide it (Timkey and van Schijndel 2021). Taking the mean off (Mu and Viswanath 2018) and dividing each
dimension by its standard deviation (Timkey and van Schijndel) undo that. Both are of the clean training clips, as before probes
(`standardiser`), so that this room looks at the space that probes are fitted in, neither test clips nor conditions have a part in it, and a
corruption that moves all clips alike is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np

TIE = 1e-9  # between cosines that differ by rounding only
CHUNK = 1_000_000  # products held at once, 8 MB
KEPT = 9_000_000  # products that are kept, 72 MB


def standardiser(train: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What standardises embeddings, (clips, dim) float, by the mean and standard deviation of clean training clips, and gives float64.

    train: (clips, dim) float. A column that is constant there, but for float32 rounding, becomes 0.
    """
    from mirbench.evaluation.estimators.scaler import SteadyScaler

    scaler = SteadyScaler().fit(np.asarray(train, np.float64))
    return lambda embeddings: np.asarray(scaler.transform(np.asarray(embeddings, np.float64)))


def directions(embeddings: np.ndarray) -> np.ndarray:
    """(clips, dim + 1) float64 of length 1. embeddings: (clips, dim) float, finite.

    A zero vector has no direction; it gets one of its own, the last, so that two of them are alike, and all others are at a right angle.

    >>> directions(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8, 0. ],
           [0. , 0. , 1. ]])
    """
    rows = np.asarray(embeddings, np.float64)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    none = largest == 0
    scaled = rows / np.where(none, 1.0, largest)[:, None]  # whose squares neither overflow nor vanish
    return np.column_stack([scaled / np.where(none, 1.0, np.linalg.norm(scaled, axis=1))[:, None], none])


class Cosines:
    """Of corrupted clips, the queries, with clean ones, the gallery. Raises ValueError where the shapes disagree.

    clean, corrupted: (clips, dim) float, standardised (`standardiser`), of the same clips, which are the same array where queries are clean
    too. before, after: their directions. Where there are not too many clips, their products are computed once, and kept.
    """

    def __init__(self, clean: np.ndarray, corrupted: np.ndarray) -> None:
        if np.shape(clean) != np.shape(corrupted) or np.ndim(clean) != 2:
            raise ValueError(f"embeddings {np.shape(clean)} and {np.shape(corrupted)} should both be (clips, dim), of the same clips")
        self.before = directions(clean)
        self.after = self.before if corrupted is clean else directions(corrupted)

    def __len__(self) -> int:
        return len(self.before)

    @cached_property
    def _whole(self) -> np.ndarray | None:
        return self.after @ self.before.T if len(self) ** 2 <= KEPT else None

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Some queries at a time: (which, their cosines with all clips, (queries, clips)), which may be changed."""
        if self._whole is None:
            yield from products(self.after, self.before)
        elif len(self):
            yield slice(0, len(self)), self._whole.copy()

    def among(self, places: Sequence[int]) -> Cosines:
        """Of some of the clips alone."""
        some = object.__new__(Cosines)
        some.before = self.before[places]
        some.after = some.before if self.after is self.before else self.after[places]
        if self._whole is not None:
            some.__dict__["_whole"] = self._whole[np.ix_(places, places)]
        return some


def products(rows: np.ndarray, others: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Some rows at a time: (which, their inner products with all others, (rows, others))."""
    step = max(1, CHUNK // max(len(others), 1))
    for start in range(0, len(rows), step):
        some = slice(start, min(start + step, len(rows)))
        yield some, rows[some] @ others.T
