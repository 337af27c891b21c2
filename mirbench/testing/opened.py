"""Which files are read meanwhile: by Python's own `open`, by the readers of weights that go past it, and by what maps them into memory."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mirbench.evaluation.embedding.model_files import model_files

READERS = (("safetensors", "safe_open"), ("safetensors.torch", "safe_open"), ("torch.jit", "load"), ("onnxruntime", "InferenceSession"))
OF_SYSTEM = tuple(f"/{name}/" for name in ("proc", "sys", "dev", "etc", "usr", "lib", "run", "var"))
SHARED = re.compile(r".+\.so(\.\d+)+")  # a library with its version: it may be loaded late, and lie beside a Python that is no system's
CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".nbi", ".nbc")
_watching: list[list[str]] = []
_hooked: list[bool] = []


def _see(event: str, about: tuple[Any, ...]) -> None:
    if event == "open" and _watching and isinstance(about[0], (str, bytes)) and not (about[2] or 0) & (os.O_WRONLY | os.O_RDWR):
        _watching[-1].append(os.fsdecode(about[0]))


@contextlib.contextmanager
def opened() -> Iterator[list[str]]:
    """The paths of files that are opened to be read in the block; a hook of Python's audit events stays behind, which does nothing then."""
    if not _hooked:
        sys.addaudithook(_see)
        _hooked.append(True)
    paths: list[str] = []
    replaced = []
    for module, name in READERS:
        if module in sys.modules:
            owner = importlib.import_module(module)
            replaced.append((owner, name, getattr(owner, name)))
            setattr(owner, name, _noting(getattr(owner, name), paths))
    _watching.append(paths)
    before = _mapped()
    try:
        yield paths
    finally:
        _watching.pop()
        paths += sorted(_mapped() - before)
        for owner, name, reader in replaced:
            setattr(owner, name, reader)


def _mapped() -> set[str]:
    """The files that are in the memory of this process, where the system tells, but those that it may write into."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return set()
    return {line[line.index("/") :] for line in maps.splitlines() if "/" in line and " rw-s " not in line}


def _noting(reader: Any, paths: list[str]) -> Any:
    def read(*given: Any, **named: Any) -> Any:
        first = next(iter((*given, *named.values())), None)
        if isinstance(first, (str, os.PathLike)):
            paths.append(os.fspath(first))
        return reader(*given, **named)

    return read


def data_files(paths: list[str], known: list[Path]) -> list[Path]:
    """Those of these that are files of data, and the files that they name (see `model_files`): no code, none of Python, its packages or the
    system. known: files, or folders with all that is in them, that are left out too."""
    schemes = [sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    ours = [Path(str(importlib.import_module(name).__path__[0])) for name in ("mirbench", "mirbench_plugins")]
    packages = [*schemes, *site.getsitepackages(), site.getusersitepackages()]
    left_out = [path.resolve() for path in (*map(Path, packages), *ours, *known, *_named_by(known))]
    found = dict.fromkeys(path.resolve() for path in _named_by(map(Path, paths)))
    return [
        path
        for path in found
        if path.is_file()
        and path.suffix not in CODE
        and not SHARED.fullmatch(path.name)
        and not str(path).startswith(OF_SYSTEM)
        and not any(path == each or path.is_relative_to(each) for each in left_out)
    ]


def _named_by(paths: Iterable[Path]) -> Iterator[Path]:
    """Those of these that are files, and the files that they name."""
    for path in paths:
        if path.expanduser().is_file():
            yield from model_files(path)
