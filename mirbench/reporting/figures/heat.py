"""Heat maps: one function that draws one, and what each corruption leaves of each encoder's scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirbench.records import ALL, FAMILIES, NATURAL_SHIFT, OF_CORRUPTIONS, SEEN, UNSEEN
from mirbench.reporting.figures import style
from mirbench.reporting.words import NONE, Panel, caveats, cell, interval_of, mean_of, panels, short, size
from mirbench.results.order import are_means

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHADES = ((1.0, 1.0, 1.0), (0.42, 0.66, 0.86))  # black text is readable on both, and in grey they are as far apart
MEANS = {UNSEEN: "mean of unseen", SEEN: "mean of seen", FAMILIES: "mean", ALL: "mean"}
CELL_WIDTH, VARIANT_WIDTH = 0.43, 1.75  # inches


def heat_map(axis: Axes, shades: pd.DataFrame, words: pd.DataFrame, heads: Sequence[str], under: list[int], after: list[int]) -> None:
    """A row per name in the index, a column per name in the columns, shaded from 0 to 1, nan grey.

    words: what stands in each cell, with a smaller line below. heads: above the columns. under, after: the rows with a line above, the
    columns with a line before them; the others have white ones.
    """
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("shades", SHADES).with_extremes(bad="#F2F2F2")
    axis.imshow(shades.to_numpy(), cmap=colours, vmin=0, vmax=1, aspect="auto")
    middle: Any = {"ha": "center", "va": "center", "in_layout": False}
    for row, name in enumerate(shades.index):
        for column, head in enumerate(shades.columns):
            word, below = words.loc[name, head]
            gid = f"cell:{name}:{head}"
            axis.text(column, row - (0.16 if below else 0), word, fontsize=9 if below else 8, gid=gid, **middle)
            if below:
                axis.text(column, row + 0.22, below, fontsize=7.5, color="#333333", gid=f"interval:{gid}", **middle)
    axis.xaxis.tick_top()
    axis.set_xticks(range(len(heads)), heads)
    axis.set_yticks(range(len(shades)), [style.row_label(name) for name in shades.index])
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines["bottom"].set_visible(False)
    for draw, edges, drawn in ((axis.axhline, range(1, len(shades)), under), (axis.axvline, range(1, len(heads)), after)):
        for edge in edges:
            draw(edge - 0.5, color=style.GREY if edge in drawn else "white", linewidth=1.2)


@style.settings()
def retained(robustness: pd.DataFrame) -> Figure | None:
    """A block per task: encoders as rows, corruptions in their order as columns, their mean at the right. None without any number.

    robustness: as robustness.csv.
    """
    robustness, looks = style.prepared(robustness)
    every = robustness[robustness["measure"] == "retained"]
    kept = every[every["severity"] == 0]
    of_mean = are_means(kept)
    single = kept[~of_mean].sort_values("corruption")
    of_tasks = (single["task"] != ALL) | (single["families"] != NATURAL_SHIFT)  # of that alone there is a mean over tasks
    blocks = sorted(panels(single[single["value"].notna() & of_tasks]), key=lambda p: p.task == ALL)
    blocks = [p for p in blocks if p.task != ALL or len(blocks) > 2]
    if not blocks:
        return None
    names = style.among(looks, kept["encoder"])
    starred = set(single.loc[~single["counted"], "corruption"])
    whole = mean_of(kept)
    means = [name for name in (UNSEEN, SEEN, whole) if (kept["corruption"] == name).any()]
    unseen = set(" ".join(kept["families"][kept["corruption"] == UNSEEN]).split())
    family_of = dict(zip(single["corruption"].astype("str"), single["families"], strict=True))
    families, listed = [*OF_CORRUPTIONS, *family_of.values()], ", ".join(sorted(unseen))
    unknown = means and single["counted"].isna().any()

    def place(name: str) -> tuple[bool, bool, int]:
        return name in starred, family_of[name] not in unseen, families.index(family_of[name])

    columns = [*sorted(family_of, key=place), *means]
    heads = [MEANS.get(name) or short(f"{name} *" if name in starred else name, 28) for name in columns]
    after = [i for i in range(1, len(columns)) if family_of.get(columns[i]) != family_of.get(columns[i - 1])]
    undefined = every["value"][~are_means(every)].isna().any()
    note = (
        "Retained performance: corrupted minus chance over clean minus chance, mean over severities, headline metric. White is chance (0) "
        f"or worse, the darkest blue all that there was on clean audio (1) or more. {NONE}: not scored"
        f"{', or not surely above chance on clean audio' if undefined else ''}."
        f"{' Lines part families of corruptions, each of which counts once in means.' if whole != ALL else ''}"
        f"{f' Unseen in training: {listed}; seen: the others.' if unseen else ''}"
        f"{' The mean is over corruptions that count, which are not known here.' if unknown else ''}"
        f"{' The mean is over corruptions without *.' if starred and not unknown else ''}"
    )
    inner = CELL_WIDTH * len(columns), style.row_height(map(style.row_label, names)) * len(names)
    figure, axes = style.canvas(len(blocks), 1, *inner)
    for axis, p in zip(axes, blocks, strict=True):
        block: Any = p.of(kept).pivot(index="encoder", columns="corruption")
        values, infinite = (block[what].reindex(index=names, columns=columns) for what in ("value", "infinite"))
        words = values.map(lambda value: NONE if value != value else f"{value:.2f}")
        words = words.mask(infinite.isin(["inf", "-inf"]), infinite).map(lambda word: (word, ""))
        edges = [sum(not looks[name].floor for name in names)], after
        shown = heads if p == blocks[0] else [""] * len(columns)
        heat_map(axis, values, words, shown, *edges)
        axis.tick_params(axis="x", rotation=90, labelsize=8.5)
        said = p.title if p.task == ALL else f"{p.title}, {p.metric}; {size(p.of(kept))}"
        axis.set_title(said, fontsize=9.5, pad=8)
    return style.finish(figure, notes=[note, *caveats(kept)])


def variants(shown: Mapping[Panel, pd.DataFrame], points: pd.DataFrame, rest: style.Looks) -> Figure:
    """A sweep: a row per variant, then `rest`; a column per task, shaded on its own scale, with values and intervals in it."""
    import pandas as pd

    encoders, names = points.index.get_level_values("encoder"), [*points.index.get_level_values("name"), *rest]
    columns = {f"{p.task}:{p.dataset}": rows.reindex(names) for p, rows in shown.items()}
    values = pd.DataFrame({key: rows["value"] for key, rows in columns.items()})
    scale = values[[name not in rest or not rest[name].floor for name in names]]
    shades = (values - scale.min()).div((scale.max() - scale.min()).replace(0, math.inf)).clip(0, 1)
    parts = {key: rows[["value", "ci_low", "ci_high", "infinite"]].fillna({"infinite": ""}) for key, rows in columns.items()}
    cells = {key: [infinite or cell(*row) for *row, infinite in rows.itertuples(index=False)] for key, rows in parts.items()}
    words = pd.DataFrame(cells, index=names).map(lambda text: ("not scored", "") if text == NONE else text.partition(" ")[::2])
    heads = ["\n".join([p.task, f"on {p.dataset}", p.metric, *size(rows).split(", ")]) for p, rows in shown.items()]
    under = [i for i in range(1, len(encoders)) if encoders[i] != encoders[i - 1]]
    note = (
        "White is the lowest and the darkest blue the highest score of the encoders in a column; a floor beyond them is shaded like the "
        f"nearer of the two. In brackets the {interval_of(*shown.values())}."
    )
    inner = VARIANT_WIDTH * len(columns), max(0.42, style.row_height(map(style.row_label, names))) * len(names)
    figure, (axis,) = style.canvas(1, 1, *inner)
    heat_map(axis, shades, words, heads, [*under, len(encoders)], [])
    return style.finish(figure, notes=[note, *caveats(*(rows.reset_index() for rows in shown.values()))])
