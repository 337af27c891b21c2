"""The audio of a data set that mirbench makes."""

from __future__ import annotations

import os
from pathlib import Path

from mirbench.engine.files import explain_os_errors
from mirbench.experiment.resolve.records import Data, naming


def prepare_data(data: Data, unfinished: Path, folder: Path) -> None:
    """Whatever the data set needs. unfinished: where one that goes on after a kill works."""
    working = unfinished if data.noun.resumes else folder
    with explain_os_errors("making a data set", working):
        working.mkdir(parents=True, exist_ok=True)
    with naming("dataset", data.name, data.provider, "preparing"):
        data.noun.prepare(working)
    if working != folder:
        for item in working.iterdir():
            os.rename(item, folder / item.name)
