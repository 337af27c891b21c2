"""Where the parts of a figure stand: as wide as a column or the text of a paper, with type that is not scaled, over pages where it is long.

Panels stand in rows, as many beside each other as have room for their texts; headings and labels are wrapped to the room of a panel.
matplotlib's constrained layout measures every text four times, a third of the time in all, and knows neither these widths nor pages.
"""

from __future__ import annotations

import functools
import itertools
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAD, DPI = 0.08, 100  # inches around a panel; dots of an inch on a screen
MOST_HEIGHT = 9.0  # inches, of a page of a paper
LINE = 0.115, 0.135  # inches, of a line of 7 points, and of 8 in bold
GREY = "#5F5F5F"
SMALL = 7.0  # points, the least type
RULER = 300  # dots of an inch that texts are measured by


@dataclass(eq=False)
class Layout:
    """Of a figure that is `width` inches wide. panels: in their order; a block of them begins a new row. heights: inches of the drawing
    area of each. across: the most beside each other; least, most: inches that the drawing area of one is wide. parts: what of that width
    each has. shared: whether panels of a row have their names and numbers at the left in common;
    square: whether panels are as high as they are wide. headings: title, what stands below, and the text for that.
    starts: of panels with numbers or names above them, those that begin a part; the others have none but on the top of a page."""

    figure: Any
    width: float
    panels: list[Any]
    heights: list[float]
    blocks: list[int]
    across: int
    least: float
    most: float
    shared: bool = False
    square: bool = False
    parts: list[float] = field(default_factory=list)
    headings: dict[Axes, tuple[str, str, Any]] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    side: Any = None
    title: list[Any] = field(default_factory=list)
    legend: Any = None
    notes: Any = None
    rows: list[list[int]] = field(default_factory=list)
    inner: float = 1.0
    lefts: list[float] = field(default_factory=list)
    tops: list[float] = field(default_factory=list)
    bottoms: list[float] = field(default_factory=list)

    def fit(self) -> None:
        """Decides how many stand beside each other, and how wide they are."""
        below = [axis.get_xlabel() for axis in self.panels]  # which is wrapped when the width is known
        for axis, high in zip(self.panels, self.heights, strict=True):
            axis.set(xlabel="", ylabel=measure(axis.get_ylabel(), high + PAD))
        boxes = [(axis.get_window_extent(), axis.get_tightbbox()) for axis in self.panels]
        left = max(inside.x0 - whole.x0 for inside, whole in boxes) / DPI + PAD
        right = max(0.0, *(whole.x1 - inside.x1 for inside, whole in boxes)) / DPI + PAD
        room = self.width - (self.side.get_window_extent().width / DPI + PAD if self.side else 0)
        for columns in range(
            max(1, min(self.across, *self.blocks) if len(self.blocks) == 1 else min(self.across, max(self.blocks))), 0, -1
        ):
            self.lefts = [left, *[PAD if self.shared else left] * (columns - 1)]
            self.inner = (room - sum(self.lefts) - columns * right) / columns
            if self.inner >= self.least:
                break
        self.inner = max(0.3, min(self.inner, self.most))
        self.heights = [self.inner] * len(self.panels) if self.square else self.heights
        self.lefts = list(itertools.accumulate((x + right + self.inner for x in self.lefts), initial=self.width - room))
        self.lefts = [start + (left if i == 0 or not self.shared else PAD) for i, start in enumerate(self.lefts[:-1])]
        self.rows, first = [], 0
        for block in self.blocks:
            self.rows += [list(range(first + i, first + min(i + columns, block))) for i in range(0, block, columns)]
            first += block
        if self.shared:
            for i, axis in enumerate(self.panels):
                axis.tick_params(labelleft=any(row[0] == i for row in self.rows))
        high = sum(self.heights[row[0]] + 1 for row in self.rows)
        self.figure.set_size_inches(self.width, high)
        for i, axis in enumerate(self.panels):
            axis.set_position((0, 0, self.wide(i) / self.width, self.heights[i] / high))
            axis.set_xlabel(measure(below[i], self.wide(i) + PAD))

    def write(self) -> None:
        """Headings, labels of axes, legend and notes, wrapped to the room that there is."""
        for i, axis in enumerate(self.panels):
            own = self.wide(i)
            title, below, line = self.headings.get(axis, ("", "", None))
            if title and self.starts:  # at the left edge, above what stands above the panel
                axis.set_title("\n".join(wrapped(title, self.width - 2 * PAD, bold=True)), pad=4, x=(PAD - self.lefts[0]) / own)
            elif title:
                lines = wrapped(below, own + PAD)
                axis.set_title("\n".join(wrapped(title, own + PAD, bold=True)), pad=5 + 72 * LINE[0] * len(lines), y=1)
                line.set_text("\n".join(lines))
        self.tops, self.bottoms = [], []
        for row in self.rows:
            boxes = [(self.panels[i].get_window_extent(), self.panels[i].get_tightbbox()) for i in row]
            self.tops.append(max(whole.y1 - inside.y1 for inside, whole in boxes) / DPI + PAD)
            self.bottoms.append(max(inside.y0 - whole.y0 for inside, whole in boxes) / DPI + PAD)

    def pages(self) -> list[list[int]]:
        """Rows that stand on a page together."""
        found: list[list[int]] = [[]]
        for number in range(len(self.rows)):
            if found[-1] and self._high([*found[-1], number]) > MOST_HEIGHT:
                found.append([])
            found[-1].append(number)
        return found

    def arrange(self, shown: Sequence[int]) -> None:
        """Puts these rows in their places, with what stands above and below all."""
        below, high = self._below(), self._high(shown)
        self.figure.set_size_inches(self.width, high)
        for axis in self.panels:
            axis.set_visible(False)
        y = high - self._above()
        first = y - self._top(shown[0], shown)
        for number in shown:
            y -= self._top(number, shown)
            for column, i in enumerate(self.rows[number]):
                own = self.heights[i]
                self.panels[i].set_visible(True)
                if self.starts:
                    self.panels[i].tick_params(labeltop=self._has_heads(number, shown))
                self.panels[i].set_position((self.lefts[column] / self.width, (y - own) / high, self.wide(i) / self.width, own / high))
            last = y - self._own(number)
            y = last - self.bottoms[number]
        if self.side:
            self.side.set_position((PAD / self.width, (first + last) / 2 / high))
        for place, text in enumerate(self.title):
            text.set_position((PAD / self.width, 1 - (PAD + 0.17 * place) / high))
        if self.notes:
            self.notes.set_position((PAD / self.width, PAD / high))
        if self.legend:
            self.legend.set_bbox_to_anchor((0, (below - self.legend_height) / high), transform=self.figure.transFigure)

    @property
    def legend_height(self) -> float:
        return float(self.legend.get_window_extent().height / DPI) if self.legend else 0.0

    def wide(self, panel: int) -> float:
        """Inches of its drawing area."""
        return self.inner * (self.parts[panel] if self.parts else 1)

    def _high(self, shown: Sequence[int]) -> float:
        """Inches of a page with these rows."""
        return self._above() + self._below() + sum(self._top(n, shown) + self.bottoms[n] + self._own(n) for n in shown)

    def _own(self, row: int) -> float:
        return max(self.heights[i] for i in self.rows[row])

    def _has_heads(self, row: int, shown: Sequence[int]) -> bool:
        return row == shown[0] or row in self.starts

    def _top(self, row: int, shown: Sequence[int]) -> float:
        if not self.starts or self._has_heads(row, shown):
            return self.tops[row]
        return PAD + 4 / 72 + LINE[1] * (1 + self.panels[self.rows[row][0]].get_title(loc="left").count("\n"))

    def _above(self) -> float:
        return 0.17 * len(self.title) + PAD if self.title else 0.0

    def _below(self) -> float:
        """Inches of legend and notes."""
        return self.legend_height + (self.notes.get_window_extent().height / DPI + PAD if self.notes else 0.0) + PAD


