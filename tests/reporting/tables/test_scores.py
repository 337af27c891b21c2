"""Tables of clean audio: the right number in the right cell, floors apart, and what must be known to read them below."""

from __future__ import annotations

import csv
import dataclasses
import math

import pandas as pd
import pytest
from older import RUNS, run_of_before
from synthetic import FLOORS, a_manifest, a_results, a_row, results_of
from test_table import files_of, rows_of

from mirbench.reporting import html, terminal
from mirbench.reporting.floors import beaten
from mirbench.reporting.sections import sections
from mirbench.reporting.tables import scores
from mirbench.reporting.words import panels
from mirbench.results.merging import load
from mirbench.results.schema import TABLES

METRICS = {"genre": ("accuracy", "macro_f1"), "key": ("mirex",)}
MANIFEST = {
    "tasks": {task: {"metrics": list(metrics)} for task, metrics in METRICS.items()},
    "encoders": {name: {"role": "floor" if name in FLOORS else "encoder"} for name in ("majority", "semisupcon", "simclr", "untrained")},
}


def rows(*names, **values):
    """A line of the summary for every name, task and metric; the value falls with the place of the name."""
    found = []
    for i, name in enumerate(names):
        for task, metric in [(task, metric) for task, metrics in METRICS.items() for metric in metrics]:
            value = values.get(f"{name}_{metric}", 0.9 - 0.1 * i)
            found.append(a_row("summary", encoder=name, task=task, metric=metric, value=value, ci_low=value - 0.04, ci_high=value + 0.04))
    return found


def results(*names, more=(), comparisons=(), scored=(), manifest=MANIFEST, **about):
    summary = [*rows(*names, **{key: about.pop(key) for key in list(about) if key.split("_")[0] in names}), *more]
    return results_of({"run": manifest}, summary=summary, comparisons=comparisons, scores=scored, **about)


def test_encoders_first_then_floors_in_the_order_of_the_manifest():
    shown = results("majority", "untrained", "simclr", "semisupcon")
    assert list(shown.summary["encoder"].cat.categories) == ["semisupcon", "simclr", "untrained", "majority"]
    assert list(rows_of(files_of(shown)["scores.md"]))[2:] == ["semisupcon", "simclr", "*floors:*", "untrained", "majority"]
    assert list(rows_of(files_of(results("majority", "untrained"))["scores.md"]))[2:] == ["untrained", "majority"]  # without a heading


def against(baseline="semisupcon", encoder="simclr", difference=0.1, **about):
    """A line of comparisons."""
    return a_row("comparisons", encoder=encoder, baseline=baseline, difference=difference, **about)


OF_KEY = {"task": "key", "metric": "mirex"}
BOLD = "Bold: the best of the encoders, where the comparisons call it better than the next."


def test_the_number_stands_in_its_cell_and_the_best_encoder_is_bold_where_it_is_called_better():
    compared = [against(), against(metric="macro_f1", p_holm=0.06), against(difference=-0.05, **OF_KEY)]
    text = files_of(results("simclr", "semisupcon", semisupcon_mirex=0.95, comparisons=compared))["scores.md"]
    table = rows_of(text)
    assert table["encoder"] == ["genre on mini<br>accuracy", "genre on mini<br>macro_f1", "key on mini<br>mirex"]
    assert table["simclr"] == ["**0.900 [0.86, 0.94]**", "0.900 [0.86, 0.94]", "0.900 [0.86, 0.94]"]  # p is .06 of macro F1
    assert table["semisupcon"] == ["0.800 [0.76, 0.84]", "0.800 [0.76, 0.84]", "**0.950 [0.91, 0.99]**"]
    assert text.endswith(f"- {BOLD}\n")


def test_encoders_that_are_equally_good_are_not_bold():
    text = files_of(results("simclr", "semisupcon", semisupcon_mirex=0.9, comparisons=[against(difference=0.0, **OF_KEY)]))["scores.md"]
    assert rows_of(text)["simclr"][2] == rows_of(text)["semisupcon"][2] == "0.900 [0.86, 0.94]"
    assert "**" not in text
    assert "Bold" not in text


