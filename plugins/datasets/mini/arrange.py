"""From a piece to sounding notes: a window, a key, a tempo, instruments, and for a lone melody a rule-based backing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .pieces import MELODIES, TICKS, Piece
from .sampler import Note, catalogue

MAJOR = (0, 2, 4, 5, 7, 9, 11)
TEMPO = {
    "air": (75, 130),
    "chorale": (62, 105),
    "classical": (85, 150),
    "hornpipe": (135, 195),
    "jig": (140, 200),
    "madrigal": (75, 130),
    "reel": (155, 225),
    "strathspey": (115, 170),
}  # quarter notes a minute
FAMILY_TAG = {
    "keys": "piano",
    "mallets": "mallets",
    "plucked": "plucked",
    "organ": "organ",
    "free-reed": "accordion",
    "guitar": "guitar",
    "distorted-guitar": "distorted-guitar",
    "bass": "bass",
    "strings": "strings",
    "voice": "voice",
    "brass": "brass",
    "flute": "flute",
}
SAXOPHONES = ("soprano-sax", "alto-sax", "tenor-sax")
HARPSICHORDS = ("harpsichord", "clavinet")
FAST, SLOW = 5.5, 2.6  # melody onsets a second


@dataclass(frozen=True)
class Arrangement:
    notes: list[Note]
    tags: tuple[str, ...]


def instrument_tag(instrument: str) -> str:
    """The tag of an instrument: its family, but saxophones, other reeds and harpsichords have their own."""
    family = catalogue()["instruments"][instrument]["family"]
    if family == "reed":
        return "saxophone" if instrument in SAXOPHONES else "woodwind"
    return "harpsichord" if instrument in HARPSICHORDS else FAMILY_TAG[family]


@cache
def _scale(piece: Piece) -> tuple[int, ...]:
    """The major scale (as pitch classes from its first degree) that holds most of the melody."""
    weight = np.bincount(piece.voices[0][:, 2] % 12, piece.voices[0][:, 1], minlength=12)
    best = max(range(12), key=lambda root: (sum(weight[(root + step) % 12] for step in MAJOR), -root))
    return tuple((best + step) % 12 for step in MAJOR)


def _chords(piece: Piece, beat: int, first: int, last: int) -> list[tuple[int, int, tuple[int, ...]]]:
    """(start tick, ticks, pitch classes) for each two beats from `first` to `last`: the diatonic triad that fits the melody best."""
    melody, scale = piece.voices[0], _scale(piece)
    tonic = piece.tonic if piece.tonic >= 0 else int(melody[-1, 2]) % 12
    triads = [(scale[d], scale[(d + 2) % 7], scale[(d + 4) % 7]) for d in range(6)]
    span, length = 2 * beat, piece.ticks
    chosen: list[tuple[int, int, tuple[int, ...]]] = []
    previous = -1
    for start in range(first - first % span, last, span):
        at = start % length
        inside = melody[(melody[:, 0] < at + span) & (melody[:, 0] + melody[:, 1] > at)]
        weight = np.bincount(inside[:, 2] % 12, np.minimum(inside[:, 1], span), minlength=12) + 1e-3
        fit = [
            sum(weight[p] for p in triad) / weight.sum()
            + 0.25 * (triad[0] == tonic)
            + 0.1 * ((triad[0] - tonic) % 12 in (5, 7))
            - 0.05 * (d == previous)
            for d, triad in enumerate(triads)
        ]
        previous = int(np.argmax(fit))
        chosen.append((start, span, triads[previous]))
    return chosen


def _fold(pitch: int, low: int, high: int) -> int:
    """Octaves up or down into the range, which is wider than an octave."""
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch


def _place(voice: np.ndarray, piece: Piece, first: int, last: int) -> np.ndarray:
    """The voice's notes that sound between two ticks, the piece repeated as often as needed."""
    length, rows = piece.ticks, []
    for turn in range(first // length, last // length + 1):
        moved = voice + np.array([turn * length, 0, 0])
        rows.append(moved[(moved[:, 0] < last) & (moved[:, 0] + moved[:, 1] > first)])
    return np.concatenate(rows)


def _backing(
    piece: Piece, pattern: int, beat: int, first: int, last: int, with_chords: bool, with_bass: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Chord and bass voices as arrays of onset, ticks, pitch. pattern: 0 held, 1 bass and after-beat, 2 broken chord."""
    chords, bass = [], []
    for start, span, triad in _chords(piece, beat, first, last):
        low = [48 + (p - 48) % 12 for p in triad]
        if pattern == 0:
            chords += [(start, span, p) for p in low]
        elif pattern == 1:
            chords += [(start + b + beat // 2, beat // 2, p) for b in range(0, span, beat) for p in low]
        else:
            chords += [(start + k * (beat // 2), beat // 2, low[(0, 1, 2, 1)[k % 4]]) for k in range(span // (beat // 2))]
        root = 36 + (triad[0] - 36) % 12
        bass += (
            [(start, span, root)] if pattern == 0 else [(start, beat, root), (start + beat, beat, root - 5 if root - 5 >= 33 else root + 7)]
        )
    none = np.zeros((0, 3), np.int64)
    return np.array(chords, np.int64) if with_chords else none, np.array(bass, np.int64) if with_bass else none


def _drum_voice(piece: Piece, beat: int, first: int, last: int, kind: int) -> np.ndarray:
    """A hand drum or a light kit: strong beats, after-beats, and a shaker between."""
    strong, weak, between = ((64, 62, 69), (36, 38, 42), (41, 54, 42))[kind % 3]
    rows = []
    for tick in range(first - first % (2 * beat), last, 2 * beat):
        rows += [(tick, beat // 2, strong), (tick + beat, beat // 2, weak)]
        rows += [(tick + k * (beat // 2), beat // 4, between) for k in range(4)]
    return np.array(rows, np.int64)


def arrange(
    piece: Piece, instruments: tuple[str, ...], texture: str, drums: bool, transpose: int, seconds: float, rng: np.random.Generator
) -> Arrangement:
    """A window of the piece as notes and the tags that hold for it.

    instruments: the first for the melody or all voices; as many as the texture needs (solo 1, duo 2, ensemble 3 or more) are used.
    """
    tempo = rng.uniform(*TEMPO[piece.style]) if piece.style in TEMPO else np.clip(piece.tempo, 70, 190) * rng.uniform(0.9, 1.1)
    per_second = tempo * TICKS / 60
    length = piece.ticks
    first = int(rng.uniform(0, 1) * max(length - seconds * per_second, 0 if length > seconds * per_second else length))
    last = first + int(seconds * per_second) + 1
    beat = 36 if piece.style == "jig" else TICKS * (2 if piece.style in ("reel", "hornpipe") and piece.bar >= 96 else 1)
    voices: list[tuple[np.ndarray, str, float]] = []
    many = len(instruments)
    if piece.style in MELODIES:
        melody = _place(piece.voices[0], piece, first, last)
        voices.append((melody, instruments[0], 1.0))
        if texture != "solo":
            pattern = int(rng.integers(3))
            chords, bass = _backing(piece, pattern, beat, first, last, True, texture == "ensemble")
            voices.append((chords, instruments[1 % many], 0.45))
            if texture == "ensemble":
                voices.append((bass, instruments[2 % many], 0.8))
                if many > 3:
                    voices.append((melody - np.array([0, 0, 12 if rng.random() < 0.5 else 0]), instruments[3], 0.6))
    else:
        pitched = [_place(v, piece, first, last) for v, p in zip(piece.voices, piece.programs, strict=True) if p >= 0]
        pitched = [v for v in pitched if len(v)]
        if piece.style != "rock":
            pitched.sort(key=lambda v: -float(v[:, 2].mean()))
        if texture == "duo" and len(pitched) > 2:
            pitched = [pitched[0], pitched[-1]]
        elif texture == "solo" and piece.style == "rock":
            pitched = pitched[:1]
        voices += [(v, instruments[0 if texture == "solo" else i % many], 0.8) for i, v in enumerate(pitched[:6])]
    if drums and texture != "solo":
        own = [_place(v, piece, first, last) for v, p in zip(piece.voices, piece.programs, strict=True) if p < 0]
        voices.append((own[0] if own and len(own[0]) else _drum_voice(piece, beat, first, last, int(rng.integers(3))), "drums", 0.6))
    return _perform(voices, piece.style, texture, per_second, first, seconds, transpose, beat, rng)


def _perform(
    voices: list[tuple[np.ndarray, str, float]],
    style: str,
    texture: str,
    per_second: float,
    first: int,
    seconds: float,
    transpose: int,
    beat: int,
    rng: np.random.Generator,
) -> Arrangement:
    """Ticks to seconds with a human touch, pitches into the instruments' ranges, and what is true of the result as tags."""
    notes, sounding, onsets = [], set(), 0
    for index, (voice, instrument, gain) in enumerate(voices):
        if not len(voice):
            continue
        start = (voice[:, 0] - first) / per_second + rng.normal(0, 0.006, len(voice))
        length = np.maximum(voice[:, 1] / per_second * rng.uniform(0.75, 1.0), 0.05)
        loud = gain * 10 ** ((rng.uniform(-2.5, 2.5, len(voice)) + 2.0 * (voice[:, 0] % (2 * beat) == 0)) / 20)
        shift = 0
        if instrument != "drums":
            entry = catalogue()["instruments"][instrument]
            centre = float(np.median(voice[:, 2])) + transpose
            shift = 12 * round((np.clip(centre, entry["low"] + 9, max(entry["low"] + 9, entry["high"] - 9)) - centre) / 12)
        for at, lasts, pitch, strength in zip(start, length, voice[:, 2], loud, strict=True):
            midi = int(pitch) if instrument == "drums" else _fold(int(pitch) + transpose + shift, entry["low"] - 2, entry["high"] + 2)
            notes.append(Note(float(at), float(lasts), midi, instrument, float(strength)))
        if ((start < seconds - 0.3) & (start + length > 0.3)).any():
            sounding.add(instrument)
        if index == 0:
            onsets = len({round(float(t), 2) for t in start[(start >= 0) & (start < seconds)]})
    rate = onsets / seconds
    pitched = sorted(sounding - {"drums"})
    size = "solo" if len(pitched) + ("drums" in sounding) == 1 else "duo" if len(pitched) + ("drums" in sounding) == 2 else "ensemble"
    tags = {style, size, *(instrument_tag(i) for i in pitched)}
    tags |= ({"drums"} if "drums" in sounding else set()) | ({"fast"} if rate > FAST else {"slow"} if rate < SLOW else set())
    return Arrangement(notes, tuple(sorted(tags)))
