"""Which files a model consists of. Imports nothing heavy, and needs no package that runs the model."""

from __future__ import annotations

import functools
import mmap
import os
import re
from pathlib import Path

ONNX = ".onnx"
LOCATION = re.compile(rb"\n\x08location\x12([\x80-\xff]?)([\x01-\x7f])")  # of external data: the key, and the length of the value


def model_files(path: str | Path) -> list[Path]:
    """The files of a model that is given as a file, or as a folder: the file, and those beside it that one called `*.onnx` names (external
    data, of any name, which need not be there); all files in the folder.

    >>> model_files("no/such.pt")
    [PosixPath('no/such.pt')]
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file())
    return onnx_files(path) if path.suffix.lower() == ONNX else [path]


def onnx_files(path: str | Path) -> list[Path]:
    """A model in ONNX, whatever its file is called, and the files of external data that it names."""
    path = Path(path).expanduser()
    return [path, *(path.parent / name for name in (_external(path, path.stat().st_mtime_ns) if path.is_file() else ()))]


@functools.lru_cache(maxsize=8)
def _external(file: Path, changed: int) -> list[str]:
    """Read without the package onnx, which need not be installed. changed: when it was."""
    names = set()
    with open(file, "rb") as opened:
        if not os.fstat(opened.fileno()).st_size:
            return []
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as model:
            for found in LOCATION.finditer(model):
                first, last = (int.from_bytes(part, "little") for part in found.groups())
                length = last if not found[1] else (first & 127) | last << 7
                names.add(os.fsdecode(model[found.end() : found.end() + length]))
    return sorted(names)
