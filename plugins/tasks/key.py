"""Key: tonic and mode of a clip, 24 classes. Enharmonic names are one class, spelt as musicians mostly do: Db major, C# minor."""

from __future__ import annotations

import re
from typing import Any

import mirbench

MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")  # by pitch class, 0 to 11
MINOR = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
MODES = {"major": MAJOR, "maj": MAJOR, "M": MAJOR, "": MAJOR, "minor": MINOR, "min": MINOR, "m": MINOR}
KEY = re.compile(r"([A-Ga-g])([#♯b♭]?)[\s:_]*([A-Za-z]*)")


class Key(mirbench.Task):
    name = "key"
    description = "tonic and mode, 24 keys"
    annotation = "key"
    target = "multiclass"
    metrics = ("mirex", "accuracy")
    classes = tuple(f"{tonic} major" for tonic in MAJOR) + tuple(f"{tonic} minor" for tonic in MINOR)
    changed_by = frozenset({"pitch"})

    def label(self, value: Any) -> str:
        """A key in its published spelling; a capital letter alone is major.

        >>> [Key().label(name) for name in ("C# major", "Db:min", "Bbm", "Cb major", "A")]
        ['Db major', 'C# minor', 'Bb minor', 'B major', 'A major']
        """
        match = KEY.fullmatch(str(value).strip())
        mode = match.group(3) if match else "?"
        if match and (mode in MODES or mode.lower() in MODES) and (mode or match.group(1).isupper()):
            letter, accidental, _ = match.groups()
            sharps = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[accidental]
            spelling = MODES[mode if mode in MODES else mode.lower()]
            return f"{spelling[(MAJOR.index(letter.upper()) + sharps) % 12]} {'major' if spelling is MAJOR else 'minor'}"
        raise mirbench.MirbenchError(f"{value!r} is not a key; write it like 'C major', 'F# minor', 'Bbm' or 'A:min'.")


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Key()]
