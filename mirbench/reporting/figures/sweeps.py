"""A sweep as one figure and one table: curves where one number was swept, a heat map of variants and tasks where it was something else."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mirbench.records import OVERLAP_MARK
from mirbench.reporting.board import Board, Panel, Point
from mirbench.reporting.figures.style import COLOURS, FLOOR_DASHES, GREY, MARKERS, SHADES, columns_of, heading, measure, row_label, settings
from mirbench.reporting.tables.layout import NONE, cell, escape, number, table_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

LOG_FROM = 10  # largest over smallest value from which the axis of any other option than these is logarithmic
SCALES = {"label_fraction": "log", "labelled_share": "linear", "views": "log"}  # log where all values are above 0
OPTION_LABELS = {  # what a reader calls an option; others go by their own name
    "label_fraction": "share of the labels used, p_s",
    "labelled_share": "labelled share of a batch, b_s",
    "views": "views of each clip, M",
    "batch_views": "views in a batch",
    "steps": "training steps",
    "temperature": "temperature of the loss",
    "learning_rate": "learning rate",
    "view_seconds": "length of a view (s)",
    "detune_cents": "detuning (cents)",
}
ENCODER_DASHES: tuple[Any, ...] = ((0, (9, 2)), (0, (9, 2, 2, 2)), (0, (5, 2, 2, 2, 2, 2)), (0, (3, 2)))
MAJORITY_DASHES = "--"
FAR = 0.75  # a floor this many heights of the curves below them is named at the edge, not drawn


def sweep_figure(board: Board) -> Figure | None:
    """None where nothing was swept."""
    if not board.points:
        return None
    panels = [p for p in board.panels if p.headline]
    option = swept_number(board)
    return _curves(board, panels, option) if option else _heat_map(board, panels)


def swept_number(board: Board) -> str:
    """The option that alone was swept and has numbers only, or nothing."""
    options = {option for point in board.points for option in point.values}
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for point in board.points for v in point.values.values())
    return options.pop() if len(options) == 1 and numbers else ""


def _rest(board: Board) -> list[str]:
    """Encoders and floors that were not swept."""
    swept = {point.name for point in board.points}
    return [name for name in board.names if name not in swept]


def _curves(board: Board, panels: Sequence[Panel], option: str) -> Figure:
    """A panel per task: metric against the value, a curve per swept encoder; what was not swept is a level line across."""
    from matplotlib.figure import Figure

    columns = columns_of(len(panels))
    lines = math.ceil(len(panels) / columns)
    handles = _curve_handles(board)
    per_line = max(1, min(len(handles), 2 * columns))
    bottom = 0.25 + 0.21 * math.ceil(len(handles) / per_line)
    size = (max(3.9 * columns, 4.6), 3.3 * lines + bottom)
    with settings():
        figure = Figure(figsize=size)
        above_legend = (0, bottom / size[1], 1, 1 - bottom / size[1])
        figure.set_layout_engine("constrained", rect=above_legend, w_pad=0.08, h_pad=0.08, wspace=0.05, hspace=0.06)  # type: ignore[call-arg]
        for i, panel in enumerate(panels):
            axis = figure.add_subplot(lines, columns, i + 1)
            heading(axis, panel.title, board.size(panel))
            axis.set_ylabel(measure(panel.label, 30))
            axis.set_xlabel(OPTION_LABELS.get(option, option))
            axis.grid(axis="y", color="#EEEEEE", linewidth=0.8)
            axis.set_axisbelow(True)
            _value_axis(axis, option, sorted({float(point.values[option]) for point in board.points}))
            _levels(axis, board, panel)
            for k, (encoder, points) in enumerate(_by_encoder(board).items()):
                _curve(axis, board, panel, encoder, {p.name: float(p.values[option]) for p in points}, k)
        figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0), ncols=per_line, frameon=False, handlelength=3.4)
    return figure


def _by_encoder(board: Board) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in board.points:
        found.setdefault(point.encoder + _mark(point), []).append(point)
    return found


def _mark(point: Point) -> str:
    return OVERLAP_MARK if point.name.endswith(OVERLAP_MARK) else ""


def _value_axis(axis: Axes, option: str, values: Sequence[float]) -> None:
    """Ticks at the values; the scale is the option's, else logarithmic where they span LOG_FROM. A tick too near its neighbour has no
    label."""
    logarithmic = values[0] > 0 and SCALES.get(option, "log" if values[-1] / values[0] >= LOG_FROM else "linear") == "log"
    places = [math.log(v) if logarithmic else v for v in values]
    width = places[-1] - places[0] or 1.0
    if logarithmic:
        axis.set_xscale("log")
        axis.set_xlim(math.exp(places[0] - 0.06 * width), math.exp(places[-1] + 0.06 * width))
    else:
        axis.set_xlim(places[0] - 0.06 * width, places[-1] + 0.06 * width)
    labels, last = [], -math.inf
    for value, place in zip(values, places, strict=True):
        near = (place - last) / width < 0.02 * (len(f"{value:g}") + 1.5)
        labels.append("" if near else f"{value:g}")
        last = last if near else place
    axis.set_xticks(values, labels)
    axis.set_xticks([], minor=True)


def _curve(axis: Axes, board: Board, panel: Panel, encoder: str, values: dict[str, float], k: int) -> None:
    """Points with whiskers, joined; whiskers of several encoders stand a little beside each other."""
    cells = sorted((value, name) for name, value in values.items() if board.cell(name, panel))
    colour, marker = _look(k)
    shift = 4.0 * (k - (len(_by_encoder(board)) - 1) / 2)  # points
    moved = axis.transData + _offset(axis, shift)
    xs, shown = [x for x, _ in cells], [board.cell(name, panel) for _, name in cells]
    ys = [c.value for c in shown if c]
    for x, c in zip(xs, shown, strict=True):
        if c and not math.isnan(c.ci_low) and not math.isnan(c.ci_high):
            (whisker,) = axis.plot([x, x], [c.ci_low, c.ci_high], color=colour, linewidth=1.4, alpha=0.75, transform=moved, zorder=3)
            whisker.set_gid(f"interval:{c.encoder}")
    axis.plot(xs, ys, color=colour, marker=marker, markersize=6, linewidth=1.8, transform=moved, zorder=4, gid=f"curve:{encoder}")
    axis.update_datalim([(x, y) for x in xs for c in shown if c for y in (c.value, c.ci_low, c.ci_high) if not math.isnan(y)])
    axis.autoscale_view(scalex=False)


def _offset(axis: Axes, points: float) -> Any:
    from matplotlib.transforms import ScaledTranslation

    figure = axis.get_figure()
    assert figure is not None
    return ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)


def _look(k: int) -> tuple[str, str]:
    return COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]


def _level_look(board: Board, name: str) -> dict[str, Any]:
    """Encoders are coloured dashes after the colours of the curves, floors thin grey ones."""
    encoders = [n for n in _rest(board) if n in board.encoders]
    if name in encoders:
        k = encoders.index(name)
        colour, _ = _look(k + len(_by_encoder(board)))
        return {"color": colour, "linestyle": ENCODER_DASHES[k % len(ENCODER_DASHES)], "linewidth": 1.6}
    floors = [n for n in _rest(board) if n in board.floors and board.own_name(n) != "majority"]
    dashes = FLOOR_DASHES[floors.index(name) % len(FLOOR_DASHES)] if name in floors else MAJORITY_DASHES
    return {"color": GREY, "linestyle": dashes, "linewidth": 1.2}


def _levels(axis: Axes, board: Board, panel: Panel) -> None:
    """Lines across; floors far below the curves are named at the lower edge, lest they flatten the curves."""
    cells = {name: c for name in board.names if (c := board.cell(name, panel))}
    ends = [y for name in board.encoders if (c := cells.get(name)) for y in (c.value, c.ci_low, c.ci_high) if not math.isnan(y)]
    least = min(ends) - FAR * (max(ends) - min(ends)) if ends else -math.inf
    below = [f"{name} {number(cells[name].value, 2)}" for name in _rest(board) if name in cells and cells[name].value < least]
    for name in _rest(board):
        if name not in cells or cells[name].value < least:
            continue
        c, look = cells[name], _level_look(board, name)
        axis.axhline(c.value, zorder=2, gid=f"level:{name}", **look)
        if name in board.encoders and not math.isnan(c.ci_low) and not math.isnan(c.ci_high):
            axis.axhspan(c.ci_low, c.ci_high, color=look["color"], alpha=0.1, linewidth=0, zorder=1).set_gid(f"band:{name}")
    if below:
        axis.margins(y=0.1)
        text = f"below: {', '.join(below)}"
        axis.text(0.99, 0.015, text, transform=axis.transAxes, ha="right", va="bottom", fontsize=8, color=GREY, gid="below")


def _curve_handles(board: Board) -> list[Line2D]:
    from matplotlib.lines import Line2D

    curves = [Line2D([], [], color=_look(k)[0], marker=_look(k)[1], linewidth=1.8, label=name) for k, name in enumerate(_by_encoder(board))]
    levels = [Line2D([], [], label=name, **_level_look(board, name)) for name in _rest(board)]
    whisker = Line2D([], [], color=GREY, marker="|", markersize=11, linestyle="none", label="whiskers, bands: 95 % interval")
    return [*curves, *levels, whisker]


def _heat_map(board: Board, panels: Sequence[Panel]) -> Figure:
    """A row per variant, then what was not swept; a column per task, shaded on its own scale, with values and intervals in it."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    rows = [point.name for point in board.points]
    rest = _rest(board)
    names = [*rows, *rest]
    labels = [row_label(name) for name in names]
    names_width = 0.08 * max(len(x) for label in labels for x in label.split("\n")) + 0.2
    row_height = 0.08 + 0.17 * max(2, *(label.count("\n") + 1 for label in labels))
    width = names_width + 1.75 * len(panels) + 0.2
    note = (
        "White is the lowest and the darkest blue the highest score of the encoders in a column; a floor beyond them is shaded like the "
        "nearer of the two. In brackets the 95 % interval over groups."
    )
    wrapped = textwrap.wrap(note, int(13 * width))
    bottom = 0.14 + 0.16 * len(wrapped)
    size = (width, row_height * len(names) + 1.45 + bottom)
    with settings():
        figure = Figure(figsize=size)
        figure.set_layout_engine("constrained", rect=(0, bottom / size[1], 1, 1 - bottom / size[1]))  # type: ignore[call-arg]
        axis = figure.add_subplot()
        shades = [_shades(board, p, names) for p in panels]
        colours = LinearSegmentedColormap.from_list("sweep", SHADES)
        axis.imshow([list(row) for row in zip(*shades, strict=True)], cmap=colours, vmin=0, vmax=1, aspect="auto")
        for column, panel in enumerate(panels):
            for row, name in enumerate(names):
                value, _, interval = cell(board.cell(name, panel)).partition(" ")
                value = "not scored" if value == NONE else value
                _write(axis, column, row, value, interval, f"cell:{name}:{panel.task}:{panel.dataset}")
        heads = ["\n".join([p.task, f"on {p.dataset}", p.metric, *board.size(p).split(", ")]) for p in panels]
        axis.set_xticks(range(len(panels)), heads)
        axis.xaxis.tick_top()
        axis.set_yticks(range(len(names)), labels)
        axis.tick_params(length=0)
        axis.spines["bottom"].set_visible(False)
        for edge in range(1, len(names)):
            thick = edge == len(rows) or (edge < len(rows) and board.points[edge].encoder != board.points[edge - 1].encoder)
            axis.axhline(edge - 0.5, color=GREY if thick else "white", linewidth=1.2 if thick else 1.0)
        for edge in range(1, len(panels)):
            axis.axvline(edge - 0.5, color="white", linewidth=3)
        figure.text(0.5, 0.06 / size[1], "\n".join(wrapped), ha="center", va="bottom", fontsize=8.5, color=GREY)
    return figure


