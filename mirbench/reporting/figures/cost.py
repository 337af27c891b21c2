"""The figure of scores against what they cost, with the encoders that nothing is both better and cheaper than."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mirbench.records import MAJORITY
from mirbench.reporting.figures import style
from mirbench.reporting.figures.layout import DPI
from mirbench.reporting.figures.lines import FAR
from mirbench.reporting.tables.costs import measured_on, milliseconds
from mirbench.reporting.words import caveats, number, of_clean_audio, panels, short, size
from mirbench.results.order import own_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES = {"gflop_per_second": "GFLOP per second of audio", "milliseconds": "ms per second of audio"}
ACROSS, LEAST, HIGH = 4, 1.5, 1.5  # panels beside each other; inches of one
CHANCE = "line:"  # what the line of the majority class is called in a drawing, before its name
LEAST_SPAN = 1.2  # decades of an axis
PIXELS = DPI / 72  # in a point
APART = 6.0  # pixels between those that would cover each other
LABEL_ROOM, LABEL_SIZE, MARKER = 20, style.SMALL, 4.8  # characters, points, points
SIDES = ((1, 0), (-1, 0))  # of a point, on which its label stands
SLID = tuple((right, up) for right in (0, 0.6, -0.6, 1.15, -1.15) for up in (1, -1))  # above or below it, so many halves of a label aside
DISTANCES = (4.5, 8.0, 12.0)  # points


class _Point(NamedTuple):
    """cost: at which it is drawn."""

    name: str
    cost: float
    value: float
    low: float
    high: float


class _Box(NamedTuple):
    """In pixels."""

    left: float
    low: float
    right: float
    high: float

    def meets(self, other: _Box) -> bool:
        return self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high

    def within(self, other: _Box) -> bool:
        return self.left >= other.left and self.right <= other.right and self.low >= other.low and self.high <= other.high


def pareto(points: Iterable[tuple[float, float]]) -> list[int]:
    """The places of those points, (cost, score), that no other is as cheap and as good as, or better in either, from cheap to dear; of
    equal ones the first.

    >>> pareto([(2, 0.5), (1, 0.4), (3, 0.45), (2, 0.6), (4, 0.6)])
    [1, 3]
    """
    front: list[int] = []
    best = -math.inf
    for place, (_, score) in sorted(enumerate(points), key=lambda each: (each[1][0], -each[1][1])):
        if score > best:
            front.append(place)
            best = score
    return front


@style.settings()
def cost(summary: pd.DataFrame, costs: pd.DataFrame) -> Figure | None:
    """The headline metric of every task on clean audio against GFLOP for each second of audio, and below against the time that it takes;
    None where fewer than two have either. summary: as summary.csv; costs: as costs.csv. Times of several devices do not compare, and are
    left out."""
    import pandas as pd
    from matplotlib.lines import Line2D

    summary, looks = style.prepared(summary)
    clean = of_clean_audio(summary)
    clean = clean[clean["value"].notna()]
    shown = [panel for panel in panels(clean) if panel.headline]
    rows = costs.assign(milliseconds=milliseconds(costs), encoder=costs["encoder"].astype("str")).drop_duplicates("encoder")
    rows = rows[rows["encoder"].isin(clean["encoder"].astype("str"))].set_index("encoder")
    devices = measured_on(rows)
    known = {measure: rows[measure][(rows[measure] > 0) & (rows[measure] < math.inf)] for measure in MEASURES}
    known = {m: each for m, each in known.items() if len(each) > 1 and (m != "milliseconds" or len(devices) == 1)}
    if not known or not shown:
        return None
    drawn = [(measure, panel) for measure in known for panel in shown]
    figure, axes = style.canvas([HIGH] * len(drawn), ACROSS, LEAST, blocks=[len(shown)] * len(known))
    scales: list[tuple[list[_Point], list[tuple[float, float]]]] = []
    for axis, (measure, panel) in zip(axes, drawn, strict=True):
        points = panel.of(clean)
        style.heading(axis, panel.title, size(points))
        device = f" ({devices[0]})" if measure == "milliseconds" else ""
        axis.set(xlabel=f"{MEASURES[measure]}{device}", ylabel=panel.label)
        scales.append(_panel(axis, points, known[measure], looks))
    figure.layout.fit()  # type: ignore[attr-defined]  # names are placed in panels as wide as they will be
    unlabelled: dict[str, None] = {}
    for axis, (placed, front) in zip(axes, scales, strict=True):
        unlabelled |= dict.fromkeys(_labels(axis, placed, front, looks) if placed else [])
    handles = [Line2D([], [], color=style.GREY, linewidth=1.4, marker="o", markersize=4, label="mean over seeds, 95 % interval")]
    handles += [Line2D([], [], color=style.GREY, linewidth=1, label="Pareto front")]
    if any(str(line.get_gid()).startswith(CHANCE) for axis in figure.axes for line in axis.lines):
        handles += [Line2D([], [], color=style.GREY, linestyle="--", linewidth=1, label="majority class")]
    handles += [Line2D([], [], linestyle="none", label=short(name, 40), **_mark(looks[name])) for name in style.among(looks, unlabelled)]
    notes = [
        "Left and above is better. On the front: those that none beats in score without costing more. Hollow: floors.",
        "Those of equal cost stand side by side.",
    ]
    scored = [name for name in style.among(looks, clean["encoder"].astype("str")) if own_name(name) != MAJORITY]
    for measure, costs_of in known.items():
        if left := [name for name in scored if name not in costs_of.index]:
            notes.append(f"Not known in {MEASURES[measure]}: {', '.join(left)}.")
    if "milliseconds" in known:
        notes.append("Times are of one measurement: a few per cent between encoders may be noise.")
    elif len(devices) > 1:
        notes.append(f"Times were measured on {' and '.join(devices)}, and do not compare.")
    spent = rows[[*known, "device"]].reset_index()
    data = pd.concat([panel.of(clean) for panel in shown]).astype({"encoder": "str"}).merge(spent, on="encoder")
    return style.finish(figure, handles, data, notes=[*notes, *caveats(clean)])


def _mark(look: style.Look) -> dict[str, Any]:
    ground = "white" if look.floor else look.colour
    return {"color": look.colour, "marker": look.marker, "markersize": MARKER, "markerfacecolor": ground, "markeredgewidth": 1.1}


def _panel(axis: Axes, rows: pd.DataFrame, costs: pd.Series[float], looks: style.Looks) -> tuple[list[_Point], list[tuple[float, float]]]:
    """Returns where points stand, and the corners of the front that a line to the right begins at."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    numbers = rows[["encoder", "value", "ci_low", "ci_high"]].itertuples(index=False, name=None)
    points = [_Point(name, float(costs[name]), *ends) for name, *ends in numbers if name in costs.index]
    if not points:
        return [], []
    _chance(axis, rows, points)
    first, last = (math.log10(end(point.cost for point in points)) for end in (min, max))
    room = max(0.18 * (last - first), (LEAST_SPAN - (last - first)) / 2)
    first, last = first - room, last + room
    axis.set_xscale("log")
    axis.set_xlim(10**first, 10**last)
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if last - first < 2 else (1.0,), numticks=5))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    front = pareto((point.cost, point.value) for point in points)
    points = _apart(points, APART * (last - first) / axis.get_window_extent().width)
    for point in points:
        axis.vlines(point.cost, point.low, point.high, looks[point.name].colour, linewidth=1.4, zorder=2).set_gid(f"interval:{point.name}")
        axis.plot([point.cost], [point.value], linestyle="none", zorder=3, gid=f"point:{point.name}", **_mark(looks[point.name]))
    axis.margins(y=0.14)
    costs_of, values = [*(points[place].cost for place in front), 10**last], [points[place].value for place in (*front, front[-1])]
    axis.plot(costs_of, values, drawstyle="steps-post", color=style.GREY, linewidth=1, zorder=1, gid="front")
    return points, list(zip(costs_of, values, strict=True))


