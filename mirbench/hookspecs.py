"""The hooks. A plugin is a module (or object) with any of these, marked with `@mirbench.hookimpl`."""

from __future__ import annotations

import pluggy

from mirbench.nouns import Backbone, Corruption, Dataset, Encoder, Probe, Scheme, Supervision, Task

hookspec = pluggy.HookspecMarker("mirbench")
hookimpl = pluggy.HookimplMarker("mirbench")


@hookspec
def register_encoders() -> list[Encoder]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded. Return the encoders you provide; an empty list or None means none."""


@hookspec
def register_datasets() -> list[Dataset]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded. Return the data sets you provide; an empty list or None means none."""


@hookspec
def register_tasks() -> list[Task]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded. Return the tasks you provide; an empty list or None means none."""


@hookspec
def register_corruptions() -> list[Corruption]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded. Return the corruptions you provide; an empty list or None means none."""


@hookspec
def register_backbones() -> list[Backbone]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded. Return the backbones you provide; an empty list or None means none."""


@hookspec
def register_supervisions() -> list[Supervision]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded. Return the supervisions you provide; an empty list or None means none."""


@hookspec
def register_probes() -> list[Probe]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded. Return the probes you provide; an empty list or None means none."""


@hookspec
def register_schemes() -> list[Scheme]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded. Return the schemes you provide; an empty list or None means none."""