def _write(axis: Axes, column: int, row: int, value: str, interval: str, gid: str) -> None:
    axis.text(column, row - (0.16 if interval else 0), value, ha="center", va="center", fontsize=9, gid=gid)
    if interval:
        axis.text(column, row + 0.22, interval, ha="center", va="center", fontsize=7.5, color="#333333", gid=f"interval:{gid}")


def _shades(board: Board, panel: Panel, names: Sequence[str]) -> list[float]:
    """0 for the least of the encoders, 1 for the largest; a floor may be off this scale, and what is not there is nan."""
    known = [c.value for name in board.encoders or names if (c := board.cell(name, panel))]
    width = max(known) - min(known) if known else 0.0
    values = [c.value if (c := board.cell(name, panel)) else math.nan for name in names]
    return [v if math.isnan(v) else min(1.0, max(0.0, (v - min(known)) / width)) if width else 0.0 for v in values]


def sweep_markdown(board: Board) -> str:
    """A row per variant with its values, then what was not swept; a column per task, headline metric. Empty where nothing was swept."""
    if not board.points:
        return ""
    panels = [p for p in board.panels if p.headline]
    options = list(dict.fromkeys(option for point in board.points for option in point.values))
    head = ["encoder", *map(escape, options), *(f"{escape(p.title)}<br>{escape(p.metric)}" for p in panels)]
    lines = ["# Sweep", "", table_row(head), table_row(["---"] * len(head))]
    for point in board.points:
        values = [_in_words(point.values.get(option)) for option in options]
        lines.append(table_row([escape(point.encoder) + _mark(point), *values, *(cell(board.cell(point.name, p)) for p in panels)]))
    for name in _rest(board):
        lines.append(table_row([escape(name), *([NONE] * len(options)), *(cell(board.cell(name, p)) for p in panels)]))
    notes = [
        "Mean over seeds on the test split, clean audio; in brackets its 95 % bootstrap interval over groups.",
        f"Swept: {', '.join(options)}. {NONE}: not swept, or not scored.",
        *(f"{p.title}: {board.size(p)}." for p in panels),
        *board.overlap_in_words(),
    ]
    return "\n".join([*lines, "", *(f"- {escape(line)}" for line in notes), ""])


def _in_words(value: float | str | None) -> str:
    return NONE if value is None else f"{value:g}" if isinstance(value, (int, float)) else escape(str(value))
