"""Robustness at a glance: mCE and relative mCE as bars, and a heat map of what each corruption leaves of each encoder's scores."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mirbench.records import ALL
from mirbench.reporting.board import Panel
from mirbench.reporting.corrupted import Corrupted, title
from mirbench.reporting.figures.curves import curves_figure
from mirbench.reporting.figures.style import GREY, SHADES, heading, marks, measure, row_label, settings
from mirbench.reporting.tables.layout import has_interval, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAR_COLUMNS = 5
BAR_WIDTH = 2.15  # inches of a panel of bars
FARTHEST, NEAREST = 1.5, 0.3  # an axis of bars ends at so many times its longest bar, and on the left of zero, however far a whisker goes
CELL_WIDTH, CELL_HEIGHT = 0.43, 0.27
GROUND = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
BAR_LABELS = {"mce": "mCE", "relative_mce": "relative mCE"}


def curves_name(panel: Panel) -> str:
    """The name of the figure of one task: letters that are unfit for a file name are quoted as in a URL."""
    return f"robustness-{quote(panel.task, safe='')}-{quote(panel.dataset, safe='')}"


def robustness_figures(corrupted: Corrupted | None) -> Iterator[tuple[str, Figure | None]]:
    """Each with its name; None for one that there is nothing to draw in."""
    yield "robustness", bars_figure(corrupted) if corrupted else None
    yield "retained", retained_figure(corrupted) if corrupted else None
    for panel in corrupted.panels if corrupted else ():
        yield curves_name(panel), curves_figure(corrupted, panel) if corrupted else None


def bars_figure(corrupted: Corrupted) -> Figure | None:
    """A line of panels for mCE and one for relative mCE, a panel per task and their mean, a row per encoder."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    measures = [m for m in BAR_LABELS if any(key[0] == m for key in corrupted.measures)]
    names = corrupted.measured(measures)
    columns = corrupted.columns()
    if not names or not columns:
        return None
    across = min(BAR_COLUMNS, len(columns))
    lines = math.ceil(len(columns) / across) * len(measures)
    labels = [row_label(name) for name in names]
    names_width = 0.08 * max(len(x) for label in labels for x in label.split("\n")) + 0.3
    row_height = 0.1 + 0.16 * max(label.count("\n") + 1 for label in labels)
    inner, gap = row_height * len(names), 1.25
    width = max(names_width + BAR_WIDTH * across, 5.6)
    note = (
        f"Lower is better; the line at 1 is {corrupted.baseline}. Error summed over severities, relative to its error (mCE) or to the rise "
        "of its error over clean audio (relative mCE), mean over corruptions. Whiskers: 95 % paired intervals; an arrow: beyond the "
        "axis. Hatched: floors."
    )
    wrapped = textwrap.wrap(note, int(14 * width))
    bottom = 0.8 + 0.16 * len(wrapped)
    height = 0.65 + lines * inner + (lines - 1) * gap + bottom
    with settings():
        figure = Figure(figsize=(width, height))
        for k, m in enumerate(measures):
            limits = _limits(corrupted, m, names, columns)
            for i, panel in enumerate(columns):
                line, column = divmod(i, across)
                line += k * math.ceil(len(columns) / across)
                x, y = names_width + column * BAR_WIDTH, height - 0.65 - inner - line * (inner + gap)
                axis = figure.add_axes((x / width, y / height, (BAR_WIDTH - 0.25) / width, inner / height))
                heading(axis, short(title(panel), 28), corrupted.board.size(panel) if panel else f"{len(columns) - 1} tasks")
                axis.set_yticks(range(len(names)), labels if column == 0 else [""] * len(names))
                axis.set_ylim(len(names) - 0.5, -0.5)
                axis.set_xlim(limits[0] - 0.04 * (limits[1] - limits[0]) * (limits[0] < 0), limits[1] + 0.04 * (limits[1] - limits[0]))
                axis.tick_params(axis="y", length=0)
                axis.set_xlabel(measure(f"{BAR_LABELS[m]} (ratio, lower is better)", 24))
                axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
                _bars(axis, corrupted, m, panel, names, limits)
        figure.text(0.5, 0.06 / height, "\n".join(wrapped), ha="center", va="bottom", fontsize=8.5, color=GREY)
    return figure


def _limits(corrupted: Corrupted, measure: str, names: Sequence[str], columns: Sequence[Panel | None]) -> tuple[float, float]:
    """The same axis for all panels of a measure: all bars and 1, and whiskers as far as FARTHEST allows."""
    rows = [r for p in columns for n in names if (r := corrupted.measure(measure, n, p))]
    longest = max([1.0, *(abs(r.value) for r in rows)])
    ends = [x for r in rows for x in (r.value, r.ci_low, r.ci_high) if not math.isnan(x)]
    high = min(max([1.0, *ends]), FARTHEST * longest)
    low = min([max(min([0.0, *ends]), -NEAREST * longest), *(r.value for r in rows)])
    return low, high


