"""Which run used what of a cache: a file for each finished run, `runs/KEY.json`."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mirbench.engine.files import write_atomically
from mirbench.engine.jobs import Job
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError

FOLDER = "runs"


@dataclass(frozen=True)
class RunRecord:
    """folder: where its results were written. finished: seconds since 1970. names: kind and key of each job."""

    key: str
    name: str
    folder: str
    finished: float
    names: frozenset[tuple[str, str]]


def record_run(store: Store, key: str, folder: Path, jobs: Iterable[Job]) -> None:
    """Where the store cannot be written to, nothing is."""
    keys: dict[str, list[str]] = {}
    for job in jobs:
        keys.setdefault(job.kind, []).append(job.key)
    about = {"name": folder.name, "folder": str(folder.resolve()), "finished": time.time(), "jobs": keys}
    if store.is_writable():
        with contextlib.suppress(MirbenchError, OSError):
            write_atomically(_file(store, key), json.dumps(about, separators=(",", ":")))


def is_recorded(store: Store, key: str) -> bool:
    return _file(store, key).is_file()


def recorded_runs(store: Store) -> list[RunRecord]:
    """The last first; a file that cannot be read is as good as missing."""
    found = []
    for path in (store.root / FOLDER).glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            said = json.loads(path.read_text(encoding="utf-8"))
            names = frozenset((str(kind), str(key)) for kind, keys in said["jobs"].items() for key in keys)
            found.append(RunRecord(path.stem, str(said["name"]), str(said["folder"]), float(said["finished"]), names))
    return sorted(found, key=lambda run: -run.finished)


def copy_records(source: Store, into: Store) -> None:
    """Those of another store, but of runs that are recorded here."""
    for path in (source.root / FOLDER).glob("*.json"):
        if not is_recorded(into, path.stem):
            with contextlib.suppress(MirbenchError, OSError, ValueError):
                write_atomically(_file(into, path.stem), path.read_text(encoding="utf-8"))


def forget_run(store: Store, run: RunRecord) -> None:
    """Its file."""
    with contextlib.suppress(OSError):
        _file(store, run.key).unlink()


def _file(store: Store, key: str) -> Path:
    return store.root / FOLDER / f"{key}.json"
