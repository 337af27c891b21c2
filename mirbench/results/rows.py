"""One line each of the CSV files of a run folder, beside `records.Score`; results/README.md explains the columns."""

from __future__ import annotations

from dataclasses import dataclass

from mirbench.records import CLEAN


@dataclass(frozen=True)
class Summary:
    """One line of summary.csv: the mean over seeds of one encoder, task, data set, metric and condition."""

    encoder: str
    task: str
    dataset: str
    metric: str
    value: float
    ci_low: float
    ci_high: float
    corruption: str = CLEAN
    severity: int = 0
    n_seeds: int = 1
    n_test: int = 0


@dataclass(frozen=True)
class Comparison:
    """One line of comparisons.csv: encoder minus baseline on the same clips, with a paired interval; clean audio."""

    encoder: str
    baseline: str
    task: str
    dataset: str
    metric: str
    difference: float
    ci_low: float
    ci_high: float
    n_seeds: int = 1
    n_test: int = 0


@dataclass(frozen=True)
class Robustness:
    """One line of robustness.csv: what corruption leaves of an encoder's scores, mean over seeds.

    measure: retained (corrupted minus chance over clean minus chance), ce and relative_ce (error relative to the baseline's, see
    evaluation.robustness), or mce and relative_mce, their means over the corruptions that count. corruption: `all` for a mean over
    those. severity: 0 for all severities together. task, dataset, metric: `all` for a mean over tasks. baseline: of all but retained.
    """

    encoder: str
    task: str
    dataset: str
    metric: str
    measure: str
    corruption: str
    severity: int
    value: float
    ci_low: float
    ci_high: float
    baseline: str = ""
    n_seeds: int = 1
    n_test: int = 0


@dataclass(frozen=True)
class RobustnessComparison:
    """One line of robustness_comparisons.csv: encoder minus baseline under one corruption, mean over severities and seeds.

    measure: score (the metric itself) or retained (of what each has on clean audio). corruption: `all` for the mean over those that
    count. p: two-sided, of no difference; p_holm: corrected for all lines of this measure.
    """

    encoder: str
    baseline: str
    task: str
    dataset: str
    metric: str
    corruption: str
    measure: str
    difference: float
    ci_low: float
    ci_high: float
    p: float
    p_holm: float
    n_seeds: int = 1
    n_test: int = 0
