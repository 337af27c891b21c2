"""`mirbench report`, and what a finished run is shown as."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from mirbench.cli.flags import AllMetrics, Debug, FigureWidth
from mirbench.errors import MirbenchError

RUN_FILES = ("report.html", "tables", "figures", "scores.csv", "predictions", "manifest.json")


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders; several become one report.")],
    output: Annotated[Path | None, typer.Option("--output", metavar="DIR", help="Where to write [default: the run folder].")] = None,
    figure_width: FigureWidth = None,
    all_metrics: AllMetrics = False,
    debug: Debug = False,
) -> None:
    """Make the tables and figures of finished runs again.

    Of several runs also how their encoders compare, as `mirbench compare` does.
    """
    for folder in runs:
        if not folder.is_dir():
            raise MirbenchError(f"there is no run folder {folder}; give a folder that `mirbench run` wrote, such as results/NAME.")
    from mirbench import reporting
    from mirbench.results.run_folder import RunFolder

    between = None
    if len({folder.resolve() for folder in runs}) > 1 and output is not None:
        from mirbench.experiment.comparing.compare import compared
        from mirbench.experiment.comparing.measured import read_runs

        between = compared(read_runs(runs))
    with RunFolder(output or runs[0]).locked():
        text = reporting.report(runs, output, columns(), figure_width or "", all_metrics, between=between).text
    print(text)
    print(f"\nWritten to {output or runs[0]}.")


def show_run(folder: Path, table: str, quiet: bool) -> None:
    """The scores of a finished run, and where everything lies."""
    if quiet:
        print(folder)
        return
    print(table.rstrip())
    print(f"\nEverything lies in {folder}:")
    for name in RUN_FILES:
        if (folder / name).exists():
            print(f"  {folder / name}")


def columns() -> int:
    """Of the terminal."""
    from mirbench import reporting

    return shutil.get_terminal_size((reporting.WIDTH, 24)).columns


def print_skipped(checkpoint: Path, title: str) -> None:
    """On the error output, since the output is the checkpoint."""
    from mirbench.results.run_folder import skipped_in_words

    path = checkpoint / "report.json"
    skipped = json.loads(path.read_text(encoding="utf-8")).get("skipped", {}) if path.is_file() else {}
    for line in skipped_in_words(f"that {title} is pretrained on", skipped, str(path)):
        print(f"mirbench: {line}", file=sys.stderr)
