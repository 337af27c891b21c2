"""What is known of one thing that `mirbench list` names, as a mapping for JSON; noun_text.py makes the page of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.data.asked_for import asked_for
from mirbench.errors import MirbenchError, describe, unknown_name
from mirbench.records import SPLITS

if TYPE_CHECKING:
    from mirbench.nouns import Corruption, Dataset, Encoder, Probe, Supervision, Task
    from mirbench.registry.plugins import Registry

LISTED = ("encoders", "tasks", "datasets", "corruptions", "backbones", "supervisions", "probes", "schemes", "configs", "plugins")
OF_OTHERS = ("home", "licence", "citation", "trained_on", "trained_with", "untried")  # what is told of an encoder that others trained


def names(registry: Registry, listed: str) -> list[str]:
    """Of all that `mirbench list` shows of a kind."""
    if listed == "plugins":
        return list(dict.fromkeys([*(plugin.name for plugin in registry.plugins), *(failure.name for failure in registry.failures)]))
    if listed == "configs":
        from mirbench.settings.shipped import shipped

        return list(shipped())
    return list(registry.nouns(listed.removesuffix("s")))


def facts(registry: Registry, listed: str, name: str, data_root: str | None = None) -> dict[str, Any]:
    """All that is known of one. listed: a kind, as `mirbench list` takes it. data_root: where published data sets lie.

    Raises MirbenchError that names the nearest where there is none of that name.
    """
    kind = listed.removesuffix("s")
    if kind in ("plugin", "config"):
        return {"kind": kind} | (_plugin(registry, name) if kind == "plugin" else _config(name))
    noun = registry.get(kind, name)
    about = {"kind": kind, "name": noun.name, "description": noun.description, "provider": registry.provider(kind, name)}
    return about | (_dataset(noun, data_root) if kind == "dataset" else _OF[kind](noun))


def option_facts(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of each option its name, default, what it may be, in words, the bounds and choices that were declared, and its meaning."""
    from mirbench.settings.validation import declared, type_in_words

    rows = []
    for name, option in declared(options).items():
        bounds = {bound: value for bound in ("ge", "gt", "le", "lt") if (value := getattr(option, bound)) is not None}
        choices = {"choices": list(option.choices)} if option.choices else {}
        row = {"name": name, "default": option.default, "may_be": type_in_words(option), **bounds, **choices}
        rows.append(row | {"meaning": option.meaning})
    return rows


def _encoder(encoder: Encoder) -> dict[str, Any]:
    """missing: why it cannot be used here with the options that it has by default."""
    fields = ("trainable", "seeded", *OF_OTHERS)
    try:
        missing = encoder.missing(encoder.options)
    except Exception as error:  # of a plugin
        missing = f"cannot be told: {describe(error)}."
    audio, why = _audio(encoder)
    facts = audio | {field: getattr(encoder, field) for field in fields}
    return facts | {"missing": missing or why, "options": option_facts(encoder.options)}


def _audio(encoder: Encoder) -> tuple[dict[str, Any], str]:
    """What audio it is given with the options that it has by default, Hz and seconds, and what it returns; None: not known. Where what says
    it is not here, as its class has it, and why, if that is told in a sentence."""
    from mirbench.evaluation.embedding.models import ModelEncoder
    from mirbench.nouns import Encoder

    options = encoder.options
    try:
        given, layers = encoder.input(options), encoder.layers(options)
        about: dict[str, Any] = {"sample_rate": given.sample_rate, "window_seconds": given.window_seconds, "hop_seconds": given.hop_seconds}
        about |= {"shortest_seconds": given.shortest_seconds, "layers": layers}
        if isinstance(encoder, ModelEncoder):
            said = encoder.facts(options)
            known = options["sample_rate"] or said.sample_rate
            about |= {"sample_rate": given.sample_rate if known else None, "normalises": said.normalises}
            about |= {"normalise": options["normalise"]}
            about |= {"dims": list(said.dims), "layer_names": list(said.names), "window_samples": said.samples}
            if said.samples and not known:
                about |= {"window_seconds": None, "shortest_seconds": None}
        return about, ""
    except Exception as error:  # of a plugin, or weights that are not on this disk
        cls = type(encoder)
        known = cls.sample_rate is not Encoder.sample_rate, cls.window_seconds is not Encoder.window_seconds
        audio = {"sample_rate": encoder.sample_rate if known[0] else None, "window_seconds": encoder.window_seconds if known[1] else None}
        return audio, str(error) if isinstance(error, MirbenchError) else ""


def _task(task: Task) -> dict[str, Any]:
    metrics = [metric if isinstance(metric, str) else metric.name for metric in task.metrics]
    facts = {"annotation": task.annotation, "target": task.target, "metrics": metrics}
    return facts | {"classes": list(task.classes), "changed_by": sorted(task.changed_by)}


