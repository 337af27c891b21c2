"""Singer: whose voice it is."""

from __future__ import annotations

import mirbench


class Singer(mirbench.Task):
    name = "singer"
    description = "whose voice it is"
    annotation = "singer"
    target = "multiclass"
    metrics = ("accuracy", "macro_f1")
    # Pitch shift and time stretch disguise a voice and leave it that singer's.


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Singer()]
