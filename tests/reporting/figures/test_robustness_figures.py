"""Figures of corrupted audio: every score, ratio and cell in its place, levels on the axes, nothing cut off, the same bytes again."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from drawn import by_gid, check_nothing_overlaps, inside, intervals, points, said, seeds
from synthetic import CHANCE, CORRUPTIONS, ENCODERS, FLOORS, TASKS, a_results, a_value

from mirbench.reporting import figures
from mirbench.reporting.figures import style
from mirbench.reporting.figures.heat import cell_text
from mirbench.results.merging import load

NAMES = [*ENCODERS, *FLOORS[:-1]]
REFERENCE = Path(__file__).parents[3] / "results" / "reference" / "robustness"


def curves_of(task, notes=(), **about):
    figure = figures.curves(a_results(**about).summary, task, "mini", notes)
    return figure, {axis.get_title(loc="left"): axis for axis in figure.axes}


def measured(change=lambda rows: None):
    """robustness.csv, with cells passed through `change`."""
    rows = a_results().robustness
    change(rows)
    return rows


def value_of(rows, **about):
    found = rows[(rows[list(about)] == pd.Series(about)).all(axis=1)]
    return found.iloc[0] if len(found) else None


def test_a_panel_per_corruption_with_every_score_in_its_place_from_clean_to_the_highest_severity():
    _, axes = curves_of("genre")
    assert list(axes) == ["white-noise", "low-pass", "compressor", "pitch-shift", "polarity *"]
    for place, axis in enumerate(axes.values()):
        severities = [0, 1] if place == 4 else [0, 1, 3, 5]
        curves = by_gid(axis, "curve:")
        assert list(curves) == NAMES
        for name, curve in curves.items():
            values = [a_value(name, "genre", ENCODERS, place, s) for s in severities]
            assert list(curve.get_xdata()) == list(range(len(severities)))
            assert list(curve.get_ydata()) == pytest.approx(values)
            band = by_gid(axis, "band:")[name].get_paths()[0].get_extents()
            assert (band.y0, band.y1) == pytest.approx((min(values) - 0.04, max(values) + 0.03))


def test_ticks_say_the_physical_level_and_the_axis_its_unit():
    _, axes = curves_of("genre")
    ticks = {title: [t.get_text() for t in axis.get_xticklabels()] for title, axis in axes.items()}
    assert ticks == {
        "white-noise": ["clean", "40", "20", "0"],
        "low-pass": ["clean", "8000", "2000", "500"],
        "compressor": ["clean", "2:1", "8:1", "32:1"],
        "pitch-shift": ["clean", "1", "3", "5"],
        "polarity *": ["clean", "180"],
    }
    assert [axis.get_xlabel() for axis in axes.values()] == ["dB", "Hz", "ratio", "semitones", "degrees"]


def test_a_corruption_whose_level_is_not_known_is_drawn_by_severity():
    bare = a_results().summary[
        ["encoder", "task", "dataset", "metric", "value", "ci_low", "ci_high", "corruption", "severity", "n_seeds", "n_test"]
    ]
    figure = figures.curves(bare, "genre", "mini")
    assert {axis.get_xlabel() for axis in figure.axes} == {"severity"}
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["clean", "1", "3", "5"]
    assert len(figure.axes) == 5


def test_chance_and_clean_lines_stand_in_every_panel_and_all_share_one_axis():
    figure, axes = curves_of("key")
    assert "MIREX key score (0 to 1)" in said(figure)
    assert "key on mini" in said(figure)
    assert "48 test clips, 3 seeds; the severity grows from left to right" in said(figure)
    for axis in axes.values():
        (chance,) = by_gid(axis, "chance:").values()
        assert (chance.get_linestyle(), chance.get_ydata()[0]) == ("--", CHANCE["key"])
        assert list(intervals(by_gid(axis, "clean")[""])) == [a_value(name, "key", ENCODERS, 0, 0) for name in ENCODERS]
    assert len({axis.get_ylim() for axis in axes.values()}) == 1
    assert figure.axes[0].get_ylim()[0] < CHANCE["key"]


def test_lines_differ_without_colour_and_one_legend_names_them():
    figure, axes = curves_of("genre", encoders=("a", "b", "c", "d", "e", "f", "g", "h"))
    curves = by_gid(axes["white-noise"], "curve:")
    looks = {(str(c._unscaled_dash_pattern), c.get_marker()) for c in curves.values()}
    assert len(looks) == len(curves) == 10
    (legend,) = figure.legends
    names = [t.get_text() for t in legend.get_texts()]
    assert names == [*"abcdefgh", "untrained", "handcrafted", "chance (majority)", "clean audio", "95 % interval"]


def test_what_was_skipped_or_never_scored_is_said_below():
    skipped = "Skipped: pitch-shift (it alters the pitch, which the labels name)."
    figure, axes = curves_of("key", [skipped])
    assert "pitch-shift" not in axes
    assert skipped in said(figure)
    assert "Not scored" not in said(figure)
    assert "*: not counted in means over corruptions." in said(figure)
    assert "Not scored: pitch-shift." in said(curves_of("key", ["Skipped: pitch-shift-2 (it is another one)."])[0])
    rows = a_results().summary
    rows.loc[(rows["task"] == "genre") & (rows["corruption"] == "low-pass"), "value"] = math.nan
    assert "Not scored: low-pass." in said(figures.curves(rows, "genre", "mini"))
    assert figures.curves(rows[rows["severity"] == 0], "genre", "mini") is None
    with pytest.raises(ValueError, match="the summary has no scores of gendre on mini"):
        figures.curves(rows, "gendre", "mini")


def test_a_score_that_is_not_there_leaves_its_point_out_and_one_without_interval_its_band():
    rows = a_results().summary
    here = (rows["encoder"] == "simclr") & (rows["task"] == "genre") & (rows["corruption"] == "white-noise")
    rows.loc[here & (rows["severity"] == 3), "value"] = math.nan
    rows.loc[here & (rows["severity"] == 5), "ci_low"] = math.nan
    axis = figures.curves(rows, "genre", "mini").axes[0]
    assert list(by_gid(axis, "curve:")["simclr"].get_xdata()) == [0, 1, 3]
    assert by_gid(axis, "band:")["simclr"].get_paths()[0].get_extents().x1 == 1


def test_ratios_stand_at_their_values_with_intervals_beside_the_baseline():
    rows = measured()
    figure = figures.robustness(rows)
    titles = ["tagging on mini", "key on mini", "pitch on mini", "genre on mini", "mean over tasks"]
    assert [axis.get_title(loc="left") for axis in figure.axes] == 2 * titles
    about = [(measure, task) for measure in ("mce", "relative_mce") for task in [*TASKS, "all"]]
    for axis, (measure, task) in zip(figure.axes, about, strict=True):
        found = [value_of(rows, measure=measure, encoder=name, task=task) for name in NAMES]
        assert points(axis) == {name: (r["value"], i) for i, (name, r) in enumerate(zip(NAMES, found, strict=True))}
        assert intervals(by_gid(axis, "intervals")[""]) == {i: pytest.approx([r["ci_low"], r["ci_high"]]) for i, r in enumerate(found)}
        assert by_gid(axis, "baseline")[""].get_xdata()[0] == 1
        low, high = axis.get_xlim()
        assert low < min(r["ci_low"] for r in found)
        assert high > max(r["ci_high"] for r in found)
        assert axis.get_xlabel() == f"{measure.replace('_', ' ').replace('mce', 'mCE')}\n(ratio, lower is better)"
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == NAMES
    assert "the line at 1 is untrained" in said(figure)
    assert [axis.texts[0].get_text() for axis in figure.axes[3:5]] == ["48 test clips, 3 seeds", "4 tasks"]


def test_a_natural_shift_has_a_line_of_panels_of_its_own():
    rows = measured()
    others = rows[(rows["measure"] == "retained") & (rows["corruption"] == "low-pass")]
    others = others.assign(corruption="again", families="natural-shift", counted=False, value=others["value"] / 2)
    figure = figures.robustness(pd.concat([rows, others]))
    without = figures.robustness(rows)
    assert [axis.get_xlabel() for axis in figure.axes[:4]] == ["retained on again\n(higher is better)"] * 4
    for axis, task in zip(figure.axes, TASKS, strict=False):
        found = {name: value_of(others, encoder=name, task=task, severity=0) for name in NAMES}
        assert points(axis) == {name: (row["value"], place) for place, (name, row) in enumerate(found.items()) if row is not None}
    assert "Retained: the share that is left of a score above chance" in said(figure)
    assert "Retained" not in said(without)
    assert len(figure.axes) > len(without.axes)


def test_the_mean_over_one_task_is_not_drawn_beside_it():
    figure = figures.robustness(a_results(tasks={"key": "mirex"}).robustness)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["key on mini"] * 2


def test_what_is_defined_of_no_encoder_has_no_panel_and_is_said_below_and_the_mean_says_of_how_many_tasks_it_is():
    def change(rows):
        rows.loc[(rows["measure"] == "relative_mce") & rows["task"].isin(["key", "genre"]), "value"] = math.nan

    figure = figures.robustness(measured(change))
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles[5:] == ["tagging on mini", "pitch on mini", "mean over tasks"]
    assert [figure.layout.headings[axis][1] for axis in figure.axes if "mean" in axis.get_title(loc="left")] == ["4 tasks", "2 of 4 tasks"]
    assert "No panel of relative mCE for key on mini and genre on mini: untrained loses hardly anything there" in said(figure)
    check_nothing_overlaps(figure)


def test_what_is_retained_stands_beside_the_clean_score_that_it_is_a_share_of():
    results = a_results()
    axis = figures.retained(results.robustness, results.summary).axes[0]
    cells = {name: text.get_text() for name, text in by_gid(axis, "cell:").items()}
    values = {name: cell_text(a_value(name, "tagging", ENCODERS, 0, 0)) for name in (*ENCODERS, "untrained", "handcrafted")}
    assert {name: cells[f"{name}:clean"] for name in values} == values
    assert axis.get_xticklabels()[0].get_text() == "clean score"
    assert not any(name.endswith(":clean") for name in by_gid(figures.retained(results.robustness).axes[0], "cell:"))


def test_floors_differ_by_colour_marker_and_dash():
    looks = style.prepared(a_results().summary)[1]
    floors = [look for look in looks.values() if look.floor]
    assert len(floors) == 3
    for kind in ("colour", "marker", "dashes"):
        assert len({str(getattr(look, kind)) for look in floors}) == 3


def test_of_two_baselines_the_first_is_drawn_and_both_are_named():
    """As in runs with other baselines, reported together."""
    rows = measured()
    others = rows[rows["measure"].isin(["mce", "relative_mce"])].assign(baseline="simclr", baseline_role="encoder", value=0.1)
    figure = figures.robustness(pd.concat([rows, others]))
    assert [points(axis) for axis in figure.axes] == [points(axis) for axis in figures.robustness(rows).axes]
    assert "the line at 1 is untrained or simclr" in said(figure)


def test_a_ratio_that_is_not_defined_is_said_and_an_endless_interval_does_not_flatten_the_others():
    def change(rows):
        relative = rows["measure"] == "relative_mce"
        rows.loc[relative & (rows["encoder"] == "simclr"), "value"] = math.nan
        rows.loc[relative & (rows["encoder"] == "supcon"), ["ci_low", "ci_high"]] = -400, 900

    axis = figures.robustness(measured(change)).axes[5]
    assert "not defined" in [t.get_text() for t in axis.texts]
    assert "simclr" not in points(axis)
    low, high = axis.get_xlim()
    assert -1 < low < 0.7
    assert 1.1 < high < 3
    arrows = {line.get_marker(): (line.get_xdata()[0], line.get_ydata()[0]) for line in axis.lines if line.get_marker() in ("<", ">")}
    assert arrows == {"<": (low, 2), ">": (high, 2)}


def test_the_heat_map_has_a_block_per_task_with_encoders_as_rows_and_corruptions_as_columns():
    rows = measured()
    figure = figures.retained(rows)
    assert len(figure.axes) == len(TASKS)  # the mean over tasks is known for all corruptions together only
    heads = ["white-noise", "low-pass", "compressor", "pitch-shift", "polarity *", "mean"]
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == heads
    for axis, (task, metric) in zip(figure.axes, TASKS.items(), strict=True):
        assert [t.get_text() for t in axis.get_yticklabels()] == NAMES
        cells = by_gid(axis, "cell:")
        for column, corruption in enumerate([*CORRUPTIONS, "all"]):
            for row, name in enumerate(NAMES):
                found = value_of(rows, measure="retained", encoder=name, task=task, corruption=corruption)
                assert cells[f"{name}:{corruption}"].get_position() == (column, row)
                assert cells[f"{name}:{corruption}"].get_text() == ("–" if found is None else cell_text(found["value"]))
        assert (cells["simclr:pitch-shift"].get_text() == "–") == (task in ("key", "pitch"))
        assert axis.images[0].get_clim() == (0, 1)
        assert axis.get_title(loc="left") == f"{task} on mini, {metric}; 48 test clips, 3 seeds"
    assert "The mean is over corruptions without *." in said(figure)


def test_the_heat_map_says_what_is_not_above_chance_and_has_no_empty_blocks():
    def change(rows):
        rows.loc[(rows["measure"] == "retained") & ((rows["encoder"] == "simclr") | (rows["task"] == "key")), "value"] = math.nan

    figure = figures.retained(measured(change))
    assert len(figure.axes) == 3
    assert {t.get_text() for axis in figure.axes for name, t in by_gid(axis, "cell:").items() if name.startswith("simclr:")} == {"–"}
    assert "–: not scored, or not surely above chance on clean audio." in said(figure)
    assert "above chance on clean" not in said(figures.retained(measured()))
    assert figures.retained(measured(lambda rows: rows.__setitem__("value", math.nan))) is None


def test_what_has_no_mean_over_severities_has_no_row_or_column_in_the_heat_map():
    """As in runs of other severities, reported together."""

    def change(rows):
        rows.loc[(rows["encoder"] == "simclr") | (rows["corruption"] == "low-pass"), "severity"] = 3

    axis = figures.retained(measured(change)).axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == [n for n in NAMES if n != "simclr"]
    assert "low-pass" not in [t.get_text() for t in axis.get_xticklabels()]


MANY = {f"corruption-{i}": {"unit": "Hz", "levels": [16000, 11025, 8000, 5512, 4000], "counted": i != 7} for i in range(24)}
LONG = "semisupcon-with-a-very-long-name-and-its-temperature-0.07 (first-run)"


@pytest.mark.parametrize(
    "about",
    [
        {"severities": (1, 2, 3, 4, 5), "corruptions": MANY, "encoders": (LONG, "simclr", "supcon", "supervised", "my-own")},
        {"severities": (5,), "corruptions": {"white-noise": CORRUPTIONS["white-noise"]}, "encoders": ("a",), "tasks": {"key": "mirex"}},
        {"encoders": tuple(f"encoder-{i}" for i in range(12)), "tasks": {"key": "mirex", "tagging": "macro_average_precision"}},
        {"skipped": [{"task": "key", "dataset": "mini", "corruption": n, "reason": ""} for n in list(CORRUPTIONS)[1:]]},
    ],
    ids=["many", "one", "twelve", "nearly all skipped"],
)
def test_nothing_overlaps_or_is_cut_off(about):
    results, task = a_results(**about), "genre" if "genre" in about.get("tasks", TASKS) and "skipped" not in about else "key"
    skipped = [f"Skipped: corruption-{i} ({'a long reason ' * 8}of a task)." for i in range(4)]
    check_nothing_overlaps(figures.curves(results.summary, task, "mini", skipped))
    check_nothing_overlaps(figures.robustness(results.robustness))
    check_nothing_overlaps(figures.retained(results.robustness))


@pytest.mark.slow
def test_the_same_data_give_the_same_bytes_and_figures_of_an_earlier_report_go(tmp_path):
    about = {"tasks": {"key": "mirex", "a/b": "accuracy"}, "encoders": ("$x{$", "b")}
    asked = []
    written = figures.write_figures(a_results(**about), tmp_path, lambda *task: asked.append(task) or ["A note."])
    assert asked == [("key", "mini"), ("a/b", "mini")]
    names = {p.name for p in written if p.suffix == ".svg"}
    assert names >= {"robustness.svg", "retained.svg", "robustness-key-mini.svg", f"{figures.curves_name('a/b', 'mini')}.svg"}
    assert figures.curves_name("a/b", "mini") == "robustness-a%2Fb-mini"
    long = {figures.curves_name("key", "x" * 230), figures.curves_name("key", "x" * 229), figures.curves_name("y" * 99, "曲" * 80)}
    assert len(long) == 3
    assert max(map(len, long)) <= 143 - len(".part-12345678-.png")
    assert all(name.startswith("robustness-") for name in long)
    first = {p: p.read_bytes() for p in written}
    figures.write_figures(a_results(**about), tmp_path, lambda *task: ["A note."])
    assert {p: p.read_bytes() for p in written} == first
    fewer = a_results(tasks={"key": "mirex"})
    figures.write_figures(fewer, tmp_path)
    assert not list(tmp_path.glob("robustness-a*"))
    clean = fewer.summary[fewer.summary["severity"] == 0]
    figures.write_figures(type(fewer)(**{**vars(fewer), "summary": clean, "robustness": fewer.robustness.iloc[:0]}), tmp_path)
    assert not [*tmp_path.glob("robustness*"), *tmp_path.glob("retained*")]


@pytest.mark.slow
def test_bare_tables_are_drawn_like_a_run():
    loaded, summary, robustness = load(REFERENCE), pd.read_csv(REFERENCE / "summary.csv"), pd.read_csv(REFERENCE / "robustness.csv")
    ratios = [
        {(a.get_title(loc="left"), a.get_xlabel()): points(a) for a in figures.robustness(x).axes} for x in (robustness, loaded.robustness)
    ]
    assert ratios[0] == ratios[1]
    cells = [
        [{name: t.get_text() for name, t in by_gid(axis, "cell:").items()} for axis in figures.retained(x).axes]
        for x in (robustness, loaded.robustness)
    ]
    assert cells[0] == cells[1]
    bare, known = (figures.curves(x, "genre", "mini-large") for x in (summary, loaded.summary))
    assert len(bare.axes) == len(known.axes) == summary["corruption"].nunique() - 1  # but clean
    assert {axis.get_xlabel() for axis in bare.axes} == {"severity"}
    assert known.axes[0].get_xlabel() == "dB SNR"


def test_what_is_infinite_is_named_and_not_drawn():
    def change(rows):
        rows.loc[(rows["encoder"] == "simclr") & (rows["task"] == "key"), "value"] = math.inf

    rows = measured(change)
    axis = figures.robustness(rows).axes[1]
    assert "simclr" not in points(axis)
    assert 1 not in intervals(by_gid(axis, "intervals")[""])
    assert "inf" in [t.get_text() for t in axis.texts]
    block = figures.retained(rows).axes[1]
    assert by_gid(block, "cell:")["simclr:white-noise"].get_text() == "inf"
    assert block.images[0].get_array().mask[1].all()
    summary = a_results().summary
    here = (summary["encoder"] == "simclr") & (summary["task"] == "genre") & (summary["severity"] == 3)
    summary.loc[here, "value"] = math.inf
    axis = figures.curves(summary, "genre", "mini").axes[0]
    assert list(by_gid(axis, "curve:")["simclr"].get_xdata()) == [0, 1, 3]


def test_which_corruptions_the_mean_is_over_is_not_claimed_where_it_is_not_known():
    told = said(figures.retained(pd.read_csv(REFERENCE / "robustness.csv")))
    assert "The mean is over corruptions that count, which are not known here." in told
    assert "not known here" not in said(figures.retained(load(REFERENCE).robustness))


def test_each_seed_is_a_small_dot_on_the_curve_at_its_severity():
    summary = a_results().summary
    here = summary["task"] == "genre"
    of_simclr, of_supcon = (here & (summary["encoder"] == name) for name in ("simclr", "supcon"))
    summary.loc[of_simclr & (summary["severity"] == 0), "by_seed"] = "0.8 0.9"
    summary.loc[of_simclr & (summary["severity"] == 3), "by_seed"] = "-0.5 nan 1.5"
    summary.loc[of_supcon & (summary["severity"] == 5) & (summary["corruption"] == "low-pass"), "by_seed"] = "0.25 0.5"
    figure = figures.curves(summary, "genre", "mini")
    for axis in figure.axes:
        found = {name: list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for name, line in by_gid(axis, "seeds:").items()}
        assert list(found) == NAMES
        title = axis.get_title(loc="left")
        of_clean = [(0, 0.8), (0, 0.9)]
        assert found["simclr"] == (of_clean if title == "polarity *" else [*of_clean, (2, -0.5), (2, 1.5)])
        assert found["supcon"] == ([(3, 0.25), (3, 0.5)] if title == "low-pass" else [])
        assert inside(axis, [-0.5, 1.5], along=1)  # wider than the intervals
        dot, curve = by_gid(axis, "seeds:")["simclr"], by_gid(axis, "curve:")["simclr"]
        assert dot.get_color() == curve.get_color()
        assert dot.get_markersize() < 0.5 * curve.get_markersize()
    check_nothing_overlaps(figure)
    assert not any(len(line.get_xdata()) for axis in curves_of("genre")[0].axes for line in by_gid(axis, "seeds:").values())


def test_each_seed_of_a_ratio_is_a_small_dot_below_its_point_and_one_far_away_an_arrow():
    def change(rows):
        for measure, single in (("mce", "0.4 0.65 1.4"), ("relative_mce", "-40 0.9 60")):
            rows.loc[(rows["measure"] == measure) & (rows["encoder"] == "simclr"), "by_seed"] = single

    rows = measured(change)
    figure = figures.robustness(rows)
    for axis in figure.axes[:5]:
        assert seeds(axis) == {name: [0.4, 0.65, 1.4] if name == "simclr" else [] for name in NAMES}
        assert inside(axis, [0.4, 1.4])
        assert not [line for line in axis.lines if line.get_marker() in ("<", ">")]
    for axis in figure.axes[5:]:
        assert seeds(axis)["simclr"] == [-40, 0.9, 60]
        low, high = axis.get_xlim()
        assert high - low < 3  # they do not flatten the others
        arrows = {line.get_marker(): (line.get_xdata()[0], line.get_ydata()[0]) for line in axis.lines if line.get_marker() in ("<", ">")}
        assert arrows == {"<": (low, 1), ">": (high, 1)}
    assert "Small: single seeds." in said(figure)


@pytest.mark.slow
def test_an_encoder_that_was_trained_once_and_average_precision_are_explained_below_every_figure():
    results = a_results()
    told = "semisupcon: one training; its spread is not in this interval."
    summary, robustness = (
        frame.assign(one_training=(frame["encoder"] == "semisupcon").astype(int)) for frame in (results.summary, results.robustness)
    )
    drawn = [figures.curves(summary, "genre", "mini"), figures.curves(summary, "tagging", "mini"), figures.robustness(robustness)]
    drawn.append(figures.retained(robustness))
    assert [told in said(figure) for figure in drawn] == [True] * 4
    size = "Average precision is the higher the fewer test clips there are"
    assert [size in said(figure) for figure in drawn] == [False, True, True, True]
    for figure in drawn:
        check_nothing_overlaps(figure)
    others = [
        figures.curves(results.summary, "genre", "mini"),
        figures.robustness(results.robustness),
        figures.retained(results.robustness),
    ]
    assert not any("one training;" in said(figure) for figure in others)
    of_baseline = figures.robustness(
        results.robustness.assign(baseline_one_training=(results.robustness["baseline"] == "untrained").astype(int))
    )
    assert "untrained: one training; its spread is not in this interval." in said(of_baseline)
