"""The commands below `mirbench cache`: what lies in the cache, what may go, and what comes from other caches. Everything heavy is
imported when a command needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mirbench.cli.completing import kinds_of_cache
from mirbench.cli.flags import Cache, Command, Debug, Json, cache_folder, say
from mirbench.errors import MirbenchError, printable

if TYPE_CHECKING:
    from mirbench.engine.merging import Merged
    from mirbench.experiment.cached.cache import CacheContents

MOST_BROKEN = 8  # damaged entries that are named

app = typer.Typer(
    name="cache",
    help="See what lies in the cache, make room, or merge caches.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

All = Annotated[bool, typer.Option("--all", help="Name all runs and strange files, not the first ten.")]


@app.callback(invoke_without_command=True)
def _root(ctx: typer.Context, cache: Cache = None, every: All = False, as_json: Json = False, debug: Debug = False) -> None:
    """See what lies in the cache, make room, or merge caches.

    Without a command: what the cache takes by kind, data set, encoder and run.
    """
    if ctx.invoked_subcommand is None:
        from mirbench.cli import cache_text

        contents = _contents(cache)
        say(cache_text.contents_json(contents) if as_json else cache_text.contents_page(contents, every))
    elif every or as_json:
        raise typer.BadParameter(f"--all and --json are of `mirbench cache` itself, and {ctx.invoked_subcommand} has options of its own")
    else:
        ctx.obj = cache


@app.command(cls=Command)
def show(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(metavar="WHAT", autocompletion=kinds_of_cache, help="A kind, such as embeddings, a key, or a folder of the cache."),
    ],
    cache: Cache = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say in words what a folder of the cache is.

    What made it, when it was used, by which runs, and what it takes to have it again.
    """
    from mirbench.cli import cache_text
    from mirbench.experiment.cached.kinds import FILES, KINDS

    contents = _contents(cache or ctx.obj)
    name = Path(what).name if "/" in what else what
    if name in FILES:
        words = f"{name}: {FILES[name]}; mirbench keeps it up to date, and prune leaves it alone."
        say({"kind": name, "words": FILES[name]} if as_json else words)
        return
    if name in KINDS:
        say(cache_text.kind_json(contents, name) if as_json else cache_text.kind_page(contents, name))
        return
    found = [each for each in contents.inventory.entries if each.key.startswith(name)]
    if len(found) > 1 and "/" in what:
        found = [each for each in found if each.kind == Path(what).parent.name] or found
    if not found:
        raise MirbenchError(
            f"nothing in {contents.store.root} is '{printable(what)}'; give a kind ({', '.join(KINDS)}), or the key of an entry, which is "
            "the name of its folder."
        )
    told = [cache_text.entry_json(contents, each) if as_json else cache_text.entry_page(contents, each) for each in found]
    say((told[0] if len(told) == 1 else told) if as_json else "\n\n".join(map(str, told)))


@app.command(cls=Command)
def prune(
    ctx: typer.Context,
    older: Annotated[str | None, typer.Option("--older", metavar="AGE", help="What was not used for so long: 12h, 30d, 4w.")] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="What this run used, and no other: its folder or name.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", metavar="KIND", autocompletion=kinds_of_cache, help="Entries of a kind, such as embeddings; several by commas."
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="SIZE", help="What was not used for longest, until the cache takes no more: 20GB.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it. Without it you are asked, at a terminal.")] = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Remove from the cache what you choose, after a list of it.

    Options narrow each other: --kind embeddings --older 30d is embeddings that were not used for a month. What a run that is going on may
    use is never removed, nor anything that mirbench did not make.
    """
    from mirbench.cli import cache_text
    from mirbench.engine.holds import remove
    from mirbench.experiment.cached import choosing
    from mirbench.experiment.cached.runs import forget_run

    if older is None and run is None and not kind and to is None:
        raise MirbenchError("say what is to go: --older 30d, --run RUN, --kind embeddings, --to 20GB, or several of them.")
    contents = _contents(cache or ctx.obj)
    wanted = choosing.Wanted(
        choosing.seconds_of(older) if older is not None else None,
        choosing.run_of(run, contents.runs) if run is not None else None,
        choosing.kinds_of(kind or []),
        choosing.bytes_of(to) if to is not None else None,
    )
    choice = choosing.choose(contents.inventory, wanted, contents.runs, contents.now, contents.since)
    say(cache_text.choice_page(contents, choice, wanted))
    if not choice.entries:
        return
    if not contents.store.is_writable():
        raise MirbenchError(f"nothing can be removed, as {contents.store.root} is not writable for you.")
    if not yes:
        if not sys.stdin.isatty():
            say("\nNothing was removed. The same command with --yes removes it.")
            return
        if not typer.confirm("\nRemove it?"):
            say("Nothing was removed.")
            return
    removed, left = remove(contents.store, [each.name for each in choice.entries])
    gone = set(removed)
    for record in contents.runs:
        if record.names and not any(each.name in record.names for each in contents.inventory.entries if each.name not in gone):
            forget_run(contents.store, record)
    say(cache_text.removed_line(choice, gone, left))


@app.command(cls=Command)
def merge(
    ctx: typer.Context,
    caches: Annotated[list[Path], typer.Argument(metavar="CACHE...", help="Caches, as --cache named them, which are only read.")],
    into: Annotated[Path | None, typer.Option("--into", metavar="DIR", help="Cache to copy into [default: the user cache].")] = None,
    debug: Debug = False,
) -> None:
    """Copy finished work of other caches into one.

    Every file is compared with what was written, before and after. What is whole already stays as it is; what is damaged here is replaced;
    what is damaged there is left out, and told.
    """
    from mirbench.engine.merging import merge as merge_stores
    from mirbench.engine.store import Store
    from mirbench.experiment.cached.runs import copy_records

    store = Store(cache_folder(into or ctx.obj))
    for folder in caches:
        say(_in_words(folder, merged := merge_stores(Store(folder), store), store.root))
        copy_records(Store(folder), store)
        for kind, key, title in merged.broken[:MOST_BROKEN]:
            print(f"mirbench: {kind} {title or key} in {folder} is not as it was written, and is left out.", file=sys.stderr)
        if (more := len(merged.broken) - MOST_BROKEN) > 0:
            print(f"mirbench: {more:,} more in {folder} are left out.", file=sys.stderr)


def _contents(given: Path | None) -> CacheContents:
    """Raises MirbenchError where that is no folder."""
    from mirbench.experiment.cached.cache import read_cache

    return read_cache(cache_folder(given))


def _in_words(folder: Path, merged: Merged, into: Path) -> str:
    """A line, and one for each kind of which something was copied."""
    from mirbench.cli.cache_text import in_bytes

    taken, there, repaired = merged.taken.total(), merged.there.total(), merged.repaired.total()
    damaged = f", {repaired:,} of them in place of damaged ones" if repaired else ""
    head = (
        f"{folder}: {taken:,} entries ({in_bytes(merged.taken_bytes.total())}) copied into {into}{damaged}; {there:,} "
        f"({in_bytes(merged.there_bytes.total())}) were there{f'; {len(merged.broken):,} damaged left out' if merged.broken else ''}."
    )
    return "\n".join([head, *(f"  {kind:<21} {count:>6,} {in_bytes(merged.taken_bytes[kind]):>9}" for kind, count in merged.taken.items())])
