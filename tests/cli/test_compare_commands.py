"""`mirbench compare`, `leaderboard` and `share`, and the report of several runs, as they are typed."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from finished import LEVELS, a_finished_run

from mirbench import cli, reporting
from mirbench.cli.app import COMMANDS
from mirbench.errors import MirbenchError
from mirbench.experiment.comparing.compare import compare
from mirbench.records import Condition
from mirbench.reporting.documents import FORMATS
from mirbench.reporting.tables import across

NOISE = [Condition("white-noise", s, float(LEVELS["white-noise"][s - 1]), "dB") for s in (1, 3)]
REFERENCE = Path(__file__).parents[2] / "results" / "reference"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[str]:
    root = tmp_path_factory.mktemp("runs")
    one = {"semi_sup<b>": (0.7, (0, 1)), "simclr": (0.5, (0,))}
    return [
        str(a_finished_run(root / name, encoders, ("genre", "key"), NOISE, clips=60, resamples=40))
        for name, encoders in (("one", one), ("two", {"semi_sup<b>": (0.75, (0, 1))}))
    ]


def told(capsys, *words) -> str:
    assert cli.main([*words, "--debug"]) == 0
    return capsys.readouterr().out


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.cells = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.cells.append(data)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_comparison_fits_the_window(runs, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    text = told(capsys, "compare", *runs)
    assert max(map(len, text.splitlines())) <= width
    assert "\nsemi_sup<b> (one) against semi_sup<b> (two):\n" in text
    assert "undecided" in text
    assert "-0." in text
    for title in (across.DIFFERENCES, across.CORRUPTED):
        assert f"\n{title}\n" in f"\n{text}"


@pytest.mark.parametrize("command", ["compare", "leaderboard"])
def test_every_format_has_the_same_rows(runs, capsys, command):
    texts = {form: told(capsys, command, *runs, "--format", form) for form in FORMATS}
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    data = json.loads(texts["json"])
    first = data["differences" if command == "compare" else "standings"]
    assert [row["encoder"] for row in rows] == [row["encoder"] for row in first]
    assert len(rows) == len(first) > 2
    assert texts["latex"].startswith("% \\usepackage{booktabs}\n")
    assert texts["latex"].count("\\begin{tabular}") == texts["html"].count("<table") == texts["md"].count("\n## ")
    assert r"semi\_sup\textless{}b\textgreater{}" in texts["latex"]
    if command == "compare":
        heading = (
            r"\multicolumn{8}{l}{\emph{semi\_sup\textless{}b\textgreater{} (one) against semi\_sup\textless{}b\textgreater{} (two)}} \\"
        )
        assert heading in texts["latex"].splitlines()
    page = Page(texts["html"])
    assert "b" not in page.tags
    assert any("semi_sup<b>" in cell for cell in page.cells)
    assert all(note in texts["html"].replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">") for note in data["notes"])


def test_numbers_that_are_not_there_are_null(capsys):
    data = json.loads(told(capsys, "compare", str(REFERENCE / "main"), str(REFERENCE / "label-budget"), "--format", "json"))
    assert {row["p"] for row in data["differences"]} == {None}
    assert all(isinstance(row["n_test"], int) and isinstance(row["headline"], bool) for row in data["differences"])


def test_the_report_of_two_runs_has_the_rows_of_their_comparison(runs, tmp_path, capsys):
    told(capsys, "report", *runs, "--output", str(tmp_path / "both"))
    text = (tmp_path / "both" / "tables" / "across-runs.md").read_text()
    found = compare([Path(run) for run in runs])
    for table in across.compared(found).values():
        assert table.markdown() in text
    assert all(note.split("<")[0] in text for note in across.notes_of(found))
    page = Page((tmp_path / "both" / "report.html").read_text())
    assert "Across runs" in page.cells


def test_the_report_of_one_run_compares_nothing(runs, tmp_path, monkeypatch):
    """Nor where it is given twice, and of more runs only where it is said where to write."""
    given = []

    def report(*about, between=None):
        given.append(between)
        raise MirbenchError("not made here")

    monkeypatch.setattr(reporting, "report", report)
    output = ["--output", str(tmp_path / "out")]
    for words in (runs[:1], [runs[0], runs[0], *output], runs, [*runs, *output]):
        assert cli.main(["report", *words]) == 2
    assert [between is not None for between in given] == [False, False, False, True]


def test_nothing_to_compare_is_said(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    other = a_finished_run(tmp_path / "other", {"byol": (0.6, (0,))}, clips=60, resamples=40, datasets={"mini": {"version": "9"}})
    text = " ".join(told(capsys, "compare", runs[0], str(other)).split())
    assert "No scores of one and other are compared." in text
    assert "mini is of version 2 in one and 9 in" in text


def test_floors_are_ranked_where_they_are_asked_for(capsys):
    without, with_them = (told(capsys, "leaderboard", str(REFERENCE / "main"), *more) for more in ([], ["--floors"]))
    assert "handcrafted" not in without
    assert "handcrafted" in with_them


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "{run}", "{run}"], "a comparison takes two runs or checkpoints that are not the same, and {run} was given 2 times"),
        (["compare", "{run}", "nowhere"], "there is no folder nowhere; give folders that `mirbench run` wrote"),
        (["compare", "{run}", "{run}", "--format", "tex"], "no format is named 'tex'; did you mean 'text'? Known: csv, html"),
        (["leaderboard", "nowhere"], "nowhere is not a run folder (no such folder); give a folder that `mirbench run` wrote."),
        (["leaderboard", "{run}", "--format", "cvs"], "no format is named 'cvs'; did you mean 'csv'?"),
        (["share", "nowhere", "--format", "model-card", "-o", "out"], "nowhere is not a run folder"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(runs, capsys, words, said):
    assert cli.main([word.format(run=runs[0]) for word in words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"mirbench: {said.format(run=runs[0])}")


def test_share_says_what_it_wrote(runs, tmp_path, capsys):
    out = tmp_path / "card.md"
    assert told(capsys, "share", runs[0], "--format", "model-card", "-o", str(out), "--encoder", "simclr") == f"{out}\n"
    assert out.read_text().startswith("## Scores")


def test_the_commands_are_known_and_import_nothing_heavy_to_compare(runs):
    assert {"compare", "leaderboard", "share"} <= set(COMMANDS)
    heavy = "print([m for m in ('torch', 'sklearn', 'matplotlib') if m in sys.modules])"
    code = f"import sys; from mirbench import cli; cli.main(sys.argv[1:]); {heavy}"
    for words in (["compare", *runs], ["leaderboard", *runs]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


def test_a_cell_of_a_spreadsheet_is_no_formula(capsys):
    from mirbench.reporting.documents import Document, written

    frame = pd.DataFrame({"encoder": ["=cmd()"], "value": [-0.5]})
    assert written(Document("", "", [], [], {"rows": frame}), "csv", 80) == "encoder,value\n'=cmd(),-0.5\n"
