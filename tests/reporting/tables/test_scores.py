"""Tables and page: the right number in the right cell, floors apart, names that cannot break the table or the page."""

from __future__ import annotations

import base64
import math
import re
import subprocess
import sys

import pytest
from synthetic import Balance

from mirbench.errors import MirbenchError
from mirbench.records import Score
from mirbench.reporting import html, report
from mirbench.reporting.board import build_board
from mirbench.reporting.tables import scores as tables
from mirbench.results.merging import Merged
from mirbench.results.rows import Comparison, Summary
from mirbench.results.run_folder import RunFolder

METRICS = {"genre": ("accuracy", "macro_f1"), "key": ("mirex",)}
MANIFEST = {
    "command": ["mirbench", "run", "--encoder", "semisupcon"],
    "metrics": {"accuracy": "accuracy (0 to 1)"},
    "tasks": {"genre": {"metrics": ["accuracy", "macro_f1"]}, "key": {"metrics": ["mirex"]}},
    "encoders": {
        "majority": {"role": "floor"},
        "semisupcon": {"role": "encoder", "description": "contrastive <b>"},
        "simclr": {"role": "encoder"},
        "untrained": {"role": "floor"},
    },
    "versions": {"torch": "2.11.0"},
    "skipped": [{"clip": "a", "why": "<script>alert(1)</script>"}],
}


def board_of(summaries, comparisons=(), manifest=None, scores=()):
    return build_board(Merged(list(scores), list(summaries), list(comparisons), {"run": MANIFEST if manifest is None else manifest}))


def rows(*names, **values) -> list[Summary]:
    """A summary for every name, task and metric; the value falls with the place of the name."""
    found = []
    for i, name in enumerate(names):
        for task, metrics in METRICS.items():
            for metric in metrics:
                value = values.get(f"{name}_{metric}", 0.9 - 0.1 * i)
                found.append(Summary(name, task, "mini", metric, value, value - 0.04, value + 0.04, n_seeds=3, n_test=48))
    return found


def cells(markdown: str) -> dict[str, list[str]]:
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in markdown.split("\n") if line.startswith("|")]
    return {line[0].strip(): [x.strip() for x in line[1:]] for line in lines}


def test_encoders_first_then_floors_in_the_order_of_the_manifest():
    board = board_of(rows("majority", "untrained", "simclr", "semisupcon"))
    assert board.names == ("semisupcon", "simclr", "untrained", "majority")
    assert list(cells(tables.scores_markdown(board)))[2:] == ["semisupcon", "simclr", "*floors:*", "untrained", "majority"]


def test_the_number_stands_in_its_cell_and_the_best_encoder_is_bold():
    board = board_of(rows("simclr", "semisupcon", semisupcon_mirex=0.95))
    table = cells(tables.scores_markdown(board))
    assert table["encoder"] == ["genre on mini<br>accuracy", "genre on mini<br>macro_f1", "key on mini<br>mirex"]
    assert table["simclr"] == ["**0.900 [0.86, 0.94]**", "**0.900 [0.86, 0.94]**", "0.900 [0.86, 0.94]"]
    assert table["semisupcon"] == ["0.800 [0.76, 0.84]", "0.800 [0.76, 0.84]", "**0.950 [0.91, 0.99]**"]


def test_a_floor_is_never_bold_but_is_named_where_it_wins():
    text = tables.scores_markdown(board_of(rows("semisupcon", "simclr", "majority", majority_mirex=0.9)))
    assert cells(text)["majority"] == ["0.700 [0.66, 0.74]", "0.700 [0.66, 0.74]", "0.900 [0.86, 0.94]"]
    assert "- On key on mini, mirex, majority does at least as well as every encoder." in text
    assert "majority does" not in tables.scores_markdown(board_of(rows("semisupcon", "simclr", "majority")))


def test_one_encoder_alone_is_not_the_best():
    assert "**" not in tables.scores_markdown(board_of(rows("semisupcon", "majority")))


