"""Tables of corrupted audio: the right number in the right cell of every kind of file; what is skipped and failed is said; or nothing."""

from __future__ import annotations

import csv
import dataclasses
import math
import re

import pandas as pd
import pytest
from synthetic import ENCODERS, FAILED, FAMILIES, SEEN, SKIPPED, TASKS, a_manifest, a_results, a_row, a_sweep, a_value, results_of, shown
from test_table import NAMES, check_latex, check_markdown, files_of, rows_of

from mirbench.reporting import html, terminal
from mirbench.reporting.sections import sections
from mirbench.reporting.tables import robustness
from mirbench.results.order import complete
from mirbench.results.schema import TABLES

FAILURE = (
    "low-pass failed on clip clip-0 at severity 5 (returned NaN); clip clip-1 at severity 5 (returned NaN); "
    "clip clip-2 at severity 5 (returned NaN), and 2 more in manifest.json."
)
NOT_NUMBERED = {"value": math.nan, "ci_low": math.nan, "ci_high": math.nan}


def changed(results, table, where, **values):
    """Those rows of a table with other values. where: column -> value, or a function of the frame."""
    frame = getattr(results, table).copy()
    chosen = where(frame) if callable(where) else (frame[list(where)].astype("str") == list(map(str, where.values()))).all(axis=1)
    assert chosen.any()
    frame.loc[chosen, list(values)] = list(values.values())
    return dataclasses.replace(results, **{table: frame})


def without(results, encoder, task, **only):
    """Its retained performance of a task not defined: under every corruption and in their mean, or where `only` says so."""
    return changed(results, "robustness", {"measure": "retained", "encoder": encoder, "task": task, **only}, **NOT_NUMBERED)


def page_of(results):
    return shown(html.page(results, sections(results)))


def decided(results, task="tagging", **about):
    """With lines that call semisupcon better than simclr, in retained performance and in the score, of one task over all corruptions."""
    metric = {"task": task, "metric": TASKS[task]}
    about = {"baseline": "simclr", "corruption": "all", **metric, **about}
    rows = [a_row("robustness_comparisons", **{"measure": measure, **about}) for measure in ("retained", "score")]
    frame = results.robustness_comparisons
    more = TABLES["robustness_comparisons"].frame(rows[: 1 if "measure" in about else 2])
    return dataclasses.replace(results, robustness_comparisons=complete(pd.concat([frame, more]), results.manifests.values()))


def bold_in(results):
    """(measure, encoder, head) of every cell in bold."""
    tables = robustness.by_measure(results.robustness, results.robustness_comparisons)
    return [
        (measure, table.cells.iloc[i, 0], table.cells.columns[j][0])
        for measure, table in tables.items() if table.best is not None
        for i, j in zip(*table.best.nonzero(), strict=True)
    ]  # fmt: skip


def test_robustness_scores_by_task_and_their_mean_with_the_best_encoder_in_bold_where_it_is_called_better():
    text = files_of(decided(a_results()))["robustness.md"]
    table = rows_of(text, "mCE (untrained = 1, lower is better)")
    assert table["encoder"][:2] == ["tagging on mini<br>macro_average_precision", "key on mini<br>mirex"]
    assert table["encoder"][-1] == "mean<br>over tasks"
    assert list(table)[2:] == ["semisupcon", "simclr", "supcon", "*floors:*", "untrained", "handcrafted"]
    assert table["semisupcon"][0] == "0.600 [0.50, 0.72]"  # ratios to the baseline are not tested
    assert table["simclr"][-1] == "0.690 [0.59, 0.81]"
    assert table["untrained"][0] == "1.000 [1.00, 1.00]"
    assert rows_of(text, "Relative mCE (untrained = 1, lower is better)")["supcon"][1] == "0.910 [0.81, 1.03]"
    retained = rows_of(text, "Retained performance (higher is better)")["semisupcon"]
    assert retained[0] == "**0.400 [0.35, 0.45]**"
    assert retained[1] == "0.400 [0.35, 0.45]"  # of key they were not compared
    assert text.count("**") == 2
    assert text.endswith("- Bold: the best of the encoders, where the comparisons call it better than the next.\n")
    assert "Bold" not in files_of(a_results())["robustness.md"]


def with_families(**about):
    return a_results(families=FAMILIES, seen_families=SEEN, **about)


