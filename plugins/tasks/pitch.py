"""Pitch: the note that a clip sounds, as a MIDI note number: 60 is middle C, 69 is A at 440 Hz."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mirbench


class Pitch(mirbench.Task):
    name = "pitch"
    description = "the MIDI note number of a single note"
    annotation = "pitch"
    target = "multiclass"
    metrics = ("accuracy", "pitch_class_accuracy")
    changed_by = frozenset({"pitch"})

    def label(self, value: Any) -> str:
        """A MIDI note number, int or text, 0 to 127.

        >>> Pitch().label("60.0")
        '60'
        """
        return str(mirbench.parse_pitch(value))

    def shifted_label(self, label: Any, changes: Mapping[str, float]) -> str | None:
        """The note so many whole semitones higher, where MIDI has it.

        >>> Pitch().shifted_label("60", {"pitch": -2.0})
        '58'
        """
        number = mirbench.parse_pitch(label) + changes.get("pitch", 0)
        return str(round(number)) if set(changes) == {"pitch"} and number in range(128) else None


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Pitch()]
