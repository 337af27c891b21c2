"""Robustness: what corruption leaves of a score, against chance and against a baseline encoder, with intervals and comparisons.

Everything here is arithmetic on vectors of replicates (`replicates.Layout`) of a metric that was measured under each condition, on all
clips and on the same resamples of the groups; what conditions, encoders and the floor have in common cancels resample by resample.

    retained    (corrupted - chance) / (clean - chance): 1 where nothing is lost, 0 at chance
    ce          sum over severities of the error, best - metric, over that of the baseline: below 1 is better than the baseline
    mce         the mean of ce over corruptions that count
    relative_ce, relative_mce    the same of the error that is added to that on clean audio
    clean_ce    the error on clean audio over that of the baseline, which says much of what mce says

best is what perfect predictions get: 1 of accuracies, areas and R², 0 of negated losses; where there is no such value, ce is undefined.

The last three as ImageNet-C has them (Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", section 4), as fractions, not per cent. Relative CE divides by what the baseline loses: a corruption by which that is
less than LEAST_LOSS or LEAST_ERRORS of its standard errors has none (nan), and relative_mce leaves it out, for every encoder alike.
Retained performance divides by what an encoder has above chance on clean audio: where that is less than LEAST_ERRORS of its standard
errors, so that it is not surely above chance, the encoder has none (nan), however much of nothing seems to be left.

Each metric's resamples are moved by their bias (see resampling) before anything is divided. A resample whose denominator is not above 0
is undefined, and where those are more than one tail of the interval, it is (nan, nan).

A mean over corruptions is over families of them, each counting once: several corruptions of a family are much the same thing. Means are
over the same ones for all encoders: where an encoder lacks one that another has, its means are nan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mirbench.errors import MirbenchError, unknown_name
from mirbench.evaluation.statistics.estimates import ROUNDING, estimate, shared, standard_error
from mirbench.evaluation.statistics.replicates import Layout, Training
from mirbench.records import ALL, CLEAN, FAMILIES, FAMILY, SEEN, UNSEEN

LEAST_LOSS = 0.01  # of the metric, mean over severities: what a baseline must lose before other losses are divided by its own
LEAST_ERRORS = 3  # of a denominator, in its standard errors, so that next to no resample divides by nothing
MEANS = {"ce": "mce", "relative_ce": "relative_mce"}

Curve = Mapping[tuple[str, int], np.ndarray]
"""(corruption, severity) -> vector of replicates; ("clean", 0) is among them. Of one encoder, task and metric."""

Means = Mapping[str, Sequence[Sequence[str]]]
"""What a mean is called -> the families that it is over, each the names of its corruptions."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One task and metric. curves: by encoder; chance: the vector of the majority floor on the same clips. kinds: by encoder, what those
    have in common that share an estimate of the spread of their trainings."""

    layout: Layout
    curves: Mapping[str, Curve]
    chance: np.ndarray
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class Line:
    """One robustness number. corruption: of a mean, what that is called. severity: 0 for all together.

    baseline: of all measures but retained. by_seed: of each seed alone; vector: of replicates, nan where undefined.
    """

    encoder: str
    measure: str  # retained | ce | mce | relative_ce | relative_mce | clean_ce
    corruption: str
    severity: int
    value: float
    low: float = float("nan")
    high: float = float("nan")
    baseline: str = ""
    by_seed: Sequence[float] = ()
    vector: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)


@dataclass(frozen=True)
class Difference:
    """Encoder minus baseline under one corruption, mean over severities. measure: score or retained. p: two-sided, of no difference;
    detectable: as of `Estimate`."""

    encoder: str
    baseline: str
    corruption: str
    measure: str
    difference: float
    low: float
    high: float
    p: float
    detectable: float


def means_over(families: Mapping[str, Sequence[str]], seen: Collection[str]) -> Means:
    """The means that are reported. families: name -> its corruptions, those that count; seen: the names of those that an encoder knows
    from its training. Means over unseen and seen ones only where there are both."""
    unseen = {name: corruptions for name, corruptions in families.items() if name not in seen}
    parts = {UNSEEN: unseen, SEEN: {name: each for name, each in families.items() if name in seen}}
    return {
        ALL: [[corruption] for corruptions in families.values() for corruption in corruptions],
        **({label: list(part.values()) for label, part in parts.items()} if all(parts.values()) else {}),
        FAMILIES: list(families.values()),
        **{FAMILY.format(name): [corruptions] for name, corruptions in families.items()},
    }


def robustness(scored: Scored, baseline: str, means: Means, best: float = 1.0) -> list[Line]:
    """Every robustness number of one task and metric, encoder by encoder.

    best: what perfect predictions get of the metric. retained is given at each severity, for each corruption and for all families, and
    over severities for each mean; ce, relative_ce for each corruption, mce and relative_mce for each mean. An encoder and the baseline are
    compared at the severities that both have. The baseline has lines too (1). baseline '': retained alone. Raises MirbenchError where the
    baseline or the clean score of an encoder is missing.
    """
    curves, layout = scored.curves, scored.layout
    if baseline and baseline not in curves:
        raise unknown_name("baseline encoder", baseline, list(curves))
    _check_clean(curves)
    had = _had(curves.values())
    errors = {encoder: _errors(curve, curves[baseline], best, layout) for encoder, curve in curves.items()} if baseline else {}
    divided = {name for each in errors.values() for name, vector in each["relative_ce"].items() if not np.isnan(vector[0])}
    averaged = {"ce": {name for each in errors.values() for name in each["ce"]}, "relative_ce": divided}
    lines = []
    for encoder, curve in curves.items():
        lines += _retained(encoder, curve, scored, means, had)
        if baseline:
            error, of_baseline = (best - each[CLEAN, 0] for each in (curve, curves[baseline]))
            lines.append(_line(encoder, "clean_ce", CLEAN, 0, _ratio(error, of_baseline), baseline))
        for measure, vectors in errors.get(encoder, {}).items():
            lines += [_line(encoder, measure, name, 0, vector, baseline) for name, vector in vectors.items()]
            over = _averages(vectors, means, averaged[measure])
            lines += [_line(encoder, MEANS[measure], name, 0, vector, baseline) for name, vector in over.items()]
    return _with_intervals(lines, layout, scored.kinds)


def across_tasks(
    tasks: Iterable[Sequence[Line]], means: Means, layout: Layout, kinds: Mapping[str, str], shifts: Collection[str] = ()
) -> list[Line]:
    """The mean over tasks, each counting once, of every encoder's clean_ce, of its retained, mce and relative_mce over families, and of its
    retained under natural shifts.

    tasks: what `robustness` gave for one metric of each, by the same means; layout: theirs, with the fewest groups of any. Vectors are
    averaged part by part: tasks on the same groups are drawn together, tasks on other groups as good as independently. A task in which no
    encoder has the measure is left out; an encoder that lacks it in another is nan, as its mean would be over easier or harder tasks than
    that of others.
    """
    by_task: dict[tuple[str, str, int, str], dict[str, dict[int, np.ndarray]]] = {}
    for i, lines in enumerate(tasks):
        for line in lines:
            if line.corruption in means or line.corruption == CLEAN or (line.corruption in shifts and line.measure == "retained"):
                about = line.measure, line.corruption, line.severity, line.baseline
                by_task.setdefault(about, {}).setdefault(line.encoder, {})[i] = line.vector
    found = []
    for (measure, corruption, severity, baseline), of_encoders in by_task.items():
        wanted = sorted({i for vectors in of_encoders.values() for i, vector in vectors.items() if not np.isnan(vector[0])})
        for encoder, vectors in of_encoders.items():
            missing = np.full_like(next(iter(vectors.values())), np.nan)
            mean = np.mean([vectors.get(i, missing) for i in wanted], axis=0) if wanted else missing
            found.append(_line(encoder, measure, corruption, severity, mean, baseline))
    encoders = list(dict.fromkeys(line.encoder for line in found))
    return _with_intervals(sorted(found, key=lambda line: encoders.index(line.encoder)), layout, kinds)


def comparisons(scored: Scored, pairs: Iterable[tuple[str, str]], means: Means) -> list[Difference]:
    """Each (encoder, baseline) of `pairs` under each corruption that both have, and over families, for score and for retained.

    The means over the severities that both have, one minus the other. A p-value stands alone here: `estimates.holm` takes the whole table.
    """
    curves, layout = scored.curves, scored.layout
    means = {name: means[name] for name in (UNSEEN, SEEN, FAMILIES) if name in means}
    had, rows = _had(curves.values()), list[Difference]()
    for measure in ("score", "retained"):
        spreads = _spreads(scored, measure, means, had)
        for encoder, baseline in pairs:
            common = _severities(curves[encoder], curves[baseline])
            ours, theirs = (_means(curves[name], measure, common, scored) for name in (encoder, baseline))
            single = {name: ours[name] - theirs[name] for name in common}
            for corruption, vector in {**single, **_averages(single, means, had)}.items():
                spread = {name: spreads[corruption][name] for name in (encoder, baseline) if name in spreads.get(corruption, {})}
                found = estimate(vector, layout, "difference" if measure == "score" else "ratio", spread)
                numbers = found.value, found.low, found.high, found.p, found.detectable
                rows.append(Difference(encoder, baseline, corruption, measure, *numbers))
    return rows


def _spreads(scored: Scored, measure: str, means: Means, had: Collection[str]) -> dict[str, dict[str, Training]]:
    """By corruption and encoder, how much the measure's mean over severities varies from one training to the next."""
    own: dict[str, dict[str, Training]] = {}
    for encoder, curve in scored.curves.items():
        single = _means(curve, measure, _severities(curve, curve), scored)
        for corruption, vector in {**single, **_averages(single, means, had)}.items():
            own.setdefault(corruption, {})[encoder] = scored.layout.training(vector, encoder)
    return {corruption: shared(each, scored.kinds) for corruption, each in own.items()}


