"""Tables of corrupted audio: the right number in the right cell of every kind of file; what is skipped and failed is said; or nothing."""

from __future__ import annotations

import csv
import dataclasses
import math
import re

import pytest
from synthetic import ENCODERS, FAILED, SKIPPED, Balance, a_manifest, a_merged, a_sweep, a_value

from mirbench.reporting import html, report, table_text
from mirbench.reporting.board import build_board
from mirbench.reporting.corrupted import Damage, build_corrupted
from mirbench.reporting.tables import scores as tables
from mirbench.reporting.tables.comparisons import holm_verdict
from mirbench.reporting.tables.layout import Table, escape_latex, latex
from mirbench.reporting.tables.robustness import FILES, robustness_files, robustness_text
from mirbench.results.merging import Merged
from mirbench.results.rows import Robustness, RobustnessComparison, Summary
from mirbench.results.run_folder import RunFolder

FAILURE = (
    "low-pass failed on clip clip-0 at severity 5 (returned NaN); clip clip-1 at severity 5 (returned NaN); "
    "clip clip-2 at severity 5 (returned NaN), and 2 more in manifest.json."
)


def corrupted_of(**about):
    return build_corrupted(build_board(a_merged(**about)))


def section(markdown, title):
    """The rows of one table of a file by their first cell."""
    part = markdown.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in part.split("\n") if line.startswith("|")]
    return {line[0].strip(): [x.strip() for x in line[1:]] for line in lines}


def test_robustness_scores_by_task_and_their_mean_with_the_best_encoder_in_bold():
    text = robustness_files(corrupted_of())["robustness.md"]
    table = section(text, "mCE (untrained = 1, lower is better)")
    assert table["encoder"][:2] == ["tagging on mini<br>macro_average_precision", "key on mini<br>mirex"]
    assert table["encoder"][-1] == "mean<br>over tasks"
    assert list(table)[2:] == ["semisupcon", "simclr", "supcon", "*floors:*", "untrained", "handcrafted"]
    assert table["semisupcon"][0] == "**0.600 [0.50, 0.72]**"
    assert table["simclr"][-1] == "0.690 [0.59, 0.81]"
    assert table["untrained"][0] == "1.000 [1.00, 1.00]"
    assert section(text, "Relative mCE (untrained = 1, lower is better)")["supcon"][1] == "0.910 [0.81, 1.03]"
    assert section(text, "Retained performance (higher is better)")["semisupcon"][0] == "**0.400 [0.35, 0.45]**"


def test_the_notes_define_every_measure_name_the_baseline_and_cite_where_it_is_from():
    text = robustness_files(corrupted_of())["robustness.md"]
    for said in (
        "divided by that of untrained", "Hendrycks and Dietterich", "ICLR 2019", "corrupted minus chance over clean minus chance",
        "corrupted in 5 ways at severities 1, 3, 5", "Probes were trained on clean audio.",
        "Not counted in means over corruptions: polarity.",
    ):  # fmt: skip
        assert said in text


def test_probes_trained_on_corrupted_audio_are_named_everywhere():
    corrupted = corrupted_of(train_on="corrupted")
    said = "Probes were trained on audio under the same condition"
    files = robustness_files(corrupted)
    assert all(said in files[name] for name in ("robustness.md", "retained.md", "corrupted.md", "equivariance.md"))
    assert said in robustness_text(corrupted)
    assert said in html.page(corrupted.board, [], corrupted)


def test_retained_performance_has_a_table_per_task_with_corruptions_as_rows():
    text = robustness_files(corrupted_of())["retained.md"]
    table = section(text, "key on mini, mirex")
    assert table["corruption"] == ["semisupcon", "simclr", "supcon", "untrained", "handcrafted"]
    assert list(table)[2:] == [
        "white-noise", "low-pass", "compressor", "*not counted:*", "polarity", "*mean of those that count:*", "all",
    ]  # fmt: skip
    assert table["low-pass"][1] == "0.780 [0.73, 0.83]"
    assert "pitch-shift" in section(text, "genre on mini, accuracy")
    assert "## mean over tasks" not in text


