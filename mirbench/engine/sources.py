"""What code a job uses, definition by definition, and which packages of others that code imports.

In: where it begins, such as `mirbench.pretraining.losses:semisupcon_loss`. Out: a hash of all that is reached from there by name. What is
chosen at run time (a noun in the registry, an attribute whose name is made up) is not seen: give what it is chosen from as further roots.
Where it is not clear what is used of a module, all of it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import sys
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import mirbench
from mirbench.engine import syntax
from mirbench.engine.syntax import MODULE, Summary, joined

MEMO = "sources.json"  # in the folder of the cache, what was read of the source
NEUTRAL = ("mirbench.errors", "mirbench.hookspecs", "mirbench.progress")  # modules that move no number
THE_OBJECT = ("", "__class__", "__dict__")  # attributes through which any other may be reached

Item: TypeAlias = tuple[str, str]
"""(module, key of a definition). Besides, of a module: "" for what importing it does, "*" for all of it, "CLASS." for a class without its
methods, "name=module:name" for an import; and (package, "!") for a package of others."""


@dataclass(frozen=True)
class Sources:
    """digest: of the syntax of all that is used. packages: of others, as they are imported: ("numpy", "torch"). definitions: what is used,
    as `module:name`."""

    digest: str
    packages: tuple[str, ...]
    definitions: tuple[str, ...]


class Modules:
    """The files of packages, and what is in them. A file is read once, and not at all where the memo has it as it is.

    packages: folders, or single files, by name; others join when they are asked for. memo: a file that keeps summaries.
    """

    def __init__(self, packages: Mapping[str, Path], memo: Path | None) -> None:
        self.packages = {name: Path(path).resolve() for name, path in packages.items()}
        self.memo, self.changed = memo, False
        self.files: dict[str, Path | None] = {}
        self.summaries: dict[str, Summary] = {}
        self.kept: dict[str, list[Any]] = {}  # path -> size, time, module, summary
        if memo is not None:
            with contextlib.suppress(OSError, ValueError):
                digest, _, text = memo.read_text(encoding="ascii").partition("\n")
                self.kept = json.loads(text) if digest == _sealed(text) else {}

    def file(self, module: str) -> Path | None:
        top, *rest = module.split(".")
        if module not in self.files and top in self.packages:
            path = self.packages[top].joinpath(*rest)
            places = [path / "__init__.py", path.with_name(f"{path.name}.py") if rest else path]
            self.files[module] = next((place for place in places if place.is_file()), None)
        return self.files.get(module)

    def read(self, module: str) -> Summary:
        """Raises ValueError where there is no such module."""
        if module not in self.summaries:
            if (file := self.file(module)) is None:
                raise ValueError(f"there is no module {module}")
            found = file.stat()
            about = [found.st_size, found.st_mtime_ns, module]
            if self.kept.get(str(file), [])[:3] != about:
                self.kept[str(file)] = [*about, syntax.summary_of(file.read_bytes(), module, file.name == "__init__.py")]
                self.changed = True
            self.summaries[module] = self.kept[str(file)][3]
        return self.summaries[module]

    def keep(self) -> None:
        """Into the memo, where it can be written."""
        if self.memo is not None and self.changed:
            text = json.dumps({path: kept for path, kept in self.kept.items() if Path(path).is_file()}, separators=(",", ":"))
            part = self.memo.with_name(f".part-{uuid.uuid4().hex[:8]}-{self.memo.name}")
            with contextlib.suppress(OSError):
                part.parent.mkdir(parents=True, exist_ok=True)
                part.write_text(f"{_sealed(text)}\n{text}", encoding="ascii")
                os.replace(part, self.memo)
            self.changed = False

    def known(self, file: Path) -> str:
        """The module of a file of these packages; "" for another."""
        for name, path in self.packages.items():
            if file.is_relative_to(path):
                parts = () if file == path else file.relative_to(path).with_suffix("").parts
                return ".".join([name, *parts]).removesuffix(".__init__")
        return ""

    def adopt(self, file: Path) -> str:
        """The module of a file, whose package joins. A file by itself gets a name with a `~`, which nobody can import."""
        file = top = file.resolve(strict=True)
        if found := self.known(file):
            return found
        while (top.parent / "__init__.py").is_file():
            top = top.parent
        name = top.stem + "~" * top.is_file()
        if name in self.packages:
            name = f"{top.stem}~{hashlib.sha256(str(top).encode()).hexdigest()[:8]}"
        self.packages[name] = top
        return self.known(file)

    def beside(self, module: str, name: str) -> str:
        """What of that name lies in the folder of a file by itself; "" where nothing does."""
        top = module.split(".")[0]
        folder = self.packages[top].parent if "~" in top else None
        if folder is None or folder.name in ("site-packages", "dist-packages"):
            return ""
        return next((self.adopt(file) for file in (folder / f"{name}.py", folder / name / "__init__.py") if file.is_file()), "")


def _sealed(text: str) -> str:
    """A hash that another text has not, nor another Python or another way of reading modules."""
    return hashlib.sha256(Path(syntax.__file__).read_bytes() + f"{sys.version_info[:2]}{text}".encode()).hexdigest()


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"there is no package {package}")
    return Path(spec.submodule_search_locations[0])


class SourceTree:
    """Finds what is used. One for a process: files that change afterwards are not read again.

    packages: ours, folders by name; mirbench and its plugins, where none are given. public: of names that a package imports when they are
    first used, the modules: {"mirbench.MelCNN": "mirbench.pretraining.backbones.mel_cnn"}. neutral: modules, or packages, that move no
    number: what is used of them is neither hashed nor followed. memo: a file that spares the next process reading.

    >>> SourceTree().used_by("mirbench.pretraining.losses:semisupcon_loss").packages
    ('torch',)
    """

    def __init__(
        self,
        packages: Mapping[str, Path] | None = None,
        public: Mapping[str, str] | None = None,
        neutral: Collection[str] = NEUTRAL,
        memo: Path | None = None,
    ) -> None:
        ours = {name: _folder_of(name) for name in ("mirbench", "mirbench_plugins")} if packages is None else packages
        self.modules, self.neutral = Modules(ours, memo), neutral
        self.public = {f"mirbench.{name}": module for name, module in mirbench._LATE.items()} if public is None else public
        self._edges: dict[Item, list[Item]] = {}

    def used_by(self, *roots: str) -> Sources:
        """roots: `module:name`, `module:Class.method`, or `module` for all of it. Raises ValueError for one that is not there."""
        items: list[Item] = []
        for root in roots:
            module, _, path = root.partition(":")
            name, _, method = path.partition(".")
            if not self.modules.file(module):
                raise ValueError(f"{root}: there is no module {module}")
            named = self._resolved(module, f"{module}:{name}")
            classes = [line for item in named if method and self._is_class(item) for line in self._line(item)]
            if (name and (module, "*") in named) or (method and not any(method in self._about(each)["members"] for each in classes)):
                raise ValueError(f"{root}: there is no such {'method' if classes else 'name'}")
            items += self._of_methods(classes, [method]) if method else named
        return self._sources(items)

    def of_files(self, files: Iterable[Path]) -> Sources:
        """All of files that may lie anywhere, such as a --plugin FILE, with what they use of ours and of what lies beside them."""
        return self._sources([(self.modules.adopt(Path(file)), "*") for file in files])

    def of_object(self, thing: Any, methods: Iterable[str] | None = None) -> Sources:
        """The classes of an object. methods: of their methods only these, with what they reach through `self` and what Python itself calls.

        Where objects of a class are made with arguments, all of the module too, which says with which. Raises ValueError for a method that
        there is not.
        """
        if lacking := [name for name in methods or () if not hasattr(thing, name)]:
            raise ValueError(f"{type(thing).__name__} has no {lacking[0]}")
        items: list[Item] = []
        own = ""
        for cls in type(thing).__mro__:
            file = Path(getattr(sys.modules.get(cls.__module__), "__file__", None) or "/").resolve()
            top = cls.__module__.split(".")[0]
            if top in sys.stdlib_module_names or not file.is_file():
                continue
            if own and not self.modules.known(file) and not self.modules.beside(own, top):
                items.append((top, "!"))
                continue
            module = self.modules.adopt(file)
            own = own or module
            items += [(module, cls.__qualname__)] * (not self._is_neutral(module))
        classes = [item for item in items if self._is_class(item)]
        rest = [(module, key if key == "!" else "*") for module, key in items if (module, key) not in classes]
        made = any("__init__" in self._about(c)["members"] or c[1] in self.modules.read(c[0])["decorated"] for c in classes)
        if made or getattr(thing, "__dict__", None):  # with arguments, or attributes of its own, which stand somewhere in its module
            rest.append((own, "*"))
        return self._sources([*rest, *(classes if methods is None else self._of_methods(classes, methods))])

    def _sources(self, items: Iterable[Item]) -> Sources:
        seen, queue = set(items), list(items)
        while queue:
            item = queue.pop()
            if item not in self._edges:
                self._edges[item] = list(dict.fromkeys(self._used_where(*item)))
            more = set(self._edges[item]) - seen
            seen |= more
            queue += more
        self.modules.keep()
        keys = [(module, key.removesuffix("."), module.split("~")[0]) for module, key in seen if key not in ("!", "", "*")]
        used = {(f"{name}:{key}", self.modules.read(module)["defs"][key][0]) for module, key, name in keys if ":" not in key}
        used_imports = {(f"{name}:{key}", "") for _, key, name in keys if ":" in key}
        digest = hashlib.sha256(json.dumps(sorted(used | used_imports)).encode()).hexdigest()[:32]
        packages = {module for module, key in seen if key == "!"}
        return Sources(digest, tuple(sorted(packages)), tuple(sorted({name for name, _ in used})))

    def _used_where(self, module: str, key: str) -> Iterator[Item]:
        """What is used where an item is."""
        if key == "!" or (not key and not self.modules.file(module)):
            return
        summary = self.modules.read(module)
        defs, name = summary["defs"], key.removesuffix(".")
        refs = [ref for ref in defs[name][1] if ref[0] != "@"] if name in defs else []
        if key:
            yield module, ""
        else:
            refs = summary["touches"]
            yield from [(module.rpartition(".")[0], "")] * ("." in module)
            yield from [(module, MODULE)] * (MODULE in defs)
            for own, decorators in summary["decorated"].items():
                if any(item[1] != "!" and ":" not in item[1] for ref in decorators for item in self._resolved(module, ref)):
                    yield module, own
        if key == "*":
            yield from ((module, own) for own in defs)
            refs = [f"{module}:{own[len(module) + 1 :]}" for own in self.public if own.rpartition(".")[0] == module]
            refs += [ref.removeprefix("!") for ref in summary["touches"] if ref[-1] != ":"]  # what others may look for here
        elif key in summary["classes"]:
            refs += summary["classes"][key]["bases"]
            yield from ((module, own) for keys in summary["classes"][key]["members"].values() for own in keys)
        yield from (item for ref in refs for item in self._resolved(module, ref))

    def _resolved(self, module: str, reference: str) -> list[Item]:
        """What a reference in a module is to, with the imports on the way."""
        items: list[Item] = []
        queue, seen = [(module, reference)], set()
        while queue:
            here, ref = at = queue.pop()
            if at in seen:
                continue
            seen.add(at)
            if ":" in ref:
                queue += self._imported(here, ref.removeprefix("!"), ref[0] == "!", items)
                continue
            name, _, rest = ref.partition(".")
            items += [(here, "*")] * (name == "*")
            for entry in self.modules.read(here)["names"].get(name, ()):
                if ":" not in entry:
                    items.append((here, entry))
                    continue
                if entry == f"{here}:{name}":  # a submodule
                    entry = f"{here}.{name}:"
                items += [(here, f"{name}={entry}")] * (not self._is_neutral(entry.partition(":")[0]))
                queue.append((here, joined(entry, rest) if rest else entry))
        return items

    def _imported(self, here: str, target: str, touched: bool, items: list[Item]) -> list[tuple[str, str]]:
        """Adds to `items` what is imported, or returns the references under which it is found. touched: see `!` in `Summary`."""
        module, _, path = target.partition(":")
        top, dot, below = module.partition(".")
        if top in sys.stdlib_module_names or not top:
            return []
        if top not in self.modules.packages:
            if not (sibling := self.modules.beside(here, top)):
                items += [(top, "!")] * (not touched)
                return []
            module = sibling + dot + below
        name, _, rest = path.partition(".")
        deeper = f"{module}.{name}" if name and self.modules.file(f"{module}.{name}") else ""
        if self._is_neutral(module) or (deeper and self._is_neutral(deeper)):
            return []
        if touched:
            items.append((deeper or module, ""))
        elif late := self.public.get(f"{module}.{name}"):
            return [(here, f"{late}:{path}")]
        elif self.modules.file(module) and name in self.modules.read(module)["names"]:
            return [(module, path)]
        elif deeper:
            return [(here, f"{deeper}:{rest}")]
        elif self.modules.file(module) and not name.startswith("__"):
            items.append((module, "*"))
        return []

    def _is_neutral(self, module: str) -> bool:
        return any(module == each or module.startswith(f"{each}.") for each in self.neutral)

    def _is_class(self, item: Item) -> bool:
        return item[1] not in ("!", "") and item[1] in self.modules.read(item[0])["classes"]

    def _about(self, cls: Item) -> Any:
        return self.modules.read(cls[0])["classes"][cls[1]]

    def _line(self, cls: Item, below: tuple[Item, ...] = ()) -> list[Item]:
        """A class and those above it, in the order in which a method is looked up."""
        above = [item for ref in self._about(cls)["bases"] for item in self._resolved(cls[0], ref) if self._is_class(item)]
        line = [cls, *(item for each in above if each not in (cls, *below) for item in self._line(each, (cls, *below)))]
        return list(dict.fromkeys(reversed(line)))[::-1]

    def _of_methods(self, line: Sequence[Item], methods: Iterable[str]) -> list[Item]:
        """Of classes in the order in which a method is looked up: these methods, what they reach of the object, and all but methods."""
        items = [(module, f"{key}.") for module, key in line]
        queue, seen = [(0, name) for name in methods], set()
        for cls in line:
            items += [item for ref in self._about(cls)["bases"] for item in self._resolved(cls[0], ref) if not self._is_class(item)]
            said = [ref[1:] for ref in self.modules.read(cls[0])["defs"][cls[1]][1] if ref[0] == "@"]
            queue += [(0, name.split(".")[0]) for name in (*self._about(cls)["always"], *said)]
        while queue:
            start, name = at = queue.pop()
            if at in seen:
                continue
            seen.add(at)
            for place, cls in enumerate(line[start:], start):
                members, defs = self._about(cls)["members"], self.modules.read(cls[0])["defs"]
                queue += [(place, each) for each in members] if name in THE_OBJECT else []
                if name in members:
                    items += [(cls[0], own) for own in members[name]]
                    for ref in (ref for own in members[name] for ref in defs[own][1] if ref[0] == "@"):
                        queue.append((place + 1, ref[2:].split(".")[0]) if ref[:2] == "@^" else (0, ref[1:].split(".")[0]))
                    break
        return items