def _means(curve: Curve, measure: str, severities: Mapping[str, list[int]], scored: Scored) -> dict[str, np.ndarray]:
    means = {corruption: _mean(curve, corruption, several) for corruption, several in severities.items()}
    return means if measure == "score" else {name: _share(vector, curve, scored) for name, vector in means.items()}


def _with_intervals(lines: Iterable[Line], layout: Layout, kinds: Mapping[str, str]) -> list[Line]:
    """The lines with their intervals. Encoders of a kind share the spread of their trainings, number by number."""
    own: dict[tuple[str, str, int], dict[str, Training]] = {}
    lines = list(lines)
    for line in lines:
        own.setdefault((line.measure, line.corruption, line.severity), {})[line.encoder] = layout.training(line.vector, line.encoder)
    spreads = {about: shared(each, kinds) for about, each in own.items()}
    settled = []
    for line in lines:
        spread = spreads.get((line.measure, line.corruption, line.severity), {})
        divides = line.encoder == line.baseline  # by itself: always 1
        ours = {line.encoder: spread[line.encoder]} if line.encoder in spread and not divides else {}
        found = estimate(line.vector, layout, "ratio", ours)
        settled.append(replace(line, low=found.low, high=found.high, by_seed=layout.by_seed(line.vector, line.encoder)))
    return settled


