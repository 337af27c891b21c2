"""How every figure looks: who has which colour and marker, the grid of panels, their headings, what stands below them.

Colours are Okabe and Ito's (2008), which colour-blind people tell apart; markers differ too, so that grey print is enough.
matplotlib is imported when a figure is drawn, without pyplot, and its global settings are left as they were.
"""

from __future__ import annotations

import contextlib
import io
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from mirbench.records import MAJORITY
from mirbench.reporting.words import Panel, short
from mirbench.results.order import FLOORS, complete, own_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
GREY = "#5F5F5F"
FLOOR_DASHES: tuple[Any, ...] = (":", (0, (1, 3, 4, 3)), (0, (2, 4)))  # of floors other than the majority class
NAME_WIDTH = 24  # characters in a line of a name on an axis; a plain name has two lines at most
PAD, DPI = 0.1, 100  # inches around a panel; dots of an inch on a screen
SETTINGS = {
    "svg.hashsalt": "mirbench", "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 10, "axes.labelsize": 9,
    "xtick.labelsize": 8.5, "ytick.labelsize": 9, "legend.fontsize": 8.5, "axes.spines.top": False, "axes.spines.right": False,
    "axes.spines.left": False, "axes.edgecolor": GREY, "axes.titlelocation": "left", "axes.titleweight": "bold",
    "axes.grid": True, "axes.grid.axis": "y", "axes.axisbelow": True, "grid.color": "#EEEEEE", "figure.dpi": DPI, "savefig.dpi": 160,
    "axes.unicode_minus": True, "legend.frameon": False, "legend.handlelength": 2.8, "legend.title_fontsize": 8.5,
    "text.parse_math": False,  # a $ in a name is a dollar
}  # fmt: skip


@contextlib.contextmanager
def settings() -> Iterator[None]:
    """matplotlib's own defaults and ours, whatever the user's matplotlibrc says; of a block, or as `@settings()` of a function."""
    import matplotlib.style

    with matplotlib.style.context(["default", SETTINGS]):
        yield


class Look(NamedTuple):
    """Of an encoder or a floor, the same in every figure. dashes: of its line; those of encoders are solid."""

    colour: str
    marker: str
    dashes: Any = "-"
    floor: bool = False

    def line(self, **more: Any) -> dict[str, Any]:
        return {"color": self.colour, "linestyle": self.dashes, **more}


Looks = Mapping[str, Look]


def look(place: int) -> Look:
    """Of the encoder at that place."""
    return Look(COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)])


def prepared(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Look]]:
    """The frame, completed, and the looks of its encoders, then of its floors, in their order.

    A number that is not finite is nan, and so are the ends of its interval, as nothing can be drawn of it; `infinite` is what it was.
    An encoder's look is that of its place among the encoders of the frame's categories, so it keeps it where others have no row.
    """
    done = complete(frame)
    value = "difference" if "difference" in done else "value"
    numbers = done[[value, "ci_low", "ci_high"]]
    finite = numbers.abs() < math.inf
    done = done.assign(
        **numbers.where(finite & finite[[value] * 3].to_numpy()), infinite=[f"{x:g}" if math.isinf(x) else "" for x in done[value]]
    )
    roles: dict[str, str] = {}
    names: dict[str, None] = {}
    for column, role in (("encoder", "role"), ("baseline", "baseline_role")):
        if column in done:
            roles |= dict(zip(done[column], done[role], strict=True))
            names |= dict.fromkeys((frame if hasattr(frame[column], "cat") else done)[column].cat.categories)
    floors = [name for name in names if roles.get(name, "floor" if own_name(name) in FLOORS else "encoder") == "floor"]
    looks = {name: look(place) for place, name in enumerate(name for name in names if name and name not in floors)}
    others = [name for name in floors if own_name(name) != MAJORITY]
    dashes = {name: FLOOR_DASHES[i % len(FLOOR_DASHES)] for i, name in enumerate(others)}
    looks |= {name: Look(GREY, "d", dashes.get(name, "--"), floor=True) for name in floors}
    return done, looks


def seeds(cell: object) -> list[float]:
    """The finite numbers of a cell of `by_seed`.

    >>> seeds("0.5 nan 0.7"), seeds("")
    ([0.5, 0.7], [])
    """
    return [x for x in map(float, str(cell).split()) if math.isfinite(x)]


def among(looks: Looks, names: Iterable[str]) -> list[str]:
    """Those names, encoders first, each once."""
    wanted = set(names)
    return [name for name in looks if name in wanted]