@pytest.mark.parametrize(
    ("compared", "bold"),
    [
        (against(), True),
        (against("simclr", "semisupcon", -0.1), True),  # either of the two may be the baseline
        (against(p_holm=0.0499), True),
        (against(p_holm=0.05), False),
        (against(p=0.001, p_holm=0.2), False),  # the corrected p counts
        (against(one_training=1), True),
        (against(baseline_one_training=1), True),
        (against(one_training=1, baseline_one_training=1), False),
        (against(p=math.nan, p_holm=math.nan, ci_low=0.01), True),  # a folder of before: the interval decides
        (against(p=math.nan, p_holm=math.nan, ci_low=-0.01), False),
        (against(difference=math.nan), False),
        (against(difference=-0.1), False),  # what is called worse is not the best
        (against("supcon"), False),  # better than the third says nothing of the next
        (against("majority"), False),
        (against(metric="macro_f1"), True),  # of that metric
        (against(dataset="other"), False),
        (None, False),
    ],
)
def test_only_an_encoder_that_is_called_better_than_the_next_is_bold(compared, bold):
    shown = results("simclr", "semisupcon", "supcon", "majority", comparisons=[compared] if compared else [])
    table = scores.scores(shown.summary, shown.comparisons)
    places = [] if table.best is None else zip(*table.best.nonzero(), strict=True)
    marked = [(table.cells.iloc[i, 0], *table.cells.columns[j]) for i, j in places]
    assert marked == ([("simclr", "genre on mini", compared["metric"])] if bold else [])
    told = files_of(shown)
    assert (BOLD in told["scores.md"]) == ("\\textbf{0.900}" in told["scores.tex"]) == bold
    assert scores.scores(shown.summary).best is None  # without comparisons nothing is


def test_only_the_headlines_where_that_is_wanted():
    table = scores.scores(results("simclr").summary, headlines=True)
    assert [tuple(head) for head in table.cells.columns[1:]] == [("genre on mini", "accuracy"), ("key on mini", "mirex")]


def test_a_floor_is_never_bold_but_is_named_where_it_wins():
    compared = [against("majority", "semisupcon", -0.2, **OF_KEY), against("majority", "simclr", -0.2, **OF_KEY)]
    text = files_of(results("semisupcon", "simclr", "majority", majority_mirex=0.9, comparisons=compared))["scores.md"]
    assert rows_of(text)["majority"] == ["0.700 [0.66, 0.74]", "0.700 [0.66, 0.74]", "0.900 [0.86, 0.94]"]
    assert "- key on mini, mirex: majority is better than every encoder." in text
    both = files_of(results("semisupcon", "majority", "untrained", majority_mirex=0.9, untrained_mirex=0.95))["scores.md"]
    assert "- key on mini, mirex: untrained and majority score at least as high as every encoder (not tested)." in both
    for names in (("semisupcon", "simclr", "majority"), ("majority", "untrained")):  # the latter have no encoder to beat
        assert "every encoder" not in files_of(results(*names))["scores.md"]


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ([(-0.2, 0.001), (-0.1, 0.01)], "majority is better than every encoder."),
        ([(-0.2, 0.001), (-0.1, 0.4)], "no encoder is shown to be better than majority, and some are worse."),
        ([(0.2, 0.07), (-0.1, 0.4)], "undecided whether any encoder beats majority."),
        ([(0.2, 0.07), None], "undecided whether any encoder beats majority."),
        ([(0.2, 0.001), (-0.1, 0.01)], ""),
    ],
)
def test_what_is_said_of_a_floor_is_what_the_comparisons_say(differences, said):
    names = ("semisupcon", "simclr")
    compared = [
        against("majority", name, *each[:1], p_holm=each[1], **OF_KEY) for name, each in zip(names, differences, strict=True) if each
    ]
    shown = results(*names, "majority", comparisons=compared)
    told = [line for line in beaten(scores.clean(shown.summary), shown.comparisons) if line.startswith("key on mini")]
    assert told == ([f"key on mini, mirex: {said}"] if said else [])


def test_one_encoder_alone_is_not_the_best():
    text = files_of(results("semisupcon", "majority", comparisons=[against("majority", "semisupcon", 0.4)]))["scores.md"]
    assert "**" not in text
    assert "Bold" not in text


