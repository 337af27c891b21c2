"""Who provides what. Plugins come in by three doors: built in, entry points of the group `mirbench`, and --plugin FILE.

A plugin that cannot be imported, or whose hook raises, is kept in `failures` and named whenever a name is not found; only where
the user named it with --plugin is that an error at once. What breaks the contract (a misspelt hook, a name that is taken, a thing
that is not an encoder) is an error from any door, in a sentence that names the plugin. Nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pluggy

from mirbench import __version__, hookspecs
from mirbench.engine.global_state import unchanged
from mirbench.errors import MirbenchError, unknown_name
from mirbench.nouns import Backbone, Corruption, Dataset, Encoder, Probe, Scheme, Supervision, Task
from mirbench.registry.beside import beside
from mirbench.registry.contract import HOOKS, KINDS, PROSE, broken_hook, check_noun, file_of, hook_result, kebab, no_hook, reason_of
from mirbench.registry.model_paths import no_name

_FIRST = (  # then the alphabet
    *("semisupcon", "simclr", "supervised", "untrained", "handcrafted"),
    *("tagging", "key", "pitch", "genre"),
    *("mini", "mini-quick", "mini-large", "mini-shifted"),
    *("shared-tags", "dice", "same-class"),
    *("linear", "mlp", "knn"),
)


@dataclass(frozen=True)
class Plugin:
    """A plugin that was loaded. door: built in | entry point | file. provides: what it registered, by kind."""

    name: str
    door: str
    provider: str
    version: str
    file: str
    provides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A plugin that could not be imported or whose hook raised. reason: one line; traceback: all of it."""

    name: str
    provider: str
    reason: str
    traceback: str


