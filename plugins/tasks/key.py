"""Key: tonic and mode of a clip, 24 classes. Enharmonic names are one class, spelt as musicians mostly do: Db major, C# minor."""

from __future__ import annotations

from collections.abc import Mapping
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

    def shifted_label(self, label: Any, changes: Mapping[str, float]) -> str | None:
        """The key transposed by whole semitones.

        >>> Key().shifted_label("B minor", {"pitch": 2.0})
        'C# minor'
        """
        semitones = changes.get("pitch", 0)
        if set(changes) != {"pitch"} or semitones != round(semitones):
            return None
        tonic, mode = mirbench.parse_key(label)
        return mirbench.key_name(tonic + round(semitones), mode)


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Key()]