def test_means_are_over_families_unseen_ones_first_and_errors_on_clean_audio_stand_before_mce():
    files = files_of(with_families())
    titles = [line[3:] for line in files["robustness.md"].split("\n") if line.startswith("## ")]
    relative, families = "(untrained = 1, lower is better)", ("unseen families: filtering, time", "seen families: noise, level")
    parts = [*families, "all families"]
    assert titles == [
        *(f"Retained performance, {part} (higher is better)" for part in parts),
        f"Error on clean audio {relative}",
        *(f"{measure}, {part} {relative}" for measure in ("mCE", "Relative mCE") for part in parts),
        "Retained performance: the mean, and the worst",
    ]
    for title, value in zip(titles, ("0.300", "0.500", "0.400", "0.600", "0.500", "0.700", "0.600"), strict=False):
        assert rows_of(files["robustness.md"], title)["semisupcon"][0].startswith(value)
    measures = dict.fromkeys(row["measure"] for row in csv.DictReader(files["robustness.csv"].splitlines()))
    assert list(measures)[:5] == ["retained_unseen", "retained_seen", "retained", "clean_ce", "mce_unseen"]
    captions = re.findall(r"\\caption\{(.*?)\}\n", files["robustness.tex"])
    assert [sum(text in caption for caption in captions) for text in ("unseen families", " seen families", "Error on clean")] == [3, 3, 1]
    assert "tab:retained-unseen" in files["robustness.tex"]


def test_where_an_encoder_of_before_has_no_mean_over_families_all_are_shown_by_names():
    new, old = with_families(), a_results(encoders=("clap",))
    rows = pd.concat([new.robustness, old.robustness[old.robustness["encoder"] == "clap"]])
    titles = [table.title for table in robustness.by_measure(rows.drop(columns=["role", "baseline_role"], errors="ignore")).values()]
    assert "Retained performance (higher is better)" in titles
    cells = robustness.by_measure(complete(rows.astype({"encoder": str, "corruption": str}).reset_index(drop=True)))["retained"].cells
    assert "clap" in list(cells.iloc[:, 0])


def test_the_worst_of_families_corruptions_and_severities_stands_beside_the_mean():
    lines = rows_of(files_of(with_families())["robustness.md"], "Retained performance: the mean, and the worst")
    assert lines["encoder"] == ["all families", "worst family", "worst corruption", "worst severity"]
    assert lines["semisupcon"] == ["0.400 [0.35, 0.45]", "0.400 (noise)", "0.600 (pitch-shift)", "0.150 (5)"]  # of the last task


def test_the_notes_say_which_families_are_seen_by_whom_and_what_relative_mce_leaves_out():
    results = with_families()
    names, values = ("white-noise", "low-pass", "compressor"), (0.8, math.nan, 0.7)
    lines = [
        a_row("robustness", measure="relative_ce", corruption=name, value=value, encoder=encoder, baseline="untrained")
        for encoder in ("semisupcon", "untrained") for name, value in zip(names, values, strict=True)
    ]  # fmt: skip
    more = complete(TABLES["robustness"].frame(lines), results.manifests.values())
    text = files_of(dataclasses.replace(results, robustness=complete(pd.concat([results.robustness, more]))))["robustness.md"]
    for note in (
        "over families, each counting once: noise (white-noise); filtering (low-pass); level (compressor); time (pitch-shift).",
        "- Seen in training by semisupcon: noise, level.", "- Seen in training by simclr: noise.",
        "- Unseen families are those that no encoder of the run was trained under", "found by looking at all, so without an interval",
        "- Relative mCE leaves out: genre on mini 1 of 3 (low-pass).",
    ):  # fmt: skip
        assert note in text
    every = {"semisupcon": list(FAMILIES)}
    assert "- No family is unseen by all encoders." in files_of(a_results(families=FAMILIES, seen_families=every))["robustness.md"]