def test_corrupted_scores_stand_under_their_level_beside_those_of_clean_audio():
    text = robustness_files(corrupted_of())["corrupted.md"]
    table = section(text, "key on mini, mirex: compressor")
    assert table["encoder"] == ["clean", "2:1 ratio<br>severity 1", "8:1 ratio<br>severity 3", "32:1 ratio<br>severity 5"]
    values = [a_value("simclr", "key", ENCODERS, 2, s) for s in (0, 1, 3, 5)]
    assert table["simclr"] == [f"{v:.3f} [{v - 0.04:.2f}, {v + 0.03:.2f}]" for v in values]
    assert "majority" not in table
    assert "## key on mini, mirex: pitch-shift" not in text
    assert "## key on mini, mirex: polarity (not counted)" in text


def test_equivariance_is_a_table_of_its_own_and_never_mixed_in():
    files = robustness_files(corrupted_of())
    table = section(files["equivariance.md"], "pitch on mini, accuracy: pitch-shift")
    assert table["encoder"][:2] == ["clean<br>48 clips", "1 semitones<br>severity 1<br>48 clips"]
    assert table["semisupcon"][0].startswith("0.900")
    assert table["semisupcon"][3].startswith(f"{a_value('semisupcon', 'pitch', ENCODERS, 3, 5):.3f}")
    assert "labels" in files["equivariance.md"]
    assert "genre on mini" not in files["equivariance.md"]


def test_equivariance_says_how_many_clips_are_left_at_each_severity():
    """A label that is moved off the scale takes its clip with it, so the columns are not of the same clips."""
    corrupted = corrupted_of()
    shifted = {key: dataclasses.replace(row, n_test=48 - key[5]) for key, row in corrupted.shifted.items()}
    text = robustness_files(dataclasses.replace(corrupted, shifted=shifted))["equivariance.md"]
    heads = section(text, "pitch on mini, accuracy: pitch-shift")["encoder"]
    assert [head.split("<br>")[-1] for head in heads] == ["48 clips", "47 clips", "45 clips", "43 clips"]
    assert "Clips whose shifted label is no class are left out" in text


def without(corrupted, name, task, only=None):
    """Its retained performance of a task not defined: under every corruption and in their mean, or under `only` alone."""

    def change(row):
        aside = (row.measure, row.encoder, row.task) == ("retained", name, task) and only in (None, row.corruption)
        return dataclasses.replace(row, value=math.nan, ci_low=math.nan, ci_high=math.nan) if aside else row

    return dataclasses.replace(corrupted, measures={key: change(row) for key, row in corrupted.measures.items()})


def test_what_is_not_surely_above_chance_has_no_retained_performance_and_the_reason_stands_below():
    corrupted = without(without(without(corrupted_of(), "semisupcon", "key"), "untrained", "key"), "semisupcon", "all")
    said = "Without retained performance, since not surely above chance on clean audio: key on mini: semisupcon, untrained."
    files = robustness_files(corrupted)
    table = section(files["robustness.md"], "Retained performance (higher is better)")
    assert (table["semisupcon"][1], table["semisupcon"][-1]) == ("–", "–")
    assert table["simclr"][1].startswith("**")  # the best of the others
    assert section(files["retained.md"], "key on mini, mirex")["low-pass"][0] == "–"
    for text in (files["robustness.md"], files["retained.md"], html.page(corrupted.board, [], corrupted)):
        assert said in text
    assert all(said in files[name] for name in ("robustness.tex", "retained.tex"))
    assert said in " ".join(robustness_text(corrupted).split())
    assert "above chance on clean" not in "".join(robustness_files(corrupted_of()).values())


def test_an_encoder_that_lacks_a_corruption_has_no_mean_and_the_reason_stands_below():
    corrupted = without(corrupted_of(), "simclr", "genre", only="all")
    text = robustness_files(corrupted)["robustness.md"]
    assert section(text, "Retained performance (higher is better)")["simclr"][3] == "–"
    assert "Without a mean over corruptions, since not scored under all that others were: genre on mini: simclr." in text
    assert "above chance on clean" not in text


def test_a_comparison_without_a_difference_is_told_and_not_a_number():
    corrupted = corrupted_of()
    nan = dict.fromkeys(("difference", "ci_low", "ci_high", "p", "p_holm"), math.nan)
    rows = [dataclasses.replace(c, **nan) if (c.task, c.measure) == ("key", "retained") else c for c in corrupted.comparisons]
    text = robustness_files(dataclasses.replace(corrupted, comparisons=tuple(rows)))["robustness-comparisons.md"]
    assert "| retained performance | key on mini | all | semisupcon | untrained | – | – | no test |" in text
    assert "nan" not in text
    assert "- –: not defined." in text


