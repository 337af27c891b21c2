"""`python:MODULE:NAME`: a function of Python, or a torch module, as an encoder."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mirbench


class PythonOptions(mirbench.AudioOptions):
    identity = mirbench.option(
        "", "what tells the state of it, such as a version of its weights; empty: nothing tells, so nothing is taken from an earlier run"
    )


class PythonEncoder(mirbench.FunctionEncoder):
    """What a function does may depend on weights that it reads and on modules that it imports, so that its source alone does not tell
    whether it is the same as in an earlier run."""

    options = PythonOptions()

    def __init__(self, address: str, module: str, name: str, source: bytes) -> None:
        super().__init__(address, lambda: _made(module, name, source), hashlib.sha256(source).hexdigest())

    def identity(self, options: Mapping[str, Any] | None = None) -> str:
        return f"{self.told} {(options or {}).get('identity') or self.anew}"

    def known_again(self, options: Mapping[str, Any]) -> bool:
        return bool(options["identity"])


class Python(mirbench.Scheme):
    """A class, and a function without parameters, is called to make what is called with audio."""

    name = "python"
    description = "python:MODULE:NAME, a function (batch, samples) -> (batch, dim) or a torch module, in a module that `import` finds here"

    def encoder(self, rest: str) -> mirbench.Encoder:
        module, colon, name = rest.partition(":")
        if not colon or not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
            raise mirbench.MirbenchError(f"python:{rest} names no function; write python:MODULE:NAME, such as python:my_models:embed.")
        with _here():
            spec = importlib.util.find_spec(module.partition(".")[0]) and importlib.util.find_spec(module)
        if spec is None:
            raise mirbench.MirbenchError(f"there is no module {module}, which python:{rest} names; give one that `import` finds here.")
        source = Path(spec.origin).read_bytes() if spec.origin and Path(spec.origin).is_file() else b""
        if not _may_define(source, name):
            raise mirbench.MirbenchError(f"the module {module} has no function {name}; name one that it has.")
        return PythonEncoder(f"python:{rest}", module, name, source)


def _may_define(source: bytes, name: str) -> bool:
    """Whether a module of that source may have the name, as far as it is told without running it."""
    try:
        text = source.decode()
    except UnicodeDecodeError:  # of C
        return True
    return not source or re.search(rf"\b({re.escape(name)}|__getattr__)\b|\bimport\s+\*", text) is not None


_READ: dict[str, bytes] = {}  # by module, the source that it was imported from


def _made(module: str, name: str, source: bytes) -> Any:
    """source: that the module is to be of; one that was imported from another before, such as in a notebook, is imported anew."""
    with _here():
        imported = importlib.import_module(module)
        if _READ.setdefault(module, source) != source:
            importlib.invalidate_caches()
            imported, _READ[module] = importlib.reload(imported), source
        found = getattr(imported, name, None)
    if not callable(found):
        raise mirbench.MirbenchError(f"the module {module} has no function {name}; name one that it has.")
    if not isinstance(found, type) and _parameters(found):
        return found
    made = found()
    if not callable(made):
        raise mirbench.MirbenchError(
            f"{name} of the module {module} takes no audio, and returns {type(made).__name__}; let it take (batch, samples), or return a "
            "function or a module that does."
        )
    return made


def _parameters(function: Any) -> int:
    try:
        return len(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # of C, which does not say
        return 1


@contextlib.contextmanager
def _here() -> Iterator[None]:
    """With the folder that one works in among those that are searched, as by `python -m`."""
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = before


@mirbench.hookimpl
def register_schemes() -> list[mirbench.Scheme]:
    return [Python()]
