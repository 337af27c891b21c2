"""TUNe: a U-Net on the waveform with a tail that pools it to an embedding (Vélez Vásquez & Burgoyne 2022)."""

from __future__ import annotations

from typing import Any

import mirbench

BLOCKS = tuple(f"{part}.{i}" for part, count in (("down", 5), ("up", 4), ("tail", 9)) for i in range(count))


class TUNe(mirbench.Backbone):
    name = "tune"
    description = "a U-Net on the waveform with a tail, 2.1 million parameters"
    blocks = BLOCKS

    def build(self, **options: Any) -> Any:
        return mirbench.TUNe(**options)


class TUNePlus(mirbench.Backbone):
    name = "tune-plus"
    description = "tune whose tail also reads the maps on the way up"
    blocks = BLOCKS

    def build(self, **options: Any) -> Any:
        return mirbench.TUNePlus(**options)


@mirbench.hookimpl
def register_backbones() -> list[mirbench.Backbone]:
    return [TUNe(), TUNePlus()]
