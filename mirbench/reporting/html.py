"""report.html: one page that holds everything, to mail or to open on a phone. Nothing in it is loaded from elsewhere."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from mirbench.reporting.board import Board
from mirbench.reporting.corrupted import Corrupted
from mirbench.reporting.figures.robustness import curves_name
from mirbench.reporting.tables import comparisons as paired
from mirbench.reporting.tables.layout import NONE, html_rows, html_table
from mirbench.reporting.tables.robustness import EQUIVARIANCE, equivariance_tables, retained_tables, robustness_notes, robustness_tables
from mirbench.reporting.tables.scores import comparison_notes, difference, notes, ordered_comparisons, scores_table, verdict

MOST_ROWS = 50
CAPTIONS = {
    "sweep": "What was swept: the headline metric of every task, with 95 % bootstrap intervals over groups.",
    "comparison": "The headline metric of every task: points are means over seeds, bars 95 % bootstrap intervals over groups.",
    "differences": "Encoder minus baseline on the same test clips, with 95 % paired intervals. Hollow: the interval contains zero. "
    "Baselines that are left out here are in the table below.",
    "all_metrics": "Every metric of every task.",
}
BARS = "mCE and relative mCE: error under corruption relative to the baseline's, lower is better."
RETAINED = "What each corruption leaves of each encoder's score above chance."
CURVES = "{}: the headline metric from clean audio to the highest severity of each corruption."
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .3rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
h3 { font-size: 1rem; margin-bottom: .3rem; } small { color: #444; white-space: nowrap; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
thead th { border-bottom: 2px solid #555; vertical-align: bottom; } th[scope=row] { font-weight: normal; }
td.best { font-weight: bold; } tr.floors td { color: #444; font-style: italic; border-bottom: 1px solid #555; padding-top: .8rem; }
pre { background: #f4f4f4; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 1rem 0; overflow-x: auto; } img { max-width: 100%; height: auto; } figcaption { color: #444; font-size: .92rem; }
details { margin: .4rem 0; } summary { cursor: pointer; } td table { margin: 0; } .facts td { overflow-wrap: anywhere; }
@media (max-width: 40rem) { figure img { max-width: none; width: 44rem; } }
"""


def page(board: Board, figures: Iterable[Path], corrupted: Corrupted | None = None) -> str:
    """The page as text; figures: SVG files, put into it whole."""
    manifests = board.merged.manifests
    title = f"mirbench: {', '.join(manifests)}"
    drawn = {path.stem: path for path in figures}
    body = [f"<h1>{escape(title)}</h1>"]
    body += [f"<pre>{escape(_command(m))}</pre>" for m in manifests.values() if m.get("command")]
    body += ["<h2>Scores</h2>", _scores(board), "<h2>How to read it</h2>", _list(notes(board))]
    body += ["<h2>Figures</h2>", *(_figure(drawn[name], said) for name, said in CAPTIONS.items() if name in drawn)]
    body += ["<h2>Comparisons</h2>", _comparisons(board)]
    body += ["<h2>Under corruption</h2>", *_corrupted(corrupted, drawn)] if corrupted else []
    body += ["<h2>Encoders</h2>", _encoders(board)]
    for name, manifest in manifests.items():
        body += [f"<h2>The run{f' {escape(name)}' if len(manifests) > 1 else ''}</h2>", _manifest(manifest)]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def _command(manifest: Mapping[str, Any]) -> str:
    command = manifest["command"]
    return shlex.join(str(x) for x in command) if isinstance(command, list) else str(command)


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _scores(board: Board) -> str:
    table = scores_table(board)
    return html_table(table) + ("<p>Bold: the best of the encoders.</p>" if table.best else "")


def _comparisons(board: Board) -> str:
    if not board.comparisons:
        return "<p>The run compared no encoders: it had no baseline.</p>"
    rows = []
    for c in ordered_comparisons(board):
        cells = [f"{c.task} on {c.dataset}", c.metric, c.encoder, c.baseline, difference(c), verdict(c), str(c.n_test), str(c.n_seeds)]
        rows.append("<tr>" + "".join(f"<td>{escape(x)}</td>" for x in cells) + "</tr>")
    head = ["task", "metric", "encoder", "baseline", "difference", "the encoder is", "test clips", "seeds"]
    return html_rows(head, rows) + _list(comparison_notes(board))


def _figure(path: Path, caption: str) -> str:
    data, caption = base64.b64encode(path.read_bytes()).decode(), escape(caption)
    return f'<figure><img alt="{caption}" src="data:image/svg+xml;base64,{data}"><figcaption>{caption}</figcaption></figure>'


