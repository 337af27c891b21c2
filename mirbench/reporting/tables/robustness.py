"""The tables of corrupted audio: robustness scores, retained performance, the scores themselves, paired comparisons, equivariance.

In every function a frame is as the CSV file that its parameter is called after.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mirbench.notation import in_unit
from mirbench.records import ALL, CLEAN
from mirbench.reporting.tables.scores import clean, of_differences, row_groups, surely_best, verdicts
from mirbench.reporting.tables.table import Table, of_scores
from mirbench.reporting.words import panels, places, span
from mirbench.results.order import complete

if TYPE_CHECKING:
    import pandas as pd


def means(robustness: pd.DataFrame) -> pd.DataFrame:
    """The rows of all severities together; those of the mean over tasks only where there are several."""
    rows = complete(robustness)
    rows = rows[rows["severity"] == 0]
    tasks = rows.loc[rows["task"] != ALL, ["task", "dataset"]].drop_duplicates()
    return rows if len(tasks) > 1 else rows[rows["task"] != ALL]


def baseline(robustness: pd.DataFrame) -> str:
    """What mCE is relative to; of runs merged there may be several."""
    return " or ".join(name for name in complete(robustness)["baseline"].astype("str").unique() if name) or "the baseline"


def by_measure(robustness: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> dict[str, Table]:
    """Encoders and floors as rows, tasks and their mean as columns, a table for each of words.MEASURES. comparisons: as
    robustness_comparisons.csv, for what is in bold."""
    compared = None if comparisons is None else comparisons[(comparisons["corruption"] == ALL) & (comparisons["measure"] == "retained")]
    rows = means(robustness)
    rows, made = rows[rows["corruption"] == ALL].drop_duplicates(["measure", "encoder", "task", "dataset"]), {}  # of baselines the first
    shown = panels(rows)
    heads = [("mean", "over tasks") if panel.task == ALL else (panel.title, panel.metric) for panel in shown]
    relative = f"({baseline(robustness)} = 1, lower is better)"
    titles = {"mce": f"mCE {relative}", "relative_mce": f"Relative mCE {relative}", "retained": "Retained performance (higher is better)"}
    for measure, title in titles.items():
        of_measure = rows[rows["measure"] == measure]
        known = of_measure.assign(at=places(of_measure, shown)).dropna(subset="value")
        if len(of_measure):
            bold = surely_best(known, compared) if measure == "retained" else ()  # ratios to a baseline are not tested
            made[measure] = of_scores(known, heads, row_groups(of_measure), bold=bold, title=title)
    return made


def retained(robustness: pd.DataFrame) -> list[Table]:
    """A table for each task, and for their mean where it is known: corruptions as rows, encoders as columns."""
    rows = means(robustness)
    rows = rows[rows["measure"] == "retained"]
    names = [name for _, group in row_groups(rows) for name in group]
    made = []
    for panel in panels(rows):
        known = panel.of(rows).dropna(subset="value")
        single = known[known["corruption"] != ALL].sort_values("corruption")
        aside = single["counted"].eq(False).fillna(False)
        counted, others = (list(single["corruption"][each].astype("str").unique()) for each in (~aside, aside))
        mean = "mean of those that count" if single["counted"].notna().all() else "mean of those that count, which are not known here"
        groups = (("", counted), ("not counted", others), (mean, [ALL] if (known["corruption"] == ALL).any() else []))
        if counted or others:
            title = panel.title if panel.task == ALL else f"{panel.title}, {panel.metric}"
            placed = known.assign(at=[names.index(name) for name in known["encoder"]])
            made.append(of_scores(placed, [(name,) for name in names], groups, corner="corruption", title=title))
    return made


def corrupted(summary: pd.DataFrame) -> list[Table]:
    """A table for each task and corruption: encoders as rows; clean audio, then the levels, as columns. Headline metrics."""
    rows = complete(summary)
    return _by_level(rows[(rows["corruption"] != CLEAN) & rows["headline"]], clean(rows), count_clips=False)


def equivariance(equivariance: pd.DataFrame, summary: pd.DataFrame) -> list[Table]:
    """As corrupted, of every metric, with labels shifted along; each column says how many clips are left."""
    return _by_level(complete(equivariance), clean(summary), count_clips=True)


def _by_level(rows: pd.DataFrame, on_clean: pd.DataFrame, count_clips: bool) -> list[Table]:
    import pandas as pd

    groups, made = row_groups(rows), []
    for panel in panels(rows):
        first = panel.of(on_clean)
        for name, of_corruption in panel.of(rows).groupby("corruption", observed=True):
            scored = set(of_corruption["encoder"])
            together = pd.concat([first[first["encoder"].isin(scored)], of_corruption]).dropna(subset="value")
            severities = sorted({0, *of_corruption["severity"]})
            levels = {s: about for s, *about in of_corruption[["severity", "level", "unit"]].itertuples(index=False)}
            heads = [head_of(severity, *levels[severity]) if severity else ("clean",) for severity in severities]
            if count_clips:
                clips = [together["n_test"][together["severity"] == severity] for severity in severities]
                heads = [(*head, span(counts, "clip")) for head, counts in zip(heads, clips, strict=True)]
            placed = together.assign(at=[severities.index(severity) for severity in together["severity"]])
            title = f"{panel.title}, {panel.metric}: {name}{'' if of_corruption['counted'].all() else ' (not counted)'}"
            shown = [(heading, [name for name in names if name in scored]) for heading, names in groups]
            made.append(of_scores(placed, heads, shown, title=title))
    return made


def head_of(severity: int, level: float, unit: str) -> tuple[str, ...]:
    """The level and the severity, or the severity alone where the level is not known (nan)."""
    return (f"severity {severity}",) if math.isnan(level) else (in_unit([level], unit), f"severity {severity}")


def comparisons(robustness_comparisons: pd.DataFrame, decided: bool = True) -> Table:
    """The differences over all corruptions, then, if wanted, the decided ones of one corruption, a line each."""
    rows = complete(robustness_comparisons)
    rows = rows.assign(
        verdict=verdicts(rows),
        single=rows["corruption"] != ALL,
        second=rows["measure"] != "score",
    )
    rows = rows[~rows["single"] | (decided & rows["verdict"].isin(["better", "worse"]))]
    rows = rows.sort_values(["single", "task", "dataset", "second", "corruption", "baseline", "encoder"])
    measures = {"score": "score ({})", "retained": "retained performance"}
    about: dict[str, Any] = {
        "measure": [measures.get(m, m).format(metric) for m, metric in zip(rows["measure"], rows["metric"], strict=True)],
        "task": ["mean over tasks" if t == ALL else f"{t} on {d}" for t, d in zip(rows["task"], rows["dataset"], strict=True)],
        "corruption": rows["corruption"],
    }
    return of_differences(rows, about)