def canvas(panels: int, across: int, width: float, height: float, **shared: Any) -> tuple[Figure, list[Axes]]:
    """A figure of that many panels, `across` beside each other, the drawing area of each width x height inches; see `finish`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = math.ceil(panels / across)
    figure: Any = Figure(figsize=(across * (width + 1) - 1, lines * (height + 1) - 1))
    FigureCanvasAgg(figure)  # measures texts
    figure._repr_png_ = partial(rendered, figure, "png", dpi="figure")  # a notebook shows it, pyplot or not
    figure.subplots_adjust(0, 0, 1, 1, 1 / width, 1 / height)
    axes = list(figure.subplots(lines, across, squeeze=False, **shared).flat)
    for axis in axes[panels:]:
        axis.remove()
    return figure, axes[:panels]


def finish(figure: Any, handles: Sequence[Any] = (), notes: Iterable[str] = (), above: Sequence[str] = ("", ""), label: str = "") -> Figure:
    """The panels as far from each other as their texts need; above them a title with a line below it, at the left a label, below them
    notes and a legend. Every text is measured once: matplotlib's constrained layout does so four times, a third of the time in all."""
    import numpy as np

    grid, places = figure.axes[0].get_gridspec(), {axis: axis.get_subplotspec() for axis in figure.axes}
    width, height = figure.axes[0].get_window_extent().size / DPI
    left, right, top, bottom = (np.full(n, PAD) for n in (grid.ncols, grid.ncols, grid.nrows, grid.nrows))  # inches around the panels
    for axis, place in places.items():
        inside, whole = axis.get_window_extent(), axis.get_tightbbox()
        column, row = place.colspan.start, place.rowspan.start
        across = (left, column, inside.x0 - whole.x0), (right, column, whole.x1 - inside.x1)
        for edges, i, room in (*across, (top, row, whole.y1 - inside.y1), (bottom, row, inside.y0 - whole.y0)):
            edges[i] = max(edges[i], room / DPI + PAD)
    side = figure.text(0, 0, label, rotation=90, va="center", multialignment="center")
    left[0] += side.get_window_extent().width / DPI + PAD
    top[0] += 0.45 if above[0] else 0
    width += max(0, 5.5 - left.sum() - right.sum() - grid.ncols * width) / grid.ncols  # room for what stands below
    wide = left.sum() + right.sum() + grid.ncols * width
    note = "\n".join(line for text in notes for line in textwrap.wrap(text, int(13.5 * wide)))
    if handles:
        sizes = [0.068 * len(handle.get_label()) + 0.7 for handle in handles]  # inches
        rows = next((n for n in range(1, len(sizes)) if sum(max(sizes[i : i + n]) for i in range(0, len(sizes), n)) <= wide), len(sizes))
        below = figure.legend(handles=handles, loc="lower center", ncols=math.ceil(len(sizes) / rows), title=note or None)
        below.get_title().set(color=GREY, multialignment="center")
    else:
        below = figure.text(0.5, 0, note, ha="center", va="bottom", fontsize=8.5, color=GREY)
    high = top.sum() + bottom.sum() + grid.nrows * height + below.get_window_extent().height / DPI + 2 * PAD
    figure.set_size_inches(wide, high)
    if not handles:
        below.set_y(PAD / high)
    for axis, place in places.items():
        column, row = place.colspan.start, place.rowspan.start
        x = left[: column + 1].sum() + right[:column].sum() + column * width
        y = high - top[: row + 1].sum() - bottom[:row].sum() - (row + 1) * height
        axis.set_position((x / wide, y / high, width / wide, height / high))
    side.set_position((PAD / wide, (high - top[0] + y) / 2 / high))  # the middle of the panels
    figure.text(PAD / wide, 1 - PAD / high, above[0], va="top", fontsize=11, fontweight="bold")
    figure.text(PAD / wide, 1 - (PAD + 0.2) / high, above[1], va="top", fontsize=8.5, color=GREY)
    return figure


def rendered(figure: Figure, kind: str, **about: Any) -> bytes:
    """The figure as PNG or SVG."""
    data = io.BytesIO()
    if kind == "png":
        about["pil_kwargs"] = {"compress_level": 2}  # quicker than 6, for 7 % more bytes
    figure.savefig(data, format=kind, **about)
    return data.getvalue()


def heading(axis: Axes, panel: Panel, size: str, room: int = 40) -> None:
    """The title of a panel, at most `room` characters, and the number of clips and seeds below it."""
    axis.set_title(short(panel.title, room), y=1, pad=22)
    axis.annotate(size, (0, 1), (0, 8), xycoords="axes fraction", textcoords="offset points", fontsize=8.5, color=GREY)


def measure(label: str, width: int = 42) -> str:
    """What an axis measures, its unit on a line of its own where both are longer than `width` characters."""
    parts = [label] if len(label) <= width else label.replace(" (", "\n(").split("\n")
    return "\n".join(line for part in parts for line in textwrap.wrap(part, width))


def columns_of(panels: int) -> int:
    """How many panels stand side by side."""
    return panels if panels <= 2 else 2 if panels == 4 else 3


def row_label(name: str) -> str:
    """A name in lines of NAME_WIDTH characters; what a variant has of its own stands below its encoder."""
    head, bracket, own = name.partition("[")
    if len(name) <= NAME_WIDTH or not bracket:
        return "\n".join(textwrap.wrap(short(name, 2 * NAME_WIDTH - 8), NAME_WIDTH)) or name
    return "\n".join([head, *textwrap.wrap(short(bracket + own, 3 * NAME_WIDTH - 8), NAME_WIDTH, break_on_hyphens=False)])


def row_height(labels: Iterable[str]) -> float:
    """In inches, for the label with most lines."""
    return 0.12 + 0.17 * max(label.count("\n") + 1 for label in labels)
