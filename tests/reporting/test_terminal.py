"""The text for a terminal: every number, within its columns, and what went wrong below."""

from __future__ import annotations

import dataclasses

import pytest
from synthetic import FAILED, FAMILIES, SEEN, SKIPPED, a_manifest, a_results, a_row, a_sweep, results_of

from mirbench.reporting import terminal
from mirbench.reporting.html import page
from mirbench.reporting.sections import sections
from mirbench.reporting.words import cell

GENRE, F1, KEY = ({"task": t, "metric": m} for t, m in (("genre", "accuracy"), ("genre", "macro_f1"), ("key", "mirex")))


def a_table(*names, metrics=(GENRE, F1, KEY), manifest=None):
    rows = [a_row("summary", encoder=name, value=0.5 + i / 10, **metric) for i, name in enumerate(names) for metric in metrics]
    return results_of({"run": manifest or {}}, summary=rows)


def holds_names(text, names):
    """Whether they stand in the first column, each in one line."""
    return set(names) <= {line.split("   ")[0] for line in text.split("\n")}


def test_the_table_as_a_whole():
    results = a_table("semisupcon", "majority")
    assert terminal.text(results, 100) == (
        "             genre on mini        key on mini\n"
        "encoder      accuracy             mirex\n"
        "----------------------------------------------------\n"
        "semisupcon   0.500 [0.40, 0.60]   0.500 [0.40, 0.60]\n"
        "floors:\n"
        "majority     0.600 [0.40, 0.60]   0.600 [0.40, 0.60]\n"
        "\n"
        "Mean over seeds [95 % interval over groups of clips and training seeds], test split, clean audio.\n"
        "genre on mini, key on mini: 48 test clips, 3 seeds\n"
        "genre on mini, accuracy; key on mini, mirex: majority scores at least as high as every encoder (not\n"
        "  tested).\n"
    )
    assert terminal.text(results, 100, all_metrics=True).startswith(
        "             genre on mini        genre on mini        key on mini\nencoder      accuracy             macro_f1             mirex\n"
    )


def test_a_task_is_marked_where_test_clips_have_audio_that_its_probes_know():
    facts = {"genre": {"dataset": {"mini": {"n_test": 48, "n_shared": 2}}}, "key": {"dataset": {"mini": {"n_test": 48}}}}
    results = a_table("semisupcon", "majority", manifest={"tasks": facts})
    text = terminal.text(results, 200)
    assert text.split("\n")[0].split() == ["genre", "on", "mini", "‡", "key", "on", "mini"]
    told = "genre on mini ‡: 2 of 48 test clips have, or may have, audio that train or valid has too, which can flatter every score there"
    assert told in text
    found = sections(results)["scores"]
    assert [head[0] for head in found.tables[""].cells.columns][1:] == ["genre on mini ‡", "genre on mini ‡", "key on mini"]
    assert told in " ".join(found.below)
    assert "genre on mini accuracy" in found.files("scores")["scores.csv"].split("\n")[0]  # which programs read
    assert told in found.captions[""]
    shown = page(results, sections(results))
    assert "genre on mini ‡<br>" in shown
    assert "key on mini<br>" in shown
    assert "‡" not in terminal.text(a_table("semisupcon", "majority"), 200)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_neither_a_name_nor_a_head_is_broken_however_narrow_the_window_is(width):
    names = ["semisupcon[supervision=tags, labelled_share=0.5]", "b"]
    rows = [a_row("summary", encoder=n, task="tagging", metric="macro_average_precision", dataset="a-large-data-set") for n in names]
    lines = terminal.text(results_of({"run": {}}, summary=rows), width).split("\n\n")[0].split("\n")
    assert max(map(len, lines)) <= width
    assert any(line.split("   ")[0] == names[0] for line in lines)
    assert any(line.endswith("tagging on a-large-data-set") for line in lines)
    assert any(line.endswith("macro_average_precision") for line in lines)
    own_line = lines.index(names[0]) if names[0] in lines else None
    assert own_line is None or lines[own_line + 1].strip() == cell(rows[0]["value"], rows[0]["ci_low"], rows[0]["ci_high"])
    assert (own_line is not None) == (width < 80)


def test_one_note_says_what_eight_encoders_or_tasks_have_in_common():
    overlap = {f"encoder-{i}": {"clips": {}, "trained_on": ["fma"]} for i in range(8)}
    text = " ".join(terminal.text(a_table(*overlap, manifest={"overlap": overlap}), 100).split())
    assert text.count("its authors trained it on fma") == 1
    assert "encoder-0 †, encoder-1 †" in text or "encoder-0, encoder-1" in text


