"""A sweep's figure and table: every variant in its place, the scale of the axis, level lines, the shades of the heat map."""

from __future__ import annotations

import itertools
import math

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mirbench.reporting import html, report
from mirbench.reporting.board import build_board
from mirbench.reporting.figures import comparison as figures
from mirbench.reporting.figures import style, sweeps
from mirbench.results.merging import Merged, merge
from mirbench.results.rows import Comparison, Summary
from mirbench.results.run_folder import RunFolder

TASKS = {"genre": "accuracy", "key": "mirex"}
FLOORS = ("untrained", "majority")


def variant(encoder, **values):
    name = ", ".join(f"{option}={value}" for option, value in values.items())
    return {"name": f"{encoder}[{name}]", "encoder": encoder, "values": values}


BUDGET = [variant("semisupcon", label_fraction=x) for x in (1, 0.1, 0.5)]


def a_value(name, task, names):
    return 0.05 if name == "majority" else 0.5 + 0.02 * names.index(name) + (0.1 if task == "key" else 0)


def a_manifest(points, plain, floors):
    roles = {**{p["name"]: "encoder" for p in points}, **dict.fromkeys(plain, "encoder"), **dict.fromkeys(floors, "floor")}
    return {
        "metrics": {"accuracy": "accuracy (share of clips, 0 to 1)"},
        "tasks": {task: {"metrics": [metric]} for task, metric in TASKS.items()},
        "encoders": {name: {"role": role} for name, role in roles.items()},
        "sweep": {"points": points},
    }


def rows(names, value=a_value, without=()):
    return [
        Summary(name, task, "mini", metric, v := value(name, task, names), v - 0.03, v + 0.04, n_seeds=3, n_test=48)
        for task, metric in TASKS.items()
        for name in names
        if (name, task) not in without
    ]


def a_board(points=BUDGET, plain=("simclr",), floors=FLOORS, without=(), comparisons=()):
    names = [*(p["name"] for p in points), *plain, *floors]
    return build_board(Merged([], rows(names, without=without), list(comparisons), {"run": a_manifest(points, plain, floors)}))


def by_gid(axis, prefix):
    return {a.get_gid()[len(prefix) :]: a for a in axis.get_children() if (a.get_gid() or "").startswith(prefix)}


def test_a_curve_goes_through_every_value_in_order_with_whiskers():
    board = a_board()
    figure = sweeps.sweep_figure(board)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["genre on mini", "key on mini"]
    for axis, extra in zip(figure.axes, (0, 0.1), strict=True):
        ((encoder, curve),) = by_gid(axis, "curve:").items()
        assert encoder == "semisupcon"
        assert list(curve.get_xdata()) == [0.1, 0.5, 1]
        assert list(curve.get_ydata()) == pytest.approx([0.52 + extra, 0.54 + extra, 0.5 + extra])
        whiskers = {name: w.get_ydata() for name, w in by_gid(axis, "interval:").items()}
        assert whiskers == {
            "semisupcon[label_fraction=1]": pytest.approx([0.47 + extra, 0.54 + extra]),
            "semisupcon[label_fraction=0.1]": pytest.approx([0.49 + extra, 0.56 + extra]),
            "semisupcon[label_fraction=0.5]": pytest.approx([0.51 + extra, 0.58 + extra]),
        }
        assert axis.get_xlabel() == "share of the labels used, p_s"
        assert "48 test clips, 3 seeds" in [t.get_text() for t in axis.texts]
        low, high = axis.get_ylim()
        assert low < 0.47 + extra
        assert high > 0.58 + extra
    assert figure.axes[0].get_ylabel() == "accuracy\n(share of clips, 0 to 1)"


