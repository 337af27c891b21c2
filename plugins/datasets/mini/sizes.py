"""How large `mini` is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How many clips: of each style (tagging and genre), key and pitch for train, valid, test; and the pretraining pools."""

    style: tuple[int, int, int]
    key: tuple[int, int, int]
    pitch: tuple[int, int, int]
    tagged_pool: int
    plain_pool: int
    note_pool: int


FULL = Size((64, 16, 40), (24, 6, 12), (14, 5, 5), 2_900, 500, 400)
QUICK = Size((12, 4, 6), (3, 1, 2), (2, 1, 1), 180, 0, 0)