def test_corrupted_audio_stays_out_of_the_table():
    noisy = a_row("summary", encoder="simclr", value=0.1, corruption="noise", severity=5)
    before = scores.scores(results("simclr").summary)
    after = scores.scores(results_of({"run": MANIFEST}, summary=[noisy, *rows("simclr")]).summary)
    assert after.cells.equals(before.cells)
    assert after.numbers.equals(before.numbers)


def test_missing_scores_and_intervals():
    bare = a_row("summary", encoder="a", ci_low=math.nan, ci_high=math.nan)
    lost = a_row("summary", encoder="b", task="key", metric="mirex", value=math.nan)
    text = files_of(results(more=[bare, lost]))["scores.md"]
    assert (rows_of(text)["a"], rows_of(text)["b"]) == (["0.500", "–"], ["–", "–"])
    assert "- –: not scored." in text
    assert "not scored" not in files_of(results("a", "b"))["scores.md"]


def test_the_notes_say_what_the_interval_split_clips_and_seeds_are():
    scored = [a_row("scores", encoder="simclr", label_fraction=0.1)]
    majority = a_row("summary", encoder="majority", n_seeds=1, n_test=0)
    text = files_of(results("simclr", more=[majority], scored=scored))["scores.md"]
    for note in (
        "in brackets its 95 % interval over groups of clips and training seeds.",
        "Clips of one piece, artist or instrument are drawn together.",
        "the test split is used only to score.",
        "- Test clips: genre on mini 48; key on mini 48.\n- Seeds: 3 (simclr); 1 (majority).\n",
        "- Fraction of the labels used: 0.1.",
    ):
        assert note in text
    assert "Fraction" not in files_of(results("simclr", scored=[a_row("scores", encoder="simclr")]))["scores.md"]


@pytest.mark.parametrize(
    "manifest", [{}, {"encoders": None, "tasks": [], "metrics": 3}, {"tasks": {"genre": None}, "encoders": {"simclr": "x"}}]
)
def test_a_manifest_with_holes_will_do(manifest):
    shown = results("majority", "simclr", manifest=manifest)
    assert list(shown.summary["encoder"].cat.categories) == ["simclr", "majority"]
    assert [panel.headline for panel in panels(shown.summary)] == [True, False, True]
    assert "0.800" in html.page(shown, sections(shown))


NO_P = {"p": math.nan, "p_holm": math.nan}
NO_INTERVAL = {"ci_low": math.nan, "ci_high": math.nan}
BOTH_ONCE = {"one_training": 1, "baseline_one_training": 1}
VERDICTS = [
    ({"p_holm": 0.0499}, "better"),
    ({"p_holm": 0.0499, "difference": -0.045}, "worse"),
    ({"p_holm": 0.05}, "undecided"),
    ({"p_holm": 0.3}, "undecided"),
    ({"p_holm": 0.3, "ci_low": 0.01}, "undecided"),  # the interval is not corrected; the p is
    ({"p_holm": 0.04, "ci_low": -0.01}, "better"),
    ({"p_holm": 0.01, "difference": 0.0}, "undecided"),
    ({"one_training": 1}, "better"),
    ({"baseline_one_training": 1}, "better"),
    ({"baseline_one_training": 1, "p_holm": 0.3}, "undecided"),
    (BOTH_ONCE, "one training each"),
    ({**BOTH_ONCE, "p_holm": 0.3}, "one training each"),
    ({**BOTH_ONCE, **NO_P}, "one training each"),
    ({**NO_P, "ci_low": 0.01}, "better"),
    ({**NO_P, "difference": -0.045, "ci_low": -0.1, "ci_high": -0.01}, "worse"),
    ({**NO_P, "ci_low": -0.01}, "undecided"),
    ({**NO_P, "ci_low": 0.0}, "undecided"),
    ({**NO_P, "difference": -0.045, "ci_low": -0.1, "ci_high": 0.0}, "undecided"),
    ({**NO_P, **NO_INTERVAL}, "no test"),
    ({**BOTH_ONCE, **NO_P, **NO_INTERVAL}, "no test"),
    ({**NO_P, **NO_INTERVAL, "difference": math.nan}, "no test"),
]


