"""The tables of clean audio: scores, paired differences, and what was swept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mirbench.records import OVERLAP_MARK
from mirbench.reporting.tables.table import Table, of_scores, of_text
from mirbench.reporting.words import NONE, SIGNIFICANT, number, of_clean_audio, panels, places
from mirbench.results.order import complete

if TYPE_CHECKING:
    import pandas as pd

TURNED = {"better": "worse", "worse": "better"}  # a verdict from the other's side
SAYINGS = {
    "better": "better than {}", "worse": "worse than {}", "undecided": "undecided against {}",
    "one training each": "not to be told from {}, of one training each", "no test": "not tested against {}",
}  # fmt: skip


def clean(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of clean audio, completed."""
    return of_clean_audio(complete(summary))


def row_groups(rows: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """The names of the encoders, and under a heading those of the floors, in their order."""
    roles = rows.drop_duplicates("encoder").sort_values("encoder")
    encoders, floors = (list(roles["encoder"][roles["role"] == role].astype("str")) for role in ("encoder", "floor"))
    return [("", encoders), ("floors" if encoders else "", floors)]


def scores(
    summary: pd.DataFrame, comparisons: pd.DataFrame | None = None, headlines: bool = False, marks: Mapping[str, str] | None = None
) -> Table:
    """Encoders as rows and task x metric as columns, floors below; in bold the best encoder of a column, where it is better than the next.

    summary: as summary.csv; only its clean audio counts. comparisons: as comparisons.csv; without, nothing is in bold. headlines: only the
    first metric of each task. marks: by the title of a column, what stands after it.
    """
    rows = clean(summary)
    groups = row_groups(rows)
    shown = [panel for panel in panels(rows) if panel.headline or not headlines]
    rows = rows.assign(at=places(rows, shown))
    rows = rows[rows["value"].notna() & rows["at"].notna()]
    heads = [(f"{panel.title}{(marks or {}).get(panel.title, '')}", panel.metric) for panel in shown]
    return of_scores(rows, heads, groups, bold=surely_best(rows, comparisons))


def surely_best(rows: pd.DataFrame, comparisons: pd.DataFrame | None) -> list[bool]:
    """Of each row whether it is that of the best encoder of its column (`at`), and called better than the next in the comparisons."""
    best = dict.fromkeys(rows.index, False)
    known = {} if comparisons is None or not len(comparisons) else verdicts_by_pair(complete(comparisons))
    encoders = rows[(rows["role"] == "encoder") & (rows["value"].abs() < math.inf)]
    for _, column in encoders.sort_values("value", ascending=False).groupby("at"):
        if len(column) > 1:
            of = tuple(column[["task", "dataset", "metric"]].iloc[0])
            first, second = column["encoder"].astype("str").iloc[:2]
            best[column.index[0]] = known.get((first, second, *of)) == "better" or known.get((second, first, *of)) == "worse"
    return list(best.values())


def verdicts_by_pair(comparisons: pd.DataFrame) -> dict[tuple[str, ...], str]:
    """By encoder, baseline, task, data set and metric. comparisons: completed."""
    pairs = comparisons[["encoder", "baseline", "task", "dataset", "metric"]].astype("str")
    return dict(zip(pairs.itertuples(index=False, name=None), verdicts(comparisons), strict=True))


def difference(value: float, low: float, high: float) -> str:
    """'+0.042 [+0.011, +0.073]'; without an interval where there is none."""
    if math.isnan(value):
        return NONE
    signed = [("" if x < 0 else "+") + number(x) for x in (value, low, high)]
    return signed[0] if math.isnan(low) or math.isnan(high) else f"{signed[0]} [{signed[1]}, {signed[2]}]"


def verdicts(rows: pd.DataFrame) -> list[str]:
    """Of each difference. rows: difference, p_holm, one_training, baseline_one_training; of runs of before, which have no p_holm, the
    interval decides."""
    names = ["difference", "p_holm", "ci_low", "ci_high", "one_training", "baseline_one_training"]
    return [_verdict(*row) for row in rows[names].itertuples(index=False)]


def _verdict(difference: float, p: float, low: float, high: float, one: int, one_of_baseline: int) -> str:
    """'better' or 'worse' where the corrected p is below SIGNIFICANT, 'undecided' where it is not; of two encoders that were trained once
    each nothing can be said, however sure it is of these two trainings."""
    if math.isnan(difference) or math.isnan(low):
        return "no test"
    if one in (1, 2) and one_of_baseline in (1, 2):
        return "one training each"
    undecided = low <= 0 <= high if math.isnan(p) else p >= SIGNIFICANT
    return "undecided" if undecided or difference == 0 else "better" if difference > 0 else "worse"


def p_values(rows: pd.DataFrame) -> list[str]:
    return [NONE if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}" for p in rows["p_holm"]]


def comparisons(frame: pd.DataFrame) -> Table:
    """A line for every paired difference, with a verdict in words. frame: as comparisons.csv."""
    rows = complete(frame).sort_values(["task", "dataset", "metric_place", "baseline", "encoder"])
    about = {"task": rows["task"].astype("str") + " on " + rows["dataset"].astype("str"), "metric": rows["metric"]}
    return of_differences(rows, about)


def brief(frame: pd.DataFrame) -> Table:
    """As `comparisons`, of headline metrics, without the numbers of clips and seeds; of all metrics where none is a headline."""
    rows = complete(frame)
    table = comparisons(rows[rows["headline"]] if rows["headline"].any() else rows)
    return table.part(columns=range(len(table.cells.columns) - 2))


def of_differences(rows: pd.DataFrame, about: Mapping[Any, Iterable[object]]) -> Table:
    """A line for each row. about: the columns that say what was compared."""
    of_baseline = rows["baseline_seeds"] if "baseline_seeds" in rows else [0] * len(rows)  # 0: not known
    return of_text(
        {
            **about,
            **{name: rows[name] for name in ("encoder", "baseline")},
            "difference": [difference(*row) for row in rows[["difference", "ci_low", "ci_high"]].itertuples(index=False)],
            "p (Holm)": p_values(rows),
            "the encoder is": verdicts(rows),
            "detectable": [NONE if math.isnan(x) else number(x) for x in rows["detectable"]],
            "test clips": rows["n_test"],
            "seeds": [f"{n} and {m}" if m else str(n) for n, m in zip(rows["n_seeds"], of_baseline, strict=True)],
        },
        scored=[len(about) + 2],
    )


def sweep(summary: pd.DataFrame, points: pd.DataFrame) -> Table | None:
    """A row per variant with its values, then what was not swept; a column per task, headline metric. None where nothing was swept.

    points: the variants by encoder and name, a column per option (see results.merging.Results).
    """
    table = scores(summary, headlines=True)
    label, *heads = table.cells.columns
    cells = table.cells.set_index(label)
    swept = points[points.index.get_level_values("name").isin(cells.index)]
    if not len(swept):
        return None
    variants = list(swept.index.get_level_values("name"))
    rest = [name for name in cells.index if name not in variants]
    marks = [OVERLAP_MARK if name.endswith(OVERLAP_MARK) else "" for name in variants]
    names = [f"{encoder}{mark}" for encoder, mark in zip(swept.index.get_level_values("encoder"), marks, strict=True)]
    options = {str(option): [*map(_in_words, values), *[NONE] * len(rest)] for option, values in swept.items()}
    shown = cells.loc[[*variants, *rest]]
    scored: dict[Any, Any] = {head: shown.iloc[:, i] for i, head in enumerate(heads)}
    places = range(1 + len(options), 1 + len(options) + len(scored))
    return of_text({"encoder": [*names, *rest], **options, **scored}, scored=places)


def _in_words(value: Any) -> str:
    return NONE if value is None or value != value else f"{value:g}" if isinstance(value, (int, float)) else str(value)
