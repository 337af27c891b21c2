"""The components of encoders that learn, by name: backbones and supervisions, of plugins too."""

from __future__ import annotations

from mirbench.nouns import Backbone, Supervision
from mirbench.registry.plugins import current


def backbone(name: str) -> Backbone:
    """The backbone of that name; raises MirbenchError that names the nearest.

    >>> backbone("mel-cnn").name
    'mel-cnn'
    """
    found: Backbone = current().get("backbone", name)
    return found


def supervision(name: str) -> Supervision:
    """The supervision of that name; raises MirbenchError that names the nearest.

    >>> supervision("dice").annotation
    'tags'
    """
    found: Supervision = current().get("supervision", name)
    return found


def supervisions() -> dict[str, Supervision]:
    """All supervisions by name."""
    return dict(current().nouns("supervision"))
