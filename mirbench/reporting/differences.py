"""Sentences on differences: which of them were tested, and where an interval and a verdict seem to say different things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirbench.records import CLEAN
from mirbench.reporting.tables.scores import verdicts
from mirbench.reporting.words import MEASURES, joined_by, natural_shifts
from mirbench.results.order import complete

if TYPE_CHECKING:
    import pandas as pd

    from mirbench.results.merging import Results

MOST_NAMED = 3  # differences named in a sentence
NO_TEST = "No test: one of the two has no value here, or no interval, so there is nothing to test; the correction does not count the line."


def no_test(rows: pd.DataFrame) -> list[str]:
    """What the verdict means, where any line has it."""
    return [NO_TEST] if "no test" in verdicts(rows) else []


def uncorrected(comparisons: pd.DataFrame) -> list[str]:
    """Which headline differences are undecided though their interval does not contain zero, and why, to stand beside them."""
    rows = complete(comparisons)
    rows = rows[rows["headline"] & rows["p_holm"].notna()]
    rows = rows[(rows["ci_low"] > 0) | (rows["ci_high"] < 0)]
    rows = rows[[verdict == "undecided" for verdict in verdicts(rows)]]
    under = [f" under {name}" if name != CLEAN else "" for name in rows["corruption"]] if "corruption" in rows else [""] * len(rows)
    if "measure" in rows:
        under = [f"{how}, {MEASURES.get(str(name), name)}" for how, name in zip(under, rows["measure"], strict=True)]
    named = zip(rows.head(MOST_NAMED).itertuples(), under, strict=False)
    told = [f"{r.encoder} and {r.baseline} on {r.task} on {r.dataset}{how} (p (Holm) {r.p_holm:.3f})" for r, how in named]
    if not told:
        return []
    more = f"; and {len(rows) - len(told)} more" if len(rows) > len(told) else ""
    return [
        "Intervals are not corrected for the number of comparisons, verdicts are: undecided, though the interval does not contain zero, "
        f"are {'; '.join(told)}{more}."
    ]


def counts(results: Results, rows: pd.DataFrame) -> str:
    """How many lines of each measure the correction is for; natural shifts are a family of their own."""
    if len(results.manifests) > 1:
        return "in each run its own"
    rows = rows[rows["p_holm"].notna()]
    natural = rows["corruption"].astype("str").isin(natural_shifts(results.robustness))
    counted = []
    for part in (rows[~natural], rows[natural]):
        lines = part.groupby("measure", observed=True).size().items()
        counted.append(joined_by("and", [f"{n} of {MEASURES.get(str(measure), measure)}" for measure, n in lines]))
    return f"{counted[0] or 'none'}{f'; on natural shifts, by themselves, {counted[1]}' if counted[1] else ''}"
