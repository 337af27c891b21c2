"""Figures: every score is a point in its place, floors are lines, the look is fixed, and the same data give the same bytes."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from drawn import by_gid, check_nothing_overlaps, inside, intervals, points, said, seeds
from matplotlib.text import Text
from synthetic import a_row, results_of

from mirbench.errors import MirbenchError
from mirbench.reporting import figures
from mirbench.reporting.figures import style
from mirbench.reporting.tables.scores import comparisons as comparisons_table
from mirbench.results.merging import load

MANIFEST = {
    "metrics": {"accuracy": "accuracy (share of clips, 0 to 1)", "macro_f1": "macro F1 (0 to 1)"},
    "tasks": {"genre": {"metrics": ["accuracy", "macro_f1"]}, "key": {"metrics": ["mirex"]}},
}
TASKS = {"genre": ("accuracy", "macro_f1"), "key": ("mirex",)}
FLOORS = ["untrained", "handcrafted", "majority"]
ENCODERS = ("semisupcon", "simclr")
NAMES = [*ENCODERS, *FLOORS]
LONG = "semisupcon-with-a-very-long-name-and-its-temperature-0.07 (first-run)"
REFERENCE = Path(__file__).parents[3] / "results" / "reference"


def compared(encoder, baseline, p=0.02, **about):
    given = {"difference": 0.03, "ci_low": 0.01, "ci_high": 0.06, "n_test": 47, "p_holm": p, **about}
    return a_row("comparisons", encoder=encoder, baseline=baseline, **given)


def a_run(encoders=ENCODERS, comparisons=None, tasks=TASKS):
    summary = [
        a_row("summary", encoder=name, task=task, metric=m, value=0.9 - 0.03 * i, ci_low=0.85 - 0.03 * i, ci_high=0.94 - 0.03 * i)
        for task, metrics in tasks.items()
        for m in metrics
        for i, name in enumerate([*encoders, *FLOORS])
    ]
    if comparisons is None:
        tested = {"untrained": 0.0499, "handcrafted": 0.05}
        comparisons = [compared(encoders[0], b, tested[b], task=t, metric=m[0]) for t, m in tasks.items() for b in tested]
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
    assert "Hollow: undecided, p (Holm) is not below 0.05, or one training each. Small: single seeds." in said(figure)


@pytest.mark.parametrize(
    ("about", "hollow"),
    [
        ({"p": 0.0499}, False),
        ({"p": 0.0499, "difference": -0.03}, False),  # worse is decided, too
        ({"p": 0.0499, "ci_low": -0.01}, False),
        ({"p": 0.05}, True),
        ({"p": 0.01, "one_training": 1}, False),
        ({"p": 0.01, "one_training": 1, "baseline_one_training": 1}, True),
        ({"p": 0.01, "ci_low": math.nan, "ci_high": math.nan}, True),
        ({"p": math.nan}, False),  # a run of before: the interval decides
        ({"p": math.nan, "ci_low": -0.01}, True),
    ],
)
def test_a_difference_is_hollow_where_the_table_calls_it_neither_better_nor_worse(about, hollow):
    comparisons = a_run(comparisons=[compared("semisupcon", "simclr", **about)]).comparisons
    figure = figures.differences(comparisons)
    (point,) = by_gid(figure.axes[0], "point:").values()
    assert (point.get_markerfacecolor() == "white") == hollow
    assert (comparisons_table(comparisons).cells.iloc[0, 6] in ("better", "worse")) != hollow
    of_before = "Hollow: undecided, the 95 % paired interval contains zero, or one training each."
    assert (of_before in said(figure)) == math.isnan(about["p"])


def test_each_seed_is_a_small_dot_below_its_point():
    summary = a_run().summary
    single = {"semisupcon": "0.5 0.9 0.99", "simclr": "0.8 nan 0.7 inf", "untrained": "", "handcrafted": "0.1 0.2"}
    summary["by_seed"] = [single.get(name, "") for name in summary["encoder"]]
    figure = figures.comparison(summary, "all")
    assert len(figure.axes) == 3
    for axis in figure.axes:
        assert seeds(axis) == {
            "semisupcon": [0.5, 0.9, 0.99], "simclr": [0.8, 0.7], "untrained": [], "handcrafted": [0.1, 0.2], "majority": [],
        }  # fmt: skip
        assert inside(axis, [0.1, 0.99])  # wider than the intervals
        colours = {name: dots.get_color() for name, dots in by_gid(axis, "seeds:").items()}
        assert colours == {name: point.get_color() for name, point in by_gid(axis, "point:").items()}
        sizes = [dots.get_markersize() for dots in by_gid(axis, "seeds:").values()]
        assert max(sizes) < 0.5 * min(point.get_markersize() for point in by_gid(axis, "point:").values())
    assert "mean over seeds, 95 % interval; small: single seeds" in said(figure)
    check_nothing_overlaps(figure)
    summary.loc[summary["encoder"] == "simclr", "value"] = math.nan
    assert "simclr" not in seeds(figures.comparison(summary).axes[0])  # where there is no score there are no seeds


def test_each_seed_of_a_difference_is_a_small_dot_below_its_point():
    rows = [compared("semisupcon", b, by_seed=cell) for b, cell in (("simclr", "-0.2 0.03 0.1"), ("untrained", "0.05 0.01"))]
    (axis,) = figures.differences(a_run(comparisons=rows).comparisons).axes
    assert seeds(axis) == {"semisupcon:simclr": [-0.2, 0.03, 0.1], "semisupcon:untrained": [0.05, 0.01]}
    assert inside(axis, [-0.2, 0.1])


ONCE = "semisupcon: one training; its spread is not in this interval."
SIZE = "Average precision is the higher the fewer test clips there are"


def test_an_encoder_that_was_trained_once_and_average_precision_are_explained_below():
    tasks = {"tagging": ("macro_average_precision",)}
    for of_tasks, told in ((tasks, True), (TASKS, False)):
        run = a_run(tasks=of_tasks)
        pairs = [figures.comparison(run.summary), figures.differences(run.comparisons)]
        once = [frame.assign(one_training=(frame["encoder"] == "semisupcon").astype(int)) for frame in (run.summary, run.comparisons)]
        marked = [figures.comparison(once[0]), figures.differences(once[1])]
        assert [ONCE in said(figure) for figure in (*pairs, *marked)] == [False, False, True, True]
        assert {SIZE in said(figure) for figure in (*pairs, *marked)} == {told}
        for figure in marked:
            check_nothing_overlaps(figure)
    baseline = figures.differences(run.comparisons.assign(baseline_one_training=(run.comparisons["baseline"] == "untrained").astype(int)))
    assert "untrained: one training; its spread is not in this interval." in said(baseline)


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
    assert len(written) == 3 * 5  # figures, with their data and words
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
    kinds = ("png", "svg", "pdf", "csv", "txt")
    assert [p.name for p in written] == [f"{n}.{k}" for n in ("comparison", "all_metrics", "differences") for k in kinds]
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


@pytest.mark.parametrize(("wide", "inches"), [("column", 3.3), ("text", 7.0)])
def test_a_figure_is_as_wide_as_asked_and_its_type_is_never_too_small(wide, inches):
    run = a_run((LONG, *(f"encoder-{i}" for i in range(5))), tasks={f"task-{i}": ("macro_f1",) for i in range(5)})
    with style.settings(wide):
        for figure in (figures.comparison(run.summary), figures.differences(run.comparisons)):
            assert figure.get_size_inches()[0] == inches
            check_nothing_overlaps(figure)
            assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 7
    with pytest.raises(MirbenchError, match="no width of figures is named 'wide'"), style.settings("wide"):
        pass


def test_a_long_figure_goes_on_on_the_next_page_with_every_panel_once():
    run = a_run(tuple(f"encoder-{i}" for i in range(30)), tasks={f"task-{i}": ("macro_f1",) for i in range(3)})
    with style.settings("column"):
        figure = figures.comparison(run.summary)
        shown = []
        for page in style.paged(figure):
            shown.append([i for i, axis in enumerate(page.axes) if axis.get_visible()])
            assert page.get_size_inches()[1] <= 9.5
            assert len(page.legends) == 1
    assert len(shown) > 1
    assert sorted(i for page in shown for i in page) == list(range(len(figure.axes)))
    assert all(axis.get_visible() for axis in figure.axes)
    assert {name for axis in figure.axes for name in points(axis)} == {*(f"encoder-{i}" for i in range(30)), *FLOORS}


def test_beside_a_figure_are_its_numbers_and_what_it_shows_in_words(tmp_path):
    run = a_run(("=1+1", "b"), tasks={"genre": ("accuracy",)})
    figures.write_figures(run, tmp_path, wide="column")
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert table["encoder"].tolist() == ["'=1+1", "b", *FLOORS]  # no formula
    assert table["value"].tolist() == pytest.approx([0.9 - 0.03 * i for i in range(5)])
    words = (tmp_path / "comparison.txt").read_text().strip()
    assert "genre on mini, accuracy: from 0.780 (majority) to 0.900 (=1+1)" in words
    assert b"Description\0" + words.encode() in (tmp_path / "comparison.png").read_bytes()
    assert words.split(":")[0] in (tmp_path / "comparison.svg").read_text()
    pdf = (tmp_path / "comparison.pdf").read_bytes()
    assert b"/TrueType" in pdf or b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf


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
