"""The commands below `mirbench cache`: merge. Everything heavy is imported when a command needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mirbench.cli.flags import Command, Debug, cache_folder

if TYPE_CHECKING:
    from mirbench.engine.merging import Merged

MOST_BROKEN = 8  # named

app = typer.Typer(
    name="cache",
    help="Look after finished work that is kept.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def _root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


@app.command(cls=Command)
def merge(
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

    store = Store(cache_folder(into))
    for folder in caches:
        print(_in_words(folder, merged := merge_stores(Store(folder), store), store.root))
        for kind, key, title in merged.broken[:MOST_BROKEN]:
            print(f"mirbench: {kind} {title or key} in {folder} is not as it was written, and is left out.", file=sys.stderr)
        if (more := len(merged.broken) - MOST_BROKEN) > 0:
            print(f"mirbench: {more:,} more in {folder} are left out.", file=sys.stderr)


def _in_words(folder: Path, merged: Merged, into: Path) -> str:
    """A line, and one for each kind of which something was copied."""
    taken, there, repaired = merged.taken.total(), merged.there.total(), merged.repaired.total()
    damaged = f", {repaired:,} of them in place of damaged ones" if repaired else ""
    head = (
        f"{folder}: {taken:,} entries ({_size(merged.taken_bytes.total())}) copied into {into}{damaged}; {there:,} "
        f"({_size(merged.there_bytes.total())}) were there{f'; {len(merged.broken):,} damaged left out' if merged.broken else ''}."
    )
    return "\n".join([head, *(f"  {kind:<21} {count:>6,} {_size(merged.taken_bytes[kind]):>9}" for kind, count in merged.taken.items())])


def _size(count: int) -> str:
    """Bytes in words.

    >>> _size(400), _size(310_000_000), _size(12_000_000_000)
    ('400 B', '310.0 MB', '12.0 GB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
