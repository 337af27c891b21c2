"""Which nouns are meant by a file, a name, a package or a project, and the promises of each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mirbench.data.labels import without_empty
from mirbench.data.published import layout
from mirbench.errors import MirbenchError, did_you_mean
from mirbench.experiment.resolve.addresses import register_addresses
from mirbench.experiment.resolve.data_selection import register_own_data
from mirbench.nouns import Dataset, Task
from mirbench.registry import Registry, load
from mirbench.registry.contract import file_of
from mirbench.registry.model_paths import no_name
from mirbench.settings.config import RunConfig
from mirbench.settings.options import check_options, encoder_options
from mirbench.testing.backbones import BACKBONE, BackboneSubject
from mirbench.testing.corruptions import CORRUPTION, CorruptionSubject
from mirbench.testing.datasets import DATASET, DatasetSubject
from mirbench.testing.encoders import ENCODER, EncoderSubject
from mirbench.testing.probes import PROBE, ProbeSubject
from mirbench.testing.promises import Examination, Promise
from mirbench.testing.supervisions import SUPERVISION, SupervisionSubject
from mirbench.testing.tasks import TASK, TaskSubject

PROMISES: dict[str, Sequence[Promise]] = {
    "encoder": ENCODER,
    "dataset": DATASET,
    "task": TASK,
    "corruption": CORRUPTION,
    "backbone": BACKBONE,
    "supervision": SUPERVISION,
    "probe": PROBE,
}
PROJECT = "pyproject.toml"
MOST_VALUES = 200  # of an annotation
KEYS = ("C major", "A minor", "F# minor", "Bb major", "Db:min")  # which no data set lists


def examine(
    given: str, scratch: Path, config: RunConfig, plugins: Iterable[str] = (), data: Mapping[str, Sequence[Any]] | None = None
) -> list[Examination]:
    """The promises of all nouns that are meant, none of which was looked at yet.

    given: a plugin's file, the name of a noun, the address of an encoder, an installed package that provides plugins, a module, or the
    folder of a project with such an entry point. scratch: an empty folder. config: for the options of encoders and where published data
    lie. data: by annotation its values, for tasks and supervisions; what data sets publish where none are given. Raises MirbenchError
    where nothing is meant.
    """
    registry, nouns = _meant(given, list(plugins))
    config = register_addresses(config, registry)
    check_options(config, registry.encoders)
    if not nouns:
        raise MirbenchError(f"{given} registers nothing that has promises; those that have: {', '.join(PROMISES)}.")
    values = {**_published_values(registry), **(data or {})}
    examinations = []
    for number, (kind, name) in enumerate(nouns):
        noun, module = registry.get(kind, name), registry.module(kind, name)
        folder = scratch / str(number)
        folder.mkdir()
        subject = _subject(kind, noun, folder, config, values, registry.tasks.values())
        file = file_of(module)
        subject.source = "" if name != noun.name else _source(module, file)
        examinations.append(Examination(kind, noun.name, subject.title, registry.provider(kind, name), file, subject, PROMISES[kind]))
    return examinations


def values_of(config: RunConfig, plugins: Iterable[str] = ()) -> dict[str, list[Any]]:
    """By annotation the different values that the clips of the chosen data sets carry, at most MOST_VALUES of each, for `examine`. Raises
    MirbenchError where their files are not here."""
    registry = load(plugins)
    found: dict[str, dict[str, Any]] = {}
    for dataset in registry.resolve("dataset", register_own_data(config, registry).datasets):
        if not dataset.on_disk:
            raise MirbenchError(f"'{dataset.name}' is made by mirbench; give a manifest, a folder or a data set that is on your disk.")
        for clip in without_empty(dataset.clips(_folder(dataset, config))):
            for name, value in clip.annotations.items():
                found.setdefault(name, {}).setdefault(repr(value), value)
    return {name: list(values.values())[:MOST_VALUES] for name, values in found.items()}


def _folder(dataset: Dataset, config: RunConfig) -> Path:
    """Where the files lie of one that people have on disk."""
    if dataset.files or dataset.location is None:
        return layout.folder_of(dataset, layout.data_root(config.data_root))
    return dataset.location if dataset.location.is_dir() else dataset.location.parent


def _meant(given: str, plugins: list[str]) -> tuple[Registry, list[tuple[str, str]]]:
    """The registry, and kind and name of each noun."""
    path = Path(given).expanduser()
    if error := no_name(given):
        raise error
    if path.is_dir() and (path / PROJECT).is_file():
        files = list(_of_project(path))
        registry = load([*plugins, *map(str, files)])
        return registry, list(_provided(registry, {str(file) for file in files}))
    if path.suffix == ".py" or path.is_file():
        registry = load([*plugins, given])
        return registry, list(_provided(registry, {given}))
    registry = load(plugins)
    if ":" in given:
        return registry, [("encoder", registry.get("encoder", registry.with_address(given)).name)]
    if found := [(kind, given) for kind in PROMISES if given in registry.nouns(kind)]:
        return registry, found
    if found := list(_provided(registry, {given})):
        return registry, found
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", given):
        registry = load([*plugins, given])
        return registry, list(_provided(registry, {given}))
    for failure in registry.failures:
        if _is_called(failure.provider, failure.name, {given}):
            raise MirbenchError(f"{failure.provider} failed to load: {failure.reason}.")
    known = [name for kind in PROMISES for name in registry.nouns(kind)]
    hint = did_you_mean(given, known)
    raise MirbenchError(
        f"there is no plugin file, name or package '{given}'{';' + hint if hint else '.'} Give a .py file, a name of "
        "`mirbench list`, or an installed package."
    )


def _provided(registry: Registry, given: set[str]) -> Iterator[tuple[str, str]]:
    """What the plugins provide that are called so."""
    of_files = [plugin for each in given if each.endswith(".py") for plugin in registry.of_file(each)]
    for plugin in registry.plugins:
        if plugin in of_files or _is_called(plugin.provider, plugin.name, given):
            yield from ((kind, name) for kind, names in plugin.provides.items() for name in names if kind in PROMISES)


def _is_called(provider: str, name: str, given: set[str]) -> bool:
    """Whether a plugin is meant by its file, its module, its entry point, or the package of that."""
    entry = re.fullmatch(r"entry point (\S+) \((\S+) \S+\)", provider)
    names = {provider} if entry is None else {entry[1], entry[2], entry[2].replace("-", "_")}
    return bool(given & names)


def _of_project(folder: Path) -> Iterator[Path]:
    """The files of the entry points of the group `mirbench`."""
    read = tomllib.loads((folder / PROJECT).read_text(encoding="utf-8"))
    modules = read.get("project", {}).get("entry-points", {}).get("mirbench", {})
    if not modules:
        raise MirbenchError(f"{folder / PROJECT} names no plugin; give it a table [project.entry-points.mirbench], a line for each module.")
    for module in modules.values():
        parts = module.partition(":")[0].split(".")
        places = [root.joinpath(*parts).with_suffix(".py") for root in (folder, folder / "src")]
        places += [root.joinpath(*parts, "__init__.py") for root in (folder, folder / "src")]
        if not (there := [place for place in places if place.is_file()]):
            raise MirbenchError(
                f"{folder / PROJECT} names the plugin {module}, of which there is no file below {folder}; correct the name."
            )
        yield there[0]


def _source(module: Any, file: str) -> str:
    """What a fresh process can import: a module's name, or the file of one that was given as a file."""
    name = getattr(module, "__name__", "")
    return file if name.startswith("mirbench_plugin_") or not name else name