def canvas(
    width: float,
    heights: Sequence[float],
    across: int,
    least: float,
    most: float = math.inf,
    blocks: Sequence[int] = (),
    parts: Sequence[float] = (),
    shared: bool = False,
    square: bool = False,
) -> tuple[Figure, list[Axes]]:
    """A figure with a panel for each of `heights`, as `Layout` has them; see `finish`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(width, sum(heights) + 1))
    FigureCanvasAgg(figure)  # measures texts
    wide, high = min(max(least, 0.8 * width / min(across, len(heights))), most, 0.8 * width), sum(heights) + 1
    axes = [figure.add_axes((0, 0, wide * (parts[i] if parts else 1) / width, own / high), label=str(i)) for i, own in enumerate(heights)]
    figure.layout = Layout(
        figure, width, axes, list(heights), list(blocks) or [len(axes)], across, least, most, shared, square, list(parts)
    )
    return figure, axes


def finish(figure: Any, handles: Sequence[Any] = (), notes: Iterable[str] = (), above: Sequence[str] = (), label: str = "") -> Figure:
    """The panels in their places; above them a title with a line below it, at the left a label, below them a legend and notes."""
    layout: Layout = figure.layout
    if label:
        layout.side = figure.text(0, 0, label, rotation=90, va="center", multialignment="center")
    layout.fit()
    layout.write()
    told = "\n".join(line for text in notes for line in wrapped(text, 0.98 * (layout.width - 2 * PAD)))  # hinted letters are wider
    if told:
        layout.notes = figure.text(0, 0, told, fontsize=SMALL, color=GREY, va="bottom", linespacing=1.15)
    if handles:
        layout.legend = _legend(figure, handles, layout.width)
    for lines, bold in zip(above, (True, False), strict=False):
        look: Any = {"fontsize": 8.5, "fontweight": "bold"} if bold else {"fontsize": SMALL, "color": GREY}
        layout.title.append(figure.text(0, 0, lines, va="top", **look))
    layout.arrange(range(len(layout.rows)))
    return figure  # type: ignore[no-any-return]


def paged(figure: Any) -> Iterator[Figure]:
    """The figure as it is on each of the pages that it takes; afterwards it is whole again."""
    layout: Layout = figure.layout
    pages = layout.pages()
    for shown in pages:
        if len(pages) > 1:
            layout.arrange(shown)
        yield figure
    if len(pages) > 1:
        layout.arrange(range(len(layout.rows)))


def _legend(figure: Any, handles: Sequence[Any], width: float) -> Any:
    """In as few lines as there is room for; its columns have the width of their longest name."""
    sizes = [text_width(handle.get_label()) + 0.42 for handle in handles]  # inches
    lines = next(
        n for n in range(1, len(sizes) + 1) if n == len(sizes) or sum(max(sizes[i : i + n]) for i in range(0, len(sizes), n)) <= width - PAD
    )
    columns = math.ceil(len(sizes) / lines)
    about: Any = {
        "loc": "lower left",
        "borderaxespad": 0.3,
        "borderpad": 0.2,
        "labelspacing": 0.25,
        "columnspacing": 1.2,
        "handletextpad": 0.5,
    }
    return figure.legend(handles=handles, ncols=columns, bbox_to_anchor=(0, 0), **about)


def measure(label: str, width: float) -> str:
    """What an axis measures, its unit on a line of its own where both are wider than so many inches."""
    label = " ".join(label.split())
    parts = [label] if text_width(label, 7.5) <= width else label.replace(" (", "\n(").split("\n")
    return "\n".join(line for part in parts for line in wrapped(part, width, 7.5))


def wrapped(text: str, width: float, size: float = SMALL, bold: bool = False) -> list[str]:
    """Lines that are about so many inches wide. size: points; those in bold have a point more."""
    if not text:
        return []
    letters = max(8, int(1.05 * width * len(text) / text_width(text, size + bold, bold)))
    while True:
        lines = textwrap.wrap(text, letters, break_on_hyphens=False)
        if letters <= 8 or max(text_width(line, size + bold, bold) for line in lines) <= width:
            return lines
        letters -= 1


def text_width(text: str, size: float = SMALL, bold: bool = False) -> float:
    """Inches."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return float(_ruler().get_text_width_height_descent(text, font, False)[0]) / RULER


@functools.cache
def _ruler() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, RULER)