def _corrupted(corrupted: Corrupted, drawn: Mapping[str, Path]) -> Iterator[str]:
    """Robustness scores, what is skipped and failed, figures; the longer tables are folded."""
    scores = robustness_tables(corrupted)
    for table in scores:
        yield f"<h3>{escape(table.title)}</h3>{html_table(table)}"
    if any(table.best for table in scores):
        yield "<p>Bold: the best of the encoders.</p>"
    yield _list(robustness_notes(corrupted))
    named = {"robustness": BARS, "retained": RETAINED, **{curves_name(p): CURVES.format(p.title) for p in corrupted.panels}}
    yield from (_figure(drawn[name], said) for name, said in named.items() if name in drawn)
    folded = {
        "Retained performance": retained_tables(corrupted),
        "Equivariance: labels shifted along with the audio": equivariance_tables(corrupted),
    }
    for heading, tables in folded.items():
        if tables:
            inside = "".join(f"<h3>{escape(table.title)}</h3>{html_table(table)}" for table in tables)
            said = _list([EQUIVARIANCE]) if heading.startswith("Equi") else ""
            yield f"<details><summary>{heading}</summary>{said}{inside}</details>"
    if shown := paired.shown_comparisons(corrupted, decided=False):
        rows = ["<tr>" + "".join(f"<td>{escape(x)}</td>" for x in paired.comparison_cells(c)) + "</tr>" for c in shown]
        yield "<h3>Comparisons over all corruptions</h3>" + html_rows([*map(escape, paired.COMPARISON_HEAD)], rows)
    if corrupted.comparisons:
        yield _list([*paired.comparison_notes(corrupted), f"Those of single corruptions are in {paired.COMPARED}."])


def _encoders(board: Board) -> str:
    description_of: dict[str, str] = {}
    for manifest in board.merged.manifests.values():
        known = manifest.get("encoders")
        for name, about in (known if isinstance(known, dict) else {}).items():
            description_of.setdefault(name, str((about.get("description") if isinstance(about, dict) else about) or NONE))
    rows = [f'<tr><th scope="row">{escape(n)}</th><td>{escape(description_of[n])}</td></tr>' for n in board.names if n in description_of]
    return html_rows(["encoder", "is"], rows) if rows else "<p>The manifest does not describe them.</p>"


def _manifest(manifest: Mapping[str, Any]) -> str:
    """Every fact of the manifest, those that a reader wants first on top."""
    first = ("versions", "git_commit", "datasets", "data", "label_counts", "seeds", "timings", "skipped")
    keys = [k for k in first if k in manifest] + [k for k in manifest if k not in (*first, "command", "metrics")]
    opened = set(first)
    parts = []
    for key in keys:
        value = manifest[key]
        if isinstance(value, dict | list) and value:
            state = " open" if key in opened and len(value) <= 12 else ""
            parts.append(f'<details{state}><summary>{escape(_words(key))}</summary><div class="wide facts">{_fact(value)}</div></details>')
        else:
            parts.append(f"<p>{escape(_words(key))}: {_fact(value)}</p>")
    return "\n".join(parts)


def _words(key: str) -> str:
    return str(key).replace("_", " ")


def _fact(value: Any) -> str:
    """A nested table for a dict, a list for a list; the rest of a very long one is counted."""
    if isinstance(value, dict) and value:
        rows = [f'<tr><th scope="row">{escape(str(k))}</th><td>{_fact(v)}</td></tr>' for k, v in list(value.items())[:MOST_ROWS]]
        return f"<table>{''.join(rows)}</table>{_more(len(value))}"
    if isinstance(value, list) and value:
        if all(isinstance(x, str | int | float) for x in value):
            return escape(", ".join(_scalar(x) for x in value[: 4 * MOST_ROWS])) + _more(len(value), 4 * MOST_ROWS)
        if all(isinstance(x, dict) and x.keys() == value[0].keys() for x in value):
            rows = [f"<tr>{''.join(f'<td>{_fact(v)}</td>' for v in x.values())}</tr>" for x in value[:MOST_ROWS]]
            return html_rows([escape(str(k)) for k in value[0]], rows) + _more(len(value))
        return f"<ol>{''.join(f'<li>{_fact(x)}</li>' for x in value[:MOST_ROWS])}</ol>{_more(len(value))}"
    return escape(_scalar(value))


def _scalar(value: Any) -> str:
    if value is None or value == "":
        return NONE
    return "none" if value in ([], {}) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _more(n: int, shown: int = MOST_ROWS) -> str:
    return f"<p>and {n - shown} more, in manifest.json</p>" if n > shown else ""