def _subject(kind: str, noun: Any, folder: Path, config: RunConfig, values: Mapping[str, Sequence[Any]], tasks: Collection[Task]) -> Any:
    if kind == "encoder":
        return EncoderSubject(noun, folder, encoder_options(noun, config.options))
    if kind == "dataset":
        return DatasetSubject(noun, _folder(noun, config) if noun.on_disk else folder, tasks)
    if kind == "task":
        return TaskSubject(noun, values.get(noun.annotation, ()))
    if kind == "supervision":
        return SupervisionSubject(noun, values.get(noun.annotation, ()))
    return {"corruption": CorruptionSubject, "backbone": BackboneSubject, "probe": ProbeSubject}[kind](noun)


def _published_values(registry: Registry) -> dict[str, list[Any]]:
    """By annotation, what data sets publish as its classes; tags as clips carry them, several at once."""
    found: dict[str, list[Any]] = {}
    for dataset in registry.datasets.values():
        for annotation, classes in dataset.classes.items():
            found.setdefault(annotation, []).extend(classes)
    values: dict[str, list[Any]] = {name: list(dict.fromkeys(each))[:MOST_VALUES] for name, each in found.items()}
    if tags := values.get("tags"):
        values["tags"] = [tuple(tags[i : i + 3]) for i in range(len(tags) - 2)]
    return {"key": list(KEYS), **values}
