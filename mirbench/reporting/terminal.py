"""Tables for a terminal: as many columns beside each other as fit, and the notes that matter most."""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mirbench.records import FAMILIES
from mirbench.reporting import left_out, notes
from mirbench.reporting.tables.costs import BRIEFLY, costs, measured_on
from mirbench.reporting.tables.robustness import by_measure
from mirbench.reporting.tables.scores import clean, scores
from mirbench.reporting.tables.table import Table, of_text
from mirbench.reporting.words import MEASURES, NONE, caveats, interval_of, mean_of, natural_shifts, panels, size, span
from mirbench.results.run_folder import troubles

if TYPE_CHECKING:
    from mirbench.results.merging import Results

COLUMNS = {
    "retained_unseen": "retained, unseen families",
    "retained_seen": "retained, seen families",
    **MEASURES,
}
COSTS = ("parameters", "gflop_per_second", "milliseconds")
ROOM = 20  # of a column, and so how many fit


def text(results: Results, width: int) -> str:
    """The scores, the means over tasks under corruption, and what went wrong; width: columns of the terminal."""
    return texts(results, [width])[width]


def texts(results: Results, widths: Iterable[int]) -> dict[int, str]:
    """The text for each width; the numbers are gathered once."""
    parts = [_scores(results), *_costs(results), *_robustness(results)]
    told = [line for manifest in results.manifests.values() for line in troubles(manifest)]
    last = ["\n".join(told) + "\n"] if told else []

    def written(table: Table, lines: list[str], width: int) -> str:
        wrapped = "\n".join(x for line in lines for x in textwrap.wrap(line, width, subsequent_indent="  "))
        return "\n\n".join([*(_printed(table, width) if len(table.cells) else []), wrapped]) + "\n"

    return {width: "\n".join([*(written(table, lines, width) for table, lines in parts), *last]) for width in widths}


def _scores(results: Results) -> tuple[Table, list[str]]:
    """The table, and the lines below it."""
    rows = clean(results.summary)
    sizes = dict.fromkeys(f"{panel.title}: {size(panel.of(rows))}" for panel in panels(rows))
    below = [f"Mean over seeds [{interval_of(rows)}], test split, clean audio.", *caveats(rows), *sizes, *notes.beaten(rows)]
    below += [*left_out.behind_means(results, only_parts=True), *left_out.of_manifests(results)]
    return scores(results.summary, results.comparisons), [*below, *notes.of_probes(results), *notes.overlap(results)]


def _costs(results: Results) -> list[tuple[Table, list[str]]]:
    """As _scores; nothing where no cost was measured."""
    if not (devices := measured_on(results.costs)):
        return []
    floors = set(results.summary["encoder"][results.summary["role"] == "floor"])
    return [(costs(results.costs, floors, COSTS), [BRIEFLY.format(" and ".join(devices))])]


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
    over = f"{tasks} tasks, of those where it is defined, and " if tasks > 1 else ""
    known = corrupted["counted"].notna().all()
    once = ", each family of which counts once" if mean_of(results.robustness) == FAMILIES else ""
    of_counted = corrupted.loc[corrupted["counted"], "corruption"].nunique() if known else 0
    counted = span([of_counted], "corruption") if of_counted else "natural shifts" if known else "the corruptions that count"
    relative = (
        f"mCE{' and errors' if 'clean_ce' in over_all else ''}: {notes.relative_to(results)} is 1, lower is better; retained: 1 is all."
    )
    means_of = f"Mean over {over}{counted}{once}. {relative if 'mce' in over_all else 'Retained: 1 is all.'}"
    lines = [
        means_of if len(means) else "No robustness score over all tasks; see the tables of each.",
        *(["Probes were trained on audio under the same condition."] if notes.trained_on_corrupted(results) else []),
        *notes.undefined(results),
        *notes.troubles(results),
    ]
    return [(table, lines)]


def _printed(table: Table, width: int) -> list[str]:
    """The table in as many blocks as it takes; the columns of a task stay together where they can."""
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table as RichTable

    label, *heads = (tuple(head) for head in table.cells.columns)
    names = list(table.cells[label])
    first = min(36, max(map(len, [*names, *label])))
    most = max(1, (width - first) // ROOM)
    stripes: list[list[tuple[str, ...]]] = [[]]
    for _, task in itertools.groupby(heads, lambda head: head[0]):
        columns = list(task)
        for start in range(0, len(columns), most):
            together = columns[start : start + most]
            if len(stripes[-1]) + len(together) > most:
                stripes.append([])
            stripes[-1] += together
    blocks = []
    for stripe in stripes:
        printed = RichTable(box=Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True), show_edge=False, pad_edge=False)
        printed.add_column("\n".join(label), max_width=36, overflow="fold")
        for head in stripe:
            printed.add_column("\n".join(head), min_width=min(18, width - first - 2), overflow="fold")
        for i, row in enumerate(table.cells[[label, *stripe]].itertuples(index=False)):
            if i in table.headings:
                printed.add_row(f"{table.headings[i]}:")
            printed.add_row(*(text.replace(NONE, "-") for text in row))
        console = Console(
            file=io.StringIO(), width=width, color_system=None, force_terminal=False, force_jupyter=False, markup=False, highlight=False,
            emoji=False,
        )  # fmt: skip
        console.print(printed)
        written = console.file.getvalue()  # type: ignore[attr-defined]
        blocks.append("\n".join(line.rstrip() for line in written.splitlines()))
    return blocks
