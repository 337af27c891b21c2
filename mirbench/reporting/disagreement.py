"""Why retained performance and relative mCE may put two encoders in opposite orders, told where they do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from mirbench.records import ALL
from mirbench.reporting.tables.robustness import means
from mirbench.reporting.tables.scores import clean
from mirbench.reporting.words import Panel, few, joined_by, mean_of, number, panels, span

if TYPE_CHECKING:
    import pandas as pd

    from mirbench.results.merging import Results

MARKED = 0.02  # differences that are smaller, of either measure, are none
WHY = (
    "The first divides by each encoder's own clean score above chance, the second by what the baseline loses: who starts higher can keep "
    "the larger share and lose more."
)
LEFT_OUT = (
    " Left out: {}, not surely above chance on clean audio on a task, where little can be lost: a low relative mCE is no robustness then."
)


class Pair(NamedTuple):
    """An encoder that retains more than the other, and whose error grows more: (retained, relative mCE) of each."""

    panel: Panel
    more: str
    less: str
    retained: tuple[float, float]
    relative: tuple[float, float]

    @property
    def marked(self) -> float:
        """The smaller of the two differences."""
        return min(self.retained[0] - self.retained[1], self.relative[0] - self.relative[1])


def disagreement(results: Results) -> list[str]:
    """A sentence on the pair of which retained performance and relative mCE say the opposite most clearly, on one task; nothing where there
    is none. One of the two is an encoder, and no floor. The reason is told where it is one: the clean score of the former is higher."""
    pairs = sorted(_pairs(results), key=lambda pair: -pair.marked)
    if not pairs:
        return _of_means(results)
    first, others = pairs[0], len(pairs) - 1
    of_clean = first.panel.of(clean(results.summary)).set_index("encoder")["value"]
    (more, less), (kept, left), (grown, rose) = (first.more, first.less), first.retained, first.relative
    count = f", and about {others} more {'pair' if others == 1 else 'pairs'}" if others else ""
    told = (
        f"Retained performance and relative mCE disagree about {more} and {less} on {first.panel.title}{count}: {more} retains "
        f"{number(kept)} of its score above chance (clean score {number(of_clean[more])}), {less} {number(left)} "
        f"({number(of_clean[less])}), yet the error grows more with {more} (relative mCE {number(grown)} against {number(rose)})."
    )
    return [f"{told} {WHY}" if of_clean[more] > of_clean[less] else told, *_of_means(results)]


def _of_means(results: Results) -> list[str]:
    """A sentence where the means over tasks put other encoders first, floors aside, with how many tasks each is over; nothing where they
    agree. What is not surely above chance on clean audio has next to nothing to lose: relative mCE is defined for it, and does not rank
    it."""
    rows = means(results.robustness)
    rows = rows[(rows["corruption"] == mean_of(rows)) & (rows["role"] == "encoder")]
    at_chance = _at_chance(rows)
    rows = rows[~rows["encoder"].isin(at_chance)].dropna(subset="value")
    told = []
    for measure, best in (("retained", "idxmax"), ("relative_mce", "idxmin")):
        of_measure = rows[rows["measure"] == measure]
        over = of_measure[of_measure["task"] == ALL].drop_duplicates("encoder").set_index("encoder")["value"]
        if len(over) < 2:
            return []
        first = getattr(over, best)()
        of_first = of_measure[(of_measure["encoder"] == first) & (of_measure["task"] != ALL)]
        told.append((str(first), number(over[first]), span([len(of_first.drop_duplicates(["task", "dataset"]))], "task")))
    (kept, most, over_kept), (grown, least, over_grown) = told
    if kept == grown:
        return []
    return [
        f"Of the encoders, retained performance as a mean over tasks puts {kept} first ({most}, over {over_kept}), relative mCE {grown} "
        f"({least}, over {over_grown}): they ask different things, and a task for which a measure is not defined is not in its mean."
        f"{LEFT_OUT.format(joined_by('and', few(at_chance))) if at_chance else ''}"
    ]


def _at_chance(rows: pd.DataFrame) -> list[str]:
    """The encoders that are without retained performance, so not surely above chance on clean audio, in a task that is in their relative
    mCE."""
    of_tasks = rows[rows["task"] != ALL].assign(known=rows["value"].notna())
    known: dict[str, dict[tuple[str, str, str], bool]] = {"retained": {}, "relative_mce": {}}
    for row in of_tasks.itertuples():
        if row.measure in known:
            known[str(row.measure)][str(row.encoder), str(row.task), str(row.dataset)] = bool(row.known)
    lost = {place for place, there in known["retained"].items() if not there}
    scored = {place for place, there in known["relative_mce"].items() if there}
    return sorted({place[0] for place in lost & scored})


def _pairs(results: Results) -> Iterator[Pair]:
    rows = means(results.robustness)
    rows = rows[(rows["corruption"] == mean_of(rows)) & rows["measure"].isin(["retained", "relative_mce"])].dropna(subset="value")
    for panel in panels(rows[rows["task"] != ALL]):
        of_panel = panel.of(rows).drop_duplicates(["measure", "encoder"]).astype({"encoder": "str"})
        roles = dict(zip(of_panel["encoder"], of_panel["role"], strict=True))
        table = of_panel.pivot(index="encoder", columns="measure", values="value")
        if {"retained", "relative_mce"} <= set(table.columns):
            known = table.dropna()[["retained", "relative_mce"]]
            for one, other in itertools.permutations(known.index, 2):
                (kept, grown), (left, rose) = known.loc[one], known.loc[other]
                pair = Pair(panel, one, other, (kept, left), (grown, rose))
                if pair.marked >= MARKED and "encoder" in (roles[one], roles[other]):
                    yield pair