@pytest.mark.parametrize(
    ("values", "scale"), [((0.1, 0.5, 1), "log"), ((0.25, 0.5, 0.75), "linear"), ((0, 0.5, 100), "linear"), ((-1, 20), "linear")]
)
def test_the_axis_is_logarithmic_where_positive_values_span_a_factor_of_ten(values, scale):
    axis = sweeps.sweep_figure(a_board([variant("semisupcon", x=v) for v in values])).axes[0]
    assert axis.get_xscale() == scale
    assert list(axis.get_xticks()) == list(values)
    assert [t.get_text() for t in axis.get_xticklabels()][-1] != ""


@pytest.mark.parametrize(
    ("option", "values", "scale", "label"),
    [
        ("label_fraction", (0.5, 0.75, 1), "log", "share of the labels used, p_s"),
        ("label_fraction", (0, 0.5, 1), "linear", "share of the labels used, p_s"),
        ("labelled_share", (0.05, 0.25, 1), "linear", "labelled share of a batch, b_s"),
        ("views", (2, 3, 4), "log", "views of each clip, M"),
        ("own", (2, 3, 4), "linear", "own"),
    ],
)
def test_known_options_have_a_scale_and_a_label_of_their_own(option, values, scale, label):
    axis = sweeps.sweep_figure(a_board([variant("semisupcon", **{option: v}) for v in values])).axes[0]
    assert (axis.get_xscale(), axis.get_xlabel()) == (scale, label)
    assert list(axis.get_xticks()) == list(values)


def test_a_dollar_in_a_label_is_a_dollar(tmp_path):
    for points in ([variant("$\\foo{$", steps=x) for x in (1, 2)], [variant("e", supervision=x) for x in ("$\\foo{$", "$")]):
        assert figures.write_figures(a_board(points, plain=("a$b$",)), tmp_path)


def test_what_was_not_swept_is_a_level_line_with_a_band_for_encoders_and_a_far_floor_is_named():
    board = a_board()
    for axis, panel in zip(sweeps.sweep_figure(board).axes, board.panels, strict=True):
        levels = {name: line.get_ydata()[0] for name, line in by_gid(axis, "level:").items()}
        assert levels == {name: board.cell(name, panel).value for name in ("simclr", "untrained")}
        assert set(by_gid(axis, "band:")) == {"simclr"}
        band = by_gid(axis, "band:")["simclr"]
        assert [band.get_y(), band.get_y() + band.get_height()] == pytest.approx(
            [board.cell("simclr", panel).ci_low, board.cell("simclr", panel).ci_high]
        )
        assert by_gid(axis, "below")[""].get_text() == "below: majority 0.05"
        assert axis.get_ylim()[0] > 0.05


def test_lines_and_curves_differ_without_colour_and_the_legend_names_them():
    points = [variant(e, views=m) for e in ("simclr", "supcon") for m in (2, 4)]
    board = a_board(points, plain=("a", "b", "c"), floors=("untrained", "handcrafted"))
    figure = sweeps.sweep_figure(board)
    said = [t.get_text() for t in figure.legends[0].get_texts()]
    assert said[:-1] == ["simclr", "supcon", "a", "b", "c", "untrained", "handcrafted"]
    axis = figure.axes[0]
    assert len({c.get_marker() for c in by_gid(axis, "curve:").values()}) == 2
    looks = {(str(line._unscaled_dash_pattern), line.get_linewidth()) for line in by_gid(axis, "level:").values()}
    assert len(looks) == 5
    assert len({c.get_color() for c in [*by_gid(axis, "curve:").values(), *by_gid(axis, "level:").values()]}) == 6  # floors share grey


def test_a_variant_that_was_not_scored_leaves_a_gap_and_one_without_interval_has_no_whisker():
    board = a_board(without={("semisupcon[label_fraction=0.5]", "key")})
    bare = Summary("semisupcon[label_fraction=1]", "key", "mini", "mirex", 0.6, math.nan, math.nan)
    board.cells[bare.encoder, "key", "mini", "mirex"] = bare
    axis = sweeps.sweep_figure(board).axes[1]
    assert list(by_gid(axis, "curve:")["semisupcon"].get_xdata()) == [0.1, 1]
    assert set(by_gid(axis, "interval:")) == {"semisupcon[label_fraction=0.1]"}


