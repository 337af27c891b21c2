"""One table, written as Markdown, CSV, LaTeX or HTML: the same rows, columns and numbers in each."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mirbench.results.csvfile import digits6

NONE = "–"
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "[": "{[}", "†": r"\textdagger{}", NONE: "--",
}  # fmt: skip


class Scored(Protocol):
    """A number with its interval: a line of summary.csv or of robustness.csv."""

    @property
    def value(self) -> float: ...
    @property
    def ci_low(self) -> float: ...
    @property
    def ci_high(self) -> float: ...


@dataclass(frozen=True)
class Table:
    """heads: the lines of each column's head. groups: rows by name, each group under a heading of its own or ''.

    cells: by row and place of the column; what is not there is not known. best: the cells in bold.
    """

    corner: str
    heads: tuple[tuple[str, ...], ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    cells: Mapping[tuple[str, int], Scored]
    best: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    title: str = ""

    @property
    def rows(self) -> list[str]:
        return [row for _, rows in self.groups for row in rows]


def number(x: float, digits: int = 3) -> str:
    """Fixed digits below 10, so that columns line up; one after the point above.

    >>> number(0.61849), number(0.5849, 2), number(123.456)
    ('0.618', '0.58', '123.5')
    """
    return f"{x:.{digits}f}" if abs(x) < 10 else f"{x:.1f}"


def has_interval(scored: Scored) -> bool:
    return not (math.isnan(scored.ci_low) or math.isnan(scored.ci_high))


def interval(scored: Scored) -> str:
    """'[0.58, 0.65]'; empty where there is none."""
    return f"[{number(scored.ci_low, 2)}, {number(scored.ci_high, 2)}]" if has_interval(scored) else ""


def cell(scored: Scored | None) -> str:
    """'0.618 [0.58, 0.65]'; without an interval where there is none."""
    return NONE if scored is None or math.isnan(scored.value) else f"{number(scored.value)} {interval(scored)}".rstrip()


def escape(name: str) -> str:
    """Text that cannot break out of its cell of a Markdown table.

    >>> print(escape("a|b <i>"))
    a\\|b &lt;i&gt;
    """
    for old, new in (("\\", "\\\\"), ("|", "\\|"), ("*", "\\*"), ("`", "\\`"), ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        name = name.replace(old, new)
    return " ".join(name.split())


def escape_latex(text: str) -> str:
    r"""Text that is text in LaTeX, also at the beginning of a row, where a bracket would be an option.

    >>> print(escape_latex("a_b[p=50%]"))
    a\_b{[}p=50\%]
    """
    return " ".join("".join(_LATEX.get(x, x) for x in text).split())


def short(name: str, room: int) -> str:
    """The two ends of a name that is too long.

    >>> short("semisupcon-with-a-long-name", 16)
    'semisup..ng-name'
    """
    name = " ".join(name.split())
    head = max(room - 2, 2) // 2
    return name if len(name) <= room else f"{name[:head]}..{name[head + 2 - room :]}"


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def markdown(table: Table) -> list[str]:
    """Lines: the head, the rows, headings of groups in italics."""
    head = [table.corner, *("<br>".join(map(escape, lines)) for lines in table.heads)]
    lines = [table_row(head), table_row(["---"] * len(head))]
    for heading, rows in table.groups:
        if heading:
            lines.append(table_row([f"*{heading}:*", *[""] * len(table.heads)]))
        for row in rows:
            cells = [cell(table.cells.get((row, i))) for i in range(len(table.heads))]
            lines.append(table_row([escape(row), *(f"**{x}**" if (row, i) in table.best else x for i, x in enumerate(cells))]))
    return lines


def csv_text(tables: Mapping[str, Table], what: str = "") -> str:
    """Tables with the same columns below each other, told apart by their names in the column `what`, if it has a name; a value and the
    ends of its interval for each of their columns."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    first = next(iter(tables.values()))
    names = [" ".join(lines) for lines in first.heads]
    writer.writerow([*([what] if what else []), first.corner, *(f"{name}{end}" for name in names for end in ("", " low", " high"))])
    for name, table in tables.items():
        for row in table.rows:
            scores = [table.cells.get((row, i)) for i in range(len(table.heads))]
            numbers = [digits6(x) if s else "" for s in scores for x in ((s.value, s.ci_low, s.ci_high) if s else (0.0, 0.0, 0.0))]
            writer.writerow([*([name] if what else []), row, *numbers])
    return text.getvalue()


def latex(table: Table, caption: str, label: str) -> str:
    """A table for a paper that loads booktabs: intervals stand small below their values. caption: text, not LaTeX."""
    columns = len(table.heads)
    height = max((len(lines) for lines in table.heads), default=1)
    lines = [r"\begin{table}", r"  \centering", rf"  \caption{{{escape_latex(caption)}}}", rf"  \label{{{label}}}", r"  \small"]
    lines += [rf"  \begin{{tabular}}{{l{'c' * columns}}}", r"    \toprule"]
    for k in range(height):
        heads = [escape_latex(head[k]) if k < len(head) else "" for head in table.heads]
        lines.append(_latex_row([escape_latex(table.corner) if k == 0 else "", *heads]))
    for heading, rows in table.groups:
        lines.append(r"    \midrule")
        if heading:
            lines.append(rf"    \multicolumn{{{columns + 1}}}{{l}}{{\emph{{{escape_latex(heading)}}}}} \\")
        for row in rows:
            scores = [table.cells.get((row, i)) for i in range(columns)]
            values = [escape_latex(cell(s).partition(" ")[0]) for s in scores]
            lines.append(
                _latex_row([escape_latex(row), *(rf"\textbf{{{x}}}" if (row, i) in table.best else x for i, x in enumerate(values))])
            )
            below = [interval(s) if s and not math.isnan(s.value) else "" for s in scores]
            if any(below):
                lines.append(_latex_row(["", *(rf"{{\scriptsize {x}}}" if x else "" for x in below)]))
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    return f"    {' & '.join(cells)} \\\\"


def html_table(table: Table) -> str:
    """A table of the page; a value and below it its interval."""
    rows = []
    for heading, names in table.groups:
        if heading:
            rows.append(f'<tr class="floors"><td colspan="{len(table.heads) + 1}">{html.escape(heading)}</td></tr>')
        for name in names:
            cells = []
            for i in range(len(table.heads)):
                value, _, ends = cell(table.cells.get((name, i))).partition(" ")
                mark = ' class="best"' if (name, i) in table.best else ""
                cells.append(f"<td{mark}>{value}{f'<br><small>{ends}</small>' if ends else ''}</td>")
            rows.append(f'<tr><th scope="row">{html.escape(name)}</th>{"".join(cells)}</tr>')
    return html_rows([table.corner, *("<br>".join(map(html.escape, lines)) for lines in table.heads)], rows)


def html_rows(head: Sequence[str], rows: Sequence[str]) -> str:
    """head: HTML. rows: each a whole <tr>."""
    heads = "".join(f'<th scope="col">{x}</th>' for x in head)
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
