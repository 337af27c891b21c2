"""Figures of results, each a function of a frame: `figures.comparison(pandas.read_csv("summary.csv"))`. Readable in grey.

In: frames as results/ has them, completed or not. Out: matplotlib figures, or PNG, SVG and PDF files of all of them; importing this needs
neither matplotlib nor pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mirbench.engine.files import write_atomically
from mirbench.engine.workers import map_in_workers
from mirbench.records import SIMILARITY
from mirbench.reporting.figures import style
from mirbench.reporting.figures.captions import CAPTIONS, CURVES, MAP, ROBUSTNESS, in_words, tidy
from mirbench.reporting.figures.captions import SIMILARITY as OF_SIMILARITY
from mirbench.reporting.figures.cost import cost
from mirbench.reporting.figures.dots import comparison, differences, robustness
from mirbench.reporting.figures.heat import retained
from mirbench.reporting.figures.lines import curves, sweep
from mirbench.reporting.figures.maps import annotated
from mirbench.reporting.figures.similarity import alignment, similarity
from mirbench.reporting.words import of_clean_audio
from mirbench.results.cells import file_name, guarded
from mirbench.results.merging import Results
from mirbench.results.order import joined
from mirbench.results.schema import DIGITS

__all__ = [
    "alignment",
    "annotated",
    "comparison",
    "cost",
    "curves",
    "curves_name",
    "differences",
    "retained",
    "robustness",
    "similarity",
    "sweep",
    "write_figures",
]

NAMES = (
    "sweep",
    "comparison",
    "all_metrics",
    "differences",
    "cost",
    "robustness",
    "retained",
    "robustness-*",
    "similarity",
    "alignment",
    "map-*",
)


def curves_name(task: str, dataset: str) -> str:
    """The name of the figure of one task: letters that are unfit for a file name are quoted as in a URL, the end of a very long name is a
    hash."""
    return file_name(["robustness", quote(task, safe=""), quote(dataset, safe="")], "-", ".png").removesuffix(".png")


def map_name(annotation: str) -> str:
    """As `curves_name`, of the maps coloured by an annotation."""
    return file_name(["map", quote(annotation, safe="")], "-", ".png").removesuffix(".png")


KINDS = ("png", "svg", "pdf")
OTHERS = ("csv", "txt")  # beside them: what was drawn, and what it shows, in words


def write_figures(
    results: Results, folder: Path, notes_of: Callable[..., Sequence[str]] = lambda task, dataset: (), wide: str = "text"
) -> list[Path]:
    """Every figure that there is something for, as PNG, SVG and PDF, with its data as CSV and what it shows as text; those of an earlier
    report are taken away. Same data, same bytes. A figure that is longer than a page goes on in NAME-page-2 and so on.

    notes_of: of a task and a data set, the sentences below its curves. wide: column or text. They are drawn in worker processes. Returns
    the files.
    """
    written: list[Path] = []
    with style.settings(wide):
        planned = list(_figures(results, notes_of))
        style.prepare()

        def draw(number: int) -> list[Path]:
            name, caption, make = planned[number]
            figure = make()
            return [] if figure is None else list(_written(figure, folder, name, in_words(caption, figure.data)))

        for paths in map_in_workers(draw, range(len(planned)), name=lambda number: f"the figure {planned[number][0]}"):
            written += paths
    stale = {path for name in NAMES for kind in (*KINDS, *OTHERS) for end in ("", "-page-*") for path in folder.glob(f"{name}{end}.{kind}")}
    for path in stale.difference(written):
        path.unlink()
    return written


def _written(figure: Any, folder: Path, name: str, alt: str) -> Iterator[Path]:
    about: dict[str, dict[str, Any]] = {
        "png": {"Software": None, "Description": alt},
        "svg": {"Date": None, "Description": alt},
        "pdf": {"CreationDate": None, "Title": name, "Subject": alt},
    }
    for page, whole in enumerate(style.paged(figure), 1):
        stem = name if page == 1 else f"{name}-page-{page}"
        for kind, metadata in about.items():
            yield _put(folder / f"{stem}.{kind}", style.rendered(whole, kind, metadata=metadata))
    data = tidy(figure.data)
    texts = data.astype({column: "str" for column in data if data[column].dtype in ("category", "object", "str")}).map(_cell)
    yield _put(folder / f"{name}.csv", texts.to_csv(index=False, lineterminator="\n"))
    yield _put(folder / f"{name}.txt", alt + "\n")


def _cell(value: Any) -> str:
    return guarded(value) if isinstance(value, str) else DIGITS.format(value) if isinstance(value, float) else str(value)


def _put(path: Path, content: str | bytes) -> Path:
    write_atomically(path, content)
    return path


def _figures(results: Results, notes_of: Callable[..., Sequence[str]]) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Each with its name, its caption and what draws it; an encoder looks the same in all, as the tables have the order of encoders in
    common."""
    summary, clean = results.summary, of_clean_audio(results.summary)
    manifests = list(results.manifests.values())
    drawn: dict[str, Callable[[], Any]] = {
        "sweep": partial(sweep, clean, results.points),
        "comparison": partial(comparison, clean),
        "all_metrics": partial(comparison, clean, "all"),
        "differences": partial(differences, results.comparisons, results.points),
        "cost": partial(cost, clean, results.costs),
        "robustness": partial(robustness, results.robustness),
        "retained": partial(retained, results.robustness, summary),
        "similarity": partial(similarity, summary),
        **({"alignment": partial(alignment, manifests[0].get("similarity", {}))} if len(manifests) == 1 else {}),
    }
    captions = {**CAPTIONS, **ROBUSTNESS, **OF_SIMILARITY}
    yield from ((name, captions[name], draw) for name, draw in drawn.items())
    of_maps = {"maps": joined(manifests, "maps"), "tasks": joined(manifests, "tasks")}
    for annotation in dict.fromkeys(results.clips["annotation"].astype("str")):
        yield map_name(annotation), MAP.format(annotation), partial(annotated, results.maps, results.clips, annotation, of_maps)
    corrupted = summary[(summary["severity"] > 0) & (summary["task"] != SIMILARITY)]
    for task, dataset in corrupted[["task", "dataset"]].drop_duplicates().itertuples(index=False):
        caption = CURVES.format(f"{task} on {dataset}")
        yield curves_name(task, dataset), caption, partial(curves, summary, task, dataset, notes_of(task, dataset))
