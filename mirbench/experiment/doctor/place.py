"""Where mirbench writes, how many threads it has, and which data sets are there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from mirbench.data.published import layout
from mirbench.engine.files import lock
from mirbench.engine.machine import core_count
from mirbench.errors import MirbenchError, describe
from mirbench.experiment.doctor.checks import ERROR, NOTE, OK, WARNING, Check
from mirbench.nouns import Dataset

LITTLE, TOO_LITTLE = 5e9, 0.5e9  # bytes free
ALONE = "export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE"


def place(cache: Path, output: Path) -> Iterator[Check]:
    """output: where run folders would go."""
    yield _writable("cache", cache, "mirbench run --cache DIR, or export MIRBENCH_CACHE=DIR")
    yield _writable("results", output, "mirbench run --output DIR")
    yield _disk(cache)
    yield _locks(cache)
    yield from threads(os.environ, core_count(), os.cpu_count() or 1)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    folder = Path(os.path.abspath(folder))
    return next(each for each in (folder, *folder.parents) if each.exists())


def _writable(name: str, folder: Path, mend: str) -> Check:
    there = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
    except OSError as error:
        return Check("place", name, ERROR, f"nothing can be written to {folder} ({error.strerror})", mend)
    return Check("place", name, OK, f"{folder} {'can be written to' if there == Path(os.path.abspath(folder)) else 'will be made'}")


def _disk(cache: Path) -> Check:
    free = shutil.disk_usage(_nearest(cache)).free
    words = f"{free / 1e9:,.1f} GB are free for the cache"
    if free >= LITTLE:
        return Check("place", "disk", OK, words)
    state = WARNING if free >= TOO_LITTLE else ERROR
    return Check("place", "disk", state, f"{words}; a run needs some", "mirbench cache prune --older 30d   (or another place: --cache DIR)")


def _locks(cache: Path) -> Check:
    """Whether a file that is locked is locked for others, as two runs that share a cache rely on."""
    mend = "export MIRBENCH_CACHE=DIR   (on a local disk; or let one run at a time use this cache)"
    try:
        with tempfile.NamedTemporaryFile(dir=_nearest(cache)) as file:
            other = os.open(file.name, os.O_RDWR)
            try:
                first, second = lock(file.fileno()), lock(other)
            finally:
                os.close(other)
    except OSError as error:
        return Check("place", "locks", WARNING, f"whether files can be locked at the cache cannot be told ({error.strerror})", mend)
    if (first, second) == (True, False):
        return Check("place", "locks", OK, "files at the cache can be locked, so that runs can share it")
    return Check("place", "locks", WARNING, "files at the cache cannot be locked; two runs that share it may do the same work", mend)


def threads(environment: Mapping[str, str], usable: int, all_cores: int) -> Iterator[Check]:
    """usable: cores that this process may use, of all."""
    limit = environment.get("LOKY_MAX_CPU_COUNT")
    words = f"{usable} of {all_cores}" + (f" (LOKY_MAX_CPU_COUNT={limit})" if limit else "")
    yield Check("place", "cores", OK if usable > 1 else NOTE, words)
    threads, policy = environment.get("OMP_NUM_THREADS", ""), environment.get("OMP_WAIT_POLICY", "")
    words = f"OMP_NUM_THREADS={threads or 'not set'}, OMP_WAIT_POLICY={policy or 'not set'}"
    if threads == "1" and policy.upper() == "PASSIVE":
        yield Check("place", "threads", OK, f"{words}: right for runs side by side; of a run alone, its training has one core only")
    elif threads and (not threads.isdigit() or int(threads) > usable):
        yield Check(
            "place", "threads", WARNING, f"{words}: more threads than cores wait for each other", f"export OMP_NUM_THREADS={usable}"
        )
    else:
        told = "right for a run alone; runs side by side wait for each other's threads, and each takes up to ten times as long, unless"
        yield Check("place", "threads", NOTE, f"{words}: {told} this is set before", ALONE)


def datasets(published: Mapping[str, Dataset], root: Path | None) -> Iterator[Check]:
    """Those that are on disk, with how whole they are by the count of their files, and the names of the others. root: of published ones."""
    missing = []
    if root is not None and not root.is_dir():
        yield Check(
            "data", "data root", ERROR, f"{root}, where published data sets are looked for, is no folder", "export MIRBENCH_DATA=DIR"
        )
    for name, dataset in published.items():
        if not dataset.files:
            continue
        found = layout.where(dataset, root)
        if found.folder is None:
            missing.append(name)
            if found.obstacle and root is not None and root.is_dir():
                yield Check("data", name, WARNING, found.obstacle, f"mirbench data where {name}")
            continue
        try:
            verified = layout.verify(dataset, found.folder, checksums=False, shared=found.folder == root)
        except (MirbenchError, OSError) as error:
            words = str(error) if isinstance(error, MirbenchError) else describe(error)
            yield Check("data", name, WARNING, f"cannot be looked at: {words}", f"mirbench data where {name}")
            continue
        clips = f"{sum(verified.clips.values()):,} clips in {found.folder}"
        if verified.suffices:
            yield Check("data", name, OK, f"{clips}; whole by the count of its files")
        else:
            why = verified.fault or "files of it are missing, empty or cannot be read"
            yield Check("data", name, WARNING, f"{clips}; not whole: {why}", f"mirbench data verify {name}")
    if missing:
        yield Check("data", "not on this disk", NOTE, ", ".join(missing), "mirbench data where   (says how to get them)")
