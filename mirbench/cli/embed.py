"""`mirbench embed`: a file of embeddings. Everything heavy is imported when it is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mirbench.cli.flags import AllowOutside, Cache, DataRoot, Debug, Device, MaxBad, Plugins, Quiet, Set, cache_folder, set_quiet
from mirbench.errors import printable


def embed(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio files, folders of them, or manifests.", show_default=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="File to write: .parquet, .npz or .npy.", show_default=False)
    ],
    encoder: Annotated[str, typer.Option("--encoder", metavar="NAME", help="Encoder, or an address such as onnx:FILE.")] = "",
    checkpoint: Annotated[
        str | None, typer.Option("--checkpoint", metavar="DIR", help="What `mirbench pretrain` left there. Alone, or beside --encoder.")
    ] = None,
    per_window: Annotated[bool, typer.Option("--per-window", help="A row for each window, of clips of any length.")] = False,
    settings: Set = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of weights that are not trained [default: 0].")] = None,
    data_root: DataRoot = None,
    allow_outside: AllowOutside = False,
    max_bad: MaxBad = None,
    device: Device = None,
    cache: Cache = None,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Write the embeddings of audio to a file, with ids and times.

    Embeddings are those of a run: of a clip the mean over its windows, of one longer than 172.8 s over eight stretches of it. Which layer,
    and more, is an option of the encoder: --set options.NAME.layer=2. Files that cannot be read are skipped and named, at
    most 1 % of them (--max-bad).

    A .parquet file has the columns id, start, end (seconds into the file) and embedding; .npz the arrays ids, starts, ends and embeddings;
    .npy one array of records with the fields id, start, end and embedding.
    """
    set_quiet(quiet)
    from mirbench.experiment.library.vectors import check_output

    check_output(output)
    from mirbench.engine.files import written_whole
    from mirbench.experiment.library.choosing import choose
    from mirbench.experiment.library.embedding import clips_of
    from mirbench.experiment.library.loading import loaded
    from mirbench.experiment.library.vectors import write_vectors

    flags = {"seed": seed, "device": device, "data_root": data_root, "allow_outside": allow_outside or None, "max_bad": max_bad}
    chosen = choose(encoder, checkpoint, flags, settings or [], plugin or [])
    config = chosen.config
    clips = clips_of(files, Path(config.data_root) if config.data_root else None, config.allow_outside)
    with written_whole(output) as part:
        found = loaded(chosen, cache_folder(cache))
        made = (found.embedder.windows if per_window else found.embedder.clips)(clips, config.max_bad)
        write_vectors(part, made, chosen.about)
    if made.skipped and not quiet:
        print(f"mirbench: {len(made.skipped)} of {len(clips)} clips were skipped:", file=sys.stderr)
        for name, why in made.skipped.items():
            print(f"  {printable(name)}: {printable(why)}", file=sys.stderr)
    count, of_each = len(made.ids), " x ".join(map(str, made.matrix.shape[1:]))
    what = ("window" if per_window else "clip") + "s"[: count != 1]
    print(output if quiet else f"{output}: {count:,} {what}, {of_each} numbers each, by {found.name}")
