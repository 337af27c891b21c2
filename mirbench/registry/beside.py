"""Modules that lie beside a plugin file, which may import them: read as they are now, and never those of another folder."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from mirbench.errors import MirbenchError

_imported: dict[Path, set[str]] = {}  # by folder, the modules that plugin files have imported from there


@contextlib.contextmanager
def beside(file: Path) -> Iterator[None]:
    """While a plugin file is imported, and afterwards where it imports later, modules beside it can be imported by their names.

    What was imported from there before is read anew. Raises MirbenchError where the file imports a name that lies beside it, but is taken
    by another module, so that what it got would be that.
    """
    folder = file.parent
    for name in _imported.pop(folder, ()):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    for name in _named(file):
        if (own := _place(folder, name)) and (taken := _origin(name)) != own:
            raise MirbenchError(
                f"plugin {file} imports '{name}', which lies beside it, but {taken or 'a module of Python itself'} has that name too; give "
                f"{own.name if own.stem == name else name} another name."
            )
    before, written = set(sys.modules), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # bytecode is told from its source by time and size alone
    try:
        yield
    finally:
        sys.dont_write_bytecode = written
        new = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
        _imported[folder] = {name for name, place in new.items() if place and Path(place).is_relative_to(folder) and _place(folder, name)}


def _named(file: Path) -> set[str]:
    """The names, without dots, that a file imports anywhere."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return set()  # which is told when it is compiled
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def _place(folder: Path, name: str) -> Path | None:
    """The file of a module of that name in the folder."""
    top = name.split(".")[0]
    return next((path for path in (folder / f"{top}.py", folder / top / "__init__.py") if path.is_file()), None)


def _origin(name: str) -> Path | None:
    """The file that `import name` would give."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None) if module is not None else importlib.util.find_spec(name)
    origin = getattr(module, "__file__", None) or (spec.origin if spec else None)
    return Path(origin).resolve() if origin and origin not in ("built-in", "frozen") else None
