"""The tables of clean audio: scores, paired differences, and what was swept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mirbench.records import OVERLAP_MARK
from mirbench.reporting.tables.table import Table, of_scores, of_text
from mirbench.reporting.words import NONE, number, of_clean_audio, panels, places
from mirbench.results.order import complete

if TYPE_CHECKING:
    import pandas as pd


def clean(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of clean audio, completed."""
    return of_clean_audio(complete(summary))


def row_groups(rows: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """The names of the encoders, and under a heading those of the floors, in their order."""
    roles = rows.drop_duplicates("encoder").sort_values("encoder")
    encoders, floors = (list(roles["encoder"][roles["role"] == role].astype("str")) for role in ("encoder", "floor"))
    return [("", encoders), ("floors" if encoders else "", floors)]


def scores(summary: pd.DataFrame, headlines: bool = False) -> Table:
    """Encoders as rows and task x metric as columns, floors below; the best encoder of a column in bold.

    summary: as summary.csv; only its clean audio counts. headlines: only the first metric of each task.
    """
    rows = clean(summary)
    groups = row_groups(rows)
    shown = [panel for panel in panels(rows) if panel.headline or not headlines]
    rows = rows.assign(at=places(rows, shown))
    rows = rows[rows["value"].notna() & rows["at"].notna()]
    return of_scores(rows, [(panel.title, panel.metric) for panel in shown], groups, better="max")


def difference(value: float, low: float, high: float) -> str:
    """'+0.042 [+0.011, +0.073]'; without an interval where there is none."""
    if math.isnan(value):
        return NONE
    signed = [("" if x < 0 else "+") + number(x) for x in (value, low, high)]
    return signed[0] if math.isnan(low) or math.isnan(high) else f"{signed[0]} [{signed[1]}, {signed[2]}]"


def verdict(low: float, high: float) -> str:
    """'better' or 'worse' where the whole interval is on one side of zero, 'undecided' where it is not."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    return "undecided" if low <= 0 <= high else "better" if low > 0 else "worse"


def comparisons(frame: pd.DataFrame) -> Table:
    """A line for every paired difference, with a verdict in words. frame: as comparisons.csv."""
    rows = complete(frame).sort_values(["task", "dataset", "metric_place", "baseline", "encoder"])
    about = {"task": rows["task"].astype("str") + " on " + rows["dataset"].astype("str"), "metric": rows["metric"]}
    return of_differences(rows, about, [verdict(*row) for row in rows[["ci_low", "ci_high"]].itertuples(index=False)])


def of_differences(
    rows: pd.DataFrame, about: Mapping[Any, Iterable[object]], verdicts: Iterable[str], tests: Mapping[Any, Iterable[object]] | None = None
) -> Table:
    """A line for each row. about: the columns that say what was compared. verdicts: in words; tests: the columns before them."""
    return of_text(
        {
            **about,
            **{name: rows[name] for name in ("encoder", "baseline")},
            "difference": [difference(*row) for row in rows[["difference", "ci_low", "ci_high"]].itertuples(index=False)],
            **(tests or {}),
            "the encoder is": verdicts,
            "test clips": rows["n_test"],
            "seeds": rows["n_seeds"],
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
