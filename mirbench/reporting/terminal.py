"""Tables for a terminal: as many columns beside each other as fit, and the notes that matter most."""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from mirbench.records import CLEAN, FAMILIES
from mirbench.reporting import left_out, notes, shared_audio
from mirbench.reporting.floors import beaten
from mirbench.reporting.tables.costs import briefly, costs, measured_on
from mirbench.reporting.tables.layers import best_layers
from mirbench.reporting.tables.robustness import by_measure
from mirbench.reporting.tables.robustness import means as robust_means
from mirbench.reporting.tables.scores import clean, scores
from mirbench.reporting.tables.table import Table, of_text
from mirbench.reporting.words import MEASURES, NONE, caveats, fewer_tasks, interval_of, mean_of, natural_shifts, panels, size, span
from mirbench.results.run_folder import troubles

if TYPE_CHECKING:
    from mirbench.results.merging import Results

COLUMNS = {
    "retained_unseen": "retained, unseen families",
    "retained_seen": "retained, seen families",
    **MEASURES,
}
COSTS = ("parameters", "gflop_per_second", "milliseconds")
OF_CLEAN = "1 is all that an encoder scores above chance on clean audio, which is in the table above"
SEPARATION, INDENT = 3, 2  # columns between columns; before numbers whose name stands above them


def text(results: Results, width: int, all_metrics: bool = False) -> str:
    """The scores, the means over tasks under corruption, and what went wrong. width: columns of the terminal. all_metrics: not the first of
    each task alone."""
    return texts(results, [width], all_metrics)[width]


def texts(results: Results, widths: Iterable[int], all_metrics: bool = False) -> dict[int, str]:
    """The text for each width; the numbers are gathered once."""
    parts = [_scores(results, all_metrics), *_costs(results), *_robustness(results)]
    told = [line for manifest in results.manifests.values() for line in troubles(manifest)]
    last = ["\n".join(told) + "\n"] if told else []

    def written(table: Table, lines: list[str], width: int) -> str:
        wrapped = "\n".join(x for line in merged(lines) for x in textwrap.wrap(line, width, subsequent_indent="  "))
        return "\n\n".join([*(_printed(table, width) if len(table.cells) else []), wrapped]) + "\n"

    return {width: "\n".join([*(written(table, lines, width) for table, lines in parts), *last]) for width in widths}


def _scores(results: Results, all_metrics: bool) -> tuple[Table, list[str]]:
    """The table, and the lines below it."""
    rows = clean(results.summary)
    rows = rows if all_metrics else rows[rows["headline"]]
    sizes = dict.fromkeys(f"{panel.title}: {size(panel.of(rows))}" for panel in panels(rows))
    below = [f"Mean over seeds [{interval_of(rows)}], test split, clean audio.", *caveats(rows), *sizes, *beaten(rows, results.comparisons)]
    below += [*left_out.behind_means(results, only_parts=True), *left_out.of_manifests(results)]
    table = scores(results.summary, results.comparisons, headlines=not all_metrics, marks=shared_audio.marked(results))
    return table, [*below, *best_layers(results), *notes.of_probes(results), *notes.overlap(results)]


def _costs(results: Results) -> list[tuple[Table, list[str]]]:
    """As _scores; nothing where no cost was measured."""
    if not measured_on(results.costs):
        return []
    floors = set(results.summary["encoder"][results.summary["role"] == "floor"])
    return [(costs(results.costs, floors, COSTS), [briefly(results.costs)])]


def _robustness(results: Results) -> list[tuple[Table, list[str]]]:
    """As _scores; nothing where nothing was corrupted."""
    import pandas as pd

    if not notes.was_corrupted(results):
        return []
    corrupted = notes.under_corruption(results)
    tasks = len({panel[:2] for panel in panels(corrupted)})
    tables = by_measure(results.robustness)
    columns = {**COLUMNS, **{f"retained_on_{name}": f"retained on {name}" for name in natural_shifts(results.robustness)}}
    over_all = {m: t.cells for m, t in tables.items() if m in columns and (t.cells.columns[-1][0] == "mean" or tasks == 1)}
    means = pd.DataFrame({columns[m]: cells.set_index(cells.columns[0]).iloc[:, -1] for m, cells in over_all.items()})
    means = means.reindex(results.summary["encoder"].cat.categories).fillna(NONE)
    means = means[(means != NONE).any(axis=1)]
    floors = set(results.summary["encoder"][results.summary["role"] == "floor"])
    first_floor = next((i for i, name in enumerate(means.index) if name in floors), 0)
    table = of_text({"under corruption": means.index, **means}, headings={first_floor: "floors"} if first_floor else {})
    over = f"{tasks} tasks{_fewer(results, list(means.columns), tasks)} and " if tasks > 1 else ""
    known = corrupted["counted"].notna().all()
    once = ", each family of which counts once" if mean_of(results.robustness) == FAMILIES else ""
    of_counted = corrupted.loc[corrupted["counted"], "corruption"].nunique() if known else 0
    counted = span([of_counted], "corruption") if of_counted else "natural shifts" if known else "the corruptions that count"
    relative = f"mCE{' and errors' if 'clean_ce' in over_all else ''}: {notes.relative_to(results)} is 1, lower is better. "
    means_of = f"Mean over {over}{counted}{once}. {relative if 'mce' in over_all else ''}Retained: {OF_CLEAN}."
    lines = [
        means_of if len(means) else "No robustness score over all tasks; see the tables of each.",
        *(["Probes were trained on audio under the same condition."] if notes.trained_on_corrupted(results) else []),
        *notes.undefined(results),
        *notes.troubles(results),
    ]
    return [(table, lines)]


