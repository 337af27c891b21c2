"""A numpy sampler and a recording chain: notes in, a believable mono recording out.

The instruments are one-note recordings (data/, see PROVENANCE.md); the notes between are resampled from the nearest. A player is who plays
and where: the usual instruments in the usual rooms, or others in their place, in other rooms.
Everything is a function of its arguments: the same events and the same random generator give the same bytes in any
process. What is slow to import is imported when first played.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .pieces import DATA

SAMPLE_RATE = 22_050
RELEASE = round(0.06 * SAMPLE_RATE)
DETUNE_CENTS = 35
ROOMS = 24  # of each player
_FADE = np.cos(np.linspace(0, np.pi / 2, RELEASE, dtype=np.float32)) ** 2


@dataclass(frozen=True)
class Note:
    """start and seconds in seconds; gain linear; instrument "drums" takes General MIDI drum notes as pitches."""

    start: float
    seconds: float
    pitch: int
    instrument: str
    gain: float


@dataclass(frozen=True)
class Player:
    """shifted: whether others play in the place of each instrument. rooms: seed of the rooms; rt60, wet_db: lowest and highest
    reverberation time, in seconds, and level of the reverberation."""

    shifted: bool
    rooms: int
    rt60: tuple[float, float]
    wet_db: tuple[float, float]


USUAL = Player(False, 7_001, (0.12, 1.0), (-22, -7))
OTHER = Player(True, 7_003, (0.3, 1.8), (-16, -4))


@cache
def catalogue() -> dict[str, Any]:
    """data/notes.json: which notes of which instrument were recorded."""
    return json.loads((DATA / "notes.json").read_text())


def _entry(instrument: str, shifted: bool) -> tuple[Path, dict[str, Any]]:
    """The file and what is in it of an instrument, or of what plays in its place."""
    table, folder = catalogue(), DATA / "shifted" if shifted else DATA
    if instrument == "drums":
        return folder / "drums.ogg", {"sustains": False, **table["drums"]}
    name = table["instead"][instrument] if shifted else instrument
    return folder / f"{name}.ogg", table["shifted" if shifted else "instruments"][name]


@cache
def _recorded(instrument: str, shifted: bool) -> np.ndarray:
    """(notes, samples) float32."""
    import soundfile

    file, entry = _entry(instrument, shifted)
    audio, _ = soundfile.read(file, dtype="float32")
    length = round(entry["seconds"] * SAMPLE_RATE)
    notes = len(entry["pitches"])
    return np.pad(audio, (0, max(0, notes * length - len(audio))))[: notes * length].reshape(notes, length)


@cache
def sound(instrument: str, pitch: int, shifted: bool = False) -> np.ndarray:
    """The instrument's note at this MIDI pitch, (samples,) float32, resampled from the nearest recorded one."""
    import soxr

    _, entry = _entry(instrument, shifted)
    nearest = int(np.argmin([abs(p - pitch) for p in entry["pitches"]]))
    shift = 0 if instrument == "drums" else pitch - entry["pitches"][nearest]
    recorded = _recorded(instrument, shifted)[nearest]
    return (
        recorded if shift == 0 else soxr.resample(recorded, SAMPLE_RATE * 2 ** (shift / 12), SAMPLE_RATE, quality="MQ").astype(np.float32)
    )


