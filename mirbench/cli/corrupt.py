"""`mirbench corrupt`: a corruption to listen to, or a data set frozen under some. Everything heavy is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mirbench.cli.flags import (
    AllowOutside,
    Cache,
    DataRoot,
    Debug,
    MaxBad,
    Plugins,
    Quiet,
    SplitSeed,
    cache_folder,
    set_quiet,
)
from mirbench.errors import MirbenchError


def corrupt(
    corruption: Annotated[
        str, typer.Option("--corruption", metavar="NAME", help="What is done (see mirbench list corruptions); to a set, several or `all`.")
    ],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The audio file; its channels become one, as in a run.", show_default=False)
    ] = None,
    severity: Annotated[
        str | None,
        typer.Option("--severity", metavar="N", help="How much of it, from mild (1) to harsh (5), or --level; to a set, 1-5 or `all`."),
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="X", help="One of its levels instead, in its own unit, such as 20 for 20 dB SNR.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUT", help="WAV file to write [default: here, as song.white-noise-3.wav]; for a set, a folder."
        ),
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option("--sample-rate", metavar="HZ", help="Resample to this first [default: the file's own; of a set, 22050].")
    ] = None,
    replicate: Annotated[int, typer.Option("--replicate", metavar="N", help="Which draw of what is random.")] = 0,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="What is frozen; with FILE, whose training clips may be mixed in [default: mini]."),
    ] = None,
    data_root: DataRoot = None,
    allow_outside: AllowOutside = False,
    split_seed: SplitSeed = None,
    max_bad: MaxBad = None,
    cache: Cache = None,
    plugin: Plugins = None,
    plan: Annotated[bool, typer.Option("--plan", help="Of a set: show what would be written, how much disk it takes, and stop.")] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Write a corrupted file to listen to, or freeze a test set.

    With FILE, to listen to it: a run does the same to each clip, at a sample rate of its own and with another draw of what is random.
    Nothing is scaled or cut to fit: WAV files hold 32-bit floats. The same command writes the same file.

    With --dataset and without FILE, for people who evaluate elsewhere: its test clips, clean and under each corruption and severity, with
    the samples that a run gives to encoders (of at most 22050 Hz; else give --sample-rate, as robustness.sample_rate in its manifest has
    it), and SHA256SUMS of all files. A killed command goes on.
    """
    set_quiet(quiet)
    from mirbench import registry as registries
    from mirbench.experiment import corrupt as corrupting
    from mirbench.settings.config import load_config

    registry = registries.load(plugin or [])
    flags: dict[str, Any] = {"data_root": data_root, "allow_outside": allow_outside or None, "split_seed": split_seed, "max_bad": max_bad}
    if file is not None:
        if plan:
            raise MirbenchError("--plan is for a --dataset, and a FILE was given; leave one of the two out.")
        noun = registry.get("corruption", corruption)
        condition = corrupting.condition_of(noun, corrupting.severity_of(noun, severity), level)
        config = load_config(flags={**flags, "datasets": [dataset or "mini"]})
        out, told = corrupting.corrupt_file(file, output, condition, registry, cache_folder(cache), config, sample_rate, replicate)
        print(out if quiet else told)
        return
    if dataset is None:
        raise MirbenchError("neither a FILE to corrupt nor a --dataset to freeze was given; give one of the two, such as --dataset mini.")
    if severity is None or level is not None:
        wrong = "--level is for one FILE" if level is not None else "no --severity was given"
        raise MirbenchError(f"{wrong}; a data set is frozen under severities: add --severity all, or some, such as 1-3.")
    if output is None:
        raise MirbenchError("no --output was given; name the new folder that the files go to, such as -o frozen.")
    from mirbench.experiment.frozen.frozen_set import resolve_frozen, severities_of

    corrupting.check_draw(replicate, sample_rate)
    robustness = {"sample_rate": sample_rate, "replicate": replicate}
    flags |= {"datasets": [dataset], "corruptions": corruption, "severities": severities_of(severity), "robustness": robustness}
    frozen = resolve_frozen(load_config(flags=flags), registry, cache_folder(cache), output)
    if plan:
        print(frozen.describe())
        return
    from mirbench.experiment.frozen.writing import write_frozen

    told = write_frozen(frozen)
    print(frozen.folder if quiet else told)
