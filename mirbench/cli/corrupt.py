"""`mirbench corrupt`: a corruption to listen to. Everything heavy is imported when the command needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.cli.flags import Cache, Debug, Plugins, Quiet, cache_folder, set_quiet


def corrupt(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The audio file; its channels become one, as in a run.")],
    corruption: Annotated[str, typer.Option("--corruption", metavar="NAME", help="What is done to it (see mirbench list corruptions).")],
    severity: Annotated[
        int | None, typer.Option("--severity", metavar="N", help="How much of it, from mild (1) to harsh (5). This or --level.")
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="X", help="One of its levels instead, in its own unit, such as 20 for 20 dB SNR.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="WAV file to write [default: here, as song.white-noise-3.wav].")
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option("--sample-rate", metavar="HZ", help="Resample to this first, such as 22050 [default: the file's own].")
    ] = None,
    replicate: Annotated[int, typer.Option("--replicate", metavar="N", help="Which draw of what is random.")] = 0,
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="NAME", help="Whose training clips are mixed in, by a corruption that mixes some in.")
    ] = "mini",
    cache: Cache = None,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Write a file as it sounds under a corruption, to listen to.

    A run does the same to each clip, at a sample rate of its own and with another draw of what is random. Nothing is scaled or cut to fit:
    the WAV file holds 32-bit floats. The same command writes the same file.
    """
    set_quiet(quiet)
    from mirbench import registry as registries
    from mirbench.experiment import corrupt as corrupting

    registry = registries.load(plugin or [])
    condition = corrupting.condition_of(registry.get("corruption", corruption), severity, level)
    out, told = corrupting.corrupt_file(file, output, condition, registry, cache_folder(cache), dataset, sample_rate, replicate)
    print(out if quiet else told)