def test_the_notes_of_comparisons_say_what_seeds_and_the_correction_are_of():
    text = robustness_files(corrupted_of())["robustness-comparisons.md"]
    for notes in (text, tables.comparisons_markdown(corrupted_of().board)):
        assert "the spread between seeds is in none of them" in notes
        assert "The number of seeds is the encoder's" in notes
    assert "The means over corruptions are among them" in text


@pytest.mark.parametrize(
    ("p", "difference", "word"),
    [(0.04, 0.1, "better"), (0.04, -0.1, "worse"), (0.05, 0.1, "undecided"), (math.nan, 0.1, "no test"), (0.01, 0.0, "undecided")],
)
def test_the_corrected_p_says_whether_a_difference_is_real(p, difference, word):
    c = RobustnessComparison("a", "b", "key", "mini", "mirex", "noise", "score", difference, 0.01, 0.2, p / 4, p)
    assert holm_verdict(c) == word


def test_comparisons_over_all_corruptions_come_first_then_the_decided_ones_and_the_rest_is_counted():
    corrupted = corrupted_of()
    text = robustness_files(corrupted)["robustness-comparisons.md"]
    rows = [[x.strip() for x in line.split("|")[1:-1]] for line in text.split("\n") if line.startswith("| ")][2:]
    assert [row[2] for row in rows[:8]] == ["all"] * 8
    assert {row[2] for row in rows[8:]} == {"white-noise", "low-pass", "polarity"}
    assert rows[0] == [
        "score (macro_average_precision)", "tagging on mini", "all", "semisupcon", "untrained", "+0.030 [+0.010, +0.050]",
        "&lt; 0.001", "better", "48", "3",
    ]  # fmt: skip
    assert len(rows) + int(re.search(r"(\d+) more lines are in robustness_comparisons.csv", text)[1]) == len(corrupted.comparisons)
    assert f"{len(corrupted.comparisons) // 2} of the measure score" in text


def test_csv_tables_hold_the_numbers_of_the_markdown():
    files = robustness_files(corrupted_of())
    rows = list(csv.DictReader(files["robustness.csv"].splitlines()))
    (row,) = [r for r in rows if (r["measure"], r["encoder"]) == ("mce", "simclr")]
    assert [row[f"key on mini mirex{end}"] for end in ("", " low", " high")] == ["0.66", "0.56", "0.78"]
    rows = list(csv.DictReader(files["retained.csv"].splitlines()))
    (row,) = [r for r in rows if (r["task"], r["corruption"]) == ("key on mini, mirex", "low-pass")]
    assert row["simclr"] == "0.78"
    scores = list(csv.DictReader(tables.scores_csv(build_board(a_merged())).splitlines()))
    assert scores[0]["encoder"] == "semisupcon"
    assert float(scores[0]["key on mini mirex low"]) == pytest.approx(0.86)


def unescaped(text, what):
    return len(re.findall(rf"(?<!\\){re.escape(what)}", text))


def check_latex(text):
    """Braces are balanced, environments nest, and every row of a table has as many cells as its columns."""
    assert unescaped(text, "{") == unescaped(text, "}")
    open_ones = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_ones.append(name)
        else:
            assert open_ones.pop() == name
    assert not open_ones
    for columns, body in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        for line in body.split("\n"):
            if line.endswith("\\\\"):
                spanned = re.match(r"\s*\\multicolumn\{(\d+)\}", line)
                assert (int(spanned[1]) if spanned else unescaped(line, "&") + 1) == len(columns)
                assert not line.strip().startswith("["), "an option of the line before"
            else:
                assert line.strip() in ("", "\\toprule", "\\midrule", "\\bottomrule")


def test_latex_tables_are_whole_with_caption_and_label_and_intervals_below():
    corrupted = corrupted_of()
    files = robustness_files(corrupted)
    for text in (files["robustness.tex"], files["retained.tex"], tables.scores_latex(corrupted.board)):
        check_latex(text)
        assert text.count("\\caption{") == text.count("\\label{tab:") == text.count("\\begin{table}")
        assert len(set(re.findall(r"\\label\{(.*?)\}", text))) == text.count("\\label{")
    lines = files["robustness.tex"].split("\n")
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("semisupcon"))
    assert lines[at].startswith("    semisupcon & \\textbf{0.600} & ")
    assert lines[at + 1].startswith("     & {\\scriptsize [0.50, 0.72]} & ")
    assert "macro\\_average\\_precision" in files["robustness.tex"]
    assert "relative to untrained" in files["robustness.tex"]