@pytest.mark.parametrize("n", [1, 2, 6])
@pytest.mark.parametrize("longest", [3, 22, 60])
@pytest.mark.parametrize("width", [60, 100, 140])
def test_the_table_fits_and_holds_every_number(n, longest, width):
    names = [f"{i}".rjust(longest, "n") for i in range(n)]
    columns = [("genre", "accuracy"), ("genre", "macro_average_precision"), ("key", "mirex"), ("x" * 50, "y" * 50)]
    rows = [
        a_row("summary", encoder=name, task=task, metric=metric, dataset="a-data-set-with-a-name", value=0.1 + 0.001 * (i + 20 * j))
        for i, name in enumerate([*names, "majority"])
        for j, (task, metric) in enumerate(columns)
    ]
    table, _, _ = terminal.text(results_of({"run": {}}, summary=rows), width, all_metrics=True).partition("Mean over seeds")
    assert max(len(line) for line in table.split("\n")) <= width
    for row in rows:
        assert table.count(cell(row["value"], row["ci_low"], row["ci_high"])) == 1
    assert holds_names(table, names)
    for block in table.split("\n\n")[:-1]:
        assert block.index("floors:") < block.index("\nmajority")


@pytest.mark.parametrize("width", [60, 100])
def test_no_line_is_longer_than_the_terminal(width):
    text = terminal.text(a_results(failed=FAILED), width)
    lengths = [len(line) for line in text.split("\n")]
    assert max(lengths) <= width
    assert max(lengths) > width - 20  # and uses it
    assert "Mean over seeds [95 % interval over groups of clips and training seeds], test split, clean audio." in " ".join(text.split())


def test_what_must_be_known_of_intervals_stands_first_below_the_table():
    about = {"task": "tagging", "metric": "macro_average_precision", "one_training": 1}
    rows = [a_row("summary", encoder=name, **about) for name in ("semisupcon", "simclr")]
    below = terminal.text(results_of({"run": {}}, summary=rows), 100).split("\n\n", 1)[1]
    assert below == (
        "Mean over seeds [95 % interval over groups of clips and training seeds], test split, clean audio.\n"
        "semisupcon, simclr: one training; its spread is not in this interval.\n"
        "Average precision is the higher the fewer test clips there are (by .01 to .02 at 360): it compares\n"
        "  on the same test clips alone, and its interval is that of test sets of this size.\n"
        "tagging on mini: 48 test clips, 3 seeds\n"
    )
    noisy = [a_row("summary", encoder="supcon", corruption="noise", severity=1, **about)]
    clean = [row | {"one_training": 0} for row in rows]
    assert "one training;" not in terminal.text(results_of({"run": {}}, summary=[*clean, *noisy]), 100).split("under corruption")[0]


def test_nothing_is_bold_in_a_terminal():
    compared = [a_row("comparisons", encoder="b", baseline="a")]
    rows = [a_row("summary", encoder=name, value=value) for name, value in (("a", 0.5), ("b", 0.6))]
    text = terminal.text(results_of({"run": {}}, summary=rows, comparisons=compared), 100)
    assert "\nb         0.600 [0.40, 0.60]\n" in text
    assert "*" not in text
    assert "Bold" not in text


def test_the_columns_of_a_task_stay_together():
    text = terminal.text(a_table("semisupcon", metrics=[KEY, GENRE, F1]), 60, all_metrics=True)
    heads = [block.split("\n")[1].split() for block in text.split("\n\n")[:-1]]
    assert heads == [["encoder", "mirex"], ["encoder", "accuracy", "macro_f1"]]


def test_long_names_that_share_both_ends_stay_apart():
    names = [f"semisupcon[supervision={x}, labelled_share=0.5]" for x in ("tags", "keys")]
    assert holds_names(terminal.text(a_table(*names), 100), names)


def test_a_score_that_is_not_there_is_a_dash():
    rows = [a_row("summary"), a_row("summary", encoder="simclr", **KEY)]
    lines = terminal.text(results_of({"run": {}}, summary=rows), 100).split("\n")
    given = ["0.500", "[0.40,", "0.60]"]
    assert [line.split() for line in lines[3:5]] == [["semisupcon", *given, "-"], ["simclr", "-", *given]]


def test_what_looks_like_markup_is_text():
    name = "[bold]a[/bold] :smile: {x}"
    assert name in terminal.text(a_table(name), 100)


def test_a_notebook_gets_the_text_and_prints_nothing(monkeypatch, capsys):
    expected = terminal.text(a_results(), 100)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert terminal.text(a_results(), 100) == expected
    assert capsys.readouterr().out == ""


def test_under_corruption_a_line_per_encoder_and_what_was_skipped_and_failed():
    text = terminal.text(a_results(), 100)
    lines = text[text.index("under corruption") :].split("\n")
    assert lines[0].split() == ["under", "corruption", "retained", "performance", "mCE", "relative", "mCE"]
    assert lines[2] == "semisupcon         0.400 [0.35, 0.45]     0.640 [0.54, 0.76]   0.840 [0.74, 0.96]"
    assert [line.split()[0] for line in lines[2:8]] == ["semisupcon", "simclr", "supcon", "floors:", "untrained", "handcrafted"]
    joined = " ".join(text.split())
    for sentence in (
        "Mean over 4 tasks and 4 corruptions. mCE: untrained is 1, lower is better. Retained: 1 is all that an encoder scores above "
        "chance on clean audio, which is in the table above.",
        "key on mini, pitch on mini: pitch-shift is skipped: it alters the pitch, which the labels name.",
        "low-pass failed on clip clip-0 at severity 5 (returned NaN); clip clip-1 at severity 5 (returned NaN); "
        "clip clip-2 at severity 5 (returned NaN), and 2 more in manifest.json.",
    ):
        assert sentence in joined


