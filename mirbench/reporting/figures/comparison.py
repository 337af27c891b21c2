"""The figures: every score as a point with its interval, beside the floors; every paired difference beside zero."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.files import write_atomically
from mirbench.records import MAJORITY
from mirbench.reporting.board import Board, Panel, span
from mirbench.reporting.corrupted import Corrupted
from mirbench.reporting.figures.robustness import robustness_figures
from mirbench.reporting.figures.style import FLOOR_LINES, GREY, columns_of, heading, marks, measure, row_label, settings
from mirbench.reporting.figures.sweeps import sweep_figure
from mirbench.reporting.tables.scores import ordered_comparisons, verdict
from mirbench.results.rows import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


PAIR_WIDTH = 28  # characters of the names of an encoder and its baseline in one line


def write_figures(board: Board, folder: Path, corrupted: Corrupted | None = None) -> list[Path]:
    """sweep where there is one, comparison, all_metrics, differences where something was compared; robustness, retained and one of each
    task where audio was corrupted. Each as PNG and as SVG.

    Same data, same bytes.
    """
    written: list[Path] = []
    for name, figure in _figures(board, corrupted):
        for kind in ("png", "svg"):
            path = folder / f"{name}.{kind}"
            if figure is None:
                path.unlink(missing_ok=True)  # of an earlier report
                continue
            data = io.BytesIO()
            with settings():
                figure.savefig(data, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None})
            write_atomically(path, data.getvalue())
            written.append(path)
    for path in [*folder.glob("robustness-*.png"), *folder.glob("robustness-*.svg")]:
        if path not in written:
            path.unlink()  # of a task of an earlier report
    return written


def _figures(board: Board, corrupted: Corrupted | None) -> Iterator[tuple[str, Figure | None]]:
    yield "sweep", sweep_figure(board)
    yield "comparison", scores_figure(board, [p for p in board.panels if p.headline])
    yield "all_metrics", scores_figure(board, board.panels)
    yield "differences", differences_figure(board)
    yield from robustness_figures(corrupted)


def scores_figure(board: Board, panels: Sequence[Panel]) -> Figure:
    """A panel per task and metric, a row per encoder; the majority class and the untrained encoder are lines across all rows."""
    mark = marks(board)
    with settings():
        figure, axes = _grid(len(panels), [row_label(name) for name in board.names], bottom=_legend_height(board, len(panels)))
        for axis, panel in zip(axes, panels, strict=True):
            heading(axis, panel.title, board.size(panel))
            axis.set_xlabel(measure(panel.label))
            for row, name in enumerate(board.names):
                cell = board.cell(name, panel)
                if cell is None:
                    _missing(axis, row, "not scored")
                    continue
                _point(axis, row, cell.value, cell.ci_low, cell.ci_high, mark[name], hollow=name in board.floors, gid=f"point:{name}")
                if board.own_name(name) in FLOOR_LINES:
                    style, _ = FLOOR_LINES[board.own_name(name)]
                    axis.axvline(cell.value, linestyle=style, color=GREY, linewidth=1.2, zorder=1, gid=f"line:{name}")
            if board.floors and board.encoders:
                axis.axhline(len(board.encoders) - 0.5, color="#BBBBBB", linewidth=0.8, zorder=0)
        _legend(figure, board, len(panels))
    return figure


def differences_figure(board: Board) -> Figure | None:
    """A panel per task, a row per encoder and baseline; headline metrics, or all where those were not compared.

    The majority class, so far below that it would flatten all else, is left to the table where there are others to be compared with,
    and so are, of a sweep with its many rows, all floors where there are encoders to be compared with.
    """
    compared = [c for c in ordered_comparisons(board) if not math.isnan(c.difference)]
    compared = [c for c in compared if board.own_name(c.baseline) != MAJORITY] or compared
    if board.points:
        compared = [c for c in compared if c.baseline not in board.floors] or compared
    by_panel: dict[Panel, list[Comparison]] = {}
    for c in compared:
        if (panel := board.panel_of(c)) is not None:
            by_panel.setdefault(panel, []).append(c)
    panels = [p for p in by_panel if p.headline] or list(by_panel)
    if not panels:
        return None
    shown = sorted((c for p in panels for c in by_panel[p]), key=lambda c: _place(board, c))
    pairs = list(dict.fromkeys((c.encoder, c.baseline) for c in shown))
    mark = marks(board)
    with settings():
        separator, bottom = ("\n", 0.45) if len(panels) == 1 else (" ", 0.3)
        figure, axes = _grid(len(panels), _pair_labels(pairs), bottom)
        for axis, panel in zip(axes, panels, strict=True):
            size = f"{span((c.n_test for c in by_panel[panel]), 'test clip')}, {span((c.n_seeds for c in by_panel[panel]), 'seed')}"
            heading(axis, panel.title, size)
            axis.set_xlabel(measure(f"difference in {panel.label}"))
            axis.axvline(0, color="black", linewidth=1, zorder=1, gid="zero")
            here = {(c.encoder, c.baseline): c for c in by_panel[panel]}
            for row, pair in enumerate(pairs):
                if pair not in here:
                    _missing(axis, row, "not compared")
                    continue
                c, look = here[pair], mark.get(pair[0], (GREY, "d"))
                undecided = verdict(c) not in ("better", "worse")
                _point(axis, row, c.difference, c.ci_low, c.ci_high, look, hollow=undecided, gid=f"point:{c.encoder}:{c.baseline}")
            for row in range(1, len(pairs)):
                if pairs[row][1] != pairs[row - 1][1] and len(pairs) > len({baseline for _, baseline in pairs}):
                    axis.axhline(row - 0.5, color="#BBBBBB", linewidth=0.8, zorder=0)
        note = f"Right of zero: the encoder named first is better.{separator}Hollow: the 95 % paired interval contains zero."
        figure.text(0.5, 0.04 / figure.get_figheight(), note, ha="center", va="bottom", fontsize=8.5, color=GREY)
    return figure


def _pair_labels(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """In one line each where all are short enough."""
    short = [f"{a} − {b}" for a, b in pairs]
    return short if max(map(len, short)) <= PAIR_WIDTH else [f"{row_label(a)}\n− {row_label(b)}" for a, b in pairs]


def _place(board: Board, c: Comparison) -> tuple[int, int]:
    order = {name: i for i, name in enumerate(board.names)}
    return order.get(c.baseline, len(order)), order.get(c.encoder, len(order))


def _grid(n: int, row_names: Sequence[str], bottom: float) -> tuple[Figure, list[Axes]]:
    """n panels that share their rows; names stand at the left of each line of panels. bottom: inches kept for a legend."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = columns_of(n)
    lines = math.ceil(n / columns)
    names_width = 0.08 * max(len(x) for name in row_names for x in name.split("\n")) + 0.2
    row_height = 0.12 + 0.17 * max(name.count("\n") + 1 for name in row_names)
    panel_height = row_height * len(row_names) + 1.25
    least = 5.0 if n == 1 else 7.6  # inches that the legend takes
    size = (max(names_width + 3.1 * columns, least), max(panel_height * lines + bottom, 2.2))
    figure = Figure(figsize=size)
    above_legend = (0, bottom / size[1], 1, 1 - bottom / size[1])
    figure.set_layout_engine("constrained", rect=above_legend, w_pad=0.08, h_pad=0.08, wspace=0.04, hspace=0.05)  # type: ignore[call-arg]
    axes: list[Axes] = []
    for i in range(n):
        axis = figure.add_subplot(lines, columns, i + 1)
        axis.set_ylim(len(row_names) - 0.5, -0.5)
        axis.set_yticks(range(len(row_names)), row_names if i % columns == 0 else [""] * len(row_names))
        axis.tick_params(axis="y", length=0)
        axis.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], min_n_ticks=3))
        axis.margins(x=0.08)
        axis.grid(axis="y", color="#EEEEEE", linewidth=0.8)
        axis.set_axisbelow(True)
        axes.append(axis)
    return figure, axes


