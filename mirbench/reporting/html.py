"""report.html: one page that holds everything, to mail or to open on a phone. Nothing in it is loaded from elsewhere."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from mirbench.reporting.board import Board
from mirbench.reporting.tables import NONE, cell, comparison_notes, difference, notes, ordered_comparisons, verdict

MOST_ROWS = 50
CAPTIONS = {
    "sweep": "What was swept: the headline metric of every task, with 95 % bootstrap intervals over groups.",
    "comparison": "The headline metric of every task: points are means over seeds, bars 95 % bootstrap intervals over groups.",
    "differences": "Encoder minus baseline on the same test clips, with 95 % paired intervals. Hollow: the interval contains zero. "
    "Baselines that are left out here are in the table below.",
    "all_metrics": "Every metric of every task.",
}
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


def page(board: Board, figures: Iterable[Path]) -> str:
    """The page as text; figures: SVG files, put into it whole."""
    manifests = board.merged.manifests
    title = f"mirbench: {', '.join(manifests)}"
    drawn = {path.stem: path for path in figures}
    body = [f"<h1>{escape(title)}</h1>"]
    body += [f"<pre>{escape(_command(m))}</pre>" for m in manifests.values() if m.get("command")]
    body += ["<h2>Scores</h2>", _scores(board), "<h2>How to read it</h2>", _list(notes(board))]
    body += ["<h2>Figures</h2>", *(_figure(name, drawn[name]) for name in CAPTIONS if name in drawn)]
    body += ["<h2>Comparisons</h2>", _comparisons(board), "<h2>Encoders</h2>", _encoders(board)]
    for name, manifest in manifests.items():
        body += [f"<h2>The run{f' {escape(name)}' if len(manifests) > 1 else ''}</h2>", _manifest(manifest)]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def _command(manifest: Mapping[str, Any]) -> str:
    command = manifest["command"]
    return shlex.join(str(x) for x in command) if isinstance(command, list) else str(command)


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    heads = "".join(f'<th scope="col">{x}</th>' for x in head)
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _scores(board: Board) -> str:
    head = ["encoder", *(f"{escape(p.title)}<br>{escape(p.metric)}" for p in board.panels)]
    best = {p: board.best(p) for p in board.panels}

    def row(name: str) -> str:
        cells = []
        for p in board.panels:
            value, _, interval = cell(board.cell(name, p)).partition(" ")
            mark = ' class="best"' if name in best[p] else ""
            cells.append(f"<td{mark}>{value}{f'<br><small>{interval}</small>' if interval else ''}</td>")
        return f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>'

    rows = [row(name) for name in board.encoders]
    if board.floors and board.encoders:
        rows.append(f'<tr class="floors"><td colspan="{len(board.panels) + 1}">floors</td></tr>')
    said = "<p>Bold: the best of the encoders.</p>" if any(best.values()) else ""
    return _table(head, [*rows, *(row(name) for name in board.floors)]) + said


def _comparisons(board: Board) -> str:
    if not board.comparisons:
        return "<p>The run compared no encoders: it had no baseline.</p>"
    rows = []
    for c in ordered_comparisons(board):
        cells = [f"{c.task} on {c.dataset}", c.metric, c.encoder, c.baseline, difference(c), verdict(c), str(c.n_test), str(c.n_seeds)]
        rows.append("<tr>" + "".join(f"<td>{escape(x)}</td>" for x in cells) + "</tr>")
    head = ["task", "metric", "encoder", "baseline", "difference", "the encoder is", "test clips", "seeds"]
    return _table(head, rows) + _list(comparison_notes(board))


def _figure(name: str, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    said = escape(CAPTIONS[name])
    return f'<figure><img alt="{said}" src="data:image/svg+xml;base64,{data}"><figcaption>{said}</figcaption></figure>'


def _encoders(board: Board) -> str:
    said: dict[str, str] = {}
    for manifest in board.merged.manifests.values():
        known = manifest.get("encoders")
        for name, about in (known if isinstance(known, dict) else {}).items():
            said.setdefault(name, str((about.get("description") if isinstance(about, dict) else about) or NONE))
    rows = [f'<tr><th scope="row">{escape(n)}</th><td>{escape(said[n])}</td></tr>' for n in board.names if n in said]
    return _table(["encoder", "is"], rows) if rows else "<p>The manifest does not describe them.</p>"


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
            return _table([escape(str(k)) for k in value[0]], rows) + _more(len(value))
        return f"<ol>{''.join(f'<li>{_fact(x)}</li>' for x in value[:MOST_ROWS])}</ol>{_more(len(value))}"
    return escape(_scalar(value))


def _scalar(value: Any) -> str:
    if value is None or value == "":
        return NONE
    return "none" if value in ([], {}) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _more(n: int, shown: int = MOST_ROWS) -> str:
    return f"<p>and {n - shown} more, in manifest.json</p>" if n > shown else ""