def test_the_table_of_corruptions_goes_by_family_unseen_ones_first():
    cells = rows_of(files_of(with_families())["retained.md"], "genre on mini, accuracy")
    assert list(cells)[2:] == [
        "clean score", "*filtering (unseen):*", "low-pass", "family filtering", "*time (unseen):*", "pitch-shift", "family time",
        "*noise (seen):*", "white-noise", "family noise", "*level (seen):*", "compressor", "family level",
        "*not counted:*", "polarity", "*mean over families:*", "unseen families", "seen families", "all families",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("about", "bold"),
    [
        ({}, True),
        ({"p_holm": 0.05}, False),
        ({"p_holm": 0.0499, "one_training": 1}, True),
        ({"one_training": 1, "baseline_one_training": 1}, False),
        ({"difference": -0.1}, False),
        ({"difference": math.nan}, False),
        ({"encoder": "simclr", "baseline": "semisupcon", "difference": -0.1}, True),
        ({"corruption": "low-pass"}, False),  # of one corruption
        ({"measure": "score"}, False),
        ({"baseline": "supcon"}, False),
    ],
)
def test_only_the_mean_over_corruptions_of_retained_performance_is_bold_and_only_where_it_is_decided(about, bold):
    assert bold_in(decided(a_results(), **about)) == ([("retained", "semisupcon", "tagging on mini")] if bold else [])
    assert robustness.by_measure(decided(a_results()).robustness)["retained"].best is None  # without comparisons


def test_the_notes_define_every_measure_name_the_baseline_and_cite_where_it_is_from():
    text = files_of(a_results())["robustness.md"]
    for note in (
        "divided by that of untrained", "Hendrycks and Dietterich", "ICLR 2019", "corrupted minus chance over clean minus chance",
        "corrupted in 5 ways at severities 1, 3, 5", "Probes were trained on clean audio.",
        "Not counted in means over corruptions: polarity.", "The mean over tasks weighs all tasks alike",
    ):  # fmt: skip
        assert note in text


def test_probes_trained_on_corrupted_audio_are_named_everywhere():
    results = a_results(train_on="corrupted")
    told, files = "Probes were trained on audio under the same condition", files_of(results)
    assert all(told in files[f"{stem}.md"] for stem in ("robustness", "retained", "corrupted", "equivariance"))
    assert told in terminal.text(results, 100)
    assert told in page_of(results)


def test_retained_performance_has_a_table_per_task_with_corruptions_as_rows():
    text = files_of(a_results())["retained.md"]
    table = rows_of(text, "key on mini, mirex")
    assert table["corruption"] == ["semisupcon", "simclr", "supcon", "untrained", "handcrafted"]
    assert list(table)[2:] == [
        "clean score", "white-noise", "low-pass", "compressor", "*not counted:*", "polarity", "*mean of those that count:*", "all",
    ]  # fmt: skip
    values = [a_value(name, "key", ENCODERS, 0, 0) for name in table["corruption"]]
    assert [cell.split()[0] for cell in table["clean score"]] == [f"{value:.3f}" for value in values]
    assert table["low-pass"][1] == "0.780 [0.73, 0.83]"
    assert "pitch-shift" in rows_of(text, "genre on mini, accuracy")
    assert "## mean over tasks" not in text


def test_corrupted_scores_stand_under_their_level_beside_those_of_clean_audio():
    text = files_of(a_results())["corrupted.md"]
    table = rows_of(text, "key on mini, mirex: compressor")
    assert table["encoder"] == ["clean", "2:1 ratio<br>severity 1", "8:1 ratio<br>severity 3", "32:1 ratio<br>severity 5"]
    values = [a_value("simclr", "key", ENCODERS, 2, severity) for severity in (0, 1, 3, 5)]
    assert table["simclr"] == [f"{v:.3f} [{v - 0.04:.2f}, {v + 0.03:.2f}]" for v in values]
    assert "majority" not in table
    assert "## key on mini, mirex: pitch-shift" not in text
    assert "## key on mini, mirex: polarity (not counted)" in text


def test_equivariance_is_a_table_of_its_own_and_never_mixed_in():
    text = files_of(a_results())["equivariance.md"]
    table = rows_of(text, "pitch on mini, accuracy: pitch-shift")
    assert table["encoder"][:2] == ["clean<br>48 clips", "1 semitones<br>severity 1<br>48 clips"]
    assert table["semisupcon"][0].startswith("0.900")
    assert table["semisupcon"][3].startswith(f"{a_value('semisupcon', 'pitch', ENCODERS, 3, 5):.3f}")
    assert "These scores count in no robustness score." in text
    assert "genre on mini" not in text


