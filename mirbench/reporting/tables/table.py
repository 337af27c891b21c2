"""One table, written as Markdown, LaTeX or HTML, and as CSV where it is of scores: the same rows, columns and numbers in each."""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mirbench.records import SHARED_MARK
from mirbench.reporting.tables.escaping import escape
from mirbench.reporting.words import NONE, cell
from mirbench.results.cells import guarded
from mirbench.results.schema import DIGITS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ENDS = ("", " low", " high", " by seed")  # of the heads of numbers: the value, its interval, and what it is with each seed


@dataclass(frozen=True, eq=False)
class Table:
    """A table to be printed; in a notebook it shows itself.

    cells: text, the names of the rows in the first column; each column is called by the lines of its head, a tuple. headings: what stands
    above a row, by its place. best: (rows, columns) true for the cells in bold. scored: the places of the columns of values, each with its
    interval after a space. numbers: the same for CSV, with a column for each of ENDS.
    """

    cells: pd.DataFrame
    title: str = ""
    headings: Mapping[int, str] = field(default_factory=dict)
    best: np.ndarray | None = None
    scored: Collection[int] = ()
    numbers: pd.DataFrame | None = None

    def lines(self, heading: Callable[[str], str], entry: Callable[[str, str, bool], list[str]]) -> list[list[str]]:
        """Lines of cells: for each row as many as `entry` gives for its longest cell, after its heading. entry: of a text, the interval of
        one that is a value, and whether it is in bold."""
        lines: list[list[str]] = []
        for i, row in enumerate(self.cells.itertuples(index=False, name=None)):
            if i in self.headings:
                lines.append([heading(self.headings[i]), *[""] * (len(row) - 1)])
            bold = [False] * len(row) if self.best is None else self.best[i]
            parts = [text.partition(" ")[::2] if place in self.scored else (text, "") for place, text in enumerate(row)]
            entries = [entry(value, interval, bool(best)) for (value, interval), best in zip(parts, bold, strict=True)]
            lines += [list(line) for line in itertools.zip_longest(*entries, fillvalue="")]
        return lines

    def markdown(self) -> str:
        """The table alone, without title and notes."""
        from tabulate import tabulate

        def entry(value: str, interval: str, best: bool) -> list[str]:
            text = escape(f"{value} {interval}" if interval else value)
            return [f"**{text}**" if best else text]

        lines = self.lines(lambda text: f"*{escape(text)}:*", entry)
        heads = ["<br>".join(map(escape, filter(None, head))) for head in self.cells.columns]
        return str(tabulate(lines, heads, tablefmt="github", disable_numparse=True))

    def part(self, rows: Sequence[int] | None = None, columns: Sequence[int] | None = None) -> Table:
        """Some rows and columns, by their places; those of the table where none are given."""
        some = list(range(len(self.cells)) if rows is None else rows)
        places = list(range(len(self.cells.columns)) if columns is None else columns)
        above = {i for i in self.headings if i <= some[0]} if some else set()
        headings = {some.index(i): text for i, text in self.headings.items() if i in some}
        if above and some[0] not in self.headings:
            headings[0] = self.headings[max(above)]
        best = None if self.best is None else self.best[some][:, places]
        scored = [new for new, old in enumerate(places) if old in self.scored]
        return Table(self.cells.iloc[some, places], self.title, headings, best, scored)

    def html(self) -> str:
        """For a page: an interval stands small below its value."""

        def entry(value: str, interval: str, best: bool) -> list[str]:
            value = html.escape(value)
            return [(f"<b>{value}</b>" if best else value) + (f"<br><small>{interval}</small>" if interval else "")]

        styler = self.styler(self.lines(lambda text: f"<i>{html.escape(text)}</i>", entry), html.escape)
        return f'<div class="wide">{styler.to_html(exclude_styles=True)}</div>'

    def styler(self, lines: list[list[str]], text: Callable[[str], str]) -> Any:
        import pandas as pd
        from pandas.io.formats.style import Styler

        levels = list(itertools.zip_longest(*([text(line) for line in head] for head in self.cells.columns), fillvalue=""))
        heads = pd.MultiIndex.from_arrays(levels) if len(levels) > 1 else pd.Index(levels[0])
        return Styler(pd.DataFrame(lines, columns=heads), uuid_len=0, cell_ids=False).hide(axis="index")

    def _repr_html_(self) -> str:
        return f"<h3>{html.escape(self.title)}</h3>{self.html()}"


