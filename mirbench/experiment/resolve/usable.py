"""`all` among encoders: those that can be used here."""

from __future__ import annotations

import sys

from mirbench.experiment.resolve.records import naming
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig
from mirbench.settings.options import encoder_options

ALL = "all"


def name_usable(config: RunConfig, registry: Registry) -> RunConfig:
    """The settings with the names of encoders that can be used with their options in the place of `all`; which cannot is told in a line."""
    if ALL not in (*config.encoders, *config.floors):
        return config
    usable, left_out = list[str](), list[str]()
    for encoder in registry.encoders.values():
        options = encoder_options(encoder, config.options)
        with naming("encoder", encoder.name, registry.provider("encoder", encoder.name), "telling what it lacks"):
            why = encoder.missing(options)
        (left_out if why else usable).append(encoder.name)
    if left_out:
        told = "`all` is without the encoders that cannot be used here (`mirbench list NAME` says why)"
        print(f"mirbench: {told}: {', '.join(left_out)}.", file=sys.stderr)

    def named(names: list[str]) -> list[str]:
        return list(dict.fromkeys(each for name in names for each in (usable if name == ALL else [name])))

    return config.model_copy(update={"encoders": named(config.encoders), "floors": named(config.floors)})
