"""The parts of encoders that learn, by name: backbones and supervisions, of plugins too.

The registry that was loaded last is asked, so that a name means the same here as in `mirbench list`; where none was loaded, what is
built in and installed is.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol

from mirbench.nouns import Backbone, Supervision


class Lookup(Protocol):
    """What is asked: a registry."""

    def get(self, kind: str, name: str) -> Any: ...

    def nouns(self, kind: str) -> dict[str, Any]: ...


_current: list[Lookup] = []


def use(registry: Lookup) -> None:
    """Ask this registry from now on."""
    _current[:] = [registry]


def backbone(name: str) -> Backbone:
    """The backbone of that name; raises MirbenchError that names the nearest.

    >>> backbone("mel-cnn").name
    'mel-cnn'
    """
    found: Backbone = _registry().get("backbone", name)
    return found


def supervision(name: str) -> Supervision:
    """The supervision of that name; raises MirbenchError that names the nearest.

    >>> supervision("dice").annotation
    'tags'
    """
    found: Supervision = _registry().get("supervision", name)
    return found


def supervisions() -> dict[str, Supervision]:
    """All supervisions by name."""
    return dict(_registry().nouns("supervision"))


def _registry() -> Lookup:
    if not _current:
        importlib.import_module("mirbench.registry").load()  # which calls `use`
    return _current[0]
