"""Heat maps: one function that draws one, and what each corruption leaves of each encoder's scores."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirbench.records import ALL, CLEAN, FAMILIES, NATURAL_SHIFT, OF_CORRUPTIONS, SEEN, UNSEEN
from mirbench.reporting.figures import style
from mirbench.reporting.figures.layout import text_width
from mirbench.reporting.words import NONE, Panel, caveats, cell, interval_of, mean_of, of_clean_audio, panels, short, size
from mirbench.results.order import are_means

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Grid = tuple[Figure, list[tuple[Axes, int, range, range]]]

SHADES = ((1.0, 1.0, 1.0), (0.42, 0.66, 0.86))  # black text is readable on both, and in grey they are as far apart
MEANS = {UNSEEN: "mean of unseen", SEEN: "mean of seen", FAMILIES: "mean", ALL: "mean"}
CELL_WIDTH, MOST_CELL = 0.25, 0.5  # inches of a cell with a number, at the least and at the most
VARIANT_WIDTH, MOST_VARIANT, HEAD = 0.85, 1.6, 15  # the same of one with an interval; letters in a line above it
MOST_ROWS_HIGH = 5.5  # inches of rows on a page


def cell_text(value: float) -> str:
    """
    >>> cell_text(0.854), cell_text(1.2), cell_text(-0.1), cell_text(float("nan"))
    ('.85', '1.20', '-.10', '–')
    """
    return NONE if value != value else f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.2f}"


def blocks_of(rows: Sequence[str], columns: int, blocks: int, least: float, most: float = MOST_CELL, **about: Any) -> Grid:
    """A figure of heat maps that share rows and columns, below each other; many rows and many columns stand in parts.

    rows: their names; columns: how many; least, most: inches of a cell. Returns the figure and, part by part and in it block by block, the
    panel, the place of the block, and the rows and columns that it has.
    """
    labels = [style.row_label(name) for name in rows]
    names = max(text_width(line, 7.5) for label in labels for line in label.split("\n")) + 0.3  # inches
    high = max(about.pop("high", 0.0), style.row_height(labels))
    across = style.chunks(columns, int((style.width() - names) / least))
    down = style.chunks(len(rows), int(MOST_ROWS_HIGH / high))
    parts = [(block, some, columns_of) for columns_of in across for some in down for block in range(blocks)]
    widest = max(map(len, across))
    shares = [len(columns_of) / widest for _, _, columns_of in parts]
    heights = [high * len(some) for _, some, _ in parts]
    figure, axes = style.canvas(heights, 1, 0, most=most * widest, blocks=[1] * len(parts), parts=shares, **about)
    figure.layout.starts = [row for row, (block, _, _) in enumerate(parts) if block == 0]  # type: ignore[attr-defined]
    return figure, [(axis, *part) for axis, part in zip(axes, parts, strict=True)]


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
            axis.text(column, row - (0.18 if below else 0), word, fontsize=7.5 if below else style.SMALL, gid=gid, **middle)
            if below:
                axis.text(column, row + 0.22, below, fontsize=style.SMALL, color="#333333", gid=f"interval:{gid}", **middle)
    axis.xaxis.tick_top()
    axis.set_xticks(range(len(heads)), heads)
    axis.set_yticks(range(len(shades)), [style.row_label(name) for name in shades.index])
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines["bottom"].set_visible(False)
    for draw, edges, drawn in ((axis.axhline, range(1, len(shades)), under), (axis.axvline, range(1, len(heads)), after)):
        for edge in edges:
            draw(edge - 0.5, color=style.GREY if edge in drawn else "white", linewidth=0.9)


@style.settings()
def retained(robustness: pd.DataFrame, summary: pd.DataFrame | None = None) -> Figure | None:
    """A block per task: encoders as rows, corruptions in their order as columns, their mean at the right. None without any number.

    robustness: as robustness.csv. summary: as summary.csv, of which the scores of clean audio stand first.
    """
    import pandas as pd

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

    scores = None if summary is None else of_clean_audio(style.prepared(summary)[0])
    columns = [*([CLEAN] if scores is not None else []), *sorted(family_of, key=place), *means]
    heads = ["clean score" if name == CLEAN else MEANS.get(name) or short(f"{name} *" if name in starred else name, 28) for name in columns]
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
        f"{' Clean score: the metric itself on clean audio.' if scores is not None else ''}"
    )
    floors = sum(not looks[name].floor for name in names)
    figure, grid = blocks_of(names, len(columns), len(blocks), CELL_WIDTH)
    for axis, number, some, of in grid:
        p = blocks[number]
        block: Any = p.of(kept).pivot(index="encoder", columns="corruption")
        rows, shown = names[some.start : some.stop], columns[of.start : of.stop]
        values, infinite = (block[what].reindex(index=rows, columns=shown) for what in ("value", "infinite"))
        words = values.map(cell_text)
        words = words.mask(infinite.isin(["inf", "-inf"]), infinite)
        if scores is not None and CLEAN in shown and p.task != ALL:
            words[CLEAN] = p.of(scores).set_index("encoder")["value"].reindex(rows).map(cell_text)
        words = words.map(lambda word: (word, ""))
        heat_map(axis, values, words, heads[of.start : of.stop], [floors - some.start], [edge - of.start for edge in after])
        axis.tick_params(axis="x", rotation=90, labelsize=style.SMALL)
        style.heading(axis, p.title if p.task == ALL else f"{p.title}, {p.metric}; {size(p.of(kept))}")
    drawn = pd.concat([p.of(kept) for p in blocks])
    return style.finish(figure, [], drawn[drawn["corruption"].isin(columns)], notes=[note, *caveats(kept)])


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
    titles = [[p.task, f"on {p.dataset}", p.metric.replace("_", " "), *size(rows).split(", ")] for p, rows in shown.items()]
    heads = ["\n".join(part for line in lines for part in textwrap.wrap(line, HEAD)) for lines in titles]
    under = [i for i in range(1, len(encoders)) if encoders[i] != encoders[i - 1]]
    note = (
        "White is the lowest and the darkest blue the highest score of the encoders in a column; a floor beyond them is shaded like the "
        f"nearer of the two. In brackets the {interval_of(*shown.values())}."
    )
    figure, grid = blocks_of(names, len(columns), 1, VARIANT_WIDTH, MOST_VARIANT, high=0.3)
    for axis, _, some, of in grid:
        of_part, in_words = (frame.iloc[some.start : some.stop, of.start : of.stop] for frame in (shades, words))
        heat_map(axis, of_part, in_words, heads[of.start : of.stop], [edge - some.start for edge in (*under, len(encoders))], [])
    drawn = [rows.reset_index() for rows in shown.values()]
    return style.finish(figure, [], pd.concat([rows[rows["encoder"].isin(names)] for rows in drawn]), notes=[note, *caveats(*drawn)])
