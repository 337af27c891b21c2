"""Figures: every score is a point in its place, floors are lines, the look is fixed, and the same data give the same bytes."""

from __future__ import annotations

import dataclasses
import itertools
import math

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mirbench.reporting.board import build_board
from mirbench.reporting.figures import comparison as figures
from mirbench.reporting.figures import style
from mirbench.results.merging import Merged
from mirbench.results.rows import Comparison, Summary

MANIFEST = {
    "metrics": {"accuracy": "accuracy (share of clips, 0 to 1)", "macro_f1": "macro F1 (0 to 1)"},
    "tasks": {"genre": {"metrics": ["accuracy", "macro_f1"]}, "key": {"metrics": ["mirex"]}},
}
TASKS = {"genre": ("accuracy", "macro_f1"), "key": ("mirex",)}
FLOORS = ("untrained", "handcrafted", "majority")


def a_board(encoders=("semisupcon", "simclr"), without=(), compared=True, tasks=TASKS):
    names = [*encoders, *FLOORS]
    summaries = [
        Summary(name, task, "mini", metric, 0.9 - 0.03 * i, 0.85 - 0.03 * i, 0.94 - 0.03 * i, n_seeds=3, n_test=48)
        for task, metrics in tasks.items()
        for metric in metrics
        for i, name in enumerate(names)
        if (name, task) not in without
    ]
    comparisons = [
        Comparison(encoders[0], baseline, task, "mini", metrics[0], 0.03, low, 0.06, n_seeds=3, n_test=47)
        for task, metrics in tasks.items()
        for baseline, low in (("untrained", 0.01), ("handcrafted", -0.01))
    ]
    return build_board(Merged([], summaries, comparisons if compared else [], {"run": MANIFEST}))


def by_gid(axis, prefix):
    return {a.get_gid()[len(prefix) :]: a for a in axis.get_children() if (a.get_gid() or "").startswith(prefix)}


def headline(board):
    return [p for p in board.panels if p.headline]


def test_a_panel_per_task_with_every_score_as_a_point_in_its_place():
    board = a_board()
    figure = figures.scores_figure(board, headline(board))
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["genre on mini", "key on mini"]
    for axis in figure.axes:
        points = {name: (p.get_xdata()[0], p.get_ydata()[0]) for name, p in by_gid(axis, "point:").items()}
        assert points == {name: (pytest.approx(0.9 - 0.03 * i), i) for i, name in enumerate(board.names)}
        whiskers = {name: w.get_segments()[0][:, 0].tolist() for name, w in by_gid(axis, "interval:point:").items()}
        assert whiskers == {name: pytest.approx([0.85 - 0.03 * i, 0.94 - 0.03 * i]) for i, name in enumerate(board.names)}


def test_floors_are_lines_dashed_and_dotted_and_the_legend_says_so():
    board = a_board()
    figure = figures.scores_figure(board, headline(board))
    for axis in figure.axes:
        lines = {name: (line.get_linestyle(), line.get_xdata()[0]) for name, line in by_gid(axis, "line:").items()}
        assert lines == {"majority": ("--", board.cell("majority", board.panels[0]).value), "untrained": (":", pytest.approx(0.84))}
    assert [t.get_text() for t in figure.legends[0].get_texts()][:2] == ["majority class (dashed)", "untrained encoder (dotted)"]


def test_axes_name_metric_and_unit_clips_and_seeds():
    board = a_board()
    axis = figures.scores_figure(board, board.panels).axes[0]
    assert axis.get_xlabel() == "accuracy (share of clips, 0 to 1)"
    assert "48 test clips, 3 seeds" in [t.get_text() for t in axis.texts]
    assert [label.get_text() for label in axis.get_yticklabels()] == list(board.names)
    assert axis.yaxis_inverted()  # the first encoder on top


def test_all_metrics_has_a_panel_for_each():
    board = a_board()
    assert [a.get_xlabel() for a in figures.scores_figure(board, board.panels).axes] == [
        "accuracy (share of clips, 0 to 1)", "macro F1 (0 to 1)", "mirex",
    ]  # fmt: skip


def test_a_score_that_is_not_there_is_said_and_one_without_interval_has_no_whiskers():
    board = a_board(without={("simclr", "key")})
    board.cells[("simclr", "genre", "mini", "accuracy")] = Summary("simclr", "genre", "mini", "accuracy", 0.5, math.nan, math.nan)
    genre, key = figures.scores_figure(board, headline(board)).axes
    assert "simclr" in by_gid(genre, "point:")
    assert "simclr" not in by_gid(genre, "interval:point:")
    assert "simclr" not in by_gid(key, "point:")
    assert "not scored" in [t.get_text() for t in key.texts]