@pytest.mark.parametrize(("about", "word"), VERDICTS)
def test_comparisons_in_words(about, word):
    given = {"difference": 0.045, "ci_low": 0.01, "ci_high": 0.1, "detectable": 0.0321, "baseline_seeds": 5, **about}
    compared = [a_row("comparisons", baseline="simclr", **given)]
    text = files_of(results("semisupcon", "simclr", comparisons=compared))["comparisons.md"]
    row = rows_of(text)["genre on mini"]
    p = "–" if "p" in about else f"{given.get('p_holm', 0.02):.3f}"
    value = scores.difference(given["difference"], given["ci_low"], given["ci_high"])
    assert row == ["accuracy", "semisupcon", "simclr", value, p, word, "0.032", "48", "3 and 5"]
    assert (" [" in row[3]) == (word != "no test")
    assert rows_of(text)["task"][4:7] == ["p (Holm)", "the encoder is", "detectable"]


def test_a_comparison_that_lacks_what_could_be_detected_has_a_dash_and_a_small_p_no_digits():
    row = rows_of(files_of(results("semisupcon", "simclr", comparisons=[against(p_holm=0.0004)]))["comparisons.md"])["genre on mini"]
    assert (row[4], row[6]) == ("&lt; 0.001", "–")


def test_the_notes_say_what_p_is_corrected_for_and_what_the_verdicts_are():
    several = [against(), against("supcon"), against(**OF_KEY), against(metric="macro_f1"), against("majority", **NO_P, **NO_INTERVAL)]
    shown = results("simclr", "semisupcon", "supcon", "majority", comparisons=several)
    text = files_of(shown)["comparisons.md"]
    for note in (
        "in brackets its paired 95 % interval over groups of clips and training seeds, not corrected.",
        "corrected by Holm's method for all comparisons of headline metrics, 3, or all of other metrics.",  # one was not tested
        "Better or worse: that p is below 0.05. Undecided: these clips and seeds cannot tell.",
        "One training each: of two encoders that were trained once each nothing is said",
        "Detectable: the smallest true difference that 80 of 100 such experiments would find, tested by itself.",
    ):
        assert note in text
    assert "earlier version" not in text
    two = dataclasses.replace(shown, manifests={"a": MANIFEST, "b": MANIFEST})
    assert "all comparisons of headline metrics, in each run its own, or all of other metrics." in files_of(two)["comparisons.md"]
    of_before = results("simclr", "semisupcon", "supcon", comparisons=[against("supcon"), against(**NO_P)])
    told = "Lines without p are of an earlier version: there better or worse is an interval that does not contain zero, not corrected"
    assert told in files_of(of_before)["comparisons.md"]


def test_differences_have_a_sign():
    assert scores.difference(-0.04, -0.0614, 0.011) == "-0.040 [-0.061, +0.011]"
    assert scores.difference(0.0, math.nan, 0.1) == "+0.000"
    assert scores.difference(math.nan, 0.1, 0.2) == "–"


def test_comparisons_stand_by_task_and_metric_then_by_baseline_and_encoder():
    pairs = [("simclr", "untrained"), ("semisupcon", "untrained"), ("semisupcon", "simclr")]
    panels = [("key", "mirex"), ("genre", "macro_f1"), ("genre", "accuracy")]
    compared = [a_row("comparisons", encoder=e, baseline=b, task=t, metric=m) for e, b in pairs for t, m in panels]
    table = scores.comparisons(results("semisupcon", "simclr", "untrained", comparisons=compared).comparisons)
    assert [tuple(row[1:4]) for row in table.cells.itertuples(index=False, name=None)] == [
        (metric, *pair) for _, metric in reversed(panels) for pair in reversed(pairs)
    ]  # fmt: skip


def test_no_comparison_is_said():
    assert files_of(results("simclr"))["comparisons.md"] == "# Comparisons\n\n- The run compared no encoders: it had no baseline.\n"


def test_the_seeds_of_a_comparison_are_explained():
    files = files_of(a_results())
    assert "- Seeds: of the encoder and, where it is known, of the baseline.\n" in files["comparisons.md"]
    assert "- Seeds: of the encoder; the mean of the baseline may be over another number.\n" in files["robustness-comparisons.md"]
    for stem in ("comparisons", "robustness-comparisons"):
        assert "interval over groups of clips and training seeds" in files[f"{stem}.md"]
        assert "Undecided: these clips and seeds cannot tell." in files[f"{stem}.md"]


