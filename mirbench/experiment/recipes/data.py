"""The audio of a data set that mirbench makes."""

from __future__ import annotations

import os
from pathlib import Path

from mirbench.engine.files import explain_os_errors
from mirbench.engine.store import Store, key_of
from mirbench.experiment.resolve.records import Data, naming


def prepare_data(data: Data, store: Store, folder: Path) -> None:
    """Whatever the data set needs. store: keeps what one that goes on after a kill goes on from."""
    working = store.unfinished(key_of(**data.source)) if data.noun.resumes else folder
    with explain_os_errors("making a data set", working):
        working.mkdir(parents=True, exist_ok=True)
    with naming("dataset", data.name, data.provider, "preparing"):
        data.noun.prepare(working)
    if working != folder:
        for item in working.iterdir():
            os.rename(item, folder / item.name)
