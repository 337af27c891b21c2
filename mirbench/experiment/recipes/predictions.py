"""What a probe says of the test clips."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.recipes.probe import parts_of
from mirbench.experiment.resolve.records import Entry, Resolved
from mirbench.nouns import Task


def predict_test(resolved: Resolved, entry: Entry, task: Task, dataset: str, made: Sequence[Path], folder: Path) -> None:
    """made: the folders of a probe and of embeddings, under any condition; and perhaps of others, whose clips alone are predicted."""
    from mirbench.evaluation.embedding.stored import read_embeddings
    from mirbench.evaluation.probing.scoring import predict
    from mirbench.evaluation.probing.stored import write_predictions
    from mirbench.evaluation.probing.stored_probes import read_probe

    begun = time.perf_counter()
    probe, test, *among = made
    chosen, labels, embeddings = entry.probe, resolved.labels[dataset, task.name], read_embeddings(test)
    for other in among:
        known = set(read_embeddings(other).clip_ids)
        rows = [row for row, clip in enumerate(embeddings.clip_ids) if clip in known]
        embeddings = replace(embeddings, clip_ids=tuple(embeddings.clip_ids[row] for row in rows), matrix=embeddings.matrix[rows])
    for part, own in zip(parts_of(entry, probe), parts_of(entry, folder), strict=True):
        fitted = read_probe(part, [chosen.module])
        with resolved.naming("probe", chosen.noun.name, f"predicting {task.name} on {dataset}"):
            predictions = predict(task, labels, fitted, embeddings)
        own.mkdir(exist_ok=True)
        write_predictions(own, predictions)
    write_json(folder / "report.json", {"seconds": round(time.perf_counter() - begun, 3)})