def test_an_encoder_looks_the_same_everywhere_and_like_no_other():
    board = a_board(tuple(f"encoder-{i}" for i in range(12)))
    marks = figures.marks(board)
    assert len({marks[name] for name in board.encoders}) == 12
    assert len({marks[name][1] for name in board.encoders}) == 12  # in grey print too
    drawn = [figures.scores_figure(board, panels) for panels in (headline(board), board.panels)]
    for figure in [*drawn, figures.differences_figure(board)]:
        for axis in figure.axes:
            for name, point in by_gid(axis, "point:").items():
                assert (point.get_color(), point.get_marker()) == marks[name.split(":")[0]]


def test_differences_have_a_zero_line_and_are_hollow_where_undecided():
    figure = figures.differences_figure(a_board())
    assert len(figure.axes) == 2
    for axis in figure.axes:
        assert by_gid(axis, "zero")[""].get_xdata()[0] == 0
        points = by_gid(axis, "point:")
        assert {name: p.get_markerfacecolor() == "white" for name, p in points.items()} == {
            "semisupcon:untrained": False, "semisupcon:handcrafted": True,
        }  # fmt: skip
        assert "47 test clips, 3 seeds" in [t.get_text() for t in axis.texts]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["semisupcon − untrained", "semisupcon − handcrafted"]
    assert figures.differences_figure(a_board(compared=False)) is None


def test_differences_leave_the_majority_class_to_the_table_unless_there_is_nothing_else():
    def pairs(*baselines):
        board = a_board(compared=False)
        made = tuple(Comparison("semisupcon", b, "genre", "mini", "accuracy", 0.1, 0.0, 0.2, 3, 48) for b in baselines)
        (axis,) = figures.differences_figure(dataclasses.replace(board, comparisons=made)).axes
        return [name.rsplit(":", 1)[1] for name in by_gid(axis, "point:")]

    assert pairs("simclr", "untrained", "majority") == ["simclr", "untrained"]
    assert pairs("majority") == ["majority"]


def test_long_names_of_a_difference_stand_below_each_other():
    figure = figures.differences_figure(a_board(("semisupcon-with-a-long-name",)))
    said = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert all("\n− " in text for text in said)


def test_a_dollar_in_a_name_is_a_dollar(tmp_path):
    board = a_board(("$\\foo{$", "a$b"), tasks={"$x{$": ("$y^$",)})
    written = figures.write_figures(board, tmp_path)
    assert len(written) == 6


@pytest.mark.parametrize("first", ["a", "semisupcon-with-a-very-long-name-and-its-temperature-0.07 (first-run)"])
@pytest.mark.parametrize(("n", "tasks"), [(1, {"genre": ("accuracy",)}), (3, TASKS), (12, {f"task-{i}": ("macro_f1",) for i in range(5)})])
def test_nothing_overlaps_or_is_cut_off(n, tasks, first):
    board = a_board((first, *(f"encoder-{i}" for i in range(n - 1))), tasks=tasks)
    for figure in (figures.scores_figure(board, headline(board)), figures.differences_figure(board)):
        canvas = FigureCanvasAgg(figure)
        with style.settings():
            canvas.draw()
        renderer, whole = canvas.get_renderer(), figure.bbox
        boxes = []
        for axis in figure.axes:
            labels = [label.get_window_extent(renderer) for label in axis.get_yticklabels() if label.get_text()]
            assert all(a.y0 >= b.y1 - 1 for a, b in itertools.pairwise(labels)), "names run into each other"
            boxes.append(axis.get_tightbbox(renderer))
        boxes += [legend.get_window_extent(renderer) for legend in figure.legends] + [t.get_window_extent(renderer) for t in figure.texts]
        for i, box in enumerate(boxes):
            assert box.x0 >= -1
            assert box.y0 >= -1
            assert box.x1 <= whole.width + 1
            assert box.y1 <= whole.height + 1
            assert not any(box.overlaps(other) for other in boxes[:i]), "panels or legend overlap"


def test_the_same_data_give_the_same_bytes_and_stale_figures_go(tmp_path):
    settings = dict(matplotlib.rcParams)
    board = a_board(tasks={"genre": ("accuracy",)})
    written = figures.write_figures(board, tmp_path)
    assert [p.name for p in written] == [f"{n}.{k}" for n in ("comparison", "all_metrics", "differences") for k in ("png", "svg")]
    first = {p: p.read_bytes() for p in written}
    matplotlib.rcParams["font.size"] = 30  # a user's own settings
    try:
        figures.write_figures(board, tmp_path)
        assert matplotlib.rcParams["font.size"] == 30
    finally:
        matplotlib.rcParams["font.size"] = settings["font.size"]
    assert {p: p.read_bytes() for p in written} == first
    assert dict(matplotlib.rcParams) == settings
    assert b"dc:date" not in first[tmp_path / "comparison.svg"]
    figures.write_figures(a_board(compared=False, tasks={"genre": ("accuracy",)}), tmp_path)
    assert not list(tmp_path.glob("differences.*"))
