"""Tables in LaTeX: they fit a column or the text of a paper, whole, with names for readers, and latex takes them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from synthetic import a_row, results_of

from mirbench.reporting.sections import sections
from mirbench.reporting.tables.latex import COLUMN, PREAMBLE, TEXT, written
from mirbench.reporting.tables.scores import scores
from mirbench.results.merging import load

REFERENCE = Path(__file__).parents[3] / "results" / "reference"
TASKS = ("tagging", "key", "pitch", "genre")
PAPER = r"""\documentclass[10pt,twocolumn]{article}
\setlength{\textwidth}{%spt}\setlength{\columnsep}{%spt}\setlength{\columnwidth}{%spt}
\setlength{\oddsidemargin}{-40pt}\setlength{\textheight}{690pt}\setlength{\topmargin}{-60pt}
\IfFileExists{booktabs.sty}{\usepackage{booktabs}}{\let\toprule\hline\let\midrule\hline\let\bottomrule\hline}
\begin{document}
%s
\end{document}
"""


def tables_of(results):
    """By file, its text."""
    files = [section.files(stem) for stem, section in sections(results).items()]
    return {name: text for each in files for name, text in each.items() if name.endswith(".tex")}


def wide(encoders=6, tasks=TASKS, metrics=("macro_average_precision", "macro_f1"), name="encoder-{}"):
    rows = [
        a_row("summary", encoder=name.format(i), task=task, metric=metric, value=0.5, ci_low=0.4, ci_high=0.6)
        for i in range(encoders) for task in tasks for metric in metrics
    ]  # fmt: skip
    return results_of({"run": {"metrics": {"macro_f1": "macro F1 (0 to 1)"}}}, summary=rows)


def test_a_reader_finds_names_of_the_field_and_the_package_that_is_needed():
    text = tables_of(wide())["scores.tex"]
    assert text.startswith(PREAMBLE + "\n")
    assert r"\multicolumn{2}{c}{Tagging}" in text
    assert "macro F1" in text
    assert "_" not in text.replace(r"\_", "").replace("booktabs", "")
    assert "on mini" not in text
    several = tables_of(results_of({"run": {}}, summary=[a_row("summary", dataset=name) for name in ("mini", "fma")]))["scores.tex"]
    assert "Genre (mini)" in several
    assert "Genre (fma)" in several


def test_scores_under_corruption_are_one_table_for_a_task_whose_rows_are_those_of_each_corruption():
    about = {name: {"levels": levels, "unit": unit} for name, levels, unit in (("white-noise", [40, 20, 0], "dB SNR"), ("shift", [], ""))}
    rows = [a_row("summary", encoder=name, task=task, value=0.5) for name in ("a", "b") for task in ("key", "genre")]
    rows += [
        a_row("summary", encoder=name, task=task, value=value, corruption="white-noise", severity=severity, level=level, unit="dB SNR")
        for name, value in (("a", 0.4), ("b", 0.3)) for task in ("key", "genre") for severity, level in ((1, 40), (3, 0))
    ]  # fmt: skip
    rows += [a_row("summary", encoder="b", task="genre", value=0.2, corruption="shift", severity=1)]
    first, second = tables_of(results_of({"run": {"corruptions": about}}, summary=rows))["corrupted.tex"].split(r"\end{table}")[:2]
    assert "clean & severity 1 & severity 3" in first
    assert [re.findall(rf"(?m)^{name} & (.*) \\\\$", second) for name in "ab"] == [
        ["0.500 & 0.400 & 0.400"],
        ["0.500 & 0.300 & 0.300", "0.500 & 0.200 & --"],
    ]
    assert "white-noise (40, 0 dB SNR)" in second
    assert r"\emph{shift}" in second


def test_a_narrow_table_is_for_a_column_and_a_wide_one_for_the_text():
    narrow, broad = (written(scores(wide(tasks=TASKS[:n]).summary), "A table.", "tab:x") for n in (1, 4))
    assert narrow.startswith(r"\begin{table}")
    assert broad.startswith(r"\begin{table*}")


def test_what_is_too_wide_or_too_long_stands_in_parts_with_every_cell_once():
    results = wide(60, tasks=[f"task-{i}" for i in range(9)], metrics=("accuracy",))
    text = written(scores(results.summary), "A table.", "tab:x")
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert labels == ["tab:x", *(f"tab:x-{i}" for i in range(2, len(labels) + 1))]
    assert len(labels) > 2
    assert f"A table. (2 of {len(labels)})" in text
    assert len(re.findall(r"& 0\.500", text)) == 60 * 9
    names = re.findall(r"^(encoder-\d+) &", text, re.M)
    assert {names.count(f"encoder-{i}") for i in range(60)} == {names.count("encoder-0")}


def test_comparisons_are_of_headlines_and_their_minus_is_a_minus():
    row = {"difference": -0.1, "ci_low": -0.2, "ci_high": 0.1}
    rows = [a_row("comparisons", encoder="a", baseline="b", task="genre", metric=metric, **row) for metric in ("accuracy", "macro_f1")]
    summary = [a_row("summary", encoder=name, metric=metric) for name in "ab" for metric in ("accuracy", "macro_f1")]
    text = tables_of(results_of({"run": {}}, summary=summary, comparisons=rows))["comparisons.tex"]
    assert "Genre & accuracy & a & b & $-$0.100 & " in text
    assert "macro" not in text
    assert r"{\scriptsize [$-$0.200, +0.100]}" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex, of Debian's texlive-latex-base")
@pytest.mark.parametrize("run", ["main", "cross-supervision"])
def test_latex_takes_every_table_and_none_is_too_wide(run, tmp_path):
    """Of a run of several encoders, and of one with long names."""
    texts = tables_of(load(REFERENCE / run))
    assert {"scores.tex", "comparisons.tex", "robustness.tex", "retained.tex"} <= set(texts)
    gap = TEXT - 2 * COLUMN
    (tmp_path / "paper.tex").write_text(PAPER % (TEXT, gap, COLUMN, "\n\\clearpage\n".join(texts.values())))
    made = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout[-2000:]
    assert re.findall(r"Overfull \\hbox \((\d+)", made.stdout) == []
    assert re.findall(r"Float too large", made.stdout) == []