def _retained(encoder: str, curve: Curve, scored: Scored, means: Means, had: Collection[str]) -> list[Line]:
    single: dict[int, dict[str, np.ndarray]] = {0: {}}  # severity -> corruption -> vector
    for corruption, severities in _severities(curve, curve).items():
        for severity in severities:
            single.setdefault(severity, {})[corruption] = _share(curve[corruption, severity], curve, scored)
        single[0][corruption] = _share(_mean(curve, corruption, severities), curve, scored)
    lines = []
    for severity, vectors in sorted(single.items()):
        at = had if not severity else {name for each in scored.curves.values() for name, of in each if of == severity}
        over = _averages(vectors, means if not severity else {FAMILIES: means[FAMILIES]}, at)
        lines += [_line(encoder, "retained", name, severity, vector) for name, vector in {**vectors, **over}.items()]
    return lines


def _errors(curve: Curve, base: Curve, best: float, layout: Layout) -> dict[str, dict[str, np.ndarray]]:
    """ce and relative_ce, each by corruption."""
    ce, relative = {}, {}
    for corruption, severities in _severities(curve, base).items():
        mean, base_mean = _mean(curve, corruption, severities), _mean(base, corruption, severities)
        ce[corruption] = _ratio(best - mean, best - base_mean)  # the sums over severities divide as the means do
        relative[corruption] = _sure_ratio(curve[CLEAN, 0] - mean, base[CLEAN, 0] - base_mean, LEAST_LOSS, layout)
    return {"ce": ce, "relative_ce": relative}


