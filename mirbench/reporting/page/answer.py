"""The answer in a sentence or two, in words that the statistics allow: what is better, worse, or undecided, and by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mirbench.records import MAJORITY
from mirbench.reporting.tables.scores import SAYINGS, TURNED, clean, difference, verdicts
from mirbench.reporting.words import NONE, cell, few, joined_by, mean_of, number, panels
from mirbench.results.order import complete, own_name

if TYPE_CHECKING:
    import pandas as pd

    from mirbench.results.merging import Results

SPELT_OUT = 2  # others of which each has its own words under corruption; more are counted
ALONE = "The run compared no encoders"


class Found(NamedTuple):
    """Of one task: an encoder minus another. verdict: as `verdicts` says it."""

    where: str
    difference: float
    low: float
    high: float
    detectable: float
    verdict: str

    def turned(self) -> Found:
        """The same from the other's side."""
        return Found(self.where, -self.difference, -self.high, -self.low, self.detectable, TURNED.get(self.verdict, self.verdict))


Pairs = Mapping[tuple[str, str], Sequence[Found]]  # (encoder, other), both ways round


def answer(results: Results) -> list[str]:
    """A sentence for each task on clean audio, with the score and the floors, and one on corrupted audio where that was compared."""
    rows = clean(results.summary)
    places = _places(rows)
    pairs = _pairs(results.comparisons, places)
    roles = dict(zip(rows["encoder"].astype("str"), rows["role"], strict=True))
    names = [name for name in rows["encoder"].cat.categories if name in roles]
    encoders = [name for name in names if roles[name] == "encoder"]
    known = [name for name in encoders if any(name in pair for pair in pairs)]
    if not known:
        return [f"{ALONE}, so that none is called better than another. {_scores(rows, encoders or names)}"]
    rivals = known if any((one, other) in pairs for one in known for other in known) else names  # variants are compared with floors alone
    lead = max(known, key=lambda name: _standing(name, pairs, rivals))  # the first of several
    others = [name for name in known if name != lead and (lead, name) in pairs]
    if not others:  # one encoder, or those of a sweep, which are compared with floors alone
        others = [name for name in names if roles[name] == "floor" and own_name(name) != MAJORITY and (lead, name) in pairs]
        others = others or [name for name in names if (lead, name) in pairs]
    told = [*_by_task(lead, others, pairs, _beside(rows, places, lead)), *_corrupted(results, places, lead, others)]
    return [*told, *_not_compared(results, lead, [name for name in known if name != lead and (lead, name) not in pairs])]


def _not_compared(results: Results, lead: str, rest: Sequence[str]) -> list[str]:
    """Of the variants of a sweep, which are compared with floors alone, and where layers of one encoder have no sentence of their own."""
    layers = {*results.layers["encoder"].astype("str"), *results.layers["baseline"].astype("str")}
    rest = [name for name in rest if not {name, lead} <= layers]
    if not rest:
        return []
    return [
        f"{lead} is named here for its test scores, by which it is ahead of {joined_by('and', few(rest))}; variants of a sweep are not "
        "compared with each other, so whether it is better is not decided, and its score, as a maximum, is flattered."
    ]


