"""The note events that ship with `mini`, and how its groups are split."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"
TICKS = 24  # a quarter note
MELODIES = ("air", "hornpipe", "jig", "reel", "strathspey")  # of one voice
STYLES = ("air", "chorale", "classical", "hornpipe", "jig", "madrigal", "reel", "rock", "strathspey")
TEST_GROUPS, VALID_GROUPS = (0.4, 100), (0.15, 40)  # share of the groups of a style, and the most of them
LARGEST_HELD_OUT = 4  # pieces; a larger family of variants of a tune goes to train, lest it be most of a small split


@dataclass(frozen=True, eq=False)
class Piece:
    """One piece. voices: arrays (notes, 3) of onset, duration (ticks) and MIDI pitch; programs: General MIDI, -1 for drums.

    tonic: pitch class 0-11 or -1 where not known; mode: major, minor or modal; bar: ticks; tempo: quarter notes a minute, 0 unknown.
    """

    number: int
    style: str
    group: str
    tonic: int
    mode: str
    bar: int
    tempo: float
    voices: tuple[np.ndarray, ...]
    programs: tuple[int, ...]

    @property
    def has_key(self) -> bool:
        return self.tonic >= 0 and self.mode != "modal"

    @property
    def ticks(self) -> int:
        """The length of the piece, whole bars."""
        end = max(int((v[:, 0] + v[:, 1]).max()) for v in self.voices)
        return max(self.bar, round(end / self.bar) * self.bar)


@cache
def load_pieces() -> tuple[Piece, ...]:
    """All pieces, in the order of data/PIECES.csv."""
    with np.load(DATA / "pieces.npz", allow_pickle=False) as data:
        steps, durations, pitches = (
            data["onset_steps"].astype(np.int64),
            data["durations"].astype(np.int64),
            data["pitches"].astype(np.int64),
        )
        voice_table, table, styles = data["voices"], data["table"], data["styles"]
    voices: dict[int, list[np.ndarray]] = defaultdict(list)
    programs: dict[int, list[int]] = defaultdict(list)
    at = 0
    for number, program, count in voice_table.tolist():
        rows = slice(at, at + count)
        voices[number].append(np.stack([np.cumsum(steps[rows]), durations[rows], pitches[rows]], axis=1))
        programs[number].append(program)
        at += count
    return tuple(
        Piece(
            number,
            str(style),
            f"tune-{group:04d}",
            tonic,
            ("major", "minor", "modal")[mode],
            bar,
            float(tempo),
            tuple(voices[number]),
            tuple(programs[number]),
        )
        for number, (style, (tonic, mode, bar, tempo, group)) in enumerate(zip(styles, table.tolist(), strict=True))
    )


@cache
def split_groups() -> dict[str, str]:
    """group -> train, valid or test; drawn once, style by style, the same for every task."""
    members: dict[str, list[Piece]] = defaultdict(list)
    for piece in load_pieces():
        members[piece.group].append(piece)
    by_style: dict[str, list[str]] = defaultdict(list)
    for group, pieces in sorted(members.items()):
        styles = [p.style for p in pieces]
        by_style[max(sorted(set(styles)), key=styles.count)].append(group)
    split = {}
    for index, style in enumerate(STYLES):
        groups = by_style[style]
        wanted = {name: min(round(share * len(groups)), most) for name, (share, most) in (("test", TEST_GROUPS), ("valid", VALID_GROUPS))}
        for which in np.random.default_rng([20_240, index]).permutation(len(groups)):
            group = groups[which]
            large = style in MELODIES and len(members[group]) > LARGEST_HELD_OUT
            split[group] = "train" if large else next((name for name, left in wanted.items() if left > 0), "train")
            if split[group] != "train":
                wanted[split[group]] -= 1
    return split