def test_names_cannot_break_a_latex_table():
    name = "[a_b & 50% {x} #$^~\\ <|> –"
    cells = {(name, 0): Summary(name, "t", "d", "m", 0.5, math.nan, math.nan)}
    text = latex(Table("encoder", ((name,),), (("", (name, "other")),), cells), name, "tab:x")
    check_latex(text)
    assert escape_latex(name) == (
        "{[}a\\_b \\& 50\\% \\{x\\} \\#\\$\\textasciicircum{}\\textasciitilde{}\\textbackslash{} \\textless{}\\textbar{}\\textgreater{} --"
    )
    assert "& 0.500 \\\\" in text
    assert "other & -- \\\\" in text


def test_the_terminal_has_a_line_per_encoder_and_says_what_was_skipped_and_failed():
    text = robustness_text(corrupted_of())
    lines = text.split("\n")
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["under", "corruption", "mCE", "relative", "mCE", "retained", "performance"]
    assert lines[2] == "semisupcon        0.640 [0.54, 0.76]    0.840 [0.74, 0.96]    0.400 [0.35, 0.45]"
    assert lines[5] == "floors:"
    joined = " ".join(text.split())
    assert "key on mini: pitch-shift is skipped: it alters the pitch, which the labels name." in joined
    assert FAILURE in joined


def test_a_single_task_is_its_own_mean():
    corrupted = corrupted_of(tasks={"key": "mirex"}, skipped=[])
    alone = {key: row for key, row in corrupted.measures.items() if key[2] != "all"}
    corrupted = dataclasses.replace(corrupted, measures=alone)
    assert "0.600 [0.50, 0.72]" in robustness_text(corrupted)
    assert "over tasks" not in robustness_files(corrupted)["robustness.md"]


def test_the_terminal_says_where_runs_have_no_mean_over_tasks():
    corrupted = corrupted_of()
    text = robustness_text(dataclasses.replace(corrupted, measures={k: r for k, r in corrupted.measures.items() if k[2] != "all"}))
    assert text.startswith("No robustness score over all tasks")


def test_the_page_has_a_section_with_tables_and_reasons_and_stays_whole():
    corrupted = corrupted_of()
    page = html.page(corrupted.board, [], corrupted)
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    section = page.split("<h2>Under corruption</h2>")[1].split("<h2>")[0]
    for said in ("0.600<br><small>[0.50, 0.72]</small>", FAILURE, "pitch-shift is skipped", "Equivariance", "p (Holm)", "Bold:"):
        assert said in section
    assert "Under corruption" not in html.page(corrupted.board, [])


def test_names_cannot_break_the_tables_or_the_page():
    skipped = [{"task": "key", "dataset": "mini", "corruption": "low-pass", "reason": "<script>x|y</script>"}]
    corrupted = corrupted_of(encoders=("a|b<i>", "c"), skipped=skipped)
    for text in robustness_files(corrupted).values():
        if text.startswith("#"):
            for part in text.split("\n## "):
                assert len({len(re.split(r"(?<!\\)\|", line)) for line in part.split("\n") if line.startswith("|")}) <= 1
            assert "<i>" not in text
            assert "<script" not in text
    assert "<script" not in html.page(corrupted.board, [], corrupted)


def test_levels_are_named_with_their_unit():
    assert Damage("n", "dB SNR", (40, 30)).level(2) == "30 dB SNR"
    assert (Damage("c", ":1", (2,)).level(1), Damage("c", ":1", (2,)).axis_label) == ("2:1 ratio", "ratio")
    assert (Damage("chain", "level", (1, 2)).level(2), Damage("x").level(4)) == ("level 2", "severity 4")


