"""Tables of clean audio: the right number in the right cell, floors apart, and what must be known to read them below."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from synthetic import FLOORS, a_manifest, a_results, a_row, results_of
from test_table import files_of, rows_of

from mirbench.reporting import html
from mirbench.reporting.sections import sections
from mirbench.reporting.tables import scores
from mirbench.reporting.words import panels

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


def test_the_number_stands_in_its_cell_and_the_best_encoder_is_bold():
    text = files_of(results("simclr", "semisupcon", semisupcon_mirex=0.95))["scores.md"]
    table = rows_of(text)
    assert table["encoder"] == ["genre on mini<br>accuracy", "genre on mini<br>macro_f1", "key on mini<br>mirex"]
    assert table["simclr"] == ["**0.900 [0.86, 0.94]**", "**0.900 [0.86, 0.94]**", "0.900 [0.86, 0.94]"]
    assert table["semisupcon"] == ["0.800 [0.76, 0.84]", "0.800 [0.76, 0.84]", "**0.950 [0.91, 0.99]**"]
    assert text.endswith("- Bold: the best of the encoders.\n")


def test_encoders_that_are_equally_good_are_all_bold():
    table = rows_of(files_of(results("simclr", "semisupcon", semisupcon_mirex=0.9))["scores.md"])
    assert table["simclr"][2] == table["semisupcon"][2] == "**0.900 [0.86, 0.94]**"


def test_only_the_headlines_where_that_is_wanted():
    table = scores.scores(results("simclr").summary, headlines=True)
    assert [tuple(head) for head in table.cells.columns[1:]] == [("genre on mini", "accuracy"), ("key on mini", "mirex")]


def test_a_floor_is_never_bold_but_is_named_where_it_wins():
    text = files_of(results("semisupcon", "simclr", "majority", majority_mirex=0.9))["scores.md"]
    assert rows_of(text)["majority"] == ["0.700 [0.66, 0.74]", "0.700 [0.66, 0.74]", "0.900 [0.86, 0.94]"]
    assert "- On key on mini, mirex, majority does at least as well as every encoder." in text
    both = files_of(results("semisupcon", "majority", "untrained", majority_mirex=0.9, untrained_mirex=0.95))["scores.md"]
    assert "- On key on mini, mirex, untrained and majority do at least as well as every encoder." in both
    for names in (("semisupcon", "simclr", "majority"), ("majority", "untrained")):  # the latter have no encoder to beat
        assert "at least as well" not in files_of(results(*names))["scores.md"]


def test_one_encoder_alone_is_not_the_best():
    text = files_of(results("semisupcon", "majority"))["scores.md"]
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
        "in brackets its 95 % bootstrap interval over groups (clips of one piece, artist or instrument are drawn together).",
        "The interval does not cover the spread between seeds; that is in scores.csv.",
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
    assert "0.800" in html.page(shown, sections(shown), [])


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.1, "better"),
        (-0.1, -0.01, "worse"),
        (-0.01, 0.1, "undecided"),
        (0.0, 0.1, "undecided"),
        (-0.1, 0.0, "undecided"),
        (math.nan, math.nan, "no interval"),
    ],
)
def test_comparisons_in_words(low, high, word):
    compared = [a_row("comparisons", baseline="simclr", difference=0.045, ci_low=low, ci_high=high)]
    assert scores.verdict(low, high) == word
    text = files_of(results("semisupcon", "simclr", comparisons=compared))["comparisons.md"]
    row = rows_of(text)["genre on mini"]
    assert row == ["accuracy", "semisupcon", "simclr", scores.difference(0.045, low, high), word, "48", "3"]
    assert ("+0.045 [" in text) == (word != "no interval")
    assert "The intervals are not corrected for their number, 1: of true zeros, about one in twenty looks decided." in text


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
    for stem in ("comparisons", "robustness-comparisons"):
        text = files_of(a_results())[f"{stem}.md"]
        assert "the spread between seeds is in none of them" in text
        assert "The number of seeds is the encoder's" in text


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
