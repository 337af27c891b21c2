"""Paired differences between encoders of different runs, where both were scored on the same thing, and what is refused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.evaluation.statistics.estimates import Estimate, holm
from mirbench.experiment.comparing.comparable import why_not, why_not_corrupted
from mirbench.experiment.comparing.measured import OF_CLEAN, Condition, Entry, Place, Run
from mirbench.experiment.comparing.vectors import Families, Vectors, severities_in_common, trainings_of
from mirbench.records import CLEAN, FAMILIES
from mirbench.results.schema import listed

if TYPE_CHECKING:
    import pandas as pd

Pair = tuple[Entry, Entry]
COLUMNS = (
    "encoder", "baseline", "task", "dataset", "metric", "headline", "corruption", "severities", "difference", "ci_low", "ci_high", "p",
    "p_holm", "detectable", "n_seeds", "baseline_seeds", "n_test", "n_groups", "by_seed", "one_training", "baseline_one_training",
    "resamples",
)  # fmt: skip
REFUSED = ("task", "dataset", "metric", "corruption", "between", "why")


def pairs_of(entries: Sequence[Entry]) -> list[Pair]:
    """Which encoders are compared: one that two runs have, with its namesake; one that only one has, with every encoder of the other.
    Floors where a run has no encoder. Of one whose numbers are the same in both there is no pair."""
    runs = list(dict.fromkeys(each.run for each in entries))
    of_run = {run: _encoders([each for each in entries if each.run is run]) for run in runs}
    found = []
    for one, other in itertools.combinations(runs, 2):
        names = [{each.own for each in of_run[run]} for run in (one, other)]
        for a, b in itertools.product(of_run[one], of_run[other]):
            namesakes, alone = a.own == b.own, a.own not in names[1] or b.own not in names[0]
            if (namesakes or alone) and a.name != b.name:
                found.append((a, b))
    return sorted(found, key=lambda pair: pair[0].own != pair[1].own)


def _encoders(entries: Sequence[Entry]) -> list[Entry]:
    return [each for each in entries if each.role == "encoder"] or list(entries)


@dataclass
class Differences:
    """Filled place by place. entries: all, of which some are compared."""

    entries: Sequence[Entry]
    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[tuple[str, ...], None] = field(default_factory=dict)

    def add(self, pairs: Sequence[Pair]) -> None:
        places = dict.fromkeys(place for pair in pairs for each in pair for place in each.run.places)
        for place in places:
            vectors: dict[Run, Vectors] = {}
            for pair in pairs:
                if why := self._refusal(pair, place):
                    self._refuse(place, CLEAN, pair, why)
                    continue
                first = pair[0].run
                if first not in vectors:
                    vectors[first] = self._vectors(first, place)
                of = vectors[first]
                self.rows.append(self._row(of, pair, place, CLEAN, [[[OF_CLEAN]]]))
                if pair[0].run.headline(place) and pair[1].run.headline(place):
                    self.rows += self._corrupted(of, pair, place)

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Differences, p corrected by itself for lines of headline metrics, of other metrics and of corruption; and what was refused."""
        import pandas as pd

        for kind in {(row["corruption"] == CLEAN, row["headline"]) for row in self.rows}:
            rows = [row for row in self.rows if (row["corruption"] == CLEAN, row["headline"]) == kind]
            for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
                row["p_holm"] = p
        refused: dict[tuple[str, ...], list[str]] = {}
        for task, dataset, metric, *rest in self.refused:
            refused.setdefault((task, dataset, *rest), []).append(metric)
        lines = [(task, dataset, " and ".join(metrics), *rest) for (task, dataset, *rest), metrics in refused.items()]
        return pd.DataFrame(self.rows, columns=list(COLUMNS)), pd.DataFrame(lines, columns=list(REFUSED))

    def _vectors(self, run: Run, place: Place) -> Vectors:
        return Vectors([each for each in self.entries if each.run is run or not why_not(run, each.run, place)], place)

    def _refusal(self, pair: Pair, place: Place) -> str:
        lacking = [each for each in pair if not each.lines(place)]
        if lacking:
            other = pair[0] if lacking[0] is pair[1] else pair[1]
            return f"only {_holder(other, place not in lacking[0].run.places)} has it" if len(lacking) == 1 else "neither has it"
        return why_not(pair[0].run, pair[1].run, place)

    def _refuse(self, place: Place, corruption: str, pair: Pair, why: str) -> None:
        between = " and ".join(dict.fromkeys(each.run.label for each in pair))
        if why != "neither has it":
            self.refused[(*place, corruption, between, why)] = None

    def _corrupted(self, of: Vectors, pair: Pair, place: Place) -> Iterator[dict[str, Any]]:
        """Under each corruption that both were scored under, over the severities that both have, and over families of them."""
        known: dict[str, list[Condition]] = {}
        mine, yours = ({name for name, _ in each.run.conditions(each.own, place)} for each in pair)
        common = severities_in_common(pair, place)
        for name in dict.fromkeys(name for each in pair for name, _ in each.run.conditions(each.own, place)):
            if name not in common:
                alone = name not in mine or name not in yours
                holder, other = pair if name in mine else pair[::-1]
                nowhere = not any(name == condition[0] for _, _, condition in other.run.lines)
                why = f"only {_holder(holder, nowhere)} has it" if alone else "they have no severity in common"
                self._refuse(place, name, pair, why)
                continue
            reasons = (why_not_corrupted(pair[0].run, pair[1].run, place[1], condition) for condition in common[name])
            if why := next(filter(None, reasons), "") or _other_clips(pair, place, common[name]):
                self._refuse(place, name, pair, why)
                continue
            known[name] = common[name]
            yield self._row(of, pair, place, name, [[common[name]]])
        families = [[known[name] for name in names if name in known] for names in families_of(pair[0].run).values()]
        families = [family for family in families if family]
        if sum(map(len, families)) > 1:
            yield self._row(of, pair, place, FAMILIES, families)

    def _row(self, of: Vectors, pair: Pair, place: Place, corruption: str, families: Families) -> dict[str, Any]:
        one, other = pair
        conditions = [condition for family in families for corrupted in family for condition in corrupted]
        if one in of.place_in_layout and other in of.place_in_layout:
            vectors, spread = of.measured(families)
            found, by_seed = of.difference(vectors, spread, pair), of.by_seed(vectors, pair)
        else:
            found, by_seed = Estimate(mean_of(one, place, families) - mean_of(other, place, families)), []
        trainings = trainings_of(of.entries if one in of.entries and other in of.entries else pair)
        scores, line = one.run.scores, one.lines(place, conditions[0])[0]
        of_each = {" ".join(str(severity) for _, severity in of if severity) for family in families for of in family}
        return {
            **dict(zip(("encoder", "baseline"), (one.name, other.name), strict=True)),
            **dict(zip(("task", "dataset", "metric"), place, strict=True)),
            **{"headline": one.run.headline(place), "corruption": corruption, "severities": of_each.pop() if len(of_each) == 1 else ""},
            **{"difference": found.value, "ci_low": found.low, "ci_high": found.high, "p": found.p, "p_holm": math.nan},
            **{"detectable": found.detectable, "n_seeds": one.trainings, "baseline_seeds": other.trainings},
            **{"n_test": int(scores["n_test"].iloc[line]), "n_groups": int(scores["n_groups"].iloc[line]), "by_seed": listed(by_seed)},
            **{"one_training": trainings.once(one.name), "baseline_one_training": trainings.once(other.name)},
            **{"resamples": of.resamples if not math.isnan(found.low) else 0},
        }


def _holder(entry: Entry, alone: bool) -> str:
    """Who has what another lacks: its run, where no encoder of the other's has it."""
    return entry.run.label if alone else entry.name


def families_of(run: Run) -> dict[str, list[str]]:
    """Family -> its corruptions, those that count in means."""
    return (run.manifest.get("robustness") or {}).get("families") or {}


def mean_of(entry: Entry, place: Place, families: Families) -> float:
    """As of `Vectors`, of an entry without resamples."""
    of_families = [[[np.mean(entry.values(place, c)) for c in of] for of in family] for family in families]
    return float(np.mean([np.mean([np.mean(of) for of in family]) for family in of_families]))


def _other_clips(pair: Pair, place: Place, conditions: Sequence[Condition]) -> str:
    """Whether corruption left other clips of the two, by their number."""
    for condition in conditions:
        counts = [int(each.run.scores["n_test"].iloc[each.lines(place, condition)[0]]) for each in pair]
        if counts[0] != counts[1]:
            return f"it leaves {counts[0]} test clips in {pair[0].run.label} and {counts[1]} in {pair[1].run.label}"
    return ""
