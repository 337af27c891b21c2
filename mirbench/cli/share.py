"""`mirbench share`: the scores of a run for other people's collections. Everything heavy is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.cli.flags import Debug


def share(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.", show_default=False)],
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="every-eval-ever, eval-results or model-card.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="File to write; of every-eval-ever, a new folder.", show_default=False)
    ],
    encoder: Annotated[
        str | None, typer.Option("--encoder", metavar="NAME", help="Which encoder [default: all; the only one of a model's files].")
    ] = None,
    organization: Annotated[
        str | None, typer.Option("--organization", metavar="NAME", help="Who stands for the encoders, in every-eval-ever.")
    ] = None,
    hub_dataset: Annotated[
        list[str] | None, typer.Option("--hub-dataset", metavar="NAME=OWNER/NAME", help="Where a data set is on the hub; repeat it.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Write the scores of a run as others collect them.

    every-eval-ever: JSON of the EvalEval Coalition's schema, a file for each encoder, every metric under every condition.

    eval-results: YAML for the folder .eval_results of a model on the hub, the headline metric of each task on the data sets that
    --hub-dataset names.

    model-card: a section of Markdown. Nothing is sent anywhere.
    """
    from mirbench.experiment.library.sharing import share as write

    for path in write(run, form, output, encoder, organization, hub_dataset or ()):
        print(path)
