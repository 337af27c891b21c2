"""Test clips in two dimensions, a panel for each encoder, coloured by what they are labelled with."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.notation import key_name, parse_key, parse_pitch
from mirbench.reporting.figures import style
from mirbench.reporting.words import number, short
from mirbench.results.predictions import labels_in

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOST_CLASSES = 12  # of which each has a colour and a marker; the others of a larger number are grey
MOST_TAGS = 4  # the most common, a row of panels each
LEAST, MOST, ACROSS = 0.95, 2.2, 6  # inches of a panel; panels beside each other
DOT, FAINT = 5.0, "#D9D9D9"  # square points; of clips without the label
CIRCLE = 12  # fifths, or semitones, of a circle of hues
LIGHTNESS, CHROMA = 0.7, 0.13  # of these


@dataclass(frozen=True, eq=False)
class _Colouring:
    """One way to colour clips. silhouette: of which labelling; look: by label, its colour and marker; unit: of labels that are
    numbers, low ones dark and high ones light."""

    name: str
    silhouette: str
    labels: Mapping[tuple[str, str], str]
    look: Mapping[str, tuple[Any, str]]
    unit: str = ""


@style.settings()
def annotated(maps: pd.DataFrame, clips: pd.DataFrame, annotation: str, manifest: Mapping[str, Any]) -> Figure | None:
    """A row of panels for each data set and way to colour its clips by an annotation, the encoders of the run beside each other: pitches by
    height and by pitch class, keys by the circle of fifths, tags by the most common ones, numbers by dimension. None without such clips.

    maps, clips: as maps.csv and clips.csv. manifest: its `maps` tells trustworthiness and silhouettes, its `tasks` the kinds of target.
    """
    import pandas as pd

    of = clips[clips["annotation"] == annotation]
    encoders = [str(name) for name in maps["encoder"].cat.categories if (maps["encoder"] == name).any()]
    drawn: list[tuple[str, _Colouring, str]] = []
    target: Mapping[str, Any] = next((t for t in (manifest.get("tasks") or {}).values() if t.get("annotation") == annotation), {})
    for dataset, rows in of.groupby("dataset", observed=True, sort=False):
        labels = {(str(dataset), str(clip)): str(label) for clip, label in rows[["clip", "label"]].itertuples(index=False)}
        for colouring in _colourings(annotation, labels, target):
            names = [name for name in encoders if ((maps["encoder"] == name) & (maps["dataset"] == dataset)).any()]
            drawn += [(str(dataset), colouring, name) for name in names]
    if not drawn:
        return None
    blocks = Counter((dataset, colouring.name) for dataset, colouring, _ in drawn)
    figure, axes = style.canvas([LEAST] * len(drawn), ACROSS, LEAST, most=MOST, blocks=list(blocks.values()), square=True)
    data, told = [], (manifest.get("maps") or {})
    for axis, (dataset, colouring, encoder) in zip(axes, drawn, strict=True):
        points = maps[(maps["encoder"] == encoder) & (maps["dataset"] == dataset)]
        shown = [colouring.labels.get((dataset, str(clip)), "") for clip in points["clip"]]
        _scatter(axis, points, shown, colouring)
        about = told.get(dataset, {}).get("encoders", {}).get(encoder, {})
        style.heading(axis, short(encoder, 40), "; ".join([colouring.name, *_facts(about, colouring.silhouette)]))
        data.append(points.assign(colouring=colouring.name, label=shown, overlap=0))
    methods = {about.get("method") for about in told.values()}
    return style.finish(figure, _handles(dict.fromkeys(c for _, c, _ in drawn)), pd.concat(data), notes=_notes(methods, told))


def _colourings(annotation: str, labels: Mapping[tuple[str, str], str], about: Mapping[str, Any]) -> Iterator[_Colouring]:
    """labels: by data set and clip, as in clips.csv. about: the task, of the manifest."""
    target = about.get("target", "multiclass")
    if target == "multilabel":
        tags = {clip: labels_in(cell) for clip, cell in labels.items()}
        common = Counter(tag for several in tags.values() for tag in several).most_common(MOST_TAGS)
        for i, (tag, _) in enumerate(common):
            of_tag = {clip: f"{annotation}: {tag}" if tag in several else "" for clip, several in tags.items()}
            yield _Colouring(f"tag {short(tag, 24)}", annotation, of_tag, {f"{annotation}: {tag}": (style.COLOURS[i], "o")})
        return
    if target == "regression":
        for i, dimension in enumerate(about.get("classes") or [annotation]):
            yield _sequential(str(dimension), annotation, {clip: cell.split(" ")[i] for clip, cell in labels.items()}, str(dimension))
        return
    with contextlib.suppress(MirbenchError):
        if annotation == "pitch":
            notes = {clip: parse_pitch(cell) for clip, cell in labels.items()}
            yield _sequential("height", annotation, {clip: str(note) for clip, note in notes.items()}, "MIDI note")
            names = {clip: key_name(note, "major").partition(" ")[0] for clip, note in notes.items()}
            hues = {key_name(place, "major").partition(" ")[0]: _hue(place) for place in range(CIRCLE)}
            yield _Colouring("pitch class", "pitch class", names, {name: (colour, "o") for name, colour in hues.items()})
            return
        if annotation == "key":
            keys = {clip: parse_key(cell) for clip, cell in labels.items()}
            fifths = [(place * 7 % 12, mode) for mode in ("major", "minor") for place in range(CIRCLE)]
            look = {  # a minor key has the hue of its relative major
                key_name(tonic, mode): (_hue((tonic if mode == "major" else tonic + 3) * 7), "o" if mode == "major" else "^")
                for tonic, mode in fifths
            }
            yield _Colouring("circle of fifths", annotation, {clip: key_name(*key) for clip, key in keys.items()}, look)
            return
    frequent = [name for name, _ in Counter(labels.values()).most_common(MOST_CLASSES)]
    ordered = [name for name in about.get("classes") or sorted(frequent) if name in frequent] or frequent
    yield _Colouring(annotation, annotation, labels, {name: (style.look(i).colour, style.look(i).marker) for i, name in enumerate(ordered)})


def _sequential(name: str, silhouette: str, labels: Mapping[tuple[str, str], str], unit: str) -> _Colouring:
    import matplotlib

    numbers = [float(text) for text in labels.values()]
    low, high = min(numbers), max(numbers)
    shades = matplotlib.colormaps["viridis"]
    look = {text: (shades(0.95 * (float(text) - low) / ((high - low) or 1)), "o") for text in labels.values()}
    return _Colouring(name, silhouette, labels, look, unit)


def _hue(place: int) -> tuple[float, ...]:
    """Red, green and blue of a place on a circle of twelve, all as light as each other and as far apart: OKLCH (Ottosson 2020), which
    matplotlib's cyclic maps, two of them, are not.

    >>> _hue(0) == _hue(12)
    True
    """
    angle = 2 * math.pi * (place % CIRCLE) / CIRCLE
    a, b = CHROMA * math.cos(angle), CHROMA * math.sin(angle)
    long, middle, small = (
        (LIGHTNESS + one * a + other * b) ** 3
        for one, other in ((0.3963377774, 0.2158037573), (-0.1055613458, -0.0638541728), (-0.0894841775, -1.2914855480))
    )
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * small,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * small,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * small,
    )
    inside = (min(max(x, 0.0), 1.0) for x in linear)
    return tuple(12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055 for x in inside)


def _scatter(axis: Any, points: pd.DataFrame, shown: Sequence[str], colouring: _Colouring) -> None:
    """What has the label above what has not, class by class in an order that no class profits from."""
    xs, ys = points["x"].to_numpy(), points["y"].to_numpy()
    rest = [i for i, label in enumerate(shown) if label not in colouring.look]
    axis.scatter(xs[rest], ys[rest], s=DOT * 0.6, c=FAINT, linewidths=0, zorder=1, gid="others")
    for marker in dict.fromkeys(marker for _, marker in colouring.look.values()):
        of = [i for i, label in enumerate(shown) if label in colouring.look and colouring.look[label][1] == marker]
        colours = [colouring.look[shown[i]][0] for i in of]
        axis.scatter(xs[of], ys[of], s=DOT, c=colours or None, marker=marker, linewidths=0, zorder=2, gid=f"clips:{marker}")
    reach = 0.53 * max(np.ptp(xs), np.ptp(ys), 1e-9)
    middle = (xs.min() + xs.max()) / 2, (ys.min() + ys.max()) / 2
    axis.set(xticks=[], yticks=[], xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
    axis.grid(False)
    for side in axis.spines.values():
        side.set(visible=True, color="#BBBBBB", linewidth=0.5)


def _facts(about: Mapping[str, Any], labelling: str) -> list[str]:
    found = (about.get("silhouettes") or {}).get(labelling)
    return [
        *([f"trust {number(about['trustworthiness'], 2)}"] if about.get("trustworthiness") is not None else []),
        *([f"silh. {_signed(found['embedding'])} ({_signed(found['map'])} here)"] if found else []),
    ]


def _signed(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.2f}".replace("0.", ".", 1)


def _handles(colourings: Iterable[_Colouring]) -> list[Any]:
    """Of each label, once; of a sequential scale some of its values."""
    from matplotlib.lines import Line2D

    found: dict[tuple[str, Any], Any] = {}
    for colouring in colourings:
        names = list(colouring.look)
        if colouring.unit:
            in_order = sorted(names, key=float)
            names = [in_order[round(i * (len(in_order) - 1) / 4)] for i in range(5)]
        for name in dict.fromkeys(names):
            colour, marker = colouring.look[name]
            label = f"{colouring.unit} {float(name):g}" if colouring.unit else short(name, 28)
            found.setdefault((label, marker), Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=4, label=label))
    grey = Line2D([], [], color=FAINT, marker="o", linestyle="none", markersize=3, label="others")
    return [*found.values(), grey]


def _notes(methods: Iterable[Any], told: Mapping[str, Any]) -> list[str]:
    how = " and ".join({"tsne": "t-SNE", "umap": "UMAP"}.get(str(method), str(method)) for method in methods if method)
    perplexities = sorted({about["perplexity"] for each in told.values() for about in each["encoders"].values() if about.get("perplexity")})
    with_perplexity = f", perplexity {', '.join(f'{x:g}' for x in perplexities)}" if perplexities else ""
    return [
        f"{how or 'A map'}{with_perplexity}, of the first seed of each encoder. Who is near whom can be seen; sizes, axes and far "
        "distances say nothing. trust: trustworthiness, 1 if all neighbours here are neighbours in the embedding. silh.: silhouette of the "
        "labels in the embedding, and here; 0 or below: no clusters."
    ]
