"""What is measured of the embeddings of one condition without training a probe on them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.engine.store import key_of
from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.resolve.records import Entry, Resolved
from mirbench.nouns import Task
from mirbench.records import Condition

if TYPE_CHECKING:
    from mirbench.evaluation.similarity.measured import TestLabels
    from mirbench.records import Embeddings

ARTIST = "artist"  # the annotation


def measure_similarity(
    resolved: Resolved,
    entry: Entry,
    dataset: str,
    condition: Condition,
    embeddings: Sequence[Path],
    predictions: Mapping[str, Sequence[Path]],
    folder: Path,
) -> None:
    """A folder for each part (`similarity.measured.Part`), as a score has it, and their names in report.json.

    embeddings: of clean train clips, of clean test clips and, where the condition is another, of the test clips under it. predictions: of
    the probes that are looked at, by task, of the same test clips.
    """
    import numpy as np

    from mirbench.evaluation.embedding.stored import read_embeddings
    from mirbench.evaluation.similarity.measured import parts

    begun = time.perf_counter()
    clips = {clip.id: clip for clip in resolved.data[dataset].of("test")}
    groups = {name: clip.group for name, clip in clips.items()}
    artists = {name: str(clip.annotations[ARTIST]) for name, clip in clips.items() if clip.annotations.get(ARTIST)}
    if all(groups[name] == artist for name, artist in artists.items()):
        artists = {}
    train, clean, *embedded = [of_probed_layer(read_embeddings(path), entry) for path in embeddings]
    labels = [_labels(resolved, dataset, task, predictions.get(task.name, ())) for task in resolved.tasks]
    made = parts(train, clean, next(iter(embedded), None), groups, artists, [each for each in labels if each is not None])
    for number, part in enumerate(made):
        rows, resampled = part.measured(resolved.config.bootstrap.resamples)
        own = folder / str(number)
        own.mkdir()
        np.save(own / "resampled.npy", resampled)
        report = {"condition": asdict(condition), "n_test": len(part.clip_ids), "n_groups": len(set(part.groups)), "rows": rows}
        report |= {"clips": key_of(clips=part.clip_ids, groups=part.groups), "labels": {}}
        write_json(own / "report.json", {**report, "seconds": round(time.perf_counter() - begun, 3)})
    write_json(folder / "report.json", {"parts": [part.task for part in made], "seconds": round(time.perf_counter() - begun, 3)})


def of_probed_layer(embeddings: Embeddings, entry: Entry) -> Embeddings:
    """Of several layers the one that is probed; the last, where a probe has chosen among them or mixed them."""
    from mirbench.evaluation.probing.layers import of_layer

    layers = embeddings.matrix.shape[1] if embeddings.matrix.ndim == 3 else 0
    probed = entry.probed_layer
    return of_layer(embeddings, probed if isinstance(probed, int) else layers - 1) if layers else embeddings


def _labels(resolved: Resolved, dataset: str, task: Task, predictions: Sequence[Path]) -> TestLabels | None:
    """None where the task is not run on the data set."""
    from mirbench.evaluation.probing.stored import read_predictions
    from mirbench.evaluation.similarity.measured import TestLabels

    labels = resolved.labels.get((dataset, task.name))
    if labels is None:
        return None
    test = labels.splits["test"]
    said = [read_predictions(path) for path in predictions]
    return TestLabels(task.name, task.target, tuple(clip.id for clip in test.clips), test.targets, *said)