def _bars(axis: Axes, corrupted: Corrupted, m: str, panel: Panel | None, names: Sequence[str], limits: tuple[float, float]) -> None:
    mark = marks(corrupted.board)
    axis.axvline(1, color="black", linewidth=1, zorder=3, gid="baseline")
    axis.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    for row, name in enumerate(names):
        measured = corrupted.measure(m, name, panel)
        if measured is None:
            axis.text(
                0.5, row, "not defined", transform=axis.get_yaxis_transform(), ha="center", va="center", color=GREY, fontsize=8, bbox=GROUND
            )
            continue
        colour, _ = mark[name]
        look: dict[str, Any] = {"facecolor": colour, "alpha": 0.75}
        if name in corrupted.board.floors:
            look = {"facecolor": "white", "hatch": "////"}
        (bar,) = axis.barh(row, measured.value, height=0.62, zorder=2, linewidth=0.8, edgecolor=colour, **look)
        bar.set_gid(f"bar:{name}")
        if not has_interval(measured) or measured.ci_low == measured.ci_high:
            continue
        ends = max(measured.ci_low, limits[0]), min(measured.ci_high, limits[1])
        axis.hlines(row, *ends, color="black", linewidth=1.3, zorder=4).set_gid(f"interval:{name}")
        for end, cut, arrow in ((ends[0], measured.ci_low < limits[0], "<"), (ends[1], measured.ci_high > limits[1], ">")):
            axis.plot([end], [row], color="black", marker=arrow if cut else "|", markersize=5, zorder=4, clip_on=False)


def retained_figure(corrupted: Corrupted) -> Figure | None:
    """A block per task: encoders as rows, corruptions in the order of the sweep as columns, their mean at the right."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    names = corrupted.measured(["retained"])
    known = {key[4] for key in corrupted.measures if key[0] == "retained" and key[5] == 0}
    damages = [d for counted in (True, False) for d in corrupted.damages if d.counted is counted and d.name in known]
    if not names or not damages:
        return None
    columns = [*(d.name for d in damages), *([ALL] if ALL in known else [])]
    heads = [*(short(d.starred, 28) for d in damages), *(["mean"] if ALL in known else [])]
    blocks = [p for p in [*corrupted.panels, *([None] if len(corrupted.panels) > 1 else [])] if _cells(corrupted, names, damages, p)]
    if not blocks:
        return None
    labels = [row_label(name) for name in names]
    names_width = 0.08 * max(len(x) for label in labels for x in label.split("\n")) + 0.3
    row_height = max(CELL_HEIGHT, 0.08 + 0.16 * max(label.count("\n") + 1 for label in labels))
    inner, gap = row_height * len(names), 0.42
    top = 0.45 + 0.075 * max(map(len, heads))
    width = max(names_width + CELL_WIDTH * len(columns) + 0.35, 6.0)
    note = (
        "Retained performance: corrupted minus chance over clean minus chance, mean over severities, headline metric. White is chance (0) "
        "or worse, the darkest blue all that there was on clean audio (1) or more. –: not scored"
        + (", or not surely above chance on clean audio." if corrupted.not_above_chance() else ".")
        + (" The mean is over corruptions without *." if not all(d.counted for d in damages) else "")
    )
    wrapped = textwrap.wrap(note, int(14 * width))
    bottom = 0.2 + 0.16 * len(wrapped)
    height = top + len(blocks) * inner + (len(blocks) - 1) * gap + bottom
    with settings():
        figure = Figure(figsize=(width, height))
        colours = LinearSegmentedColormap.from_list("retained", SHADES).with_extremes(bad="#F2F2F2")
        for i, panel in enumerate(blocks):
            y = height - top - inner - i * (inner + gap)
            axis = figure.add_axes((names_width / width, y / height, CELL_WIDTH * len(columns) / width, inner / height))
            values = [[r.value if (r := corrupted.measure("retained", n, panel, c)) else math.nan for c in columns] for n in names]
            axis.imshow(values, cmap=colours, vmin=0, vmax=1, aspect="auto")
            _grid(axis, len(names), len(columns), len(corrupted.board.row_groups(names)[0][1]), ALL in known)
            for row, name in enumerate(names):
                for column, value in enumerate(values[row]):
                    text = "–" if math.isnan(value) else f"{value:.2f}"
                    axis.text(column, row, text, ha="center", va="center", fontsize=7.5, gid=f"cell:{name}:{columns[column]}")
            axis.set_yticks(range(len(names)), labels)
            axis.set_xticks(range(len(columns)), heads if i == 0 else [""] * len(columns), rotation=90, fontsize=8.5)
            axis.xaxis.tick_top()
            axis.tick_params(length=0)
            axis.tick_params(axis="x", pad=20)  # the title of the block stands between
            heading = f"{panel.title}, {panel.metric}; {corrupted.board.size(panel)}" if panel else title(panel)
            above = (0.06, y + inner + 0.07)
            figure.text(above[0] / width, above[1] / height, heading, fontweight="bold", fontsize=9.5, va="bottom")
        figure.text(0.5, 0.06 / height, "\n".join(wrapped), ha="center", va="bottom", fontsize=8.5, color=GREY)
    return figure


def _cells(corrupted: Corrupted, names: Sequence[str], damages: Sequence[object], panel: Panel | None) -> bool:
    """Whether a block has a number for any single corruption."""
    return any(corrupted.measure("retained", n, panel, d.name) for n in names for d in corrupted.damages if d in damages)


def _grid(axis: Axes, rows: int, columns: int, encoders: int, mean: bool) -> None:
    """White between cells; a line above the floors and one before the mean."""
    axis.spines["bottom"].set_visible(False)
    for edge in range(1, rows):
        axis.axhline(edge - 0.5, color=GREY if edge == encoders else "white", linewidth=1.2)
    for edge in range(1, columns):
        axis.axvline(edge - 0.5, color=GREY if mean and edge == columns - 1 else "white", linewidth=1.2)
