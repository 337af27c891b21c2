"""Encoders whose weights come in a package of the index. It is found and not imported: its own code needs more than its weights do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import mirbench


class PackagedEncoder(mirbench.Encoder):
    """packages: those that it needs, by the name of their import, with the command that installs them; the first holds the weights."""

    packages: ClassVar[Mapping[str, str]] = {}

    def check(self, options: Mapping[str, Any]) -> None:
        self.folder()

    def identity(self, options: Mapping[str, Any] | None = None) -> str:
        name = next(iter(self.packages))
        return f"{name} {importlib.metadata.version(name)}"

    def folder(self) -> Path:
        """Where the package with the weights lies. Raises MirbenchError where one that is needed is not installed."""
        places = []
        for name, command in self.packages.items():
            spec = importlib.util.find_spec(name)
            if spec is None or not spec.submodule_search_locations:
                raise mirbench.MirbenchError(f"the encoder {self.name} needs the package {name}; install it by {command}.")
            places += spec.submodule_search_locations
        return Path(places[0])