@pytest.mark.parametrize(
    "points",
    [
        [variant("semisupcon", supervision=x) for x in ("tags", "key")],
        [variant("semisupcon", steps=s, views=m) for s, m in ((1, 2), (3, 4))],
        [variant("semisupcon", steps=1), variant("simclr", views=2)],
        [variant("semisupcon", supervision=x) for x in (1, "weighted")],
    ],
)
def test_anything_but_one_number_is_a_heat_map_with_values_and_intervals(points):
    board = a_board(points)
    (axis,) = sweeps.sweep_figure(board).axes
    names = [*(p["name"] for p in points), "simclr", *FLOORS]
    assert [t.get_text().replace("\n", "") for t in axis.get_yticklabels()] == names
    assert [t.get_text() for t in axis.get_xticklabels()] == [f"{t}\non mini\n{m}\n48 test clips\n3 seeds" for t, m in TASKS.items()]
    texts = by_gid(axis, "cell:")
    for column, task in enumerate(TASKS):
        for row, name in enumerate(names):
            text = texts[f"{name}:{task}:mini"]
            assert text.get_text() == f"{a_value(name, task, names):.3f}"
            assert (text.get_position()[0], round(text.get_position()[1])) == (column, row)
    assert by_gid(axis, "interval:cell:")[f"{names[0]}:genre:mini"].get_text() == "[0.47, 0.54]"


def test_a_column_is_shaded_from_its_least_encoder_to_its_best():
    board = a_board([variant("semisupcon", supervision=x) for x in ("tags", "key")], without={("simclr", "key")})
    figure = sweeps.sweep_figure(board)
    (axis,) = figure.axes
    shades = axis.images[0].get_array()
    assert shades[:, 0].tolist() == pytest.approx([0, 0.5, 1, 1, 0])  # untrained is above, majority below the encoders
    assert shades[[0, 1, 3, 4], 1].tolist() == pytest.approx([0, 1, 1, 0])
    assert shades.mask.tolist() == [[False, False], [False, False], [False, True], [False, False], [False, False]]
    assert by_gid(axis, "cell:")["simclr:key:mini"].get_text() == "not scored"
    light, dark = (sum(colour) for colour in style.SHADES)
    assert dark < light
    (note,) = [" ".join(t.get_text().split()) for t in figure.texts]
    assert note.startswith("White is the lowest and the darkest blue the highest score of the encoders in a column;")


def test_nothing_is_drawn_or_written_where_nothing_was_swept():
    board = a_board([], plain=("semisupcon", "simclr"))
    assert sweeps.sweep_figure(board) is None
    assert sweeps.sweep_markdown(board) == ""


def test_the_table_has_the_values_in_columns_of_their_own():
    points = [variant("semisupcon", backbone="tune-plus", labelled_share=0.25), variant("simclr", backbone="a|b")]
    lines = sweeps.sweep_markdown(a_board(points, plain=("supcon",))).splitlines()
    assert lines[2] == "| encoder | backbone | labelled_share | genre on mini<br>accuracy | key on mini<br>mirex |"
    assert lines[4] == "| semisupcon | tune-plus | 0.25 | 0.500 [0.47, 0.54] | 0.600 [0.57, 0.64] |"
    assert lines[5] == "| simclr | a\\|b | – | 0.520 [0.49, 0.56] | 0.620 [0.59, 0.66] |"
    assert lines[6] == "| supcon | – | – | 0.540 [0.51, 0.58] | 0.640 [0.61, 0.68] |"
    assert "- genre on mini: 48 test clips, 3 seeds." in lines


MANY = [variant("semisupcon", backbone=b, labelled_share=s) for b in ("samplecnn", "tune-plus") for s in (0.05, 0.1, 0.25, 0.5)]