def test_equivariance_says_how_many_clips_are_left_at_each_severity():
    """A label that is moved off the scale takes its clip with it, so the columns are not of the same clips."""
    results = a_results()
    shifted = results.equivariance.assign(n_test=48 - results.equivariance["severity"])
    text = files_of(dataclasses.replace(results, equivariance=shifted))["equivariance.md"]
    heads = rows_of(text, "pitch on mini, accuracy: pitch-shift")["encoder"]
    assert [head.split("<br>")[-1] for head in heads] == ["48 clips", "47 clips", "45 clips", "43 clips"]
    assert "Clips whose shifted label is no class are left out" in text


def test_what_is_not_surely_above_chance_has_no_retained_performance_and_the_reason_stands_below():
    results = without(without(without(a_results(), "semisupcon", "key"), "untrained", "key"), "semisupcon", "all")
    results = decided(results, "key", encoder="simclr", baseline="supcon")
    told = "Without retained performance, since not surely above chance on clean audio: key on mini: semisupcon, untrained."
    files = files_of(results)
    table = rows_of(files["robustness.md"], "Retained performance (higher is better; mean over 3 to 4 of 4 tasks)")
    assert (table["semisupcon"][1], table["semisupcon"][-1]) == ("–", "–")
    assert table["simclr"][1].startswith("**")  # the best of the others
    assert rows_of(files["retained.md"], "key on mini, mirex")["low-pass"][0] == "–"
    assert "- –: not defined." in files["robustness.md"]
    for text in (*(files[f"{stem}.{kind}"] for stem in ("robustness", "retained") for kind in ("md", "tex")), page_of(results)):
        assert told in text
    assert told in " ".join(terminal.text(results, 100).split())
    assert "above chance on clean" not in "".join(files_of(a_results()).values())


def test_an_encoder_that_lacks_a_corruption_has_no_mean_and_the_reason_stands_below():
    text = files_of(without(a_results(), "simclr", "genre", corruption="all"))["robustness.md"]
    assert rows_of(text, "Retained performance (higher is better; mean over 3 to 4 of 4 tasks)")["simclr"][3] == "–"
    assert "Without a mean over corruptions, since not scored under all that others were: genre on mini: simclr." in text
    assert "above chance on clean" not in text


def test_a_comparison_without_a_difference_is_told_and_not_a_number():
    lost = dict.fromkeys(("difference", "ci_low", "ci_high", "p", "p_holm"), math.nan)
    results = changed(a_results(), "robustness_comparisons", {"task": "key", "measure": "retained"}, **lost)
    text = files_of(results)["robustness-comparisons.md"]
    lines = [" | ".join(cell.strip() for cell in line.split("|")) for line in text.split("\n")]
    assert " | retained performance | key on mini | all | semisupcon | untrained | – | – | no test | – | 48 | 3 | " in lines
    assert "nan" not in text
    assert "- –: not defined." in text


NO_INTERVAL = {"ci_low": math.nan, "ci_high": math.nan}


@pytest.mark.parametrize(
    ("about", "word"),
    [
        ({"p_holm": 0.04}, "better"),
        ({"p_holm": 0.04, "difference": -0.1}, "worse"),
        ({"p_holm": 0.05}, "undecided"),
        ({"p_holm": math.nan, "p": math.nan, **NO_INTERVAL}, "no test"),
        ({"p_holm": math.nan, "p": math.nan, **NO_INTERVAL, "difference": math.nan}, "no test"),
        ({"p_holm": 0.01, "difference": 0.0}, "undecided"),
        ({"p_holm": 0.01, "one_training": 1}, "better"),
        ({"p_holm": 0.01, "baseline_one_training": 1, "difference": -0.1}, "worse"),
        ({"p_holm": 0.01, "one_training": 1, "baseline_one_training": 1}, "one training each"),
    ],
)
def test_the_corrected_p_says_whether_a_difference_is_real_but_of_two_single_trainings_nothing_does(about, word):
    row = a_row("robustness_comparisons", baseline="simclr", corruption="all", measure="score", **{"p": 0.001, "detectable": 0.05, **about})
    table = robustness.comparisons(results_of({"run": {}}, robustness_comparisons=[row]).robustness_comparisons)
    assert [head[0] for head in table.cells.columns[6:]] == ["p (Holm)", "the encoder is", "detectable", "test clips", "seeds"]
    assert list(table.cells.iloc[0, 7:]) == [word, "0.050", "48", "3"]
    single = row | {"corruption": "low-pass"}  # shown where it is decided alone
    rows = robustness.comparisons(results_of({"run": {}}, robustness_comparisons=[row, single]).robustness_comparisons)
    assert len(rows.cells) == (2 if word in ("better", "worse") else 1)


