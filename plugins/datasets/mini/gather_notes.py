"""Make the sounds that `mini` ships with, from a named package. Run by maintainers, never by users.

    apt-get install fluid-soundfont-gm fluidsynth
    python plugins/datasets/mini/gather_notes.py

Writes data/<instrument>.ogg, one file per instrument: its notes one after another, mono, 22,050 Hz, each NOTE_SECONDS long;
data/notes.json says which. fluidsynth plays them from the recordings in FluidR3_GM, without effects; nothing is synthesised.
"""

from __future__ import annotations

import json
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

DATA = Path(__file__).parent / "data"
SOUNDFONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
SAMPLE_RATE = 22_050
NOTE_SECONDS = 1.8
DRUM_SECONDS = 0.7
NOTE_STEP = 4  # semitones between recorded notes

# name, General MIDI program (from 0), family, lowest and highest MIDI note, does it sustain
# fmt: off
INSTRUMENTS = [
    ("piano", 0, "keys", 28, 100, 0), ("bright-piano", 1, "keys", 28, 100, 0), ("electric-piano", 4, "keys", 28, 96, 0),
    ("fm-piano", 5, "keys", 28, 96, 0), ("harpsichord", 6, "keys", 29, 89, 0), ("clavinet", 7, "keys", 36, 96, 0),
    ("celesta", 8, "mallets", 60, 103, 0), ("glockenspiel", 9, "mallets", 67, 103, 0), ("music-box", 10, "mallets", 60, 96, 0),
    ("vibraphone", 11, "mallets", 53, 96, 0), ("marimba", 12, "mallets", 45, 96, 0), ("xylophone", 13, "mallets", 60, 103, 0),
    ("tubular-bells", 14, "mallets", 60, 80, 0), ("dulcimer", 15, "plucked", 48, 84, 0), ("drawbar-organ", 16, "organ", 36, 96, 1),
    ("percussive-organ", 17, "organ", 36, 96, 1), ("rock-organ", 18, "organ", 36, 96, 1), ("church-organ", 19, "organ", 36, 96, 1),
    ("reed-organ", 20, "organ", 36, 96, 1), ("accordion", 21, "free-reed", 48, 91, 1), ("harmonica", 22, "free-reed", 55, 91, 1),
    ("bandoneon", 23, "free-reed", 48, 91, 1), ("nylon-guitar", 24, "guitar", 40, 84, 0), ("steel-guitar", 25, "guitar", 40, 84, 0),
    ("jazz-guitar", 26, "guitar", 40, 86, 0), ("clean-guitar", 27, "guitar", 40, 86, 0), ("muted-guitar", 28, "guitar", 40, 84, 0),
    ("overdriven-guitar", 29, "distorted-guitar", 40, 86, 1), ("distortion-guitar", 30, "distorted-guitar", 40, 86, 1),
    ("acoustic-bass", 32, "bass", 28, 55, 0),
    ("finger-bass", 33, "bass", 28, 55, 0), ("pick-bass", 34, "bass", 28, 55, 0), ("fretless-bass", 35, "bass", 28, 55, 0),
    ("slap-bass", 36, "bass", 28, 55, 0), ("synth-bass", 38, "bass", 28, 60, 0), ("violin", 40, "strings", 55, 100, 1),
    ("viola", 41, "strings", 48, 88, 1), ("cello", 42, "strings", 36, 76, 1), ("contrabass", 43, "strings", 28, 60, 1),
    ("pizzicato", 45, "plucked", 36, 88, 0), ("harp", 46, "plucked", 28, 100, 0), ("string-ensemble", 48, "strings", 36, 96, 1),
    ("slow-strings", 49, "strings", 36, 96, 1), ("choir-aahs", 52, "voice", 48, 84, 1), ("voice-oohs", 53, "voice", 48, 84, 1),
    ("trumpet", 56, "brass", 54, 86, 1), ("trombone", 57, "brass", 36, 72, 1), ("tuba", 58, "brass", 28, 60, 1),
    ("muted-trumpet", 59, "brass", 54, 84, 1), ("french-horn", 60, "brass", 40, 77, 1), ("brass-section", 61, "brass", 40, 84, 1),
    ("soprano-sax", 64, "reed", 56, 88, 1), ("alto-sax", 65, "reed", 49, 81, 1), ("tenor-sax", 66, "reed", 44, 76, 1),
    ("oboe", 68, "reed", 58, 91, 1), ("english-horn", 69, "reed", 52, 81, 1), ("bassoon", 70, "reed", 34, 72, 1),
    ("clarinet", 71, "reed", 50, 91, 1), ("piccolo", 72, "flute", 74, 103, 1), ("flute", 73, "flute", 60, 96, 1),
    ("recorder", 74, "flute", 60, 96, 1), ("pan-flute", 75, "flute", 60, 96, 1), ("banjo", 105, "plucked", 48, 86, 0),
    ("fiddle", 110, "strings", 55, 96, 1),
]
# fmt: on
DRUMS = [35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 53, 54, 56, 62, 64, 69, 75]