class Registry:
    """Nouns by name; the attributes `encoders`, `datasets`, `tasks`, `corruptions`, `backbones`, `supervisions`, `probes` and `schemes`
    are dicts, built-in names first."""

    def __init__(self) -> None:
        self.encoders: dict[str, Encoder] = {}
        self.datasets: dict[str, Dataset] = {}
        self.tasks: dict[str, Task] = {}
        self.corruptions: dict[str, Corruption] = {}
        self.backbones: dict[str, Backbone] = {}
        self.supervisions: dict[str, Supervision] = {}
        self.probes: dict[str, Probe] = {}
        self.schemes: dict[str, Scheme] = {}
        self.plugins: list[Plugin] = []
        self.failures: list[Failure] = []
        self._from: dict[tuple[str, str], tuple[Plugin, Any]] = {}
        self._given: dict[tuple[str, str], str] = {}  # what somebody's own data, or an encoder by address, was given as -> its name

    def add_own(self, given: str, dataset: Dataset) -> None:
        """Takes in a data set of somebody's own, to be found by its name and by what it was given as."""
        plugin = Plugin(dataset.name, "own", given, "", given)
        self._add("dataset", dataset, plugin, importlib.import_module(type(dataset).__module__))
        self._given["dataset", given] = dataset.name

    def has_own(self, given: str) -> bool:
        return ("dataset", given) in self._given

    def add_address(self, scheme: str, rest: str) -> Encoder:
        """Takes in the encoder of an address, to be found by its name and by the address: its own name, or the shortest end of the address
        that no other encoder has."""
        address = f"{scheme}:{rest}"
        if ("encoder", address) not in self._given:
            provider, module = self._from["scheme", scheme]
            encoder: Encoder = self.schemes[scheme].encoder(rest)
            encoder.name = encoder.name or self._free_name(scheme, rest)
            self._tell_apart(encoder, Path(rest))
            self._add("encoder", encoder, dataclasses.replace(provider, provider=f"{scheme}: of {provider.provider}"), module)
            self._given["encoder", address] = encoder.name
        found: Encoder = self.get("encoder", address)
        return found

    def _tell_apart(self, encoder: Encoder, path: Path) -> None:
        """In messages, a model from others whose files have the same name, by the folders that it is in."""
        taken = {getattr(other, "model", "") for other in self.encoders.values()}
        called = str(getattr(encoder, "model", ""))
        longer = (called.removesuffix(path.name) + Path(*path.parts[-length:]).as_posix() for length in range(2, len(path.parts) + 1))
        if called in taken and called.endswith(path.name):
            vars(encoder)["model"] = next((name for name in longer if name not in taken), called)

    def with_address(self, given: str) -> str:
        """What is given, with the path in it absolute where it is an address, whose encoder is registered. Raises MirbenchError for a
        scheme that no plugin provides, and as schemes do."""
        scheme, colon, rest = given.partition(":")
        if not colon or given in self.encoders:
            return given
        if scheme not in self.schemes:
            raise unknown_name("scheme of encoders", scheme, self.schemes)
        path = Path(rest).expanduser()
        rest = os.path.abspath(path) if rest and path.exists() else rest
        self.add_address(scheme, rest)
        return f"{scheme}:{rest}"

    def of_file(self, given: str | Path) -> list[Plugin]:
        """The plugins that were loaded from that file."""
        path = Path(given).expanduser().resolve()
        return [plugin for plugin in self.plugins if plugin.file and Path(plugin.file).resolve() == path]

    def add_encoder(self, encoder: Encoder) -> None:
        """Takes in an encoder that a program made itself. Raises MirbenchError where another has its name."""
        if encoder.name in self.encoders:
            raise MirbenchError(
                f"an encoder is called '{encoder.name}' already ({self.provider('encoder', encoder.name)}); give another name."
            )
        plugin = Plugin(encoder.name, "own", "this program", "", "")
        self._add("encoder", encoder, plugin, importlib.import_module(type(encoder).__module__))

    def _free_name(self, scheme: str, rest: str) -> str:
        parts = [part for part in re.split(r"[/\\@:]", rest) if part] or [scheme]
        path = parts[:-1] if "@" in rest and len(parts) > 1 else parts  # without a revision, where that will do
        ends = ["-".join([*path[-length:-1], Path(path[-1]).stem]) for length in range(1, len(path) + 1)]
        names = [kebab(end) for end in (*ends, f"{scheme}-{ends[0]}", "-".join(parts), f"{scheme}-{'-'.join(parts)}")]
        return next((name for name in names if name and name not in self.encoders), names[-1])

    def nouns(self, kind: str) -> dict[str, Any]:
        """All of a kind by name. kind: encoder | dataset | task | corruption | backbone | supervision | probe | scheme."""
        if kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
        nouns: dict[str, Any] = getattr(self, kind + "s")
        return nouns

    def get(self, kind: str, name: str) -> Any:
        """The noun of that name; raises MirbenchError that names the nearest, and the plugins that failed to load."""
        nouns = self.nouns(kind)
        name = self._given.get((kind, name), name)
        if name in nouns:
            return nouns[name]
        if kind == "encoder" and (path := no_name(name)):
            raise path
        error = unknown_name(PROSE[kind], name, nouns)
        if self.failures:
            failed = ", ".join(f"{failure.provider} ({failure.reason})" for failure in self.failures)
            error = MirbenchError(f"{str(error).removesuffix('.')}; plugins that failed to load: {failed}.")
        raise error

    def resolve(self, kind: str, names: Sequence[str]) -> list[Any]:
        """The nouns of these names in the order asked for, once each; a name may be `all` or several with commas between."""
        parts = [part.strip() for name in names for part in name.split(",") if part.strip()]
        if names and not parts:
            raise MirbenchError(f"no {PROSE[kind]} was named; write one of {', '.join(sorted(self.nouns(kind)))}, or all.")
        found = {noun.name: noun for part in parts for noun in (self.nouns(kind).values() if part == "all" else [self.get(kind, part)])}
        return list(found.values())

    def provider(self, kind: str, name: str) -> str:
        """`mirbench`, `entry point NAME (DISTRIBUTION VERSION)` or the plugin's file."""
        return self._from[kind, self.get(kind, name).name][0].provider

    def module(self, kind: str, name: str) -> Any:
        """The plugin's module that provides the noun of that name."""
        return self._from[kind, self.get(kind, name).name][1]

    def _add(self, kind: str, noun: Any, plugin: Plugin, module: Any) -> None:
        check_noun(kind, noun, f"plugin {_called(plugin)}")
        nouns = self.nouns(kind)
        if noun.name in nouns:
            first = self._from[kind, noun.name][0].provider
            raise MirbenchError(
                f"two plugins provide the {PROSE[kind]} '{noun.name}': {first} and {plugin.provider}; rename one or leave one plugin out."
            )
        nouns[noun.name] = noun
        self._from[kind, noun.name] = (plugin, module)

    def _sort(self) -> None:
        for kind in KINDS:
            nouns = self.nouns(kind)
            built_in = [name for name in nouns if self._from[kind, name][0].door == "built in"]
            built_in.sort(key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
            ordered = {name: nouns[name] for name in dict.fromkeys([*built_in, *nouns])}
            nouns.clear()
            nouns.update(ordered)


def load(plugin_files: Iterable[str | Path] = ()) -> Registry:
    """All plugins: the built-in ones, those of installed packages, then `plugin_files` (paths of .py files or dotted module names)."""
    registry = Registry()
    manager = pluggy.PluginManager("mirbench")
    manager.add_hookspecs(hookspecs)
    for name in _built_in():
        plugin = Plugin(name.removeprefix("mirbench_plugins."), "built in", "mirbench", __version__, "")
        _load_one(registry, manager, plugin, functools.partial(importlib.import_module, name))
    for entry in sorted(importlib.metadata.entry_points(group="mirbench"), key=lambda entry: entry.name):
        dist, version = (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")
        plugin = Plugin(entry.name, "entry point", f"entry point {entry.name} ({dist} {version})", version, "")
        _load_one(registry, manager, plugin, entry.load)
    for given in dict.fromkeys(str(file) for file in plugin_files):
        if _is_path(given) and registry.of_file(given):
            continue  # the file of an entry point, named again with --plugin
        plugin = Plugin(Path(given).stem if _is_path(given) else given, "file", given, "", "")
        _load_one(registry, manager, plugin, functools.partial(_import_given, given))
    registry._sort()
    _loaded[:] = [registry]
    return registry


_loaded: list[Registry] = []


def current() -> Registry:
    """The registry that was loaded last, so that a name means the same everywhere as in `mirbench list`; where none was loaded, what is
    built in and installed is."""
    return _loaded[0] if _loaded else load()


def _built_in() -> Iterator[str]:
    for kind in KINDS:
        package = importlib.import_module(f"mirbench_plugins.{kind}s")
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
            if not module.name.startswith("_"):
                yield f"{package.__name__}.{module.name}"


def _load_one(registry: Registry, manager: pluggy.PluginManager, plugin: Plugin, importer: Any) -> None:
    def failed(error: BaseException, module: Any = None) -> None:
        reason = reason_of(error, getattr(module, "__file__", None))
        if plugin.door == "file":
            raise MirbenchError(f"plugin {plugin.provider} failed to load: {reason}.") from error
        text = "".join(traceback.format_exception(error))
        registry.failures.append(Failure(plugin.name, _called(plugin), reason, text))

    label = f"plugin {_called(plugin)}"
    try:
        with unchanged(label, seed=0):  # so that what it draws is the same in every process
            module = importer()
    except MirbenchError:
        raise
    except (Exception, SystemExit) as error:
        failed(error)
        return
    if manager.is_registered(module):
        return  # a module that an entry point brought in, named again with --plugin
    try:
        manager.register(module, f"{plugin.provider}: {plugin.name}")
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError, TypeError) as error:
        raise MirbenchError(broken_hook(manager, module, label) or f"{label}: {' '.join(str(error).split())}.") from error
    if plugin.door == "file" and not manager.get_hookcallers(module):
        raise MirbenchError(no_hook(module, label))
    version = plugin.version or str(getattr(module, "__version__", ""))
    loaded = dataclasses.replace(plugin, version=version, file=file_of(module))
    provides: dict[str, tuple[str, ...]] = {}
    others = [other for other in manager.get_plugins() if other is not module]
    has = {caller.name for caller in manager.get_hookcallers(module) or ()}
    for kind, hook in HOOKS.items():
        if hook not in has:
            continue
        caller = manager.subset_hook_caller(hook, remove_plugins=others)
        try:
            with unchanged(label, seed=0):
                returned = caller()
                things = [thing for result in returned for thing in hook_result(result, hook, label)]
        except MirbenchError:
            raise
        except (Exception, SystemExit) as error:
            failed(error, module)
            continue
        for thing in things:
            registry._add(kind, thing, loaded, module)
        if things:
            provides[kind] = tuple(thing.name for thing in things)
    registry.plugins.append(dataclasses.replace(loaded, provides=provides))


def _called(plugin: Plugin) -> str:
    return f"mirbench_plugins.{plugin.name}" if plugin.door == "built in" else plugin.provider


def _is_path(given: str) -> bool:
    return given.endswith(".py") or "/" in given or "\\" in given or not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", given)


def _import_given(given: str) -> Any:
    if not _is_path(given):
        return importlib.import_module(given)
    path = Path(given).expanduser().resolve()
    if not path.exists():
        raise MirbenchError(f"there is no plugin file {given}; give the path of a .py file, or the dotted name of a module.")
    if not path.is_file() or path.suffix != ".py":
        raise MirbenchError(f"--plugin {given} is no Python file; give the path of a .py file, or the dotted name of a module.")
    name = f"mirbench_plugin_{path.stem.replace('-', '_')}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with beside(path):
            exec(compile(path.read_bytes(), str(path), "exec"), vars(module))  # as it is now: no bytecode is kept of it
    except BaseException:
        del sys.modules[name]
        raise
    return module
