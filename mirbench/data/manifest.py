"""A data set on disk: a CSV with a line per clip. Paths are relative to the manifest."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from mirbench.errors import MirbenchError
from mirbench.records import SPLITS, Clip
from mirbench.store import write_atomically

COLUMNS = ("id", "path", "split", "group", "start", "duration")


def write_manifest(path: Path, clips: Iterable[Clip]) -> None:
    """Writes id, path, split, group, start, duration (seconds) and a column per annotation; tuples are joined by `|`."""
    clips = list(clips)
    names = sorted({name for clip in clips for name in clip.annotations})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
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
                *("|".join(map(str, v)) if isinstance(v, tuple | list) else v for v in values),
            ]
        )
    write_atomically(path, text.getvalue())


def read_manifest(path: Path) -> list[Clip]:
    """The clips of a manifest; an empty cell means that the annotation is unknown, `tags` are split at `|`.

    Raises MirbenchError naming the file and the line where a column is missing, a split is unknown or a number is none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MirbenchError(f"cannot read the manifest {path}: {error}.") from error
    reader = csv.DictReader(io.StringIO(text))
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or [])]
    if missing:
        raise MirbenchError(
            f"the manifest {path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; it needs {', '.join(COLUMNS)}."
        )
    clips = []
    for line, row in enumerate(reader, start=2):
        if None in row.values():
            raise MirbenchError(f"{path}, line {line}: the line has fewer cells than the heading has columns.")
        if row["split"] not in SPLITS:
            raise MirbenchError(f"{path}, line {line}: split is '{row['split']}'; it must be one of {', '.join(SPLITS)}.")
        annotations = {
            name: tuple(value.split("|")) if name == "tags" else value
            for name, value in row.items()
            if name is not None and name not in COLUMNS and value not in ("", None)
        }
        try:
            start, duration = float(row["start"] or 0), float(row["duration"]) if row["duration"] else None
        except ValueError as error:
            raise MirbenchError(
                f"{path}, line {line}: start and duration must be seconds, not '{row['start']}' and '{row['duration']}'."
            ) from error
        clips.append(Clip(row["id"], path.parent / row["path"], row["split"], row["group"], start, duration, annotations))
    return clips
