"""A data set on disk: a file with a line per clip, mirbench's own or anybody's. Paths are relative to the manifest.

Liberal with how it is written (`rows`), strict with what it means: every fault is told with file and line.
"""

from __future__ import annotations

import csv
import io
import math
import os
import warnings
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mirbench.data.findings import Finding
from mirbench.data.manifests.cells import NONE_APPLIES, RowLocator, annotation, duration_of, group_text, name_text, path_text, seconds
from mirbench.data.manifests.columns import CORE, KNOWN, is_missing
from mirbench.data.manifests.groups import Groups, is_placeholder
from mirbench.data.manifests.noticed import of_missing, of_rows, of_spaces, of_split_names
from mirbench.data.manifests.paths import Finder
from mirbench.data.manifests.rows import Rows, read_rows_of
from mirbench.data.splits import settle_splits, split_named
from mirbench.engine.files import write_atomically
from mirbench.errors import MirbenchError, printable
from mirbench.records import Clip

COLUMNS = ("id", "path", "split", "group", "start", "duration")


def write_manifest(path: str | Path, clips: Iterable[Clip]) -> None:
    """Writes id, path, split, group, start, duration (seconds) and a column per annotation; tuples are joined by `|`, none is `|`.

    Raises MirbenchError for a text that would be read as a missing value.
    """
    path, clips = Path(path), list(clips)
    for clip in clips:
        for name, value in (("group", clip.group), *clip.annotations.items()):
            for text in value if isinstance(value, tuple | list) else (value,):
                if isinstance(text, str) and text and (is_placeholder(text) if name == "group" else is_missing(text)):
                    raise MirbenchError(f"the {name} {text!r} of clip {clip.id} is a word for a missing value; leave it out, or rename it.")
    names = sorted({name for clip in clips for name in clip.annotations})
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*COLUMNS, *names])
    for clip in clips:
        values = [clip.annotations.get(name, "") for name in names]
        writer.writerow(
            [
                clip.id,
                Path(os.path.relpath(clip.path, path.parent)).as_posix(),
                clip.split,
                clip.group,
                clip.start,
                "" if clip.duration is None else clip.duration,
                *("|".join(map(str, v)) or NONE_APPLIES if isinstance(v, tuple | list) else v for v in values),
            ]
        )
    write_atomically(path, written.getvalue())


@dataclass(frozen=True)
class Manifest:
    """What a manifest says. clips: in its order, with split '' where it has no split column. annotations: those that any clip has, sorted,
    without NAME_unknown. grouped_by: what tells its groups, such as `artist`. columns: those that are read. findings: what was not taken
    as it is written, or not at all. numbers: of the line of each clip, or what else `unit` is."""

    clips: list[Clip]
    annotations: tuple[str, ...]
    grouped_by: str
    columns: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    numbers: Sequence[int] = ()
    unit: str = "line"


def read_manifest(path: str | Path, *, data_root: Path | None = None, allow_outside: bool = False, split_seed: int = 0) -> list[Clip]:
    """The clips of a manifest: CSV, TSV, JSON lines or Parquet, by its ending; where it has no split column, split by `assign_splits`.

    Labels of `columns.KNOWN` annotations are spread over the splits. As `load_manifest` says otherwise; what it finds strange is a Python
    warning.
    """
    found = load_manifest(path, data_root=data_root, allow_outside=allow_outside)
    for finding in found.findings:
        if finding.level == "warning":
            warnings.warn(f"{path}: {finding.text}", stacklevel=2)
    return found.clips if found.clips[0].split else settle_splits(found.clips, split_seed, annotations=KNOWN)[0]


def load_manifest(path: str | Path, *, data_root: Path | None = None, allow_outside: bool = False) -> Manifest:
    """What a manifest says of its clips.

    Only `path` is needed: relative to the manifest or, where it is not there, to `data_root`; what leads out of both is refused unless
    allow_outside. id is made of path and start where there is none; group is `group`, else `artist`, else the file, names that look alike
    being one, and words such as Unknown or Various Artists none (`groups`); start, duration and end are seconds; every other column is an
    annotation. An empty cell, null, NaN or another word for a missing value (`columns.MISSING`) means that it is unknown, an empty list,
    or a cell `|`, that no label applies; `tags` and NAME_unknown are split at `|`, and a list as Python, JSON or numpy prints it is one;
    arousal and valence become emotion, `AROUSAL|VALENCE`, where there is no such column. Audio files need not be there.

    Raises MirbenchError naming the file and the line for whatever cannot be meant.
    """
    path = Path(path)
    return manifest_of(path, read_rows_of(path), Finder(path.parent, data_root, allow_outside))


