"""The manifest: what a run was of, where its numbers came from, and what was left out."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.files import sha256
from mirbench.engine.machine import machine
from mirbench.engine.store import key_of
from mirbench.evaluation.embedding.models import ModelEncoder
from mirbench.evaluation.embedding.stored import read_embeddings
from mirbench.evaluation.probing import metrics
from mirbench.evaluation.probing.scoring import constant_targets, label_counts
from mirbench.experiment.gather.checksums import checksums_section
from mirbench.experiment.gather.resamples import read_report
from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.recipes.overlap import LISTED, overlap_section, read_overlap
from mirbench.experiment.resolve.checkpoints import read_pretraining_clips
from mirbench.experiment.resolve.entries import layer_names
from mirbench.experiment.resolve.records import Data, Entry, NaturalShift
from mirbench.nouns import Corruption, Task, family_of
from mirbench.records import MAJORITY, NATURAL_SHIFT, OTHER_RECORDINGS
from mirbench.results.provenance import git_commit, versions

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.corruption import Fault
    from mirbench.evaluation.probing.scoring import TaskData


@dataclass
class Made:
    """What is known of the making alone. seconds: by title of a job or batch. faults: by data set and corruption, what that did wrong.
    damaged: entries of the cache that were set aside, as `Store.untold_damage` tells."""

    seconds: dict[str, float] = field(default_factory=dict)
    faults: dict[str, dict[str, Fault]] = field(default_factory=dict)
    damaged: list[dict[str, Any]] = field(default_factory=list)


def manifest_of(
    run: RunGraph, tasks: dict[str, Any], made: Made, command: str, unreadable: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """unreadable: by data set, as `skipped_clips`."""
    resolved, config = run.resolved, run.resolved.config
    budgets: dict[str, list[str]] = {}
    digest = functools.cache(sha256)  # of a file that many entries are read from, such as one a layer
    encoders: dict[str, Any] = {entry.name: _entry_section(run, entry, budgets, digest) for entry in resolved.entries}
    encoders[MAJORITY] = {"description": "what can be said without hearing the audio", "role": "floor", "seeds": [0]}
    used = {metrics.resolve(m) for task in resolved.tasks for m in task.metrics}
    points = [{"name": e.name, "encoder": e.encoder.name, "values": e.values} for e in resolved.entries if e.values]
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "key": run.key,
        "config": config.model_dump(),
        "versions": versions(),
        "git_commit": git_commit(),
        "machine": {**machine(), "device": resolved.machine.device},
        "seeds": list(range(config.seed, config.seed + config.seeds)),
        "metrics": {m.name: m.label for m in sorted(used, key=lambda m: m.name)},
        "tasks": tasks,
        "encoders": encoders,
        "datasets": {data.name: data_facts(data, unreadable[data.name]) for data in resolved.scored_data},
        "findings": {name: [asdict(finding) for finding in found] for name, found in resolved.findings.items() if found},
        "label_budgets": budgets,
        "plugins": list(resolved.plugins),
        "timings": made.seconds,
        **({"damaged": made.damaged} if made.damaged else {}),
        **({"sweep": {"points": points}} if points else {}),
        **_corruptions_section(run, made, unreadable),
        **_left_out_section(run),
        **({"pretrained_by": resolved.kept.by} if resolved.kept.by else {}),
    }


def add_task(tasks: dict[str, Any], run: RunGraph, task: Task, data: Data, labels: TaskData, shared: Collection[str]) -> None:
    """Adds a task on a data set to the manifest's `tasks`. labels: of the clips that were read; shared: the ids of test clips whose audio
    probes were trained or chosen on."""
    of_task = tasks.setdefault(
        task.name,
        {
            "metrics": [metrics.resolve(m).name for m in task.metrics],
            "target": task.target,
            "annotation": task.annotation,
            "changed_by": sorted(task.changed_by),
            "description": task.description,
            "classes": [],
            "dataset": {},
        },
    )
    facts: dict[str, Any] = {f"n_{split}": len(labelled.clips) for split, labelled in labels.splits.items()}
    facts["groups"] = {split: len({c.group for c in labelled.clips}) for split, labelled in labels.splits.items()}
    facts["label_counts"] = label_counts(task, labels)
    facts["left_out_for_unseen_label"] = labels.unseen
    split_of = {clip.id: clip.split for clip in data.clips} if labels.unseen else {}
    facts["n_left_out"] = dict(Counter(split_of[clip_id] for clip_id in labels.unseen))
    if n_shared := sum(clip.id in shared for clip in labels.splits["test"].clips):
        facts["n_shared"] = n_shared
    facts["labels_without_class"] = labels.unknown
    facts["constant_targets"] = constant_targets(task, labels)
    facts["probes"] = {
        f"{entry}, seed {seed}": read_report(run.resolved.store, job)
        for (entry, dataset, name, seed), job in run.clean.probes.items()
        if (dataset, name) == (data.name, task.name)
    }
    of_task["dataset"][data.name] = facts
    of_task["classes"] = list(labels.classes)


def _entry_section(run: RunGraph, entry: Entry, budgets: dict[str, list[str]], digest: Callable[[Path], str]) -> dict[str, Any]:
    return {
        "description": entry.encoder.description,
        "role": entry.role,
        "encoder": entry.encoder.name,
        "options": entry.options,
        "defaults": {name: usual for name, usual in dict(entry.encoder.options).items() if entry.options.get(name) != usual},
        **_input_section(entry, digest),
        **({"layer_names": list(names)} if (names := layer_names(entry.encoder, entry.options)) else {}),
        "provider": run.resolved.providers["encoder", entry.encoder.name],
        "seeds": entry.seeds,
        "checkpoints": _checkpoints(run, entry.name, budgets),
    }


def _input_section(entry: Entry, digest: Callable[[Path], str]) -> dict[str, Any]:
    """The audio that it was given, whether that was asked for, or is what the model says; and the files that a model of others is read
    from, each with its SHA-256."""
    given = asdict(entry.encoder.input(entry.options))
    audio = {name: given[name] for name in ("sample_rate", "window_seconds", "hop_seconds", "shortest_seconds") if given[name]}
    paths = entry.encoder.weight_files(None, entry.options) if isinstance(entry.encoder, ModelEncoder) else []
    weights = {name: digest(path) for name, path in named_files([path for path in paths if path.is_file()]).items()}
    return {"input": audio, **({"weights": weights} if weights else {})}


def named_files(paths: Sequence[Path]) -> dict[str, Path]:
    """By its name, or, where files in several folders have the same, by its path from the folder that all lie in.

    >>> list(named_files([Path("model/net.onnx"), Path("model/1/config.json"), Path("model/2/config.json")]))
    ['net.onnx', '1/config.json', '2/config.json']
    """
    names = Counter(path.name for path in paths)
    absolute = {path: Path(os.path.abspath(path)) for path in paths}
    common = os.path.commonpath([path.parent for path in absolute.values()]) if paths else ""
    return {path.name if names[path.name] == 1 else absolute[path].relative_to(common).as_posix(): path for path in paths}


def _checkpoints(run: RunGraph, entry: str, budgets: dict[str, list[str]]) -> dict[str, Any]:
    """seed -> key, what pretraining reported (steps, views and labels seen, labels used by count, seconds), and the data sets that it
    was pretrained on, each with its key then.

    The clips whose labels were used are the same for all seeds, and may be many: they go into `budgets` once, under a key of theirs.
    """
    by_seed = {}
    for (name, seed), job in run.checkpoints.items():
        if name == entry:
            report = read_report(run.resolved.store, job)
            if clips := report.pop("labelled_clip_ids", None):
                report["label_budget"] = key_of(clips=clips)
                budgets[report["label_budget"]] = clips
            pretrained_on = {name: data["key"] for name, data in read_pretraining_clips(run.resolved.store.folder(*job.name)).items()}
            by_seed[str(seed)] = {"key": job.key, **report, **({"pretrained_on": pretrained_on} if pretrained_on else {})}
    return by_seed


def _identified(data: Data) -> dict[str, Any]:
    noun = data.noun
    told = {"version": noun.version, "licence": noun.licence, "citation": noun.citation, "identity": noun.identity()}
    return {**told, "key": data.key()}


def data_facts(data: Data, skipped: Mapping[str, str]) -> dict[str, Any]:
    """What a manifest says of a data set. skipped: clip id -> why it could not be read."""
    return {
        **_identified(data),
        "provider": data.provider,
        "split_rule": data.noun.split_rule,
        "clips": dict(Counter(clip.split for clip in data.clips)),
        "skipped": skipped,
    }


def skipped_clips(run: RunGraph, dataset: str) -> dict[str, str]:
    """clip id -> why it could not be read, over all embeddings of the data set."""
    skipped: dict[str, str] = {}
    for (_, of, _), splits in run.clean.embeddings.items():
        if of == dataset:
            for job in splits.values():
                skipped.update(read_embeddings(run.resolved.store.folder(*job.name)).skipped)
    return skipped


def _left_out_section(run: RunGraph) -> dict[str, Any]:
    """Tasks that could not be run on a data set, and what is tested on after it was pretrained on, here or by an encoder's authors, where
    there is any."""
    resolved = run.resolved
    left_out = [{"dataset": dataset, "task": task, "why": why} for (dataset, task), why in resolved.left_out.items()]
    overlaps = read_overlap(resolved.store.folder(*run.overlap.name) if run.overlap else None, run.pretrained, resolved.dropped)
    tested = [*resolved.scored_data, *(shift.data for shift in resolved.natural_shifts)]
    splits = {f"{data.name}/{clip.id}": clip.split for data in tested for clip in data.clips} if overlaps else {}
    overlapping = overlap_section(overlaps, splits)
    for entry in resolved.entries:
        if told := [name for name in resolved.scored if name in entry.encoder.trained_on]:
            overlapping.setdefault(entry.name, {"clips": {}, "first": []})["trained_on"] = told
    dropped = {name: {"clips": len(clips), "first": sorted(clips)[:LISTED]} for name, clips in resolved.dropped.items()}
    return {
        **({"left_out": left_out} if left_out else {}),
        **({"left_out_of_pretraining": dropped} if dropped else {}),
        **({"overlap": overlapping} if overlapping else {}),
    }


def corruption_facts(corruption: Corruption, provider: str) -> dict[str, Any]:
    """What a manifest says of a corruption."""
    return {
        "description": corruption.description,
        "unit": corruption.unit,
        "levels": list(corruption.levels),
        "alters": sorted(corruption.alters),
        "limits": corruption.limits,
        "counted": corruption.counted,
        "family": family_of(corruption),
        "provider": provider,
    }


def _shift_facts(shift: NaturalShift) -> dict[str, Any]:
    """As of a corruption that does not count in means."""
    noun = shift.data.noun
    facts = {"description": noun.description, "unit": OTHER_RECORDINGS, "levels": [], "alters": [], "limits": False, "counted": False}
    return {**facts, "family": NATURAL_SHIFT, "provider": shift.data.provider, **_identified(shift.data)}


def _corruptions_section(run: RunGraph, made: Made, unreadable: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The checksums alone where nothing was corrupted."""
    resolved = run.resolved
    if not resolved.conditions and not resolved.natural_shifts:
        return {"sample_checksums": checksums_section(run, made.faults, unreadable)}
    corruptions = {
        name: corruption_facts(noun, resolved.providers["corruption", name])
        for name, noun in resolved.corruptions.items() if name in resolved.conditions
    }  # fmt: skip
    for shift in resolved.natural_shifts:
        of = [each.of for each in resolved.natural_shifts if each.data.name == shift.data.name]
        corruptions[shift.data.name] = {**_shift_facts(shift), "shift_of": of}
    skipped = [
        {"task": skip.task, "dataset": data.name, "corruption": skip.corruption, "reason": skip.reason}
        for skip in resolved.skips
        for data in resolved.scored_data
        if any(task.name == skip.task and task.annotation in data.noun.annotations for task in resolved.tasks)
    ]
    failed = [
        {"dataset": dataset, "corruption": name, "severity": fault.condition.severity, "clip": fault.clip_id, "reason": fault.reason}
        for dataset, faults in made.faults.items()
        for name, fault in faults.items()
    ]
    settings = resolved.config.robustness
    facts = {
        "baseline": resolved.baseline,
        "train_on": settings.train_on,
        "replicate": settings.replicate,
        "sample_rate": resolved.sample_rate,
        "families": {name: list(corruptions) for name, corruptions in resolved.families.items()},
        "seen_families": {name: list(families) for name, families in resolved.seen_families.items() if families},
        "severities": resolved.config.severities,
        "skipped": skipped,
        "failed": failed,
    }
    checksums = checksums_section(run, made.faults, unreadable)
    return {"corruptions": corruptions, "robustness": facts, "sample_checksums": checksums}
