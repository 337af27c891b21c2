"""From vectors of replicates to what stands in tables: 95 % intervals over clips and training seeds, p-values, and what could be detected.

The variance of a statistic has two sources. Other clips: the variance over resamples of the groups, times G / (G - 1), with G - 1 degrees
of freedom, as few groups resampled vary too little (Cameron, Gelbach and Miller 2008; Davison and Hinkley 1997, section 2.5). Other
trainings: what the seeds of each encoder that enters add, less what of their spread is that of clips (`replicates.Training`). They are
added, with the degrees of freedom of Satterthwaite (1946), and Student's t takes the place of the normal distribution.

A score in [0, 1] has its interval on the scale of log odds, by the delta method, so that it stays inside and is longer on the side of one
half; one that is 0 or 1 in every resample has that of Clopper and Pearson for as many groups. A difference has the plain one. Each arm of a
ratio has the percentile of its resamples in the place of the standard error over clips, as the tail of those is heavy on one side.

The spread of trainings is estimated from few seeds, so encoders that are trained share one estimate, but for those whose own stands out
(`shared`): a single seed that went astray widens the intervals of its own encoder alone. One that was trained once takes the estimate of
the others; where there is none, its interval is of that one training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mirbench.evaluation.statistics.replicates import Layout, Training

LEVEL, POWER = 0.95, 0.8
NORMAL = 1.959963984540054  # standard errors from the middle of the normal distribution to the ends of its central 95 %
STANDS_OUT = 0.01  # p of an F test, of the spread of an encoder's seeds against that of the others
ROUNDING = 1e-12
MOST_UNDEFINED = 0.025  # of the resamples, before there is no interval


@dataclass(frozen=True)
class Estimate:
    """low, high: of the 95 % interval; p: two-sided, of zero. error: the standard error; freedom: its degrees of freedom. All but the
    value are nan where there is nothing to estimate them from, as of a single group."""

    value: float
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    error: float = math.nan
    freedom: float = math.nan

    @property
    def detectable(self) -> float:
        """The smallest true difference that would be told from zero in 80 of 100 such experiments, two-sided at .05."""
        return detectable(self.error, self.freedom)


def estimate(vector: np.ndarray, layout: Layout, kind: str, trainings: Mapping[str, Training] | None = None) -> Estimate:
    """kind: score, difference or ratio. trainings: estimates of the spread by encoder, to take in the place of the vector's own, and of
    those that were trained once."""
    value, resampled = float(vector[0]), vector[1 : 1 + layout.resamples]
    defined = resampled[np.isfinite(resampled)]
    if math.isnan(value) or not len(defined) or 1 - len(defined) / len(resampled) > MOST_UNDEFINED:
        return Estimate(value)
    arms = _arms(value, defined) if kind == "ratio" else (0.0, 0.0)
    drawn = (sum(arms) / 2 / NORMAL) ** 2 if kind == "ratio" else float(defined.var())
    groups = drawn * layout.few_groups
    given = trainings or {}
    trained = [*given.values(), *(layout.training(vector, name) for name in layout.seeds if name not in given)]
    seeds = sum(each.own / each.seeds for each in trained)
    variance = groups + seeds
    totals = [(groups, max(layout.groups - 1, 1)), *((each.total / each.seeds, each.freedom) for each in trained if each.own > 0)]
    if variance < ROUNDING**2:
        return _certain(value, layout.groups, kind)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in totals)
    error, quantile = math.sqrt(variance), student((1 + LEVEL) / 2, freedom)
    if kind == "score" and 0 < value < 1 and defined.min() > -ROUNDING and defined.max() < 1 + ROUNDING:
        odds, width = math.log(value / (1 - value)), quantile * error / (value * (1 - value))
        low, high = _expit(odds - width), _expit(odds + width)
        return Estimate(value, low, high, math.nan, error, freedom)
    below = above = quantile * error
    if kind == "ratio":
        below, above = (quantile * math.sqrt((arm / NORMAL) ** 2 * layout.few_groups + seeds) for arm in arms)
    facing = (below if value > 0 else above) / quantile  # the error on the side of 0
    p = two_sided(value / facing, freedom) if facing > ROUNDING else 0.0
    return Estimate(value, value - below, value + above, 1.0 if abs(value) < ROUNDING else p, error, freedom)


def of_one_training(
    names: Sequence[str], values: Iterable[float], resampled: np.ndarray, groups: int
) -> list[tuple[str, float, float, float]]:
    """(name, value, low, high) of each of several scores of one training, with its interval over groups of clips alone. resampled: (scores,
    resamples); groups: how many were resampled."""
    layout, rows = Layout({}, resampled.shape[1], groups), list[tuple[str, float, float, float]]()
    for name, value, each in zip(names, values, resampled, strict=True):
        found = estimate(layout.vector("", [float(value)], [each]), layout, "score")
        rows.append((name, found.value, found.low, found.high))
    return rows


def standard_error(vector: np.ndarray, layout: Layout) -> float:
    """Over clips and training seeds; 0 of a single group and a single seed."""
    resampled = vector[1 : 1 + layout.resamples]
    groups = float(np.nanvar(resampled)) * layout.few_groups if np.isfinite(resampled).any() else 0.0
    trained = (layout.training(vector, name) for name in layout.seeds)
    return math.sqrt(groups + sum(each.own / each.seeds for each in trained))


def shared(own: Mapping[str, Training], kinds: Mapping[str, str]) -> dict[str, Training]:
    """By encoder, the estimate of its spread that it shares with the others of its kind, or its own where that stands out; one that was
    trained once has that of the others, where there are any. kinds: by encoder, what those have in common that share an estimate."""
    of_kind: dict[str, dict[str, Training]] = {}
    for name, each in own.items():
        if each.freedom > 0 and math.isfinite(each.total):
            of_kind.setdefault(kinds[name], {})[name] = each
    found = {kind: _shared(several) for kind, several in of_kind.items()}
    several_times = {name: each for of in found.values() for name, each in of.items()}
    once = {name: kind for name, kind in kinds.items() if kind in found and name not in several_times and name in own}
    pooled = {kind: min(of.values(), key=lambda each: each.total) for kind, of in found.items()}
    return several_times | {name: replace(pooled[kind], seeds=1) for name, kind in once.items()}


def _shared(rest: dict[str, Training]) -> dict[str, Training]:
    from scipy.special import fdtrc

    alone: dict[str, Training] = {}
    while len(rest) > 1:
        name = max(rest, key=lambda name: rest[name].total)
        others = [each for other, each in rest.items() if other != name]
        freedom = sum(each.freedom for each in others)
        mean = sum(each.total * each.freedom for each in others) / freedom
        if rest[name].total <= ROUNDING**2 or (mean > 0 and fdtrc(rest[name].freedom, freedom, rest[name].total / mean) > STANDS_OUT):
            break
        alone[name] = rest.pop(name)
    freedom = sum(each.freedom for each in rest.values())
    total, sampled = (sum(getattr(each, what) * each.freedom for each in rest.values()) / max(freedom, 1) for what in ("total", "sampled"))
    return alone | {name: Training(total, sampled, each.seeds, freedom) for name, each in rest.items()}


def detectable(error: float, freedom: float) -> float:
    """As of `Estimate`, from a standard error and its degrees of freedom.

    >>> round(detectable(0.01, 1e9), 4)
    0.028
    """
    return error * (student(POWER, freedom) + student((1 + LEVEL) / 2, freedom))


def student(probability: float, freedom: float) -> float:
    """The quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def two_sided(statistic: float, freedom: float) -> float:
    """The p-value of Student's t.

    >>> round(two_sided(2.0, 10), 4)
    0.0734
    """
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -abs(statistic)))


