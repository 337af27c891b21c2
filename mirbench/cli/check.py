"""`mirbench check`: does a plugin keep its promises? Everything heavy is imported when it is needed."""

from __future__ import annotations

import re
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirbench.cli.flags import DataRoot, Debug, Json, OnlyVerdict, Plugins, Set, say, set_quiet
from mirbench.cli.report import columns

if TYPE_CHECKING:
    from mirbench.testing.promises import Examination, Outcome

BROKEN = 2  # the exit code, as of a mistake
LEAST_WIDTH, MOST_WIDTH = 60, 120


def check(
    given: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME|PACKAGE",
            help="A plugin's .py file, a name or an address, an installed package, or the folder of a project.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str | None, typer.Option("--data", metavar="DATA", help="Manifest or data set whose labels a task or a supervision is to read.")
    ] = None,
    settings: Set = None,
    data_root: DataRoot = None,
    as_json: Json = False,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: OnlyVerdict = False,
) -> None:
    """Say of every promise of a plugin whether it is kept.

    Shapes, dtype, rate, determinism, a batch that equals its items, modules in eval mode, no gradients, the global state, labels, groups,
    speed, the time to import it, silence, 10 ms and 10 minutes, weights in the key, forked processes: what matters for its kind. The same
    promises are tests by `pytest --mirbench FILE`, and by mirbench.testing.check_encoder and its like. Exit code 2 where one is broken.
    """
    set_quiet(quiet or as_json)
    from mirbench.settings.config import load_config
    from mirbench.testing.examine import examine, values_of

    flags: dict[str, Any] = {"data_root": data_root, **({"datasets": [data]} if data else {})}
    config = load_config([], settings or [], flags)
    values = values_of(config, plugin or []) if data else None
    with tempfile.TemporaryDirectory(prefix="mirbench-check-") as scratch:
        examinations = examine(given, Path(scratch), config, plugin or [], values)
        if as_json:
            say([as_plain(each) for each in examinations])
        else:
            for each in examinations:
                for line in lines(each, quiet):
                    say(line)
    if not all(kept(each) for each in examinations):
        raise typer.Exit(BROKEN)


def kept(examination: Examination) -> bool:
    """Whether no promise is broken."""
    from mirbench.testing.promises import FAIL

    return all(outcome.status != FAIL for outcome in examination.outcomes())


def as_plain(examination: Examination) -> dict[str, Any]:
    """All of it, for JSON."""
    promises = [
        {"promise": each.promise.name, "about": each.promise.about, "status": each.status, "told": each.told, "mend": each.promise.mend}
        for each in examination.outcomes()
    ]
    about = {"kind": examination.kind, "name": examination.name, "provider": examination.provider, "kept": kept(examination)}
    return {**about, "promises": promises}


def lines(examination: Examination, quiet: bool) -> Iterator[str]:
    """As they become known. quiet: the last alone."""
    from mirbench.testing.promises import FAIL, PASS

    width = max(len(promise.name) for promise in examination.promises)
    if not quiet:
        yield f"{examination.title} ({examination.provider})"
    outcomes = []
    for outcome in examination.outcomes():
        outcomes.append(outcome)
        if not quiet:
            yield "\n".join(_of(outcome, width))
    count = {status: sum(outcome.status == status for outcome in outcomes) for status in (PASS, FAIL)}
    words = [f"{count[PASS]} of {len(outcomes)} promises kept"]
    words += [f"{count[FAIL]} broken"] if count[FAIL] else []
    left = len(outcomes) - count[PASS] - count[FAIL]
    words += [f"{left} not looked at"] if left else []
    yield f"{examination.title}: {', '.join(words)}."


def _of(outcome: Outcome, width: int) -> Sequence[str]:
    from mirbench.testing.promises import FAIL, PASS

    mark = {PASS: "pass", FAIL: "FAIL"}.get(outcome.status, "--")
    about = outcome.promise.about
    told = {PASS: f"{about}{': ' if outcome.told else ''}{outcome.told}", FAIL: f"{outcome.told.removesuffix('.')}."}.get(
        outcome.status, f"not looked at: {outcome.told}"
    )
    indent = " " * (width + 10)
    room = max(LEAST_WIDTH, min(MOST_WIDTH, columns()))
    wrapped = _wrapped(told, room, f"  {mark}  {outcome.promise.name:{width}}  ", indent)
    mend = outcome.promise.mend if outcome.status == FAIL else ""
    return [*wrapped, *(_wrapped(f"mend: {mend}", room, indent, indent) if mend else [])]


def _wrapped(text: str, room: int, first: str, further: str) -> list[str]:
    """In lines, none of which ends within a setting that is to be copied."""
    whole = re.sub(r"--set ('[^']*'|\S+)", lambda found: found[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, room, initial_indent=first, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]