def _varlen(value: int) -> bytes:
    """A MIDI variable-length quantity."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | (value & 0x7F))
    return bytes(reversed(out))


def _midi_file(channel: int, program: int, pitches: list[int], hold: float, gap: float) -> bytes:
    """A MIDI file that plays the pitches one after another, each held `hold` s, `gap` s apart (1,000 ticks a second)."""
    track = bytes([0, 0xFF, 0x51, 3]) + (1_000_000).to_bytes(3, "big") + bytes([0, 0xC0 | channel, program])
    for index, pitch in enumerate(pitches):
        wait = 0 if index == 0 else round((gap - hold) * 1000)
        track += _varlen(wait) + bytes([0x90 | channel, pitch, 100]) + _varlen(round(hold * 1000)) + bytes([0x80 | channel, pitch, 0])
    track += _varlen(2000) + bytes([0xFF, 0x2F, 0])
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1000) + b"MTrk" + struct.pack(">I", len(track)) + track


def _play(channel: int, program: int, pitches: list[int], seconds: float) -> np.ndarray:
    """Recorded notes, (notes, samples) float32 at SAMPLE_RATE."""
    gap = seconds + 1.2
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        midi.write_bytes(_midi_file(channel, program, pitches, seconds, gap))
        subprocess.run(
            ["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.8", "-r", str(SAMPLE_RATE), "-F", str(wav), SOUNDFONT, str(midi)],
            check=True,
            capture_output=True,
        )
        audio, rate = soundfile.read(wav, dtype="float32")
    assert rate == SAMPLE_RATE
    mono = audio.mean(axis=1)
    length = round(seconds * SAMPLE_RATE)
    notes = np.zeros((len(pitches), length), np.float32)
    for index in range(len(pitches)):
        start = round(index * gap * SAMPLE_RATE)
        piece = mono[start : start + length]
        notes[index, : len(piece)] = piece
    # silence before the attack costs timing: shift each note to where it first reaches 2 % of its peak
    for note in notes:
        first = int(np.argmax(np.abs(note) > 0.02 * np.abs(note).max()))
        note[: length - first] = note[first:]
        note[length - first :] = 0
    notes *= 0.7 / np.maximum(np.sqrt((notes[:, : SAMPLE_RATE // 2] ** 2).mean(axis=1, keepdims=True)) * 4, 1e-4)
    peak = np.abs(notes).max(axis=1, keepdims=True)
    notes *= np.minimum(1.0, 0.95 / peak)
    fade = round(0.02 * SAMPLE_RATE)
    notes[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return notes


def gather_notes() -> None:
    DATA.mkdir(exist_ok=True)
    index: dict[str, Any] = {"sample_rate": SAMPLE_RATE, "instruments": {}}
    for name, program, family, low, high, sustains in INSTRUMENTS:
        pitches = list(range(low + 1, high + 1, NOTE_STEP))
        audio = _play(0, program, pitches, NOTE_SECONDS).reshape(-1)
        soundfile.write(DATA / f"{name}.ogg", audio, SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=0.72)
        index["instruments"][name] = {
            "family": family,
            "program": program,
            "low": low,
            "high": high,
            "sustains": bool(sustains),
            "pitches": pitches,
            "seconds": NOTE_SECONDS,
        }
    audio = _play(9, 0, DRUMS, DRUM_SECONDS).reshape(-1)
    soundfile.write(DATA / "drums.ogg", audio, SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=0.72)
    index["drums"] = {"pitches": DRUMS, "seconds": DRUM_SECONDS}
    (DATA / "notes.json").write_text(json.dumps(index, indent=1) + "\n")
    print(f"{len(INSTRUMENTS)} instruments, {sum(f.stat().st_size for f in DATA.glob('*.ogg')) / 1e6:.2f} MB")


if __name__ == "__main__":
    gather_notes()
