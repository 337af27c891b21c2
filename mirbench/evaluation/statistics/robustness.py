"""Robustness: what corruption leaves of a score, against chance and against a baseline encoder, with intervals and comparisons.

Everything here is arithmetic on a metric that was measured under each condition, on all clips and on the same resamples of the groups
(`significance.measure`); what conditions, encoders and the floor have in common cancels resample by resample.

    retained    (corrupted - chance) / (clean - chance): 1 where nothing is lost, 0 at chance
    ce          sum over severities of the error, best - metric, over that of the baseline: below 1 is better than the baseline
    mce         the mean of ce over the corruptions that count
    relative_ce, relative_mce    the same of the error that is added to that on clean audio

best is what perfect predictions get: 1 of accuracies, areas and R², 0 of negated losses; where there is no such value, ce is undefined.

The last three as ImageNet-C has them (Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", section 4), as fractions, not per cent. Relative CE divides by what the baseline loses: a corruption by which that is
less than LEAST_LOSS or LEAST_ERRORS of its standard errors has none (nan), and relative_mce leaves it out, for every encoder alike.
Retained performance divides by what an encoder has above chance on clean audio: where that is less than LEAST_ERRORS of its standard
errors, so that it is not surely above chance, the encoder has none (nan), however much of nothing seems to be left.

Each metric's resamples are moved by their bias (see significance) before anything is divided; the interval of a ratio is then the plain
percentiles, as a ratio's tail is heavy on one side and its mean is no guide to its bias. A resample whose denominator is not above 0 is
undefined, and where those are more than one tail of the interval, it is (nan, nan).

Means over corruptions are over the same ones for all encoders: where an encoder lacks one that another has, its means are nan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mirbench.errors import MirbenchError, unknown_name
from mirbench.evaluation.statistics.significance import ROUNDING, bias_corrected, interval, p_value
from mirbench.records import ALL, CLEAN

LEAST_LOSS = 0.01  # of the metric, mean over severities: what a baseline must lose before other losses are divided by its own
LEAST_ERRORS = 3  # of a denominator, in its standard errors, so that next to no resample divides by nothing
MEANS = {"ce": "mce", "relative_ce": "relative_mce"}
MOST_UNDEFINED = 0.025  # of the resamples, before there is no interval

Measured = tuple[float, np.ndarray]
"""A metric of all clips and of each resample, (resamples,); the mean over seeds of both."""

Scored = Mapping[str, Mapping[tuple[str, int], Measured]]
"""encoder -> (corruption, severity) -> measured; ("clean", 0) is among them. One task and metric."""

# Inside, a number is (1 + resamples,): its value, then what it is in each resample. nan where it is undefined.
Curve = dict[tuple[str, int], np.ndarray]


@dataclass(frozen=True)
class Line:
    """One robustness number. corruption: `all` for a mean over those that count. severity: 0 for all together.

    baseline: of all measures but retained. resampled: (resamples,), nan where undefined; for means over tasks.
    """

    encoder: str
    measure: str  # retained | ce | mce | relative_ce | relative_mce
    corruption: str
    severity: int
    value: float
    low: float
    high: float
    baseline: str = ""
    resampled: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)


@dataclass(frozen=True)
class Difference:
    """Encoder minus baseline under one corruption, mean over severities. measure: score or retained. p: two-sided, of no difference."""

    encoder: str
    baseline: str
    corruption: str
    measure: str
    difference: float
    low: float
    high: float
    p: float


def robustness(scored: Scored, chance: Measured, baseline: str, counted: Collection[str], best: float = 1.0) -> list[Line]:
    """Every robustness number of one task and metric, encoder by encoder.

    chance: the majority floor on the same clips. counted: names of the corruptions that count in the means over corruptions. best: what
    perfect predictions get of the metric.
    retained is given at each severity, for each corruption and for all; ce, relative_ce for each corruption, mce and relative_mce for
    all. An encoder and the baseline are compared at the severities that both have. The baseline has lines too (1). baseline '': retained
    alone. Raises MirbenchError where the baseline or the clean score of an encoder is missing.
    """
    if baseline and baseline not in scored:
        raise unknown_name("baseline encoder", baseline, list(scored))
    floor, curves = _numbers(chance), _curves(scored)
    wanted = _wanted(curves.values(), counted)
    errors = {encoder: _errors(curve, curves[baseline], best) for encoder, curve in curves.items()} if baseline else {}
    divided = {name for each in errors.values() for name, numbers in each["relative_ce"].items() if not np.isnan(numbers[0])}
    averaged = {"ce": wanted & {name for each in errors.values() for name in each["ce"]}, "relative_ce": wanted & divided}
    lines = []
    for encoder, curve in curves.items():
        lines += _retained(encoder, curve, floor, wanted)
        for measure, numbers in errors.get(encoder, {}).items():
            for corruption, each in _with_all(numbers, averaged[measure]).items():
                lines.append(_line(encoder, MEANS[measure] if corruption == ALL else measure, corruption, 0, each, baseline))
    return lines


def across_tasks(tasks: Iterable[Sequence[Line]]) -> list[Line]:
    """The mean over tasks, each counting once, of every encoder's retained, mce and relative_mce over all corruptions.

    tasks: what `robustness` gave for one metric of each. Resamples are averaged index by index: tasks on the same groups are drawn
    together, tasks on other groups as good as independently. A task in which no encoder has the measure is left out; an encoder that
    lacks it in another is nan, as its mean would be over easier or harder tasks than that of others.
    """
    by_task: dict[tuple[str, str, str], dict[int, np.ndarray]] = {}
    usable: dict[tuple[str, str], set[int]] = {}
    for i, lines in enumerate(tasks):
        for line in lines:
            if line.corruption == ALL:
                by_task.setdefault((line.encoder, line.measure, line.baseline), {})[i] = np.r_[line.value, line.resampled]
                if not np.isnan(line.value):
                    usable.setdefault((line.measure, line.baseline), set()).add(i)
    means = []
    for (encoder, measure, baseline), numbers in by_task.items():
        wanted = sorted(usable.get((measure, baseline), ()))
        missing = np.full_like(next(iter(numbers.values())), np.nan)
        mean = np.mean([numbers.get(i, missing) for i in wanted], axis=0) if wanted else missing
        means.append(_line(encoder, measure, ALL, 0, mean, baseline))
    return means


def comparisons(scored: Scored, pairs: Iterable[tuple[str, str]], chance: Measured, counted: Collection[str]) -> list[Difference]:
    """Each (encoder, baseline) of `pairs` under each corruption that both have, and over all that count, for score and for retained.

    The means over the severities that both have, one minus the other, resample by resample. A p-value stands alone here:
    `significance.holm` takes the whole table.
    """
    floor, curves = _numbers(chance), _curves(scored)
    wanted = _wanted(curves.values(), counted)
    rows = []
    for encoder, baseline in pairs:
        ours, theirs = curves[encoder], curves[baseline]
        for measure in ("score", "retained"):
            differences = {}
            for corruption, severities in _severities(ours, theirs).items():
                pair = [_mean(curve, corruption, severities) for curve in (ours, theirs)]
                if measure == "retained":
                    pair = [_share(x, curve, floor) for x, curve in zip(pair, (ours, theirs), strict=True)]
                differences[corruption] = pair[0] - pair[1]
            for corruption, numbers in _with_all(differences, wanted).items():
                value, (low, high) = float(numbers[0]), _span(numbers)
                rows.append(Difference(encoder, baseline, corruption, measure, value, low, high, p_value(value, low, high)))
    return rows


def _retained(encoder: str, curve: Curve, floor: np.ndarray, wanted: Collection[str]) -> list[Line]:
    lines, means = [], {}
    for corruption, severities in _severities(curve, curve).items():
        for severity in severities:
            lines.append(_line(encoder, "retained", corruption, severity, _share(curve[corruption, severity], curve, floor)))
        means[corruption] = _share(_mean(curve, corruption, severities), curve, floor)
    return lines + [_line(encoder, "retained", name, 0, numbers) for name, numbers in _with_all(means, wanted).items()]


def _errors(curve: Curve, base: Curve, best: float) -> dict[str, dict[str, np.ndarray]]:
    """ce and relative_ce, each by corruption."""
    ce, relative = {}, {}
    for corruption, severities in _severities(curve, base).items():
        mean, base_mean = _mean(curve, corruption, severities), _mean(base, corruption, severities)
        ce[corruption] = _ratio(best - mean, best - base_mean)  # the sums over severities divide as the means do
        relative[corruption] = _sure_ratio(curve[CLEAN, 0] - mean, base[CLEAN, 0] - base_mean, LEAST_LOSS)
    return {"ce": ce, "relative_ce": relative}


def _curves(scored: Scored) -> dict[str, Curve]:
    for encoder, curve in scored.items():
        if (CLEAN, 0) not in curve:
            raise MirbenchError(f"encoder '{encoder}' has no score on clean audio, which its robustness is relative to; run it again.")
    return {encoder: {condition: _numbers(each) for condition, each in curve.items()} for encoder, curve in scored.items()}


def _numbers(measured: Measured) -> np.ndarray:
    return np.r_[measured[0], bias_corrected(*measured)]


def _severities(curve: Curve, other: Curve) -> dict[str, list[int]]:
    """corruption -> the severities that both curves have."""
    common: dict[str, list[int]] = {}
    for corruption, severity in sorted(curve.keys() & other.keys()):
        if corruption != CLEAN:
            common.setdefault(corruption, []).append(severity)
    return common


def _mean(curve: Curve, corruption: str, severities: list[int]) -> np.ndarray:
    return np.mean([curve[corruption, severity] for severity in severities], axis=0)


def _wanted(curves: Iterable[Curve], counted: Collection[str]) -> set[str]:
    """The corruptions that count and that any of the curves has."""
    return {corruption for curve in curves for corruption, _ in curve if corruption in counted}


def _with_all(numbers: dict[str, np.ndarray], wanted: Collection[str]) -> dict[str, np.ndarray]:
    """And their mean over the wanted corruptions, where there are any: nan where one is missing, not a mean over fewer."""
    if not numbers or not wanted:
        return numbers
    missing = np.full_like(next(iter(numbers.values())), np.nan)
    return {**numbers, ALL: np.mean([numbers.get(corruption, missing) for corruption in sorted(wanted)], axis=0)}


def _share(numbers: np.ndarray, curve: Curve, floor: np.ndarray) -> np.ndarray:
    return _sure_ratio(numbers - floor, curve[CLEAN, 0] - floor, ROUNDING)


def _sure_ratio(numerator: np.ndarray, denominator: np.ndarray, least: float) -> np.ndarray:
    """All nan where the denominator is less than `least` or than LEAST_ERRORS of its standard errors; of a single group, which has no
    resamples, than `least` alone."""
    error = np.nanstd(denominator[1:]) if np.isfinite(denominator[1:]).any() else 0.0
    sure = denominator[0] >= max(least, LEAST_ERRORS * error)
    return _ratio(numerator, denominator) if sure else np.full_like(numerator, np.nan)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """nan where the denominator is not above 0, or infinite."""
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=(denominator > 0) & (denominator < np.inf))


def _line(encoder: str, measure: str, corruption: str, severity: int, numbers: np.ndarray, baseline: str = "") -> Line:
    return Line(encoder, measure, corruption, severity, float(numbers[0]), *_span(numbers), baseline, numbers[1:])


def _span(numbers: np.ndarray) -> tuple[float, float]:
    if np.isnan(numbers[0]) or np.isnan(numbers[1:]).mean() > MOST_UNDEFINED:
        return float("nan"), float("nan")
    return interval(numbers[1:])
