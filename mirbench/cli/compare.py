"""`mirbench compare` and `mirbench leaderboard`: finished runs against each other. Everything heavy is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.cli.flags import Debug, say
from mirbench.cli.report import columns

Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help="text, md, csv, latex, html or json.")]


def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Run folders, checkpoints that `mirbench pretrain` printed, or both.")
    ],
    form: Format = "text",
    debug: Debug = False,
) -> None:
    """Show what differs in the settings and the scores of runs.

    An encoder that two runs have is compared with its namesake, one that only one of them has with every encoder of the other: on the same
    test clips, resample by resample, p corrected. Where two runs did not score the same clips, labels, metric or corruption, it says so and
    compares nothing there.

    Of checkpoints the options and what they were trained on are compared, and, where runs are given too that scored them, their scores.
    """
    from mirbench.reporting import documents

    documents.check_format(form)
    from mirbench.experiment.comparing.compare import compare as found_in
    from mirbench.reporting.tables import across

    found = found_in(folders)
    title = f"{' and '.join(found.labels)} compared"
    frames = {"differences": found.differences, "settings": found.settings, "refused": found.refused}
    of = documents.Document(title, "compared", list(across.compared(found).values()), across.notes_of(found), frames)
    say(documents.written(of, form, columns()).rstrip("\n"))


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    floors: Annotated[bool, typer.Option("--floors", help="Rank the floors, too.")] = False,
    form: Format = "text",
    debug: Debug = False,
) -> None:
    """Rank the encoders of finished runs.

    By task, and over all tasks and families of them the mean rank. Encoders that cannot be told apart share a place. Scores of different
    metrics are never averaged.
    """
    from mirbench.reporting import documents

    documents.check_format(form)
    from mirbench.experiment.comparing.leaderboard import leaderboard as ranks_of
    from mirbench.reporting.tables import across

    found = ranks_of(runs, floors)
    frames = {"standings": found.standings, "ranks": found.ranks}
    of = documents.Document("Leaderboard", "leaderboard", list(across.ranked(found).values()), across.notes_of_ranks(found), frames)
    say(documents.written(of, form, columns()).rstrip("\n"))