def test_where_families_are_known_unseen_ones_stand_first_and_errors_on_clean_audio_beside_mce():
    text = terminal.text(a_results(families=FAMILIES, seen_families=SEEN), 200)
    lines = text[text.index("under corruption") :].split("\n")
    heads = ["unseen families", "seen families", "retained performance", "error on clean audio", "mCE", "relative mCE"]
    assert all(head in lines[0] for head in heads)
    assert [lines[0].index(head) for head in heads] == sorted(lines[0].index(head) for head in heads)
    assert lines[2].split()[1::3] == ["0.300", "0.500", "0.400", "0.640", "0.640", "0.840"]
    joined = " ".join(text.split())
    assert "4 corruptions, each family of which counts once. mCE and errors: untrained is 1, lower is better. Retained: 1" in joined


def test_runs_without_a_mean_over_tasks_say_so():
    results = a_results()
    torn = dataclasses.replace(results, robustness=results.robustness[results.robustness["task"] != "all"])
    assert "\n\nNo robustness score over all tasks; see the tables of each.\n" in terminal.text(torn, 100)


def test_the_one_task_whose_means_are_left_is_not_called_the_mean_over_all():
    results = a_results()
    rows = results.robustness
    left = (rows["task"] == "key") | ((rows["task"] == "genre") & (rows["corruption"] == "polarity"))
    text = terminal.text(dataclasses.replace(results, robustness=rows[left]), 100)
    assert "No robustness score over all tasks; see the tables of each." in text
    assert "0.610 [0.51, 0.73]" not in text


def test_reasons_that_are_shared_are_told_once():
    skipped = [*SKIPPED, {**SKIPPED[0], "corruption": "chain"}, {**SKIPPED[0], "corruption": "polarity", "reason": ""}]
    text = " ".join(terminal.text(results_of({"run": a_manifest(skipped=skipped)}, **a_sweep()), 100).split())
    assert "key on mini: pitch-shift, chain are skipped: it alters the pitch, which the labels name." in text
    assert "key on mini: polarity is skipped: no reason given." in text


def test_clips_that_were_skipped_and_tasks_that_were_left_out_stand_last():
    manifest = {
        "datasets": {"mini": {"skipped": {"a.wav": "it is empty"}}},
        "left_out": [{"task": "key", "dataset": "mini", "why": "it has no keys"}],
    }
    text = terminal.text(a_table("semisupcon", manifest=manifest), 100)
    assert text.endswith("\n\n1 clip of mini was skipped:\n  a.wav: it is empty\nkey is not run on mini: it has no keys\n")


def test_how_many_corruptions_count_is_told_where_it_is_known():
    assert "Mean over 4 tasks and 4 corruptions." in " ".join(terminal.text(a_results(), 100).split())
    manifest = {name: about for name, about in a_manifest().items() if name != "corruptions"}
    unknown = terminal.text(results_of({"run": manifest}, **a_sweep()), 100)
    assert "Mean over 4 tasks and the corruptions that count." in " ".join(unknown.split())


def test_a_mean_over_fewer_tasks_says_over_how_many():
    rows = a_sweep()
    for row in rows["robustness"]:
        if row["measure"] == "relative_mce" and row["task"] in ("key", "genre"):
            row["value"] = float("nan")
    text = " ".join(terminal.text(results_of({"run": a_manifest()}, **rows), 100).split())
    assert "Mean over 4 tasks (relative mCE over 2, where it is defined) and 4 corruptions." in text


def test_fits_that_failed_and_probes_that_did_not_converge_are_told_in_every_form():
    grid = [{"n_neighbors": n} for n in (5, 50, 500)]
    report = {"grid": grid, "chosen": grid[0], "converged": [True, False, False]}
    failed = {**report, "failed": {"1": "needs 50 clips, has 30.", "2": "needs 500 clips, has 30."}}
    probes = {"a, seed 0": failed, "b, seed 0": report, "b, seed 1": {**report, "chosen": grid[1]}, "old, seed 0": {"converged": [False]}}

    def told_by(probes):
        manifest = {"tasks": {"genre": {"metrics": ["accuracy"], "dataset": {"mini": {"probes": probes}}}}}
        results = a_table("a", "b", manifest=manifest)
        made = sections(results)
        return [
            " ".join(text.split())
            for text in (terminal.text(results, 100), made["scores"].files("scores")["scores.md"], page(results, made))
        ]

    for text in told_by(probes):
        assert "Of 9 fits of probes, 2 failed: genre on mini, a, seed 0 (needs 50 clips, has 30), and 1 more in manifest.json." in text
        assert "Of 3 probes, 1 did not converge: genre on mini, b, seed 1." in text
    for text in told_by({"b, seed 0": report}):  # what was not chosen need not have converged
        assert "fits of probes" not in text
        assert "converge: " not in text
