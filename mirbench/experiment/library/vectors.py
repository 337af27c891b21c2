"""Embeddings as files that other programs read: Parquet, and numpy's npz and npy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.experiment.library.embedding import Vectors

ENDINGS = (".parquet", ".npz", ".npy")


def check_output(path: Path) -> None:
    """Raises MirbenchError for a path that nothing can be written to, by its ending, by what is there, or for want of a package."""
    if path.is_dir():
        raise MirbenchError(f"--output {path} is a folder; give the file to be written, such as --output {path / 'embeddings.npz'}.")
    if path.suffix.lower() not in ENDINGS:
        raise MirbenchError(f"--output {path} has none of the endings {', '.join(ENDINGS)}, by which its format is told; give it one.")
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise MirbenchError(
                f"writing {path} needs pyarrow; install it by pip install 'mirbench-audio[formats]', or give a file that ends in .npz."
            ) from error


def write_vectors(path: Path, vectors: Vectors, about: Mapping[str, Any]) -> None:
    """The format is that of the path's ending.

    Parquet: the columns id, start, end (seconds) and embedding, a list of fixed length, or of layers such lists. npz: `ids`, `starts`,
    `ends`, `embeddings`. npy: one array of records with the fields id, start, end and embedding. about: how they were made, as JSON in
    Parquet's metadata and the npz array `mirbench`.
    """
    ids, told = np.array(vectors.ids), json.dumps(about, default=str)
    if path.suffix.lower() == ".parquet":
        _write_parquet(path, vectors, told)
        return
    with open(path, "wb") as file:  # since numpy adds endings to names
        if path.suffix.lower() == ".npz":
            matrix, starts, ends = vectors.matrix, vectors.starts, vectors.ends
            np.savez(file, ids=ids, starts=starts, ends=ends, embeddings=matrix, mirbench=np.array(told))
        else:
            columns = {"id": ids, "start": vectors.starts, "end": vectors.ends, "embedding": vectors.matrix}
            records = np.empty(len(ids), [(name, values.dtype, values.shape[1:]) for name, values in columns.items()])
            for name, values in columns.items():
                records[name] = values
            np.save(file, records)


def _write_parquet(path: Path, vectors: Vectors, about: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    embedding: Any = pa.array(vectors.matrix.reshape(-1))
    for size in reversed(vectors.matrix.shape[1:]):
        embedding = pa.FixedSizeListArray.from_arrays(embedding, size)
    columns = {"id": pa.array(vectors.ids), "start": pa.array(vectors.starts), "end": pa.array(vectors.ends), "embedding": embedding}
    parquet.write_table(pa.table(columns).replace_schema_metadata({"mirbench": about}), path)
