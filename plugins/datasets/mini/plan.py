"""Which clips `mini` has: for every clip what is played, by whom, and in which split, as a function of the seed alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

import numpy as np

from .arrange import arrange, instrument_tag
from .pieces import STYLES, Piece, load_pieces, split_groups
from .sampler import USUAL, Note, Player, catalogue, mix, record
from .sizes import Size

Card = TypeVar("Card")
KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
NOTES = range(36, 97)
MUSIC_SECONDS, POOL_SECONDS, NOTE_SECONDS = 8.0, 6.0, 2.0
DRUMS = 0.4  # how often, where two or more play
STRETCH = 4  # semitones that a held-out instrument may play beyond its recorded range
# held out for the pitch task, so that no music has them; of each family that has three or more, to cover MIDI 36-96 in either split
VALID_INSTRUMENTS = (
    "bright-piano",
    "vibraphone",
    "dulcimer",
    "percussive-organ",
    "bandoneon",
    "clean-guitar",
    "pick-bass",
    "string-ensemble",
    "trombone",
    "clarinet",
    "recorder",
)
TEST_INSTRUMENTS = (
    "electric-piano",
    "marimba",
    "harp",
    "reed-organ",
    "accordion",
    "nylon-guitar",
    "fretless-bass",
    "violin",
    "french-horn",
    "oboe",
    "flute",
    "honky-tonk",
    "kalimba",
    "koto",
    "jazz-guitar",
    "slap-bass",
    "tremolo-strings",
    "synth-voice",
    "synth-brass",
    "baritone-sax",
    "ocarina",
)


@dataclass(frozen=True)
class Plan:
    """One clip to be: a piece, or, where that is -1, a note. told: the annotations that it carries."""

    id: str
    split: str
    group: str
    seconds: float
    instruments: tuple[str, ...]
    piece: int = -1
    texture: str = ""
    drums: bool = False
    transpose: int = 0
    pitch: int = -1

    @property
    def told(self) -> tuple[str, ...]:
        return {"music": ("tags", "genre", "key"), "key": ("key",), "note": ("pitch",), "pool": ()}[self.id.partition("-")[0]]


@cache
def music_instruments() -> dict[str, tuple[str, ...]]:
    """tag -> instruments that play in music, in every split; none that the pitch task holds out."""
    held_out = {*VALID_INSTRUMENTS, *TEST_INSTRUMENTS}
    members: dict[str, list[str]] = defaultdict(list)
    for name in catalogue()["instruments"]:
        if name not in held_out:
            members[instrument_tag(name)].append(name)
    return {tag: tuple(names) for tag, names in members.items()}


class _Deck(Generic[Card]):
    """Draws like a deck of cards: everything once before anything twice."""

    def __init__(self, cards: Sequence[Card], rng: np.random.Generator) -> None:
        self.cards, self.rng = list(cards), rng
        self.rest: list[Card] = []

    def draw(self) -> Card:
        if not self.rest:
            self.rest = [self.cards[i] for i in self.rng.permutation(len(self.cards))]
        return self.rest.pop()


class _Casting:
    """Instruments, texture and drums for one clip after another, evenly used and independent of the style."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        tags = music_instruments()
        self.lead = _Deck([t for t in tags if t != "bass"], rng)
        self.chords = _Deck([t for t in tags if t not in ("bass", "distorted-guitar", "flute", "saxophone", "woodwind")], rng)
        self.texture = _Deck(["solo"] * 3 + ["duo"] * 3 + ["ensemble"] * 4, rng)

    def _one(self, tag: str) -> str:
        names = music_instruments()[tag]
        return names[int(self.rng.integers(len(names)))]

    def cast(self) -> tuple[tuple[str, ...], str, bool]:
        texture, lead, middle = self.texture.draw(), self.lead.draw(), self.chords.draw()
        low = "bass" if self.rng.random() < 0.5 else self.chords.draw()
        more = [self.lead.draw()] if self.rng.random() < 0.4 else []
        names = tuple(self._one(tag) for tag in (lead, middle, low, *more))
        return names, texture, texture != "solo" and self.rng.random() < DRUMS