def test_runs_with_baselines_or_levels_of_their_own_say_so():
    other = a_manifest(corruptions={"white-noise": {"unit": "dB", "levels": [1, 2]}}, skipped=SKIPPED)
    merged = a_merged()
    merged.manifests["second"] = other
    more = Robustness("supcon", "genre", "mini", "accuracy", "ce", "low-pass", 0, 0.5, 0.4, 0.6, "untrained (b)")
    corrupted = build_corrupted(build_board(dataclasses.replace(merged, robustness=[*merged.robustness, more])))
    text = robustness_files(corrupted)["robustness.md"]
    assert "The runs differ in the levels of white-noise; those of the first are named." in text
    assert "(untrained or untrained (b) = 1, lower is better)" in text
    assert "baselines of their own" in text
    assert text.count("pitch-shift is skipped") == 2  # each said once


def a_run(path, swept=True, **about) -> RunFolder:
    run, rows = RunFolder.create(path), a_sweep(tasks={"key": "mirex"}, skipped=SKIPPED[:1], **about)
    manifest = a_manifest(tasks={"key": "mirex"}, skipped=SKIPPED[:1])
    clean = [s for s in rows["summaries"] if s.severity == 0]
    run.write_scores([])
    run.write_comparisons([])
    run.write_summaries(rows["summaries"] if swept else clean)
    run.write_robustness(rows["robustness"] if swept else [])
    run.write_robustness_comparisons(rows["robustness_comparisons"] if swept else [])
    run.write_equivariance(rows["equivariance"] if swept else [])
    run.write_manifest(manifest if swept else {k: v for k, v in manifest.items() if k not in ("corruptions", "robustness")})
    return run


def test_a_report_writes_all_and_takes_it_away_where_there_was_no_sweep(tmp_path):
    run = a_run(tmp_path / "run")
    made = report([run.path])
    figures = {f"{name}.{kind}" for name in ("robustness", "retained", "robustness-key-mini") for kind in ("png", "svg")}
    assert {p.name for p in made.files} >= {*FILES, "scores.tex", "scores.csv", *figures}
    assert all(p.stat().st_size > 0 for p in made.files)
    assert "under corruption" in made.table_text
    assert made.table_text == table_text(run.path)
    a_run(tmp_path / "run", swept=False)
    made = report([run.path])
    left = {p.name for folder in ("tables", "figures") for p in (run.path / folder).iterdir()}
    assert left == {
        "scores.md", "scores.csv", "scores.tex", "comparisons.md",
        "comparison.png", "comparison.svg", "all_metrics.png", "all_metrics.svg",
    }  # fmt: skip
    assert "orruption" not in made.table_text
    assert "Under corruption" not in (run.path / "report.html").read_text()


def at_each_severity(run, severities):
    """With lines of retained performance at each severity, as a run has them."""
    rows = run.read_robustness()
    single = [row for row in rows if row.measure == "retained" and row.corruption not in ("all", "polarity")]
    run.write_robustness([*rows, *(dataclasses.replace(row, severity=s) for row in single for s in severities)])
    return run.path


def test_runs_of_other_severities_are_reported_without_means_over_them(tmp_path):
    one = at_each_severity(a_run(tmp_path / "one", severities=(1, 3)), (1, 3))
    two = at_each_severity(a_run(tmp_path / "two", severities=(1, 3, 5)), (1, 3, 5))
    made = report([one, two], tmp_path / "both")
    names = {p.name for p in made.files}
    assert "robustness-key-mini.svg" in names
    assert not names & {"robustness.svg", "robustness.md"}
    retained = (tmp_path / "both" / "tables" / "retained.md").read_text()
    assert list(section(retained, "key on mini, mirex"))[2:] == ["*not counted:*", "polarity"]  # which has no other severities
    text = (tmp_path / "both" / "tables" / "corrupted.md").read_text()
    assert "The runs differ in the severities of white-noise, low-pass, compressor: means over them are left out" in text
    assert "No robustness score over all tasks" in made.table_text


def test_a_sweep_in_which_all_was_skipped_says_why_and_draws_nothing():
    clean = [s for s in a_sweep()["summaries"] if s.severity == 0]
    corrupted = build_corrupted(build_board(Merged([], clean, [], {"run": a_manifest(failed=FAILED)})))
    assert robustness_files(corrupted) == {}
    assert "pitch-shift is skipped" in robustness_text(corrupted)
    assert "pitch-shift is skipped" in html.page(corrupted.board, [], corrupted)
    assert build_corrupted(build_board(Merged([], clean, [], {"run": {}}))) is None
