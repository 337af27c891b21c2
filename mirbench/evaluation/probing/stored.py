"""Predictions as they are kept: what the run folder has as CSV, exact and quick to read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.records import Predictions

ARRAYS, NAMES = "predictions.npz", "predictions.json"


def write_predictions(folder: Path, predictions: Predictions) -> None:
    """predictions.npz with targets and scores; predictions.json with the rest."""
    np.savez(folder / ARRAYS, targets=predictions.targets, scores=predictions.scores)
    names = {name: list(getattr(predictions, name)) for name in ("clip_ids", "groups", "classes")}
    (folder / NAMES).write_text(json.dumps({**names, "target": predictions.target, "calibrated": predictions.calibrated}), encoding="ascii")


def read_predictions(folder: Path) -> Predictions:
    """As written; raises MirbenchError where they are damaged."""
    try:
        names = json.loads((folder / NAMES).read_text(encoding="ascii"))
        with np.load(folder / ARRAYS) as arrays:
            targets, scores = arrays["targets"], arrays["scores"]
        ids, groups, classes = (tuple(names[name]) for name in ("clip_ids", "groups", "classes"))
        return Predictions(ids, groups, classes, names["target"], targets, scores, names.get("calibrated", False))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise MirbenchError(
            f"the stored predictions in {folder} cannot be read: {error}; delete that folder to make them again."
        ) from error
