"""A report as a whole: what is written and what is taken away, the page, and what it takes to print a table again."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time

import pandas as pd
import pytest
from older import RUNS, run_of_before
from synthetic import FAILED, SKIPPED, Balance, a_manifest, a_results, a_row, a_sweep, results_of, shown

from mirbench.errors import MirbenchError
from mirbench.reporting import KEPT, html, report, table_text, up_to_date
from mirbench.reporting.sections import sections
from mirbench.results.order import complete
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import TABLES

HOSTILE = "<script>alert('x')</script> & \"y\""
SCRIPTS = 4  # in a page: numbers, sounds, Vega, and what is ours
KEY = {"task": "key", "metric": "mirex"}


def a_run(path, swept=True, tables=(), **about) -> RunFolder:
    """A run folder of one task. tables: rows of tables instead of those of the sweep. about: arguments of a_sweep."""
    run, manifest = RunFolder.create(path), a_manifest(tasks={"key": "mirex"}, skipped=SKIPPED[:1])
    rows = a_sweep(tasks={"key": "mirex"}, skipped=SKIPPED[:1], **about)
    if not swept:
        manifest = {name: part for name, part in manifest.items() if name not in ("corruptions", "robustness")}
        rows = {"summary": [row for row in rows["summary"] if row["severity"] == 0]}
    rows |= dict(tables)
    for name, schema in TABLES.items():
        run.write(name, schema.frame(rows.get(name, [])))
    run.write_manifest(manifest)
    return run


def two_that_differ(path):
    """Paths of runs in which semisupcon has other numbers."""
    rows = [[a_row("summary", value=value, **KEY), a_row("summary", encoder="simclr", **KEY)] for value in (0.91, 0.61)]
    compared = [a_row("comparisons", baseline="simclr", **KEY)]
    runs = zip("ab", rows, strict=True)
    return [a_run(path / name, swept=False, tables={"summary": each, "comparisons": compared}).path for name, each in runs]


def page_of(results):
    """What a reader sees of the page, which is whole and loads nothing."""
    page, parser = html.page(results, sections(results)), Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.links == []
    assert page.count("<script") == SCRIPTS
    return shown(page)


def names_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_a_report_writes_all_and_takes_it_away_where_there_was_no_sweep(tmp_path):
    run = a_run(tmp_path / "run")
    made = report([run.path])
    assert names_in(run.path / "tables") == {
        "scores.md", "scores.csv", "scores.tex", "scores.txt", "scores-80.txt", "comparisons.md", "robustness.md", "robustness.csv",
        "robustness.tex",
        "retained.md", "retained.csv", "retained.tex", "corrupted.md", "corrupted.tex", "robustness-comparisons.md", "equivariance.md",
        "equivariance.tex",
    }  # fmt: skip
    figures = {f"{name}.{kind}" for name in ("robustness", "retained", "robustness-key-mini") for kind in ("png", "svg")}
    assert figures < names_in(run.path / "figures")
    assert set(made.files) == {*(run.path / "tables").iterdir(), *(run.path / "figures").iterdir(), run.path / "report.html"}
    assert made.files[-1] == run.path / "report.html"
    assert all(path.stat().st_size > 0 for path in made.files)
    assert "under corruption" in made.text
    assert made.text == table_text(run.path) == (run.path / KEPT[100]).read_text()
    a_run(tmp_path / "run", swept=False)
    made = report([run.path])
    assert names_in(run.path / "tables") == {"scores.md", "scores.csv", "scores.tex", "scores.txt", "scores-80.txt", "comparisons.md"}
    kinds = ("png", "svg", "pdf", "csv", "txt")
    assert names_in(run.path / "figures") == {f"{name}.{kind}" for name in ("comparison", "all_metrics") for kind in kinds}
    assert "orruption" not in made.text
    assert 'id="corruption"' not in (run.path / "report.html").read_text()


def test_several_runs_need_an_output(tmp_path):
    told = "a report of 2 runs belongs to none of their folders; say where to write it with --output FOLDER"
    with pytest.raises(MirbenchError, match=told):
        report([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(MirbenchError, match="at least one run folder"):
        report([])


def test_a_run_without_scores_of_clean_audio_is_refused(tmp_path):
    noisy = {"summary": [a_row("summary", corruption="white-noise", severity=5, **KEY)]}
    run = a_run(tmp_path / "run", swept=False, tables=noisy)
    for made in (lambda: report([run.path]), lambda: table_text(run.path)):
        with pytest.raises(MirbenchError, match=r"^run has no scores of clean audio in summary\.csv; run it again\.$"):
            made()
    assert not (run.path / "tables").exists()


def test_a_report_of_two_runs_shows_both_numbers_and_leaves_the_runs_alone(tmp_path):
    runs = two_that_differ(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    made = report(runs, tmp_path / "both")
    assert [p for p in sorted(tmp_path.rglob("*")) if tmp_path / "both" not in [p, *p.parents]] == before
    lines = {line.split("   ")[0]: line for line in made.text.split("\n")}
    assert "0.910 [0.40, 0.60]" in lines["semisupcon (a)"]
    assert "0.610 [0.40, 0.60]" in lines["semisupcon (b)"]
    assert made.files[-1] == tmp_path / "both" / "report.html"
    told = "An encoder whose numbers differ between the runs is called by its name and its run."
    assert told in (tmp_path / "both" / "tables" / "scores.md").read_text()


def at_each_severity(run, severities):
    """With lines of retained performance at each severity, as a run has them."""
    frame = run.read("robustness")
    single = frame[(frame["measure"] == "retained") & ~frame["corruption"].isin(["all", "polarity"])]
    rows = [row for rows in (frame, *(single.assign(severity=s) for s in severities)) for row in rows.to_dict("records")]
    run.write("robustness", TABLES["robustness"].frame(rows))
    return run.path


def test_runs_of_other_severities_are_reported_without_means_over_them(tmp_path):
    runs = [at_each_severity(a_run(tmp_path / f"up-to-{s[-1]}", severities=s), s) for s in ((1, 3), (1, 3, 5))]
    made = report(runs, tmp_path / "both")
    names, tables = {path.name for path in made.files}, tmp_path / "both" / "tables"
    assert "robustness-key-mini.svg" in names
    assert not names & {"robustness.svg", "robustness.md"}
    retained = (tables / "retained.md").read_text()
    first_cells = [line.split("|")[1].strip() for line in retained.split("\n") if line.startswith("|")]
    assert first_cells[2:] == ["clean score", "*not counted:*", "polarity"]  # which has no other severities
    told = "The runs differ in the severities of white-noise, low-pass, compressor: means over them are left out"
    assert told in (tables / "corrupted.md").read_text()
    page = shown((tmp_path / "both" / "report.html").read_text())
    assert told in page
    assert "Comparisons over all corruptions" not in page  # of which there are none
    assert "No robustness score over all tasks" in made.text


def test_the_report_is_a_stage_of_the_run_that_it_is_of_alone():
    results = a_results()
    made = sections(results)
    row = '<tr><th scope="row">report</th><td data-v="75.'
    assert row in html.page(results, made, time.perf_counter() - 75)
    assert '<th scope="row">report</th>' not in html.page(results, made)


def test_the_page_has_a_section_with_tables_and_reasons_and_stays_whole():
    base, bold = a_results(failed=FAILED), "Bold: the best of the encoders, where the comparisons call it better than the next."
    better = [a_row("robustness_comparisons", baseline="simclr", corruption="all", **KEY)]
    more = complete(pd.concat([base.robustness_comparisons, TABLES["robustness_comparisons"].frame(better)]), base.manifests.values())
    of_clean = complete(TABLES["comparisons"].frame([a_row("comparisons", baseline="simclr", **KEY)]))
    page = page_of(dataclasses.replace(base, robustness_comparisons=more, comparisons=of_clean))
    section = page.split('<section id="corruption">')[1].split("</section>")[0]
    for part in (
        "0.400</b><br><small>[0.35, 0.45]</small>", "pitch-shift is skipped", "Equivariance", "p (Holm)", bold,
        "low-pass failed on clip clip-0 at severity 5 (returned NaN)", "Comparisons over all corruptions",
        "Those of single corruptions are in robustness_comparisons.csv.", 'data-chart="curves"', 'data-chart="retained"',
    ):  # fmt: skip
        assert part in section
    assert bold in page.split('<section id="scores">')[1].split("</section>")[0]
    assert section.count("<b>") == 1
    assert "Bold" not in page_of(base)  # nothing is decided between encoders
    assert "The run compared no encoders" not in page


def test_the_page_says_who_was_trained_once_and_what_its_figures_show():
    rows = [a_row("summary", encoder=name, one_training=once, **KEY) for name, once in (("semisupcon", 1), ("simclr", 0))]
    compared = [a_row("comparisons", baseline="simclr", one_training=1, baseline_one_training=1, **KEY)]
    page = page_of(results_of({"run": {}}, summary=rows, comparisons=compared))
    for part in (
        "semisupcon: one training; its spread is not in this interval.",
        "semisupcon, simclr: one training; its spread is not in this interval.",  # of the comparisons
        "one training each",
        "large marks are means over seeds, small ones single seeds, lines 95 % intervals over clips and seeds.",
        "with 95 % paired intervals; right of zero is better, filled where the difference is decided after correction for their number, "
        "hollow where it is not.",
    ):
        assert part in page
    assert "bootstrap interval" not in page


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.slow
def test_a_run_of_before_intervals_covered_seeds_is_still_reported(tmp_path, run):
    made = report([run_of_before(run, tmp_path)], tmp_path / "made")
    names = {path.name for path in made.files}
    assert names >= {"scores.md", "comparisons.md", "comparison.svg", "differences.svg", "report.html"}
    assert names >= {"robustness.csv", "retained.svg"}  # under corruption, or on other recordings
    page = (tmp_path / "made" / "report.html").read_text()
    assert "Lines without p are of an earlier version" in page
    assert "nan" not in (tmp_path / "made" / "tables" / "comparisons.md").read_text()
    assert made.text.count("Mean over seeds [") == 1


def test_the_page_is_whole_escaped_and_alone():
    encoders = ("semisupcon", HOSTILE)
    skipped = [{"task": HOSTILE, "dataset": HOSTILE, "corruption": HOSTILE, "reason": HOSTILE}]
    manifest = a_manifest(encoders, skipped=skipped) | {
        "command": ["mirbench", "run", "--encoder", "semisupcon"],
        "skipped": [{"clip": "a", HOSTILE: HOSTILE}],
        HOSTILE: {HOSTILE: [HOSTILE, 0.25, {"a": None}]},
    }
    manifest["encoders"]["semisupcon"]["description"] = "contrastive <b>"
    rows = a_sweep(encoders, skipped=skipped)
    compared = [a_row("comparisons", encoder=HOSTILE, baseline="semisupcon")]
    odd = [a_row("summary", encoder=HOSTILE, task=HOSTILE, dataset=HOSTILE, metric=HOSTILE)]
    results = results_of({HOSTILE: manifest}, comparisons=compared, **{**rows, "summary": [*rows["summary"], *odd]})
    page = page_of(results)
    assert "<script" not in page
    assert "alert('x')" not in html.page(results, sections(results))  # nor in the numbers that a script reads
    assert "contrastive &lt;b&gt;" in page
    assert "mirbench run --encoder semisupcon" in page


def test_the_page_of_several_runs_has_what_is_told_of_each():
    runs = {name: {**a_manifest(), "command": ["mirbench", name], "seeds": [0, 1], "git_commit": None} for name in ("first", "second")}
    page = page_of(results_of(runs, summary=[a_row("summary")]))
    heads = [f"<h3>The run {name}</h3>" for name in runs]
    assert all(part in page for part in ("<title>mirbench: first, second</title>", "<pre>mirbench second</pre>", *heads))
    assert "The run compared no encoders: it had no baseline." in page
    assert "git commit: –" in page


def test_what_a_page_has_no_room_for_is_counted():
    many = {"clips": {f"clip-{i}": "bad" for i in range(60)}, "seconds": list(range(250)), "parts": [{"part": i} for i in range(51)]}
    page = page_of(results_of({"run": many}, summary=[a_row("summary")]))
    assert [f"and {n} more, in manifest.json" in page for n in (10, 50, 1)] == [True] * 3
    assert ("clip-49" in page, "clip-50" in page) == (True, False)


LOADED = """
import sys
import time
import mirbench
before = set(sys.modules)
from pathlib import Path
from mirbench import reporting
def loaded():
    watched = {"torch", "pluggy", "sklearn", "pandas", "matplotlib", "jinja2", "rich"}
    return sorted({name.split(".")[0] for name in set(sys.modules) - before} & watched)
