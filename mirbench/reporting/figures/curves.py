"""What corruption does to one task: a small panel per corruption, a line per encoder from clean audio to the highest severity."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from mirbench.records import MAJORITY
from mirbench.reporting.board import Panel
from mirbench.reporting.corrupted import Corrupted, Damage
from mirbench.reporting.figures.style import FLOOR_DASHES, GREY, marks, measure, settings
from mirbench.reporting.tables.layout import has_interval, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

COLUMNS = 5
WIDTH, HEIGHT = 2.25, 1.35  # inches of the drawing area of a panel
LEFT, TOP, GAP_X, GAP_Y = 0.75, 0.8, 0.18, 0.75  # inches around and between them


def curves_figure(corrupted: Corrupted, panel: Panel) -> Figure | None:
    """None where the task was scored under no corruption."""
    from matplotlib.figure import Figure

    damages = corrupted.of(panel)
    if not damages:
        return None
    columns = min(COLUMNS, len(damages))
    lines = math.ceil(len(damages) / columns)
    width = LEFT + columns * WIDTH + (columns - 1) * GAP_X + 0.2
    width = max(width, 7.0)
    handles = _handles(corrupted, panel)
    per_line = max(1, min(len(handles), int(width / 1.9)))
    notes = [x for text in _notes(corrupted, panel, damages) for x in textwrap.wrap(text, int(14 * width))]
    legend = 0.21 * math.ceil(len(handles) / per_line) + 0.1
    bottom = 0.55 + legend + 0.16 * len(notes)
    height = TOP + lines * HEIGHT + (lines - 1) * GAP_Y + bottom
    with settings():
        figure = Figure(figsize=(width, height))
        shared: Axes | None = None
        for i, damage in enumerate(damages):
            line, column = divmod(i, columns)
            x, y = LEFT + column * (WIDTH + GAP_X), height - TOP - HEIGHT - line * (HEIGHT + GAP_Y)
            axis = figure.add_axes((x / width, y / height, WIDTH / width, HEIGHT / height), sharey=shared)
            shared = shared or axis
            axis.tick_params(axis="y", labelleft=column == 0, length=2)
            _panel(axis, corrupted, panel, damage)
        assert shared is not None
        shared.margins(y=0.06)
        figure.text(0.06 / width, 1 - 0.08 / height, panel.title, fontsize=11, fontweight="bold", va="top")
        size = f"{corrupted.board.size(panel)}; the severity grows from left to right"
        figure.text(0.06 / width, 1 - 0.29 / height, size, fontsize=8.5, color=GREY, va="top")
        middle = (height - TOP + bottom) / 2 / height
        figure.text(0.05 / width, middle, measure(panel.label), rotation=90, ha="left", va="center", multialignment="center")
        anchor = (0.5, (0.06 + 0.16 * len(notes)) / height)
        figure.legend(handles=handles, loc="lower center", bbox_to_anchor=anchor, ncols=per_line, frameon=False, handlelength=2.8)
        if notes:
            figure.text(0.5, 0.05 / height, "\n".join(notes), ha="center", va="bottom", fontsize=8.5, color=GREY)
    return figure


def _panel(axis: Axes, corrupted: Corrupted, panel: Panel, damage: Damage) -> None:
    """Severities stand evenly, clean audio on the left; a tick says the physical level."""
    severities = corrupted.severities(panel, damage)
    places = [0, *severities]
    axis.set_title(short(damage.starred, 26), loc="left", fontsize=9, fontweight="bold", pad=4)
    axis.set_xticks(range(len(places)), ["clean", *map(damage.tick, severities)], fontsize=7.5)
    axis.set_xlim(-0.2, len(places) - 0.8)
    axis.set_xlabel(damage.axis_label, fontsize=8, labelpad=1)
    axis.tick_params(axis="x", length=2, pad=2)
    axis.grid(axis="y", color="#EEEEEE", linewidth=0.8)
    axis.set_axisbelow(True)
    for name in corrupted.board.floors:
        chance = corrupted.board.cell(name, panel)
        if chance and corrupted.board.own_name(name) == MAJORITY:
            axis.axhline(chance.value, linestyle="--", color=GREY, linewidth=1, zorder=1, gid=f"chance:{name}")
    for name in corrupted.names(panel):
        look = _look(corrupted, name)
        points = [(x, c) for x, s in enumerate(places) if (c := corrupted.cell(name, panel, damage.name, s))]
        if points and points[0][0] == 0 and name in corrupted.board.encoders:
            clean = points[0][1].value
            axis.plot([0, len(places) - 1], [clean, clean], color=look["color"], linewidth=0.7, alpha=0.55, zorder=1, gid=f"clean:{name}")
        banded = [(x, c) for x, c in points if has_interval(c)]
        xs, lows, highs = ([x for x, _ in banded], [c.ci_low for _, c in banded], [c.ci_high for _, c in banded])
        band = axis.fill_between(xs, lows, highs, color=look["color"], alpha=0.13, linewidth=0)
        band.set_gid(f"band:{name}")
        axis.plot([x for x, _ in points], [c.value for _, c in points], zorder=4, gid=f"curve:{name}", **look)


def _look(corrupted: Corrupted, name: str) -> dict[str, Any]:
    """Encoders are solid in their colour and marker, floors grey and dashed."""
    colour, marker = marks(corrupted.board)[name]
    if name in corrupted.board.encoders:
        return {"color": colour, "marker": marker, "markersize": 3.8, "linewidth": 1.4}
    floors = [n for n in corrupted.board.floors if corrupted.board.own_name(n) != MAJORITY]
    k = floors.index(name) if name in floors else 0
    return {"color": GREY, "linestyle": FLOOR_DASHES[k % len(FLOOR_DASHES)], "linewidth": 1.4}


def _handles(corrupted: Corrupted, panel: Panel) -> list[Line2D]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lines: list[Any] = [Line2D([], [], label=short(name, 40), **_look(corrupted, name)) for name in corrupted.names(panel)]
    if any(corrupted.board.own_name(name) == MAJORITY for name in corrupted.board.floors):
        lines.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1, label="chance (majority)"))
    lines.append(Line2D([], [], color=GREY, linewidth=0.7, alpha=0.55, label="clean audio"))
    return [*lines, Patch(color=GREY, alpha=0.2, linewidth=0, label="95 % interval")]


def _notes(corrupted: Corrupted, panel: Panel, damages: list[Damage]) -> list[str]:
    """What is not drawn, and why."""
    skipped = corrupted.skipped.get(panel.title, ())
    notes = [f"Skipped: {', '.join(names)} ({reason})." for names, reason in skipped]
    named = {d.name for d in damages} | {name for names, _ in skipped for name in names}
    if missing := [d.name for d in corrupted.damages if d.name not in named]:
        notes.append(f"Not scored: {', '.join(missing)}.")
    if not all(d.counted for d in damages):
        notes.append("*: not counted in means over corruptions.")
    return notes
