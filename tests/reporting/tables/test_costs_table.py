"""The table of costs, in files, in the terminal and on the page."""

from synthetic import a_manifest, a_row, results_of

from mirbench.reporting import html, terminal
from mirbench.reporting.sections import sections
from mirbench.reporting.tables.costs import costs

KNOWN = {"parameters": 1234567, "dim": 512, "gflop_per_second": 0.04321, "clips_per_second": 25.0, "window_seconds": 2.0}
KNOWN |= {"peak_memory_mb": 88.4, "disk_mb": 1.9, "device": "it, 1 thread", "batch_size": 15}


def of(*rows):
    about = {"run": a_manifest(encoders=("semisupcon",))}
    return results_of(about, summary=[a_row("summary", encoder=name) for name in ("untrained", "semisupcon")], costs=rows)


def test_numbers_as_they_are_and_a_dash_for_what_is_not_known():
    results = of({"encoder": "untrained", "device": "it, 1 thread"}, {"encoder": "semisupcon", **KNOWN})
    table = costs(results.costs, {"untrained"})
    assert list(table.cells.iloc[0]) == ["semisupcon", "1,234,567", "512", "0.0432", "20", "25", "2", "88", "1.9"]
    assert list(table.cells.iloc[1]) == ["untrained", *["–"] * 8]
    assert table.headings == {1: "floors"}
    assert ("device",) not in table.cells.columns


def test_the_section_says_what_was_measured_where_and_what_was_not():
    results = of({"encoder": "semisupcon", **KNOWN}, {"encoder": "untrained", "note": "It ended."})
    section = sections(results)["cost"]
    assert list(section.files("cost")) == ["cost.md", "cost.tex"]
    assert "this run on it, 1 thread:" in section.notes[0]
    assert "untrained: It ended." in section.notes
    assert '<section id="cost">' in html.page(results, sections(results))
    assert "1,234,567" in terminal.text(results, 80)


def test_a_run_without_costs_has_no_such_section():
    results = of()
    assert "cost" not in sections(results)
    assert '<section id="cost">' not in html.page(results, sections(results))
    assert "GFLOP" not in terminal.text(results, 100)
