"""Several runs as one: rows that agree collapse, those that disagree keep both numbers, and what does not compare is left out."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mirbench.errors import MirbenchError
from mirbench.records import ALL, OVERLAP_MARK, Score
from mirbench.results.csvfile import digits6
from mirbench.results.rows import Comparison, Robustness, RobustnessComparison, Summary
from mirbench.results.run_folder import RunFolder

COMMON = ("train_on", "replicate", "sample_rate")  # settings of robustness that runs reported together must share

Row = TypeVar("Row", Score, Summary, Comparison, Robustness, RobustnessComparison)
Done = dict[tuple[str, ...], dict[str, set[int]]]
"""What a run did: (task, data set, metric) -> corruption -> severities."""

# What a row is about, and the numbers that it gives: two runs that differ in the second for the same first are in conflict.
_IDENTITY: Mapping[type, tuple[str, ...]] = {
    Score: ("encoder", "task", "dataset", "metric", "corruption", "severity", "seed", "label_fraction"),
    Summary: ("encoder", "task", "dataset", "metric", "corruption", "severity"),
    Comparison: ("encoder", "baseline", "task", "dataset", "metric"),
    Robustness: ("encoder", "task", "dataset", "metric", "measure", "corruption", "severity", "baseline"),
    RobustnessComparison: ("encoder", "baseline", "task", "dataset", "metric", "corruption", "measure"),
}
_NUMBERS = ("value", "difference", "ci_low", "ci_high", "n_test")


@dataclass(frozen=True)
class Merged:
    """Several runs as one. manifests: by run name. renamed: new encoder name -> its own name, where two runs disagreed.

    p_holm is as each run corrected it, over its own table. torn: corruptions whose means over severities are left out, as the runs have
    different severities of them.
    """

    scores: list[Score]
    summaries: list[Summary]
    comparisons: list[Comparison]
    manifests: dict[str, dict[str, Any]]
    renamed: dict[str, str] = field(default_factory=dict)
    robustness: list[Robustness] = field(default_factory=list)
    robustness_comparisons: list[RobustnessComparison] = field(default_factory=list)
    equivariance: list[Summary] = field(default_factory=list)
    torn: tuple[str, ...] = ()


def merge(runs: Sequence[RunFolder]) -> Merged:
    """Several runs as one; rows that agree collapse.

    Where two runs give different numbers for the same encoder, task, data set, metric and condition, that encoder is called
    "name (run)" in every run, so that nothing silently overwrites anything. A sweep is renamed whole, so that its curve stays one.
    Means over tasks, corruptions or severities of runs that did different ones are left out: they do not compare. Raises MirbenchError
    where no score under corruption does, as the runs differ in one of COMMON.
    """
    runs = list({run.path.resolve(): run for run in runs}.values())
    labels = _labels([run.path.resolve() for run in runs])
    manifests = [run.read_manifest() for run in runs]
    _refuse_other_corruption(labels, manifests)
    scores = [run.read_scores() for run in runs]
    summaries = [run.read_summaries() for run in runs]
    comparisons = [run.read_comparisons() for run in runs]
    robustness = [run.read_robustness() for run in runs]
    robustness_comparisons = [run.read_robustness_comparisons() for run in runs]
    equivariance = [run.read_equivariance() for run in runs]
    done = [_done([*rows, *others]) for rows, others in zip(robustness, robustness_comparisons, strict=True)]
    robustness, robustness_comparisons = (_without_torn_means(tables, done) for tables in (robustness, robustness_comparisons))
    tables: list[list[list[Any]]] = [scores, summaries, comparisons, robustness, robustness_comparisons, equivariance]
    renamed: dict[str, str] = {}

    def rename(clash: set[str]) -> None:
        points = [point for manifest in manifests for point in (manifest.get("sweep") or {}).get("points", [])]
        torn = {point["encoder"] for point in points if point["name"] in clash}
        clash = clash | {point["name"] for point in points if point["encoder"] in torn}
        for i, label in enumerate(labels):
            new = {name: _called(name, label) for name in clash}
            own = {row.encoder for table in tables for row in table[i]}
            renamed.update({new[name]: name for name in clash & own})
            for table in tables:
                table[i] = _renamed(table[i], new)
            for part in ("encoders", "overlap"):
                if isinstance(manifests[i].get(part), dict):
                    manifests[i][part] = {new.get(k, k): v for k, v in manifests[i][part].items()}
            for point in (manifests[i].get("sweep") or {}).get("points", []):
                if point["name"] in new:
                    point.update(name=new[point["name"]], encoder=f"{point['encoder']} ({label})")

    rename(_clashes(scores) | _clashes(summaries) | _clashes(equivariance))
    rename(_clashes(comparisons) | _clashes(robustness) | _clashes(robustness_comparisons))  # what a renamed baseline does not explain
    return Merged(
        _collapse(scores),
        _collapse(summaries),
        _collapse(comparisons),
        dict(zip(labels, manifests, strict=True)),
        renamed,
        _collapse(robustness),
        _collapse(robustness_comparisons),
        _collapse(equivariance),
        tuple(dict.fromkeys(name for names in _differing_severities(done).values() for name in names)),
    )


def _called(name: str, label: str) -> str:
    """With the run behind it, and the mark of overlap last."""
    own = name.removesuffix(OVERLAP_MARK)
    return f"{own} ({label}){OVERLAP_MARK if own != name else ''}"


def _labels(paths: list[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    for length in range(1, max((len(p.parts) for p in paths), default=0) + 1):
        labels = ["/".join(p.parts[-length:]) for p in paths]
        if len(set(labels)) == len(labels):
            break
    return labels if paths else []


def _refuse_other_corruption(labels: Sequence[str], manifests: Sequence[Mapping[str, Any]]) -> None:
    """Raises MirbenchError where encoders of two runs did not embed the same audio under corruption, or their probes did not."""
    known = [(label, m["robustness"]) for label, m in zip(labels, manifests, strict=True) if isinstance(m.get("robustness"), dict)]
    for (first, one), (second, other) in itertools.combinations(known, 2):
        differ = [f"robustness.{x} ({one[x]} and {other[x]})" for x in COMMON if x in one and x in other and one[x] != other[x]]
        if differ:
            raise MirbenchError(
                f"the runs {first} and {second} differ in {' and '.join(differ)}, so their scores under corruption do not compare; "
                "report them separately."
            )


def _done(rows: Iterable[Any]) -> Done:
    """rows: of robustness.csv and robustness_comparisons.csv of one run; severities are in the former alone."""
    done: Done = {}
    for row in rows:
        if ALL not in (row.task, row.corruption):
            severities = done.setdefault(_where(row), {}).setdefault(row.corruption, set())
            if severity := getattr(row, "severity", 0):
                severities.add(severity)
    return done


def _without_torn_means(tables: list[list[Any]], done: Sequence[Done]) -> list[list[Any]]:
    """Of tables, a run each, the rows but the means of runs that did different things: over severities of a corruption where they did
    others of it, over all corruptions of a task where they did others on it, and over all tasks where anything differs."""
    done = [each for each, rows in zip(done, tables, strict=True) if rows]
    differ = any(each != done[0] for each in done)
    torn = {where for each in done for where in each if any(where in other and other[where] != each[where] for other in done)}
    torn_curves = {(*where, name) for where, names in _differing_severities(done).items() for name in names}

    def kept(row: Any) -> bool:
        if row.task == ALL:
            return not differ
        if row.corruption == ALL:
            return _where(row) not in torn
        return getattr(row, "severity", 0) > 0 or (*_where(row), row.corruption) not in torn_curves

    return [[row for row in rows if kept(row)] for rows in tables]


def _differing_severities(done: Sequence[Done]) -> dict[tuple[str, ...], list[str]]:
    """By task, data set and metric, the corruptions of which runs that have them have different severities."""
    severities_of: dict[tuple[str, ...], dict[str, set[frozenset[int]]]] = {}
    for run in done:
        for where, corruptions in run.items():
            for name, severities in corruptions.items():
                severities_of.setdefault(where, {}).setdefault(name, set()).add(frozenset(severities))
    return {where: torn for where, names in severities_of.items() if (torn := [name for name, each in names.items() if len(each) > 1])}


def _where(row: Any) -> tuple[str, ...]:
    return row.task, row.dataset, row.metric


def _identity(row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _IDENTITY[type(row)])


def _clashes(tables: Iterable[Sequence[Any]]) -> set[str]:
    """The encoders of which two tables give different numbers for the same thing."""
    seen: dict[tuple[Any, ...], tuple[int, list[str]]] = {}
    clash = set()
    for i, rows in enumerate(tables):
        for row in rows:
            numbers = [digits6(getattr(row, name)) for name in _NUMBERS if hasattr(row, name)]
            first, given = seen.setdefault(_identity(row), (i, numbers))
            if first != i and given != numbers:
                clash.add(row.encoder)
    return clash


def _renamed(rows: list[Any], new: Mapping[str, str]) -> list[Any]:
    for field_name in ("encoder", "baseline"):
        rows = [dataclasses.replace(r, **{field_name: new.get(n, n)}) if (n := getattr(r, field_name, None)) else r for r in rows]
    return rows


def _collapse(tables: Iterable[Sequence[Row]]) -> list[Row]:
    """One row for each thing; of several, the one from the most seeds."""
    kept: dict[tuple[Any, ...], Row] = {}
    for row in (row for rows in tables for row in rows):
        old = kept.setdefault(_identity(row), row)
        if getattr(row, "n_seeds", 0) > getattr(old, "n_seeds", 0):
            kept[_identity(row)] = row
    return list(kept.values())
