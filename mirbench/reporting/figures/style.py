"""How every figure looks: colours, markers, settings, the heading of a panel.

Colours are Okabe and Ito's (2008), which colour-blind people tell apart; markers differ too, so that grey print is enough.
matplotlib is imported when a figure is drawn, without pyplot, and its global settings are left as they were.
"""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mirbench.records import MAJORITY
from mirbench.reporting.board import Board
from mirbench.reporting.tables.layout import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
GREY = "#5F5F5F"
NAME_WIDTH = 24  # characters in a line of a name on an axis; a plain name has two lines at most
LABEL_WIDTH = 42
FLOOR_LINES: dict[str, tuple[Any, str]] = {MAJORITY: ("--", "majority class (dashed)"), "untrained": (":", "untrained encoder (dotted)")}
SHADES = ((1.0, 1.0, 1.0), (0.42, 0.66, 0.86))  # black text is readable on both, and in grey they are as far apart
FLOOR_DASHES: tuple[Any, ...] = (":", (0, (1, 3, 4, 3)), (0, (2, 4)))  # of floors other than the majority class
SETTINGS = {
    "svg.hashsalt": "mirbench", "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 10, "axes.labelsize": 9,
    "xtick.labelsize": 8.5, "ytick.labelsize": 9, "legend.fontsize": 8.5, "axes.spines.top": False, "axes.spines.right": False,
    "axes.spines.left": False, "axes.edgecolor": GREY, "figure.dpi": 100, "savefig.dpi": 160, "axes.unicode_minus": True,
    "text.parse_math": False,  # a $ in a name is a dollar
}  # fmt: skip


@contextlib.contextmanager
def settings() -> Iterator[None]:
    """matplotlib's own defaults and ours, whatever the user's matplotlibrc says."""
    import matplotlib.style

    with matplotlib.style.context(["default", SETTINGS]):
        yield


def marks(board: Board) -> dict[str, tuple[str, str]]:
    """(colour, marker) of every encoder and floor, the same in every figure; floors are grey."""
    found = {name: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, name in enumerate(board.encoders)}
    return found | {name: (GREY, "d" if board.own_name(name) not in FLOOR_LINES else "|") for name in board.floors}


def heading(axis: Axes, title: str, size: str) -> None:
    """The title of a panel, and the number of clips and seeds below it."""
    axis.set_title(short(title, 40), loc="left", fontweight="bold", pad=22)
    axis.annotate(size, (0, 1), (0, 8), xycoords="axes fraction", textcoords="offset points", fontsize=8.5, color=GREY)


def measure(label: str, width: int = LABEL_WIDTH) -> str:
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
