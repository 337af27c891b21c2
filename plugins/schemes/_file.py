"""Encoders that are a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mirbench


class FileEncoder(mirbench.ModelEncoder):
    """A model whose file may say what it was trained on, among its facts."""

    @property
    def trained_on(self) -> tuple[str, ...]:  # type: ignore[override]
        """As the model says; nothing of one that cannot be read, which `check` refuses."""
        try:
            return tuple(self.facts(self.options).trained_on)
        except (mirbench.MirbenchError, LookupError):
            return ()

    def weight_files(self, folder: Path | None, options: Mapping[str, Any]) -> list[Path]:
        return [Path(options["file"]).expanduser()]

    def told(self, text: str | bytes) -> dict[str, Any]:
        """What the file says of itself in JSON, some of ModelFacts by their names. Raises MirbenchError for anything else."""
        kinds: dict[str, Any] = {
            "sample_rate": int,
            "normalises": bool,
            "window_seconds": (int, float),
            "shortest_seconds": (int, float),
            "layers": int,
        }
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        if not isinstance(told, dict) or any(not isinstance(value, kinds.get(name, list)) for name, value in told.items()):
            raise mirbench.MirbenchError(
                f"{self.model} says of itself what mirbench does not read ({str(text)[:60]}); export it anew by mirbench export."
            )
        if unknown := told.keys() - {*kinds, "trained_on"}:
            raise mirbench.MirbenchError(
                f"{self.model} says of itself what mirbench does not know ({', '.join(sorted(unknown))}); take a newer mirbench."
            )
        return told


def file_of(scheme: str, rest: str, what: str) -> str:
    """The file of an address. what: it should be, as a part of a sentence. Raises MirbenchError where there is none."""
    if not rest:
        raise mirbench.MirbenchError(f"{scheme}: names no file; write {scheme}:FILE.")
    if not Path(rest).is_file():
        raise mirbench.MirbenchError(f"there is no file {rest}, which {scheme}:{rest} names; give {what}.")
    return rest
