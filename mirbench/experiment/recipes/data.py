"""The audio of a data set that mirbench makes."""

from __future__ import annotations

from pathlib import Path

from mirbench.experiment.resolve.records import Data, naming


def prepare_data(data: Data, folder: Path) -> None:
    """Whatever the data set needs."""
    with naming("dataset", data.name, data.provider, "preparing"):
        data.noun.prepare(folder)
