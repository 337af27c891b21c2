"""Published data sets as people have them on disk: where they lie under the data root, and whether they are whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mirbench.data.asked_for import asked_for
from mirbench.data.published.checksums import kind_of, read_digests, stated
from mirbench.data.published.filetree import case_blind, composed, is_pattern, list_files, matcher
from mirbench.engine.machine import core_count
from mirbench.errors import MirbenchError, describe
from mirbench.nouns import Dataset
from mirbench.records import SPLITS, Clip, Files


def data_root(given: str | Path | None) -> Path | None:
    """The folder that published data sets lie in: what was given, or MIRBENCH_DATA."""
    found = given or os.environ.get("MIRBENCH_DATA")
    return Path(found).expanduser() if found else None


def folder_of(dataset: Dataset, root: Path | None) -> Path:
    """The folder of a published data set under the data root, whatever the case of its name; raises MirbenchError where there is none.

    Where nothing of it lies there, but in a folder inside, as after unpacking an archive that has one, it is that. It is the root itself
    where that has all kinds of its files.
    """
    where = f"`mirbench data where {asked_for(dataset)}` says what it needs and where to get it"
    if root is None:
        raise MirbenchError(f"data set '{dataset.name}' is read from your disk; name the folder that holds it by --data-root; {where}.")
    obstacle = _obstacle(dataset, root)
    if not root.is_dir() or not os.access(root, os.R_OK | os.X_OK):
        raise MirbenchError(f"{obstacle}; name the one that holds your data sets by --data-root.")
    there = {path.name.lower(): path for path in sorted(root.iterdir(), reverse=True) if path.is_dir()}
    named = next((there[name.lower()] for name in dataset.folders or (dataset.name,) if name.lower() in there), None)
    if by_mirdata := _by_mirdata(dataset, root):
        raise MirbenchError(f"data set '{dataset.name}' is not in the data root {root} as it is published: {by_mirdata}.")
    folder = named and _unpacked(dataset, named)
    if (folder is None or not any(_begun(dataset, folder))) and all(_begun(dataset, root)):
        return root
    if folder is not None:
        return folder
    if obstacle:
        raise MirbenchError(f"data set '{dataset.name}' is not in the data root {root}: {obstacle}; {where}.")
    names = " or ".join(dataset.folders or (dataset.name,))
    raise MirbenchError(f"data set '{dataset.name}' is not in the data root {root}, which has no folder {names}; {where}.")


def _obstacle(dataset: Dataset, root: Path) -> str:
    """What is in the place of the data root, or of the folder of the data set in it, or nothing."""
    if not root.is_dir():
        return f"the data root {_no_folder(root)}" if os.path.lexists(root) else f"the data root {root} is not there"
    if not os.access(root, os.R_OK | os.X_OK):
        return f"the data root {root} cannot be read"
    names = {name.lower() for name in dataset.folders or (dataset.name,)}
    found = next((path for path in sorted(root.iterdir()) if path.name.lower() in names and not path.is_dir()), None)
    return _no_folder(found) if found else _by_mirdata(dataset, root)


def _by_mirdata(dataset: Dataset, root: Path) -> str:
    """Where mirdata has put the data set, and what to do, where it lies nowhere as it is published; or nothing."""
    if dataset.mirdata is None:
        return ""
    name, lies = dataset.mirdata
    known = {each.lower() for each in (name, *(dataset.folders or (dataset.name,)))}
    inside = [path for path in sorted(root.iterdir()) if path.name.lower() in known and path.is_dir()]
    if any(any(_begun(dataset, path)) for path in (root, *inside)):
        return ""
    found = next((path for path in inside if next(path.glob(lies), None) is not None), None)
    if found is None:
        return ""
    rename = "" if found.name == name else f", after renaming that folder to {name}"
    return f"{found} is as mirdata lays it out; name it mirdata:{name}{rename}"


def _no_folder(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return f"{path} is a link to {os.readlink(path)}, which is not there"
    return f"{path} is not a folder"


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
    there; obstacle: what is there in its place."""

    dataset: Dataset
    root: Path | None
    names: tuple[str, ...]
    folder: Path | None
    obstacle: str = ""


def where(dataset: Dataset, root: Path | None) -> Where:
    """Where a published data set is looked for under the data root, and whether it is there."""
    names = dataset.folders or (dataset.name,)
    try:
        return Where(dataset, root, names, folder_of(dataset, root))
    except MirbenchError:
        return Where(dataset, root, names, None, "" if root is None else _obstacle(dataset, root))


def clips_read(dataset: Dataset, folder: Path) -> tuple[dict[str, int], str]:
    """How many clips by split are read from a folder, and why they cannot be listed, or nothing."""
    clips, fault = _clips(dataset, folder)
    return _by_split(clips), fault


