"""One table in every format: the same numbers in the same cells, and names that cannot break it."""

from __future__ import annotations

import csv
import dataclasses
import html
import itertools
import math
import re

import pandas as pd
import pytest
from synthetic import Balance, a_results, a_row, results_of

from mirbench.reporting.sections import sections
from mirbench.reporting.tables import table as formats
from mirbench.reporting.tables.escaping import escape, escape_latex
from mirbench.reporting.tables.latex import written
from mirbench.reporting.tables.robustness import retained
from mirbench.reporting.tables.scores import comparisons, scores
from mirbench.results.cells import guarded
from mirbench.results.order import complete
from mirbench.results.schema import TABLES

NAMES = [r"a_b & 50% [x] $y$ #1 ~^\{}<>|†", "[first] *", "* starred", "5 [a_b, c%]", "–", "<script>x|y</script>", "a|b`*<i>\n| c"]
SPECIAL = set(r"&%$#_{}~^\<>|†")


def files_of(results):
    """The files of its tables: name -> text."""
    return {name: text for stem, made in sections(results).items() for name, text in made.files(stem).items() if text}


def rows_of(markdown, title=""):
    """The rows of a table, or of the one under that title, by their first cell."""
    part = markdown.split(f"## {title}\n")[1].split("\n## ")[0] if title else markdown
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in part.split("\n") if line.startswith("|")]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


def check_markdown(text):
    """Every row of a table has as many cells as its head, and there is no HTML but line breaks."""
    for part in text.split("\n## "):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in part.split("\n") if line.startswith("|")}) <= 1
    assert set(re.findall("<[^>]*>", text.replace("<span>$</span>", ""))) <= {"<br>"}


def plain(latex):
    """What is left of LaTeX without the commands that it may hold."""
    latex = re.sub(r"\\text(backslash|asciitilde|asciicircum|less|greater|bar|dagger)\{\}", "", latex)
    latex = re.sub(
        r"\\shortstack\[\w\]\{((?:[^{}]|\{[^{}]*\})*)\}", lambda found: found[1].replace(" \\\\ ", " "), latex.replace("$-$", "-")
    )
    latex = re.sub(r"\\[&%$#_{}]", "", latex).replace("{[}", "").replace("{*}", "")
    latex = re.sub(r"(?:^\\midrule )?\\(?:emph|textbf)\{(.*?)\}|\{\\scriptsize (.*?)\}", r"\1\2", latex)
    return re.sub(r"(?:^\\midrule )?\\multicolumn\{\d+\}\{\w\}\{([^{}]*)\}", r"\1", latex)


