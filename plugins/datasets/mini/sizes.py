"""How large `mini` is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How many clips there are: of music of each style, and of notes of each pitch, for train, valid and test; more test clips of known
    key; and music without labels."""

    music: tuple[int, int, int]
    notes: tuple[int, int, int]
    keys: int
    pool: int


FULL = Size((200, 40, 110), (14, 5, 10), 200, 2_400)
LARGE = Size((200, 40, 110), (14, 5, 10), 200, 15_300)
QUICK = Size((16, 4, 8), (2, 1, 1), 0, 180)
