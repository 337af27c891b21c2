"""Figures of results, each a function of a frame: `figures.comparison(pandas.read_csv("summary.csv"))`. Readable in grey.

In: frames as results/ has them, completed or not. Out: matplotlib figures, or PNG and SVG files of all of them; importing this needs
neither matplotlib nor pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mirbench.engine.files import write_atomically
from mirbench.records import SIMILARITY
from mirbench.reporting.figures import style
from mirbench.reporting.figures.cost import cost
from mirbench.reporting.figures.dots import comparison, differences, robustness
from mirbench.reporting.figures.heat import retained
from mirbench.reporting.figures.lines import curves, sweep
from mirbench.reporting.figures.similarity import alignment, similarity
from mirbench.reporting.words import of_clean_audio
from mirbench.results.cells import file_name
from mirbench.results.merging import Results

__all__ = [
    "alignment",
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

NAMES = ("sweep", "comparison", "all_metrics", "differences", "cost", "robustness", "retained", "robustness-*", "similarity", "alignment")


def curves_name(task: str, dataset: str) -> str:
    """The name of the figure of one task: letters that are unfit for a file name are quoted as in a URL, the end of a very long name is a
    hash."""
    return file_name(["robustness", quote(task, safe=""), quote(dataset, safe="")], "-", ".png").removesuffix(".png")


@style.settings()
def write_figures(results: Results, folder: Path, notes_of: Callable[..., Sequence[str]] = lambda task, dataset: ()) -> list[Path]:
    """Every figure that there is something for, as PNG and as SVG; those of an earlier report are taken away. Same data, same bytes.

    notes_of: of a task and a data set, the sentences below its curves. Returns the files.
    """
    written: list[Path] = []
    for name, figure in _figures(results, notes_of):
        if figure is not None:
            for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
                written.append(folder / f"{name}.{kind}")
                write_atomically(written[-1], style.rendered(figure, kind, metadata=metadata))
    for path in {path for name in NAMES for kind in ("png", "svg") for path in folder.glob(f"{name}.{kind}")}.difference(written):
        path.unlink()
    return written


def _figures(results: Results, notes_of: Callable[..., Sequence[str]]) -> Iterator[tuple[str, Any]]:
    """Each with its name; an encoder looks the same in all, as the tables have the order of encoders in common."""
    summary, clean = results.summary, of_clean_audio(results.summary)
    yield "sweep", sweep(clean, results.points)
    yield "comparison", comparison(clean)
    yield "all_metrics", comparison(clean, "all")
    yield "differences", differences(results.comparisons, results.points)
    yield "cost", cost(clean, results.costs)
    yield "robustness", robustness(results.robustness)
    yield "retained", retained(results.robustness)
    yield "similarity", similarity(summary)
    if len(manifests := list(results.manifests.values())) == 1:
        yield "alignment", alignment(manifests[0].get("similarity", {}))
    corrupted = summary[(summary["severity"] > 0) & (summary["task"] != SIMILARITY)]
    for task, dataset in corrupted[["task", "dataset"]].drop_duplicates().itertuples(index=False):
        yield curves_name(task, dataset), curves(summary, task, dataset, notes_of(task, dataset))
