"""Encoders that are a file, which may say of itself what audio it takes and what it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.model_files import model_files
from mirbench.evaluation.embedding.models import ModelEncoder, ModelFacts

SAID: Mapping[str, Any] = {  # of ModelFacts, what a file may say of itself
    "sample_rate": int,
    "normalises": bool,
    "window_seconds": (int, float),
    "shortest_seconds": (int, float),
    "layers": int,
}


class FileEncoder(ModelEncoder):
    """A model in the file that its option `file` names. Override `in_file`, `facts` and `frames`."""

    @property
    def trained_on(self) -> tuple[str, ...]:  # type: ignore[override]
        """As the model says; nothing of one that cannot be read, which `check` refuses."""
        try:
            return tuple(self.facts(self.options).trained_on)
        except (MirbenchError, LookupError):
            return ()

    def weight_files(self, folder: Path | None, options: Mapping[str, Any]) -> list[Path]:
        return model_files(options["file"])

    def in_file(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the file says of itself, some of ModelFacts by their names."""
        return {}

    def facts(self, options: Mapping[str, Any]) -> ModelFacts:
        return ModelFacts(**self.in_file(options))

    def check(self, options: Mapping[str, Any]) -> None:
        rate, given = self.in_file(options).get("sample_rate"), options["sample_rate"]
        if rate and given and given != rate:
            raise MirbenchError(
                f"{self.model} says of itself that it takes audio at {rate} Hz, and options.{self.name}.sample_rate is {given}; leave that "
                "out, or correct what the file says."
            )
        super().check(options)

    def there(self, options: Mapping[str, Any]) -> Path:
        """The file. Raises MirbenchError where there is none."""
        if not (path := Path(options["file"]).expanduser()).is_file():
            raise MirbenchError(
                f"{self.model}: there is no file {path}; put it there, or say where it is by --set options.{self.name}.file=FILE."
            )
        return path

    def told(self, text: str | bytes) -> dict[str, Any]:
        """What the file says of itself in JSON, some of ModelFacts by their names. Raises MirbenchError for anything else."""
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        if not isinstance(told, dict) or any(not isinstance(value, SAID.get(name, list)) for name, value in told.items()):
            raise MirbenchError(
                f"{self.model} says of itself what mirbench does not read ({str(text)[:60]}); export it anew by mirbench export."
            )
        if unknown := told.keys() - {*SAID, "trained_on"}:
            raise MirbenchError(
                f"{self.model} says of itself what mirbench does not know ({', '.join(sorted(unknown))}); take a newer mirbench."
            )
        return told
