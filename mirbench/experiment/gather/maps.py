"""Maps of the test clips, as rows of the run folder, and how far they can be believed, for the manifest."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.recipes.maps import POINTS, REPORT, labels_of
from mirbench.results.predictions import target_cells


def map_rows(run: RunGraph) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """Rows of maps.csv and of clips.csv, and `maps` of the manifest, by data set. Of encoders with the same embeddings the first alone."""
    points: list[dict[str, Any]] = []
    labelled: list[dict[str, Any]] = []
    about: dict[str, Any] = {}
    once: set[str] = set()
    for (entry, dataset), job in run.maps.items():
        folder = run.resolved.store.folder(*job.name)
        report = json.loads((folder / REPORT).read_text())
        if job.key in once or not (ids := report.pop("clip_ids")):
            continue
        once.add(job.key)
        of = {"dataset": dataset, "encoder": entry}
        points += [{**of, "clip": clip, "x": float(x), "y": float(y)} for clip, (x, y) in zip(ids, np.load(folder / POINTS), strict=True)]
        told = about.setdefault(dataset, {"method": run.resolved.config.maps.method, "clips": list(dict.fromkeys(ids)), "encoders": {}})
        told["clips"] = list(dict.fromkeys([*told["clips"], *ids]))
        told["encoders"][entry] = {"seed": job.parts["seed"], "n_test": len(ids), **report}
    for dataset, told in about.items():
        labelled += _labelled(run, dataset, told.pop("clips"))
    return points, labelled, about


def _labelled(run: RunGraph, dataset: str, clips: list[str]) -> list[dict[str, Any]]:
    group_of = {clip.id: clip.group for clip in run.resolved.data[dataset].of("test")}
    rows = []
    for labels in labels_of(run.resolved, dataset):
        cells = dict(zip(labels.clip_ids, target_cells(labels.target, labels.classes, labels.targets), strict=True))
        rows += [
            {"dataset": dataset, "clip": clip, "group": group_of[clip], "annotation": labels.annotation, "label": cells[clip]}
            for clip in clips
            if clip in cells
        ]
    return rows
