"""`mirbench leaderboard`: how the encoders of runs rank, task by task and over families of tasks, and how sure that is.

A column is the headline metric of a task on a data set, on clean audio, or its mean over families of corruptions. In each, every two
encoders are compared on the same resamples, and p is corrected for all of these comparisons, those under corruption by themselves (Holm
1979). An encoder of n that is surely better than r others and surely worse than q has a rank from q + 1 to n - r. These
intervals hold, all together, with a confidence of .95 (Mogstad, Romano, Shaikh and Wilhelm 2024, Inference for Ranks, Review of Economic
Studies 91).

A family of tasks has the mean of the ranks by value and, as its interval, the means of the ends. A place is 1 and the encoders that are
surely better in a column of the family and surely worse in none, so that encoders that cannot be told apart share it. Scores of unlike
metrics are never averaged: ranks are, and Borda counts added: how many encoders of the column each one beats, half for those it equals.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.evaluation.statistics.estimates import estimate, holm
from mirbench.experiment.comparing.comparable import why_not, why_not_corrupted
from mirbench.experiment.comparing.differences import families_of, mean_of
from mirbench.experiment.comparing.measured import OF_CLEAN, Entry, Place, Run, entries_of, read_runs
from mirbench.experiment.comparing.vectors import Families, Vectors, severities_in_common, trainings_of
from mirbench.records import CLEAN, FAMILIES
from mirbench.reporting.tables.scores import verdicts
from mirbench.results.compared import Ranked
from mirbench.results.run_folder import RESAMPLES, overlap_in_words

if TYPE_CHECKING:
    import pandas as pd

OF_TASKS = {
    "tagging": "style", "genre": "style", "key": "harmony", "pitch": "pitch and timbre", "instrument": "pitch and timbre",
    "technique": "pitch and timbre", "singer": "pitch and timbre", "emotion": "emotion",
}  # fmt: skip
"""Task -> its family; another task is a family by itself."""
OVERALL, CORRUPTED = "all tasks", "under corruption"


@dataclass
class Column:
    """conditions: by family and corruption, those that its scores are the mean over. p, sign: by pair of names, of what is known of it."""

    place: Place
    corruption: str
    conditions: Families
    entries: list[Entry]
    values: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    tests: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)
    ahead: dict[str, set[str]] = field(default_factory=dict)  # name -> those that it is surely better than

    @property
    def families(self) -> list[str]:
        return [CORRUPTED] if self.corruption != CLEAN else [OVERALL, OF_TASKS.get(self.place[0], self.place[0])]


def leaderboard(paths: Sequence[Path], floors: bool = False) -> Ranked:
    """The ranks of the encoders of all runs. floors: rank those, too. Raises MirbenchError for a folder that is no run, or is damaged, and
    where there are fewer than two encoders to rank."""
    runs = read_runs(paths)
    entries = [each for each in entries_of(runs) if floors or each.role == "encoder"]
    if len({each.name for each in entries}) < 2:
        count, more = len({each.name for each in entries}), "" if floors else ", or --floors to rank the floors, too"
        have = f"{' and '.join(run.label for run in runs)} {'has' if len(runs) == 1 else 'have'} {count or 'no'}"
        raise MirbenchError(f"a leaderboard ranks two encoders or more, and {have}; give more runs{more}.")
    columns, notes = _columns(runs, entries)
    for column in columns:
        _measure(column)
    for corrupted in (False, True):
        _test([column for column in columns if (column.corruption != CLEAN) == corrupted])
    names = list(dict.fromkeys(each.name for each in entries))
    without = [run.label for run in runs if run.resampled is None]
    if without:
        notes.append(
            f"{' and '.join(without)} {'has' if len(without) == 1 else 'have'} no {RESAMPLES}: encoders of one such run are told "
            "apart by its comparisons.csv on clean audio, those of two, or under corruption, not at all."
        )
    notes += dict.fromkeys(sentence for run in runs for sentence in overlap_in_words(run.manifest))
    return Ranked(_standings(columns, names), _ranks(columns), tuple(notes))


def _columns(runs: Sequence[Run], entries: Sequence[Entry]) -> tuple[list[Column], list[str]]:
    """What is ranked, each of the most encoders whose scores may be compared; and what is left out of it, in words."""
    found, notes = list[Column](), list[str]()
    for place in dict.fromkeys(place for run in runs for place in run.places if run.headline(place)):
        having = [each for each in entries if each.lines(place)]
        alike: dict[Run, list[Entry]] = {}
        for each in having:
            first = next((run for run in alike if not why_not(run, each.run, place)), each.run)
            alike.setdefault(first, []).append(each)
        if not alike:
            continue
        first, kept = max(alike.items(), key=lambda item: len({each.name for each in item[1]}))
        for run, rest in alike.items():
            if run is not first:
                names = ", ".join(dict.fromkeys(each.name for each in rest))
                notes.append(f"{place[0]} on {place[1]} is ranked without {names}: {why_not(first, run, place)}.")
        once = list({each.name: each for each in sorted(kept, key=lambda each: each.trainings)}.values())  # of those alike, with most seeds
        once.sort(key=lambda each: entries.index(each))
        if len(once) > 1:
            found.append(Column(place, CLEAN, [[[OF_CLEAN]]], once))
            found += _under_corruption(place, once)
    return found, notes


def _under_corruption(place: Place, entries: list[Entry]) -> Iterator[Column]:
    """The mean over families of corruptions that all have, where there are any."""
    first, common = entries[0].run, severities_in_common(entries, place)
    usable = {
        name: of
        for name, of in common.items()
        if not any(why_not_corrupted(first, run, place[1], condition) for run in {e.run for e in entries} for condition in of)
    }
    families = [[usable[name] for name in names if name in usable] for names in families_of(first).values()]
    if families := [family for family in families if family]:
        yield Column(place, FAMILIES, families, entries)


def _measure(column: Column) -> None:
    """Values with their intervals, and the uncorrected p of every pair."""
    vectors = Vectors(column.entries, column.place)
    known, spread = vectors.measured(column.conditions)
    for each in column.entries:
        if each in known:
            found = estimate(known[each], vectors.layout, "score", {vectors.place_in_layout[each]: spread[each]} if each in spread else {})
            column.values[each.name] = found.value, found.low, found.high
        else:
            column.values[each.name] = _kept_value(column, each)
    trainings = trainings_of(column.entries)
    for one, other in itertools.combinations(column.entries, 2):
        row = {
            "difference": column.values[one.name][0] - column.values[other.name][0],
            "p": math.nan,
            "ci_low": math.nan,
            "ci_high": math.nan,
        }
        if one in known and other in known:
            found = vectors.difference(known, spread, (one, other))
            row |= {"p": found.p, "ci_low": found.low, "ci_high": found.high}
        elif one.run is other.run and column.corruption == CLEAN:
            row |= _kept_test(column.place, one, other)
        row |= {"one_training": trainings.once(one.name), "baseline_one_training": trainings.once(other.name)}
        column.tests[one.name, other.name] = row


def _kept_value(column: Column, entry: Entry) -> tuple[float, float, float]:
    """Of an entry without resamples: on clean audio as its run has it."""
    if column.corruption != CLEAN:
        return mean_of(entry, column.place, column.conditions), math.nan, math.nan
    rows = entry.run.summary
    row = rows[(rows["encoder"] == entry.own) & (rows["severity"] == 0) & (rows["corruption"] == CLEAN)]
    row = row[(row["task"] == column.place[0]) & (row["dataset"] == column.place[1]) & (row["metric"] == column.place[2])]
    return tuple(float(x) for x in row[["value", "ci_low", "ci_high"]].iloc[0])  # type: ignore[return-value]


def _kept_test(place: Place, one: Entry, other: Entry) -> dict[str, float]:
    """Of a pair of one run without resamples, whichever it has as its baseline; nothing where it did not compare them."""
    rows = one.run.comparisons
    for sign, (a, b) in ((1, (one.own, other.own)), (-1, (other.own, one.own))):
        row = rows[(rows["encoder"] == a) & (rows["baseline"] == b) & (rows["task"] == place[0]) & (rows["dataset"] == place[1])]
        row = row[row["metric"] == place[2]]
        if len(row):
            low, high = sorted(sign * float(x) for x in row[["ci_low", "ci_high"]].iloc[0])
            return {"p": float(row["p"].iloc[0]), "ci_low": low, "ci_high": high}
    return {}


def _test(columns: Sequence[Column]) -> None:
    """Who is surely ahead of whom, by p that is corrected for all pairs of all these columns."""
    import pandas as pd

    tests = [(column, pair, row) for column in columns for pair, row in column.tests.items()]
    if not tests:
        return
    frame = pd.DataFrame([row for *_, row in tests]).assign(p_holm=holm([row["p"] for *_, row in tests]))
    frame.loc[frame["p_holm"].isna(), ["ci_low", "ci_high"]] = math.nan  # an interval by itself is not corrected for how many there are
    for (column, (one, other), _), verdict in zip(tests, verdicts(frame), strict=True):
        if verdict in ("better", "worse"):
            first, second = (one, other) if verdict == "better" else (other, one)
            column.ahead.setdefault(first, set()).add(second)


def _ranks(columns: Sequence[Column]) -> pd.DataFrame:
    """A row for each encoder of each column of each family."""
    import pandas as pd

    rows = []
    for column in columns:
        for family in column.families:
            for name, (value, low, high) in column.values.items():
                rank, first, last = _rank(column, name)
                about = dict(zip(("task", "dataset", "metric"), column.place, strict=True))
                rows.append({"family": family, "encoder": name, **about, "corruption": column.corruption, "value": value, "ci_low": low,
                             "ci_high": high, "rank": rank, "rank_low": first, "rank_high": last})  # fmt: skip
    names = ["family", "encoder", "task", "dataset", "metric", "corruption", "value", "ci_low", "ci_high", "rank", "rank_low", "rank_high"]
    return pd.DataFrame(rows, columns=names)


def _rank(column: Column, name: str) -> tuple[float, int, int]:
    """By value, equal ones sharing the mean of theirs, and the ends of its interval."""
    others = np.array([value for other, (value, *_) in column.values.items() if other != name])
    value = column.values[name][0]
    rank = 1 + float((others > value).sum()) + float((others == value).sum()) / 2
    behind = sum(name in beaten for beaten in column.ahead.values())
    return rank, 1 + behind, len(column.values) - len(column.ahead.get(name, ()))


def _standings(columns: Sequence[Column], names: Sequence[str]) -> pd.DataFrame:
    """A row for each encoder of each family; without a mean rank and a place where it lacks a column."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    families = [OVERALL, *dict.fromkeys(f for column in columns for f in column.families if f not in (OVERALL, CORRUPTED)), CORRUPTED]
    for family in families:
        of_family = [column for column in columns if family in column.families]
        if not of_family or (len(families) == 3 and family not in (OVERALL, CORRUPTED)):  # the only family of tasks is all of them
            continue
        whole = {name for name in names if all(name in column.values for column in of_family)}
        for name in names:
            if not (scored := [column for column in of_family if name in column.values]):
                continue
            ranks = np.array([_rank(column, name) for column in of_family]) if name in whole else np.full((1, 3), math.nan)
            borda = sum(len(column.values) - _rank(column, name)[0] for column in scored)
            ahead = sum(_is_ahead(other, name, of_family) for other in whole if other != name)
            rows.append({"family": family, "encoder": name, "place": 1 + ahead if name in whole else math.nan,
                         **dict(zip(("mean_rank", "rank_low", "rank_high"), map(float, ranks.mean(axis=0)), strict=True)),
                         "borda": borda, "columns": len(scored)})  # fmt: skip
    order = {family: i for i, family in enumerate(families)}
    frame = pd.DataFrame(rows)
    return frame.sort_values(["family", "place", "mean_rank"], key=lambda c: c.map(order) if c.name == "family" else c, ignore_index=True)


def _is_ahead(one: str, other: str, columns: Sequence[Column]) -> bool:
    """Surely better in a column, and surely worse in none."""
    better = any(other in column.ahead.get(one, ()) for column in columns)
    return better and not any(one in column.ahead.get(other, ()) for column in columns)
