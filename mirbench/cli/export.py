"""`mirbench export`: an encoder for other programs. Everything heavy is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.cli.flags import Debug, Plugins, Quiet, Set, set_quiet


def export(
    encoder: Annotated[
        str, typer.Argument(metavar="ENCODER", help="Checkpoint folder, or an encoder that has nothing to learn.", show_default=False)
    ],
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="onnx, torchscript or hub.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="File to write; of hub, a new folder.", show_default=False)],
    run: Annotated[Path | None, typer.Option("--run", metavar="RUN", help="Run that scored it, for the card of a hub folder.")] = None,
    settings: Set = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of weights that are not trained [default: 0].")] = None,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Write an encoder as a model that other programs load.

    An ONNX or TorchScript file takes audio (batch, samples) of any batch and length and returns (batch, dim), without mirbench. It says at
    which sample rate and in which windows, so that --encoder onnx:FILE scores the same. It is compared with the encoder before it is there.

    A hub folder has the weights as safetensors, config.json and a README.md: what it is, how and on what it was trained, under which
    licence that is and, with --run, its scores. `mirbench.load` and --checkpoint take it.
    """
    set_quiet(quiet)
    from mirbench.experiment.library.choosing import choose
    from mirbench.experiment.library.exporting import export as write

    told = write(choose(encoder, None, {"seed": seed, "device": "cpu"}, settings or [], plugin or []), form, output, run)
    print(output if quiet else told)