def _apart(points: Sequence[_Point], gap: float) -> list[_Point]:
    """Those that would cover each other, such as encoders with the same network, side by side. gap: decades."""
    places = {i: math.log10(points[i].cost) for i in sorted(range(len(points)), key=lambda i: points[i].cost)}
    clusters: list[list[int]] = []
    for i, place in places.items():
        if clusters and place - places[clusters[-1][-1]] < gap:
            clusters[-1].append(i)
        else:
            clusters.append([i])
    for cluster in clusters:
        middle = sum(places[i] for i in cluster) / len(cluster)
        places |= {i: middle + gap * (k - (len(cluster) - 1) / 2) for k, i in enumerate(cluster)}
    return [point._replace(cost=10 ** places[i]) for i, point in enumerate(points)]


def _chance(axis: Axes, rows: pd.DataFrame, points: Sequence[_Point]) -> None:
    """The majority class as a line across; where it is so far below that it would flatten all else, it is told at the lower edge."""
    ends = [end for point in points for end in (point.value, point.low, point.high) if end == end]
    for name, value in rows[["encoder", "value"]].itertuples(index=False, name=None):
        if own_name(name) == MAJORITY and value >= min(ends) - FAR * (max(ends) - min(ends)):
            axis.axhline(value, linestyle="--", color=style.GREY, linewidth=1, zorder=1, gid=f"{CHANCE}{name}")
        elif own_name(name) == MAJORITY:
            about: Any = {"fontsize": LABEL_SIZE, "color": style.GREY, "transform": axis.transAxes, "gid": "below"}
            axis.text(0.99, 0.015, f"below: {name} {number(value, 2)}", ha="right", va="bottom", **about)


