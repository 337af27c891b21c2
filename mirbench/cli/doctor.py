"""`mirbench doctor`: whether mirbench can work here, and what mends what does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirbench import __version__
from mirbench.cli.flags import Cache, DataRoot, Debug, Plugins, cache_folder, say

if TYPE_CHECKING:
    from mirbench.experiment.doctor.checks import Check

MARKS = {"ok": "ok", "note": "-", "warning": "!", "error": "!!"}
WIDTH = 79
NOT_WELL = 2  # the exit code


def doctor(
    no_benchmark: Annotated[bool, typer.Option("--no-benchmark", help="Leave out the ten seconds in which it is measured.")] = False,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where run folders go.")] = Path("results"),
    data_root: DataRoot = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a bug report: all of it, without paths and names of yours.")] = False,
    cache: Cache = None,
    plugin: Plugins = None,
    debug: Debug = False,
) -> None:
    """Say whether mirbench works here, and how to mend it.

    Python, torch, devices, codecs, extras and plugins; whether the cache can be written to and locked; disk, threads, data sets; how fast
    this machine is. Exit code 2 where something does not work.
    """
    from mirbench.data.published.layout import data_root as root_of
    from mirbench.experiment.doctor.checks import ERROR, worst

    root, folder = root_of(data_root), cache_folder(cache)
    checks = _checks(folder, output, root, plugin or [], not no_benchmark)
    if as_json:
        found = list(checks)
        say(_report(found, [folder, output, Path.cwd(), Path.home(), *([root] if root else [])]))
    else:
        found = list(_say_each(checks))
        say("\n" + _verdict(found))
    if worst(found) == ERROR:
        raise typer.Exit(NOT_WELL)


def _checks(cache: Path, output: Path, root: Path | None, plugins: list[str], benchmark: bool) -> Iterator[Check]:
    """As they are made, the slow ones last."""
    from mirbench import registry as registries
    from mirbench.experiment.doctor.place import datasets, place
    from mirbench.experiment.doctor.software import software
    from mirbench.experiment.doctor.speed import speed

    registry = registries.load(plugins)
    yield from software(registry)
    yield from place(cache, output)
    yield from datasets(registry.datasets, root)
    if benchmark:
        yield from speed()


def _say_each(checks: Iterable[Check]) -> Iterator[Check]:
    area = ""
    for check in checks:
        if check.area != area:
            say(f"\n{check.area}" if area else check.area)
            area = check.area
        say(_lines(check))
        yield check


def _lines(check: Check) -> str:
    """A check, and below it what mends it."""
    import textwrap

    begin, further = f"  {MARKS[check.state]:<3}{check.name + ':':<14}", " " * 7
    lines = textwrap.wrap(begin + " " + check.words, WIDTH, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*lines, *([f"{further}-> {check.mend}"] if check.mend else [])])


def _verdict(checks: list[Check]) -> str:
    count = {state: sum(check.state == state for check in checks) for state in MARKS}
    if count["error"]:
        names = ", ".join(check.name for check in checks if check.state == "error")
        return f"Something does not work: {names}; the lines with -> mend it."
    if count["warning"]:
        names = ", ".join(check.name for check in checks if check.state == "warning")
        return f"mirbench works here, but not as well as it could: {names}."
    busy = any(check.name == "load" and check.state == "note" for check in checks)
    well = "All is well, but the machine is busy with other work, and a run takes longer." if busy else "All is well."
    return f"{well} Begin with: mirbench run --config quick"


def _report(checks: list[Check], folders: list[Path]) -> dict[str, Any]:
    from mirbench.experiment.doctor.checks import without_paths, worst

    def clean(text: str) -> str:
        return without_paths(text, [*folders, *(each.resolve() for each in folders)])

    told = [{"area": c.area, "name": clean(c.name), "state": c.state, "words": clean(c.words), "mend": clean(c.mend)} for c in checks]
    return {"mirbench": __version__, "state": worst(checks), "checks": told}
