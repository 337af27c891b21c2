"""The metrics of predictions, and what each is in each resample of groups."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mirbench.engine.store import key_of
from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.recipes.probe import parts_of
from mirbench.experiment.resolve.records import Entry, Resolved
from mirbench.nouns import Task
from mirbench.records import Condition

RESAMPLED = "resampled.npy"  # (metrics, resamples), what intervals are made of


def score_predictions(
    resolved: Resolved, entry: Entry, task: Task, condition: Condition, shifted: bool, predictions: Path, folder: Path
) -> None:
    """shifted: against labels that are shifted along with what the corruption changes."""
    for part, own in zip(parts_of(entry, predictions), parts_of(entry, folder), strict=True):
        own.mkdir(exist_ok=True)
        _score(resolved, task, condition, shifted, part, own)


def _score(resolved: Resolved, task: Task, condition: Condition, shifted: bool, predictions: Path, folder: Path) -> None:
    import numpy as np

    from mirbench.evaluation.probing import scoring
    from mirbench.evaluation.probing.stored import read_predictions

    begun = time.perf_counter()
    predicted = read_predictions(predictions)
    groups = predicted.groups
    if shifted:
        corruption, replicate = resolved.corruptions[condition.corruption], resolved.config.robustness.replicate
        predicted = scoring.shift_labels(task, predicted, corruption, condition, replicate)
    found: dict[str, Any] = {}
    if predicted.clip_ids:
        rows, resampled = scoring.measured(task, predicted, resolved.config.bootstrap.resamples, groups)
        found = {"rows": rows, "n_groups": len({*groups, *predicted.groups}), "labels": scoring.labels_behind(task, predicted)}
        np.save(folder / RESAMPLED, resampled)
    write_report(folder, condition, predicted.clip_ids, predicted.groups, found, begun)


def write_report(
    folder: Path, condition: Condition, clip_ids: Sequence[str], groups: Sequence[str], found: Mapping[str, Any], begun: float
) -> None:
    """Beside RESAMPLED, what was measured of these clips. found: rows, n_groups and labels; nothing where no clip was left. begun: by the
    clock of time.perf_counter."""
    about = {"condition": asdict(condition), "n_test": len(clip_ids), "clips": key_of(clips=tuple(clip_ids), groups=tuple(groups))}
    write_json(folder / "report.json", {**about, **found, "seconds": round(time.perf_counter() - begun, 3)})
