"""Tables in LaTeX that fit a column or the text of a two-column paper: in smaller type where they must, in parts where that is not enough.

Widths are estimated from letters, as those of Computer Modern on average, a little too large.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mirbench.reporting.tables.escaping import escape_latex
from mirbench.reporting.tables.table import Table

PREAMBLE = "% \\usepackage{booktabs}"
COLUMN, TEXT = 3.3 * 72.27, 7.0 * 72.27  # points
LETTER = 0.5  # of the size of the type, of a letter on average
INTERVAL, DIGIT = 7.0, 0.47  # points of an interval below its value, and the same of its digits and brackets
MOST_LINES = 44  # of a part
NAME, HEAD = 24, 12  # letters of a name, and of a head, in one line


@dataclass(frozen=True)
class _Setting:
    """size: a command of LaTeX for 10 points; points: of letters; gap: points on either side of a column."""

    environment: str
    width: float
    size: str
    points: float
    gap: float


SETTINGS = (
    _Setting("table", COLUMN, "small", 9, 6),
    _Setting("table", COLUMN, "footnotesize", 8, 3),
    _Setting("table*", TEXT, "small", 9, 6),
    _Setting("table*", TEXT, "footnotesize", 8, 3),
)


def written(table: Table, caption: str, label: str, names: Mapping[str, str] | None = None) -> str:
    """One table, or several where it is too wide or too long for one; the first of them has the label as it is. caption: text, not LaTeX.
    names: what a reader calls tasks, data sets and metrics."""
    parts = _parts(_named(table, names or {}))
    made = []
    for number, (part, setting) in enumerate(parts, 1):
        of = f" ({number} of {len(parts)})" if len(parts) > 1 else ""
        made.append(_environment(part, setting, f"{caption}{of}", f"{label}-{number}" if number > 1 else label))
    return "\n".join(made)


def _named(table: Table, names: Mapping[str, str]) -> Table:
    """With what a reader says in heads, and in the columns of tasks and metrics."""
    cells = table.cells.copy()
    for place, head in enumerate(cells.columns):
        if head in (("task",), ("metric",)):
            cells.isetitem(place, [names.get(text, text.replace("_", " ")) for text in cells.iloc[:, place]])
    import pandas as pd

    heads = [tuple(names.get(line, line) for line in head) for head in cells.columns]
    return replace(table, cells=cells.set_axis(pd.Index(heads, tupleize_cols=False), axis=1))


def _parts(table: Table) -> list[tuple[Table, _Setting]]:
    """In columns, then in lines."""
    columns, setting = len(table.cells.columns), next((each for each in SETTINGS if _width(table, each) <= each.width), SETTINGS[-1])
    groups, first = [list(range(columns))], 0
    if _width(table, setting) > setting.width:
        groups = [[]]
        for _, same in itertools.groupby(range(1, columns), lambda place: table.cells.columns[place][0]):
            together = list(same)
            for some in [together] if _width(table.part(columns=[0, *together]), setting) <= setting.width else [[x] for x in together]:
                if groups[-1] and _width(table.part(columns=[0, *groups[-1], *some]), setting) > setting.width:
                    groups.append([])
                groups[-1] += some
        groups = [[first, *group] for group in groups]
    most = max(1, MOST_LINES // (2 if table.scored else 1))
    rows = [range(start, min(start + most, len(table.cells))) for start in range(0, max(1, len(table.cells)), most)]
    return [(table.part(some, group), setting) for group in groups for some in rows]


def _width(table: Table, setting: _Setting) -> float:
    """Points, about."""
    total = 0.0
    for place, head in enumerate(table.cells.columns):
        texts = [text.partition(" ")[::2] if place in table.scored else (text, "") for text in table.cells.iloc[:, place]]
        lines = [line for value, _ in texts for line in _broken(value, NAME)]
        own = max((LETTER * setting.points * len(line) for line in (*_broken(head[-1], HEAD), *lines)), default=0)
        total += max(own, *(INTERVAL * DIGIT * len(interval) for _, interval in texts), 0.0) + 2 * setting.gap
    for title, same in itertools.groupby(table.cells.columns, lambda head: head[0] if len(head) > 1 else ""):
        alone = len(list(same)) == 1  # else it stands above several
        total += max(0.0, LETTER * setting.points * (min(len(title), HEAD) - 8)) if alone else 0.0
    return total


def _broken(text: str, most: int) -> list[str]:
    """In lines: what a variant has of its own below its encoder, a long head or name at spaces."""
    head, bracket, own = text.partition("[")
    if len(text) <= most or not head or text[0] in "+-.0123456789":
        return [text]
    parts = [head, bracket + own] if bracket else [text]
    return [line for part in parts if part for line in textwrap.wrap(part, most, break_on_hyphens=False, break_long_words=False)]


def _stacked(text: str, side: str, most: int) -> str:
    lines = [escape_latex(line) for line in _broken(text, most)]
    together = r" \\ ".join(lines)
    return together if len(lines) < 2 else rf"\shortstack[{side}]{{{together}}}"


def _environment(table: Table, setting: _Setting, caption: str, label: str) -> str:
    def entry(value: str, interval: str, best: bool) -> list[str]:
        value = f"$-${value[1:]}" if value[:1] == "-" and value[1:2].isdecimal() else _stacked(value, "l", NAME)
        below = interval.replace("-", "$-$")
        return [rf"\textbf{{{value}}}" if best else value, *([rf"{{\scriptsize {below}}}"] if below else [])]

    heading: Callable[[str], str] = lambda text: rf"\midrule \emph{{{escape_latex(text)}}}"  # noqa: E731
    titles = Counter(head[0] for head in table.cells.columns if len(head) > 1)
    styler = table.styler(table.lines(heading, entry), lambda text: _stacked(text, "b", NAME if titles[text] > 1 else HEAD))
    columns = "l" + "c" * (len(table.cells.columns) - 1)
    look: Any = {"hrules": True, "position_float": "centering", "column_format": columns, "multicol_align": "c"}
    text = str(styler.to_latex(caption=escape_latex(caption), label=label, environment=setting.environment, **look))
    gap = "" if setting.gap == 6 else f"\n\\setlength{{\\tabcolsep}}{{{setting.gap:g}pt}}"
    text = text.replace("\\centering", f"\\centering\n\\{setting.size}{gap}", 1)
    text = text.replace("\\midrule\n\\midrule ", "\\midrule\n")  # above a heading of the first row
    over = rf"\1\\multicolumn{{{len(table.cells.columns)}}}{{l}}{{\2}} \\\\"
    return re.sub(rf"(?m)^(\\midrule )?(\\emph\{{.{{{NAME},}}\}})(?: +&)+ *\\\\$", over, text)  # headings that are longer than a name


def human(task: str, dataset: str, metric: str, label: str, several: bool) -> dict[str, str]:
    """What a reader calls a column of a table. label: of the metric, for axes; several: whether there are several data sets.

    >>> human("tagging", "mini", "macro_f1", "macro F1 (0 to 1)", several=False)
    {'tagging on mini': 'Tagging', 'macro_f1': 'macro F1'}
    """
    spoken = f"{task[:1].upper()}{task[1:].replace('_', ' ')}"
    own = label.partition(" (")[0]
    return {f"{task} on {dataset}": f"{spoken} ({dataset})" if several else spoken, metric: own.replace("_", " ") if own == metric else own}