def test_comparisons_over_all_corruptions_come_first_then_the_decided_ones_and_the_rest_is_counted():
    results = a_results()
    text, compared = files_of(results)["robustness-comparisons.md"], len(results.robustness_comparisons)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.split("\n") if line.startswith("| ")][1:]
    assert [row[2] for row in rows[:8]] == ["all"] * 8
    assert {row[2] for row in rows[8:]} == {"white-noise", "low-pass", "polarity"}
    assert rows[0] == [
        "score (macro_average_precision)", "tagging on mini", "all", "semisupcon", "untrained", "+0.030 [+0.010, +0.050]",
        "&lt; 0.001", "better", "–", "48", "3",
    ]  # fmt: skip
    assert len(rows) + int(re.search(r"(\d+) more lines are in robustness_comparisons.csv", text)[1]) == compared
    assert f"that were tested: {compared // 2} of score and {compared // 2} of retained performance." in text
    assert "The means over corruptions are among them" in text


def test_csv_tables_hold_the_numbers_of_the_markdown():
    files = files_of(a_results())
    (row,) = [r for r in csv.DictReader(files["robustness.csv"].splitlines()) if (r["measure"], r["encoder"]) == ("mce", "simclr")]
    assert [row[f"key on mini mirex{end}"] for end in ("", " low", " high")] == ["0.66", "0.56", "0.78"]
    assert row["mean over tasks"] == "0.69"
    rows = csv.DictReader(files["retained.csv"].splitlines())
    (row,) = [r for r in rows if (r["task"], r["corruption"]) == ("key on mini, mirex", "low-pass")]
    assert (row["simclr"], row["simclr high"]) == ("0.78", "0.83")
    assert not any("by seed" in name for name in row)
    scored = next(csv.DictReader(files["scores.csv"].splitlines()))
    assert (scored["encoder"], float(scored["key on mini mirex low"])) == ("semisupcon", pytest.approx(0.86))


def test_csv_tables_hold_each_seed_where_there_are_several():
    results = changed(a_results(), "robustness", {"encoder": "simclr", "task": "key"}, by_seed="0.5 0.7 0.8")
    files = files_of(results)
    rows = [row for row in csv.DictReader(files["robustness.csv"].splitlines()) if row["measure"] == "mce"]
    told = {row["encoder"]: (row["key on mini mirex by seed"], row["genre on mini accuracy by seed"]) for row in rows}
    assert (told["simclr"], told["supcon"]) == (("0.5 0.7 0.8", ""), ("", ""))
    rows = [row for row in csv.DictReader(files["retained.csv"].splitlines()) if row["task"] == "key on mini, mirex"]
    by_seed = {row["corruption"]: (row["simclr by seed"], row["supcon by seed"]) for row in rows}
    assert by_seed.pop("clean score") == ("", "")
    assert set(by_seed.values()) == {("0.5 0.7 0.8", "")}


def test_tables_of_which_only_some_have_single_seeds_have_the_same_columns_in_one_file():
    results = changed(a_results(), "robustness", {"encoder": "simclr", "task": "key", "measure": "retained"}, by_seed="0.5 0.7 0.8")
    for name in ("robustness.csv", "retained.csv"):
        lines = list(csv.reader(files_of(results)[name].splitlines()))
        assert len({len(line) for line in lines}) == 1
        assert sum("0.5 0.7 0.8" in line for line in lines) == (1 if name == "robustness.csv" else 5)
        for line in lines[1:]:
            for head, text in zip(lines[0], line, strict=True):
                assert text != "0.5 0.7 0.8" or head.endswith(" by seed")
    bare = files_of(a_results())
    assert not any("by seed" in bare[name] for name in ("robustness.csv", "retained.csv", "scores.csv"))


def test_a_single_task_is_its_own_mean():
    results = a_results(tasks={"key": "mirex"}, skipped=[])
    results = dataclasses.replace(results, robustness=results.robustness[results.robustness["task"] != "all"])
    text = terminal.text(results, 100)
    assert "0.600 [0.50, 0.72]" in text
    assert "Mean over 4 corruptions." in text
    assert "over tasks" not in files_of(results)["robustness.md"]