def _places(rows: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """(task, data set, headline metric) -> what it is called in a sentence: the task, with its data set where it is on several."""
    heads = [panel for panel in panels(rows) if panel.headline]
    tasks = [panel.task for panel in heads]
    return {panel[:3]: panel.task if tasks.count(panel.task) == 1 else panel.title for panel in heads}


def _pairs(comparisons: pd.DataFrame, places: Mapping[tuple[str, str, str], str]) -> dict[tuple[str, str], list[Found]]:
    pairs: dict[tuple[str, str], list[Found]] = {}
    rows = complete(comparisons).sort_values(["task", "dataset"])
    for row, verdict in zip(rows.to_dict("records"), verdicts(rows), strict=True):
        where = places.get((row["task"], row["dataset"], row["metric"]))
        if where is not None:
            found = Found(where, row["difference"], row["ci_low"], row["ci_high"], row["detectable"], verdict)
            one, other = str(row["encoder"]), str(row["baseline"])
            pairs.setdefault((one, other), []).append(found)
            pairs.setdefault((other, one), []).append(found.turned())
    return pairs


def _standing(name: str, pairs: Pairs, encoders: Sequence[str]) -> tuple[int, float]:
    """How often it is better than another encoder, less how often worse; then the sum of its differences."""
    found = [each for other in encoders for each in pairs.get((name, other), ())]
    won = sum((each.verdict == "better") - (each.verdict == "worse") for each in found)
    return won, sum(each.difference for each in found if math.isfinite(each.difference))


def _beside(rows: pd.DataFrame, places: Mapping[tuple[str, str, str], str], lead: str) -> dict[str, str]:
    """By task, the score of an encoder, and the best floor and chance beside it: '0.720; handcrafted 0.758, chance 0.110'."""
    told = {}
    for panel in panels(rows):
        where = places.get(panel[:3])
        found = panel.of(rows).dropna(subset="value")
        values = dict(zip(found["encoder"].astype("str"), found["value"], strict=True))
        if where is not None and lead in values:
            floors = {name: values[name] for name in found["encoder"][found["role"] == "floor"].astype("str") if name != lead}
            best = max((name for name in floors if own_name(name) != MAJORITY), key=lambda name: floors[name], default="")
            chance = [floors[name] for name in floors if own_name(name) == MAJORITY]
            beside = [*([f"{best} {number(floors[best])}"] if best else []), *(f"chance {number(x)}" for x in chance[:1])]
            told[where] = "; ".join([number(values[lead]), *([", ".join(beside)] if beside else [])])
    return told


def _by_task(lead: str, others: Sequence[str], pairs: Pairs, beside: Mapping[str, str]) -> list[str]:
    """A sentence for each task, with the differences that are decided, and of the others what would mostly be found."""
    of_task: dict[str, dict[str, list[tuple[str, Found]]]] = {}
    for other in others:
        for found in pairs[lead, other]:
            of_task.setdefault(found.where, {}).setdefault(found.verdict, []).append((other, found))
    return [
        f"On {where}, {lead}{f' ({beside[where]})' if where in beside else ''} is "
        + "; ".join(say.format(_named(verdict, found[verdict])) for verdict, say in SAYINGS.items() if verdict in found)
        + "."
        for where, found in of_task.items()
    ]


def _named(verdict: str, others: Sequence[tuple[str, Found]]) -> str:
    if verdict in TURNED:
        return joined_by("and", few([f"{name} ({difference(each.difference, each.low, each.high)})" for name, each in others]))
    named = joined_by("and", few([name for name, _ in others]))
    return named + (_seen([each for _, each in others]) if verdict == "undecided" else "")


def _seen(undecided: Sequence[Found]) -> str:
    """The differences that 80 of 100 such runs find, where they are there; before the correction for their number."""
    sizes = [number(_rounded_up(one.detectable), 2) for one in undecided if not math.isnan(one.detectable)]
    if not sizes or len(sizes) < len(undecided):
        return ""
    same = list(dict.fromkeys(sizes))
    what = "a difference of" if len(same) == 1 else "differences of"
    return f" ({what} {joined_by('and', same)} would mostly be found, {'' if len(same) == 1 else 'each '}tested by itself)"


def _rounded_up(x: float) -> float:
    """To hundredths: of a smaller difference it would be said too soon that it is found."""
    return math.ceil(round(100 * x, 6)) / 100


def _corrupted(results: Results, places: Mapping[tuple[str, str, str], str], lead: str, others: Sequence[str]) -> list[str]:
    """The same of the metric itself under corruption, mean over all families."""
    rows = complete(results.robustness_comparisons)
    rows = rows[(rows["measure"] == "score") & (rows["corruption"] == mean_of(rows))]
    pairs = _pairs(rows, places)
    kept = [name for name in others if (lead, name) in pairs]
    if not kept:
        return []
    if len(kept) > SPELT_OUT:
        won = [[each.verdict for each in pairs[lead, name]] for name in kept]
        flat = [verdict for each in won for verdict in each]
        counts = [f"{flat.count(verdict)} {verdict}" for verdict in ("better", "worse", "undecided") if verdict in flat]
        return [f"Under corruption, of {len(flat)} comparisons of {lead}: {', '.join(counts)}."] if counts else []
    told = [_in_words(name, pairs[lead, name]) for name in kept]
    return [f"Under corruption, {lead} is {'; and '.join(told)}."]


def _in_words(other: str, found: Sequence[Found]) -> str:
    """What stands behind `semisupcon is `: on which tasks it is what."""
    told = []
    for verdict, say in SAYINGS.items():
        if tasks := [one.where for one in found if one.verdict == verdict]:
            told.append(f"{say.format(other)} on {joined_by('and', tasks)}")
    return "; ".join(told)


def _scores(rows: pd.DataFrame, names: Sequence[str]) -> str:
    """What the first of them scores."""
    told = []
    for panel in panels(rows):
        found = panel.of(rows)
        found = found[found["encoder"] == names[0]]
        if panel.headline and len(found):
            told.append(f"{cell(*found.iloc[0][['value', 'ci_low', 'ci_high']])} on {panel.title} ({panel.metric})")
    return f"{names[0]} scores {joined_by('and', [each for each in told if not each.startswith(NONE)])}." if told else ""