def manifest_of(path: Path, rows: Rows, find: Finder) -> Manifest:
    """As `load_manifest`, of rows that were read of the file at `path`, all of them or some."""
    where, column = RowLocator(path, rows), {name: [cells[at] for _, cells in rows.rows] for at, name in enumerate(rows.columns) if name}
    rows, columns = replace(rows, rows=()), tuple(column)  # of a million rows their lists are half of what they take
    cells_noticed = (*of_missing(column, where), *of_spaces(column, where))
    texts = {name: where.read(name, column.pop(name, None), name_text) for name in ("id", "split")}
    texts |= {name: where.read(name, column.pop(name, None), group_text) for name in ("group", "artist")}
    paths, names = [], []
    for at, given in enumerate(where.read("path", column.pop("path"), path_text)):
        if not given:
            raise MirbenchError(f"{where(at)}: there is no path; write that of an audio file, or remove the {rows.unit}.")
        found, name = where.describe(at, find, given)
        paths.append(found)
        names.append(name)
    splits = _splits(where, texts["split"])
    given_starts, lengths, ends = (where.read(name, column.pop(name, None), seconds) for name in ("start", "duration", "end"))
    starts = [0.0 if value is None else value for value in given_starts]
    durations = [where.describe(at, duration_of, *each) for at, each in enumerate(zip(starts, lengths, ends, strict=True))]
    ids = _ids(where, texts["id"], names, starts)
    groups = Groups(texts["id"], texts["group"], texts["artist"], names)
    annotations, labels = _annotations(where, {name: cells for name, cells in column.items() if name not in CORE})
    clips = list(map(Clip, ids, paths, splits, groups.names, starts, durations, labels))
    _check_overlaps(where, clips)
    findings = (*of_rows(rows), *cells_noticed, *of_split_names(texts["split"], splits, where), *groups.findings(where))
    grouped_by = " or ".join(name for name in ("group", "artist", "file") if groups.by[name])
    return Manifest(clips, annotations, grouped_by, columns, findings, where.numbers, where.unit)


def _splits(where: RowLocator, given: Sequence[str]) -> Sequence[str]:
    if not any(given):
        return given
    named: dict[str, str] = {}
    for at, text in enumerate(given):
        if not text:
            raise MirbenchError(f"{where(at)}: there is no split, and other clips have one; write train, valid, test or pretrain.")
        if text not in named:
            named[text] = where.describe(at, split_named, text)
    return [named[text] for text in given]


def _ids(where: RowLocator, given: Sequence[str], names: Sequence[str], starts: Sequence[float]) -> list[str]:
    """Those given, which must differ, and for the rest the path, with the start where that is not 0, and a number where that is taken."""
    seen: dict[str, int] = {}
    for at, text in enumerate(given):
        if text and seen.setdefault(text, at) != at:
            first = f"{where.unit} {where.numbers[seen[text]]}"
            raise MirbenchError(
                f"{where(at)}: the id '{printable(text):.60}' is that of {first} already; every clip needs an id of its own."
            )
    ids = []
    for at, text in enumerate(given):
        if not text:
            text = made_id(names[at], starts[at], seen)
            seen[text] = at
        ids.append(text)
    return ids


def made_id(name: str, start: float, taken: Container[str]) -> str:
    """An id of a file's name, the start in seconds where it is not 0, and a number where that is taken.

    >>> made_id("a.wav", 2.5, {"a.wav"}), made_id("a.wav", 0.0, {"a.wav"})
    ('a.wav@2.5', 'a.wav#2')
    """
    text = made = f"{name}@{int(start) if start.is_integer() else start}" if start else name
    number = 1
    while text in taken:
        number += 1
        text = f"{made}#{number}"
    return text


def _annotations(where: RowLocator, columns: Mapping[str, Sequence[Any]]) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """The names of those that any clip has, and what each clip has."""
    values = {name: where.read(name, cells, annotation) for name, cells in columns.items()}
    if {"arousal", "valence"} <= values.keys() and "emotion" not in values:
        both = zip(values.pop("arousal"), values.pop("valence"), strict=True)
        values["emotion"] = [None if a is None or v is None else f"{a}|{v}" for a, v in both]
    labels: list[dict[str, Any]] = [{} for _ in where.numbers]
    for name, found in values.items():
        for label, value in zip(labels, found, strict=True):
            if value is not None:
                label[name] = value
    known = (name for name, found in values.items() if any(value is not None for value in found))
    return tuple(sorted(name for name in known if not name.endswith("_unknown"))), labels


def _check_overlaps(where: RowLocator, clips: Sequence[Clip]) -> None:
    """Raises MirbenchError where a stretch of a file is in two splits (`pretrain` counts as `train`)."""
    for path, rows in _several(clips):
        last: dict[str, tuple[float, int]] = {}  # split -> (where its clips have ended, the row of that which ends last)
        for at in sorted(rows, key=lambda at: clips[at].start):
            clip = clips[at]
            split = "train" if clip.split == "pretrain" else clip.split
            for other, (end, first) in last.items():
                if other != split and end > clip.start:
                    one, two = sorted((first, at))
                    raise MirbenchError(
                        f"{where(two)}: '{printable(path)}' is in the split {clips[two].split} here and in {clips[one].split} in "
                        f"{where.unit} {where.numbers[one]}, with a stretch in common; a stretch must be in one split."
                    )
            end = math.inf if clip.duration is None else clip.start + clip.duration
            last[split] = max(last.get(split, (0.0, at)), (end, at))


def _several(clips: Sequence[Clip]) -> Iterator[tuple[str, list[int]]]:
    """Files with more than one clip, and which clips those are."""
    seen, several = set[str](), dict[str, list[int]]()
    for clip in clips:
        path = os.fspath(clip.path)
        if path in seen:
            several[path] = []
        seen.add(path)
    if several:
        for at, clip in enumerate(clips):
            if (rows := several.get(os.fspath(clip.path))) is not None:
                rows.append(at)
    yield from sorted(several.items(), key=lambda item: item[1][0])
