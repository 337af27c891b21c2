"""The metrics of predictions, and what each is in each resample of groups."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mirbench.engine.store import key_of
from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.recipes.probe import parts_of
from mirbench.experiment.resolve.records import Entry, Resolved
from mirbench.nouns import Task
from mirbench.records import Condition


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
    report: dict[str, Any] = {"condition": asdict(condition), "n_test": len(predicted.clip_ids)}
    report["clips"] = key_of(clips=predicted.clip_ids, groups=predicted.groups)
    if predicted.clip_ids:
        report["rows"], resampled = scoring.measured(task, predicted, resolved.config.bootstrap.resamples, groups)
        report["n_groups"] = len({*groups, *predicted.groups})
        report["labels"] = scoring.labels_behind(task, predicted)
        np.save(folder / "resampled.npy", resampled)
    write_json(folder / "report.json", {**report, "seconds": round(time.perf_counter() - begun, 3)})