def holm(p: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, in the same order (Holm 1979, step down): those below .05 are, all together, wrong
    with a chance of at most .05, however they depend on each other. nan stays nan and is not counted.

    >>> holm([0.01, 0.04, 0.03, float("nan")])
    [0.03, 0.06, 0.06, nan]
    """
    values = np.asarray(p, dtype=np.float64)
    ascending = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]  # nan sorts last
    adjusted = np.full(len(values), np.nan)
    adjusted[ascending] = np.minimum(1, np.maximum.accumulate(values[ascending] * np.arange(len(ascending), 0, -1)))
    return [float(x) for x in adjusted]


def _arms(value: float, resampled: np.ndarray) -> tuple[float, float]:
    """From the value to the ends of the percentile interval, 0 or more."""
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return max(value - float(low), 0.0), max(float(high) - value, 0.0)


def _certain(value: float, groups: int, kind: str) -> Estimate:
    """Of what is the same in every resample and with every seed. A score of 0 or 1 has the interval of Clopper and Pearson, of as many
    trials as there are groups; a difference that is not 0 the p of a test of the signs of as many."""
    least = ((1 - LEVEL) / 2) ** (1 / groups)
    if kind == "score" and abs(value - 1) < ROUNDING:
        return Estimate(value, least, value)
    if kind == "score" and abs(value) < ROUNDING:
        return Estimate(value, value, 1 - least)
    return Estimate(value, value, value, 1.0 if abs(value) < ROUNDING else 2.0 ** (1 - groups))


def _expit(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0