def test_corrupted_audio_stays_out_of_the_table():
    noisy = Summary("simclr", "genre", "mini", "accuracy", 0.1, 0.0, 0.2, corruption="noise", severity=5)
    clean = rows("simclr")
    assert board_of([noisy, *clean]).cells == board_of([*clean, noisy]).cells == board_of(clean).cells
    with pytest.raises(MirbenchError, match=r"run has no scores of clean audio in summary\.csv"):
        board_of([noisy])


def test_missing_scores_and_intervals():
    bare = Summary("a", "genre", "mini", "accuracy", 0.5, math.nan, math.nan)
    board = board_of([bare, Summary("b", "key", "mini", "mirex", math.nan, 0, 0)])
    table = cells(tables.scores_markdown(board))
    assert table["a"] == ["0.500", "–"]
    assert table["b"] == ["–", "–"]


def test_the_notes_say_what_the_interval_split_clips_and_seeds_are():
    scores = [Score("simclr", "genre", "mini", "accuracy", 0.5, 0.4, 0.6, label_fraction=0.1)]
    majority = Summary("majority", "genre", "mini", "accuracy", 0.1, 0, 0.2)
    text = tables.scores_markdown(board_of([*rows("simclr"), majority], scores=scores))
    sizes = ("genre on mini 48; key on mini 48.", "Seeds: 3 (simclr); 1 (majority).")
    for said in ("95 % bootstrap interval over groups", "test split", *sizes):
        assert said in text
    assert "Fraction of the labels used: 0.1." in text


@pytest.mark.parametrize(
    "manifest", [{}, {"encoders": None, "tasks": [], "metrics": 3}, {"tasks": {"genre": None}, "encoders": {"simclr": "x"}}]
)
def test_a_manifest_with_holes_will_do(manifest):
    board = board_of(rows("majority", "simclr"), manifest=manifest)
    assert board.names == ("simclr", "majority")
    assert [p.headline for p in board.panels] == [True, False, True]
    assert "0.800" in html.page(board, [])


def test_names_cannot_break_a_table():
    name = "a|b`*<i>\n| c"
    board = board_of(rows(name, "simclr"), [Comparison(name, "si|mclr", "genre", "mini", "accuracy", 0.1, 0.05, 0.15)])
    for text in (tables.scores_markdown(board), tables.comparisons_markdown(board)):
        counts = {len(re.split(r"(?<!\\)\|", line)) for line in text.split("\n") if line.startswith("|")}
        assert len(counts) == 1
        assert "<i>" not in text
    assert r"a\|b\`\*&lt;i&gt; \| c" in cells(tables.scores_markdown(board))


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.1, "better"),
        (-0.1, -0.01, "worse"),
        (-0.01, 0.1, "undecided"),
        (0.0, 0.1, "undecided"),
        (math.nan, math.nan, "no interval"),
    ],
)
def test_comparisons_in_words(low, high, word):
    comparison = Comparison("semisupcon", "simclr", "genre", "mini", "accuracy", 0.045, low, high, n_seeds=3, n_test=48)
    assert tables.verdict(comparison) == word
    text = tables.comparisons_markdown(board_of(rows("semisupcon", "simclr"), [comparison]))
    assert f"| {word} | 48 | 3 |" in text
    assert ("+0.045 [" in text) == (word != "no interval")


def test_no_comparison_is_said():
    assert "compared no encoders" in tables.comparisons_markdown(board_of(rows("simclr")))


@pytest.mark.parametrize("n", [1, 2, 6])
@pytest.mark.parametrize("width", [3, 22, 60])
def test_the_terminal_table_fits_and_holds_every_number(n, width):
    names = [f"{i}".rjust(width, "n") for i in range(n)]
    columns = [("genre", "accuracy"), ("genre", "macro_average_precision"), ("key", "mirex"), ("x" * 50, "y" * 50)]
    summaries = [
        Summary(name, task, "a-data-set-with-a-name", metric, 0.1 + 0.001 * (i + 20 * j), 0.05, 0.25, n_test=48)
        for i, name in enumerate([*names, "majority"])
        for j, (task, metric) in enumerate(columns)
    ]
    text = tables.scores_text(board_of(summaries, manifest={}))
    table, _, _ = text.partition("Mean over seeds")
    assert max(len(line) for line in table.split("\n")) <= 100
    for s in summaries:
        assert text.count(tables.cell(s)) == 1
    assert text.index("floors:") < text.index("majority ")


