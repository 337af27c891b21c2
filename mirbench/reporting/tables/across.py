"""The tables of a comparison of several runs, and of a leaderboard. Frames as results/compared.py has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mirbench.records import CLEAN
from mirbench.reporting.tables.scores import difference, p_values, verdicts
from mirbench.reporting.tables.table import Table, of_text
from mirbench.reporting.words import INTERVAL, NONE, SIGNIFICANT, caveats, number
from mirbench.results.compared import UNTESTED, Compared, Ranked

if TYPE_CHECKING:
    import pandas as pd

SETTINGS, DIFFERENCES, CORRUPTED, REFUSED = "Settings that differ", "Clean audio", "Under corruption", "Not compared"
VERDICTS = f"Better or worse: that the first is, where p is below {SIGNIFICANT:g}. Undecided: these clips and seeds cannot tell."
ONE_TRAINING = "One training each: another training may turn it round, so nothing is said."
NO_TEST = "No test: nothing is known of what clips and trainings vary."
DETECTABLE = "Detectable: the smallest true difference that 80 of 100 such experiments would find, tested by itself."
PLACES = (
    "Place: 1 and the encoders that are surely better in a column and surely worse in none (p below "
    f"{SIGNIFICANT:g}, corrected by Holm's method for all pairs in all columns); those that cannot be told apart share one."
)
RANKS = (
    "Mean rank: of the ranks by score, 1 is best; in brackets how far off it may be, by what the comparisons decide: all these intervals "
    "hold together with a confidence of 95 %. Beside each score the ranks that it may have."
)
BORDA = "Borda: how many encoders each one beats, summed over columns; half for equals."
UNPLACED = f"{NONE}: not scored in all columns of the table, so without a mean rank and a place."


def compared(found: Compared) -> dict[str, Table]:
    """By title, those that there is something for."""
    clean = found.differences["corruption"] == CLEAN
    tables = {
        SETTINGS: _settings(found.settings),
        DIFFERENCES: _differences(found.differences[clean], "metric"),
        CORRUPTED: _differences(found.differences[~clean], "corruption"),
        REFUSED: _refused(found.refused),
    }
    return {title: table for title, table in tables.items() if len(table.cells)}


def notes_of(found: Compared) -> list[str]:
    """What must be known to read the tables."""
    rows = found.differences
    if not len(rows):
        nothing = f"No scores of {' and '.join(found.labels)} are compared."
        same = "Their settings are the same." if not len(found.settings) else ""
        return [nothing, *([same] if same else []), *found.notes]
    told = verdicts(rows)
    tested = any(verdict != UNTESTED for verdict in told)
    # what is said of one training is said of both sides
    known = rows.assign(role="encoder", baseline_role="encoder")
    return [
        *([] if len(found.settings) else ["Their settings are the same."]),
        f"Difference: the first minus the second, on the same test clips, mean over seeds{_bracketed() if tested else ''}.",
        *([_corrected(rows), VERDICTS] if tested else []),
        *([ONE_TRAINING] if "one training each" in told else []),
        *([NO_TEST] if UNTESTED in told else []),
        *([DETECTABLE] if tested else []),
        *caveats(known),
        *found.notes,
    ]


def _bracketed() -> str:
    return f"; in brackets its paired {INTERVAL}, not corrected"


def _corrected(rows: pd.DataFrame) -> str:
    tested = rows[rows["p_holm"].notna()]
    clean = tested["corruption"] == CLEAN
    counts = {"headline metrics": clean & tested["headline"], "other metrics": clean & ~tested["headline"], "corruption": ~clean}
    lines = [f"{int(of.sum())} of {what}" for what, of in counts.items() if of.any()]
    return (
        f"p (Holm): of no difference, corrected by Holm's method for the lines of these tables, each by themselves: {', '.join(lines)}. "
        "A run's own tables correct for what they compare, so that the p of one difference may be another there."
    )


def _settings(frame: pd.DataFrame) -> Table:
    return of_text({name: frame[name] for name in frame.columns}, title=SETTINGS)


def _differences(frame: pd.DataFrame, by: str) -> Table:
    """A line for each, those of a pair together under their names."""
    rows = frame.sort_values(
        ["encoder", "baseline"], key=lambda names: names.map({n: i for i, n in enumerate(dict.fromkeys(names))}), kind="stable"
    )
    pairs = list(zip(rows["encoder"], rows["baseline"], strict=True))
    headings = {i: f"{a} against {b}" for i, (a, b) in enumerate(pairs) if i == 0 or pairs[i - 1] != (a, b)}
    severities = [f" at {text.replace(' ', ', ')}" if text else "" for text in rows["severities"]]
    about = rows["metric"] if by == "metric" else [f"{name}{at}" for name, at in zip(rows["corruption"], severities, strict=True)]
    return of_text(
        {
            "task": rows["task"] + " on " + rows["dataset"],
            by: about,
            "difference": [difference(*row) for row in rows[["difference", "ci_low", "ci_high"]].itertuples(index=False)],
            "p (Holm)": p_values(rows),
            "the first is": verdicts(rows) if len(rows) else [],
            "detectable": [NONE if math.isnan(x) else number(x) for x in rows["detectable"]],
            "clips": rows["n_test"],
            "seeds": [f"{n} and {m}" for n, m in zip(rows["n_seeds"], rows["baseline_seeds"], strict=True)],
        },
        title=DIFFERENCES if by == "metric" else CORRUPTED,
        headings=headings,
        scored=[2],
    )


def _refused(frame: pd.DataFrame) -> Table:
    what = [
        f"{task} on {dataset}, {metric}{'' if corruption == CLEAN else f', {corruption}'}"
        for task, dataset, metric, corruption in frame[["task", "dataset", "metric", "corruption"]].itertuples(index=False)
    ]
    return of_text({"what": what, "between": frame["between"], "since": frame["why"]}, title=REFUSED)


def ranked(found: Ranked) -> dict[str, Table]:
    """A table for each family of tasks, by its name."""
    return {
        str(family): _standing(str(family), rows, found.ranks[found.ranks["family"] == family])
        for family, rows in found.standings.groupby("family", sort=False)
    }


def notes_of_ranks(found: Ranked) -> list[str]:
    return [PLACES, RANKS, BORDA, *([UNPLACED] if found.standings["place"].isna().any() else []), *found.notes]


def _standing(family: str, rows: pd.DataFrame, ranks: pd.DataFrame) -> Table:
    cells: Mapping[Any, str] = {
        (encoder, *column): f"{number(value)}, {low}" + (f"–{high}" if high > low else "")
        for encoder, *column, value, low, high in ranks[
            ["encoder", "task", "dataset", "metric", "corruption", "value", "rank_low", "rank_high"]
        ].itertuples(index=False)
    }
    columns = list(dict.fromkeys(key[1:] for key in cells))
    return of_text(
        {
            "place": [NONE if math.isnan(place) else f"{place:.0f}" for place in rows["place"]],
            "encoder": rows["encoder"],
            "mean rank": [_mean_rank(*row) for row in rows[["mean_rank", "rank_low", "rank_high"]].itertuples(index=False)],
            "Borda": [f"{borda:g}" for borda in rows["borda"]],
            **{
                (f"{task} on {dataset}", metric if corruption == CLEAN else f"{metric}, {corruption}"): [
                    cells.get((encoder, task, dataset, metric, corruption), NONE) for encoder in rows["encoder"]
                ]
                for task, dataset, metric, corruption in columns
            },
        },
        title=family[0].upper() + family[1:],
        scored=[2],
    )


def _mean_rank(mean: float, low: float, high: float) -> str:
    return NONE if math.isnan(mean) else f"{mean:.2f} [{low:.2f}, {high:.2f}]"
