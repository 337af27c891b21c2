"""Published data sets as people have them on disk: where they lie under the data root, and whether they are whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.data.filetree import case_blind, composed, is_pattern, list_files, matcher
from mirbench.errors import MirbenchError, told
from mirbench.nouns import Dataset, Files
from mirbench.progress import progress_bar
from mirbench.records import SPLITS, Clip

BLOCK = 1 << 20  # bytes read at a time for a checksum


def data_root(given: str | Path | None) -> Path | None:
    """The folder that published data sets lie in: what was given, or MIRBENCH_DATA."""
    found = given or os.environ.get("MIRBENCH_DATA")
    return Path(found).expanduser() if found else None


def folder_of(dataset: Dataset, root: Path | None) -> Path:
    """The folder of a published data set under the data root, whatever the case of its name; raises MirbenchError where there is none.

    Where nothing of it lies there, but in a folder inside, as after unpacking an archive that has one, it is that. It is the root itself
    where that has all kinds of its files.
    """
    where = f"`mirbench data where {dataset.name}` says what it needs and where to get it"
    if root is None:
        raise MirbenchError(f"data set '{dataset.name}' is read from your disk; name the folder that holds it by --data-root; {where}.")
    if not root.is_dir():
        raise MirbenchError(f"the data root {root} is not a folder; name the one that holds your data sets by --data-root.")
    there = {path.name.lower(): path for path in sorted(root.iterdir(), reverse=True) if path.is_dir()}
    named = next((there[name.lower()] for name in dataset.folders or (dataset.name,) if name.lower() in there), None)
    found = named and _unpacked(dataset, named)
    if (found is None or not any(_begun(dataset, found))) and all(_begun(dataset, root)):
        return root
    if found is not None:
        return found
    names = " or ".join(dataset.folders or (dataset.name,))
    raise MirbenchError(f"data set '{dataset.name}' is not in the data root {root}, which has no folder {names}; {where}.")


def _unpacked(dataset: Dataset, folder: Path) -> Path:
    """The folder, or the first one in it where some of its files are, if none are in it."""
    if not any(_begun(dataset, folder)):
        for inside in sorted(path for path in folder.glob("[!.]*") if path.is_dir()):
            if any(_begun(dataset, inside)):
                return inside
    return folder


def _begun(dataset: Dataset, folder: Path) -> list[bool]:
    """Whether there is one of each kind of files; those that may be at any depth, or can be done without, tell nothing."""
    kinds = [files.path for files in dataset.files if not files.optional and not files.path.startswith("**")]
    return [next(folder.glob(kind), None) is not None for kind in kinds] or [False]


@dataclass(frozen=True)
class Where:
    """Where a published data set is looked for. names: those that its folder may have, the usual one first; folder: the one that is
    there."""

    dataset: Dataset
    root: Path | None
    names: tuple[str, ...]
    folder: Path | None


def where(dataset: Dataset, root: Path | None) -> Where:
    """Where a published data set is looked for under the data root, and whether it is there."""
    try:
        folder = folder_of(dataset, root)
    except MirbenchError:
        folder = None
    return Where(dataset, root, dataset.folders or (dataset.name,), folder)


@dataclass(frozen=True)
class Counted:
    """One line of `Dataset.files` and what is there of it.

    found: files; missing: those that clips are of and that are not there; md5: of the file, where it is not the published one; called: what
    lies there under this name in other letters' case.
    """

    files: Files
    found: int
    missing: tuple[str, ...] = ()
    md5: str = ""
    called: str = ""

    @property
    def whole(self) -> bool:
        return not self.md5 and not self.missing and (self.found >= self.files.count or self.files.optional)


@dataclass(frozen=True)
class Verified:
    """What of a published data set is there. Paths are relative to its folder.

    missing: files of clips that no pattern stands for; empty: files of 0 bytes that clips are of; unused: those of 0 bytes that none is of;
    extra: files that no pattern stands for; closed: folders that cannot be listed. clips: by split; fault: why they cannot be listed.
    """

    dataset: Dataset
    folder: Path
    files: tuple[Counted, ...]
    missing: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    clips: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""

    @property
    def whole(self) -> bool:
        return not (self.fault or self.missing or self.empty or self.closed) and all(each.whole for each in self.files)


def verify(dataset: Dataset, folder: Path) -> Verified:
    """Counts the files of a published data set, takes the checksums that its publisher states, and lists its clips; decodes no audio.

    The folder is listed once, however many patterns there are.
    """
    blind = case_blind(folder)

    def plain(path: str) -> str:
        return composed(path).casefold() if blind else composed(path)

    sizes, closed = list_files(folder)
    there = {plain(path): path for path in sizes}
    folded = {composed(path).casefold(): path for path in sizes}
    clips, fault = _clips(dataset, folder)
    wanted = {plain(_below(path, folder)) for path in {clip.path for clip in clips}}
    absent = {path for path in wanted - there.keys() if not os.path.isfile(os.path.join(folder, path))}  # hidden ones are not listed
    free = set(there)
    counted = []
    for files in dataset.files:
        found, lost = _matching(files.path, plain, there), _matching(files.path, plain, absent)
        absent -= lost
        free -= found
        called = set() if found or blind else _matching(files.path, str.casefold, folded)
        md5 = _md5(folder / there[min(found)]) if files.md5 and found and not is_pattern(files.path) else ""
        md5 = "" if md5 == files.md5.lower() else md5
        counted.append(Counted(files, len(found), tuple(sorted(lost)), md5, folded[min(called)] if called else ""))
    needed = wanted | {plain(files.path) for files in dataset.files if not is_pattern(files.path) and not files.optional}
    empty = [path for path, original in there.items() if sizes[original] == 0]
    return Verified(
        dataset,
        folder,
        tuple(counted),
        missing=tuple(sorted(absent)),
        empty=tuple(there[path] for path in empty if path in needed),
        unused=tuple(there[path] for path in empty if path not in needed),
        extra=tuple(sorted(there[path] for path in free)),
        closed=tuple(closed),
        clips={split: n for split in SPLITS if (n := sum(clip.split == split for clip in clips))},
        fault=fault,
    )


def _matching(pattern: str, plain: Callable[[str], str], paths: Collection[str]) -> set[str]:
    """Those of the paths, as `plain` writes them, that a pattern stands for."""
    if not is_pattern(pattern):
        return {path for path in (plain(pattern),) if path in paths}
    matches = matcher(plain(pattern)).fullmatch
    return {path for path in paths if matches(path)}


def _clips(dataset: Dataset, folder: Path) -> tuple[list[Clip], str]:
    """The clips, or why they cannot be listed."""
    try:
        return dataset.clips(folder), ""
    except MirbenchError as error:
        return [], str(error).removesuffix(".")
    except Exception as error:  # of a plugin, over files that are not as it expects
        return [], told(error)


def _below(path: Path, folder: Path) -> str:
    """A path as one below the folder, `/` between its parts; as it is where it is elsewhere."""
    text, start = os.path.normpath(path), os.path.join(os.path.normpath(folder), "")
    return text[len(start) :].replace(os.sep, "/") if text.startswith(start) else text


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    try:
        size, desc = path.stat().st_size, f"md5 of {path.name}"
        with open(path, "rb") as file, progress_bar(total=size, unit="B", unit_scale=True, desc=desc) as bar:
            while block := file.read(BLOCK):
                digest.update(block)
                bar.update(len(block))
    except OSError as error:
        return f"unreadable ({error.strerror})"
    return digest.hexdigest()
