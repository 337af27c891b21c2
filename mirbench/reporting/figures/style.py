"""How every figure looks: how wide it is and its type, who has which colour and marker, the headings of its panels.

Colours are Okabe and Ito's (2008), which colour-blind people tell apart; markers differ too, so that grey print is enough.
matplotlib is imported when a figure is drawn, without pyplot, and its global settings are left as they were.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from mirbench.errors import unknown_name
from mirbench.records import MAJORITY
from mirbench.reporting.figures import layout
from mirbench.reporting.figures.layout import GREY, SMALL
from mirbench.reporting.words import short
from mirbench.results.order import FLOORS, complete, own_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
FLOOR_COLOURS = ("#5B6F8F", "#8A6A3B", "#6F5B7A")  # greyish: of floors other than the majority class, which is grey
FLOOR_DASHES: tuple[Any, ...] = (":", (0, (1, 3, 4, 3)), (0, (2, 4)))
FLOOR_MARKERS = ("d", "H", "p")
WIDTHS = {"column": 3.3, "text": 7.0}  # inches, of a column and of the text of most proceedings
NAME_WIDTHS = {"column": 20, "text": 24}  # characters in a line of a name on an axis; a plain name has two lines at most
SETTINGS = {
    "svg.hashsalt": "mirbench", "font.family": "DejaVu Sans", "font.size": 7.5, "axes.titlesize": 8, "axes.labelsize": 7.5,
    "xtick.labelsize": SMALL, "ytick.labelsize": 7.5, "legend.fontsize": SMALL, "xtick.major.size": 2.5, "ytick.major.size": 2.5,
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.spines.left": False, "axes.edgecolor": GREY, "axes.titlelocation": "left", "axes.titleweight": "bold",
    "axes.grid": True, "axes.grid.axis": "y", "axes.axisbelow": True, "grid.color": "#EEEEEE", "figure.dpi": layout.DPI, "savefig.dpi": 300,
    "axes.unicode_minus": True, "legend.frameon": False, "legend.handlelength": 2.4, "axes.linewidth": 0.6,
    "pdf.fonttype": 42,  # letters stay letters: TrueType, not outlines
    "text.parse_math": False,  # a $ in a name is a dollar
}  # fmt: skip


_chosen: ContextVar[str] = ContextVar("figure_width", default="text")


@contextlib.contextmanager
def settings(wide: str = "") -> Iterator[None]:
    """matplotlib's own defaults and ours, whatever the user's matplotlibrc says; of a block, or as `@settings()` of a function.

    wide: column or text, how wide figures are that are drawn meanwhile; "": as before, and text at first. Raises MirbenchError for others.
    """
    import matplotlib.style

    if wide and wide not in WIDTHS:
        raise unknown_name("width of figures", wide, WIDTHS)
    before = _chosen.set(wide or _chosen.get())
    try:
        with matplotlib.style.context(["default", SETTINGS]):
            yield
    finally:
        _chosen.reset(before)


def width() -> float:
    """Inches of a figure that is drawn now."""
    return WIDTHS[_chosen.get()]


def name_width() -> int:
    """Characters in a line of a name on an axis."""
    return NAME_WIDTHS[_chosen.get()]


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
    looks |= {name: Look(GREY, "8", "--", floor=True) for name in floors}
    for place, name in enumerate(others):
        colour, marker, dashes = (each[place % len(each)] for each in (FLOOR_COLOURS, FLOOR_MARKERS, FLOOR_DASHES))
        looks[name] = Look(colour, marker, dashes, floor=True)
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


def canvas(heights: Sequence[float], across: int, least: float, **about: Any) -> tuple[Figure, list[Axes]]:
    """A figure of the width that `settings` say, with a panel for each of `heights`, inches of its drawing area; see `layout`."""
    figure: Any
    figure, axes = layout.canvas(width(), heights, across, least, **about)
    figure._repr_png_ = partial(rendered, figure, "png", dpi="figure")  # a notebook shows it, pyplot or not
    return figure, axes


def finish(figure: Any, handles: Sequence[Any] = (), data: pd.DataFrame | None = None, **about: Any) -> Figure:
    """As `layout.finish`. data: what was drawn, which `data_of` tells."""
    figure.data = data
    return layout.finish(figure, handles, **about)


paged = layout.paged


def prepare() -> None:
    """Imports what draws, so that processes that are forked now need not."""
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_pdf
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401


def rendered(figure: Figure, kind: str, **about: Any) -> bytes:
    """The figure as PNG, SVG or PDF."""
    data = io.BytesIO()
    if kind == "png":
        about["pil_kwargs"] = {"compress_level": 2}  # quicker than 6, for 7 % more bytes
    figure.savefig(data, format=kind, **about)
    return data.getvalue()


def heading(axis: Axes, title: str, below: str = "") -> None:
    """The title of a panel, and what stands below it in grey, such as the number of clips and seeds."""
    about: Any = {"textcoords": "offset points", "fontsize": SMALL, "color": GREY, "va": "bottom"}
    line = axis.annotate("", (0, 1), (0, 4), xycoords="axes fraction", **about)
    axis.figure.layout.headings[axis] = title, below, line  # type: ignore[union-attr]


def row_label(name: str) -> str:
    """A name in lines of `name_width` characters; what a variant has of its own stands below its encoder."""
    head, bracket, own = name.partition("[")
    most = name_width()
    if len(name) <= most or not bracket:
        return "\n".join(textwrap.wrap(short(name, 2 * most - 8), most)) or name
    return "\n".join([head, *textwrap.wrap(short(bracket + own, 3 * most - 8), most, break_on_hyphens=False)])


def row_height(labels: Iterable[str]) -> float:
    """In inches, for the label with most lines."""
    return 0.1 + 0.135 * max(label.count("\n") + 1 for label in labels)


def chunks(count: int, most: int) -> list[range]:
    """So many things in as few parts as have room for `most` each, and these as large as each other as can be.

    >>> chunks(5, 4), chunks(4, 4)
    ([range(0, 3), range(3, 5)], [range(0, 4)])
    """
    parts = max(1, math.ceil(count / max(1, most)))
    ends = [round(count * i / parts + 1e-9) for i in range(parts + 1)]
    return [range(start, end) for start, end in itertools.pairwise(ends)]
