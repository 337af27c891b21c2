"""An encoder's options: its defaults with what settings, a checkpoint and a sweep say instead, each checked against its default."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mirbench.errors import MirbenchError
from mirbench.nouns import Encoder
from mirbench.settings.config import ALL_OPTIONS, RunConfig, nearest
from mirbench.settings.typed import in_words, like

Options = Mapping[str, Mapping[str, Any]]


def encoder_options(
    encoder: Encoder, options: Options, stored: Mapping[str, Any] | None = None, swept: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """All of an encoder's options. The strongest last: its defaults, `options.all` where the encoder has an option of that name,
    `stored` (a checkpoint's), `options[encoder.name]`, and `swept` (a variant's of a sweep).

    Each value is of its default's type, as `typed.like` has it. Raises MirbenchError for an unknown option or a wrong type.
    """
    complete = dict(copy.deepcopy(encoder.options))
    for where, layer in (
        (f"options.{ALL_OPTIONS}", {k: v for k, v in options.get(ALL_OPTIONS, {}).items() if k in complete}),
        (f"the checkpoint's options of {encoder.name}", stored or {}),
        (f"options.{encoder.name}", options.get(encoder.name, {})),
        (f"sweep.{encoder.name}", swept or {}),
    ):
        for name, value in layer.items():
            if name not in complete:
                known = ", ".join(complete) or "none"
                raise MirbenchError(f"{where}: the encoder has no option '{name}'{nearest(str(name), complete)} Known: {known}.")
            default = encoder.options[name]
            try:
                complete[name] = like(default, value)
            except TypeError as error:
                raise MirbenchError(f"{where}.{name} should be {error} (default {default!r}), not {in_words(value)}.") from None
    return complete


def check_options(config: RunConfig, encoders: Mapping[str, Encoder]) -> None:
    """Raises MirbenchError for options, set or swept, of an encoder that is not there, or that it does not have, before anything is
    run."""
    for where, named in (("options", config.options), ("sweep", config.sweep)):
        for name in named:
            if name not in encoders and not (where == "options" and name == ALL_OPTIONS):
                raise MirbenchError(f"{where}.{name}: no encoder is named '{name}'{nearest(name, encoders)} Known: {', '.join(encoders)}.")
    for name in {**config.options, **config.sweep}:
        if name in encoders:
            for option, value in _swept(config, name):
                encoder_options(encoders[name], config.options, swept={option: value} if option else None)


def _swept(config: RunConfig, encoder: str) -> Iterator[tuple[str, Any]]:
    """(option, value) of everything that a sweep gives an encoder, after a pair of nothing for the settings by themselves."""
    yield "", None
    for option, values in config.sweep.get(encoder, {}).items():
        for value in values.values() if isinstance(values, Mapping) else values:
            yield option, value
