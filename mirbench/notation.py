"""Keys, pitches and levels as people write them, in one place for tasks, supervisions, metrics, commands and reports."""

from __future__ import annotations

import re
from collections.abc import Sequence
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


def unit_parts(unit: str) -> tuple[str, str]:
    """What follows each level at once, and what an axis is named after.

    >>> unit_parts("dB SNR"), unit_parts(":1 ratio"), unit_parts("")
    (('', 'dB SNR'), (':1', 'ratio'), ('', 'level'))
    """
    if unit.startswith(":"):
        mark, _, noun = unit.partition(" ")
        return mark, noun or "ratio"
    return "", unit or "level"


def in_unit(levels: Sequence[float], unit: str) -> str:
    """Levels of a corruption with their unit.

    >>> in_unit([40, 30], "dB SNR"), in_unit([1.5, 2], ":1 ratio"), in_unit([1], "level"), in_unit([1, 2], "")
    ('40, 30 dB SNR', '1.5:1, 2:1 ratio', 'level 1', 'levels 1, 2')
    """
    mark, noun = unit_parts(unit)
    told = ", ".join(f"{level:g}{mark}" for level in levels)
    return f"level{'s'[: len(levels) > 1]} {told}" if noun == "level" else f"{told} {noun}"
