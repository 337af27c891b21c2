"""TUNe: a U-Net on the waveform with a tail that pools it to an embedding (Vélez Vásquez & Burgoyne 2022)."""

from __future__ import annotations

from typing import Any

import mirbench


class TUNe(mirbench.Backbone):
    name = "tune"
    description = "a U-Net on the waveform with a tail, 2.1 million parameters"

    def build(self, **options: Any) -> Any:
        return mirbench.TUNe(**options)


class TUNePlus(mirbench.Backbone):
    name = "tune-plus"
    description = "tune whose tail also reads the maps on the way up"

    def build(self, **options: Any) -> Any:
        return mirbench.TUNePlus(**options)


@mirbench.hookimpl
def register_backbones() -> list[mirbench.Backbone]:
    return [TUNe(), TUNePlus()]
