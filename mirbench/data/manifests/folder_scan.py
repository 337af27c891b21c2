"""The audio files below a folder, by their endings."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.data.manifests.paths import readable
from mirbench.data.published.filetree import LITTER, composed
from mirbench.errors import MirbenchError, describe

_LIBSNDFILE = "wav wave bwf rf64 w64 flac ogg oga opus mp3 mp2 aif aiff aifc au snd caf voc sph"
_FFMPEG = "m4a m4b mp4 aac ac3 wma webm mka ape wv tta mpc amr 3gp dsf"
LIBSNDFILE_ENDINGS = frozenset(f".{ending}" for ending in _LIBSNDFILE.split())
AUDIO = LIBSNDFILE_ENDINGS | frozenset(f".{ending}" for ending in _FFMPEG.split())

TABLES = frozenset((".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"))


@dataclass
class FolderContents:
    """files: (name below the folder, path, group) of each. ignored: how many others there are, without tables: names of what may be a
    manifest. closed: names of folders that cannot be read."""

    files: list[tuple[str, Path, str]] = field(default_factory=list)
    ignored: int = 0
    tables: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)


def scan_folder(folder: Path) -> FolderContents:
    """All that has an ending of audio and is no folder, whether it can be read or not; hidden files and folders are passed over.

    Names have `/` between their parts, in Unicode's composed form. A group is a file: a link's is the file that it leads to. Links to
    folders are followed after all folders that are there themselves, and no folder is read twice.
    Raises MirbenchError where the folder itself cannot be read.
    """
    contents = FolderContents()
    seen: set[tuple[int, int]] = set()
    waiting, links = [("", os.fspath(folder))], list[tuple[str, str]]()
    true_folder = os.path.join(os.path.realpath(folder), "")
    while waiting or links:
        below, path = waiting.pop() if waiting else links.pop()
        try:
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            if not below:
                raise MirbenchError(f"the folder {folder} cannot be read ({describe(error)}).") from error
            contents.closed.append(below.rstrip("/"))
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name in LITTER:
                continue
            name = below + readable(composed(entry.name))
            if _is_folder(entry):
                (links if entry.is_symlink() else waiting).append((f"{name}/", entry.path))
            elif os.path.splitext(entry.name)[1].lower() in AUDIO:
                group = name
                if entry.is_symlink():
                    group = readable(composed(os.path.realpath(entry.path).removeprefix(true_folder).replace(os.sep, "/")))
                contents.files.append((name, Path(entry.path), group))
            elif os.path.splitext(entry.name)[1].lower() in TABLES:
                contents.tables.append(name)
            else:
                contents.ignored += 1
    contents.closed.sort()
    return contents


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