@cache
def _sustained(instrument: str, pitch: int, shifted: bool) -> np.ndarray:
    """A sustaining note made about 6 s long by repeating its middle with crossfades."""
    note = sound(instrument, pitch, shifted)
    note = note[: int(len(note) * 0.97)]
    fade = len(note) // 6
    body = note[len(note) // 3 :]
    ramp = np.sqrt(np.linspace(0, 1, fade, dtype=np.float32))
    parts = note.copy()
    while len(parts) < 6 * SAMPLE_RATE:
        parts = np.concatenate([parts[:-fade], parts[-fade:] * ramp[::-1] + body[:fade] * ramp, body[fade:]])
    return parts


def mix(notes: Sequence[Note], seconds: float, player: Player = USUAL) -> np.ndarray:
    """The notes played together, (samples,) float32, not normalised."""
    shifted = player.shifted
    out = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for note in notes:
        start = max(0, round(note.start * SAMPLE_RATE))
        late = max(0, -round(note.start * SAMPLE_RATE))  # began before the window
        length = round(note.seconds * SAMPLE_RATE)
        source = sound(note.instrument, note.pitch, shifted)
        if length + RELEASE > len(source) and _entry(note.instrument, shifted)[1]["sustains"]:
            source = _sustained(note.instrument, note.pitch, shifted)
        end = min(length + RELEASE, len(source), late + len(out) - start)
        if end <= late or start >= len(out):
            continue
        piece = source[late:end] * np.float32(note.gain)
        release = end - max(length, late)
        if 0 < release <= RELEASE and note.instrument != "drums":
            piece[-release:] *= _FADE[:release]
        out[start : start + len(piece)] += piece
    return out


@cache
def _room(player: Player, number: int, length: int) -> np.ndarray:
    """The spectrum of a room: a direct sound and an exponentially decaying tail that loses its treble first."""
    from scipy.fft import rfft

    rng = np.random.default_rng([player.rooms, number])
    rt60, wet = rng.uniform(*player.rt60), 10 ** (rng.uniform(*player.wet_db) / 20)
    n = round(min(rt60, 0.9) * SAMPLE_RATE)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / (rt60 * SAMPLE_RATE))
    tail[: round(0.004 * SAMPLE_RATE)] = 0
    smooth = np.cumsum(tail) - np.concatenate([np.zeros(3), np.cumsum(tail)[:-3]])
    tail = smooth * wet / np.sqrt((smooth**2).sum())
    tail[0] += 1.0
    return rfft(tail.astype(np.float32), length)


@cache
def _hiss(number: int) -> np.ndarray:
    """20 s of noise between white and brown, unit RMS."""
    from scipy.fft import irfft, rfft

    rng = np.random.default_rng([7_002, number])
    n = 20 * SAMPLE_RATE
    slope = rng.uniform(0.0, 0.9)
    spectrum = rfft(rng.standard_normal(n).astype(np.float32)) * (np.maximum(np.arange(n // 2 + 1), 20) ** -slope).astype(np.float32)
    noise = irfft(spectrum, n)
    return (noise / np.sqrt((noise**2).mean())).astype(np.float32)


def record(audio: np.ndarray, rng: np.random.Generator, player: Player = USUAL) -> np.ndarray:
    """A recording of the mix: detuned by up to 35 cents, in a room, tilted, noisy, at some level. Returns int16 of the same length."""
    import soxr
    from scipy.fft import irfft, next_fast_len, rfft

    n = len(audio)
    cents = rng.uniform(-DETUNE_CENTS, DETUNE_CENTS)
    audio = soxr.resample(audio, SAMPLE_RATE * 2 ** (cents / 1200), SAMPLE_RATE, quality="MQ")
    audio = np.pad(audio, (0, max(0, n - len(audio))))[:n]
    length = next_fast_len(n + SAMPLE_RATE, real=True)
    frequency = np.maximum(np.arange(length // 2 + 1, dtype=np.float32) * (SAMPLE_RATE / length), 20.0)
    room, hiss, tilt = int(rng.integers(ROOMS)), int(rng.integers(8)), rng.uniform(-0.35, 0.35)
    low, high = rng.uniform(20, 160), rng.uniform(4_500, 11_000)
    colour = (frequency / 1000) ** np.float32(tilt) / np.sqrt(1 + (low / frequency) ** 4) / np.sqrt(1 + (frequency / high) ** 6)
    audio = irfft(rfft(audio.astype(np.float32), length) * _room(player, room, length) * colour, length)[:n]
    power = float(np.sqrt((audio**2).mean()))
    at = int(rng.integers(20 * SAMPLE_RATE - n))
    audio = audio + _hiss(hiss)[at : at + n] * np.float32(power * 10 ** (-rng.uniform(16, 45) / 20))
    gain = 10 ** (rng.uniform(-30, -14) / 20) / max(power, 1e-6)
    gain = min(gain, 0.98 / max(float(np.abs(audio).max()), 1e-6))
    return np.round(audio * (gain * 32_767)).astype(np.int16)