def check_latex(text):
    """Braces are balanced, environments nest, every row has as many cells as there are columns, and what is special is escaped."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    assert text.count("\\caption{") == text.count("\\label{tab:") == len(re.findall(r"\\begin\{table\*?\}", text))
    assert len(set(re.findall(r"\\label\{(.*?)\}", text))) == text.count("\\label{")
    for caption in re.findall(r"\\caption\{(.*)\}\n", text):
        assert not SPECIAL & set(plain(caption))
    for columns, body in re.findall(r"\\begin\{tabular\}\{(\w+)\}\n(.*?)\\end\{tabular\}", text, re.DOTALL):
        lines = body.split("\n")
        assert (lines[0], lines[-2]) == ("\\toprule", "\\bottomrule")
        rules = [i for i, line in enumerate(lines) if "rule" in line]
        assert 1 not in {b - a for a, b in itertools.pairwise(rules) if lines[b] != "\\bottomrule"}, "two rules without a row"
        for line in (line for line in lines[:-1] if not re.fullmatch(r"\\\w+rule", line)):
            assert line.endswith(" \\\\")
            cells = re.split(r"(?<!\\)&", line.removesuffix(" \\\\"))
            spans = [int(re.match(r"\s*(?:\\midrule )?(?:\\multicolumn\{(\d+)\})?", cell)[1] or 1) for cell in cells]
            assert sum(spans) == len(columns)
            assert not SPECIAL & set("".join(map(plain, cells)))
            assert line[0] not in "[*", "an option or a star of the line before"


def hostile(names=NAMES):
    """A run whose encoders, task, data set and metric have such names, with a renamed floor."""
    panels = [{"task": names[0], "dataset": names[-1], "metric": metric} for metric in names[:2]]
    rows = [a_row("summary", encoder=name, value=0.1 * i, **panel) for i, name in enumerate([*names, "majority"]) for panel in panels]
    compared = [a_row("comparisons", encoder=name, baseline=names[0], **panels[0]) for name in names[1:]]
    about = {"encoders": {name: {"role": "encoder", "description": name} for name in names}, "command": ["mirbench", *names]}
    skipped = [{"task": "key", "dataset": "mini", "corruption": name, "reason": name} for name in names]
    manifest = {**about, "robustness": {"skipped": skipped, "baseline": names[0]}, names[0]: {name: [name, {name: name}] for name in names}}
    return results_of({names[0]: manifest}, summary=rows, comparisons=compared)


def best_of(table, task, metric):
    """A line of comparisons in which semisupcon is better than simclr."""
    measure = {"measure": table, "corruption": "all"} if table == "retained" else {}
    name = "robustness_comparisons" if measure else "comparisons"
    return TABLES[name].frame([a_row(name, baseline="simclr", task=task, metric=metric, **measure)])


def test_a_table_says_the_same_in_every_format():
    table = scores(a_results().summary, best_of("scores", "tagging", "macro_average_precision"))
    markdown, latex, page, (row,) = (
        rows_of(table.markdown())["simclr"],
        written(table, "A table.", "tab:x"),
        table.html(),
        [row for row in csv.DictReader(formats.csv({"": table}).splitlines()) if row["encoder"] == "simclr"],
    )
    assert markdown[1] == "0.850 [0.81, 0.88]"
    assert "simclr & 0.850 & 0.850 & 0.850 & 0.850 \\\\\n & {\\scriptsize [0.81, 0.88]} & " in latex
    assert re.search(r"<td >simclr</td>\s*<td >0.850<br><small>\[0.81, 0.88\]</small></td>", page)
    assert [row[f"key on mini mirex{end}"] for end in ("", " low", " high")] == ["0.85", "0.81", "0.88"]
    assert "semisupcon & \\textbf{0.900} & " in latex
    assert "<td ><b>0.900</b><br><small>[0.86, 0.93]</small></td>" in page
    assert rows_of(table.markdown())["semisupcon"][:2] == ["**0.900 [0.86, 0.93]**", "0.900 [0.86, 0.93]"]
    assert written(table, "A table.", "tab:x").count("\\textbf") == page.count("<b>") == table.markdown().count("**") / 2 == 1


def test_the_lines_of_a_head_are_rows_of_their_own_and_one_task_has_one_head():
    rows = [a_row("summary", task=task, metric=metric) for task, metric in (("genre", "accuracy"), ("genre", "macro_f1"), ("key", "mirex"))]
    table = scores(results_of({"run": {}}, summary=rows).summary)
    assert written(table, "A table.", "tab:x").split("\n")[7:10] == [
        "encoder & \\multicolumn{2}{c}{genre on mini} & key on mini \\\\", " & accuracy & macro\\_f1 & mirex \\\\", "\\midrule",
    ]  # fmt: skip
    assert '<th colspan="2">genre on mini</th>' in table.html()
    single = formats.of_text({"task": ["genre"], "a_b": ["x & y"]})
    assert "\ntask & a\\_b \\\\\n\\midrule\ngenre & x \\& y \\\\\n" in written(single, "A table.", "tab:x")
    assert re.search(r"<tr>\s*<th >task</th>\s*<th >a_b</th>\s*</tr>", single.html())


def test_latex_tables_are_whole_with_caption_and_label():
    better = best_of("retained", "tagging", "macro_average_precision")
    results = a_results()
    results = dataclasses.replace(results, robustness_comparisons=complete(pd.concat([results.robustness_comparisons, better])))
    files = files_of(results)
    latex = {name: text for name, text in files.items() if name.endswith(".tex")}
    assert set(latex) == {f"{name}.tex" for name in ("scores", "comparisons", "robustness", "retained", "corrupted", "equivariance")}
    for text in latex.values():
        check_latex(text)
    lines = latex["robustness.tex"].split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith("semisupcon"))
    assert lines[at].startswith("semisupcon & \\textbf{0.400} & 0.400 & ")  # retained performance
    assert lines[at + 1].startswith(" & {\\scriptsize [0.35, 0.45]} & ")
    assert "\nsemisupcon & 0.600 & " in latex["robustness.tex"]
    assert latex["robustness.tex"].count("\\textbf") == 1
    assert "\n\\midrule \\emph{floors} & " in latex["robustness.tex"]
    assert r"macro \\ average \\ precision" in latex["robustness.tex"]
    assert "relative to untrained" in latex["robustness.tex"]


def test_a_heading_above_the_first_row_has_no_rule_of_its_own():
    text = written(formats.of_text({"corruption": ["polarity"], "a": ["1"]}, headings={0: "not counted"}), "A table.", "tab:x")
    check_latex(text)
    assert "\\midrule\n\\emph{not counted} &  \\\\\npolarity & 1 \\\\" in text


def test_names_cannot_break_a_table():
    results = hostile()
    for name, text in files_of(results).items():
        if name.endswith(".md"):
            check_markdown(text)
        elif name.endswith(".tex"):
            check_latex(text)
        else:
            assert len({len(row) for row in csv.reader(text.splitlines())}) == 1
    better = [a_row("comparisons", task=NAMES[0], dataset=NAMES[-1], metric=NAMES[0], encoder=NAMES[-1], baseline=NAMES[-2])]
    table = scores(results.summary, TABLES["comparisons"].frame(better))
    assert rf"**{rows_of(table.markdown())[escape(NAMES[-1])][0].strip('*')}**" in table.markdown()
    assert r"a\|b\`\*&lt;i&gt; \| c" in rows_of(table.markdown())
    assert "\n5 {[}a\\_b, c\\%] & " in written(table, "A table.", "tab:x")  # a name that only looks like a number with its interval
    check_latex(written(table, NAMES[0], "tab:x"))
    page = table.html()
    assert all(html.escape(name) in page for name in NAMES)
    assert set(re.findall(r"</?(\w+)", page)) == {"div", "table", "thead", "tbody", "tr", "th", "td", "b", "br", "small", "i"}


def test_what_is_special_in_latex():
    assert escape_latex(NAMES[0]) == (
        r"a\_b \& 50\% {[}x] \$y\$ \#1 \textasciitilde{}\textasciicircum{}\textbackslash{}\{\}"
        r"\textless{}\textgreater{}\textbar{}\textdagger{}"
    )
    assert escape_latex("* –") == "{*} --"


@pytest.mark.parametrize(("lost", "in_latex"), [({"ci_low": math.nan}, "0.500"), ({"value": math.nan}, "--")], ids=["interval", "value"])
def test_what_is_missing_has_no_second_line(lost, in_latex):
    rows = [a_row("summary", **lost), a_row("summary", task="key", ci_low=math.nan)]
    text = written(scores(results_of({"run": {}}, summary=rows).summary), "A table.", "tab:x")
    check_latex(text)
    assert f"\nsemisupcon & {in_latex} & 0.500 \\\\\n\\bottomrule" in text


def test_in_a_notebook_a_table_shows_itself_with_its_title():
    table = formats.of_text({"a": ["<b>", "x & y"]}, title="<script>")
    shown = table._repr_html_()
    parser = Balance()
    parser.feed(shown)
    assert parser.open == []
    assert shown.startswith("<h3>&lt;script&gt;</h3>")
    assert "<td >&lt;b&gt;</td>" in shown
    assert "<td >x &amp; y</td>" in shown


def test_an_encoder_called_like_a_column_takes_no_column_away():
    rows = [a_row("robustness", encoder=name, corruption="noise", value=value) for name, value in (("task", 0.25), ("corruption", 0.5))]
    (table,) = retained(TABLES["robustness"].frame(rows))
    lines = formats.csv({table.title: table}, "task").splitlines()
    assert lines[0] == "task,corruption,task,task low,task high,corruption,corruption low,corruption high"
    assert lines[1] == f'"{table.title}",noise,0.25,0.4,0.6,0.5,0.4,0.6'


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("_a_b_", r"\_a_b\_"),
        ("a__b _", r"a\_\_b \_"),
        ("~~x~~", r"\~\~x\~~"),
        ("a~b~c", r"a\~b~c"),
        ("$x$", "<span>$</span>x$"),
        ("[x](y) ![x][y]", r"[x\](y) ![x\][y]"),
        ("[x]: y", r"\[x]: y"),
        ("[ ] x", r"\[ ] x"),
        ("# 1", r"\# 1"),
        ("12. of", r"12\. of"),
        ("---", r"--\-"),
    ],
)
def test_what_would_be_markup_is_shown_as_text(text, markdown):
    assert escape(text) == markdown


ORDINARY = [
    "mel-cnn",
    "a_b_c",
    "simclr[temperature=0.1]",
    "semisupcon (a) †",
    "-0.040 [-0.061, +0.011]",
    "~5 $",
    "#1",
    "1.5 s",
    "–",
    "x [y]: z",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_names_are_left_as_they_are(text):
    assert escape(text) == text


def test_a_name_that_looks_like_a_score_is_not_torn_apart():
    name = "0.5 [0.1, 0.2]"
    rows = [a_row("summary", encoder=name), a_row("comparisons", encoder=name, baseline=name)]
    scored, compared = scores(TABLES["summary"].frame(rows[:1])), comparisons(TABLES["comparisons"].frame(rows[1:]))
    for table, value, interval in ((scored, "0.500", "[0.40, 0.60]"), (compared, "+0.100", "[+0.400, +0.600]")):
        assert f"<td >{name}</td>" in table.html()
        assert f"<td >{value}<br><small>{interval}</small></td>" in table.html()
        assert "0.5 {[}0.1, 0.2] & " in (latex := written(table, "A table.", "tab:x"))
        assert f"{{\\scriptsize {interval}}}" in latex


def test_a_value_that_is_not_finite_is_shown_as_it_is_and_is_not_the_best():
    rows = [a_row("summary", encoder=name, value=value) for name, value in (("a", math.inf), ("b", 0.5), ("c", 0.4), ("d", math.nan))]
    compared = [a_row("comparisons", encoder=a, baseline=b) for a, b in ("ab", "ac", "bc", "bd", "cd")]
    table = scores(TABLES["summary"].frame(rows), TABLES["comparisons"].frame(compared))
    told = rows_of(table.markdown())
    assert [told[name] for name in "abcd"] == [["inf [0.40, 0.60]"], ["**0.500 [0.40, 0.60]**"], ["0.400 [0.40, 0.60]"], ["–"]]
    assert "<td >inf<br><small>[0.40, 0.60]</small></td>" in table.html()


def test_no_name_is_a_formula_to_a_spreadsheet():
    rows = [a_row("robustness", encoder=name, corruption=name, value=-0.25) for name in ("=1+1", "@x")]
    (table,) = retained(TABLES["robustness"].frame(rows))
    lines = formats.csv({"-2+x": table}, "task").splitlines()
    assert lines[0] == "task,corruption,'=1+1,'=1+1 low,'=1+1 high,'@x,'@x low,'@x high"
    assert lines[1].startswith("'-2+x,'=1+1,-0.25,")


@pytest.mark.parametrize("by_seed", ["-0.25 -0.5", "nan -0.25", "=1+1"])
def test_single_seeds_are_numbers_to_a_spreadsheet_and_anything_else_is_no_formula(by_seed):
    rows = [a_row("robustness", corruption="noise", by_seed=by_seed), a_row("robustness", corruption="hiss")]
    (table,) = retained(TABLES["robustness"].frame(rows))
    lines = formats.csv({"x": table}, "task").splitlines()
    assert lines[0] == "task,corruption,semisupcon,semisupcon low,semisupcon high,semisupcon by seed"
    assert lines[1:] == [f"x,noise,0.5,0.4,0.6,{guarded(by_seed)}", "x,hiss,0.5,0.4,0.6,"]
    assert guarded(by_seed) == ("'=1+1" if by_seed == "=1+1" else by_seed)