def _corruption(corruption: Corruption) -> dict[str, Any]:
    from mirbench.nouns import family_of

    severities = [{"severity": severity, "level": level} for severity, level in enumerate(corruption.levels, start=1)]
    facts = {
        "unit": corruption.unit,
        "severities": severities,
        "family": family_of(corruption),
        "alters": sorted(corruption.alters),
    }
    return facts | {"limits": corruption.limits, "counted": corruption.counted, "others": corruption.others}


def _supervision(supervision: Supervision) -> dict[str, Any]:
    from mirbench.pretraining.signals import signal_options

    facts = {"annotation": supervision.annotation, "target": supervision.target}
    return facts | {"options": option_facts(signal_options(supervision))}


def _probe(probe: Probe) -> dict[str, Any]:
    """By kind of target that it is for, its estimator with what parameters it does not have by default, and its grid."""
    from mirbench.evaluation.probing.metrics import TARGETS
    from mirbench.evaluation.probing.probes import is_seeded, misfit

    targets = {}
    for target in TARGETS:
        if not misfit(probe, target):
            built = probe.build(target)
            grid = {name: list(values) for name, values in probe.points(target).items()}
            parameters = {name: str(value) for name, value in built.get_params(deep=False).items()}
            targets[target] = {
                "estimator": f"{type(built).__module__}.{type(built).__name__}",
                "text": str(built),
                "parameters": parameters,
                "grid": grid,
            }
    return {"seeded": is_seeded(probe), "targets": targets}


_OF: dict[str, Any] = {
    "encoder": _encoder,
    "task": _task,
    "corruption": _corruption,
    "backbone": lambda backbone: {"bands": backbone.bands},
    "supervision": _supervision,
    "probe": _probe,
    "scheme": lambda scheme: {},
}


def _dataset(dataset: Dataset, data_root: str | None) -> dict[str, Any]:
    """Its clips are listed where nothing is made or fetched for that."""
    from mirbench.cli import published_text
    from mirbench.data.published import layout

    place = layout.where(dataset, layout.data_root(data_root)) if dataset.files else None
    facts = {field: getattr(dataset, field) for field in ("version", "licence", "home", "citation", "split_rule", "shift_of")}
    facts["annotations"] = {name: list(dataset.classes.get(name, ())) for name in dataset.annotations}
    sources = list(dict.fromkeys(files.source for files in dataset.files if files.source))
    facts["access"] = dataset.access or (f"from {' and '.join(sources)}" if sources else "")
    facts["where"] = published_text.place(place) if place else published_text.elsewhere(dataset)
    splits, why = None, ""
    if place is not None and place.folder is None:
        why = f"not on this disk; `mirbench data where {asked_for(dataset)}` says how to get them"
    elif place is None and dataset.prepares and dataset.location is None:
        why = f"made at the first run; after that, `mirbench data check {asked_for(dataset)}` counts them"
    else:
        splits, why = _splits(dataset, place.folder if place else None)
    return facts | {"splits": splits, "splits_unknown": why}


def _splits(dataset: Dataset, folder: Path | None) -> tuple[dict[str, int] | None, str]:
    """How many clips are in each split, or why that is not known."""
    import tempfile

    try:
        with tempfile.TemporaryDirectory() as empty:
            clips = dataset.clips(folder or Path(empty))
    except MirbenchError as error:
        return None, f"cannot be listed: {str(error).removesuffix('.')}"
    except Exception as error:  # of a plugin, over files that are not as it expects
        return None, f"cannot be listed: {describe(error)}"
    counts = Counter(clip.split for clip in clips)
    return {split: counts[split] for split in SPLITS if counts[split]}, ""


def _config(name: str) -> dict[str, Any]:
    from mirbench.settings.shipped import purpose, shipped
    from mirbench.settings.yamlfile import parse

    known = shipped()
    if name not in known:
        raise unknown_name("configuration", name, known)
    file = known[name]
    settings = parse(file.read_text(encoding="utf-8"), str(file))
    return {"name": name, "description": purpose(file), "provider": "mirbench", "file": str(file), "settings": settings}


def _plugin(registry: Registry, name: str) -> dict[str, Any]:
    for plugin in registry.plugins:
        if plugin.name == name:
            facts = {"name": name, "provider": plugin.provider, "door": plugin.door, "version": plugin.version, "file": plugin.file}
            return facts | {"provides": {kind: list(provided) for kind, provided in plugin.provides.items()}}
    for failure in registry.failures:
        if failure.name == name:
            return {"name": name, "provider": failure.provider, "failure": failure.reason, "traceback": failure.traceback}
    raise unknown_name("plugin", name, names(registry, "plugins"))