@pytest.mark.parametrize("points", [BUDGET, [variant(e, views=m) for e in "abc" for m in (2, 4, 8, 16, 32)], MANY], ids=len)
def test_no_figure_of_a_sweep_overlaps_or_is_cut_off(points):
    names = [p["name"] for p in points]
    compared = [
        Comparison(n, b, t, "mini", m, 0.1, 0.0, 0.2, 3, 48) for t, m in TASKS.items() for n in names for b in ("simclr", "untrained")
    ]
    board = a_board(points, plain=("simclr", "supervised"), comparisons=compared)
    drawn = [sweeps.sweep_figure(board), figures.scores_figure(board, board.panels), figures.differences_figure(board)]
    for figure in drawn:
        canvas = FigureCanvasAgg(figure)
        with style.settings():
            canvas.draw()
        renderer, boxes = canvas.get_renderer(), []
        for axis in figure.axes:
            for labels in (axis.get_yticklabels(), axis.get_xticklabels()):
                found = [t.get_window_extent(renderer) for t in labels if t.get_text()]
                assert not any(a.overlaps(b) for a, b in itertools.pairwise(found)), "labels run into each other"
            boxes.append(axis.get_tightbbox(renderer))
        boxes += [legend.get_window_extent(renderer) for legend in figure.legends] + [t.get_window_extent(renderer) for t in figure.texts]
        for i, box in enumerate(boxes):
            assert min(box.x0, box.y0) >= -1
            assert box.x1 <= figure.bbox.width + 1
            assert box.y1 <= figure.bbox.height + 1
            assert not any(box.overlaps(other) for other in boxes[:i])


def test_the_differences_of_a_sweep_leave_floors_to_the_table_unless_there_is_nothing_else():
    def pairs(*baselines):
        compared = [Comparison(p["name"], b, "genre", "mini", "accuracy", 0.1, 0.0, 0.2, 3, 48) for p in BUDGET for b in baselines]
        (axis,) = figures.differences_figure(a_board(comparisons=compared)).axes
        return {name.rsplit(":", 1)[1] for name in by_gid(axis, "point:")}

    assert pairs("simclr", "untrained", "majority") == {"simclr"}
    assert pairs("untrained", "majority") == {"untrained"}


def a_run(path, shift=0.0):
    names = [*(p["name"] for p in BUDGET), "simclr", *FLOORS]
    run = RunFolder.create(path)
    run.write_manifest(a_manifest(BUDGET, ("simclr",), FLOORS))
    run.write_scores([])
    run.write_summaries(rows(names, lambda *about: a_value(*about) + (shift if about[0].startswith("semi") else 0)))
    return run


def test_a_report_has_the_sweep_and_takes_away_that_of_an_earlier_one(tmp_path):
    run = a_run(tmp_path / "run")
    made = report([run.path])
    assert {run.path / "tables" / "sweep.md", run.path / "figures" / "sweep.png", run.path / "figures" / "sweep.svg"} <= set(made.files)
    assert html.CAPTIONS["sweep"] in (run.path / "report.html").read_text()
    run.write_manifest({**a_manifest(BUDGET, ("simclr",), FLOORS), "sweep": None})
    report([run.path])
    assert not [*run.path.glob("*/sweep.*")]


def test_two_runs_of_a_sweep_that_differ_are_two_curves(tmp_path):
    runs = [a_run(tmp_path / "a"), a_run(tmp_path / "b", 0.1)]
    axis = sweeps.sweep_figure(build_board(merge(runs))).axes[0]
    curves = {name: max(c.get_ydata()) for name, c in by_gid(axis, "curve:").items()}
    assert curves == {"semisupcon (a)": pytest.approx(0.54), "semisupcon (b)": pytest.approx(0.64)}
    same = sweeps.sweep_figure(build_board(merge([runs[0], a_run(tmp_path / "c")]))).axes[0]
    assert list(by_gid(same, "curve:")["semisupcon"].get_xdata()) == [0.1, 0.5, 1]
