"""Figures of corrupted audio: every score, bar and cell in its place, levels on the axes, nothing cut off, the same bytes again."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from synthetic import CHANCE, CORRUPTIONS, ENCODERS, FLOORS, a_merged, a_value

from mirbench.reporting.board import build_board
from mirbench.reporting.corrupted import build_corrupted
from mirbench.reporting.figures import comparison as figures
from mirbench.reporting.figures import style
from mirbench.reporting.figures.curves import curves_figure
from mirbench.reporting.figures.robustness import bars_figure, curves_name, retained_figure

NAMES = [*ENCODERS, *FLOORS[:-1]]


def corrupted_of(**about):
    return build_corrupted(build_board(a_merged(**about)))


def changed(corrupted, change):
    """With every robustness line passed through `change`."""
    return dataclasses.replace(corrupted, measures={k: change(r) for k, r in corrupted.measures.items()})


def curves_of(task, **about):
    corrupted = corrupted_of(**about)
    figure = curves_figure(corrupted, next(p for p in corrupted.panels if p.task == task))
    return figure, {axis.get_title(loc="left"): axis for axis in figure.axes}


def by_gid(axis, prefix):
    return {a.get_gid()[len(prefix) :]: a for a in axis.get_children() if (a.get_gid() or "").startswith(prefix)}


def said(figure):
    return " ".join(" ".join(t.get_text() for t in figure.texts).split())


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


def test_a_corruption_that_no_manifest_knows_is_drawn_by_severity():
    _, axes = curves_of("genre")
    merged = a_merged()
    del merged.manifests["run"]["corruptions"]
    corrupted = build_corrupted(build_board(merged))
    figure = curves_figure(corrupted, corrupted.panels[0])
    assert {axis.get_xlabel() for axis in figure.axes} == {"severity"}
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["clean", "1", "3", "5"]
    assert len(figure.axes) == len(axes)


def test_chance_and_clean_lines_stand_in_every_panel_and_all_share_one_axis():
    figure, axes = curves_of("key")
    assert "MIREX key score (0 to 1)" in said(figure)
    assert "key on mini 48 test clips, 3 seeds" in said(figure)
    for axis in axes.values():
        (chance,) = by_gid(axis, "chance:").values()
        assert (chance.get_linestyle(), chance.get_ydata()[0]) == ("--", CHANCE["key"])
        clean = {name: set(line.get_ydata()) for name, line in by_gid(axis, "clean:").items()}
        assert clean == {name: {a_value(name, "key", ENCODERS, 0, 0)} for name in ENCODERS}
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
    figure, axes = curves_of("key")
    assert "pitch-shift" not in axes
    assert "Skipped: pitch-shift (it alters the pitch, which the labels name)." in said(figure)
    assert "*: not counted in means over corruptions." in said(figure)
    corrupted = corrupted_of()
    lost = {key: row for key, row in corrupted.cells.items() if key[4] != "low-pass"}
    figure = curves_figure(dataclasses.replace(corrupted, cells=lost), corrupted.panels[3])
    assert "Not scored: low-pass." in said(figure)
    assert "Skipped" not in said(figure)


def test_a_score_that_is_not_there_leaves_its_point_out_and_one_without_interval_its_band():
    corrupted = corrupted_of()
    key = ("simclr", "genre", "mini", "accuracy", "white-noise")
    cells = dict(corrupted.cells)
    cells[*key, 3] = dataclasses.replace(cells[*key, 3], value=math.nan)
    cells[*key, 5] = dataclasses.replace(cells[*key, 5], ci_low=math.nan)
    axis = curves_figure(dataclasses.replace(corrupted, cells=cells), corrupted.panels[3]).axes[0]
    assert list(by_gid(axis, "curve:")["simclr"].get_xdata()) == [0, 1, 3]
    assert by_gid(axis, "band:")["simclr"].get_paths()[0].get_extents().x1 == 1


def test_bars_stand_at_their_values_with_whiskers_beside_the_baseline():
    corrupted = corrupted_of()
    figure = bars_figure(corrupted)
    titles = ["tagging on mini", "key on mini", "pitch on mini", "genre on mini", "mean over tasks"]
    assert [axis.get_title(loc="left") for axis in figure.axes] == 2 * titles
    for axis, (measure, panel) in zip(figure.axes, itertools.product(("mce", "relative_mce"), [*corrupted.panels, None]), strict=True):
        found = {name: corrupted.measure(measure, name, panel) for name in NAMES}
        assert {name: bar.get_width() for name, bar in by_gid(axis, "bar:").items()} == {n: r.value for n, r in found.items()}
        whiskers = {name: w.get_segments()[0][:, 0].tolist() for name, w in by_gid(axis, "interval:").items()}
        assert whiskers == {n: pytest.approx([r.ci_low, r.ci_high]) for n, r in found.items() if n != "untrained"}
        assert by_gid(axis, "baseline")[""].get_xdata()[0] == 1
        assert axis.get_xlabel() == f"{measure.replace('_', ' ').replace('mce', 'mCE')}\n(ratio, lower is better)"
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == NAMES
    assert "the line at 1 is untrained" in said(figure)
    assert "48 test clips, 3 seeds" in [t.get_text() for t in figure.axes[0].texts]


def test_a_bar_that_is_not_defined_is_said_and_an_endless_whisker_does_not_flatten_the_others():
    def change(r):
        if r.measure != "relative_mce" or r.encoder not in ("simclr", "supcon"):
            return r
        return dataclasses.replace(r, value=math.nan) if r.encoder == "simclr" else dataclasses.replace(r, ci_low=-400, ci_high=900)

    axis = bars_figure(changed(corrupted_of(), change)).axes[5]
    assert "not defined" in [t.get_text() for t in axis.texts]
    assert "simclr" not in by_gid(axis, "bar:")
    low, high = axis.get_xlim()
    assert -1 < low < 0
    assert 1 < high < 3
    assert {line.get_marker() for line in axis.lines} >= {"<", ">"}


def test_the_heat_map_has_a_block_per_task_with_encoders_as_rows_and_corruptions_as_columns():
    corrupted = corrupted_of()
    figure = retained_figure(corrupted)
    assert len(figure.axes) == len(corrupted.panels)  # the mean over tasks is known for all corruptions together only
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == [
        "white-noise", "low-pass", "compressor", "pitch-shift", "polarity *", "mean",
    ]  # fmt: skip
    for axis, panel in zip(figure.axes, corrupted.panels, strict=True):
        assert [t.get_text() for t in axis.get_yticklabels()] == NAMES
        cells = by_gid(axis, "cell:")
        for column, corruption in enumerate([*CORRUPTIONS, "all"]):
            for row, name in enumerate(NAMES):
                text, found = cells[f"{name}:{corruption}"], corrupted.measure("retained", name, panel, corruption)
                assert text.get_position() == (column, row)
                assert text.get_text() == (f"{found.value:.2f}" if found else "–")
        assert (cells["simclr:pitch-shift"].get_text() == "–") == (panel.task in ("key", "pitch"))
        assert axis.images[0].get_clim() == (0, 1)
        assert f"{panel.title}, {panel.metric}; 48 test clips, 3 seeds" in [t.get_text() for t in figure.texts]
    assert "The mean is over corruptions without *." in said(figure)


def test_the_heat_map_says_what_is_not_above_chance_and_has_no_empty_blocks():
    def change(r):
        return dataclasses.replace(r, value=math.nan) if r.measure == "retained" and (r.encoder == "simclr" or r.task == "key") else r

    figure = retained_figure(changed(corrupted_of(), change))
    assert len(figure.axes) == 3
    assert {t.get_text() for axis in figure.axes for name, t in by_gid(axis, "cell:").items() if name.startswith("simclr:")} == {"–"}
    assert "–: not scored, or not surely above chance on clean audio." in said(figure)
    assert "above chance on clean" not in said(retained_figure(corrupted_of()))
    assert retained_figure(changed(corrupted_of(), lambda r: dataclasses.replace(r, value=math.nan))) is None


def test_what_has_no_mean_over_severities_has_no_row_or_column_in_the_heat_map():
    """As in runs of other severities, reported together."""
    corrupted = corrupted_of()
    measures = {
        (*key[:5], 3 if key[1] == "simclr" or key[4] == "low-pass" else key[5]): row
        for key, row in corrupted.measures.items()
        if key[0] == "retained"
    }
    axis = retained_figure(dataclasses.replace(corrupted, measures=measures)).axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == [n for n in NAMES if n != "simclr"]
    assert "low-pass" not in [t.get_text() for t in axis.get_xticklabels()]


MANY = {f"corruption-{i}": {"unit": "Hz", "levels": [16000, 11025, 8000, 5512, 4000], "counted": i != 7} for i in range(24)}
LONG = "semisupcon-with-a-very-long-name-and-its-temperature-0.07 (first-run)"


@pytest.mark.parametrize(
    "about",
    [
        {"severities": (1, 2, 3, 4, 5), "corruptions": MANY, "encoders": (LONG, "simclr", "supcon", "supervised", "my-own")},
        {"severities": (5,), "corruptions": {"white-noise": CORRUPTIONS["white-noise"]}, "encoders": ("a",), "tasks": {"key": "mirex"}},
        {"skipped": [{"task": "key", "dataset": "mini", "corruption": n, "reason": "a long reason " * 8} for n in list(CORRUPTIONS)[1:]]},
    ],
    ids=["many", "one", "nearly all skipped"],
)  # fmt: skip
def test_nothing_overlaps_or_is_cut_off(about):
    corrupted = corrupted_of(**about)
    for figure in (curves_figure(corrupted, corrupted.panels[-1]), bars_figure(corrupted), retained_figure(corrupted)):
        canvas = FigureCanvasAgg(figure)
        with style.settings():
            canvas.draw()
        renderer, boxes = canvas.get_renderer(), []
        for axis in figure.axes:
            for labels in (axis.get_yticklabels(), axis.get_xticklabels()):
                found = [t.get_window_extent(renderer) for t in labels if t.get_text()]
                assert not any(a.overlaps(b) for a, b in itertools.pairwise(found)), "labels run into each other"
            tight = axis.get_tightbbox(renderer)
            assert min(tight.x0, tight.y0) >= -1
            assert tight.x1 <= figure.bbox.width + 1
            assert tight.y1 <= figure.bbox.height + 1
            low, high = axis.get_xlim()
            ticks = [t for t in axis.get_xticklabels() if low <= t.get_position()[0] <= high]
            texts = [axis._left_title, axis.xaxis.label, *ticks]
            boxes += [axis.get_window_extent(renderer), *(t.get_window_extent(renderer) for t in texts if t.get_text())]
        boxes += [legend.get_window_extent(renderer) for legend in figure.legends] + [t.get_window_extent(renderer) for t in figure.texts]
        for i, box in enumerate(boxes):
            assert min(box.x0, box.y0) >= -1
            assert box.x1 <= figure.bbox.width + 1
            assert box.y1 <= figure.bbox.height + 1
            assert not any(box.overlaps(other) for other in boxes[:i]), "panels, titles or legend overlap"


def test_the_same_data_give_the_same_bytes_and_figures_of_an_earlier_report_go(tmp_path):
    about = {"tasks": {"key": "mirex", "a/b": "accuracy"}, "encoders": ("$x{$", "b")}
    corrupted = build_corrupted(board := build_board(a_merged(**about)))
    written = figures.write_figures(board, tmp_path, corrupted)
    names = {p.name for p in written if p.suffix == ".svg"}
    assert {"robustness.svg", "retained.svg", "robustness-key-mini.svg", "robustness-a%2Fb-mini.svg"} <= names
    first = {p: p.read_bytes() for p in written}
    figures.write_figures(build_board(a_merged(**about)), tmp_path, corrupted_of(**about))
    assert {p: p.read_bytes() for p in written} == first
    fewer = build_board(a_merged(tasks={"key": "mirex"}))
    figures.write_figures(fewer, tmp_path, build_corrupted(fewer))
    assert not list(tmp_path.glob("robustness-a*"))
    figures.write_figures(fewer, tmp_path)
    assert not [*tmp_path.glob("robustness*"), *tmp_path.glob("retained*")]
    assert curves_name(corrupted.panels[1]) == "robustness-a%2Fb-mini"