def swept(*points, plain=()):
    """A sweep. points: encoder and the values of its options."""
    names = [f"{encoder}[{i}]" for i, (encoder, _) in enumerate(points)]
    index = pd.MultiIndex.from_tuples(list(zip((encoder for encoder, _ in points), names, strict=True)), names=["encoder", "name"])
    frame = pd.DataFrame([values for _, values in points], index=index, dtype=object)
    return results(*names, *plain, manifest={"tasks": MANIFEST["tasks"]}, points=frame)


def test_a_sweep_has_its_values_in_columns_of_their_own():
    backbones = {"backbone": "tune-plus", "labelled_share": 0.25}, {"backbone": "a|b"}
    text = files_of(swept(("semisupcon", backbones[0]), ("simclr", backbones[1]), plain=("supcon", "majority")))["sweep.md"]
    table = rows_of(text)
    assert table["encoder"] == ["backbone", "labelled_share", "genre on mini<br>accuracy", "key on mini<br>mirex"]
    assert table["semisupcon"] == ["tune-plus", "0.25", "0.900 [0.86, 0.94]", "0.900 [0.86, 0.94]"]
    assert table["simclr"] == ["a\\|b", "–", "0.800 [0.76, 0.84]", "0.800 [0.76, 0.84]"]
    assert table["supcon"] == ["–", "–", "0.700 [0.66, 0.74]", "0.700 [0.66, 0.74]"]
    assert list(table)[-1] == "majority"
    assert "- Swept: backbone, labelled_share. –: not swept, or not scored." in text
    assert "- genre on mini: 48 test clips, 3 seeds." in text


def test_no_table_of_a_sweep_where_nothing_was_swept():
    shown = results("semisupcon", "simclr")
    assert scores.sweep(shown.summary, shown.points) is None
    assert "sweep.md" not in files_of(shown)
    gone = swept(("semisupcon", {"views": 2}))
    assert scores.sweep(results("simclr").summary, gone.points) is None  # the variants were not scored


def test_encoders_that_were_pretrained_on_what_they_are_tested_on_are_explained_wherever_they_stand():
    manifest = {**a_manifest(), "overlap": {"semisupcon †": {"clips": {"mini": {"test": 3}}}}}
    base = a_results()
    files = files_of(results_of({"run": manifest}, **{name: getattr(base, name).to_dict("records") for name in (
        "summary", "comparisons", "robustness", "robustness_comparisons", "equivariance")}))  # fmt: skip
    told = "semisupcon †: it was pretrained on the audio of 3 test clips of mini, so its scores there say less."
    assert {name for name, text in files.items() if told in text.replace("\\textdagger{}", "†")} == {
        name for name in files if name.endswith((".md", ".tex"))
    }


def csv_of(text):
    return {row["encoder"]: row for row in csv.DictReader(text.splitlines())}


def test_each_seed_stands_in_the_csv_where_there_are_several():
    several = [a_row("summary", encoder="simclr", by_seed="0.4 0.5 0.6"), a_row("summary", encoder="semisupcon", by_seed="-0.25 nan")]
    alone = [a_row("summary", encoder="untrained", n_seeds=1), a_row("summary", encoder="simclr", n_seeds=1, **OF_KEY)]
    rows = csv_of(files_of(results(more=[*several, *alone]))["scores.csv"])
    assert list(rows["simclr"])[1:] == [
        f"{head}{end}" for head in ("genre on mini accuracy", "key on mini mirex") for end in ("", " low", " high", " by seed")
    ]
    told = {name: row["genre on mini accuracy by seed"] for name, row in rows.items()}
    assert told == {"simclr": "0.4 0.5 0.6", "semisupcon": "-0.25 nan", "untrained": ""}
    assert rows["simclr"]["key on mini mirex by seed"] == rows["semisupcon"]["key on mini mirex by seed"] == ""
    bare = csv_of(files_of(results(more=alone))["scores.csv"])
    assert not any(name.endswith("by seed") for name in bare["simclr"])


ONCE = "semisupcon, untrained: one training; its spread is not in this interval."
SIZE = "Average precision is the higher the fewer test clips there are (by .01 to .02 at 360): it compares on the same test clips alone"