def _labels(axis: Axes, points: Sequence[_Point], front: Sequence[tuple[float, float]], looks: style.Looks) -> list[str]:
    """The name of each beside it, where it covers nothing; if there is no such place, where it covers no more than a line. Returns those
    for which there is none at all. front: the corners of its steps that a line to the right begins at."""
    axis.get_ylim()  # which are settled only now

    def box(x: float, low: float, high: float, reach: float, end: float | None = None) -> _Box:
        (left, below), (right, above) = axis.transData.transform([(x, low), (x if end is None else end, high)])
        return _Box(left - reach, below - reach, right + reach, above + reach)

    inside = axis.get_window_extent()
    frame = _Box(inside.x0, inside.y0, inside.x1, inside.y1)
    taken = [box(point.cost, point.value, point.value, MARKER / 2 * PIXELS) for point in points]
    taken += [_Box(*text.get_window_extent().extents) for text in axis.texts]
    lines = [box(point.cost, point.low, point.high, 1.5) for point in points if point.low <= point.high]
    for (cost, value), (next_cost, next_value) in itertools.pairwise(front):
        lines += [box(cost, value, value, 1.5, next_cost), box(next_cost, value, next_value, 1.5)]
    unplaced: list[str] = []
    for point in sorted(points, key=lambda point: -point.value):
        text = axis.annotate(
            short(point.name, LABEL_ROOM), (point.cost, point.value), (0, 0), textcoords="offset points", fontsize=LABEL_SIZE,
            color=looks[point.name].colour, ha="center", va="center", gid=f"label:{point.name}", zorder=5, annotation_clip=False,
        )  # fmt: skip
        wide, high = (length / 2 for length in text.get_window_extent().size)
        x, y = axis.transData.transform((point.cost, point.value))
        for others, distance, (right, up) in itertools.product(([*taken, *lines], taken), DISTANCES, (*SIDES, *SLID)):
            dx, dy = right * (wide if up else wide + distance * PIXELS), up * (high + distance * PIXELS)
            here = _Box(x + dx - wide, y + dy - high, x + dx + wide, y + dy + high)
            if here.within(frame) and not any(here.meets(other) for other in others):
                text.set_position((dx / PIXELS, dy / PIXELS))
                taken.append(here)
                break
        else:
            text.remove()
            unplaced.append(point.name)
    return unplaced
