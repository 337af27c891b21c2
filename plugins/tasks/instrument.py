"""Instrument: what plays, or which family it is of, where a clip has one instrument."""

from __future__ import annotations

import mirbench


class Instrument(mirbench.Task):
    name = "instrument"
    description = "the one instrument, or family, that plays"
    annotation = "instrument"
    target = "multiclass"
    metrics = ("accuracy", "macro_f1")
    # A flute that is shifted in pitch or slowed down is a disguised flute, and whether it is still told is a fair question.


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Instrument()]
