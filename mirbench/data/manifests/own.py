"""Somebody's own data as a data set: a manifest, or a folder of audio whose sub-folders are genres."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mirbench.data.asked_for import asked_for
from mirbench.data.audio.opening import why_not_opened
from mirbench.data.findings import Finding, of_assigned
from mirbench.data.manifests.columns import KNOWN
from mirbench.data.manifests.folder_scan import AUDIO, FolderContents, scan_folder
from mirbench.data.manifests.manifest import Manifest, load_manifest
from mirbench.data.manifests.paths import readable
from mirbench.data.manifests.rows import TEXT, check_regular, ending_of
from mirbench.data.published.filetree import composed, some
from mirbench.data.published.from_mirdata import PREFIX, MirdataDataset
from mirbench.data.splits import settle_splits, split_named
from mirbench.errors import MirbenchError, describe, did_you_mean
from mirbench.nouns import Dataset
from mirbench.records import ALL, CLEAN, MAJORITY, Clip

_RESERVED = {ALL, CLEAN, MAJORITY, "none"}


def is_own(given: str) -> bool:
    """Whether it names a file or folder of one's own, or a data set of mirdata, and not a registered data set.

    >>> [is_own(given) for given in ("my.csv", "./songs", "songs/", "..", "mirdata:gtzan_genre", "songs", "mini-quick")]
    [True, True, True, True, True, False, False]
    """
    separators = {"/", os.sep, os.altsep or "/"}
    return given.startswith(PREFIX) or given in (".", "..", "~") or any(s in given for s in separators) or bool(ending_of(Path(given)))


def own_dataset(
    given: str,
    taken: Collection[str],
    *,
    data_root: Path | None,
    allow_outside: bool,
    split_seed: int,
) -> Dataset:
    """The data set that a file, a folder or `mirdata:NAME` is. taken: names that it must not have.

    data_root, allow_outside: as in `load_manifest`. split_seed: for what has no splits of its own. Nothing is read yet but whether it
    is there. Raises MirbenchError where it is not, or is nothing that can be read.
    """
    if given.startswith(PREFIX):
        name = given.removeprefix(PREFIX)
        return MirdataDataset(name, _unused(f"mirdata-{_kebab(name)}", "", taken), data_root, split_seed)
    path = Path(given).expanduser()
    try:
        there, is_folder, empty = path.exists(), path.is_dir(), path.is_file() and path.stat().st_size == 0
    except (OSError, ValueError) as error:
        raise MirbenchError(f"the data set {given!a:.200} cannot be read ({describe(error)}).") from error
    if not there and path.is_symlink():
        raise MirbenchError(f"{path} {_dangling(path)}; give the file or folder itself.")
    if not there:
        raise MirbenchError(f"there is no file or folder {path} to read a data set from{_beside(path)}")
    full = Path(os.path.abspath(path))
    name = full.name if is_folder else full.name[: -len(ending_of(full)) or None]
    if name.lower() == "manifest" and _kebab(full.parent.name):
        name = full.parent.name
    name = _unused(_kebab(name) or "own", _kebab(full.parent.name), taken)
    if is_folder:
        return FolderDataset(name, path, split_seed)
    if path.suffix.lower() in AUDIO:
        raise MirbenchError(f"{path} is an audio file; give the folder that holds it, or a manifest.")
    if not ending_of(path):
        raise MirbenchError(f"{path} is no manifest: it has none of the endings {', '.join((*TEXT, '.parquet'))}.")
    check_regular(path)
    if empty:
        raise MirbenchError(f"the manifest {path} is empty; it needs a line per clip, with its path.")
    return ManifestDataset(name, path, data_root, allow_outside, split_seed)


@dataclass(frozen=True)
class _Loaded:
    """What was read. rule: how it is split, in words; digest: of what it was read from. columns, numbers, unit, findings: as
    `OwnDataset`."""

    clips: list[Clip]
    annotations: tuple[str, ...]
    rule: str
    digest: str
    columns: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    numbers: Sequence[int] = ()
    unit: str = "line"


class OwnDataset(Dataset):
    """Somebody's own. columns: of its manifest, that are read; findings: what was noticed when it was read; numbers: where each clip
    stands, in the order of the clips; unit: what these number."""

    columns: tuple[str, ...] = ()
    numbers: Sequence[int] = ()
    unit: str = "line"
    findings: tuple[Finding, ...] = ()


class _Own(OwnDataset):
    """What manifests and folders share: all is read when it is first asked for."""

    location: Path

    def __init__(self, name: str, location: Path, description: str, split_seed: int) -> None:
        self.name, self.location, self.description, self.split_seed = name, location, description, split_seed

    def _load(self) -> _Loaded:
        raise NotImplementedError

    def _settled(self, clips: Sequence[Clip], annotations: Collection[str] | None = None, **words: str) -> tuple[list[Clip], str]:
        return settled(self.location, clips, self.split_seed, annotations, **words)

    def clips(self, folder: Path) -> list[Clip]:
        return list(self._load().clips)

    @property
    def annotations(self) -> tuple[str, ...]:  # type: ignore[override]
        return self._load().annotations

    @property
    def split_rule(self) -> str:  # type: ignore[override]
        return self._load().rule

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return self._load().columns

    @property
    def numbers(self) -> Sequence[int]:  # type: ignore[override]
        return self._load().numbers

    @property
    def unit(self) -> str:  # type: ignore[override]
        return self._load().unit

    @property
    def findings(self) -> tuple[Finding, ...]:  # type: ignore[override]
        return self._load().findings

    def identity(self) -> str:
        """Where it lies, what it says and how it is split, with the seed where that is used."""
        loaded = self._load()
        return f"{self.name} {readable(os.path.abspath(self.location))} {loaded.digest} {loaded.rule}"


def settled(
    location: Path, clips: Sequence[Clip], split_seed: int, annotations: Collection[str] | None = None, **words: str
) -> tuple[list[Clip], str]:
    """As `settle_splits`, a fault told with what it is a fault of."""
    try:
        return settle_splits(clips, split_seed, annotations=annotations, **words)
    except MirbenchError as error:
        raise MirbenchError(f"{location}: {error}") from None


class ManifestDataset(_Own):
    """The data set that a manifest tells of; read again when the file has changed."""

    def __init__(self, name: str, location: Path, data_root: Path | None, allow_outside: bool, split_seed: int) -> None:
        super().__init__(name, location, f"the manifest {readable(os.fspath(location))}", split_seed)
        self.data_root, self.allow_outside = data_root, allow_outside
        self._kept: tuple[tuple[int, int], _Loaded] | None = None

    def _load(self) -> _Loaded:
        try:
            status = self.location.stat()
            version = (status.st_size, status.st_mtime_ns)
            if self._kept is None or self._kept[0] != version:
                manifest = self._manifest()
                digest = hashlib.sha256(self.location.read_bytes()).hexdigest()[:16]
                clips, rule = self._settled(manifest.clips, KNOWN, grouped_by=manifest.grouped_by)
                findings = (*manifest.findings, *of_assigned(manifest.clips, clips))
                about = (manifest.columns, findings, manifest.numbers, manifest.unit)
                self._kept = version, _Loaded(clips, manifest.annotations, rule, digest, *about)
        except OSError as error:
            raise MirbenchError(f"the manifest {self.location} cannot be read ({describe(error)}).") from error
        return self._kept[1]

    def _manifest(self) -> Manifest:
        """A fault of a row, of which the first is told, with what tells the others."""
        try:
            return load_manifest(self.location, data_root=self.data_root, allow_outside=self.allow_outside)
        except MirbenchError as error:
            if not str(error).startswith(f"{self.location}, "):
                raise
            raise MirbenchError(f"{str(error).removesuffix('.')}; `mirbench data check {asked_for(self)}` tells all.") from None


class FolderDataset(_Own):
    """A folder of audio, read recursively: a first sub-folder's name is the genre, or, where all are named after splits, the next one's."""

    def __init__(self, name: str, location: Path, split_seed: int) -> None:
        super().__init__(name, location, f"the folder {readable(os.fspath(location))}", split_seed)
        self._kept: _Loaded | None = None

    def _load(self) -> _Loaded:
        if self._kept is None:
            contents = scan_folder(self.location)
            if not contents.files:
                raise MirbenchError(f"the folder {self.location} holds no audio file{_left_out(contents)}; give one that holds some.")
            given_clips = _clips(contents)
            given, missing = "as its folders say", "no split folders"
            clips, rule = self._settled(given_clips, given=given, missing=missing, grouped_by="file")
            digest = hashlib.sha256("\n".join(clip.id for clip in clips).encode()).hexdigest()[:16]
            annotations = ("genre",) if any(clip.annotations for clip in clips) else ()
            findings = tuple(of_assigned(given_clips, clips))
            self._kept = _Loaded(clips, annotations, rule + _left_out(contents), digest, findings=findings)
        return self._kept


def _left_out(contents: FolderContents) -> str:
    text = f"; {contents.ignored:,} other file{'s'[: contents.ignored != 1]} ignored" if contents.ignored else ""
    if tables := sorted(contents.tables):
        one = len(tables) == 1
        text += (
            f"; {some(tables)} {'is' if one else 'are'} not read: give {'that' if one else 'one of them'} itself where it is the manifest"
        )
    return text + (f"; folders that cannot be read: {some(map(readable, contents.closed))}" if contents.closed else "")


def _clips(contents: FolderContents) -> list[Clip]:
    """A clip per file, sorted by id; split '' where folders do not tell it."""
    parts = [name.split("/")[:-1] for name, _, _ in contents.files]
    split_of = _split_folders({folders[0] for folders in parts if folders})
    if split_of and all(parts):
        splits, parts = [split_of[folders[0]] for folders in parts], [folders[1:] for folders in parts]
    else:
        splits = [""] * len(parts)
    genres = [folders[0] if folders else None for folders in parts]
    has_genres = len(set(genres) - {None}) > 1
    clips = [
        Clip(name, path, split, group, annotations={"genre": genre} if has_genres and genre else {})
        for (name, path, group), split, genre in zip(contents.files, splits, genres, strict=True)
    ]
    return _unique(sorted(clips, key=lambda clip: (clip.id, os.fsencode(clip.path))))


def _split_folders(names: Collection[str]) -> dict[str, str]:
    """The split of each name, or nothing where one is no split."""
    try:
        return {name: split_named(name) for name in names}
    except MirbenchError:
        return {}


def _unique(clips: list[Clip]) -> list[Clip]:
    """With a number behind an id that is taken: names can differ in bytes and read alike."""
    seen: set[str] = set()
    renamed = []
    for clip in clips:
        name, number = clip.id, 1
        while name in seen:
            number += 1
            name = f"{clip.id}#{number}"
        seen.add(name)
        renamed.append(clip if name == clip.id else replace(clip, id=name))
    return renamed


def _kebab(name: str) -> str:
    """A file's name as that of a data set.

    >>> _kebab("Été 2024 (final)"), _kebab("MySongs_v2"), _kebab("музыка")
    ('ete-2024-final', 'mysongs-v2', '')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def _unused(name: str, parent: str, taken: Collection[str]) -> str:
    """The name, or with that of its folder before it, or a number behind it.

    >>> _unused("data", "jazz", ()), _unused("data", "jazz", {"data"}), _unused("data", "", {"data", "data-2"})
    ('data', 'jazz-data', 'data-3')
    """
    unfit = {*taken, *_RESERVED}
    wanted = [name, f"{parent}-{name}"] if parent else [name]
    number = 2
    while wanted[0] in unfit:
        wanted.pop(0)
        if not wanted:
            wanted.append(f"{name}-{number}")
            number += 1
    return wanted[0]


def _dangling(path: Path) -> str:
    """Why a link leads nowhere."""
    try:
        os.stat(path)
    except OSError as error:
        return why_not_opened(path, error)
    return "is a link that has just changed"


def _beside(path: Path) -> str:
    """What of a similar name lies beside it, as the end of a sentence."""
    try:
        names = [name for name in os.listdir(path.parent) if name.isprintable()]
    except (OSError, ValueError):
        return "; its folder is not there either."
    hint = did_you_mean(composed(path.name), names)
    return f";{hint}" if hint else f"; look for it in {os.path.abspath(path.parent)}."
