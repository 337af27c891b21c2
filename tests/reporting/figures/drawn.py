"""What a drawn figure holds, for tests."""

from __future__ import annotations

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from mirbench.reporting.figures import style


def by_gid(axis, prefix):
    return {a.get_gid()[len(prefix) :]: a for a in axis.get_children() if (a.get_gid() or "").startswith(prefix)}


def points(axis):
    """By name of the row, (value, row) of its point."""
    return {name: (point.get_xdata()[0], point.get_ydata()[0]) for name, point in by_gid(axis, "point:").items()}


def seeds(axis):
    """By name of the row, the values of its small points, which stand together just below it."""
    found = {name: (list(dots.get_xdata()), set(dots.get_ydata())) for name, dots in by_gid(axis, "seeds:").items()}
    places = {name: place for name, (_, place) in points(axis).items()}
    assert all(0 < y - places[name] < 0.4 for name, (_, rows) in found.items() for y in rows)
    assert all(len(rows) == min(len(values), 1) for values, rows in found.values())
    return {name: values for name, (values, _) in found.items()}


def inside(axis, values, along=0):
    """Whether they lie within the panel; along: 0 for x, 1 for y."""
    low, high = sorted((axis.get_xlim, axis.get_ylim)[along]())
    return all(low < value < high for value in values)


def intervals(collection, along=0):
    """The ends of each, by where it stands."""
    return {float(ends[0, 1 - along]): ends[:, along].tolist() for ends in collection.get_segments() if len(ends)}


def said(figure):
    """Every text in it."""
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def check_nothing_overlaps(figure):
    """No two panels, legends, notes or labels of an axis do, and nothing is cut off."""
    canvas = FigureCanvasAgg(figure)
    with style.settings():
        canvas.draw()
    renderer, boxes = canvas.get_renderer(), []
    for axis in figure.axes:
        for labels in (axis.get_yticklabels(), axis.get_xticklabels()):
            extents = [label.get_window_extent(renderer) for label in labels if label.get_text()]
            assert not any(a.overlaps(b) for a, b in itertools.pairwise(extents)), "labels run into each other"
        assert axis.get_window_extent(renderer).height > 15, "a panel has no room"
        boxes.append(axis.get_tightbbox(renderer))
    boxes += [each.get_window_extent(renderer) for each in [*figure.legends, *(text for text in figure.texts if text.get_text())]]
    for i, box in enumerate(boxes):
        assert min(box.x0, box.y0) >= -1
        assert box.x1 <= figure.bbox.width + 1
        assert box.y1 <= figure.bbox.height + 1
        assert not any(box.overlaps(other) for other in boxes[:i]), "panels, legend or notes overlap"
