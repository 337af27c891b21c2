"""Key: tonic and mode of a clip, 24 classes. Enharmonic names are one class, spelt as musicians mostly do: Db major, C# minor."""

from __future__ import annotations

from typing import Any

import mirbench


class Key(mirbench.Task):
    name = "key"
    description = "tonic and mode, 24 keys"
    annotation = "key"
    target = "multiclass"
    metrics = ("mirex", "accuracy")
    classes = tuple(mirbench.key_name(tonic, mode) for mode in ("major", "minor") for tonic in range(12))
    changed_by = frozenset({"pitch"})

    def label(self, value: Any) -> str:
        """A key in its published spelling; a capital letter alone is major.

        >>> [Key().label(name) for name in ("C# major", "Db:min", "Bbm", "Cb major", "A")]
        ['Db major', 'C# minor', 'Bb minor', 'B major', 'A major']
        """
        return mirbench.key_name(*mirbench.parse_key(value))


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Key()]