def _rng(*parts: object) -> np.random.Generator:
    """A generator of its own for each thing that is named."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest[:16], np.uint32))


def _turns(pieces: Sequence[Piece], rng: np.random.Generator) -> Iterator[Piece]:
    """The pieces for ever, group after group, every group as often as any other, its members in turn."""
    groups: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[piece.group].append(piece)
    decks = [_Deck(groups[name], rng) for name in sorted(groups)]
    while True:
        for index in rng.permutation(len(decks)):
            yield decks[index].draw()


def _music(split: str, number: int, pieces: Sequence[Piece], seconds: float, seed: int) -> list[Plan]:
    """`number` clips from pieces of each of the styles present, in turn."""
    rng = _rng(seed, "music", split)
    styles = [s for s in STYLES if any(p.style == s for p in pieces)]
    turns = {s: _turns([p for p in pieces if p.style == s], rng) for s in styles}
    name = "pool" if split == "pretrain" else f"music-{split}"
    return _played(name, split, (next(turns[styles[i % len(styles)]]) for i in range(number)), seconds, rng)


def _keys(split: str, number: int, pieces: Sequence[Piece], seed: int) -> list[Plan]:
    """`number` clips from pieces of known key, of which nothing else is told, since they are not of all styles."""
    rng = _rng(seed, "key", split)
    turns = _turns([p for p in pieces if p.has_key], rng)
    return _played(f"key-{split}", split, (next(turns) for _ in range(number)), MUSIC_SECONDS, rng)


def _played(name: str, split: str, pieces: Iterable[Piece], seconds: float, rng: np.random.Generator) -> list[Plan]:
    """A clip of each, by some instruments; those of known key are transposed to every key as often."""
    casting = _Casting(rng)
    tonics = {mode: _Deck(range(12), rng) for mode in ("major", "minor")}
    plans = []
    for i, piece in enumerate(pieces):
        instruments, texture, drums = casting.cast()
        shift = (tonics[piece.mode].draw() - piece.tonic + 5) % 12 - 5 if piece.has_key else int(rng.integers(-5, 7))
        plans.append(Plan(f"{name}-{i:05d}", split, piece.group, seconds, instruments, piece.number, texture, drums, shift))
    return plans


def _notes(split: str, number: int, instruments: Sequence[str], seed: int) -> list[Plan]:
    """Single notes, MIDI 36 to 96 in turn, each by instruments that can play it, in turn."""
    rng = _rng(seed, "note", split)
    table = catalogue()["instruments"]
    decks = {}
    for pitch in NOTES:
        able = [n for n in instruments if table[n]["low"] - STRETCH <= pitch <= table[n]["high"] + STRETCH]
        decks[pitch] = _Deck(able, rng)
    plans = []
    for i in range(number):
        pitch = NOTES[i % len(NOTES)]
        instrument = decks[pitch].draw()
        plans.append(Plan(f"note-{split}-{i:05d}", split, f"instrument-{instrument}", NOTE_SECONDS, (instrument,), pitch=pitch))
    return plans


def plan(size: Size, seed: int = 0) -> list[Plan]:
    """Every clip of the data set; a larger size has those of a smaller one, and more. The pool is of training groups only."""
    split_of = split_groups()
    pieces = {s: [p for p in load_pieces() if split_of[p.group] == s] for s in ("train", "valid", "test")}
    held_out = {"valid": VALID_INSTRUMENTS, "test": TEST_INSTRUMENTS}
    training = tuple(n for n in catalogue()["instruments"] if n not in {*VALID_INSTRUMENTS, *TEST_INSTRUMENTS})
    plans = []
    for index, split in enumerate(("train", "valid", "test")):
        plans += _music(split, size.music[index] * len(STYLES), pieces[split], MUSIC_SECONDS, seed)
        plans += _keys(split, size.keys if split == "test" else 0, pieces[split], seed)
        plans += _notes(split, size.notes[index] * len(NOTES), held_out.get(split, training), seed)
    return plans + _music("pretrain", size.pool, pieces["train"], POOL_SECONDS, seed)


def play(item: Plan, seed: int) -> tuple[list[Note], dict[str, object], np.random.Generator]:
    """What sounds in the clip, all that is true of it, and the generator that its recording goes on with."""
    rng = _rng(seed, item.id)
    if item.piece < 0:
        notes = [Note(float(rng.uniform(0.02, 0.3)), float(rng.uniform(0.7, 1.6)), item.pitch, item.instruments[0], 1.0)]
        return notes, {"pitch": item.pitch}, rng
    piece = load_pieces()[item.piece]
    arrangement = arrange(piece, item.instruments, item.texture, item.drums, item.transpose, item.seconds, rng)
    true: dict[str, object] = {"tags": arrangement.tags, "genre": piece.style}
    if piece.has_key:
        true["key"] = f"{KEYS[(piece.tonic + item.transpose) % 12]} {piece.mode}"
    return arrangement.notes, true, rng


def render(item: Plan, seed: int, player: Player = USUAL) -> tuple[np.ndarray, dict[str, object]]:
    """The clip's audio (int16 mono at 22,050 Hz) and its annotations."""
    notes, true, rng = play(item, seed)
    return record(mix(notes, item.seconds, player), rng, player), {name: value for name, value in true.items() if name in item.told}
