"""Maps of the test clips in two dimensions, of all encoders on a data set together, as they share the cores."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirbench.engine.jobs import Job
from mirbench.engine.store import Store
from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.recipes.similarity import of_probed_layer
from mirbench.experiment.resolve.records import Entry, Resolved

if TYPE_CHECKING:
    from mirbench.evaluation.similarity.projection import Labels, Projection

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

        from mirbench.engine.workers import map_in_workers
        from mirbench.evaluation.similarity import projection  # noqa: F401, so that forked workers need not import scikit-learn

        workers = min(len(jobs), self.resolved.machine.cores)
        places = range(len(jobs))  # as jobs may hold functions that cannot be pickled
        projected = map_in_workers(lambda place: self._project(jobs[place]), places, workers, lambda place: jobs[place].title)
        for job, (made, seconds) in zip(jobs, projected, strict=True):
            with store.writing(job.kind, job.key, job.title, job.parts) as folder:
                np.save(folder / POINTS, np.zeros((0, 2), np.float32) if made is None else made.points)
                report = {"clip_ids": []} if made is None else {name: x for name, x in vars(made).items() if name != "points"}
                write_json(folder / REPORT, {**report, "seconds": seconds})
        return {}

    def _project(self, job: Job) -> tuple[Projection | None, float]:
        from mirbench.evaluation.embedding.stored import read_embeddings
        from mirbench.evaluation.similarity.projection import project

        begun, resolved, entry = time.perf_counter(), self.resolved, self.entries[job.key]
        train, test = (of_probed_layer(read_embeddings(resolved.store.folder(*need.name)), entry) for need in job.needs)
        settings = resolved.config.maps
        made = project(train, test, labels_of(resolved, self.dataset), settings.method, settings.clips, settings.perplexity, entry.seeds[0])
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