def document(title: str, tables: Sequence[Table], notes: Sequence[str] = ()) -> str:
    """A Markdown file: the tables under their titles, then the notes."""
    parts = [f"# {title}"]
    for table in tables:
        parts += [*([f"## {escape(table.title)}"] if table.title else []), table.markdown()]
    return "\n\n".join([*parts, "\n".join(f"- {escape(note)}" for note in notes)]) + "\n"


def csv(tables: Mapping[str, Table], what: str = "") -> str:
    """Tables with the same columns below each other, told apart by their names in the column `what`, if it has a name. Columns of single
    seeds are left out where no table has any."""
    written, frames = "", {name: table.numbers for name, table in tables.items() if table.numbers is not None}
    seeded = any((frame.iloc[:, len(ENDS) :: len(ENDS)] != "").any(axis=None) for frame in frames.values())
    for name, numbers in frames.items():
        frame = numbers.iloc[:, [i for i in range(numbers.shape[1]) if seeded or i == 0 or i % len(ENDS)]].copy()
        if what:
            frame.insert(0, what, name, allow_duplicates=True)  # an encoder may be called so
        frame = frame.set_axis([guarded(str(name)) for name in frame.columns], axis=1).astype(object)
        frame = frame.map(lambda cell: guarded(cell) if isinstance(cell, str) else cell)
        written += frame.to_csv(index=False, header=not written, lineterminator="\n")
    return written


def of_text(columns: Mapping[Any, Iterable[object]], **about: Any) -> Table:
    """A table of text, given by columns; the head of one is its name, or a tuple of lines."""
    import pandas as pd

    heads = [(head,) if isinstance(head, str) else head for head in columns]
    cells = pd.DataFrame({i: list(map(str, column)) for i, column in enumerate(columns.values())})
    return Table(cells.set_axis(pd.Index(heads, tupleize_cols=False), axis=1), **about)


def of_scores(
    rows: pd.DataFrame,
    heads: Sequence[tuple[str, ...]],
    groups: Sequence[tuple[str, Sequence[str]]],
    corner: str = "encoder",
    bold: Sequence[bool] = (),
    **about: Any,
) -> Table:
    """A table of numbers with intervals.

    rows: value, ci_low, ci_high, by_seed, at (the place of the column, from 0), and a column called `corner` with the name of the row.
    heads: of the columns. groups: the names in their order, under headings. bold: which rows are.
    """
    import numpy as np
    import pandas as pd

    names = [name for _, group in groups for name in group]
    places = {name: i for i, name in enumerate(names)}
    at = [places[name] for name in rows[corner]], rows["at"].astype(int).tolist()

    def grid(values: Any, missing: object) -> Any:
        found = np.full((len(names), len(heads)), missing, dtype=object)
        found[at] = values
        return found

    numbers = rows[["value", "ci_low", "ci_high"]]
    text = grid([cell(*row) for row in numbers.itertuples(index=False)], NONE)
    written = [*([DIGITS.format(x) for x in numbers[name]] for name in numbers), list(rows["by_seed"])]
    ends = {end: grid(cells, "") for end, cells in zip(ENDS, written, strict=True)}
    in_csv = [
        (f"{' '.join(filter(None, head)).replace(SHARED_MARK, '')}{end}", column[:, i])
        for i, head in enumerate(heads)
        for end, column in ends.items()
    ]
    for_csv = pd.DataFrame(dict(enumerate([names, *(column for _, column in in_csv)])))
    starts = itertools.accumulate((len(group) for _, group in groups), initial=0)
    table = of_text({corner: names, **{head: text[:, i] for i, head in enumerate(heads)}}, **about)
    return replace(
        table,
        headings={start: heading for start, (heading, group) in zip(starts, groups, strict=False) if heading and group},
        scored=range(1, len(heads) + 1),
        best=np.c_[np.zeros(len(names), bool), grid(list(bold), False).astype(bool)] if any(bold) else None,
        numbers=for_csv.set_axis([corner, *(name for name, _ in in_csv)], axis=1),
    )
