"""Figures of lines: what a sweep does to every task, and what corruption does to one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirbench.notation import unit_parts
from mirbench.records import ALL, CLEAN, MAJORITY, OTHER_RECORDINGS, OVERLAP_MARK
from mirbench.reporting.figures import style
from mirbench.reporting.figures.dots import columns_of
from mirbench.reporting.figures.heat import variants
from mirbench.reporting.figures.layout import measure, text_width, wrapped
from mirbench.reporting.words import Panel, caveats, number, of_clean_audio, panels, short, size
from mirbench.results.order import own_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEYOND = 4.0  # where `all` stands, by the largest number
LOG_FROM = 10  # largest over smallest value from which the axis of any other option than these is logarithmic
SCALES = {
    "label_fraction": "log",
    "labelled_share": "linear",
    "views": "log",
    "shots": "log",
    "layer": "linear",
}  # log where all values are above 0
OPTION_LABELS = {  # what a reader calls an option; others go by their own name
    "label_fraction": "share of the labels used, p_s", "labelled_share": "labelled share of a batch, b_s", "views": "views of each clip, M",
    "batch_views": "views in a batch", "steps": "training steps", "temperature": "temperature of the loss",
    "learning_rate": "learning rate", "view_seconds": "length of a view (s)", "detune_cents": "detuning (cents)",
    "shots": "labels a class",
}  # fmt: skip
ENCODER_DASHES: tuple[Any, ...] = ((0, (9, 2)), (0, (9, 2, 2, 2)), (0, (5, 2, 2, 2, 2, 2)), (0, (3, 2)))
DOTS = {"shots": "seeds, or draws of one"}  # what single numbers are of
ENDS = ["value", "ci_low", "ci_high"]
FAR = 0.75  # a floor this many heights of the curves below them is named at the edge, not drawn
SWEEP_LEAST, SWEEP_HIGH = 1.5, 1.55  # inches of the drawing area of a panel
CURVES_ACROSS, CURVES_LEAST, CURVES_MOST, CURVES_HIGH = 5, 0.95, 2.6, 0.95


@style.settings()
def sweep(summary: pd.DataFrame, points: pd.DataFrame) -> Figure | None:
    """The headline metric of every task: against the value, where one numeric option was swept; else a row for each variant.

    summary: as summary.csv. points: the variants, by encoder and name, a column for each option, as Results has them. None where no
    variant was scored.
    """
    summary, looks = style.prepared(summary)
    clean = of_clean_audio(summary)
    points = points[points.index.get_level_values("name").isin(clean["encoder"])].dropna(axis="columns", how="all")
    if points.empty:
        return None
    names = points.index.get_level_values("name")
    rest = {name: looks[name] for name in style.among(looks, clean["encoder"]) if name not in names}
    shown = {p: p.of(clean).set_index("encoder") for p in panels(clean) if p.headline}
    every = [value for value in points.to_numpy().flat if value != ALL]
    if len(points.columns) > 1 or not every or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in every):
        return variants(shown, points, rest)
    swept: dict[str, dict[str, float]] = {}
    beyond = BEYOND * max(map(float, every))
    for encoder, name, value in points.reset_index().itertuples(index=False):
        number = beyond if value == ALL else float(value)
        swept.setdefault(encoder + (OVERLAP_MARK if name.endswith(OVERLAP_MARK) else ""), {})[name] = number
    return _curves(shown, swept, points.columns[0], rest, {beyond: ALL} if len(every) < points.size else {})


def _curves(
    shown: Mapping[Panel, pd.DataFrame],
    swept: Mapping[str, Mapping[str, float]],
    option: str,
    rest: style.Looks,
    called: Mapping[float, str],
) -> Figure:
    """A panel per task: metric against the value, a curve per swept encoder; what was not swept is a level line across. called: what stands
    at a value that is no number."""
    import pandas as pd
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    curves = {encoder: style.look(k).line(marker=style.look(k).marker, linewidth=1.4) for k, encoder in enumerate(swept)}
    levels = {}
    for i, (name, look) in enumerate(rest.items()):  # floors come last
        own = style.look(len(swept) + i)._replace(dashes=ENCODER_DASHES[i % len(ENCODER_DASHES)])
        levels[name] = look.line(linewidth=1) if look.floor else own.line(linewidth=1.3)
    values = sorted({value for value_of in swept.values() for value in value_of.values()})
    figure, axes = style.canvas([SWEEP_HIGH] * len(shown), columns_of(len(shown)), SWEEP_LEAST)
    for axis, (panel, rows) in zip(axes, shown.items(), strict=True):
        style.heading(axis, panel.title, size(rows))
        axis.set(ylabel=panel.label, xlabel=OPTION_LABELS.get(option, option))
        _value_axis(axis, option, values, called)
        _levels(axis, rows[rows["value"].notna()], levels)
        for k, (encoder, value_of) in enumerate(swept.items()):
            curve = rows.reindex(sorted(value_of, key=value_of.__getitem__)).dropna(subset="value")
            places, colour = [value_of[name] for name in curve.index], curves[encoder]["color"]
            shift = ScaledTranslation(4 / 72 * (k - (len(swept) - 1) / 2), 0, figure.dpi_scale_trans)  # lest whiskers hide each other
            about: Any = {"transform": axis.transData + shift, "gid": f"intervals:{encoder}"}
            axis.vlines(places, curve["ci_low"], curve["ci_high"], colour, linewidth=1.1, alpha=0.75, zorder=3, **about)
            single = [(place, x) for place, cell in zip(places, curve["by_seed"], strict=True) for x in style.seeds(cell)]
            axis.update_datalim([(values[0], end) for end in (*curve[ENDS].to_numpy().flat, *(x for _, x in single)) if end == end])
            dots: Any = {"color": colour, "marker": "o", "markersize": 1.6, "alpha": 0.6, "linestyle": "none", "zorder": 3}
            axis.plot([place for place, _ in single], [x for _, x in single], **dots, **about | {"gid": f"seeds:{encoder}"})
            axis.plot(places, curve["value"], markersize=4.5, zorder=4, **curves[encoder], **about | {"gid": f"curve:{encoder}"})
    handles = [Line2D([], [], label=name, **line) for name, line in [*curves.items(), *levels.items()]]
    handles.append(
        Line2D(
            [],
            [],
            color=style.GREY,
            marker="|",
            markersize=8,
            linestyle="none",
            label=f"whiskers, bands: 95 % interval; small: {DOTS.get(option, 'seeds')}",
        )
    )
    drawn = [rows.reset_index() for rows in shown.values()]
    return style.finish(figure, handles, pd.concat(drawn), notes=caveats(*drawn))


def _value_axis(axis: Axes, option: str, values: Sequence[float], called: Mapping[float, str]) -> None:
    """Ticks at the values; the scale is the option's, else logarithmic where they span LOG_FROM. A tick too near its neighbour has no
    label."""
    logarithmic = values[0] > 0 and SCALES.get(option, "log" if values[-1] / values[0] >= LOG_FROM else "linear") == "log"
    forth, back = (math.log, math.exp) if logarithmic else (float, float)
    first, width = forth(values[0]), forth(values[-1]) - forth(values[0]) or 1.0
    labels, last = [], -math.inf
    for value in values:
        text = called.get(value, f"{value:g}")
        near = (forth(value) - last) / width < 0.035 * (len(text) + 1.2)
        labels.append("" if near else text)
        last = last if near else forth(value)
    axis.set(xscale="log" if logarithmic else "linear", xlim=(back(first - 0.06 * width), back(first + 1.06 * width)))
    axis.set_xticks(values, labels)
    axis.set_xticks([], minor=True)


def _levels(axis: Axes, rows: pd.DataFrame, levels: Mapping[str, Mapping[str, Any]]) -> None:
    """Lines across; floors far below the curves are named at the lower edge, lest they flatten the curves."""
    ends, floors = rows.loc[rows["role"] == "encoder", ENDS].stack(), set(rows.index[rows["role"] == "floor"])
    below = []
    for name, value, low, high in rows.loc[rows.index.isin([*levels]), ENDS].sort_index().itertuples():
        if value < ends.min() - FAR * (ends.max() - ends.min()):
            below.append(f"{name} {number(value, 2)}")
            continue
        axis.axhline(value, zorder=2, gid=f"level:{name}", **levels[name])
        if low <= high and name not in floors:
            axis.axhspan(low, high, color=levels[name]["color"], alpha=0.1, linewidth=0, zorder=1).set_gid(f"band:{name}")
    if below:
        axis.margins(y=0.1)
        text = "\n".join(wrapped(f"below: {', '.join(below)}", SWEEP_LEAST))
        axis.text(0.99, 0.015, text, transform=axis.transAxes, ha="right", va="bottom", fontsize=style.SMALL, color=style.GREY, gid="below")


@style.settings()
def curves(summary: pd.DataFrame, task: str, dataset: str, notes: Sequence[str] = ()) -> Figure | None:
    """The headline metric of one task, panels with one axis; ticks say the physical level. None where it was scored under no corruption.

    summary: as summary.csv. notes: sentences that stand below, such as why a corruption was skipped; what they do not name and has no
    score here, and what does not count in means, is said without. Raises ValueError for a task that the summary has not.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    summary, looks = style.prepared(summary)
    panel = next((p for p in panels(summary) if p.headline and (p.task, p.dataset) == (task, dataset)), None)
    if panel is None:
        raise ValueError(f"the summary has no scores of {task} on {dataset}")
    rows = panel.of(summary)[panel.of(summary)["value"].notna()]
    corrupted, clean = rows[rows["severity"] > 0], of_clean_audio(rows)
    if corrupted.empty:
        return None
    drawn = list(dict.fromkeys(corrupted["corruption"].sort_values()))
    starred = set(corrupted.loc[~corrupted["counted"], "corruption"])
    lines = {name: looks[name].line(linewidth=1.1) for name in style.among(looks, corrupted["encoder"])}
    lines |= {name: line | {"marker": looks[name].marker, "markersize": 3} for name, line in lines.items() if not looks[name].floor}
    chance = {name: value for name, value in zip(clean["encoder"], clean["value"], strict=True) if own_name(name) == MAJORITY}
    ends = [x for x in rows[ENDS].to_numpy().flat if x == x] + [x for cell in rows["by_seed"] for x in style.seeds(cell)]
    edge = 0.06 * (max(ends) - min(ends)) or 0.06

    ticks = {corruption: _ticks(rows[rows["corruption"] == corruption]) for corruption in drawn}
    least = max(CURVES_LEAST, *(sum(text_width(text) + 0.06 for text in texts) for texts, _ in ticks.values()))
    figure, axes = style.canvas([CURVES_HIGH] * len(drawn), CURVES_ACROSS, least, most=CURVES_MOST, shared=True)
    for axis, corruption in zip(axes, drawn, strict=True):
        style.heading(axis, short(f"{corruption} *" if corruption in starred else corruption, 26))
        axis.set_ylim(min(ends) - edge, max(ends) + edge)
        axis.tick_params(length=2, pad=2)
        axis.yaxis.set_label_coords(0, 0.5)  # it has no label, which spares looking for a place for it
        for name, value in chance.items():
            axis.axhline(value, linestyle="--", color=style.GREY, linewidth=0.9, zorder=1, gid=f"chance:{name}")
        _panel(axis, rows[rows["corruption"].isin([CLEAN, corruption])], lines, *ticks[corruption])

    handles: list[Any] = [Line2D([], [], label=short(name, 40), **line) for name, line in lines.items()]
    handles += [Line2D([], [], color=style.GREY, linestyle="--", linewidth=1, label="chance (majority)")] if chance else []
    handles += [Line2D([], [], color=style.GREY, linewidth=0.7, alpha=0.55, label="clean audio")]
    handles += [Patch(color=style.GREY, alpha=0.2, linewidth=0, label="95 % interval")]
    others = dict.fromkeys(summary.loc[summary["severity"] > 0, "corruption"].sort_values())
    told = [name for name in others if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", " ".join(notes))]
    missing = [name for name in others if name not in [*drawn, *told]]
    own = [f"Not scored: {', '.join(missing)}."] * bool(missing) + ["*: not counted in means over corruptions."] * bool(starred)
    above = short(panel.title, 60), f"{size(rows)}; the severity grows from left to right"
    label = measure(panel.label, 1.6 if len(drawn) <= CURVES_ACROSS else 3.0)
    return style.finish(figure, handles, rows, notes=[*notes, *own, *caveats(rows)], above=above, label=label)


def _ticks(rows: pd.DataFrame) -> tuple[list[str], str]:
    """Of a corruption, clean audio on the left, what a tick says: the physical level, or the severity where that is not known; and the
    unit."""
    levels = rows.drop_duplicates("severity").sort_values("severity")
    own = levels["unit"].iloc[0]
    mark, unit = unit_parts(own) if levels["level"].notna().all() else ("", own if own == OTHER_RECORDINGS else "severity")
    numbers = levels["severity" if unit == "severity" else "level"]
    return ["clean", *("" if x != x else f"{x:g}{mark}" for x in numbers)], unit


def _panel(axis: Axes, rows: pd.DataFrame, lines: Mapping[str, Mapping[str, Any]], ticks: Sequence[str], unit: str) -> None:
    """Severities stand evenly."""
    severities = sorted(rows.loc[rows["severity"] > 0, "severity"].unique())
    place_of = {severity: place for place, severity in enumerate([0, *severities])}
    axis.set_xticks(range(len(ticks)), ticks)
    axis.set_xlabel(unit, labelpad=1)
    axis.set_xlim(-0.2, len(ticks) - 0.8)
    whole = of_clean_audio(rows)
    whole = whole[whole["encoder"].isin([name for name, line in lines.items() if line["linestyle"] == "-"])]
    colours = [lines[name]["color"] for name in whole["encoder"]]
    axis.hlines(whole["value"], 0, len(ticks) - 1, colours, linewidth=0.7, alpha=0.55, zorder=1, gid="clean")
    rows = rows.assign(place=rows["severity"].map(place_of)).sort_values("place")
    for name, line in lines.items():
        of_one = rows[rows["encoder"] == name]
        places, values, lows, highs = of_one[["place", "value", "ci_low", "ci_high"]].to_numpy().T
        single = [(place, x) for place, cell in zip(places, of_one["by_seed"], strict=True) for x in style.seeds(cell)]
        dots: Any = {"color": line["color"], "marker": "o", "markersize": 1.2, "alpha": 0.6, "linestyle": "none", "zorder": 3}
        axis.plot([place for place, _ in single], [x for _, x in single], gid=f"seeds:{name}", **dots)
        axis.fill_between(places, lows, highs, color=line["color"], alpha=0.13, linewidth=0).set_gid(f"band:{name}")
        axis.plot(places, values, zorder=4, gid=f"curve:{name}", **line)
