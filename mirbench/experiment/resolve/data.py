"""One data set as it is now: where it lies, its clips, and what of them can move a number."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mirbench.data.asked_for import asked_for
from mirbench.data.labels import without_empty
from mirbench.data.manifests.folder_scan import LIBSNDFILE_ENDINGS
from mirbench.data.published.layout import data_root, folder_of
from mirbench.data.splits import check_clips, spelled_freely
from mirbench.engine.sources import SourceTree
from mirbench.engine.store import Store, key_of, key_text
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.code import source_tree
from mirbench.experiment.resolve.records import SPLIT, Data, naming
from mirbench.nouns import Dataset
from mirbench.records import Clip
from mirbench.registry import Registry
from mirbench.results.provenance import versions_of


def resolve_data(dataset: Dataset, registry: Registry, store: Store, root: str | None = None, tree: SourceTree | None = None) -> Data:
    """Prepares nothing and decodes nothing. root: where published data sets lie. Raises MirbenchError where it is not there, or its clips
    cannot be listed or break the rules of splits."""
    provider = registry.provider("dataset", dataset.name)
    source, folder, prepared = place_of(dataset, store, root, tree)
    if not prepared:
        return Data(dataset, folder, source, prepared=False, provider=provider)
    with naming("dataset", dataset.name, provider, "listing its clips"):
        clips = without_empty(dataset.clips(folder))
    try:
        check_clips(dataset.name, clips, spelled_freely(dataset))
    except MirbenchError as error:
        if dataset.location is None:
            raise
        raise MirbenchError(f"{str(error).removesuffix('.')}; `mirbench data check {asked_for(dataset)}` tells all.") from None
    start = os.path.join(folder, "")
    stamped = [_stamp(clip, start, dataset.on_disk) for clip in clips]
    stamps = tuple(stamp for stamp, _ in stamped)
    absent = frozenset(clip.id for clip, (_, size) in zip(clips, stamped, strict=True) if not size)
    return Data(dataset, folder, source, True, _place(dataset, source), tuple(clips), stamps, _decoders(clips), provider, absent=absent)


def place_of(dataset: Dataset, store: Store, root: str | None = None, tree: SourceTree | None = None) -> tuple[dict[str, Any], Path, bool]:
    """What it is made by or read by, as parts of a key; the folder where its files lie, or will; and whether its clips can be listed."""
    methods = ["prepare"] if dataset.prepares and not dataset.on_disk else ["clips"]
    code = (tree or source_tree(store)).of_object(dataset, methods)
    source = {"name": dataset.name, "identity": dataset.identity(), "source": code.digest}
    key = key_of(**source)
    if dataset.files:
        return source, folder_of(dataset, data_root(root)), True
    if dataset.location is not None:
        return source, dataset.location if dataset.location.is_dir() else dataset.location.parent, True
    whole = store.has("datasets", key) and not store.is_damaged("datasets", key, below=False)  # audio is compared when it is to be heard
    return source, store.folder("datasets", key), whole


def _place(dataset: Dataset, source: Mapping[str, Any]) -> str:
    """What its clips are clips of. Of somebody's own that is not what their manifest says: of that, the stamps have what is read."""
    if dataset.location is None:
        return key_of(**source)
    return key_of(name=dataset.name, version=dataset.version, source=source["source"], location=os.path.abspath(dataset.location))


def _stamp(clip: Clip, start: str, on_disk: bool) -> tuple[str, int]:
    """What `Data.key` hashes of a clip and its file, but for the split and the labels; and the bytes of the file, 0 where it is missing.
    start: of the paths of files inside the folder. A file that was not prepared here is somebody's own and may change under its name."""
    path = os.fspath(clip.path)
    inside, size = path.startswith(start), 0
    try:
        found = os.stat(path)
        size = found.st_size
        file = [found.st_size] if inside and not on_disk else [found.st_size, found.st_mtime_ns]
    except (OSError, ValueError):
        file = []
    where = path[len(start) :].replace(os.sep, "/") if inside else path
    return SPLIT.join(key_text(part)[1:-1] for part in ([clip.id, where, file], [clip.group, clip.start, clip.duration])), size


def _decoders(clips: Sequence[Clip]) -> dict[str, str]:
    """The packages that decode these files, by the endings of their names; ffmpeg may have to, where an ending is none of libsndfile's."""
    by_ffmpeg = any(os.path.splitext(clip.path)[1].lower() not in LIBSNDFILE_ENDINGS for clip in clips)
    return versions_of(["soundfile", *(["av"] if by_ffmpeg else [])])