def suggest_dataset(folder: Path, datasets: Iterable[Dataset]) -> str:
    """What to name in the place of a folder without labels, where it is that of a published data set, or where one inside has folders for
    genres; a sentence, or nothing."""
    there = [dataset for dataset in datasets if dataset.files and folder.is_dir()]
    laid_out = [dataset for dataset in there if all(_begun(dataset, folder))]
    named = [dataset for dataset in there if folder.name.lower() in {name.lower() for name in dataset.folders or (dataset.name,)}]
    alike = laid_out or named
    hints = []
    if alike:
        root = folder.parent if alike[0] in named else folder
        hints.append(f"it looks like the published data set {alike[0].name}: --dataset {alike[0].name} --data-root {root}")
    inside = [path for path in sorted(folder.glob("[!.]*")) if path.is_dir()] if folder.is_dir() else []
    if len(inside) == 1 and sum(path.is_dir() for path in inside[0].glob("[!.]*")) > 1:
        hints.append(f"to take the folders in {inside[0]} for genres: --dataset {inside[0]}")
    return f"{'; '.join(hints)}." if hints else ""


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
    def in_part(self) -> bool:
        """Whether it can be done without, and some of it is there."""
        return self.files.optional and 0 < self.found < self.files.count

    @property
    def suffices(self) -> bool:
        """Whether nothing that is needed is missing, and nothing is wrong."""
        return not self.md5 and not self.missing and (self.found >= self.files.count or self.files.optional)

    @property
    def whole(self) -> bool:
        return self.suffices and not self.in_part


@dataclass(frozen=True)
class Verified:
    """What of a published data set is there. Paths are relative to its folder.

    missing: files of clips that no pattern stands for; empty: files of 0 bytes that clips are of; unused: those of 0 bytes that none is of;
    extra: files that no pattern stands for; closed: folders that cannot be listed. clips: by split; fault: why they cannot be listed.
    damaged: why files of clips are cut off or no audio, as their headers show, a sentence each; not of those that are as a checksum says.
    compared: how many files are in a list of checksums; differing: those of them that are of other content; lists: how many such lists are
    there; unread: what is wrong with them.
    """

    dataset: Dataset
    folder: Path
    files: tuple[Counted, ...]
    missing: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    clips: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""
    lists: int = 0
    compared: int = 0
    differing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def suffices(self) -> bool:
        """Whether nothing that is needed is missing, and nothing is wrong; what can be done without may be there in part."""
        wrong = self.fault or self.missing or self.empty or self.closed or self.damaged or self.differing or self.unread
        return not wrong and all(each.suffices for each in self.files)

    @property
    def whole(self) -> bool:
        return self.suffices and all(each.whole for each in self.files)


def verify(dataset: Dataset, folder: Path, checksums: bool = True, shared: bool = False, headers: bool = False) -> Verified:
    """Counts the files of a published data set, takes the checksums that its publisher states, and lists its clips; decodes no audio.
    checksums: whether to take them, for which every file that has one is read. headers: whether to look at those of audio files that no
    checksum is taken of. shared: whether other things lie in the folder too, as in
    a data root; then only what is in folders of the data set's own may be too many.

    The folder is listed once, however many patterns there are, and a file with checksums is read once.
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
        counted.append(Counted(files, len(found), tuple(sorted(lost)), called=folded[min(called)] if called else ""))
    lists = [(each, path) for each in dataset.checksums for path in sorted(_matching(each.path, plain, there))]
    free -= {path for _, path in lists}
    if shared:
        own = {path.partition("/")[0] for path in there.keys() - free if "/" in path}
        free = {path for path in free if "/" in path and path.partition("/")[0] in own}
    digests, unread = stated(folder, lists if checksums else [], there, plain)
    md5s = {path: each.md5.lower() for each in dataset.files if checksums and each.md5 and (path := plain(each.path)) in there}
    kinds = {there[path]: {kind_of(digest) for digest in digests.get(path, ())} for path in sorted(digests.keys() | md5s)}
    for path in md5s:
        kinds[there[path]].add("md5")
    has = read_digests(folder, sizes, kinds)
    for place, each in enumerate(counted):
        if (path := plain(each.files.path)) in md5s and (md5 := has[there[path]]["md5"]) != md5s[path]:
            counted[place] = replace(each, md5=md5)
    needed = wanted | {plain(files.path) for files in dataset.files if not is_pattern(files.path) and not files.optional}
    empty = [path for path, original in there.items() if sizes[original] == 0]
    differing = tuple(there[path] for path in sorted(digests) if not digests[path] & set(has[there[path]].values()))
    sound = {*(path for path in digests if there[path] not in differing), *(path for path in md5s)}
    heard = sorted(path for path in wanted & there.keys() if path not in sound and sizes[there[path]])
    return Verified(
        dataset,
        folder,
        tuple(counted),
        missing=tuple(sorted(absent)),
        empty=tuple(there[path] for path in empty if path in needed),
        unused=tuple(there[path] for path in empty if path not in needed and (path in free or not shared)),
        extra=tuple(sorted(there[path] for path in free)),
        closed=tuple(closed),
        damaged=_damaged(folder, [there[path] for path in heard]) if headers else (),
        clips=_by_split(clips),
        fault=fault,
        lists=len(lists),
        compared=len(digests),
        differing=differing,
        unread=unread,
    )


def _damaged(folder: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """What is wrong with audio files, by their headers, with their paths below the folder."""
    from mirbench.data.scans import scan_problems

    problems = scan_problems([os.path.join(folder, path) for path in paths], core_count(), "looking at files")
    return tuple(why.removeprefix(os.path.join(folder, "")) for why in problems.values())


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
        return [], describe(error)


def _by_split(clips: Sequence[Clip]) -> dict[str, int]:
    counts = Counter(clip.split for clip in clips)
    return {split: counts[split] for split in SPLITS if counts[split]}


def _below(path: Path, folder: Path) -> str:
    """A path as one below the folder, `/` between its parts; as it is where it is elsewhere."""
    text, start = os.path.normpath(path), os.path.join(os.path.normpath(folder), "")
    return text[len(start) :].replace(os.sep, "/") if text.startswith(start) else text
