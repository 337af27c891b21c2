"""Figures: every score is a point in its place, floors are lines, the look is fixed, and the same data give the same bytes."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from drawn import by_gid, check_nothing_overlaps, intervals, points, said
from synthetic import a_row, results_of

from mirbench.errors import MirbenchError
from mirbench.reporting import figures
from mirbench.results.merging import load

MANIFEST = {
    "metrics": {"accuracy": "accuracy (share of clips, 0 to 1)", "macro_f1": "macro F1 (0 to 1)"},
    "tasks": {"genre": {"metrics": ["accuracy", "macro_f1"]}, "key": {"metrics": ["mirex"]}},
}
TASKS = {"genre": ("accuracy", "macro_f1"), "key": ("mirex",)}
FLOORS = ["untrained", "handcrafted", "majority"]
ENCODERS = ("semisupcon", "simclr")
NAMES = [*ENCODERS, *FLOORS]
REFERENCE = Path(__file__).parents[3] / "results" / "reference"


def compared(encoder, baseline, low=0.01, **about):
    return a_row("comparisons", encoder=encoder, baseline=baseline, difference=0.03, ci_low=low, ci_high=0.06, n_test=47, **about)


def a_run(encoders=ENCODERS, comparisons=None, tasks=TASKS):
    summary = [
        a_row("summary", encoder=name, task=task, metric=m, value=0.9 - 0.03 * i, ci_low=0.85 - 0.03 * i, ci_high=0.94 - 0.03 * i)
        for task, metrics in tasks.items()
        for m in metrics
        for i, name in enumerate([*encoders, *FLOORS])
    ]
    if comparisons is None:
        lows = {"untrained": 0.01, "handcrafted": -0.01}
        comparisons = [compared(encoders[0], b, lows[b], task=t, metric=m[0]) for t, m in tasks.items() for b in lows]
    return results_of({"run": MANIFEST}, summary=summary, comparisons=comparisons)


def test_a_panel_per_task_with_every_score_as_a_point_in_its_place():
    figure = figures.comparison(a_run().summary)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["genre on mini", "key on mini"]
    for axis in figure.axes:
        assert points(axis) == {name: (pytest.approx(0.9 - 0.03 * i), i) for i, name in enumerate(NAMES)}
        whiskers = intervals(by_gid(axis, "intervals")[""])
        assert whiskers == {i: pytest.approx([0.85 - 0.03 * i, 0.94 - 0.03 * i]) for i in range(5)}


def test_floors_are_lines_dashed_and_dotted_and_the_legend_says_so():
    figure = figures.comparison(a_run().summary)
    for axis in figure.axes:
        lines = {name: (line.get_linestyle(), line.get_xdata()[0]) for name, line in by_gid(axis, "line:").items()}
        assert lines == {"majority": ("--", pytest.approx(0.78)), "untrained": (":", pytest.approx(0.84))}
    assert [t.get_text() for t in figure.legends[0].get_texts()][:2] == ["majority class (dashed)", "untrained encoder (dotted)"]


def test_axes_name_metric_and_unit_clips_and_seeds():
    figure = figures.comparison(a_run().summary, "all")
    assert [a.get_xlabel() for a in figure.axes] == ["accuracy (share of clips, 0 to 1)", "macro F1 (0 to 1)", "mirex"]
    assert all("48 test clips, 3 seeds" in [t.get_text() for t in axis.texts] for axis in figure.axes)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == NAMES
    assert figure.axes[0].yaxis_inverted()  # the first encoder on top


def test_a_score_that_is_not_there_is_said_and_one_without_interval_has_no_whiskers():
    summary = a_run().summary
    of_simclr = summary["encoder"] == "simclr"
    summary.loc[of_simclr & (summary["task"] == "genre"), "ci_low"] = math.nan
    summary.loc[of_simclr & (summary["task"] == "key"), "value"] = math.nan
    genre, key = figures.comparison(summary[(summary["encoder"] != "majority") | (summary["task"] == "genre")]).axes
    assert "simclr" in points(genre)
    assert list(intervals(by_gid(genre, "intervals")[""])) == [0, 2, 3, 4]
    assert list(points(key)) == ["semisupcon", "untrained", "handcrafted"]
    assert [(t.get_text(), t.get_position()[1]) for t in key.texts[1:]] == [("not scored", 1), ("not scored", 4)]


def test_what_is_no_summary_of_clean_audio_is_refused():
    with pytest.raises(MirbenchError, match="has no scores of clean audio; give one that has some"):
        figures.comparison(a_run().summary.iloc[:0])
    with pytest.raises(ValueError, match="metrics is 'headline' or 'all', not 'every'"):
        figures.comparison(a_run().summary, "every")


def test_an_encoder_looks_the_same_everywhere_and_like_no_other(tmp_path):
    names = tuple(f"encoder-{i}" for i in range(12))
    run = a_run(names, [compared(name, b) for name, b in (("encoder-3", "encoder-1"), ("encoder-1", "untrained"))])

    def looks(figure):
        return {name: (p.get_color(), p.get_marker()) for axis in figure.axes for name, p in by_gid(axis, "point:").items()}

    all_looks = looks(figures.comparison(run.summary))
    assert len({all_looks[name] for name in names}) == 12
    assert len({all_looks[name][1] for name in names}) == 12  # in grey print too
    order = run.summary["encoder"].dtype
    for figure in (figures.comparison(run.summary, "all"), figures.comparison(run.summary[run.summary["encoder"] != "encoder-0"])):
        assert looks(figure).items() <= all_looks.items()
    pairs = looks(figures.differences(run.comparisons.astype({"encoder": order})))
    assert pairs == {"encoder-3:encoder-1": all_looks["encoder-3"], "encoder-1:untrained": all_looks["encoder-1"]}


def test_differences_have_a_zero_line_and_are_hollow_where_undecided():
    figure = figures.differences(a_run().comparisons)
    assert len(figure.axes) == 2
    for axis in figure.axes:
        assert by_gid(axis, "zero")[""].get_xdata()[0] == 0
        hollow = {name: p.get_markerfacecolor() == "white" for name, p in by_gid(axis, "point:").items()}
        assert hollow == {"semisupcon:untrained": False, "semisupcon:handcrafted": True}
        assert "47 test clips, 3 seeds" in [t.get_text() for t in axis.texts]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["semisupcon − untrained", "semisupcon − handcrafted"]
    assert figures.differences(a_run(comparisons=[]).comparisons) is None


def test_a_difference_that_was_not_measured_is_said():
    rows = [compared("semisupcon", "untrained"), compared("semisupcon", "simclr", task="key", metric="mirex")]
    rows.append(compared("semisupcon", "simclr") | {"difference": math.nan})
    figure = figures.differences(a_run(comparisons=rows).comparisons)
    assert [list(points(axis)) for axis in figure.axes] == [["semisupcon:untrained"], ["semisupcon:simclr"]]
    assert all("not compared" in [t.get_text() for t in axis.texts] for axis in figure.axes)


def test_differences_leave_the_majority_class_to_the_table_unless_there_is_nothing_else():
    def pairs(*baselines):
        (axis,) = figures.differences(a_run(comparisons=[compared("semisupcon", b) for b in baselines]).comparisons).axes
        return [name.rsplit(":", 1)[1] for name in points(axis)]

    assert pairs("simclr", "untrained", "majority") == ["simclr", "untrained"]
    assert pairs("majority") == ["majority"]


def test_long_names_of_a_difference_stand_below_each_other():
    figure = figures.differences(a_run(("semisupcon-with-a-long-name",)).comparisons)
    assert all("\n− " in label.get_text() for label in figure.axes[0].get_yticklabels())


def test_a_dollar_in_a_name_is_a_dollar(tmp_path):
    written = figures.write_figures(a_run(("$\\foo{$", "a$b<i>"), tasks={"$x{$": ("$y^$",)}), tmp_path)
    assert len(written) == 6
    assert "a$b<i>" in said(figures.comparison(a_run(("$\\foo{$", "a$b<i>")).summary))


@pytest.mark.parametrize("first", ["a", "semisupcon-with-a-very-long-name-and-its-temperature-0.07 (first-run)"])
@pytest.mark.parametrize(("n", "tasks"), [(1, {"genre": ("accuracy",)}), (3, TASKS), (12, {f"task-{i}": ("macro_f1",) for i in range(5)})])
def test_nothing_overlaps_or_is_cut_off(n, tasks, first):
    run = a_run((first, *(f"encoder-{i}" for i in range(n - 1))), tasks=tasks)
    check_nothing_overlaps(figures.comparison(run.summary))
    check_nothing_overlaps(figures.differences(run.comparisons))


def test_the_same_data_give_the_same_bytes_and_stale_figures_go(tmp_path):
    settings = dict(matplotlib.rcParams)
    run = a_run(tasks={"genre": ("accuracy",)})
    written = figures.write_figures(run, tmp_path)
    assert [p.name for p in written] == [f"{n}.{k}" for n in ("comparison", "all_metrics", "differences") for k in ("png", "svg")]
    first = {p: p.read_bytes() for p in written}
    matplotlib.rcParams["font.size"] = 30  # a user's own settings
    try:
        figures.write_figures(run, tmp_path)
        assert matplotlib.rcParams["font.size"] == 30
    finally:
        matplotlib.rcParams["font.size"] = settings["font.size"]
    assert {p: p.read_bytes() for p in written} == first
    assert dict(matplotlib.rcParams) == settings
    assert b"dc:date" not in first[tmp_path / "comparison.svg"]
    figures.write_figures(a_run(comparisons=[], tasks={"genre": ("accuracy",)}), tmp_path)
    assert not list(tmp_path.glob("differences.*"))


@pytest.mark.parametrize("run", ["main", "label-budget", "cross-supervision", "robustness"])
def test_a_bare_table_is_drawn_like_a_run(run):
    """No manifest says what is a floor or a headline, so that the metrics have no units; all else is as `load` has it."""
    loaded, bare = load(REFERENCE / run), {name: pd.read_csv(REFERENCE / run / f"{name}.csv") for name in ("summary", "comparisons")}
    for draw, table in ((figures.comparison, "summary"), (figures.differences, "comparisons")):
        drawn = [draw(frame) for frame in (bare[table], getattr(loaded, table))]
        held = [{axis.get_title(loc="left"): points(axis) for axis in figure.axes} for figure in drawn]
        assert held[0] == held[1]
        assert len(held[0]) == 4


def test_several_runs_are_drawn_as_one_with_their_floors_renamed():
    both = load(REFERENCE / "main", REFERENCE / "robustness")
    figure = figures.comparison(both.summary)
    names = [label.get_text().replace("\n", " ") for label in figure.axes[0].get_yticklabels()]
    floors = [name for name in names if name.split(" ")[0] in FLOORS]
    assert names[-len(floors) :] == floors
    lines = {name.split(" ")[0]: line.get_linestyle() for name, line in by_gid(figure.axes[0], "line:").items()}
    assert lines == {"untrained": ":", "majority": "--"}


def test_a_notebook_shows_a_figure_and_importing_them_needs_nothing_large():
    assert figures.comparison(a_run().summary)._repr_png_().startswith(b"\x89PNG")
    code = "import sys, mirbench.reporting.figures; print({'matplotlib', 'pandas', 'torch', 'sklearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize(("value", "said_there"), [(math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "not scored")])
def test_of_a_value_that_is_not_finite_neither_a_point_nor_an_interval_is_drawn(value, said_there):
    summary = a_run().summary
    here = summary["encoder"].isin(["simclr", "untrained"]) & (summary["task"] == "genre")
    summary.loc[here, "value"] = value
    genre, key = figures.comparison(summary).axes
    assert list(points(genre)) == ["semisupcon", "handcrafted", "majority"]
    assert list(intervals(by_gid(genre, "intervals")[""])) == [0, 3, 4]
    assert [t.get_text() for t in genre.texts[1:]] == [said_there] * 2
    assert list(by_gid(genre, "line:")) == ["majority"]
    assert len(points(key)) == len(intervals(by_gid(key, "intervals")[""])) == 5


def test_an_infinite_difference_is_named_and_an_endless_interval_is_not_drawn():
    rows = [compared("semisupcon", "untrained"), compared("semisupcon", "simclr") | {"difference": -math.inf}]
    rows.append(compared("semisupcon", "handcrafted") | {"ci_low": -math.inf})
    (axis,) = figures.differences(a_run(comparisons=rows).comparisons).axes
    assert list(points(axis)) == ["semisupcon:untrained", "semisupcon:handcrafted"]
    assert list(intervals(by_gid(axis, "intervals")[""])) == [1]
    assert "-inf" in [t.get_text() for t in axis.texts]
