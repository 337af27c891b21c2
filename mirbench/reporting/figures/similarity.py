"""Heat maps of what embeddings tell without a probe: what corruption does to them, and how alike those of two encoders are."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirbench.reporting.figures import style
from mirbench.reporting.figures.heat import CELL_WIDTH, blocks_of, cell_text, heat_map
from mirbench.reporting.tables.similarity import counts_of, measured_alignment, shown_of_corruption
from mirbench.reporting.words import interval, short, size

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ALIGNED_WIDTH, MOST_ALIGNED, HEAD = 0.72, 1.0, 13  # inches of a cell with an interval; letters in a line above it
FAITHFUL = "recall"  # of what begins so larger is better; of the others smaller


@style.settings()
def similarity(summary: pd.DataFrame) -> Figure | None:
    """A block for each data set and measure: encoders as rows, corruptions at their highest severities as columns. None where nothing
    was corrupted.

    summary: as summary.csv.
    """
    prepared, looks = style.prepared(summary)
    rows = shown_of_corruption(prepared)
    if not len(rows):
        return None
    names = style.among(looks, rows["encoder"])
    columns = list(dict.fromkeys(rows.sort_values("corruption")["corruption"].astype("str")))
    blocks = list(rows.groupby(["dataset", "label"], observed=True, sort=False))
    figure, grid = blocks_of(names, len(columns), len(blocks), CELL_WIDTH)
    for axis, number, some, of in grid:
        (dataset, label), block = blocks[number]
        shown: Any = names[some.start : some.stop], columns[of.start : of.stop]
        values: Any = block.pivot(index="encoder", columns="corruption", values="value").reindex(index=shown[0], columns=shown[1])
        shades = values if str(block["metric"].iloc[0]).startswith(FAITHFUL) else 1 - values
        words = values.map(lambda value: (cell_text(value), ""))
        heads = [short(name, 28) for name in shown[1]]
        heat_map(axis, shades.clip(0, 1), words, heads, [sum(not looks[name].floor for name in names) - some.start], [])
        axis.tick_params(axis="x", rotation=90, labelsize=style.SMALL)
        style.heading(axis, f"{label}, {dataset}; {size(block)}")
    note = (
        "At the highest severity of each corruption. Darkest blue: nothing moved (0), every clip finds itself (1), no decision changed "
        "(0); white: a clip moves "
        "as far as another clip is (1) or further, none finds itself, all decisions change."
    )
    return style.finish(figure, [], rows, notes=[note])


@style.settings()
def alignment(found: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    """A block for each data set with two encoders or more: the linear CKA of each two. found: `similarity` of a manifest."""
    import pandas as pd

    blocks = {dataset: about for dataset, about in found.items() if len(about["encoders"]) > 1}
    if not blocks:
        return None
    names: Sequence[str] = max((about["encoders"] for about in blocks.values()), key=len)
    figure, grid = blocks_of(names, len(names), len(blocks), ALIGNED_WIDTH, MOST_ALIGNED, high=0.3)
    drawn = []
    for axis, number, some, of in grid:
        (dataset, about), own = list(blocks.items())[number], list(blocks.values())[number]["encoders"]
        measured = measured_alignment(about)
        cells = [[(cell_text(value), interval(low, high)) for value, low, high in row] for row in measured.transpose(1, 2, 0)]
        values, words = (pd.DataFrame(each, index=own, columns=own) for each in (measured[0], cells))
        rows, columns = own[some.start : some.stop], own[of.start : of.stop]
        heads = ["\n".join(textwrap.wrap(short(name, 28), HEAD, break_on_hyphens=False)) for name in columns]
        heat_map(axis, values.loc[rows, columns].clip(0, 1), words.loc[rows, columns], heads, [], [])
        style.heading(axis, f"linear CKA, {dataset}; {counts_of(about)}")
        drawn += [
            {"dataset": dataset, "encoder": one, "other": other, "value": value, "ci_low": low, "ci_high": high, "n_test": about["n_test"]}
            for one, line in zip(own, measured.transpose(1, 2, 0), strict=True) if one in rows
            for other, (value, low, high) in zip(own, line, strict=True) if other in columns
        ]  # fmt: skip
    note = (
        "How alike two representations are, whatever their rotation and scale (debiased linear CKA; Kornblith et al. 2019, Murphy et al. "
        "2024): 1 the same, about 0 nothing in common. The first seed of each encoder; intervals are over groups of clips."
    )
    return style.finish(figure, [], pd.DataFrame(drawn), notes=[note])
