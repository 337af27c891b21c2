"""An encoder's options: its defaults with what settings, a checkpoint and a sweep say instead, each checked against its declaration."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mirbench.errors import MirbenchError, printable
from mirbench.nouns import Encoder
from mirbench.records import ALL_LAYERS, LAYER
from mirbench.settings.config import ALL_OPTIONS, RunConfig, nearest
from mirbench.settings.validation import WrongOption, declared, validated

Options = Mapping[str, Mapping[str, Any]]
MOST_SHOWN = 20  # values in a hint, and characters of one


def encoder_options(
    encoder: Encoder, options: Options, stored: Mapping[str, Any] | None = None, swept: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """All of an encoder's options. The strongest last: its defaults, `options.all` where the encoder has an option of that name,
    `stored` (a checkpoint's), `options[encoder.name]`, and `swept` (a variant's of a sweep).

    Each value is what its option is declared to be; a layer that is asked for by its name becomes its number. Raises MirbenchError for an
    unknown option, a wrong type, a number out of bounds and a name that is none of the choices.
    """
    complete = copy.deepcopy(dict(encoder.options))
    own = f"options.{encoder.name}"
    for where, layer in (
        (f"options.{ALL_OPTIONS}", {k: v for k, v in options.get(ALL_OPTIONS, {}).items() if k in complete}),
        (f"the checkpoint's options of {encoder.name}", stored or {}),
        (own, options.get(encoder.name, {})),
        (f"sweep.{encoder.name}", swept or {}),
    ):
        for name in layer:
            if name not in complete:
                known = ", ".join(complete) or "none"
                raise MirbenchError(f"{where}: the encoder has no option '{name}'{nearest(str(name), complete)} Known: {known}.")
        try:
            complete |= validated(encoder.options, {name: value for name, value in layer.items() if name != LAYER})
            if LAYER in layer:
                complete |= validated(encoder.options, _layer_by_number(encoder, where, complete, layer[LAYER]))
        except WrongOption as error:
            of = "" if where == own else f"{where}: "
            typed, whole = f"{where}.{error.name} {error.text}.", f"{of}{error.text}."
            said = typed if error.typed else whole if error.whole else f"{of}option {error.name} {error.text}."
            raise MirbenchError(f"{said}{_sweep_of(encoder, error.name, layer[error.name])}") from None
    return complete


def _sweep_of(encoder: Encoder, option: str, given: Any) -> str:
    """How each of several values is scored, where a few numbers or names were given in the place of one."""
    if not isinstance(given, (list, tuple)) or isinstance(encoder.options[option], (list, tuple)):
        return ""
    if len(given) > MOST_SHOWN or not all(map(_is_short, given)):
        return ""
    values = printable(", ".join(map(str, given)))
    return f" A variant for each of several values: --set 'sweep.{encoder.name}.{option}=[{values}]'."


def _is_short(value: Any) -> bool:
    return len(value) <= MOST_SHOWN if isinstance(value, str) else isinstance(value, (int, float)) and abs(value) < 1e9


def _layer_by_number(encoder: Encoder, where: str, options: Mapping[str, Any], asked: Any) -> Mapping[str, Any]:
    """The layer that is asked for, with its number in the place of its name. options: all others, as they are declared to be. Raises
    MirbenchError for a name of none, where they have names."""
    layer = declared(encoder.options).get(LAYER)
    if not isinstance(asked, str) or layer is None or ALL_LAYERS not in layer.choices or asked in layer.choices:
        return {LAYER: asked}
    names = list(encoder.layer_names(options))
    if asked not in names and (at_fault := _leaves_out(encoder, options, asked)):
        told = f"{at_fault}={printable(str(options[at_fault]))}"
        raise MirbenchError(
            f"{where}.{LAYER}: the layer '{printable(asked)}' is left out by {told}; let that name it too, or leave {LAYER} out."
        )
    if names and asked not in names:
        known = ", ".join([*names, *map(str, layer.choices)])
        raise MirbenchError(f"{where}.{LAYER}: no layer is named '{printable(asked)}'{nearest(asked, names)} Known: {known}.")
    return {LAYER: names.index(asked) if names else asked}


def _leaves_out(encoder: Encoder, options: Mapping[str, Any], layer: str) -> str:
    """The option without which a layer of that name is there; nothing where none is at fault."""
    changed = [name for name, default in encoder.options.items() if name in options and options[name] != default]
    return next((name for name in changed if layer in encoder.layer_names({**options, name: encoder.options[name]})), "")


def check_layer(encoder: Encoder, layers: int, asked: int | str) -> None:
    """layers: how many there are; 0: not known. Raises MirbenchError where there is none of the number that is asked for."""
    if layers and isinstance(asked, int) and asked >= layers:
        there = f"are the layers 0 to {layers - 1}" if layers > 1 else "is layer 0 alone"
        raise MirbenchError(f"options.{encoder.name}.{LAYER} is {asked}, and there {there}.")


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