def _check_clean(curves: Mapping[str, Curve]) -> None:
    for encoder, curve in curves.items():
        if (CLEAN, 0) not in curve:
            raise MirbenchError(f"encoder '{encoder}' has no score on clean audio, which its robustness is relative to; run it again.")


def _severities(curve: Curve, other: Curve) -> dict[str, list[int]]:
    """corruption -> the severities that both curves have."""
    common: dict[str, list[int]] = {}
    for corruption, severity in sorted(curve.keys() & other.keys()):
        if corruption != CLEAN:
            common.setdefault(corruption, []).append(severity)
    return common


def _mean(curve: Curve, corruption: str, severities: list[int]) -> np.ndarray:
    mean: np.ndarray = np.mean([curve[corruption, severity] for severity in severities], axis=0)
    return mean


def _had(curves: Iterable[Curve]) -> set[str]:
    """The corruptions that any of the curves has."""
    return {corruption for curve in curves for corruption, _ in curve if corruption != CLEAN}


def _averages(vectors: Mapping[str, np.ndarray], means: Means, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """Of vectors by corruption those of each mean over the wanted ones, where there are any: nan where one is missing, not a mean over
    fewer."""
    found: dict[str, np.ndarray] = {}
    if vectors:
        missing = np.full_like(next(iter(vectors.values())), np.nan)
        for label, families in means.items():
            present = [kept for family in families if (kept := [name for name in family if name in wanted])]
            if present:
                of_families = [np.mean([vectors.get(name, missing) for name in family], axis=0) for family in present]
                found[label] = np.mean(of_families, axis=0)
    return found


def _share(vector: np.ndarray, curve: Curve, scored: Scored) -> np.ndarray:
    return _sure_ratio(vector - scored.chance, curve[CLEAN, 0] - scored.chance, ROUNDING, scored.layout)


def _sure_ratio(numerator: np.ndarray, denominator: np.ndarray, least: float, layout: Layout) -> np.ndarray:
    """All nan where the denominator is less than `least` or than LEAST_ERRORS of its standard errors; of a single group, which has no
    resamples, than `least` alone."""
    sure = denominator[0] >= max(least, LEAST_ERRORS * standard_error(denominator, layout))
    return _ratio(numerator, denominator) if sure else np.full_like(numerator, np.nan)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """nan where the denominator is not above 0, or infinite."""
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=(denominator > 0) & (denominator < np.inf))


def _line(encoder: str, measure: str, corruption: str, severity: int, vector: np.ndarray, baseline: str = "") -> Line:
    return Line(encoder, measure, corruption, severity, float(vector[0]), baseline=baseline, vector=vector)