def test_names_cannot_break_the_tables_or_the_page():
    skipped = [{"task": "key", "dataset": "mini", "corruption": NAMES[0], "reason": "<script>x|y</script>"}]
    corruptions = {name: {"unit": name, "levels": [1, 2, 3, 4, 5]} for name in NAMES[:2]}
    results = a_results(encoders=NAMES, corruptions=corruptions, skipped=skipped, baseline=NAMES[0])
    files = files_of(results)
    assert len(files) == 16
    for name, text in files.items():
        if name.endswith(".md"):
            check_markdown(text)
        elif name.endswith(".tex"):
            check_latex(text)
    assert "<script" not in page_of(results)


@pytest.mark.parametrize(
    ("about", "head"),
    [
        ({"unit": "dB SNR", "levels": [40, 30, 20]}, "20 dB SNR<br>severity 3"),
        ({"unit": ":1 ratio", "levels": [2, 4, 8]}, "8:1 ratio<br>severity 3"),
        ({"unit": "level", "levels": [1, 2, 3]}, "level 3<br>severity 3"),
        ({"unit": "dB", "levels": [40]}, "severity 3"),
        ({}, "severity 3"),
        (None, "severity 3"),
    ],
)
def test_levels_are_named_with_their_unit_where_they_are_known(about, head):
    rows = [a_row("summary"), a_row("summary", corruption="noise", severity=3)]
    manifest = {"corruptions": {"noise": about}} if about is not None else {}
    text = files_of(results_of({"run": manifest}, summary=rows))["corrupted.md"]
    assert rows_of(text, "genre on mini, accuracy: noise")["encoder"] == ["clean", head]


def merged_with(second, **more):
    rows = a_sweep()
    return results_of({"run": a_manifest(), "second": second}, **{**rows, **{name: [*rows[name], *each] for name, each in more.items()}})


def test_runs_with_baselines_or_levels_of_their_own_say_so():
    other = a_manifest(corruptions={"white-noise": {"unit": "dB", "levels": [1, 2]}}, skipped=SKIPPED)
    row = a_row("robustness", encoder="supcon", measure="ce", corruption="low-pass", baseline="untrained (b)")
    text = files_of(merged_with(other, robustness=[row]))["robustness.md"]
    assert "The runs differ in the levels of white-noise; those of the first are named." in text
    assert "(untrained or untrained (b) = 1, lower is better)" in text
    assert "The runs have baselines of their own; compare with care." in text
    assert text.count("pitch-shift is skipped") == 2  # each said once


def test_a_corruption_that_two_runs_describe_in_other_words_has_no_other_levels():
    other = a_manifest(corruptions={"white-noise": {"unit": "dB", "levels": [40, 30, 20, 10, 0], "description": "hiss", "counted": True}})
    assert "differ in the levels" not in files_of(merged_with(other))["robustness.md"]


def test_of_several_baselines_the_first_is_what_a_cell_is_relative_to():
    about = {"encoder": "simclr", "task": "key", "metric": "mirex", "measure": "mce", "corruption": "all"}
    row = a_row("robustness", **about, value=0.111, baseline="supervised")
    text = files_of(merged_with(a_manifest(), robustness=[row]))["robustness.md"]
    table = rows_of(text, "mCE (untrained or supervised = 1, lower is better)")
    assert (table["semisupcon"][1], table["simclr"][1]) == ("0.610 [0.51, 0.73]", "0.660 [0.56, 0.78]")


def test_a_sweep_in_which_all_was_skipped_says_why_and_draws_nothing():
    clean = [row for row in a_sweep()["summary"] if row["severity"] == 0]
    results = results_of({"run": a_manifest(failed=FAILED)}, summary=clean)
    assert set(files_of(results)) == {"scores.md", "scores.csv", "scores.tex", "comparisons.md"}
    for text in (terminal.text(results, 100), page_of(results)):
        assert "pitch-shift is skipped: it alters the pitch, which the labels name." in " ".join(text.split())
        assert FAILURE in " ".join(text.split())
    untouched = results_of({"run": {}}, summary=clean)
    assert "orruption" not in terminal.text(untouched, 100)
    assert 'id="corruption"' not in page_of(untouched)
