"""What is measured of one condition without training a probe: of embeddings, and of what probes of clean audio decide."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.recipes.score import RESAMPLED, write_report
from mirbench.experiment.resolve.records import Entry, Resolved
from mirbench.records import Condition

if TYPE_CHECKING:
    from mirbench.evaluation.similarity.measured import Part
    from mirbench.records import Embeddings

ARTIST = "artist"  # the annotation


def measure_similarity(
    resolved: Resolved, entry: Entry, dataset: str, condition: Condition, embeddings: Sequence[Path], folder: Path
) -> None:
    """A folder for each part (`similarity.measured.Part`), as a score has it, and their names in report.json.

    embeddings: of clean train clips, of clean test clips and, where the condition is another, of the test clips under it.
    """
    from mirbench.evaluation.embedding.stored import read_embeddings
    from mirbench.evaluation.similarity.measured import TestLabels, parts

    begun = time.perf_counter()
    clips = {clip.id: clip for clip in resolved.data[dataset].of("test")}
    groups = {name: clip.group for name, clip in clips.items()}
    artists = {name: str(clip.annotations[ARTIST]) for name, clip in clips.items() if clip.annotations.get(ARTIST)}
    if all(groups[name] == artist for name, artist in artists.items()):
        artists = {}
    train, clean, *embedded = [of_probed_layer(read_embeddings(path), entry.probed_layer) for path in embeddings]
    tests = {task: resolved.labels[dataset, task.name].splits["test"] for task in resolved.tasks if (dataset, task.name) in resolved.labels}
    labels = [TestLabels(task.name, task.target, tuple(c.id for c in test.clips), test.targets) for task, test in tests.items()]
    made = parts(train, clean, next(iter(embedded), None), groups, artists, labels)
    _write(made, condition, resolved.config.bootstrap.resamples, folder, begun)


def measure_decisions(resolved: Resolved, condition: Condition, predictions: Mapping[str, Sequence[Path]], folder: Path) -> None:
    """As `measure_similarity`, of what probes decide. predictions: by task, on clean audio and, under another condition, under it."""
    from mirbench.evaluation.probing.stored import read_predictions
    from mirbench.evaluation.similarity.measured import decisions

    begun, made = time.perf_counter(), []
    for task, paths in predictions.items():
        clean, *embedded = [read_predictions(path) for path in paths]
        made.append(decisions(task, clean, next(iter(embedded), None)))
    _write([part for part in made if part is not None], condition, resolved.config.bootstrap.resamples, folder, begun)


def _write(made: Sequence[Part], condition: Condition, resamples: int, folder: Path, begun: float) -> None:
    import numpy as np

    for number, part in enumerate(made):
        rows, resampled = part.measured(resamples)
        own = folder / str(number)
        own.mkdir()
        np.save(own / RESAMPLED, resampled)
        found = {"rows": rows, "n_groups": len(set(part.groups)), "labels": {}}
        write_report(own, condition, part.clip_ids, part.groups, found, begun)
    write_json(folder / "report.json", {"parts": [part.task for part in made], "seconds": round(time.perf_counter() - begun, 3)})


def of_probed_layer(embeddings: Embeddings, probed: int | str | None) -> Embeddings:
    """Of several layers the one that is probed; the last, where a probe has chosen among them or mixed them. probed: of an entry."""
    from mirbench.evaluation.probing.layers import of_layer

    layers = embeddings.matrix.shape[1] if embeddings.matrix.ndim == 3 else 0
    return of_layer(embeddings, probed if isinstance(probed, int) else layers - 1) if layers else embeddings
