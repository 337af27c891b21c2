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

    def missing(self, options: Mapping[str, Any]) -> str:
        return not_installed(self.name, self.packages)

    def identity(self, options: Mapping[str, Any] | None = None) -> str:
        name = next(iter(self.packages))
        return f"{name} {importlib.metadata.version(name)}"

    def folder(self) -> Path:
        """Where the package with the weights lies. Raises MirbenchError where one that is needed is not installed."""
        if why := self.missing({}):
            raise mirbench.MirbenchError(why)
        return Path(_places(next(iter(self.packages)))[0])


def not_installed(encoder: str, packages: Mapping[str, str]) -> str:
    """The sentence for the first of the packages that is not installed; nothing where all are. packages: as of a PackagedEncoder."""
    lacking = [(name, command) for name, command in packages.items() if not _places(name)]
    return "".join(f"the encoder {encoder} needs the package {name}; install it by {command}." for name, command in lacking[:1])


def _places(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    return [] if spec is None else list(spec.submodule_search_locations or ())