def single(base, *names):
    """The same run, in which these were trained once."""
    changed = {}
    for table in ("summary", "comparisons", "robustness", "robustness_comparisons", "equivariance"):
        frame = getattr(base, table)
        marks = {"encoder": "one_training", "baseline": "baseline_one_training"}
        marks = {mark: frame[who].isin(names).astype(int) for who, mark in marks.items() if mark in frame}
        changed[table] = frame.assign(**marks)
    return dataclasses.replace(base, **changed)


@pytest.mark.slow
def test_an_encoder_that_was_trained_once_and_average_precision_are_explained_wherever_there_is_an_interval():
    base = a_results()
    files = {name: " ".join(text.split()) for name, text in files_of(single(base, "semisupcon", "untrained")).items()}
    files |= {"terminal": " ".join(terminal.text(single(base, "semisupcon", "untrained"), 80).split())}
    of_both = {name for name in files if name.endswith((".md", ".tex"))} | {"terminal"}
    assert len(of_both) == 14
    assert {name for name, text in files.items() if ONCE in text} == of_both
    assert {name for name, text in files.items() if SIZE in text} == of_both - {"comparisons.md", "comparisons.tex"}  # of key alone
    assert "one training;" not in "".join([*files_of(base).values(), terminal.text(base, 80)])
    other = a_results(tasks={"key": "mirex"}, skipped=[])
    assert "Average precision is" not in "".join([*files_of(other).values(), terminal.text(other, 80)])


def test_every_caption_of_latex_says_who_was_trained_once():
    files = files_of(single(a_results(), "semisupcon", "untrained"))
    for name in ("scores.tex", "robustness.tex", "retained.tex"):
        captions = [line for line in files[name].splitlines() if line.startswith("\\caption{")]
        assert captions
        assert all(ONCE in caption and SIZE in caption for caption in captions)


def test_the_baseline_alone_may_be_what_was_trained_once():
    shown = results("simclr", "semisupcon", comparisons=[against(baseline_one_training=1)])
    text = files_of(shown)["comparisons.md"]
    assert "semisupcon: one training; its spread is not in this interval." in text
    assert "one training;" not in files_of(results("simclr", "semisupcon", comparisons=[against()]))["comparisons.md"]


def test_a_table_of_a_sweep_says_who_was_trained_once():
    shown = swept(("semisupcon", {"views": 2}), ("semisupcon", {"views": 4}), plain=("simclr",))
    shown = dataclasses.replace(shown, summary=shown.summary.assign(one_training=(shown.summary["encoder"] == "semisupcon[1]").astype(int)))
    assert "- semisupcon[1]: one training; its spread is not in this interval." in files_of(shown)["sweep.md"]


@pytest.mark.parametrize("run", RUNS)
def test_a_run_of_before_intervals_covered_seeds_is_reported_by_its_intervals(run, tmp_path):
    """Its files have neither p nor single seeds."""
    loaded = load(run_of_before(run, tmp_path))
    files = files_of(loaded)
    table = scores.comparisons(loaded.comparisons)
    lows = loaded.comparisons.sort_values(["task", "dataset", "metric_place", "baseline", "encoder"])[["ci_low", "ci_high"]]
    words = ["better" if low > 0 else "worse" if high < 0 else "undecided" for low, high in lows.itertuples(index=False)]
    assert [column[0] for column in table.cells.columns[4:]] == [
        "difference", "p (Holm)", "the encoder is", "detectable", "test clips", "seeds",
    ]  # fmt: skip
    assert list(table.cells.iloc[:, 6]) == words
    assert set(table.cells.iloc[:, 5]) == set(table.cells.iloc[:, 7]) == {"–"}
    assert "Lines without p are of an earlier version" in files["comparisons.md"]
    assert not any("by seed" in text for text in files.values())
    assert not any("one training;" in text for text in files.values())


def test_how_many_seeds_the_baselines_of_a_run_of_before_had_is_not_made_up(tmp_path):
    """Its comparisons do not say."""
    table = scores.comparisons(load(run_of_before("main", tmp_path)).comparisons)
    assert [set(cells) for head, cells in table.cells.items() if head == ("seeds",)] == [{"8"}]
    assert scores.comparisons(TABLES["comparisons"].frame([against(baseline_seeds=2)])).cells.iloc[0, -1] == "3 and 2"
