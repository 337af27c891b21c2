"""The tables of corrupted audio: robustness scores, retained performance, the scores themselves, paired comparisons, equivariance.

In every function a frame is as the CSV file that its parameter is called after.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mirbench.notation import in_unit
from mirbench.records import ALL, CLEAN, FAMILIES, FAMILY, NATURAL_SHIFT, OTHER_RECORDINGS, SEEN, UNSEEN
from mirbench.reporting.tables.scores import clean, of_differences, row_groups, surely_best, verdicts
from mirbench.reporting.tables.table import Table, of_scores, of_text
from mirbench.reporting.words import NONE, cell, fewer_tasks, mean_of, natural_shifts, number, panels, places, span
from mirbench.results.order import are_means, complete

if TYPE_CHECKING:
    import pandas as pd

TITLES = {
    "retained": "Retained performance", "clean_ce": "Error on clean audio", "mce": "mCE", "relative_mce": "Relative mCE",
}  # fmt: skip
BETWEEN = "\x1f"  # a corruption and an encoder, in the name of a row
CLEAN_SCORE = "clean score"
WORST = "Retained performance: the mean, and the worst"


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
    """Encoders and floors as rows, tasks and their mean as columns. A table for each of words.MEASURES and each mean that is known: over
    unseen families, seen ones, and all; called after the measure, such as `retained_unseen`, `retained_seen`, `retained`; and one of what
    is retained under each natural shift, such as `retained_on_mini-shifted`. A title says of how many tasks a mean is that is not of all.

    comparisons: as robustness_comparisons.csv, for what is in bold.
    """
    rows = means(robustness).drop_duplicates(["measure", "encoder", "task", "dataset", "corruption"])  # of baselines the first
    whole, made = mean_of(rows), {}
    shifts = natural_shifts(rows)
    shown = panels(rows[rows["corruption"].isin([whole, *shifts])])
    heads = [("mean", "over tasks") if panel.task == ALL else (panel.title, panel.metric) for panel in shown]
    tasks = sum(panel.task != ALL for panel in shown)
    for measure, label in TITLES.items():
        for over in (CLEAN,) if measure == "clean_ce" else (UNSEEN, SEEN, whole, *(shifts if measure == "retained" else ())):
            of_measure = rows[(rows["measure"] == measure) & (rows["corruption"] == over)]
            better = "higher is better" if measure == "retained" else f"{baseline(robustness)} = 1, lower is better"
            if len(of_measure) and shown:
                known = of_measure.assign(at=places(of_measure, shown)).dropna(subset=["value", "at"])
                bold = surely_best(known, _compared(comparisons, measure, over))
                title = ", ".join([label, *([] if over in (CLEAN, ALL) else [_told(of_measure, over)])])
                better += f"; mean over {fewer} of {tasks} tasks" if (fewer := fewer_tasks(of_measure, tasks)) else ""
                key = f"{measure}_{over.split()[0]}" if over in (UNSEEN, SEEN) else f"{measure}_on_{over}" if over in shifts else measure
                made[key] = of_scores(known, heads, row_groups(of_measure), bold=bold, title=f"{title} ({better})")
    return made


def _compared(comparisons: pd.DataFrame | None, measure: str, over: str) -> pd.DataFrame | None:
    """Of ratios to a baseline there are none."""
    return None if comparisons is None else comparisons[(comparisons["corruption"] == over) & (comparisons["measure"] == measure)]


def _told(rows: pd.DataFrame, over: str) -> str:
    """A mean over families, of some with their names, where they are known."""
    families = _families(rows) if over in (UNSEEN, SEEN) else []
    return f"{over}: {', '.join(families)}" if families else over


def _families(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(" ".join(rows["families"]).split()))


def worst(robustness: pd.DataFrame) -> Table | None:
    """Retained performance over all families, and beside it the lowest of a family, of a corruption and of a severity. A line for each
    task and encoder; None where no mean is over families."""
    rows = complete(robustness)
    rows = rows[(rows["measure"] == "retained") & (rows["task"] != ALL)].dropna(subset="value")
    rows = rows[rows["counted"].fillna(True)]
    over, of_mean = rows["corruption"].astype("str"), rows["severity"] == 0
    lowest = {
        "worst family": rows[of_mean & over.isin([FAMILY.format(name) for name in _families(rows)])],
        "worst corruption": rows[of_mean & ~are_means(rows)],
        "worst severity": rows[~of_mean & (over == FAMILIES)],
    }
    whole = rows[of_mean & (over == FAMILIES)]
    lines: list[list[str]] = []
    headings: dict[int, str] = {}
    for panel in panels(whole):
        headings[len(lines)] = f"{panel.title}, {panel.metric}"
        numbers = panel.of(whole)[["encoder", "value", "ci_low", "ci_high"]].itertuples(index=False)
        cells = {str(encoder): cell(*ends) for encoder, *ends in numbers}
        for name in [name for _, group in row_groups(panel.of(whole)) for name in group]:
            line = [name, cells[name]]
            for kind, candidates in lowest.items():
                found = panel.of(candidates)
                least = found[found["encoder"] == name].nsmallest(1, "value")
                named = least["severity" if kind == "worst severity" else "corruption"].astype("str").str.removeprefix(FAMILY.format(""))
                line.append(f"{number(least['value'].item())} ({named.item()})" if len(least) else NONE)
            lines.append(line)
    columns = zip(*lines, strict=True)
    heads = ("encoder", FAMILIES, *lowest)
    return of_text(dict(zip(heads, columns, strict=True)), headings=headings, title=WORST) if lines else None


def retained(robustness: pd.DataFrame, summary: pd.DataFrame | None = None) -> list[Table]:
    """A table for each task, and for their mean where it is known: corruptions as rows, family by family, unseen ones first; encoders as
    columns. With a summary the scores of clean audio, by which is divided what is above chance, are the first row."""
    import pandas as pd

    rows = means(robustness)
    on_clean = None if summary is None else clean(summary)
    rows = rows[rows["measure"] == "retained"]
    names = [name for _, group in row_groups(rows) for name in group]
    made = []
    for panel in panels(rows):
        known = panel.of(rows).dropna(subset="value")
        groups = _by_family(known)
        shown = [name for _, group in groups for name in group]
        if set(shown) - {UNSEEN, SEEN, mean_of(known)}:
            title = panel.title if panel.task == ALL else f"{panel.title}, {panel.metric}"
            placed = known.assign(at=[names.index(name) for name in known["encoder"]])
            placed = placed[placed["corruption"].isin(shown)].astype({"corruption": "str", "encoder": "str"})
            if on_clean is not None and panel.task != ALL:
                first = panel.of(on_clean).dropna(subset="value").assign(corruption=CLEAN_SCORE).astype({"encoder": "str"})
                first = first[first["encoder"].isin(names)]
                placed = pd.concat([first.assign(at=[names.index(name) for name in first["encoder"]]), placed])
                groups = [("", [CLEAN_SCORE]), *groups]
            made.append(of_scores(placed, [(name,) for name in names], groups, corner="corruption", title=title))
    return made


def _by_family(rows: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """The names of corruptions and means under headings, in the order of a table: families, unseen ones first, each with its mean; those
    of no known family; those that do not count; means."""
    over = rows["corruption"].astype("str")
    single = rows[~are_means(rows)].sort_values("corruption")
    aside = single["counted"].eq(False).fillna(False)
    family_of = dict(zip(single["corruption"].astype("str")[~aside], single["families"][~aside], strict=True))
    unseen, seen = (_families(rows[over == each]) for each in (UNSEEN, SEEN))
    order = [*unseen, *seen, *(_families(rows[over == FAMILIES]) if not unseen else [])]
    groups = []
    for family in [*order, ""]:
        mean = FAMILY.format(family)
        named = [name for name, of in family_of.items() if of == family or (not family and of not in order)]
        heading = f"{family}{' (unseen)' if family in unseen else ' (seen)' if family in seen else ''}"
        groups.append((heading, [*named, *([mean] if mean in set(over) else [])]))
    mean = "mean over families" if (over == FAMILIES).any() else "mean of those that count"
    if not single["counted"].notna().all():
        mean += ", which are not known here"
    last = [UNSEEN, SEEN, mean_of(rows)]
    natural = aside & (single["families"] == NATURAL_SHIFT)
    for heading, chosen in (("not counted", aside & ~natural), ("natural shift, in no mean", natural)):
        groups.append((heading, list(dict.fromkeys(single["corruption"][chosen].astype("str")))))
    groups.append((mean, [x for x in last if x in set(over)]))
    return [(heading, names) for heading, names in groups if names]


def corrupted(summary: pd.DataFrame) -> list[Table]:
    """A table for each task and corruption: encoders as rows; clean audio, then the levels, as columns. Headline metrics."""
    rows = complete(summary)
    return _by_level(rows[(rows["corruption"] != CLEAN) & rows["headline"]], clean(rows), count_clips=False)


def by_severity(summary: pd.DataFrame) -> list[Table]:
    """As corrupted, a table for each task alone: severities as columns, and encoders as rows below each corruption and its levels."""
    import pandas as pd

    rows = complete(summary)
    first, rows = clean(rows), rows[(rows["corruption"] != CLEAN) & rows["headline"]]
    made = []
    for panel in panels(rows):
        corrupted, groups, parts = panel.of(rows).dropna(subset="value"), [], []
        severities = sorted({0, *corrupted["severity"]})
        for name, of_corruption in corrupted.groupby("corruption", observed=True):
            scored = [each for _, names in row_groups(of_corruption) for each in names]
            levels = of_corruption.drop_duplicates("severity").sort_values("severity")
            unit = levels["unit"].iloc[0]
            told = unit if unit == OTHER_RECORDINGS or levels["level"].isna().any() else in_unit(levels["level"].tolist(), unit)
            of_clean = panel.of(first)
            together = pd.concat([of_clean[of_clean["encoder"].isin(scored)], of_corruption])
            parts.append(together.assign(row=[f"{name}{BETWEEN}{each}" for each in together["encoder"]]))
            groups.append((f"{name}{f' ({told})' if told else ''}", [f"{name}{BETWEEN}{each}" for each in scored]))
        placed = pd.concat(parts).dropna(subset="value")
        placed = placed.assign(at=[severities.index(severity) for severity in placed["severity"]])
        heads = [(f"severity {severity}",) if severity else ("clean",) for severity in severities]
        table = of_scores(placed, heads, groups, corner="row", title=f"{panel.title}, {panel.label.partition(' (')[0]}")
        cells = table.cells.set_axis([("encoder",), *table.cells.columns[1:]], axis=1)
        cells.isetitem(0, [row.partition(BETWEEN)[2] for row in cells.iloc[:, 0]])
        made.append(replace(table, cells=cells, numbers=None))
    return made


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
    """The level and the severity; where the level is not known (nan) the severity alone, and of other recordings that they are."""
    if unit == OTHER_RECORDINGS:
        return (unit,)
    return (f"severity {severity}",) if math.isnan(level) else (in_unit([level], unit), f"severity {severity}")


def comparisons(robustness_comparisons: pd.DataFrame, decided: bool = True) -> Table:
    """The differences over all corruptions, then, if wanted, the decided ones of one corruption, a line each."""
    rows = complete(robustness_comparisons)
    rows = rows.assign(
        verdict=verdicts(rows),
        single=~are_means(rows),
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
