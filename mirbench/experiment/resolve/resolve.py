"""The first step: settings and plugins -> everything that a run is of. All look-ups, all disk and all refusals are here."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path

from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.addresses import register_addresses
from mirbench.experiment.resolve.checkpoints import check_pretraining_clips, digests_of
from mirbench.experiment.resolve.code import resolve_code, source_tree
from mirbench.experiment.resolve.conditions import baseline_of, conditions_of, families_of, seen_families, untrue_labels
from mirbench.experiment.resolve.data import resolve_data
from mirbench.experiment.resolve.data_selection import fit_supervision, pretraining_data, register_own_data
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.experiment.resolve.identity import identity_of
from mirbench.experiment.resolve.machine import resolve_machine
from mirbench.experiment.resolve.natural_shifts import resolve_shifts
from mirbench.experiment.resolve.noticed import findings_of, readable_data
from mirbench.experiment.resolve.probe import resolve_probes
from mirbench.experiment.resolve.records import LEAST_SAMPLE_RATE, Data, Entry, KeptCheckpoints, Parts, PretrainingData, Resolved
from mirbench.experiment.resolve.tasks import resolve_tasks
from mirbench.experiment.resolve.usable import name_usable
from mirbench.nouns import Corruption, Dataset
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig
from mirbench.settings.options import check_options


def settle(config: RunConfig, registry: Registry) -> RunConfig:
    """The settings with somebody's own data and encoders by address registered, those that can be used named where `all` was, and a
    supervision that reads what labels there are; raises MirbenchError for names that nothing carries, and options that no encoder has."""
    config = register_addresses(register_own_data(config, registry), registry)
    named = {"encoder": [*config.encoders, *config.floors], "task": config.tasks, "dataset": config.datasets}
    for kind, names in {**named, "corruption": config.corruptions}.items():
        registry.resolve(kind, names)
    registry.resolve("probe", config.probe.kind)
    check_options(config, registry.encoders)
    if config.maps.method == "umap" and importlib.util.find_spec("umap") is None:
        raise MirbenchError("maps.method is umap, which is not installed; pip install 'mirbench-audio[umap]', or take tsne.")
    return fit_supervision(name_usable(config, registry), registry)


def resolve(config: RunConfig, registry: Registry, cache: Path, kept: KeptCheckpoints | None = None) -> Resolved:
    """Prepares nothing and decodes nothing.

    kept: checkpoints to take from the cache as they are. Raises MirbenchError for unknown names, for data that are not there or cannot be
    listed, for checkpoints that were pretrained on what is tested, and where a chosen task, or what an encoder learns from, finds its
    annotation in none of the data sets.
    """
    kept, store = kept or KeptCheckpoints(), Store(cache)
    tree = source_tree(store)
    machine = resolve_machine(config.device, config.devices)
    entries = resolve_entries(config, registry)
    learning = learners(entries, kept)
    pretraining = pretraining_data(config, registry) if learning else []
    datasets: list[Dataset] = registry.resolve("dataset", config.datasets)

    def look(dataset: Dataset) -> Data:
        return _readable(resolve_data(dataset, registry, store, config.data_root, tree), config, registry)

    scored = [look(dataset) for dataset in datasets]
    tasks, labels = resolve_tasks(config, registry, scored)
    shifts = resolve_shifts(config, registry, scored, tasks, look)
    shifted = {shift.data.name for shift in shifts}
    data = {each.name: each for each in [*scored, *(shift.data for shift in shifts)]}
    check_needs(learning, pretraining)
    for each in pretraining:
        if each.dataset.name not in data:
            data[each.dataset.name] = look(each.dataset)
    corruptions: list[Corruption] = registry.resolve("corruption", config.corruptions) if config.corruptions else []
    skips, shifting = untrue_labels(tasks, corruptions)
    conditions = {c.name: conditions for c in corruptions if (conditions := conditions_of(c, config))}
    folders = _checkpoint_folders(entries, kept, store, scored)
    return Resolved(
        config=config,
        store=store,
        machine=machine,
        entries=tuple(entries),
        data=data,
        scored=tuple(each.name for each in scored),
        tasks=tuple(tasks),
        code=resolve_code(tree, registry, entries, tasks, corruptions, registry.resolve("probe", config.probe.kind)),
        probes=tuple(resolve_probes(config, registry)),
        pretraining=tuple(pretraining),
        labels=labels.labels,
        left_out=labels.left_out,
        corruptions={corruption.name: corruption for corruption in corruptions},
        conditions=conditions,
        families=families_of(c for c in corruptions if c.name in conditions),
        seen_families=seen_families(entries, registry),
        skips=tuple(skips),
        shifting=frozenset(shifting),
        natural_shifts=tuple(shifts),
        sample_rate=config.robustness.sample_rate or max(LEAST_SAMPLE_RATE, *(entry.input.sample_rate for entry in entries)),
        baseline=baseline_of(config, entries),
        similarity=config.similarity,
        kept=kept,
        checkpoint_files={folder: digests_of(folder) for folder in folders},
        identities=identities_of(registry, entries),
        on_bands=on_bands(registry, entries),
        providers={(kind, name): registry.provider(kind, name) for kind in ("encoder", "dataset", "task", "corruption", "probe")
                   for name in registry.nouns(kind)},
        findings={name: findings_of(each, config, registry, each in scored) for name, each in data.items() if name not in shifted},
        plugins=[dataclasses.asdict(plugin) | {"file": Path(plugin.file).name} for plugin in registry.plugins],
    )  # fmt: skip


def resolve_pretraining(config: RunConfig, registry: Registry, cache: Path, encoder: str) -> Resolved:
    """As `resolve`, of pretraining one encoder, or each of its variants in a sweep, alone."""
    store = Store(cache)
    tree = source_tree(store)
    alone = config.model_copy(update={"encoders": [encoder], "floors": [], "checkpoints": []})
    entries = [entry for entry in resolve_entries(alone, registry) if entry.encoder.name == encoder]
    pretraining = pretraining_data(config, registry)
    check_needs(learners(entries, KeptCheckpoints()), pretraining)
    resolved = [resolve_data(each.dataset, registry, store, config.data_root, tree) for each in pretraining]
    data = {each.name: _readable(each, config, registry) for each in resolved}
    return Resolved(
        config=config,
        store=store,
        machine=resolve_machine(config.device, config.devices),
        entries=tuple(entries),
        data=data,
        findings={name: findings_of(each, config, registry, scored=False) for name, each in data.items()},
        scored=(),
        tasks=(),
        code=resolve_code(tree, registry, entries),
        pretraining=tuple(pretraining),
        identities=identities_of(registry, entries),
        on_bands=on_bands(registry, entries),
        providers={(kind, name): registry.provider(kind, name) for kind in ("encoder", "dataset") for name in registry.nouns(kind)},
    )


def _readable(data: Data, config: RunConfig, registry: Registry) -> Data:
    return readable_data(data, registry.tasks.values(), config.max_bad)


def _checkpoint_folders(entries: Iterable[Entry], kept: KeptCheckpoints, store: Store, scored: Sequence[Data]) -> list[Path]:
    """Of the checkpoints that are there, looked at: raises MirbenchError where one is gone, or was pretrained on what is tested."""
    folders: list[Path] = []
    for entry in entries:
        for seed in entry.seeds:
            if (key := kept.keys.get((entry.name, seed))) is not None:
                if not store.has("checkpoints", key):
                    raise MirbenchError(
                        f"the checkpoint of {entry.name}, seed {seed} is no longer in {store.root}; name the cache that the run was made "
                        "with by --cache, or make the run again."
                    )
                folders.append(store.folder("checkpoints", key))
            elif seed in entry.checkpoints:
                folders.append(entry.checkpoints[seed])
    for folder in folders:
        check_pretraining_clips(folder, scored)
    return list(dict.fromkeys(folders))


def identities_of(registry: Registry, entries: Iterable[Entry]) -> dict[str, Parts]:
    return {entry.name: identity_of(entry, registry.provider("encoder", entry.encoder.name)) for entry in entries}


def on_bands(registry: Registry, entries: Iterable[Entry]) -> frozenset[str]:
    """The entries whose backbones listen to log-mel bands."""
    return frozenset(
        entry.name
        for entry in entries
        if any(registry.get(kind, name).bands for kind, name in entry.encoder.parts(entry.options) if kind == "backbone")
    )


def learners(entries: Iterable[Entry], kept: KeptCheckpoints) -> list[Entry]:
    """Those that are pretrained in the run: the others learn nothing, or have checkpoints already."""
    unkept = (entry for entry in entries if any((entry.name, seed) not in kept.keys for seed in entry.seeds))
    return [entry for entry in unkept if entry.encoder.trainable and not entry.checkpoints]


def check_needs(learning: Iterable[Entry], pretraining: Sequence[PretrainingData]) -> None:
    """Raises MirbenchError where no data set carries an annotation that something to be pretrained learns from."""
    carried = sorted({a for each in pretraining for a in each.annotations})
    for entry in learning:
        for annotation in entry.encoder.needs(entry.options):
            if annotation not in carried:
                some = f"give it a supervision that reads one of: {', '.join(carried)}" if carried else "pretrain one that needs no labels"
                raise MirbenchError(
                    f"encoder '{entry.name}' learns from the annotation '{annotation}', which "
                    f"{', '.join(each.dataset.name for each in pretraining)} does not carry; {some}, or name a data set whose labels it is "
                    f"to use: --supervise-with NAME:{annotation}."
                )
