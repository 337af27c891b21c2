"""Technique: how it is sung or played, such as belt, vibrato or vocal fry."""

from __future__ import annotations

import mirbench


class Technique(mirbench.Task):
    name = "technique"
    description = "how it is sung or played"
    annotation = "technique"
    target = "multiclass"
    metrics = ("accuracy", "macro_f1")
    # Fast and slow are among them, and a vibrato, a trill or a trillo is known by its rate; all are sung at any pitch.
    changed_by = frozenset({"tempo"})


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Technique()]