def test_long_names_that_share_both_ends_stay_apart_in_the_terminal():
    names = [f"semisupcon[supervision={x}, labelled_share=0.5]" for x in ("tags", "keys")]
    text = tables.scores_text(board_of(rows(*names)))
    assert all(name in text for name in names)


def test_the_terminal_table_as_a_whole():
    assert tables.scores_text(board_of(rows("semisupcon", "majority"))) == (
        "task        genre               genre               key\n"
        "            on mini             on mini             on mini\n"
        "metric      accuracy            macro_f1            mirex\n"
        "----------  ------------------  ------------------  ------------------\n"
        "semisupcon  0.900 [0.86, 0.94]  0.900 [0.86, 0.94]  0.900 [0.86, 0.94]\n"
        "floors:\n"
        "majority    0.800 [0.76, 0.84]  0.800 [0.76, 0.84]  0.800 [0.76, 0.84]\n"
        "\n"
        "Mean over seeds [95 % bootstrap interval over groups], test split, clean audio.\n"
        "genre on mini: 48 test clips, 3 seeds\n"
        "key on mini: 48 test clips, 3 seeds\n"
    )


def test_the_page_is_whole_escaped_and_alone(tmp_path):
    svg = tmp_path / "comparison.svg"
    svg.write_text("<svg/>")
    page = html.page(board_of(rows("semisupcon", "<script>x</script>", "majority")), [svg])
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.links == []
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "contrastive &lt;b&gt;" in page
    assert "mirbench run --encoder semisupcon" in page
    assert base64.b64encode(b"<svg/>").decode() in page


def a_run(path, value=0.9) -> RunFolder:
    run = RunFolder.create(path)
    run.write_manifest(MANIFEST)
    run.write_scores([])
    run.write_summaries(rows("semisupcon", "simclr", "majority", semisupcon_accuracy=value))
    run.write_comparisons([Comparison("semisupcon", "simclr", "genre", "mini", "accuracy", 0.1, 0.05, 0.15, n_seeds=3, n_test=48)])
    return run


def test_several_runs_need_an_output(tmp_path):
    said = "a report of 2 runs belongs to none of their folders; say where to write it with --output FOLDER"
    with pytest.raises(MirbenchError, match=said):
        report([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(MirbenchError, match="at least one run folder"):
        report([])


def test_a_report_of_two_runs_shows_both_numbers_and_leaves_the_runs_alone(tmp_path):
    runs = [a_run(tmp_path / name, value).path for name, value in (("a", 0.91), ("b", 0.61))]
    before = sorted(tmp_path.rglob("*"))
    made = report(runs, tmp_path / "both")
    assert [p for p in sorted(tmp_path.rglob("*")) if tmp_path / "both" not in [p, *p.parents]] == before
    assert "semisupcon (a)" in made.table_text
    assert "0.610 [0.57, 0.65]" in made.table_text
    assert made.files[-1] == tmp_path / "both" / "report.html"
    assert all(path.stat().st_size > 0 for path in made.files)


def test_reporting_imports_no_torch_and_no_pandas_and_matplotlib_only_to_draw(tmp_path):
    run = a_run(tmp_path / "r")
    code = (
        "import sys, pathlib, mirbench; before = set(sys.modules); import mirbench.results.run_folder, mirbench.reporting\n"
        "watched = {'torch', 'pluggy', 'sklearn', 'pandas', 'matplotlib'}\n"
        "loaded = lambda: sorted({m.split('.')[0] for m in set(sys.modules) - before} & watched)\n"
        f"print(loaded(), 'torch' in sys.modules); mirbench.reporting.report([pathlib.Path({str(run.path)!r})]); print(loaded())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[] False", "['matplotlib']"]
