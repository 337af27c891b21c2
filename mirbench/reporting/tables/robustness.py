"""The tables of corrupted audio: robustness scores, retained performance, the scores themselves, paired comparisons, equivariance."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from mirbench.records import ALL
from mirbench.reporting.board import Panel, span
from mirbench.reporting.corrupted import Corrupted, Damage
from mirbench.reporting.tables.comparisons import comparisons_markdown
from mirbench.reporting.tables.layout import NONE, Table, cell, csv_text, escape, latex, markdown, short

MEASURES = {"mce": "mCE", "relative_mce": "relative mCE", "retained": "retained performance"}
FILES = (
    "robustness.md", "robustness.csv", "robustness.tex", "retained.md", "retained.csv", "retained.tex", "corrupted.md",
    "robustness-comparisons.md", "equivariance.md",
)  # fmt: skip
CITED = "Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, ICLR 2019"


def robustness_files(corrupted: Corrupted) -> dict[str, str]:
    """The text of every file that there is something to put into."""
    scores, retained = robustness_tables(corrupted), retained_tables(corrupted)
    made: dict[str, str] = {}
    if scores:
        notes = [*robustness_notes(corrupted), *(["Bold: the best of the encoders."] if any(t.best for t in scores) else [])]
        made["robustness.md"] = _sections("Robustness", scores, notes)
        made["robustness.csv"] = csv_text(dict(zip(_measures(corrupted), scores, strict=True)), "measure")
        made["robustness.tex"] = "\n".join(
            latex(t, _caption(corrupted, m), f"tab:{m.replace('_', '-')}") for t, m in zip(scores, _measures(corrupted), strict=True)
        )
    if retained:
        undefined, overlap = corrupted.undefined_in_words(), corrupted.board.overlap_in_words()
        notes = [_retained_note(), *undefined, *_common_notes(corrupted)]
        made["retained.md"] = _sections("Retained performance", retained, notes)
        made["retained.csv"] = csv_text({t.title: t for t in retained}, "task")
        captions = [
            " ".join([f"{t.title}: {_retained_note()} 95 % bootstrap intervals over groups.", *undefined, *overlap]) for t in retained
        ]
        made["retained.tex"] = "\n".join(
            latex(t, c, f"tab:retained-{i}") for i, (t, c) in enumerate(zip(retained, captions, strict=True), 1)
        )
    if scored := corrupted_tables(corrupted):
        notes = ["The headline metric of every task; the other metrics are in summary.csv.", *_common_notes(corrupted)]
        made["corrupted.md"] = _sections("Scores of corrupted audio", scored, notes)
    if corrupted.comparisons:
        made["robustness-comparisons.md"] = comparisons_markdown(corrupted)
    if shifted := equivariance_tables(corrupted):
        made["equivariance.md"] = _sections("Equivariance", shifted, [EQUIVARIANCE, *_common_notes(corrupted)])
    return made


EQUIVARIANCE = (
    "The corruption changes what the labels mean; here they were shifted along with the audio, so that a representation which follows "
    "the change scores as on clean audio. Clips whose shifted label is no class are left out: how many are left stands above each column. "
    "These scores count in no robustness score."
)


def _sections(heading: str, tables: Sequence[Table], notes: Sequence[str]) -> str:
    lines = [f"# {heading}"]
    for table in tables:
        lines += ["", f"## {escape(table.title)}", "", *markdown(table)]
    return "\n".join([*lines, "", *(f"- {escape(line)}" for line in notes), ""])


def _measures(corrupted: Corrupted) -> list[str]:
    return [m for m in MEASURES if any(key[0] == m and key[4] == ALL for key in corrupted.measures)]


def robustness_tables(corrupted: Corrupted) -> list[Table]:
    """A table for each measure: encoders and floors as rows, tasks and their mean as columns."""
    columns = corrupted.columns()
    heads = tuple((p.title, p.metric) if p else ("mean", "over tasks") for p in columns)
    made = []
    for m in _measures(corrupted):
        names = corrupted.measured([m])
        cells = {(n, i): r for i, p in enumerate(columns) for n in names if (r := corrupted.measure(m, n, p))}
        better = max if m == "retained" else min
        best = set()
        for i in range(len(columns)):
            values = {n: cells[n, i].value for n in corrupted.board.encoders if (n, i) in cells}
            best |= {(n, i) for n, value in values.items() if len(values) > 1 and value == better(values.values())}
        made.append(Table("encoder", heads, corrupted.board.row_groups(names), cells, frozenset(best), _measure_title(corrupted, m)))
    return made


def _measure_title(corrupted: Corrupted, measure: str) -> str:
    if measure == "retained":
        return "Retained performance (higher is better)"
    return f"{'mCE' if measure == 'mce' else 'Relative mCE'} ({corrupted.baseline} = 1, lower is better)"


def retained_tables(corrupted: Corrupted) -> list[Table]:
    """A table for each task, and for their mean where it is known: corruptions as rows, encoders as columns."""
    names = corrupted.measured(["retained"])
    made = []
    for panel in [*corrupted.panels, None] if len(corrupted.panels) > 1 else corrupted.panels:
        cells = {
            (row, i): r
            for row in [*(d.name for d in corrupted.damages), ALL]
            for i, n in enumerate(names)
            if (r := corrupted.measure("retained", n, panel, row))
        }
        known = {row for row, _ in cells}
        counted, others = ([d.name for d in corrupted.damages if d.name in known and d.counted is c] for c in (True, False))
        if not counted and not others:
            continue
        groups = (("", counted), ("not counted", others), ("mean of those that count", [ALL] if ALL in known else []))
        heads = tuple((n,) for n in names)
        said = f"{panel.title}, {panel.metric}" if panel else "mean over tasks"
        made.append(Table("corruption", heads, tuple((h, tuple(rows)) for h, rows in groups if rows), cells, title=said))
    return made


def corrupted_tables(corrupted: Corrupted) -> list[Table]:
    """A table for each task and corruption: encoders as rows; clean audio, then the levels, as columns. Headline metrics."""
    return [_by_level(corrupted, p, d, corrupted.severities(p, d), shifted=False) for p in corrupted.panels for d in corrupted.of(p)]


def equivariance_tables(corrupted: Corrupted) -> list[Table]:
    """As corrupted_tables, of every metric, with labels shifted along."""
    made = []
    for panel in corrupted.board.panels:
        about = (panel.task, panel.dataset, panel.metric)
        for damage in corrupted.damages:
            if severities := sorted({key[5] for key in corrupted.shifted if key[1:5] == (*about, damage.name) and key[5]}):
                made.append(_by_level(corrupted, panel, damage, severities, shifted=True))
    return made


def _by_level(corrupted: Corrupted, panel: Panel, damage: Damage, severities: Sequence[int], shifted: bool) -> Table:
    places = [0, *severities]
    cells = {}
    for name in corrupted.board.names:
        for i, severity in enumerate(places):
            score = corrupted.cell(name, panel, damage.name, severity)
            if shifted and severity:
                score = corrupted.shifted.get((name, panel.task, panel.dataset, panel.metric, damage.name, severity))
            if score:
                cells[name, i] = score
    under = {name for name, i in cells if i}
    heads = [["clean"], *([damage.level(s), f"severity {s}"] if damage.levels else [f"severity {s}"] for s in severities)]
    if shifted:
        heads = [[*head, span({c.n_test for (_, at), c in cells.items() if at == i}, "clip")] for i, head in enumerate(heads)]
    title = f"{panel.title}, {panel.metric}: {damage.name}{'' if damage.counted else ' (not counted)'}"
    return Table("encoder", tuple(map(tuple, heads)), corrupted.board.row_groups(under), cells, title=title)


def _retained_note() -> str:
    return (
        "Retained performance is what is left of a score above chance (the majority class): corrupted minus chance over clean minus "
        "chance, mean over severities. 1 is all of it, 0 is chance."
    )


def _caption(corrupted: Corrupted, measure: str) -> str:
    if measure == "retained":
        text = f"{_retained_note()} Mean over corruptions, with 95 % bootstrap intervals over groups."
        return " ".join([text, *corrupted.undefined_in_words(), *corrupted.board.overlap_in_words()])
    kind = "Mean corruption error" if measure == "mce" else "Relative mean corruption error"
    text = f"{kind} ({CITED}) relative to {corrupted.baseline}, which has 1; lower is better. 95 % paired bootstrap intervals over groups."
    return " ".join([text, *corrupted.board.overlap_in_words()])


def robustness_notes(corrupted: Corrupted) -> list[str]:
    """What must be known to read the robustness scores, a sentence or two each."""
    base = corrupted.baseline
    notes = [
        f"mCE, mean corruption error: the error (1 minus the headline metric) summed over severities and divided by that of {base}, "
        f"mean over corruptions. {base} has 1; lower is better; ImageNet-C gives the same in percent.",
        f"Relative mCE: the same of how much the error grows over that of clean audio. Corruptions by which {base} hardly loses anything "
        "cannot be divided by, and are left out for all encoders.",
        _retained_note(),
        f"mCE and relative mCE are defined by {CITED}.",
    ]
    if any(p is None for p in corrupted.columns()):
        notes.append("The mean over tasks weighs all tasks alike, of those where the measure is defined.")
    if len(corrupted.baselines) > 1:
        notes.append("The runs have baselines of their own; compare with care.")
    if any(corrupted.measure(m, n, p) is None for m in _measures(corrupted) for n in corrupted.measured([m]) for p in corrupted.columns()):
        notes.append(f"{NONE}: not defined.")
    notes += corrupted.undefined_in_words()
    return [*notes, *_common_notes(corrupted)]


def _common_notes(corrupted: Corrupted) -> list[str]:
    scored = corrupted.scored()
    aside = [d.name for d in scored if not d.counted]
    severities = sorted({key[5] for key in corrupted.cells})
    notes = [
        *corrupted.board.overlap_in_words(),
        f"Test audio is corrupted in {span([len(scored)], 'way')} at severities "
        f"{', '.join(map(str, severities))}; in brackets 95 % bootstrap intervals over groups, mean over seeds.",
        "Probes were trained on audio under the same condition as the test audio."
        if corrupted.trained_on_corrupted
        else "Probes were trained on clean audio.",
    ]
    if aside:
        notes.append(f"Not counted in means over corruptions: {', '.join(aside)}.")
    if corrupted.differing:
        notes.append(f"The runs differ in the levels of {', '.join(corrupted.differing)}; those of the first are named.")
    if torn := corrupted.board.merged.torn:
        notes.append(f"The runs differ in the severities of {', '.join(torn)}: means over them are left out, as they do not compare.")
    return [*notes, *corrupted.skipped_in_words(), *corrupted.failed]


def robustness_text(corrupted: Corrupted, width: int = 100) -> str:
    """For a terminal, below the table of clean audio: the means over tasks, and what was skipped or failed."""
    measures = _measures(corrupted)
    names = [n for n in corrupted.measured(measures) if any(corrupted.measure(m, n, None) for m in measures)]
    blocks = []
    if names:
        first = min(36, max(len(x) for x in [*names, "under corruption"]))
        table = [["under corruption", *(MEASURES[m] for m in measures)], ["-" * first, *["-" * 20] * len(measures)]]
        for heading, rows in corrupted.board.row_groups(names):
            table += [[f"{heading}:"]] if heading else []
            table += [[short(n, first), *(cell(corrupted.measure(m, n, None)).replace(NONE, "-") for m in measures)] for n in rows]
        rooms = [first, *[20] * len(measures)]
        blocks.append("\n".join("  ".join(x.ljust(n) for x, n in zip(line, rooms, strict=False)).rstrip() for line in table))
    counted = span([sum(d.counted for d in corrupted.scored())], "corruption")
    over = f"{len(corrupted.panels)} tasks, of those where it is defined, and " if len(corrupted.panels) > 1 else ""
    means = f"Mean over {over}{counted}. mCE: {corrupted.baseline} is 1, lower is better; retained: 1 is all."
    notes = [
        means if names else "No robustness score over all tasks; see the tables of each.",
        *(["Probes were trained on audio under the same condition."] if corrupted.trained_on_corrupted else []),
        *corrupted.undefined_in_words(),
        *corrupted.skipped_in_words(),
        *corrupted.failed,
    ]
    wrapped = [line for text in notes for line in textwrap.wrap(text, width, subsequent_indent="  ")]
    return "\n\n".join([*blocks, "\n".join(wrapped)]) + "\n"
