"""Genre: the one style that a clip is in."""

from __future__ import annotations

import mirbench


class Genre(mirbench.Task):
    name = "genre"
    description = "the style that a clip is in"
    annotation = "genre"
    target = "multiclass"
    metrics = ("accuracy", "macro_f1")


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Genre()]
