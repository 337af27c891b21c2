"""From run folders to tables, figures and a page. Reads results only: no torch, and matplotlib only when a figure is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.errors import MirbenchError
from mirbench.reporting.board import build_board
from mirbench.results import RunFolder, merge
from mirbench.store import write_atomically


@dataclass(frozen=True)
class Report:
    """table_text: the scores for a terminal of 100 columns. files: what was written, report.html last."""

    table_text: str
    files: list[Path]


def report(run_paths: Sequence[Path], output: Path | None = None) -> Report:
    """Tables, figures and report.html of one run, into its folder, or of several runs as one, into `output`.

    Raises MirbenchError for a folder that is no run or is damaged, and for several runs without an output.
    """
    from mirbench.reporting import figures, html, sweeps, tables

    if not run_paths:
        raise MirbenchError("a report needs at least one run folder; give one that `mirbench run` wrote, such as results/first.")
    if output is None and len(run_paths) > 1:
        many = len(run_paths)
        raise MirbenchError(f"a report of {many} runs belongs to none of their folders; say where to write it with --output FOLDER.")
    folder = Path(output) if output is not None else Path(run_paths[0])
    board = build_board(merge([RunFolder(path) for path in run_paths]))
    text = {"scores.md": tables.scores_markdown(board), "comparisons.md": tables.comparisons_markdown(board)}
    if swept := sweeps.sweep_markdown(board):
        text["sweep.md"] = swept
    else:
        (folder / "tables" / "sweep.md").unlink(missing_ok=True)  # of an earlier report
    for name, content in text.items():
        write_atomically(folder / "tables" / name, content)
    drawn = figures.write_figures(board, folder / "figures")
    page = folder / "report.html"
    write_atomically(page, html.page(board, [path for path in drawn if path.suffix == ".svg"]))
    return Report(tables.scores_text(board), [*(folder / "tables" / name for name in text), *drawn, page])


def up_to_date(run_path: Path) -> bool:
    """Whether the run's report was written after its results."""
    page, manifest = Path(run_path) / "report.html", Path(run_path) / "manifest.json"
    return page.exists() and manifest.exists() and page.stat().st_mtime_ns >= manifest.stat().st_mtime_ns


def table_text(run_path: Path) -> str:
    """The scores of a run for a terminal of 100 columns; writes and draws nothing."""
    from mirbench.reporting import tables

    return tables.scores_text(build_board(merge([RunFolder(run_path)])))
