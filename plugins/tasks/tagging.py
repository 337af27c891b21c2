"""Tagging: which of many words apply to a clip, such as its instruments, its tempo and its style."""

from __future__ import annotations

import mirbench


class Tagging(mirbench.Task):
    name = "tagging"
    description = "which tags apply to a clip"
    annotation = "tags"
    target = "multilabel"
    metrics = ("macro_average_precision", "macro_roc_auc")
    changed_by = frozenset({"tempo"})  # most vocabularies, that of `mini` too, hold words like "slow" and "fast"


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Tagging()]
