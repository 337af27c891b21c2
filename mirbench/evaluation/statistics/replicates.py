"""What a statistic is in each resample of the groups and without each training seed, as one vector, so that arithmetic on statistics
(means, differences, ratios) is arithmetic on vectors and their uncertainty comes out of the result.

A vector is the value; what it is in each resample of the groups, (resamples,), of the mean over seeds; and for each encoder that was
trained several times what it is with each of its seeds alone, (seeds,), without each of them, (seeds,) (the jackknife, Efron and Stein
1981), and without each in the first DRAWN resamples, (seeds, DRAWN), by which what seeds and clips have in common is told from the spread
of trainings. What an encoder does not enter is constant in its parts, so that they add nothing to the variance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mirbench.evaluation.statistics.resampling import bias_corrected

DRAWN = 64  # resamples in which a statistic is known without each seed, too


@dataclass(frozen=True)
class Training:
    """How much a statistic varies from one training of an encoder to the next, as variances of what a single seed gives.

    total: over seeds, on these clips; sampled: the part of it that other clips would change, as seeds err on different ones, and that the
    resamples of groups hold already. seeds: how many the mean is over; freedom: degrees of freedom of `total`.
    """

    total: float
    sampled: float
    seeds: int
    freedom: float

    @property
    def own(self) -> float:
        """The variance that other clips would leave, 0 or more."""
        return max(self.total - self.sampled, 0.0)


class Layout:
    """Where the parts of a vector lie.

    seeds: of each encoder, how many there are; resamples: of the groups; groups: how many groups there are.
    """

    def __init__(self, seeds: Mapping[str, int], resamples: int, groups: int) -> None:
        self.seeds = {name: n for name, n in seeds.items() if n > 1}
        self.resamples, self.groups, self.drawn = resamples, groups, min(DRAWN, resamples)
        self._place: dict[str, int] = {}
        self.size = 1 + resamples
        for name, n in self.seeds.items():
            self._place[name] = self.size
            self.size += n * (2 + self.drawn)

    def vector(self, encoder: str, values: Sequence[float], resampled: Sequence[np.ndarray]) -> np.ndarray:
        """Of the mean over an encoder's seeds. values: one a seed; resampled: (resamples,) of each, moved here by their bias."""
        moved = np.array([bias_corrected(value, each) for value, each in zip(values, resampled, strict=True)])
        if np.fmin.reduce(resampled, axis=None, initial=0) >= 0 and np.fmax.reduce(resampled, axis=None, initial=0) <= 1:
            moved = moved.clip(0, 1)  # a share stays one
        seeds = np.column_stack([values, moved])
        mean = seeds.mean(axis=0)
        vector = np.empty(self.size)
        vector[: 1 + self.resamples] = mean
        for name, n in self.seeds.items():
            alone, without, drawn = self._parts(vector, name)
            alone[:], without[:], drawn[:] = mean[0], mean[0], mean[1 : 1 + self.drawn]
            if name == encoder:
                less = (n * mean - seeds) / (n - 1)
                alone[:], without[:], drawn[:] = seeds[:, 0], less[:, 0], less[:, 1 : 1 + self.drawn]
        return vector

    def by_seed(self, vector: np.ndarray, encoder: str) -> list[float]:
        """What a statistic is with each seed of an encoder alone; nothing where there is one."""
        return [float(x) for x in self._parts(vector, encoder)[0]] if encoder in self.seeds else []

    def training(self, vector: np.ndarray, encoder: str) -> Training:
        """What an encoder's seeds add to the variance of a statistic; nothing where it was trained once or does not enter."""
        if encoder not in self.seeds:
            return Training(0.0, 0.0, 1, 0.0)
        _, without, drawn = self._parts(vector, encoder)
        return self._training(without, drawn)

    def paired(self, vector: np.ndarray, one: str, other: str) -> Training:
        """As `training`, what the seeds of two encoders add where they are drawn in pairs, the first with the first."""
        (_, without, drawn), (_, others, others_drawn) = self._parts(vector, one), self._parts(vector, other)
        return self._training(without + others - vector[0], drawn + others_drawn - vector[1 : 1 + self.drawn])

    def _training(self, without: np.ndarray, drawn: np.ndarray) -> Training:
        """without: (seeds,); drawn: (seeds, DRAWN)."""
        n = len(without)
        deviations = drawn - drawn.mean(axis=0)
        sampled = (
            float(np.nansum(np.nanvar(deviations, axis=1, ddof=1))) * (n - 1) * self.few_groups if np.isfinite(deviations).any() else 0.0
        )
        return Training(float(((without - without.mean()) ** 2).sum()) * (n - 1), sampled, n, n - 1)

    @property
    def few_groups(self) -> float:
        """By what the variance over resamples of few groups is too small."""
        return self.groups / max(self.groups - 1, 1)

    def _parts(self, vector: np.ndarray, encoder: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n, at = self.seeds[encoder], self._place[encoder]
        rows = vector[at : at + n * (2 + self.drawn)].reshape(2 + self.drawn, n)
        return rows[0], rows[1], rows[2:].T
