"""The answer in a sentence or two, in words that the statistics allow: what is better, worse, or undecided, and by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mirbench.records import MAJORITY
from mirbench.reporting.tables.scores import clean, difference, verdicts
from mirbench.reporting.words import NONE, cell, mean_of, number, panels
from mirbench.results.order import complete, own_name

if TYPE_CHECKING:
    import pandas as pd

    from mirbench.results.merging import Results

SPELT_OUT = 2  # others that each have a sentence; of more each task has one
TURNED = {"better": "worse", "worse": "better"}
MOST_NAMES = 6
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
    """One to three sentences on clean audio, and one on corrupted where it was compared."""
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
    if len(others) > SPELT_OUT:
        return [*_by_task(lead, others, pairs), *_corrupted(results, places, lead, others)]
    return [*(f"{lead} is {_in_words(other, pairs[lead, other])}." for other in others), *_corrupted(results, places, lead, others)]


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


def _in_words(other: str, found: Sequence[Found], numbers: bool = True) -> str:
    """What stands behind `semisupcon is `. numbers: whether differences are told, with their intervals."""
    told = []
    for verdict in ("better", "worse"):
        if each := [_with_numbers(one) if numbers else one.where for one in found if one.verdict == verdict]:
            told.append(f"{verdict} than {other} on {_and(each)}")
    if undecided := [one for one in found if one.verdict == "undecided"]:
        against, seen = "" if told else f"against {other} ", _seen(undecided) if numbers else ""
        told.append(f"undecided {against}on {_and([one.where for one in undecided])}{seen}")
    if each := [one.where for one in found if "one" in one.verdict]:
        told.append(f"{'' if told else f'not to be told from {other}: '}with one training each nothing is said of {_and(each)}")
    if each := [one.where for one in found if one.verdict == "no test"]:
        told.append(f"not tested {'' if told else f'against {other} '}on {_and(each)}")
    return "; ".join(told)


def _with_numbers(found: Found) -> str:
    return f"{found.where}, {difference(found.difference, found.low, found.high)}"


def _seen(undecided: Sequence[Found]) -> str:
    """The differences that would have been found, had they been there."""
    sizes = [number(one.detectable, 2) for one in undecided if not math.isnan(one.detectable)]
    if not sizes or len(sizes) < len(undecided):
        return ""
    same = sizes[:1] if len(set(sizes)) == 1 else sizes
    return f" ({'a difference' if len(same) == 1 else 'differences'} of {_and(same)} could have been seen, by itself)"


def _by_task(lead: str, others: Sequence[str], pairs: Pairs) -> list[str]:
    """A sentence for each task, with the differences that are decided, and of the others what could have been seen."""
    of_task: dict[str, dict[str, list[tuple[str, Found]]]] = {}
    for other in others:
        for found in pairs[lead, other]:
            of_task.setdefault(found.where, {}).setdefault(found.verdict, []).append((other, found))
    sayings = {
        "better": "better than {}", "worse": "worse than {}", "undecided": "undecided against {}",
        "one training each": "not to be told from {}, of one training each", "no test": "not tested against {}",
    }  # fmt: skip
    return [
        f"On {where}, {lead} is "
        + "; ".join(say.format(_named(verdict, found[verdict])) for verdict, say in sayings.items() if verdict in found)
        + "."
        for where, found in of_task.items()
    ]


def _named(verdict: str, others: Sequence[tuple[str, Found]]) -> str:
    if verdict in TURNED:
        return _and(_few([f"{name} ({difference(each.difference, each.low, each.high)})" for name, each in others]))
    named = _and(_few([name for name, _ in others]))
    return named + (_seen([each for _, each in others]) if verdict == "undecided" else "")


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
        return [f"Under corruption, of {len(flat)} such comparisons: {', '.join(counts)}."] if counts else []
    told = [_in_words(name, pairs[lead, name], numbers=False) for name in kept]
    return ["Under corruption it is " + "; and ".join(told) + "."]


def _scores(rows: pd.DataFrame, names: Sequence[str]) -> str:
    """What the first of them scores."""
    told = []
    for panel in panels(rows):
        found = panel.of(rows)
        found = found[found["encoder"] == names[0]]
        if panel.headline and len(found):
            told.append(f"{cell(*found.iloc[0][['value', 'ci_low', 'ci_high']])} on {panel.title} ({panel.metric})")
    return f"{names[0]} scores {_and([each for each in told if not each.startswith(NONE)])}." if told else ""


def _few(names: Sequence[str]) -> list[str]:
    return list(names) if len(names) <= MOST_NAMES else [*names[: MOST_NAMES - 1], f"{len(names) - MOST_NAMES + 1} more"]


def _and(parts: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'; with semicolons where parts have commas outside of brackets."""
    comma = "; " if any(", " in part.partition(" (")[0] for part in parts) and len(parts) > 1 else ", "
    last = "; and " if comma == "; " else " and "
    return last.join([comma.join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
