"""Figures of points with intervals: every score beside the floors, every paired difference beside zero, every mCE beside one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mirbench.errors import MirbenchError
from mirbench.records import ALL, CLEAN, MAJORITY, SEEN, UNSEEN
from mirbench.reporting.figures import style
from mirbench.reporting.tables.scores import verdicts
from mirbench.reporting.words import (
    RATIOS,
    SIGNIFICANT,
    Panel,
    caveats,
    joined_by,
    mean_of,
    natural_shifts,
    of_clean_audio,
    panels,
    size,
    tasks_in_mean,
)
from mirbench.results.order import own_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Drawn = list[tuple[Panel, pd.DataFrame]]

FLOOR_LINES: dict[str, Any] = {MAJORITY: ("--", "majority class (dashed)"), "untrained": (":", "untrained encoder (dotted)")}
EXPLAINED = {
    "clean_ce": "errors on clean audio",
    "mce": "errors summed over severities (mCE)",
    "relative_mce": "the rise of errors over those on clean audio (relative mCE)",
}
ACROSS, LEAST, MOST_ROWS_HIGH = 4, 1.0, 6.8  # panels beside each other, inches of one, and of its rows on a page
LEAST_RATIO = 0.8  # inches of a panel of ratios


class _Row(NamedTuple):
    """group: of rows that no line divides."""

    name: str
    label: str
    look: style.Look
    group: Any


@style.settings()
def comparison(summary: pd.DataFrame, metrics: Literal["headline", "all"] = "headline") -> Figure:
    """A panel per task and metric, a row per encoder; the majority class and the untrained encoder are lines across all rows.

    summary: as summary.csv. Raises MirbenchError where it has no scores of clean audio, and ValueError for other metrics.
    """
    from matplotlib.lines import Line2D

    if metrics not in ("headline", "all"):
        raise ValueError(f"metrics is 'headline' or 'all', not {metrics!r}")
    summary, looks = style.prepared(summary)
    clean = of_clean_audio(summary).assign(hollow=summary["role"] == "floor")
    if clean.empty:
        raise MirbenchError("the summary has no scores of clean audio; give one that has some.")
    rows = _rows_of(clean, looks)
    shown = [p for p in panels(clean) if p.headline or metrics == "all"]
    own = {own_name(row.name) for row in rows}
    colours = {own_name(row.name): row.look.colour for row in rows}
    handles = [Line2D([], [], linestyle=s, color=colours[name], label=text) for name, (s, text) in FLOOR_LINES.items() if name in own]
    point = Line2D(
        [], [], color=style.GREY, linewidth=1.4, marker="o", markersize=4, label="mean over seeds, 95 % interval; small: single seeds"
    )
    drawn: Drawn = [(p, clean) for p in shown]
    figure, panels_of = _dots(drawn, "encoder", rows, "not scored", across=columns_of(len(shown)))
    for axis, (panel, _), _ in panels_of:
        for name, value in panel.of(clean)[["encoder", "value"]].dropna().itertuples(index=False):
            if own_name(name) in FLOOR_LINES:
                dashes, _ = FLOOR_LINES[own_name(name)]
                axis.axvline(value, linestyle=dashes, color=looks[name].colour, linewidth=1, zorder=1, gid=f"line:{name}")
    return style.finish(figure, [*handles, point], _data(drawn), notes=caveats(clean))


@style.settings()
def differences(comparisons: pd.DataFrame, points: pd.DataFrame | None = None) -> Figure | None:
    """A panel per task, a row per encoder and baseline; headline metrics, or all where those were not compared. None without differences.

    The majority class, so far below that it would flatten all else, is left to the table where there are others to be compared with,
    and so are, of a sweep with its many rows, all floors where there are encoders to be compared with. comparisons: as comparisons.csv.
    points: the variants of a sweep, as Results has them.
    """
    comparisons, looks = style.prepared(comparisons)
    comparisons = comparisons.assign(hollow=[verdict not in ("better", "worse") for verdict in verdicts(comparisons)])
    shown = comparisons[comparisons["difference"].notna() | (comparisons["infinite"] != "")].rename(columns={"difference": "value"})
    shown = _without(shown, shown["baseline"].astype("str").map(own_name) == MAJORITY)
    if points is not None and len(points):
        shown = _without(shown, shown["baseline_role"] == "floor")
    shown = _without(shown, ~shown["headline"])
    if shown.empty:
        return None
    shown = shown.assign(
        pair=[f"{a}:{b}" for a, b in zip(shown["encoder"], shown["baseline"], strict=True)],
        label=[f"difference in {label}" for label in shown["label"]],
    )
    pairs = [(a, b) for b in looks for a in looks if f"{a}:{b}" in set(shown["pair"])]
    labels = [f"{a} − {b}" for a, b in pairs]
    if max(map(len, labels)) > style.name_width() + 4:
        labels = [f"{style.row_label(a)}\n− {style.row_label(b)}" for a, b in pairs]
    grouped = len(pairs) > shown["baseline"].nunique()
    rows = [_Row(f"{a}:{b}", label, looks[a], b if grouped else "") for label, (a, b) in zip(labels, pairs, strict=True)]
    why = f"p (Holm) is not below {SIGNIFICANT:g}" if shown["p_holm"].notna().any() else "the 95 % paired interval contains zero"
    note = f"Right of zero: the encoder named first is better. Hollow: undecided, {why}, or one training each. Small: single seeds."
    drawn: Drawn = [(p, shown) for p in panels(shown)]
    figure, panels_of = _dots(drawn, "pair", rows, "not compared", across=columns_of(len(drawn)))
    for axis, *_ in panels_of:
        axis.axvline(0, color="black", linewidth=0.8, zorder=1, gid="zero")
    return style.finish(figure, [], _data(drawn), notes=[note, *caveats(shown)])


@style.settings()
def robustness(robustness: pd.DataFrame) -> Figure | None:
    """Panels of retained performance over unseen and over seen families, where they are told apart, and on other recordings of the test
    clips, of errors on clean audio, mCE and relative mCE, in lines of their own: one per task and their mean, a row per encoder. None
    without any ratio.

    robustness: as robustness.csv.
    """
    robustness, looks = style.prepared(robustness)
    whole = robustness[robustness["severity"] == 0]
    kept = whole[whole["measure"] == "retained"]
    retained = {f"retained, {over}": kept[kept["corruption"] == over] for over in (UNSEEN, SEEN)}
    retained |= {f"retained on {name}": kept[kept["corruption"] == name] for name in natural_shifts(kept)}
    ratios = whole[whole["measure"].isin([*RATIOS]) & whole["corruption"].isin([mean_of(robustness), CLEAN])]
    baselines = " or ".join(dict.fromkeys(name for name in ratios["baseline"] if name))
    ratios = ratios.drop_duplicates(["encoder", "task", "dataset", "measure"])  # of several runs with others each, the first
    ratios = ratios.assign(hollow=ratios["role"] == "floor")
    tasks = [p for p in panels(ratios) if p.task != ALL]
    columns = [*tasks, *(p for p in panels(ratios) if p.task == ALL and len(tasks) > 1)]
    if not columns:
        return None
    of_means = "corruptions" if mean_of(robustness) == ALL else "families of corruptions"
    lines = {f"{label} (higher is better)": rows.assign(hollow=rows["role"] == "floor") for label, rows in retained.items()}
    lines |= {f"{label} (ratio, lower is better)": ratios[ratios["measure"] == measure] for measure, label in RATIOS.items()}
    every = [(p._replace(label=label), rows) for label, rows in lines.items() if len(rows) for p in columns]
    drawn: Drawn = [(panel, rows) for panel, rows in every if panel.of(rows)["value"].notna().any()]
    empty = [panel for panel, rows in every if not panel.of(rows)["value"].notna().any()]
    if not drawn:
        return None
    of_retained = (
        "Retained: the share that is left of a score above chance, the line at 1 is all. " if any(map(len, retained.values())) else ""
    )
    explained = "; ".join(what for measure, what in EXPLAINED.items() if (ratios["measure"] == measure).any())
    note = (
        f"{of_retained}Ratios: lower is better; the line at 1 is {baselines}. Relative to its own: {explained}; mean over {of_means}. 95 % "
        "paired intervals; an arrow: beyond the axis. Hollow: floors. Small: single seeds."
    )
    blocks = list(Counter(panel.label for panel, _ in drawn).values())
    names = _rows_of(ratios, looks)
    figure, panels_of = _dots(drawn, "encoder", names, "not defined", len(columns), LEAST_RATIO, blocks, len(tasks))
    for axis, (panel, rows), some in panels_of:
        axis.axvline(1, color="black", linewidth=0.8, zorder=1, gid="baseline")
        _cut(axis, panel.of(rows).set_index("encoder"), some)
    return style.finish(figure, [], _data(drawn), notes=[note, *_left_out(empty, baselines), *caveats(ratios)])


def _left_out(empty: Sequence[Panel], baselines: str) -> list[str]:
    """A sentence for each measure of which panels would have nothing to show, and why."""
    why = {"retained": "no encoder is surely above chance there on clean audio"}
    panels_of: dict[str, list[str]] = {}
    for panel in empty:
        panels_of.setdefault(panel.label.partition(" (")[0], []).append(panel.title)
    return [
        f"No panel of {label} for {joined_by('and', titles)}: "
        f"{why.get(label[:8], f'{baselines} loses hardly anything there, and what others lose cannot be divided by it')}."
        for label, titles in panels_of.items()
    ]


def _rows_of(frame: pd.DataFrame, looks: style.Looks) -> list[_Row]:
    return [_Row(name, style.row_label(name), looks[name], looks[name].floor) for name in style.among(looks, frame["encoder"])]


def _without(rows: pd.DataFrame, aside: pd.Series[bool]) -> pd.DataFrame:
    """The other rows, where there are any."""
    return rows if aside.all() else rows[~aside]


def _cut(axis: Axes, points: pd.DataFrame, rows: Sequence[_Row]) -> None:
    """The axis has every point and 1, and intervals and single seeds as far beyond as these are apart, or twice the usual width of an
    interval; those beyond get arrows."""
    low, high = min(1.0, points["value"].min()), max(1.0, points["value"].max())
    reach = max(high - low, 2 * (points["ci_high"] - points["ci_low"]).median()) or 0.1
    numbers = points.dropna(subset="value")[["ci_low", "ci_high", "by_seed"]].itertuples()
    drawn = {name: [x for x in (*ends, *style.seeds(by_seed)) if x == x] for name, *ends, by_seed in numbers}
    every = [low, high, *itertools.chain(*drawn.values())]
    low, high = max(min(every), low - reach), min(max(every), high + reach)
    edge = 0.06 * (high - low) or 0.06
    axis.set_xlim(low - edge, high + edge)
    for place, row in enumerate(rows):
        ours = drawn.get(row.name, [])
        for arrow, end, beyond in (("<", low - edge, min(ours, default=low) < low), (">", high + edge, max(ours, default=high) > high)):
            if beyond:
                axis.plot([end], [place], color=row.look.colour, marker=arrow, markersize=4.5, zorder=4, clip_on=False)


def columns_of(panels: int) -> int:
    """How many panels stand side by side at the most."""
    return panels if panels <= 2 else 2 if panels == 4 else 3


def _data(drawn: Drawn) -> pd.DataFrame:
    """The rows of what was drawn, panel by panel; axis: what is measured."""
    import pandas as pd

    return pd.concat([panel.of(rows).assign(axis=panel.label) for panel, rows in drawn])


def _dots(
    drawn: Drawn, by: str, rows: list[_Row], missing: str, across: int, least: float = LEAST, blocks: Sequence[int] = (), tasks: int = 0
) -> tuple[Figure, list[tuple[Axes, tuple[Panel, pd.DataFrame], list[_Row]]]]:
    """Panels of frames with value, ci_low, ci_high and hollow that share their rows, with what stands in each; many rows stand in parts.

    by: the column with the name of the row. missing: what is said where there is no value. across, least: as of a layout. blocks: how many
    panels stand together, each number of which begins a new line; nothing: all do. tasks: that means over tasks may be over."""
    from matplotlib.ticker import MaxNLocator

    high = style.row_height(row.label for row in rows)
    parts = style.chunks(len(rows), int(MOST_ROWS_HIGH / high))
    shown = [(about, rows[part.start : part.stop]) for part in parts for about in drawn]
    figure, places = style.canvas(
        [high * len(some) for _, some in shown], across, least, blocks=[*(blocks or [len(drawn)])] * len(parts), shared=True
    )
    for axis, (about, some) in zip(places, shown, strict=True):
        panel, points = about[0], about[0].of(about[1])
        axis.set(yticks=range(len(some)), yticklabels=[row.label for row in some], ylim=(len(some) - 0.5, -0.5))
        style.heading(axis, panel.title, size(points) if panel.task != ALL else tasks_in_mean(about[1], tasks))
        axis.set_xlabel(panel.label)
        axis.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10], min_n_ticks=2))
        axis.tick_params(axis="y", length=0)
        axis.margins(x=0.08)
        points = points.set_index(by).reindex([row.name for row in some])
        colours = [row.look.colour for row in some]
        axis.hlines(range(len(some)), points["ci_low"], points["ci_high"], colours, linewidth=1.4, zorder=2).set_gid("intervals")
        numbers = points[["value", "hollow", "infinite", "by_seed"]].fillna({"infinite": "", "by_seed": ""}).itertuples(index=False)
        for place, (row, (value, hollow, infinite, by_seed)) in enumerate(zip(some, numbers, strict=True)):
            if value == value:
                seeds = style.seeds(by_seed)
                small: Any = {"color": row.look.colour, "markersize": 1.8, "alpha": 0.75, "linestyle": "none", "zorder": 3}
                axis.plot(seeds, [place + 0.25] * len(seeds), "o", gid=f"seeds:{row.name}", **small)
                mark: Any = {"color": row.look.colour, "markerfacecolor": "white" if hollow else row.look.colour, "markeredgewidth": 1.1}
                axis.plot([value], [place], row.look.marker, markersize=4.8, zorder=3, gid=f"point:{row.name}", **mark)
            else:
                ground = {"facecolor": "white", "edgecolor": "none", "pad": 1}
                middle: Any = {"transform": axis.get_yaxis_transform(), "ha": "center", "va": "center"}
                axis.text(0.5, place, infinite or missing, color=style.GREY, fontsize=style.SMALL, bbox=ground, **middle)
        for place, (one, other) in enumerate(itertools.pairwise(some)):
            if one.group != other.group:
                axis.axhline(place + 0.5, color="#BBBBBB", linewidth=0.6, zorder=0)
    return figure, list(zip(places, *zip(*shown, strict=True), strict=True))  # type: ignore[arg-type]
