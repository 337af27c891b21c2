"""Published data sets brought to disk: what is to be downloaded and the room that it takes; downloading, unpacking, verifying."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mirbench.data.asked_for import asked_for
from mirbench.data.published.downloading import SAME, download
from mirbench.data.published.layout import Verified, folder_of, verify, where
from mirbench.data.published.unpacking import unpack
from mirbench.engine.files import locked
from mirbench.errors import MirbenchError
from mirbench.nouns import Dataset
from mirbench.records import Download

UNFINISHED = ".mirbench-fetch"  # in the folder of the data set, while there is something to go on from
MEGABYTES_A_SECOND = 10.0  # for which times are told
MOST = 2.0  # times what an archive is known to hold


@dataclass(frozen=True)
class Fetch:
    """What is to be fetched. root: the data root; folder: where it goes; wanted: what is not there yet."""

    dataset: Dataset
    root: Path
    folder: Path
    wanted: tuple[Download, ...]

    @property
    def megabytes(self) -> float:
        """That are still to be downloaded, about."""
        return sum(max(0.0, each.megabytes - self._begun(each)) for each in self.wanted)

    @property
    def room(self) -> float:
        """Megabytes that it takes while an archive lies beside what was unpacked of it, about."""
        files = sum(each.unpacked or each.megabytes for each in self.wanted)
        return files + max((each.megabytes for each in self.wanted if each.archive), default=0.0) - sum(map(self._begun, self.wanted))

    @property
    def stays(self) -> float:
        """Megabytes that it takes when all is there, about."""
        return sum(each.unpacked or each.megabytes for each in self.wanted)

    @property
    def seconds(self) -> float:
        """At MEGABYTES_A_SECOND."""
        return self.megabytes / MEGABYTES_A_SECOND

    @property
    def free(self) -> float:
        """Megabytes."""
        there = next(path for path in (self.folder, *self.folder.absolute().parents) if path.is_dir())
        return shutil.disk_usage(there).free / 1e6

    def paths(self, wanted: Download) -> list[Path]:
        """Where it is downloaded to."""
        return [self.folder / UNFINISHED / file_of(url) for url in wanted.urls]

    def _begun(self, wanted: Download) -> float:
        """Megabytes of it that are there."""
        files = [each for path in self.paths(wanted) for each in (path, path.with_name(f"{path.name}.part")) if each.is_file()]
        return sum(each.stat().st_size for each in files) / 1e6


def file_of(url: str) -> str:
    """
    >>> file_of("https://example.org/files/audio.zip?download=1")
    'audio.zip'
    """
    return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2] or "file"


def plan_fetch(dataset: Dataset, root: Path | None) -> Fetch:
    """What of a data set is still to be fetched to the data root; nothing where it is whole.

    Raises MirbenchError where it cannot be fetched, saying what to do, where no data root is known or something else lies in its place.
    """
    check_fetchable(dataset)
    if root is None:
        raise MirbenchError(f"{dataset.name} needs a place; name the folder that it is to lie in by --data-root DIR, or in MIRBENCH_DATA.")
    found = where(dataset, root)
    if found.folder is None and found.obstacle and os.path.lexists(root):
        raise MirbenchError(f"{dataset.name} cannot be put into {root}: {found.obstacle}.")
    usual = root / found.names[0]
    if found.folder is None:
        return Fetch(dataset, root, usual, dataset.downloads)
    there = verify(dataset, found.folder, checksums=False, shared=found.folder == root)
    wanted = tuple(each for each in dataset.downloads if not _is_there(each, there))
    folder = usual if (usual / UNFINISHED).is_dir() else found.folder  # an archive may bring a folder of its own
    return Fetch(dataset, root, folder, wanted or (() if there.suffices else dataset.downloads))


def check_fetchable(dataset: Dataset) -> None:
    """Raises MirbenchError, saying how it is got, for a data set that is not to be downloaded."""
    if dataset.downloads:
        return
    name = dataset.name
    if dataset.files:
        given = asked_for(dataset)
        look = f"`mirbench data where {given}` says which files it needs, `mirbench data verify {given}` whether they are whole"
        how = dataset.access or f"see {dataset.home}"
        raise MirbenchError(f"{name} cannot be fetched by a program; to get it: {how.rstrip('.')}; {look}.")
    if dataset.location is not None:
        look = f"`mirbench data check {asked_for(dataset)}` says what is in it"
        raise MirbenchError(f"{name} is not a published data set that could be downloaded; {look}.")
    made = "mirbench makes it at the first run, and nothing is to be downloaded" if dataset.prepares else "its plugin states no downloads"
    raise MirbenchError(f"{name} cannot be fetched: {made}.")


def _is_there(wanted: Download, there: Verified) -> bool:
    """Whether all files that it holds are, but for those that can be done without beside others."""
    held = [each for each in there.files if each.files.source.startswith(wanted.url)]
    needed = [each for each in held if not each.files.optional] or held
    return all(each.suffices and each.found >= each.files.count for each in needed)


def fetch(planned: Fetch) -> Verified:
    """Downloads and unpacks what is wanted, each archive before the next is begun, and verifies all of it, checksums of files too.

    Raises MirbenchError; what is there then stays, and another call goes on.
    """
    if planned.room > planned.free:
        raise MirbenchError(
            f"{planned.dataset.name} takes {planned.room / 1000:,.1f} GB while it is unpacked, and {planned.folder} has "
            f"{planned.free / 1000:,.1f} GB free; make room, or name another disk by --data-root."
        )
    folder, unfinished = planned.folder, planned.folder / UNFINISHED
    with _explained(folder), locked(unfinished / "lock", f"fetching {planned.dataset.name}"):
        for number, wanted in enumerate(planned.wanted, 1):
            paths = planned.paths(wanted)
            for url, path in zip(wanted.urls, paths, strict=True):
                download(url, path, wanted.checksum, f"{number} of {len(planned.wanted)}: {path.name}")
            _place(wanted, paths, folder / wanted.to)
        tidy(planned)
    there = folder_of(planned.dataset, planned.root)
    return verify(planned.dataset, there, shared=there == planned.root)


def tidy(planned: Fetch) -> None:
    """Removes what is only there to go on from."""
    shutil.rmtree(planned.folder / UNFINISHED, ignore_errors=True)


def _place(wanted: Download, paths: Sequence[Path], folder: Path) -> None:
    """Puts what was downloaded where it belongs. An archive that cannot be unpacked is removed where a checksum does not say that it is as
    published, since another download may bring another."""
    folder.mkdir(parents=True, exist_ok=True)
    if not wanted.archive:
        os.replace(paths[0], folder / paths[0].name)
        return
    try:
        unpack(paths, wanted.archive, folder, MOST * 1e6 * wanted.unpacked)
    except MirbenchError:
        for path in paths if not wanted.checksum else ():
            path.unlink(missing_ok=True)
        raise
    for path in paths:
        path.unlink()


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turns a full disk or a folder that cannot be written into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise MirbenchError(f"the disk of {folder} is full; make room, and {SAME}.") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.EFBIG):
            at = error.filename or folder
            raise MirbenchError(f"{at} cannot be written ({error.strerror}); choose another folder by --data-root.") from error
        raise
