"""Maps of the test clips in two dimensions, of all encoders on a data set together, as they share the cores."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.engine.jobs import Job
from mirbench.engine.store import Store
from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.recipes.similarity import of_probed_layer
from mirbench.experiment.resolve.records import Entry, Resolved

if TYPE_CHECKING:
    from mirbench.evaluation.similarity.projection import Labels, Projection
    from mirbench.settings.config import MapsConfig

POINTS, REPORT = "points.npy", "report.json"


@dataclass(eq=False)
class MapBatch:
    """Maps of a data set. entries: by the key of a job, whose it is."""

    resolved: Resolved
    dataset: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def make(self, jobs: Sequence[Job], store: Store) -> Mapping[str, Exception]:
        """In worker processes, of one thread each. The folder of a map: its points, (clips, 2), and what is known of it; of too few clips
        neither clips nor points."""
        import numpy as np
        import sklearn.manifold
        import sklearn.metrics  # noqa: F401, so that forked workers need not import them

        from mirbench.engine.workers import map_in_workers

        resolved, labels = self.resolved, labels_of(self.resolved, self.dataset)
        given = []
        for job in jobs:
            entry, (train, test) = self.entries[job.key], (resolved.store.folder(*need.name) for need in job.needs)
            given.append(_Given(job.title, train, test, entry.probed_layer, labels, resolved.config.maps, entry.seeds[0]))
        workers = min(len(jobs), resolved.machine.cores)
        for job, (made, seconds) in zip(jobs, map_in_workers(_project, given, workers, lambda each: each.title), strict=True):
            with store.writing(job.kind, job.key, job.title, job.parts) as folder:
                np.save(folder / POINTS, np.zeros((0, 2), np.float32) if made is None else made.points)
                report = {"clip_ids": []} if made is None else {name: x for name, x in vars(made).items() if name != "points"}
                write_json(folder / REPORT, {**report, "seconds": seconds})
        return {}


@dataclass(frozen=True)
class _Given:
    """What a map is made of, as a process that was not forked can be given it. train, test: folders of embeddings."""

    title: str
    train: Path
    test: Path
    layer: int | str | None
    labels: list[Labels]
    settings: MapsConfig
    seed: int


def _project(given: _Given) -> tuple[Projection | None, float]:
    from mirbench.evaluation.embedding.stored import read_embeddings
    from mirbench.evaluation.similarity.projection import project

    begun, settings = time.perf_counter(), given.settings
    train, test = (of_probed_layer(read_embeddings(path), given.layer) for path in (given.train, given.test))
    made = project(train, test, given.labels, settings.method, settings.clips, settings.perplexity, given.seed)
    return made, round(time.perf_counter() - begun, 3)


def labels_of(resolved: Resolved, dataset: str) -> list[Labels]:
    """Of the test clips of a data set, by annotation, as the first task that reads it takes it."""
    from mirbench.evaluation.similarity.projection import Labels

    found: dict[str, Labels] = {}
    for task in resolved.tasks:
        if (labels := resolved.labels.get((dataset, task.name))) is not None:
            test = labels.splits["test"]
            ids = tuple(clip.id for clip in test.clips)
            found.setdefault(task.annotation, Labels(task.annotation, task.target, labels.classes, ids, test.targets))
    return list(found.values())
