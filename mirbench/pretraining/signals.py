"""What an encoder is supervised by, read from its setting: one or several signals, each a supervision that reads one annotation.

Imports no torch: settings are checked before anything is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mirbench.errors import MirbenchError, did_you_mean, in_words
from mirbench.nouns import Supervision
from mirbench.registry import components as parts
from mirbench.settings.declaring import Options, option
from mirbench.settings.validation import WrongOption, declared, validated

EXAMPLE = "{name: shared-tags, threshold: 2}"


class SignalOptions(Options):
    """Of any supervision, beside its own."""

    annotation = option("", "the annotation that it reads")
    weight = option(1.0, "its share in a mixture of several", gt=0, why=", since a supervision of no weight says nothing")


@dataclass(frozen=True)
class Signal:
    """A supervision with the annotation that it reads, its weight in a mixture (above 0) and its options, complete."""

    supervision: Supervision
    annotation: str
    weight: float
    options: Mapping[str, Any]


def read_signals(spec: Any) -> tuple[Signal, ...]:
    """The signals that a setting asks for, one or several.

    spec: the name of a supervision, a mapping {name, annotation, weight, and the supervision's own options}, of which only the name is
    needed, or a list of these. Raises MirbenchError for whatever is wrong with it.

    >>> signals = read_signals(["dice", {"name": "same-class", "annotation": "mood", "weight": 2}])
    >>> [(signal.supervision.name, signal.annotation, signal.weight) for signal in signals]
    [('dice', 'tags', 1.0), ('same-class', 'mood', 2.0)]
    """
    items = spec if isinstance(spec, (list, tuple)) else [spec]
    if not items:
        raise MirbenchError("supervision is an empty list; name one or more, such as shared-tags.")
    return tuple(_signal(item) for item in items)


def _signal(item: Any) -> Signal:
    given = {"name": item} if isinstance(item, str) else item
    if not isinstance(given, Mapping):
        raise MirbenchError(f"a supervision should be a name, a mapping such as {EXAMPLE}, or a list of these, not {in_words(item)}.")
    if not isinstance(given.get("name"), str):
        raise MirbenchError(f"the supervision {dict(given)!r:.80} has no name; write it like {EXAMPLE}.")
    supervision = _named(given["name"])
    what = f"supervision '{supervision.name}'"
    options = signal_options(supervision)
    values = {name: value for name, value in given.items() if name != "name"}
    for name in values:
        if name not in options:
            hint = did_you_mean(str(name), options)
            raise MirbenchError(f"{what} has no option '{name}'{';' + hint if hint else '.'} Known: {', '.join(options)}.")
    try:
        complete = {**options, **validated(options, values)}
    except WrongOption as error:
        raise MirbenchError(f"{what}: {error.text}." if error.whole else f"{what}: {error.name} {error.text}.") from None
    annotation, weight = complete.pop("annotation"), complete.pop("weight")
    if not annotation:
        raise MirbenchError(f"{what} reads no annotation of its own; say which, such as {{name: {supervision.name}, annotation: tempo}}.")
    try:
        supervision.check(complete)
    except MirbenchError as error:
        raise MirbenchError(f"{what}: {error}") from error
    return Signal(supervision, annotation, weight, complete)


def signal_options(supervision: Supervision) -> Options:
    """All that may stand beside the name of a supervision, as `annotation` and `weight` may beside that of any."""
    return type("SignalOptions", (SignalOptions,), {"annotation": supervision.annotation, **declared(supervision.options)})()


def _named(name: str) -> Supervision:
    try:
        return parts.supervision(name)
    except MirbenchError as error:
        readers = sorted(other.name for other in parts.supervisions().values() if other.annotation == name)
        if not readers:
            raise
        read = "reads" if len(readers) == 1 else "read"
        raise MirbenchError(
            f"no supervision is named '{name}': {name} is an annotation; did you mean {' or '.join(readers)}, which {read} it?"
        ) from error
