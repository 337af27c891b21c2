"""What a shell offers for names, as far as the plugins tell them; nothing heavy is imported."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable

ALSO = {"encoder": ("all",), "task": ("all",), "dataset": ("all",), "corruption": ("all", "none")}  # what options take beside names


def names_of(kind: str, also: bool = True) -> Callable[[str], list[str]]:
    """Completes the last of several names with commas between them. kind: of a noun, such as task. also: whether `all` is one."""

    def complete(incomplete: str) -> list[str]:
        given, comma, begun = incomplete.rpartition(",")
        names = [*_names(kind), *(ALSO.get(kind, ()) if also and not comma else ())]
        return [f"{given}{comma}{name}" for name in names if name.startswith(begun) and name not in given.split(",")]

    return complete


def kinds_and_names(incomplete: str) -> list[str]:
    """What `mirbench list` takes first: a kind, or a name of any."""
    from mirbench.cli.noun_facts import LISTED

    return _beginning(incomplete, [*LISTED, *_names(*(kind.removesuffix("s") for kind in LISTED if kind != "plugins"))])


def kinds_of_cache(incomplete: str) -> list[str]:
    """Kinds of entries, with commas between them."""
    from mirbench.experiment.cached.kinds import KINDS

    given, comma, begun = incomplete.rpartition(",")
    return [f"{given}{comma}{kind}" for kind in _beginning(begun, KINDS)]


def configs(incomplete: str) -> list[str]:
    """The names of shipped configurations."""
    return _beginning(incomplete, _names("config"))


def _beginning(begun: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(begun)]


def _names(*kinds: str) -> list[str]:
    """None where a plugin is broken: a shell is told nothing of it. What plugins print is not for it either."""
    from mirbench import registry as registries
    from mirbench.cli.noun_facts import names

    with (
        contextlib.suppress(Exception),
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        registry = registries.load([])
        return [name for kind in kinds for name in names(registry, f"{kind}s")]
    return []
