"""Tables, figures and the page of finished runs. Reads results only: no torch, and matplotlib only when a figure is drawn.

In: one or more run folders, or frames of a notebook. Out: files of tables and figures, and the text that the terminal shows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.engine.files import digest_of, is_sealed, sealed, write_atomically
from mirbench.errors import MirbenchError
from mirbench.progress import timed

if TYPE_CHECKING:
    from mirbench.results.compared import Compared
    from mirbench.results.merging import Results

REPORTED = ".report.json"  # of which results a report is, and digests of its files
WIDTH = 100  # columns where no window says how wide it is
KEPT = {100: "tables/scores.txt", 80: "tables/scores-80.txt"}  # the text for a terminal of so many columns, widest first


@dataclass(frozen=True)
class Report:
    """text: the scores for a terminal. files: what was written, report.html last."""

    text: str
    files: list[Path]


def report(
    run_paths: Sequence[Path],
    output: Path | None = None,
    width: int = WIDTH,
    figures: str = "",
    all_metrics: bool = False,
    *,
    between: Compared | None = None,
) -> Report:
    """Tables, figures and report.html of one run, into its folder, or of several runs as one, into `output`.

    width: columns of the terminal. figures: how wide they are, column or text; "": as the first run was asked for. all_metrics: whether the
    text for the terminal has all. between: how encoders of several runs compare. Raises MirbenchError for a folder that is no run or is
    damaged, and for several runs without an output.
    """
    if not run_paths:
        raise MirbenchError("a report needs at least one run folder; give one that `mirbench run` wrote, such as results/first.")
    if output is None and len(run_paths) > 1:
        many = len(run_paths)
        raise MirbenchError(f"a report of {many} runs belongs to none of their folders; say where to write it with --output FOLDER.")
    folder = Path(output) if output is not None else Path(run_paths[0])
    with timed("drawing the report", "the report is drawn"):
        return _report(_load(*run_paths), folder, width, figures, all_metrics, between)


def _report(results: Results, folder: Path, width: int, figures: str, all_metrics: bool, between: Compared | None) -> Report:
    from mirbench.reporting import html, notes, terminal
    from mirbench.reporting.figures import write_figures
    from mirbench.reporting.sections import KINDS, STEMS, sections

    begun = time.perf_counter()
    made = sections(results, between)
    text = {f"tables/{name}": content for stem, section in made.items() for name, content in section.files(stem).items()}
    texts = terminal.texts(results, {*KEPT, width})
    text |= {name: texts[columns] for columns, name in KEPT.items()}
    for name, content in text.items():
        write_atomically(folder / name, content)
    for name in {f"tables/{stem}.{kind}" for stem in STEMS for kind in KINDS}.difference(text):
        (folder / name).unlink(missing_ok=True)  # of an earlier report
    figures = figures or _asked_width(results)
    drawn = write_figures(results, folder / "figures", partial(notes.of_curves, results), figures)
    page = folder / "report.html"
    write_atomically(page, html.page(results, made, begun))
    files = [*(folder / name for name in text), *drawn, page]
    written = {path.relative_to(folder).as_posix(): digest_of(path) for path in files}
    write_atomically(folder / REPORTED, sealed(json.dumps({"of": _results_digest(folder), "figures": figures, "files": written})))
    if all_metrics:
        return Report(terminal.text(results, width, all_metrics), files)
    return Report(text[kept] if (kept := _kept(width)) else texts[width], files)


def _asked_width(results: Results) -> str:
    """Of figures, as the settings of the first run say; a run of before says nothing."""
    asked = (next(iter(results.manifests.values())).get("config") or {}).get("figure_width")
    return str(asked or "text")


def up_to_date(run_path: Path, figures: str = "") -> bool:
    """Whether the run's report is of its results as they are, and each of its files as it was written. figures: how wide they should be;
    "": that does not matter."""
    folder = Path(run_path)
    try:
        text = (folder / REPORTED).read_text(encoding="utf-8")
        said = json.loads(text) if is_sealed(text) else {}
        if said["of"] != _results_digest(folder) or (figures and said["figures"] != figures):
            return False
        return all(list(digest_of(folder / name)) == digest for name, digest in said["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def updated(run_path: Path, width: int = WIDTH, figures: str = "", all_metrics: bool = False) -> str:
    """As `table_text`, after the report of the run has been made where it is not of its results as they are, or its figures not as wide."""
    from mirbench.results.run_folder import RunFolder

    if not up_to_date(run_path, figures):
        with RunFolder(run_path).locked():  # the same command may run more than once
            if not up_to_date(run_path, figures):
                return report([run_path], width=width, figures=figures, all_metrics=all_metrics).text
    return table_text(run_path, width, all_metrics)


def _results_digest(folder: Path) -> str:
    """Of the manifest, which has the digests of the tables; "" where there is none."""
    manifest = folder / "manifest.json"
    return digest_of(manifest)[1] if manifest.is_file() else ""


def table_text(run_path: Path, width: int = WIDTH, all_metrics: bool = False) -> str:
    """The scores of a run for a terminal of `width` columns; writes and draws nothing, and imports no pandas where the report has them.

    all_metrics: of every task, not the first of each alone; which a report does not have."""
    kept = "" if all_metrics else _kept(width)
    if kept and up_to_date(run_path) and (Path(run_path) / kept).exists():
        return (Path(run_path) / kept).read_text(encoding="utf-8")
    from mirbench.reporting import terminal

    return terminal.text(_load(run_path), width, all_metrics)


def _kept(width: int) -> str:
    """The widest text that a window has room for; nothing for a narrower window."""
    return next((name for columns, name in KEPT.items() if columns <= width), "")


def _load(*run_paths: Path) -> Results:
    """Raises MirbenchError where no score is of clean audio."""
    from mirbench.reporting.tables.scores import clean
    from mirbench.results.merging import load

    results = load(*run_paths)
    if not len(clean(results.summary)):
        raise MirbenchError(f"{' and '.join(results.manifests)} has no scores of clean audio in summary.csv; run it again.")
    return results