def _fewer(results: Results, columns: Sequence[str], tasks: int) -> str:
    """Which of the columns are means over fewer tasks: ' (relative mCE over 2, where it is defined)'."""
    rows = robust_means(results.robustness)
    whole, told = mean_of(rows), []
    for measure, name in MEASURES.items():
        over = CLEAN if measure == "clean_ce" else whole
        fewer = fewer_tasks(rows[(rows["measure"] == measure) & (rows["corruption"] == over)], tasks)
        told += [f"{name} over {fewer}"] if name in columns and fewer else []
    return f" ({', '.join(told)}, where {'it is' if len(told) == 1 else 'they are'} defined)" if told else ""


def _printed(table: Table, width: int) -> list[str]:
    """The table in as many blocks as it takes; the columns of a task stay together where they can. Neither a name nor the head of a column
    is broken: where there is no room for a name beside a number, it has a line of its own above."""
    label, *heads = (tuple(head) for head in table.cells.columns)
    names = list(table.cells[label])
    first = max(map(len, [*names, *label]))
    widths = {head: max(map(len, [*head, *table.cells[head]])) for head in heads}
    above = first + SEPARATION + max(widths.values(), default=0) > width
    room = width - (INDENT if above else first)
    stripes: list[list[tuple[str, ...]]] = [[]]
    for _, task in itertools.groupby(heads, lambda head: head[0]):
        together: list[tuple[str, ...]] = []
        for head in task:
            if together and _wide([*together, head], widths) > room:
                _add(stripes, together, widths, room)
                together = []
            together.append(head)
        _add(stripes, together, widths, room)
    return [_block(table, label, list(stripe), width, INDENT if above else first) for stripe in stripes]


def _wide(heads: Sequence[tuple[str, ...]], widths: Mapping[tuple[str, ...], int]) -> int:
    return sum(widths[head] + SEPARATION for head in heads)


def _add(stripes: list[list[tuple[str, ...]]], heads: list[tuple[str, ...]], widths: Mapping[tuple[str, ...], int], room: int) -> None:
    """To the last stripe, or to a new one where that has no room."""
    if stripes[-1] and _wide([*stripes[-1], *heads], widths) > room:
        stripes.append([])
    stripes[-1] += heads


def _block(table: Table, label: tuple[str, ...], heads: list[tuple[str, ...]], width: int, first: int) -> str:
    """first: columns of the names; where a name is longer, it has a line of its own."""
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table as RichTable

    printed = RichTable(box=Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True), show_edge=False, pad_edge=False)
    above = max(map(len, [*table.cells[label], *label])) > first
    printed.add_column("\n".join([""] * (len(heads[0]) - 1) if above and heads else label), min_width=first, no_wrap=True)
    for head in heads:
        printed.add_column("\n".join(head), overflow="fold")
    lines: list[str] = []
    for i, (name, *row) in enumerate(table.cells[[label, *heads]].itertuples(index=False)):
        if i in table.headings:
            printed.add_row(f"{table.headings[i]}:")
            lines.append("")
        printed.add_row("" if above else name, *(text.replace(NONE, "-") for text in row))
        lines.append(name if above else "")
    console = Console(
        file=io.StringIO(), width=width, color_system=None, force_terminal=False, force_jupyter=False, markup=False, highlight=False,
        emoji=False,
    )  # fmt: skip
    console.print(printed)
    written = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    top, rest = written[: len(written) - len(lines)], written[len(written) - len(lines) :]
    named = [part for pair in zip(lines, rest, strict=True) for part in pair]
    return "\n".join([*(line.rstrip() for line in top), *(line.rstrip() for line in named if line.strip())])


def merged(lines: Iterable[str]) -> list[str]:
    """A line for those that say the same of several things, `a: it is so` and `b: it is so`.

    >>> merged(["a: it is so.", "of all", "b, c: it is so."])
    ['a; b, c: it is so.', 'of all']
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        whose, colon, what = line.partition(": ")
        found.setdefault(what if colon else line, []).append(whose if colon else "")
    told = []
    for what, several in found.items():
        names = dict.fromkeys(filter(None, several))
        between = "; " if any("," in name for name in names) else ", "
        told.append(f"{between.join(names)}: {what}" if names else what)
    return told
