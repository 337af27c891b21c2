"""Which clips `mini` has: for every clip what is played, by whom, and in which split, as a function of the seed alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

import numpy as np

from .arrange import MELODIES, arrange, instrument_tag
from .pieces import STYLES, Piece, load_pieces, split_groups
from .sampler import Note, catalogue, mix, record
from .sizes import Size

Card = TypeVar("Card")
KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
NOTES = range(36, 97)
STRETCH = 4  # semitones that a held-out instrument may play beyond its recorded range
# held out for the pitch task, one instrument of each family that has three or more, chosen to cover MIDI 36-96 in either split
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
)


@dataclass(frozen=True)
class Plan:
    """One clip to be. kind: music, key or note; annotated: whether its labels are told."""

    id: str
    split: str
    group: str
    kind: str
    seconds: float
    instruments: tuple[str, ...]
    piece: int = -1
    texture: str = ""
    drums: bool = False
    transpose: int = 0
    pitch: int = -1
    annotated: bool = True


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

    def cast(self, piece: Piece) -> tuple[tuple[str, ...], str, bool]:
        texture = self.texture.draw()
        lead = self._one(self.lead.draw())
        low = self._one("bass" if self.rng.random() < 0.5 else self.chords.draw())
        if piece.style in MELODIES:
            names = (lead, self._one(self.chords.draw()), low, *([self._one(self.lead.draw())] if self.rng.random() < 0.4 else []))
        else:
            parts = 2 if texture == "duo" else 3
            names = (lead, *(self._one(self.lead.draw()) for _ in range(parts - 2)), low)
        drums = texture != "solo" and self.rng.random() < (0.6 if piece.style == "rock" else 0.3)
        return names, texture, drums


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


def _music(split: str, number: int, name: str, pieces: Sequence[Piece], seconds: float, seed: int, annotated: bool = True) -> list[Plan]:
    """`number` clips from pieces of each of the styles present, in turn."""
    rng = _rng(seed, name, split)
    casting = _Casting(rng)
    styles = [s for s in STYLES if any(p.style == s for p in pieces)]
    turns = {s: _turns([p for p in pieces if p.style == s], rng) for s in styles}
    plans = []
    for i in range(number):
        piece = next(turns[styles[i % len(styles)]])
        instruments, texture, drums = casting.cast(piece)
        plans.append(
            Plan(
                f"{name}-{split}-{i:04d}",
                split,
                piece.group,
                "music",
                seconds,
                instruments,
                piece.number,
                texture,
                drums,
                int(rng.integers(-5, 7)),
                annotated=annotated,
            )
        )
    return plans


def _keys(split: str, each: int, pieces: Sequence[Piece], seed: int) -> list[Plan]:
    """Pieces of known key, transposed so that each of the 24 keys is there `each` times."""
    rng = _rng(seed, "key", split)
    casting = _Casting(rng)
    plans = []
    for mode in ("major", "minor"):
        turns = _turns([p for p in pieces if p.mode == mode and p.tonic >= 0], rng)
        for i in range(12 * each):
            piece, tonic = next(turns), i % 12
            instruments, texture, drums = casting.cast(piece)
            shift = (tonic - piece.tonic + 6) % 12 - 6
            plans.append(
                Plan(f"key-{split}-{mode}-{i:04d}", split, piece.group, "key", 8.0, instruments, piece.number, texture, drums, shift)
            )
    return plans


def _pitches(split: str, number: int, instruments: Sequence[str], name: str, seed: int, annotated: bool = True) -> list[Plan]:
    """Single notes, MIDI 36 to 96 in turn, each by instruments that can play it, in turn."""
    rng = _rng(seed, name, split)
    table = catalogue()["instruments"]
    decks = {}
    for pitch in NOTES:
        able = [n for n in instruments if table[n]["low"] - STRETCH <= pitch <= table[n]["high"] + STRETCH]
        decks[pitch] = _Deck(able, rng)
    plans = []
    for i in range(number):
        pitch = NOTES[i % len(NOTES)]
        instrument = decks[pitch].draw()
        plans.append(
            Plan(f"{name}-{split}-{i:04d}", split, f"instrument-{instrument}", "note", 2.0, (instrument,), pitch=pitch, annotated=annotated)
        )
    return plans


def plan(size: Size, seed: int = 0) -> list[Plan]:
    """Every clip of the data set. Pool clips come from training groups only."""
    split_of = split_groups()
    pieces = {s: [p for p in load_pieces() if split_of[p.group] == s] for s in ("train", "valid", "test")}
    held_out = {"valid": VALID_INSTRUMENTS, "test": TEST_INSTRUMENTS}
    training = tuple(n for n in catalogue()["instruments"] if n not in {*VALID_INSTRUMENTS, *TEST_INSTRUMENTS})
    plans = []
    for index, split in enumerate(("train", "valid", "test")):
        plans += _music(split, size.style[index] * len(STYLES), "music", pieces[split], 8.0, seed)
        plans += _keys(split, size.key[index], pieces[split], seed)
        plans += _pitches(split, size.pitch[index] * len(NOTES), held_out.get(split, training), "note", seed)
    plans += _music("pretrain", size.tagged_pool, "tagged", pieces["train"], 6.0, seed)
    plans += _music("pretrain", size.plain_pool, "plain", pieces["train"], 6.0, seed, annotated=False)
    plans += _pitches("pretrain", size.note_pool, training, "plain-note", seed, annotated=False)
    return plans


def render(item: Plan, seed: int) -> tuple[np.ndarray, dict[str, object]]:
    """The clip's audio (int16 mono at 22,050 Hz) and its annotations."""
    rng = _rng(seed, item.id)
    annotations: dict[str, object] = {}
    if item.kind == "note":
        notes = [Note(float(rng.uniform(0.02, 0.3)), float(rng.uniform(0.7, 1.6)), item.pitch, item.instruments[0], 1.0)]
        annotations["pitch"] = item.pitch
    else:
        piece = load_pieces()[item.piece]
        arrangement = arrange(piece, item.instruments, item.texture, item.drums, item.transpose, item.seconds, rng)
        notes = arrangement.notes
        if item.kind == "key":
            annotations["key"] = f"{KEYS[(piece.tonic + item.transpose) % 12]} {piece.mode}"
        else:
            annotations.update(tags=arrangement.tags, genre=piece.style)
    return record(mix(notes, item.seconds), rng), annotations if item.annotated else {}
