"""Heat maps of what embeddings tell without a probe: what corruption does to them, and how alike those of two encoders are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.reporting.figures import style
from mirbench.reporting.figures.heat import CELL_WIDTH, heat_map
from mirbench.reporting.tables.similarity import counts_of, shown_of_corruption
from mirbench.reporting.words import NONE, interval, short, size

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ALIGNED_WIDTH = 0.78  # inches, of a cell with an interval
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
    inner = CELL_WIDTH * len(columns), style.row_height(map(style.row_label, names)) * len(names)
    figure, axes = style.canvas(len(blocks), 1, *inner)
    for place, (axis, ((dataset, label), block)) in enumerate(zip(axes, blocks, strict=True)):
        values: Any = block.pivot(index="encoder", columns="corruption", values="value").reindex(index=names, columns=columns)
        shades = values if str(block["metric"].iloc[0]).startswith(FAITHFUL) else 1 - values
        words = values.map(lambda value: (NONE if value != value else f"{value:.2f}", ""))
        heads = [short(name, 28) for name in columns] if place == 0 else [""] * len(columns)
        heat_map(axis, shades.clip(0, 1), words, heads, [sum(not looks[name].floor for name in names)], [])
        axis.tick_params(axis="x", rotation=90, labelsize=8.5)
        axis.set_title(f"{label}, {dataset}; {size(block)}", fontsize=9.5, pad=8)
    note = (
        "At the highest severity of each corruption. Darkest blue: nothing moved (0), every clip finds itself (1), no decision changed "
        "(0); white: a clip moves "
        "as far as another clip is (1) or further, none finds itself, all decisions change."
    )
    return style.finish(figure, notes=[note])


@style.settings()
def alignment(found: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    """A block for each data set with two encoders or more: the linear CKA of each two. found: `similarity` of a manifest."""
    import pandas as pd

    blocks = {dataset: about for dataset, about in found.items() if len(about["encoders"]) > 1}
    if not blocks:
        return None
    most = max(len(about["encoders"]) for about in blocks.values())
    names: Sequence[str] = next(about["encoders"] for about in blocks.values() if len(about["encoders"]) == most)
    inner = ALIGNED_WIDTH * most, style.row_height(map(style.row_label, names)) * most
    figure, axes = style.canvas(len(blocks), 1, *inner)
    for axis, (dataset, about) in zip(axes, blocks.items(), strict=True):
        measured = np.array([about[part] for part in ("linear_cka", "ci_low", "ci_high")], float)
        cells = [[(NONE if value != value else f"{value:.2f}", interval(low, high)) for value, low, high in row] for row in measured.T]
        values, words = (pd.DataFrame(each, index=about["encoders"], columns=about["encoders"]) for each in (measured[0], cells))
        heat_map(axis, values.clip(0, 1), words, [short(name, 28) for name in about["encoders"]], [], [])
        axis.tick_params(axis="x", rotation=90, labelsize=8.5)
        axis.set_title(f"linear CKA, {dataset}; {counts_of(about)}", fontsize=9.5, pad=8)
    note = (
        "How alike two representations are, whatever their rotation and scale (debiased linear CKA; Kornblith et al. 2019, Murphy et al. "
        "2024): 1 the same, about 0 nothing in common. The first seed of each encoder; intervals are over groups of clips."
    )
    return style.finish(figure, notes=[note])