"""


def printed_by(code):
    done = subprocess.run([sys.executable, "-c", LOADED + code], capture_output=True, text=True, check=True)
    return done.stdout


def test_reporting_imports_no_torch_and_matplotlib_only_to_draw(tmp_path):
    run = a_run(tmp_path / "run")
    printed = printed_by(f"print(loaded()); reporting.report([Path({str(run.path)!r})]); print(loaded())")
    assert printed.split("\n")[:2] == ["[]", "['jinja2', 'matplotlib', 'pandas', 'rich']"]
    (run.path / "report.html").unlink()
    printed = printed_by(f"reporting.table_text(Path({str(run.path)!r})); print(loaded())")
    assert printed == "['pandas', 'rich']\n"


def test_a_table_that_was_reported_is_printed_without_pandas(tmp_path):
    run = a_run(tmp_path / "run")
    text = report([run.path]).text
    printed = printed_by(f"print(reporting.table_text(Path({str(run.path)!r}), 140), end=''); print(loaded())")
    assert printed == f"{text}[]\n"


@pytest.mark.slow
def test_a_narrow_window_other_results_or_a_changed_report_make_the_table_anew(tmp_path):
    run = a_run(tmp_path / "run")
    kept = report([run.path], width=60)
    text = (run.path / KEPT[100]).read_text()
    assert max(map(len, kept.text.split("\n"))) <= 60 < max(map(len, text.split("\n"))) <= 100
    assert up_to_date(run.path)
    assert table_text(run.path, 60) == kept.text
    for name in (KEPT[100], "report.html", "figures/comparison.png"):
        data = (run.path / name).read_bytes()
        (run.path / name).write_bytes(data[:-2] + b"99")
        assert not up_to_date(run.path)
        assert table_text(run.path) == text
        assert (run.path / name).read_bytes() == data[:-2] + b"99"  # nothing is written
        (run.path / name).write_bytes(data)
        assert up_to_date(run.path)
    run.write_manifest({**run.read_manifest(), "command": "another"})
    assert not up_to_date(run.path)
    assert table_text(run.path) == text
