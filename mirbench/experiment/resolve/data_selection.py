"""Which data a run is about: what it scores on, what is pretrained on and whose labels, somebody's own among them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mirbench.data.published.layout import data_root, folder_of, suggest_dataset
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.records import PretrainingData
from mirbench.nouns import Dataset
from mirbench.registry import Registry
from mirbench.settings.config import ALL_OPTIONS, RunConfig
from mirbench.settings.options import encoder_options

PREFERRED_LABELS = ("tags", "genre", "instrument", "key", "pitch")  # what labels are taken from, where nobody says


def register_own_data(config: RunConfig, registry: Registry) -> RunConfig:
    """Registers the files and folders that the settings name as data sets; returns the settings with their paths absolute, and with the
    names of the data sets that are there in the place of `all`."""
    from mirbench.data.manifests.own import is_own, own_dataset

    root = data_root(config.data_root)
    root = None if root is None else Path(os.path.abspath(root))

    def known(name: str) -> list[str]:
        if name == "all":
            there = [n for n, dataset in registry.datasets.items() if not dataset.files or _there(dataset, root)]
            return [name for name in there if not registry.datasets[name].shift_of]
        if name in registry.datasets or not (is_own(name) or Path(name).expanduser().is_dir()):
            registry.get("dataset", name)
            return [name]
        given = name if name.startswith("mirdata:") else os.path.abspath(Path(name).expanduser())
        if not registry.has_own(given):
            seed, outside = config.split_seed, config.allow_outside
            dataset = own_dataset(given, registry.datasets, data_root=root, allow_outside=outside, split_seed=seed)
            registry.add_own(given, dataset)
        return [given]

    def supervised(text: str) -> str:
        name, _, annotation = text.rpartition(":")
        found = known(name)
        if len(found) != 1:
            raise MirbenchError(f"--supervise-with {text}: name one data set by itself, such as magnatagatune:tags.")
        return f"{found[0]}:{annotation}"

    return config.model_copy(
        update={
            "datasets": [found for name in config.datasets for found in known(name)],
            "pretrain_on": [found for name in config.pretrain_on for found in known(name)],
            "shifts": [found for name in config.shifts for found in (["all"] if name == "all" else known(name))],
            "supervise_with": sorted({supervised(text) for text in config.supervise_with}),
            "checkpoints": [os.path.abspath(path) if (path := Path(text).expanduser()).exists() else text for text in config.checkpoints],
            "data_root": None if root is None else os.fspath(root),
        }
    )


def _there(dataset: Dataset, root: Path | None) -> bool:
    try:
        folder_of(dataset, root)
    except MirbenchError:
        return False
    return True


def pretraining_data(config: RunConfig, registry: Registry) -> list[PretrainingData]:
    """What is pretrained on: `pretrain_on`, or else what is scored on, and what `supervise_with` names; then the labels of the others are
    not used. Raises MirbenchError where a data set does not carry the annotation that it is to supervise with."""
    names = config.pretrain_on or config.datasets
    if not config.supervise_with:
        return [PretrainingData(dataset) for dataset in registry.resolve("dataset", names)]
    labels: dict[str, tuple[str, ...]] = {dataset.name: () for dataset in registry.resolve("dataset", names)}
    for text in config.supervise_with:
        name, _, annotation = text.rpartition(":")
        dataset = registry.get("dataset", name)
        if annotation not in dataset.annotations:
            carried = ", ".join(dataset.annotations) or "no annotation"
            raise MirbenchError(f"--supervise-with {text}: data set '{dataset.name}' carries {carried}; name one that it carries.")
        labels[dataset.name] = (*labels.get(dataset.name, ()), annotation)
    return [PretrainingData(registry.get("dataset", name), annotations) for name, annotations in labels.items()]


def fit_supervision(config: RunConfig, registry: Registry) -> RunConfig:
    """The settings with a supervision that reads what labels there are, for the encoders that nobody gave one and whose own reads what
    there is not, or was chosen for the embedded music, where other data are pretrained on."""
    pretraining = pretraining_data(config, registry)
    asked = [text.rpartition(":")[2] for text in config.supervise_with]
    carried = list(dict.fromkeys(a for each in pretraining for a in each.annotations))
    wanted = asked or sorted(carried, key=lambda a: PREFERRED_LABELS.index(a) if a in PREFERRED_LABELS else len(PREFERRED_LABELS))[:1]
    options = {name: dict(values) for name, values in config.options.items()}
    for encoder in registry.resolve("encoder", [*config.encoders, *config.sweep]):
        own = {**options.get(ALL_OPTIONS, {}), **options.get(encoder.name, {}), **config.sweep.get(encoder.name, {})}
        if not encoder.trainable or "supervision" not in encoder.options or "supervision" in own:
            continue
        needs = encoder.needs(encoder_options(encoder, config.options))
        if wanted and needs and not (set(needs) <= set(carried) and all(each.dataset.made for each in pretraining)):
            found = [_supervision(annotation, registry) for annotation in dict.fromkeys(wanted)]
            options.setdefault(encoder.name, {})["supervision"] = found if len(found) > 1 else found[0]
            names, of = " and ".join(each["name"] for each in found), " and ".join(wanted)
            print(f"mirbench: {encoder.name} is supervised by {of} ({names}).", file=sys.stderr)
    return config.model_copy(update={"options": options})


def _supervision(annotation: str, registry: Registry) -> dict[str, Any]:
    """The first that reads this annotation, or one that can be told to."""
    for supervision in registry.supervisions.values():
        if supervision.annotation == annotation:
            return {"name": supervision.name}
    target = next((task.target for task in registry.tasks.values() if task.annotation == annotation), "multiclass")
    return {"name": {"multilabel": "shared-tags", "regression": "regression"}.get(target, "same-class"), "annotation": annotation}


def suggestion(datasets: Iterable[Dataset], registry: Registry) -> str:
    """Where a folder is that of a published data set, or one inside was meant, what to name instead; a sentence, or nothing."""
    hints = (suggest_dataset(d.location, registry.datasets.values()) for d in datasets if d.location is not None)
    return next((f" {hint[0].upper()}{hint[1:]}" for hint in hints if hint), "")
