"""The commands below `mirbench data`: check, where, fetch, verify, sample. Everything heavy is imported when a command needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirbench.cli.flags import (
    AllowOutside,
    Cache,
    Command,
    DataRoot,
    Debug,
    Json,
    MaxBad,
    OnlyFolder,
    OnlyVerdict,
    Plan,
    Plugins,
    Quiet,
    SplitSeed,
    cache_folder,
    say,
    set_quiet,
)
from mirbench.errors import MirbenchError

if TYPE_CHECKING:
    from mirbench.nouns import Dataset
    from mirbench.registry.plugins import Registry
    from mirbench.settings.config import RunConfig

NOT_WHOLE = 2  # the exit code, as of a mistake


app = typer.Typer(
    name="data",
    help="Look at data sets, your own and published ones.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def _root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


@app.command(cls=Command)
def check(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A manifest, a folder of audio, or the name of a data set.")],
    tasks: Annotated[
        list[str] | None, typer.Option("--tasks", metavar="NAMES", help="Task to check it for, or `all`; commas or repeats for several.")
    ] = None,
    encoder: Annotated[
        list[str] | None, typer.Option("--encoder", metavar="NAME", help="Encoder to check it for; commas or repeats for several.")
    ] = None,
    data_root: DataRoot = None,
    allow_outside: AllowOutside = False,
    split_seed: SplitSeed = None,
    max_bad: MaxBad = None,
    no_listen: Annotated[
        bool, typer.Option("--no-listen", help="Leave out what takes decoding: damage inside files, the same audio in two splits.")
    ] = False,
    as_json: Json = False,
    cache: Cache = None,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: OnlyVerdict = False,
) -> None:
    """Say what is in a data set and what is wrong with it.

    Clips, hours, groups and labels by split; missing and damaged files; groups and audio in more than one split; label names that look
    like one. With an encoder: whether it can be pretrained on that, and the disk and time that a run will need. Nothing is prepared and
    nothing is trained. Exit code 2 where a run would refuse it.
    """
    from mirbench.cli import checked_text
    from mirbench.experiment import check as checking

    flags: dict[str, Any] = {"datasets": [data], "tasks": tasks, "encoders": encoder, "data_root": data_root, "split_seed": split_seed}
    config, registry = _prepare(flags | {"allow_outside": allow_outside or None, "max_bad": max_bad}, plugin, quiet or as_json)
    config = config if encoder else config.model_copy(update={"encoders": []})
    checked = checking.check(config, registry, cache_folder(cache), listen=not no_listen)
    say(checked_text.checked_json(checked) if as_json else checked_text.verdict(checked) if quiet else checked_text.checked_page(checked))
    if not checked.works:
        raise typer.Exit(NOT_WHOLE)


@app.command(cls=Command)
def where(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A data set; all of them if left out.")] = None,
    data_root: DataRoot = None,
    as_json: Json = False,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: OnlyFolder = False,
) -> None:
    """Say where data sets are looked for and how to get them."""
    from mirbench.cli import published_text
    from mirbench.data.published import layout as published

    flags: dict[str, Any] = {"data_root": data_root} | ({"datasets": [name]} if name else {})
    config, registry = _prepare(flags, plugin, quiet)
    root = published.data_root(config.data_root)
    datasets = [_one(config, registry)] if name else list(registry.datasets.values())
    found = [(dataset, published.where(dataset, root) if dataset.files else None) for dataset in datasets]
    if as_json:
        told = [published_text.where_json(*each) for each in found]
        say(told[0] if name else told)
    elif name is None:
        say(published_text.places_page(found, root))
    elif quiet and (place := found[0][1]) is not None and place.folder is not None:
        say(str(place.folder))
    else:
        place = found[0][1]
        read = published.clips_read(found[0][0], place.folder) if place is not None and place.folder is not None else ({}, "")
        say(published_text.where_page(*found[0], read))


@app.command(cls=Command)
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A published data set.")],
    data_root: DataRoot = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence that is shown, where nobody can be asked.")
    ] = False,
    plugin: Plugins = None,
    plan: Plan = False,
    debug: Debug = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress; print only the folder.")] = False,
) -> None:
    """Download a published data set, where its publisher lets anybody do so.

    Its licence, the download and the disk that it takes are told first, and nothing is done before the licence is accepted. What was broken
    off goes on; archives are compared with the checksums that their publisher states, unpacked and removed; at the end files are
    counted, and compared with their checksums. Of a set that asks for a form, or is scattered, it is said what to do.
    """
    from mirbench.cli import published_text
    from mirbench.data.published import fetching

    dataset, root = _named(name, data_root, plugin, quiet)
    planned = fetching.plan_fetch(dataset, root)
    if not planned.wanted:
        fetching.tidy(planned)
        say(str(planned.folder) if quiet else published_text.fetched_before(planned))
        return
    if plan or not quiet:
        say(published_text.fetch_page(planned))
    if plan:
        return
    _accept(dataset, accept_licence)
    verified = fetching.fetch(planned)
    say(str(verified.folder) if quiet else published_text.verified_page(verified))
    if not verified.suffices:
        raise typer.Exit(NOT_WHOLE)


def _accept(dataset: Dataset, accepted: bool) -> None:
    """Raises MirbenchError where the licence is not accepted, neither by the option nor by an answer."""
    if accepted:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise MirbenchError(f"nothing was downloaded: read the licence of {dataset.name}, {dataset.licence}, and add --accept-licence.")
    if not typer.confirm(f"Do you accept the licence of {dataset.name}, and is there room and time for it?", err=True):
        raise MirbenchError("nothing was downloaded, since the licence was not accepted; the same command asks again.")


@app.command(cls=Command)
def verify(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A published data set.")],
    data_root: DataRoot = None,
    no_checksums: Annotated[
        bool, typer.Option("--no-checksums", help="Leave out what takes reading every file, which for a large data set is hours.")
    ] = False,
    as_json: Json = False,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: OnlyVerdict = False,
) -> None:
    """Check that the files of a published data set are whole.

    Their counts and, where its publisher states them or ships lists of them, their checksums; of other audio, whether it is as long as its
    header says. What is missing, cut off or differs is named. Exit code 2 where something that it needs is missing, or something is wrong.
    """
    from mirbench.cli import published_text
    from mirbench.data.asked_for import asked_for
    from mirbench.data.published import layout as published

    dataset, root = _named(name, data_root, plugin, quiet or as_json)
    if not dataset.files:
        made = dataset.prepares and dataset.location is None
        look = f"`mirbench data check {asked_for(dataset)}` looks at its files"
        why = "mirbench makes it, and nothing of it can be missing" if made else look
        raise MirbenchError(f"'{name}' is no published data set, so nobody has stated what files it has; {why}.")
    folder = published.folder_of(dataset, root)
    verified = published.verify(dataset, folder, not no_checksums, shared=folder == root, headers=True)
    whole = published_text.verified_verdict(verified) if quiet else published_text.verified_page(verified)
    say(published_text.verified_json(verified) if as_json else whole)
    if not verified.suffices:
        raise typer.Exit(NOT_WHOLE)


@app.command(cls=Command)
def sample(
    name: Annotated[str, typer.Argument(metavar="DATA", help="A data set, a manifest, or a folder of audio.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The new folder for it.")],
    clips: Annotated[int, typer.Option("-n", "--clips", metavar="N", min=1, help="How many clips.")] = 200,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another seed, another sample.")] = 0,
    data_root: DataRoot = None,
    allow_outside: AllowOutside = False,
    split_seed: SplitSeed = None,
    cache: Cache = None,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Cut a small copy of a data set, to try a pipeline before the long run.

    Audio files are copied as they are; clips keep their split, group and labels, each split has at least a tenth, and annotations, labels
    and groups are spread as evenly as so few clips can: test labels that are then in no training clip are counted. DIR/manifest.csv is
    what `mirbench run --dataset` and `mirbench data check` take. Scores on it are no scores of the data set.
    """
    from mirbench.experiment import samples

    flags: dict[str, Any] = {"datasets": [name], "data_root": data_root, "split_seed": split_seed, "allow_outside": allow_outside or None}
    config, registry = _prepare(flags, plugin, quiet)
    dataset = _one(config, registry)
    told = samples.write_sample(dataset, registry, cache_folder(cache), output, clips, seed, config.data_root)
    say(str(output / samples.MANIFEST) if quiet else told)


def _prepare(flags: dict[str, Any], plugins: list[str] | None, quiet: bool) -> tuple[RunConfig, Registry]:
    """The settings and the plugins."""
    set_quiet(quiet)
    from mirbench import registry as registries
    from mirbench.settings import config as configs

    return configs.load_config(flags=flags), registries.load(plugins or [])


def _named(name: str, data_root: str | None, plugins: list[str] | None, quiet: bool) -> tuple[Dataset, Path | None]:
    """A data set, and the folder that holds published ones."""
    from mirbench.data.published import layout as published

    config, registry = _prepare({"datasets": [name], "data_root": data_root}, plugins, quiet)
    return _one(config, registry), published.data_root(config.data_root)


def _one(config: RunConfig, registry: Registry) -> Dataset:
    """The data set that the settings name."""
    from mirbench.experiment.resolve import data_selection as chosen

    datasets: list[Dataset] = registry.resolve("dataset", chosen.register_own_data(config, registry).datasets)
    if len(datasets) != 1:
        raise MirbenchError(f"one data set is asked about at a time, and {', '.join(d.name for d in datasets)} was named; name one.")
    return datasets[0]
