"""The jobs after pretraining: embeddings, probes, and scores on clean audio and under corruption."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.store import Store, key_of
from mirbench.errors import MirbenchError
from mirbench.experiment.embedding_jobs import Together, Wanted
from mirbench.experiment.entries import Entry
from mirbench.experiment.jobs import DECODING, Job, Kept, Planner, write_json
from mirbench.nouns import Dataset, Task
from mirbench.records import Condition, Embeddings
from mirbench.registry.plugins import Registry
from mirbench.results.provenance import versions_of
from mirbench.results.run_folder import RunFolder
from mirbench.settings.config import RunConfig

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.corruption import Fault

CLIP_MEGABYTES = 0.004  # of an embedding, at most
EMBEDDING, CORRUPTING = 0.001, 0.001  # seconds that a second of audio takes on two cores
MOVES_CORRUPTED = ("audiomentations", "python-stretch", "numpy-minmax", "numpy-rms")  # packages, beside those that move any number


class ScoringPlanner(Planner):
    """All jobs of a run. faults: by data set and corruption, what a corruption did wrong, so that jobs could not be done. left_out: by data
    set and task, why it is not run, though its annotation is there."""

    def __init__(self, config: RunConfig, registry: Registry, store: Store, kept: Kept | None = None) -> None:
        super().__init__(config, registry, store, kept)
        self.task_data: dict[tuple[str, str], Any] = {}
        self.faults: dict[str, dict[str, Fault]] = {}
        self.left_out: dict[tuple[str, str], str] = {}  # data set and task -> why it cannot be run

    def together(self, dataset: Dataset, split: str, sample_rate: int) -> Together:
        """What new embedding jobs of a split are made with. sample_rate: Hz, at which corruptions are applied."""
        return Together(self, dataset, split, sample_rate, self.faults.setdefault(dataset.name, {}))

    def embed(self, together: Together, entry: Entry, seed: int, condition: Condition, checkpoint: Job | None) -> Job:
        encoder, dataset, split = entry.encoder, together.dataset, together.split
        key = key_of(
            **self.encoder_key(entry),
            split=split,
            seed=seed if encoder.seeded else None,
            checkpoint=checkpoint.key if checkpoint else None,
            data=self.data_key(dataset, (), (split, *(["train"] if condition.severity else []))),  # which is mixed in
            rooms=list(self.rooms.values()),
            batch=self.config.batch_size,
            condition=self._condition_key(condition, together.sample_rate) if condition.severity else "clean",
        )

        def run(folder: Path) -> None:
            raise AssertionError("embeddings are made together")

        corrupted = condition.severity > 0
        title = f"{entry.name}, seed {seed}, {dataset.name} {split}{f', {condition}' if corrupted else ''}"
        clips, audio = self.size_of(dataset, (split,))
        seconds = audio * (EMBEDDING + (CORRUPTING if corrupted else DECODING)) or 3.0
        megabytes = clips * CLIP_MEGABYTES or 9.0
        needs = (checkpoint,) if checkpoint else ()
        job = Job("embeddings", key, title, seconds, megabytes, run, needs=needs, together=together, transient=corrupted)
        return together.wanted.setdefault(key, Wanted(job, entry, seed, condition, checkpoint)).job

    def _condition_key(self, condition: Condition, sample_rate: int) -> dict[str, Any]:
        return {
            "corruption": condition.corruption,
            "source": self.registry.digest("corruption", condition.corruption),
            "level": condition.level,
            "sample_rate": sample_rate,
            "replicate": self.config.robustness.replicate,
            "versions": versions_of(MOVES_CORRUPTED),
        }

    def probe(self, entry: Entry, seed: int, dataset: Dataset, task: Task, train: Job, valid: Job) -> Job:
        """Fitted on the embeddings of one job, chosen on those of the other; never sees a test clip."""
        kind = self.config.probe.kind
        key = key_of(
            **self.base,
            task=task.name,
            source=self.registry.digest("task", task.name),
            probe=self.config.probe.model_dump(),
            seed=seed if kind == "mlp" else None,
            embeddings=[train.key, valid.key],
            data=self.data_key(dataset, (task.annotation,)),
            rooms=[self.rooms["evaluation"]],
        )

        def run(folder: Path) -> None:
            from mirbench.evaluation.probing.scoring import fit_task, write_probe

            begun = time.perf_counter()
            data = self.data_of(task, dataset)
            fitted = fit_task(task, data, self.embeddings(train), self.embeddings(valid), kind, seed, self.device)
            write_probe(folder, fitted)
            write_json(folder / "report.json", {**fitted.report, "seconds": round(time.perf_counter() - begun, 2)})

        return Job("probes", key, f"{task.name} on {dataset.name} with {entry.name}, seed {seed}", 1.5, 0.5, run, needs=(train, valid))

    def score(
        self,
        entry: Entry,
        seed: int,
        dataset: Dataset,
        task: Task,
        condition: Condition,
        probe: Job,
        test: Job,
        shifted: bool = False,
    ) -> Job:
        """test: embeddings of the test split under the condition. shifted: against labels that are moved along with what it changes."""
        resamples, clean = self.config.bootstrap.resamples, condition == Condition()
        key = key_of(
            task=task.name,
            source=self.registry.digest("task", task.name),
            resamples=resamples,
            scored=[probe.key, test.key],
            shifted=shifted,
            rooms=[self.rooms["evaluation"]],
        )

        def run(folder: Path) -> None:
            import numpy as np

            from mirbench.evaluation.probing import scoring

            begun = time.perf_counter()
            data = self.data_of(task, dataset)
            predictions = scoring.predict(task, data, scoring.read_probe(self.folder_of(probe)), self.embeddings(test))
            groups = predictions.groups
            if shifted:
                noun, replicate = self.registry.get("corruption", condition.corruption), self.config.robustness.replicate
                predictions = scoring.shift_labels(task, predictions, noun, condition, replicate)
            report: dict[str, Any] = {"condition": asdict(condition), "n_test": len(predictions.clip_ids)}
            report["clips"] = key_of(clips=predictions.clip_ids, groups=predictions.groups)
            if predictions.clip_ids:
                report["rows"], resampled = scoring.measured(task, predictions, resamples, groups)
                np.save(folder / "resampled.npy", resampled)
            if clean:
                RunFolder.create(folder).write_predictions(entry.encoder.name, dataset.name, task.name, seed, predictions)
            write_json(folder / "report.json", {**report, "seconds": round(time.perf_counter() - begun, 3)})

        under = "" if clean else f", {condition}{', labels moved along' if shifted else ''}"
        title = f"{task.name} on {dataset.name} with {entry.name}, seed {seed}{under}"
        return Job("scores", key, title, 0.2, 0.1, run, needs=(probe, test))

    def majority_key(self, task: Task, dataset: Dataset) -> str:
        """Of the floor that hears nothing: labels and intervals only."""
        source = self.registry.digest("task", task.name)
        resamples = self.config.bootstrap.resamples
        return key_of(majority=task.name, source=source, data=self.data_key(dataset), resamples=resamples, rooms=[self.rooms["evaluation"]])

    def carries(self, dataset: Dataset, task: Task) -> bool:
        """Whether a task is run on a data set: one that can be, or that was asked for by name. Why others are not is in `left_out`."""
        if task.annotation not in dataset.annotations:
            return False
        if (dataset.name, task.name) in self.left_out or not self.prepared(dataset):
            return (dataset.name, task.name) not in self.left_out
        try:
            self.data_of(task, dataset)
        except MirbenchError as error:
            if task.name in self.config.tasks:
                raise
            self.left_out[dataset.name, task.name] = str(error)
        return (dataset.name, task.name) not in self.left_out

    def data_of(self, task: Task, dataset: Dataset) -> Any:
        from mirbench.evaluation.probing.scoring import check_probed, task_data

        if (task.name, dataset.name) not in self.task_data:
            published = dataset.classes.get(task.annotation, ())
            data = task_data(task, self.clips_of(dataset), published)
            check_probed(task, data)
            self.task_data[task.name, dataset.name] = data
        return self.task_data[task.name, dataset.name]

    def folder_of(self, job: Job) -> Path:
        return self.store.folder(job.kind, job.key)

    def embeddings(self, job: Job) -> Embeddings:
        from mirbench.evaluation.embedding.windows import read_embeddings

        return read_embeddings(self.folder_of(job))
