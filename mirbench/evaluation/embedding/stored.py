"""Embeddings as they are kept: a matrix, the ids of its clips, and which clips were skipped and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.records import Embeddings

MATRIX, IDS, SKIPPED = "embeddings.npy", "ids.json", "skipped.json"


def write_embeddings(folder: Path, embeddings: Embeddings) -> None:
    """embeddings.npy, ids.json, skipped.json."""
    write_rows(folder, embeddings.clip_ids, [embeddings.matrix], embeddings.matrix.shape[1:], embeddings.skipped)


def write_rows(
    folder: Path,
    clip_ids: Sequence[str],
    parts: Iterable[np.ndarray],
    shape: tuple[int, ...],
    skipped: Mapping[str, str],
    dtype: str = "float32",
    title: str = "",
) -> None:
    """As `write_embeddings`, of an array that need not fit into the memory. parts: (some clips, *shape) float32 each, one after another.
    dtype: float32 or float16. title: what messages call it. Raises MirbenchError for a number that float16 does not hold."""
    with open(folder / MATRIX, "wb") as file:  # not memory-mapped: a full disk then is a signal that ends the process
        descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
        np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": (len(clip_ids), *shape)})
        for part in parts:
            with np.errstate(over="ignore"):
                kept = part.astype(dtype, copy=False)
            if kept.dtype != part.dtype and not np.isfinite(kept).all():
                largest = np.abs(part).max()
                raise MirbenchError(
                    f"{title}: an embedding has the number {largest:.3g}, and float16 ends at 65,504; keep it with "
                    "--set embedding.dtype=float32."
                )
            file.write(kept.tobytes())
    (folder / IDS).write_text(json.dumps(clip_ids), encoding="ascii")
    (folder / SKIPPED).write_text(json.dumps(dict(skipped)), encoding="ascii")


def read_embeddings(folder: Path) -> Embeddings:
    """The matrix memory-mapped."""
    try:
        matrix = np.load(folder / MATRIX, mmap_mode="r")
        ids = tuple(json.loads((folder / IDS).read_text(encoding="ascii")))
        skipped = json.loads((folder / SKIPPED).read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise MirbenchError(f"the stored embeddings in {folder} cannot be read: {error}; delete that folder to make them again.") from error
    if len(ids) != len(matrix):
        raise MirbenchError(
            f"the stored embeddings in {folder} have {len(matrix)} rows for {len(ids)} clips; delete that folder to make them again."
        )
    return Embeddings(ids, matrix, skipped)
