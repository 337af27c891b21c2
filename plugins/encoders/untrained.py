"""Untrained: the same backbone with random weights; what training adds is the distance to it."""

from __future__ import annotations

import mirbench


class Untrained(mirbench.BackboneEncoder):
    """Random weights, never changed."""

    name = "untrained"
    description = "the same backbone with random weights"


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [Untrained()]
