"""The jobs that map test clips in two dimensions: of each encoder its first seed, on each data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mirbench.engine.jobs import Job
from mirbench.experiment.planning import costs
from mirbench.experiment.recipes.maps import MapBatch
from mirbench.experiment.resolve.records import Data, Resolved
from mirbench.results.provenance import versions_of


def map_jobs(resolved: Resolved, embeddings: Mapping[tuple[str, str, int], Mapping[str, Job]]) -> dict[tuple[str, str], Job]:
    """By entry and data set. embeddings: of clean audio, by entry, data set and seed, those of each split."""
    jobs: dict[tuple[str, str], Job] = {}
    for data in resolved.scored_data if resolved.config.maps.method != "none" else []:
        batch = MapBatch(resolved, data.name)
        for entry in resolved.entries:
            needs = tuple(embeddings[entry.name, data.name, entry.seeds[0]][split] for split in ("train", "test"))
            title = f"{data.name} with {entry.name}, seed {entry.seeds[0]}"
            parts = _parts(resolved, data) | {"embeddings": [job.key for job in needs], "layer": entry.probed_layer, "seed": entry.seeds[0]}
            job = Job("maps", title, parts, None, needs, costs.mapping(resolved, data), batch)
            batch.entries.setdefault(job.key, entry)
            jobs[entry.name, data.name] = job
    return jobs


def _parts(resolved: Resolved, data: Data) -> dict[str, Any]:
    settings, tasks = resolved.config.maps, [task for task in resolved.tasks if resolved.carries(data, task)]
    return {
        "method": settings.method,
        "clips": settings.clips,
        "perplexity": settings.perplexity if settings.method == "tsne" else None,
        "tasks": {task.name: resolved.code.headlines[task.name] for task in tasks},
        "classes": {task.name: list(labels.classes) for task in tasks if (labels := resolved.labels.get((data.name, task.name)))},
        "data": data.key(tuple(task.annotation for task in tasks)),
        "umap": versions_of(["umap-learn"]) if settings.method == "umap" else None,
        "mapping": resolved.code.kinds["maps"],
    }
