"""A sweep's figure: every variant in its place, the scale of the axis, level lines, the shades of the heat map."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from drawn import by_gid, check_nothing_overlaps, inside, intervals, points, said
from synthetic import a_row, results_of

from mirbench.reporting import figures
from mirbench.reporting.figures import heat
from mirbench.results.merging import load

TASKS = {"genre": "accuracy", "key": "mirex"}
FLOORS = ("untrained", "majority")
REFERENCE = Path(__file__).parents[3] / "results" / "reference"


def variant(encoder, **values):
    name = ", ".join(f"{option}={value}" for option, value in values.items())
    return {"name": f"{encoder}[{name}]", "encoder": encoder, "values": values}


BUDGET = [variant("semisupcon", label_fraction=x) for x in (1, 0.1, 0.5)]


def a_value(name, task, names):
    return 0.05 if name == "majority" else 0.5 + 0.02 * names.index(name) + (0.1 if task == "key" else 0)


def a_run(points=BUDGET, plain=("simclr",), floors=FLOORS, without=(), comparisons=()):
    names = [*(p["name"] for p in points), *plain, *floors]
    roles = {name: "floor" if name in floors else "encoder" for name in names}
    manifest = {
        "metrics": {"accuracy": "accuracy (share of clips, 0 to 1)"},
        "tasks": {task: {"metrics": [metric]} for task, metric in TASKS.items()},
        "encoders": {name: {"role": role} for name, role in roles.items()},
    }
    summary = [
        a_row("summary", encoder=name, task=task, metric=metric, value=v, ci_low=v - 0.03, ci_high=v + 0.04)
        for task, metric in TASKS.items()
        for name in names
        if (name, task) not in without
        for v in [a_value(name, task, names)]
    ]
    index = pd.MultiIndex.from_tuples([(p["encoder"], p["name"]) for p in points], names=["encoder", "name"])
    frame = pd.DataFrame([p["values"] for p in points], index=index, dtype=object)
    return results_of({"run": manifest}, points=frame, summary=summary, comparisons=list(comparisons))


def sweep(*about, **more):
    run = a_run(*about, **more)
    return figures.sweep(run.summary, run.points)


def test_a_curve_goes_through_every_value_in_order_with_whiskers():
    figure = sweep()
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["genre on mini", "key on mini"]
    for axis, extra in zip(figure.axes, (0, 0.1), strict=True):
        ((encoder, curve),) = by_gid(axis, "curve:").items()
        assert encoder == "semisupcon"
        assert list(curve.get_xdata()) == [0.1, 0.5, 1]
        assert list(curve.get_ydata()) == pytest.approx([0.52 + extra, 0.54 + extra, 0.5 + extra])
        ends = {0.1: [0.49, 0.56], 0.5: [0.51, 0.58], 1: [0.47, 0.54]}
        whiskers = intervals(by_gid(axis, "intervals:")[encoder], along=1)
        assert whiskers == {x: pytest.approx([y + extra for y in both]) for x, both in ends.items()}
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
    axis = sweep([variant("semisupcon", x=v) for v in values]).axes[0]
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
    axis = sweep([variant("semisupcon", **{option: v}) for v in values]).axes[0]
    assert (axis.get_xscale(), axis.get_xlabel()) == (scale, label)
    assert list(axis.get_xticks()) == list(values)


def test_a_dollar_in_a_label_is_a_dollar(tmp_path):
    for swept in ([variant("$\\foo{$", steps=x) for x in (1, 2)], [variant("e", supervision=x) for x in ("$\\foo{$", "$")]):
        assert figures.write_figures(a_run(swept, plain=("a$b$",)), tmp_path)


def test_what_was_not_swept_is_a_level_line_with_a_band_for_encoders_and_a_far_floor_is_named():
    for axis, extra in zip(sweep().axes, (0, 0.1), strict=True):
        levels = {name: line.get_ydata()[0] for name, line in by_gid(axis, "level:").items()}
        assert levels == {"simclr": pytest.approx(0.56 + extra), "untrained": pytest.approx(0.58 + extra)}
        ((encoder, band),) = by_gid(axis, "band:").items()
        assert encoder == "simclr"
        assert [band.get_y(), band.get_y() + band.get_height()] == pytest.approx([0.53 + extra, 0.6 + extra])
        assert by_gid(axis, "below")[""].get_text() == "below: majority 0.05"
        assert axis.get_ylim()[0] > 0.05


def test_lines_and_curves_differ_without_colour_and_the_legend_names_them():
    swept = [variant(e, views=m) for e in ("simclr", "supcon") for m in (2, 4)]
    figure = sweep(swept, plain=("a", "b", "c"), floors=("untrained", "handcrafted"))
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert legend[:-1] == ["simclr", "supcon", "a", "b", "c", "untrained", "handcrafted"]
    axis = figure.axes[0]
    assert len({c.get_marker() for c in by_gid(axis, "curve:").values()}) == 2
    looks = {(str(line._unscaled_dash_pattern), line.get_linewidth()) for line in by_gid(axis, "level:").values()}
    assert len(looks) == 5
    assert len({c.get_color() for c in [*by_gid(axis, "curve:").values(), *by_gid(axis, "level:").values()]}) == 7


def test_a_variant_that_was_not_scored_leaves_a_gap_and_one_without_interval_has_no_whisker():
    run = a_run(without={("semisupcon[label_fraction=0.5]", "key")})
    bare = (run.summary["encoder"] == "semisupcon[label_fraction=1]") & (run.summary["task"] == "key")
    run.summary.loc[bare, "ci_high"] = math.nan
    axis = figures.sweep(run.summary, run.points).axes[1]
    assert list(by_gid(axis, "curve:")["semisupcon"].get_xdata()) == [0.1, 1]
    assert list(intervals(by_gid(axis, "intervals:")["semisupcon"], along=1)) == [0.1]


@pytest.mark.parametrize(
    "swept",
    [
        [variant("semisupcon", supervision=x) for x in ("tags", "key")],
        [variant("semisupcon", steps=s, views=m) for s, m in ((1, 2), (3, 4))],
        [variant("semisupcon", steps=1), variant("simclr", views=2)],
        [variant("semisupcon", supervision=x) for x in (1, "weighted")],
    ],
)
def test_anything_but_one_number_is_a_heat_map_with_values_and_intervals(swept):
    (axis,) = sweep(swept).axes
    names = [*(p["name"] for p in swept), "simclr", *FLOORS]
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
    figure = sweep([variant("semisupcon", supervision=x) for x in ("tags", "key")], without={("simclr", "key")})
    (axis,) = figure.axes
    shades = axis.images[0].get_array()
    assert shades[:, 0].tolist() == pytest.approx([0, 0.5, 1, 1, 0])  # untrained is above, majority below the encoders
    assert shades[[0, 1, 3, 4], 1].tolist() == pytest.approx([0, 1, 1, 0])
    assert shades.mask.tolist() == [[False, False], [False, False], [False, True], [False, False], [False, False]]
    assert by_gid(axis, "cell:")["simclr:key:mini"].get_text() == "not scored"
    light, dark = (sum(colour) for colour in heat.SHADES)
    assert dark < light
    assert "White is the lowest and the darkest blue the highest score of the encoders in a column;" in said(figure)


def test_nothing_is_drawn_where_nothing_was_swept_or_no_variant_was_scored():
    run = a_run([], plain=("semisupcon", "simclr"))
    assert figures.sweep(run.summary, run.points) is None
    assert figures.sweep(run.summary, a_run().points) is None


MANY = [variant("semisupcon", backbone=b, labelled_share=s) for b in ("samplecnn", "tune-plus") for s in (0.05, 0.1, 0.25, 0.5)]


@pytest.mark.parametrize("swept", [BUDGET, [variant(e, views=m) for e in "abc" for m in (2, 4, 8, 16, 32)], MANY], ids=len)
def test_no_figure_of_a_sweep_overlaps_or_is_cut_off(swept):
    about = [(p["name"], baseline, task) for task in TASKS for p in swept for baseline in ("simclr", "untrained")]
    rows = [a_row("comparisons", encoder=name, baseline=b, task=t, metric=TASKS[t], ci_low=0.0, ci_high=0.2) for name, b, t in about]
    run = a_run(swept, plain=("simclr", "supervised"), comparisons=rows)
    check_nothing_overlaps(figures.sweep(run.summary, run.points))
    check_nothing_overlaps(figures.comparison(run.summary, "all"))
    check_nothing_overlaps(figures.differences(run.comparisons, run.points))


def test_the_differences_of_a_sweep_leave_floors_to_the_table_unless_there_is_nothing_else():
    def pairs(*baselines, swept=True):
        run = a_run(comparisons=[a_row("comparisons", encoder=p["name"], baseline=b) for p in BUDGET for b in baselines])
        (axis,) = figures.differences(run.comparisons, run.points if swept else None).axes
        return {name.rsplit(":", 1)[1] for name in points(axis)}

    assert pairs("simclr", "untrained", "majority") == {"simclr"}
    assert pairs("untrained", "majority") == {"untrained"}
    assert pairs("simclr", "untrained", swept=False) == {"simclr", "untrained"}


def test_a_bare_summary_is_drawn_like_that_of_the_run():
    for run, n in (("label-budget", 4), ("cross-supervision", 1)):
        loaded = load(REFERENCE / run)
        drawn = [figures.sweep(x, loaded.points) for x in (pd.read_csv(REFERENCE / run / "summary.csv"), loaded.summary)]
        curves = [[{name: list(c.get_ydata()) for name, c in by_gid(a, "curve:").items()} for a in figure.axes] for figure in drawn]
        cells = [[{name: t.get_text() for name, t in by_gid(a, "cell:").items()} for a in figure.axes] for figure in drawn]
        assert len(curves[0]) == n
        assert (curves[0], cells[0]) == (curves[1], cells[1])


def test_an_infinite_score_is_neither_a_point_of_a_curve_nor_a_shade():
    run = a_run()
    run.summary.loc[run.summary["encoder"] == "semisupcon[label_fraction=0.5]", "value"] = math.inf
    axis = figures.sweep(run.summary, run.points).axes[0]
    assert list(by_gid(axis, "curve:")["semisupcon"].get_xdata()) == [0.1, 1]
    assert list(intervals(by_gid(axis, "intervals:")["semisupcon"], along=1)) == [0.1, 1]
    run = a_run([variant("semisupcon", supervision=x) for x in ("tags", "key")])
    run.summary.loc[run.summary["encoder"] == "simclr", "value"] = math.inf
    (axis,) = figures.sweep(run.summary, run.points).axes
    assert by_gid(axis, "cell:")["simclr:genre:mini"].get_text() == "inf"
    assert axis.images[0].get_array()[:2, 0].tolist() == pytest.approx([0, 1])


def dots(axis, encoder):
    """(value of the option, score) of every single seed."""
    line = by_gid(axis, "seeds:")[encoder]
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


def test_each_seed_is_a_small_dot_at_the_value_of_its_variant():
    run = a_run()
    single = {"semisupcon[label_fraction=1]": "0.2 0.8", "semisupcon[label_fraction=0.5]": "0.5 nan 0.6", "simclr": "0.1 0.9"}
    run.summary["by_seed"] = [single.get(name, "") for name in run.summary["encoder"]]
    figure = figures.sweep(run.summary, run.points)
    for axis in figure.axes:
        assert dots(axis, "semisupcon") == [(0.5, 0.5), (0.5, 0.6), (1, 0.2), (1, 0.8)]
        assert list(by_gid(axis, "seeds:")) == ["semisupcon"]  # a level line has a band
        assert inside(axis, [0.2, 0.8], along=1)  # wider than the intervals
        dot, curve = by_gid(axis, "seeds:")["semisupcon"], by_gid(axis, "curve:")["semisupcon"]
        assert dot.get_color() == curve.get_color()
        assert dot.get_markersize() < 0.5 * curve.get_markersize()
        assert dot.get_transform() == curve.get_transform()  # and as far aside as the curve is
    assert "small: seeds" in said(figure)
    check_nothing_overlaps(figure)
    run.summary.loc[run.summary["encoder"] == "semisupcon[label_fraction=1]", "value"] = math.nan
    assert dots(figures.sweep(run.summary, run.points).axes[0], "semisupcon") == [(0.5, 0.5), (0.5, 0.6)]


@pytest.mark.parametrize("swept", [BUDGET, [variant("semisupcon", supervision=x) for x in ("tags", "key")]], ids=["curves", "heat map"])
def test_variants_that_were_trained_once_and_average_precision_are_explained_below(swept):
    run, (first, *_) = a_run(swept), swept
    once = run.summary.assign(one_training=run.summary["encoder"].isin([first["name"], "simclr"]).astype(int))
    told = f"{first['name']}, simclr: one training; its spread is not in this interval."
    figure = figures.sweep(once, run.points)
    assert told in said(figure)
    assert "Average precision" not in said(figure)
    check_nothing_overlaps(figure)
    assert "one training;" not in said(figures.sweep(run.summary, run.points))
    of_tags = run.summary.assign(metric=run.summary["metric"].cat.rename_categories({"mirex": "macro_average_precision"}))
    assert "Average precision is the higher the fewer test clips there are" in said(figures.sweep(of_tags, run.points))
