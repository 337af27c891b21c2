"""Keys, pitches, levels and layers as people write them, in one place for tasks, supervisions, metrics, commands and reports."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Sequence
from typing import Any

from mirbench.errors import MirbenchError, printable

_MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")  # by pitch class, as musicians mostly spell them
_MINOR = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
_MODES = {"major": "major", "maj": "major", "M": "major", "": "major", "minor": "minor", "min": "minor", "m": "minor"}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1, "-": -1}
_KEY = re.compile(r"([A-Ga-g])(?:\s*(#|♯|b|♭)|(-)(?=[\s:_]+[A-Za-z]))?(?:[\s:_]*|\s+[-–—]\s+)([A-Za-z]*)")  # B- is music21's B flat
_SHARP_FLAT = re.compile(r"(?<=^[A-Ga-g])[\s-]*(sharp|flat)", re.IGNORECASE)
_WHEEL = re.compile(r"0?([1-9]|1[0-2])([ABabDMdm])")  # Camelot: 8B is C major, 8A A minor; Open Key: 1d and 1m
_NOTE = re.compile(r"([A-Ga-g])(#|♯|b|♭)?\s*(-1|[0-9])")
_HERTZ = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([kK]?)[hH][zZ]")


def parse_key(text: Any) -> tuple[int, str]:
    """A key's tonic in semitones above C, 0 to 11, and its mode, major or minor; enharmonic names are one key.

    text: such as `C major`, `F# minor`, `B♭m`, `A:min` or music21's `B- major`, a code of the Camelot wheel (8B, 8A) or of Open Key (1d,
    1m); a capital letter alone is major. Raises MirbenchError for what is no key.

    >>> [parse_key(name) for name in ("F# minor", "Gb:min", "Bbm", "A", "8A", "1d", "B- major", "B - major")]
    [(6, 'minor'), (6, 'minor'), (10, 'minor'), (9, 'major'), (9, 'minor'), (0, 'major'), (10, 'major'), (11, 'major')]
    """
    plain = str(text).strip()
    if wheel := _WHEEL.fullmatch(plain):
        fifths, letter = int(wheel[1]), wheel[2].upper()
        from_c = 7 * (fifths - (8 if letter in "AB" else 1))  # the fifths are counted from C, which is 8B or 1d
        return (from_c % 12, "major") if letter in "BD" else ((from_c + 9) % 12, "minor")
    if match := _KEY.fullmatch(_SHARP_FLAT.sub(lambda word: "#b"[word[1].lower() == "flat"], plain)):
        letter, accidental, flat, written = match.groups()
        mode = _MODES.get(written) or _MODES.get(written.lower())
        if mode and (written or letter.isupper()):
            return (_MAJOR.index(letter.upper()) + _ACCIDENTALS[accidental or flat or ""]) % 12, mode
    raise MirbenchError(f"{text!r} is not a key; write it like 'C major', 'F# minor', 'Bbm', 'A:min' or, of the Camelot wheel, '8A'.")


def is_key_without_mode(text: str) -> bool:
    """Whether it is a tonic alone, which is read as major.

    >>> is_key_without_mode("Bb"), is_key_without_mode("C major"), is_key_without_mode("8B"), is_key_without_mode("Am")
    (True, False, False, False)
    """
    match = _KEY.fullmatch(_SHARP_FLAT.sub(lambda word: "#b"[word[1].lower() == "flat"], text.strip()))
    return match is not None and not match[4]


def key_name(tonic: int, mode: str) -> str:
    """A key in its published spelling. tonic: in semitones above C; mode: major or minor.

    >>> key_name(1, "major"), key_name(1, "minor")
    ('Db major', 'C# minor')
    """
    return f"{(_MAJOR if mode == 'major' else _MINOR)[tonic % 12]} {mode}"


def parse_pitch(value: Any) -> int:
    """A MIDI note number, 0 to 127: of an int, a whole float or their text, a note's name with its octave (C4 is 60, middle C), or a
    frequency with its unit, whose nearest note it is (A4 is 440 Hz). Raises MirbenchError for what is none.

    >>> [parse_pitch(value) for value in ("60.0", "C4", "Bb3", "F♯-1", "440 Hz", "0.262 kHz")]
    [60, 60, 58, 6, 69, 60]
    """
    plain = str(value).strip()
    number = math.nan
    if note := _NOTE.fullmatch(plain):
        letter, accidental, octave = note.groups()
        number = 12 * (int(octave) + 1) + _MAJOR.index(letter.upper()) + _ACCIDENTALS[accidental or ""]
    elif hertz := _HERTZ.fullmatch(plain):
        frequency = float(hertz[1]) * (1000 if hertz[2] else 1)
        number = float(round(69 + 12 * math.log2(frequency / 440))) if 0 < frequency < math.inf else math.nan
    else:
        with contextlib.suppress(ValueError):
            number = float(plain)
    if number not in range(128):
        raise MirbenchError(
            f"{value!r} is not a pitch; write a MIDI note number from 0 to 127, such as 60 for middle C, its name, C4, or its frequency, "
            "262 Hz."
        )
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


def layer_in_words(layer: float | str, names: Sequence[str]) -> str:
    """A layer's number with its name behind it, where it has one.

    >>> layer_in_words(1, ["tokens", "pooled"]), layer_in_words(1, []), layer_in_words("last", ["tokens"])
    ('1 (pooled)', '1', 'last')
    """
    number = f"{layer:g}" if isinstance(layer, (int, float)) else layer
    return f"{number} ({printable(names[int(layer)])})" if isinstance(layer, (int, float)) and layer < len(names) else number
