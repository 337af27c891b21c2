"""What was measured of embeddings without a probe, as rows of the run folder; and how alike those of two encoders are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.engine.jobs import Job
from mirbench.evaluation.similarity.measured import label_of
from mirbench.experiment.gather.resamples import Measurement, Trainings, check_same_clips, read_measurement, read_report, summaries
from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.resolve.records import Data, Entry
from mirbench.records import SIMILARITY, Condition

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.corruption import Fault

MOST_CLIPS = 1000  # by which encoders are compared with each other


@dataclass
class SimilarityRows:
    """For the run folder; filled data set by data set. faults: by data set and corruption; of such a corruption nothing is shown."""

    faults: Mapping[str, Mapping[str, Fault]]
    scores: list[dict[str, Any]] = field(default_factory=list)
    resampled: list[np.ndarray] = field(default_factory=list)  # of the rows of scores
    summaries: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)  # of metrics, for people
    alignment: dict[str, dict[str, Any]] = field(default_factory=dict)  # by data set, the encoders and their linear CKA

    def add(self, run: RunGraph, data: Data) -> None:
        faulty = self.faults.get(data.name, {})
        jobs = {(*at, Condition()): job for at, job in run.clean.similarities.items()} | run.corrupted.similarities
        for condition in (Condition(), *run.resolved.conditions_on(data.name)):
            if jobs and condition.corruption not in faulty:
                self._add(run, data, condition, jobs)
        self.alignment[data.name] = _alignment(run, data)

    def _add(self, run: RunGraph, data: Data, condition: Condition, jobs: Mapping[tuple[str, str, int, Condition], Sequence[Job]]) -> None:
        trainings = Trainings.of([replace(entry, shots=None, draws=1) for entry in run.resolved.entries])
        parts: dict[tuple[str, str], dict[str, list[Measurement]]] = {}
        for entry in run.resolved.entries:
            for seed in entry.seeds:
                for job in jobs[entry.name, data.name, seed, condition]:
                    folder = run.resolved.store.folder(*job.name)
                    for number, task in enumerate(read_report(run.resolved.store, job)["parts"]):
                        if (found := read_measurement(folder / str(number), job.key)) is not None:
                            of_entry = parts.setdefault((job.kind, task), {}).setdefault(entry.name, [])
                            of_entry.append(replace(found, condition=condition))
        for (_, task), measured in parts.items():
            of = f"{SIMILARITY} of {task or 'all'} clips on {data.name} under {condition}"
            check_same_clips([each for several in measured.values() for each in several], of)
            first = next(iter(measured.values()))[0]
            layout = trainings.layout(run.resolved.config.bootstrap.resamples, first.n_groups)
            self.labels |= {name: label_of(name, [task]) for several in measured.values() for name in several[0].metrics}
            for rows in summaries(trainings, layout, SIMILARITY, data.name, measured).values():
                self.summaries += rows
            for entry in (each for each in run.resolved.entries if each.name in measured):
                for seed, each in zip(entry.seeds, measured[entry.name], strict=True):
                    fraction = entry.options.get("label_fraction", 1.0)
                    whose = {"encoder": entry.name, "task": SIMILARITY, "dataset": data.name, "seed": seed, "label_fraction": fraction}
                    self.scores += each.scores(whose)
                    self.resampled += list(each.resampled)


def _alignment(run: RunGraph, data: Data) -> dict[str, Any]:
    """Debiased linear CKA between the encoders, each with its first seed, on at most MOST_CLIPS clean test clips, evenly spread; with
    intervals over their groups."""
    from mirbench.evaluation.embedding.stored import read_embeddings
    from mirbench.evaluation.similarity.alignment import pairwise_cka
    from mirbench.experiment.recipes.similarity import of_probed_layer

    once: dict[tuple[Any, ...], Entry] = {}
    for entry in run.resolved.entries:
        job = run.clean.embeddings[entry.name, data.name, entry.seeds[0]]["test"]
        once.setdefault((job.key, entry.probed_layer), entry)
    folder = run.resolved.store.folder
    stored = [read_embeddings(folder(*run.clean.embeddings[e.name, data.name, e.seeds[0]]["test"].name)) for e in once.values()]
    everywhere = set[str]().union(*(each.clip_ids for each in stored[:1])).intersection(*(each.clip_ids for each in stored))
    ids = [clip for clip in stored[0].clip_ids if clip in everywhere] if stored else []
    chosen = [ids[i] for i in np.unique(np.linspace(0, len(ids) - 1, min(len(ids), MOST_CLIPS)).astype(int))] if ids else []

    def rows() -> Iterator[np.ndarray]:
        for each, entry in zip(stored, once.values(), strict=True):
            place = {clip: row for row, clip in enumerate(each.clip_ids)}
            yield np.asarray(of_probed_layer(each, entry.probed_layer).matrix[[place[clip] for clip in chosen]], np.float64)

    of_clip = {clip.id: clip.group for clip in data.of("test")}
    groups = [of_clip[clip] for clip in chosen]
    value, low, high = pairwise_cka(rows(), groups, run.resolved.config.bootstrap.resamples).round(4)
    counts = {"n_test": len(chosen), "n_groups": len(set(groups))}
    return {"encoders": [entry.name for entry in once.values()], **counts, "linear_cka": value, "ci_low": low, "ci_high": high}
