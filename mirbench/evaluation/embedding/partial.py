"""Embeddings while they are made: rows on disk, chunk by chunk and in any order, so that a pass that was stopped goes on where it was.

The folder has two files: rows.bin, float32 rows at the places of their clips, and done.jsonl, a line for each chunk that is there: its
places, the shape of a row, which clips have none and why, and a checksum, so that rows which a power cut lost are made again.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mirbench.engine.files import explain_os_errors
from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.passes import Chunk
from mirbench.evaluation.embedding.rows import size_in_words
from mirbench.evaluation.embedding.stored import write_rows

ROW_TYPE = np.dtype(np.float32)


class PartialEmbeddings:
    """The embeddings of one job. folder: its own; clip_ids: of all clips; chunks: all that will come; title: what messages call it;
    shape: of a clip's embedding, (dim,) or (layers, dim), empty while none is there.

    skipped: by place, the clips that have no row, and why. gone: whether another process made the same, was first, and cleared up.
    """

    def __init__(self, folder: Path, clip_ids: Sequence[str], chunks: Sequence[Chunk], title: str) -> None:
        self.folder, self.clip_ids, self.title = folder, clip_ids, title
        self.chunks = {chunk.begin: chunk for chunk in chunks}
        self.skipped: dict[int, str] = {}
        self.shape: tuple[int, ...] = ()
        self.gone = False
        self._to_come = set(self.chunks)
        self._read()
        self._begun = len(self._to_come) < len(self.chunks)

    def has(self, chunk: Chunk) -> bool:
        """Whether it need not be added."""
        return self.gone or chunk.begin not in self._to_come

    @property
    def whole(self) -> bool:
        return not self.gone and not self._to_come

    def add(self, chunk: Chunk, rows: np.ndarray, skipped: Mapping[int, str]) -> None:
        """rows: (clips of the chunk that are not skipped, dim) float32, or (clips, layers, dim). Raises MirbenchError where they have
        another shape than those before."""
        if len(rows) and self.shape not in ((), rows.shape[1:]):
            here, others = size_in_words(rows.shape[1:]), size_in_words(self.shape)
            raise MirbenchError(
                f"{self.title}: an embedding has {here} and others have {others}; an encoder should return as many for every clip."
            )
        shape = rows.shape[1:] if len(rows) else ()
        spread = np.zeros((len(chunk.places), *shape), ROW_TYPE) if len(rows) else np.zeros(0, ROW_TYPE)
        if len(rows):
            spread[[place - chunk.begin for place in chunk.places if place not in skipped]] = rows
        data = spread.tobytes()
        line = json.dumps([chunk.begin, chunk.end, shape, zlib.crc32(data), dict(skipped)]) + "\n"
        with explain_os_errors("storing embeddings", self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self._write(chunk.begin * _bytes(shape), data, line)
            except FileNotFoundError:
                self.gone = True
        self._note(chunk.begin, shape, skipped)

    def take(self, other: PartialEmbeddings) -> None:
        """The chunks that another one has, and this one lacks. other: of the same clips."""
        for chunk in other.chunks.values():
            if other.has(chunk) and not self.has(chunk):
                skipped = {place: other.skipped[place] for place in chunk.places if place in other.skipped}
                self.add(chunk, other._rows(chunk), skipped)

    def _rows(self, chunk: Chunk) -> np.ndarray:
        """Of the clips that are not skipped."""
        if not (kept := [place - chunk.begin for place in chunk.places if place not in self.skipped]):
            return np.zeros((0, 0), ROW_TYPE)
        with open(self.folder / "rows.bin", "rb") as rows:
            rows.seek(chunk.begin * _bytes(self.shape))
            data = rows.read(len(chunk.places) * _bytes(self.shape))
        return np.frombuffer(data, ROW_TYPE).reshape(-1, *self.shape)[kept]

    def store(self, folder: Path, dtype: str = "float32") -> None:
        """All of it, as stored embeddings. dtype: float32 or float16."""
        ids = [clip_id for place, clip_id in enumerate(self.clip_ids) if place not in self.skipped]
        skipped = {self.clip_ids[place]: self.skipped[place] for place in sorted(self.skipped)}
        write_rows(folder, ids, self._parts(), self.shape or (0,), skipped, dtype, self.title)

    def _note(self, begin: int, shape: tuple[int, ...], skipped: Mapping[int, str]) -> None:
        self._to_come.discard(begin)
        self.shape = shape or self.shape
        self.skipped |= skipped

    def _write(self, offset: int, data: bytes, line: str) -> None:
        flags = os.O_RDWR | (0 if self._begun else os.O_CREAT) | getattr(os, "O_BINARY", 0)
        with open(os.open(self.folder / "rows.bin", flags, 0o666), "r+b") as rows:
            self._begun = True
            rows.seek(offset)
            rows.write(data)
        with open(self.folder / "done.jsonl", "a", encoding="ascii") as done:
            done.write(line)

    def _read(self) -> None:
        """What an earlier pass left."""
        with contextlib.suppress(FileNotFoundError), open(self.folder / "rows.bin", "rb") as rows:
            for line in (self.folder / "done.jsonl").read_bytes().splitlines():
                try:
                    begin, end, shape, checksum, skipped = json.loads(line)
                except ValueError:  # the last, of a pass that was killed
                    continue
                shape = tuple(shape)
                rows.seek(begin * _bytes(shape))
                data = rows.read((end - begin) * _bytes(shape))
                if self.chunks.get(begin) == Chunk(begin, end) and zlib.crc32(data) == checksum:
                    self._note(begin, shape, {int(place): why for place, why in skipped.items()})

    def _parts(self) -> Iterator[np.ndarray]:
        if len(self.skipped) == len(self.clip_ids):
            return
        with open(self.folder / "rows.bin", "rb") as rows:
            for chunk in self.chunks.values():
                if kept := [place - chunk.begin for place in chunk.places if place not in self.skipped]:
                    rows.seek(chunk.begin * _bytes(self.shape))
                    data = rows.read(len(chunk.places) * _bytes(self.shape))
                    yield np.frombuffer(data, ROW_TYPE).reshape(-1, *self.shape)[kept]


def _bytes(shape: tuple[int, ...]) -> int:
    """Of a clip's embedding, 0 where there is none."""
    return math.prod(shape) * ROW_TYPE.itemsize if shape else 0
