"""Keys and pitches as people write them, read in one place for tasks, supervisions and metrics."""

from __future__ import annotations

import re
from typing import Any

from mirbench.errors import MirbenchError

_MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")  # by pitch class, as musicians mostly spell them
_MINOR = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
_MODES = {"major": "major", "maj": "major", "M": "major", "": "major", "minor": "minor", "min": "minor", "m": "minor"}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_KEY = re.compile(r"([A-Ga-g])([#♯b♭]?)[\s:_]*([A-Za-z]*)")


def parse_key(text: Any) -> tuple[int, str]:
    """A key's tonic in semitones above C, 0 to 11, and its mode, major or minor; enharmonic names are one key.

    text: such as `C major`, `F# minor`, `Bbm` or `A:min`; a capital letter alone is major. Raises MirbenchError for what is no key.

    >>> [parse_key(name) for name in ("F# minor", "Gb:min", "Bbm", "A")]
    [(6, 'minor'), (6, 'minor'), (10, 'minor'), (9, 'major')]
    """
    match = _KEY.fullmatch(str(text).strip())
    if match:
        letter, accidental, written = match.groups()
        mode = _MODES.get(written) or _MODES.get(written.lower())
        if mode and (written or letter.isupper()):
            return (_MAJOR.index(letter.upper()) + _ACCIDENTALS[accidental]) % 12, mode
    raise MirbenchError(f"{text!r} is not a key; write it like 'C major', 'F# minor', 'Bbm' or 'A:min'.")


def key_name(tonic: int, mode: str) -> str:
    """A key in its published spelling. tonic: in semitones above C; mode: major or minor.

    >>> key_name(1, "major"), key_name(1, "minor")
    ('Db major', 'C# minor')
    """
    return f"{(_MAJOR if mode == 'major' else _MINOR)[tonic % 12]} {mode}"


def parse_pitch(value: Any) -> int:
    """A MIDI note number, 0 to 127, from an int, a whole float or their text. Raises MirbenchError for what is none.

    >>> parse_pitch("60.0")
    60
    """
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if number not in range(128):
        raise MirbenchError(f"{value!r} is not a pitch; write a MIDI note number from 0 to 127, such as 60 for middle C.")
    return int(number)