def _point(axis: Axes, row: int, value: float, low: float, high: float, mark: tuple[str, str], hollow: bool, gid: str) -> None:
    """A point with its interval; without whiskers where there is no interval."""
    colour, marker = mark
    if not math.isnan(low) and not math.isnan(high):
        axis.hlines(row, low, high, color=colour, linewidth=1.8, zorder=2).set_gid(f"interval:{gid}")
    look: dict[str, Any] = {"markersize": 10, "markeredgewidth": 2} if marker == "|" else {"markersize": 7, "markeredgewidth": 1.3}
    face = "white" if hollow else colour
    axis.plot([value], [row], marker=marker, color=colour, markerfacecolor=face, linestyle="none", zorder=3, gid=gid, **look)


def _missing(axis: Axes, row: int, why: str) -> None:
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axis.text(0.5, row, why, transform=axis.get_yaxis_transform(), ha="center", va="center", color=GREY, fontsize=8, bbox=ground)


def _legend_handles(board: Board) -> list[Line2D]:
    """What the lines and whiskers mean."""
    from matplotlib.lines import Line2D

    own = {board.own_name(name) for name in board.floors}
    lines = [Line2D([], [], linestyle=style, color=GREY, label=text) for name, (style, text) in FLOOR_LINES.items() if name in own]
    return [*lines, Line2D([], [], color=GREY, linewidth=1.8, marker="o", markersize=5, label="mean over seeds, 95 % interval over groups")]


def _legend_height(board: Board, n_panels: int) -> float:
    """In inches; below a single panel the entries stand below each other."""
    return 0.2 + 0.2 * (len(_legend_handles(board)) if n_panels == 1 else 1)


def _legend(figure: Figure, board: Board, n_panels: int) -> None:
    handles = _legend_handles(board)
    columns = 1 if n_panels == 1 else len(handles)
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0), ncols=columns, frameon=False)
