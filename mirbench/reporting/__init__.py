"""Tables, figures and the page of finished runs. Reads results only: no torch, and matplotlib only when a figure is drawn.

In: one or more run folders. Out: files of tables and figures beside them, and the text that the terminal shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.engine.files import write_atomically
from mirbench.errors import MirbenchError
from mirbench.reporting.board import Board, build_board
from mirbench.reporting.corrupted import Corrupted, build_corrupted
from mirbench.results.merging import merge
from mirbench.results.run_folder import RunFolder, troubles


@dataclass(frozen=True)
class Report:
    """table_text: the scores for a terminal of 100 columns. files: what was written, report.html last."""

    table_text: str
    files: list[Path]


def report(run_paths: Sequence[Path], output: Path | None = None) -> Report:
    """Tables, figures and report.html of one run, into its folder, or of several runs as one, into `output`.

    Raises MirbenchError for a folder that is no run or is damaged, and for several runs without an output.
    """
    from mirbench.reporting import html
    from mirbench.reporting.figures import comparison as figures
    from mirbench.reporting.figures import sweeps
    from mirbench.reporting.tables import robustness as robustness_tables
    from mirbench.reporting.tables import scores as tables

    if not run_paths:
        raise MirbenchError("a report needs at least one run folder; give one that `mirbench run` wrote, such as results/first.")
    if output is None and len(run_paths) > 1:
        many = len(run_paths)
        raise MirbenchError(f"a report of {many} runs belongs to none of their folders; say where to write it with --output FOLDER.")
    folder = Path(output) if output is not None else Path(run_paths[0])
    board = build_board(merge([RunFolder(path) for path in run_paths]))
    corrupted = build_corrupted(board)
    text = {
        "scores.md": tables.scores_markdown(board),
        "scores.csv": tables.scores_csv(board),
        "scores.tex": tables.scores_latex(board),
        "comparisons.md": tables.comparisons_markdown(board),
        "sweep.md": sweeps.sweep_markdown(board),
        **dict.fromkeys(robustness_tables.FILES, ""),
        **(robustness_tables.robustness_files(corrupted) if corrupted else {}),
    }
    for name, content in text.items():
        if content:
            write_atomically(folder / "tables" / name, content)
        else:
            (folder / "tables" / name).unlink(missing_ok=True)  # of an earlier report
    drawn = figures.write_figures(board, folder / "figures", corrupted)
    page = folder / "report.html"
    write_atomically(page, html.page(board, [path for path in drawn if path.suffix == ".svg"], corrupted))
    return Report(_text(board, corrupted), [*(folder / "tables" / name for name, content in text.items() if content), *drawn, page])


def _text(board: Board, corrupted: Corrupted | None) -> str:
    from mirbench.reporting.tables import robustness as robustness_tables
    from mirbench.reporting.tables import scores as tables

    parts = [tables.scores_text(board), *([robustness_tables.robustness_text(corrupted)] if corrupted else [])]
    told = [line for manifest in board.merged.manifests.values() for line in troubles(manifest)]
    return "\n".join([*parts, *(["\n".join(told) + "\n"] if told else [])])


def up_to_date(run_path: Path) -> bool:
    """Whether the run's report was written after its results."""
    page, manifest = Path(run_path) / "report.html", Path(run_path) / "manifest.json"
    return page.exists() and manifest.exists() and page.stat().st_mtime_ns >= manifest.stat().st_mtime_ns


def table_text(run_path: Path) -> str:
    """The scores of a run for a terminal of 100 columns; writes and draws nothing."""
    board = build_board(merge([RunFolder(run_path)]))
    return _text(board, build_corrupted(board))
