"""How a data set is named on the command line, in the hints that name commands."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from mirbench.errors import printable
from mirbench.nouns import Dataset


def asked_for(dataset: Dataset) -> str:
    """Its name, or the path of somebody's own data, and the `--plugin FILE` that it comes from, if it does."""
    given = dataset.name if dataset.location is None else _path(dataset.location)
    module = type(dataset).__module__
    file = getattr(sys.modules.get(module), "__file__", None) if module.startswith("mirbench_plugin_") else None
    return given if file is None else f"{given} --plugin {_path(Path(file))}"


def _path(path: Path) -> str:
    """From the working folder where it lies in it, as a shell takes it."""
    here = Path.cwd()
    return shlex.quote(printable(path.relative_to(here) if path.is_relative_to(here) else path))
