"""The jobs after pretraining: embeddings, probes, predictions and scores, on clean audio and under corruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from mirbench.engine.jobs import Job
from mirbench.engine.store import key_of
from mirbench.experiment.planning import costs
from mirbench.experiment.planning.checkpoints import frozen_parts
from mirbench.experiment.recipes.embedding import Embedding, EmbeddingBatch
from mirbench.experiment.recipes.predictions import predict_test
from mirbench.experiment.recipes.probe import fit_probe
from mirbench.experiment.recipes.score import score_predictions
from mirbench.experiment.recipes.similarity import ARTIST, measure_decisions, measure_similarity
from mirbench.experiment.resolve.records import Data, Entry, NaturalShift, Resolved
from mirbench.nouns import Task
from mirbench.records import PROBED, Condition

CLEAN = Condition()
Scored = tuple[str, str, str, int]  # entry, data set, task, seed
Embedded = tuple[str, str, int]  # entry, data set, seed


@dataclass(frozen=True, eq=False)
class Place:
    """A data set that entries are scored on. wanted: each entry with each of its seeds. needs: what makes the data set."""

    resolved: Resolved
    data: Data
    wanted: Sequence[tuple[Entry, int]]
    checkpoints: Mapping[tuple[str, int], Job]
    needs: tuple[Job, ...]

    @property
    def tasks(self) -> list[Task]:
        return [task for task in self.resolved.tasks if self.resolved.carries(self.data, task)]

    def embedding(self, batch: EmbeddingBatch, entry: Entry, seed: int, condition: Condition) -> Job:
        """Of the split of the batch."""
        resolved, checkpoint = self.resolved, self.checkpoints.get((entry.name, seed))
        corrupted = condition.severity > 0
        own = frozen_parts(resolved, entry, seed, checkpoint)
        splits = (batch.split, *(["train"] if corrupted else []))  # which is mixed in
        parts = {
            **own,
            "split": batch.split,
            "data": self.data.key((), splits),
            "decoders": self.data.decoders,
            "batch": resolved.config.batch_size,
            "dtype": resolved.config.embedding.dtype,
            "condition": _condition_parts(resolved, condition) if corrupted else "clean",
            "embedding": resolved.code.kinds["embeddings"],
        }
        title = f"{entry.name}, seed {seed}, {self.data.name} {batch.split}{f', {condition}' if corrupted else ''}"
        kind = "corrupted-embeddings" if corrupted else "embeddings"
        cost = costs.embedding(resolved, entry, self.data, batch.split, corrupted, len(self.wanted))
        needs = (*self.needs, *((checkpoint,) if checkpoint else ()))
        lock = f"embedding-{key_of(split=batch.split, data=self.data.key(()), **own)}"
        job = Job(kind, title, parts, None, needs, cost, batch, kept=not corrupted, lock=lock)
        batch.embeddings.setdefault(job.key, Embedding(entry, seed, condition, checkpoint))
        return job

    def probe(self, entry: Entry, seed: int, task: Task, train: Job, valid: Job) -> Job:
        """Fitted on the embeddings of one job, chosen on those of the other; never sees a test clip."""
        resolved = self.resolved
        parts = {
            "task": task.name,
            **resolved.code.headlines[task.name],
            "probe": {"kind": entry.probe.noun.name},
            "estimator": resolved.code.probes.get(entry.probe.noun.name),
            "seed": seed if entry.probe.seeded or entry.shots else None,
            "device": resolved.machine.kind,
            "embeddings": [train.key, valid.key],
            "layer": entry.probed_layer,
            **({} if entry.shots is None else {"shots": entry.shots, "draws": entry.draws, "dataset": self.data.name}),
            "data": self.data.key((task.annotation,)),
            "classes": list(labels.classes) if (labels := self._labels(task)) else None,
            "probing": resolved.code.kinds["probes"],
        }
        store = resolved.store
        folders = store.folder(*train.name), store.folder(*valid.name)
        make = partial(fit_probe, resolved, entry, task, self.data.name, seed, *folders)
        title = f"{task.name} on {self.data.name} with {entry.name}, seed {seed}"
        cost = replace(costs.probing(self.data, self._labels(task), task, entry), gpus=costs.gpus(resolved))
        return Job("probes", title, parts, make, (train, valid), cost)

    def predictions(
        self, entry: Entry, seed: int, task: Task, condition: Condition, probe: Job, test: Job, among: Job | None = None
    ) -> Job:
        """test: embeddings of the test split under the condition. among: others, whose clips alone are predicted."""
        resolved = self.resolved
        parts = {"probe": probe.key, "embeddings": test.key, "predicting": resolved.code.kinds["predictions"]}
        parts |= {"among": among.key} if among else {}
        store = resolved.store
        folders = [store.folder(*job.name) for job in (probe, test, among) if job is not None]
        make = partial(predict_test, resolved, entry, task, self.data.name, folders)
        kind = "corrupted-predictions" if condition.severity else "predictions"
        title, cost = self._scored(entry, seed, task, condition), costs.predicting(self.data, self._labels(task), task, entry.draws)
        needs = (probe, test, *((among,) if among else ()))
        return Job(kind, title, parts, make, needs, cost, kept=not condition.severity)

    def score(self, entry: Entry, seed: int, task: Task, condition: Condition, predictions: Job, shifted: bool = False) -> Job:
        """shifted: against labels that are shifted along with what the corruption changes."""
        resolved, resamples = self.resolved, self.resolved.config.bootstrap.resamples
        parts: dict[str, Any] = {
            "task": task.name,
            **resolved.code.tasks[task.name],
            "resamples": resamples,
            "predictions": predictions.key,
            "condition": _condition_parts(resolved, condition) if shifted else None,
            "scoring": resolved.code.kinds["scores"],
        }
        make = partial(score_predictions, resolved, entry, task, condition, shifted, resolved.store.folder(*predictions.name))
        title = f"{self._scored(entry, seed, task, condition)}{', labels shifted along' if shifted else ''}"
        return Job("scores", title, parts, make, (predictions,), costs.scoring(self.data, self._labels(task), task, resamples, entry.draws))

    def similarity(self, entry: Entry, seed: int, condition: Condition, embeddings: Sequence[Job]) -> Job:
        """What embeddings tell without a probe: of clean train and test clips and, under another condition, of test clips under it."""
        resolved = self.resolved
        parts: dict[str, Any] = {
            "embeddings": [job.key for job in embeddings],
            "layer": entry.probed_layer,
            "tasks": {task.name: resolved.code.headlines[task.name] for task in self.tasks},
            "classes": {task.name: list(labels.classes) for task in self.tasks if (labels := self._labels(task))},
            "data": self.data.key((*(task.annotation for task in self.tasks), ARTIST)),
            "resamples": resolved.config.bootstrap.resamples,
            "measuring": resolved.code.kinds["similarities"],
        }
        places = [resolved.store.folder(*job.name) for job in embeddings]
        make = partial(measure_similarity, resolved, entry, self.data.name, condition, places)
        cost = costs.similarity(self.data, self.tasks)
        return Job("similarities", self._embedded(entry, seed, condition), parts, make, tuple(embeddings), cost)

    def decisions(self, entry: Entry, seed: int, condition: Condition, said: Mapping[str, Sequence[Job]]) -> Job:
        """What probes of clean audio decide. said: predictions by task, on clean audio and, where the condition is another, under it."""
        resolved = self.resolved
        parts: dict[str, Any] = {
            "predictions": {name: [job.key for job in jobs] for name, jobs in said.items()},
            "resamples": resolved.config.bootstrap.resamples,
            "deciding": resolved.code.kinds["decisions"],
        }
        paths = {name: [resolved.store.folder(*job.name) for job in jobs] for name, jobs in said.items()}
        make = partial(measure_decisions, resolved, condition, paths)
        needs = tuple(job for jobs in said.values() for job in jobs)
        return Job("decisions", self._embedded(entry, seed, condition), parts, make, needs, costs.DECIDING)

    def _embedded(self, entry: Entry, seed: int, condition: Condition) -> str:
        return f"{self.data.name} with {entry.name}, seed {seed}{f', {condition}' if condition.severity else ''}"

    def _scored(self, entry: Entry, seed: int, task: Task, condition: Condition) -> str:
        return f"{task.name} on {self.data.name} with {entry.name}, seed {seed}{f', {condition}' if condition.severity else ''}"

    def _labels(self, task: Task) -> Any:
        return self.resolved.labels.get((self.data.name, task.name))


def _condition_parts(resolved: Resolved, condition: Condition) -> dict[str, Any]:
    return {
        "corruption": condition.corruption,
        **resolved.code.corruptions[condition.corruption],
        "level": condition.level,
        "sample_rate": resolved.sample_rate,
        "replicate": resolved.config.robustness.replicate,
    }


@dataclass(eq=False)
class CleanJobs:
    """embeddings: by entry, data set and seed, those of each split."""

    jobs: list[Job] = field(default_factory=list)
    embeddings: dict[Embedded, dict[str, Job]] = field(default_factory=dict)
    probes: dict[Scored, Job] = field(default_factory=dict)
    predictions: dict[Scored, Job] = field(default_factory=dict)
    scores: dict[Scored, Job] = field(default_factory=dict)
    similarities: dict[Embedded, list[Job]] = field(default_factory=dict)

    def add(self, place: Place) -> None:
        """Embeddings of all entries, split by split, then their probes and scores."""
        for split in PROBED:
            batch = EmbeddingBatch(place.resolved, place.data.name, split)
            for entry, seed in place.wanted:
                embedded = place.embedding(batch, entry, seed, CLEAN)
                self.embeddings.setdefault((entry.name, place.data.name, seed), {})[split] = embedded
                self.jobs.append(embedded)
        for entry, seed in place.wanted:
            embeddings = self.embeddings[entry.name, place.data.name, seed]
            for task in place.tasks:
                scored = (entry.name, place.data.name, task.name, seed)
                probe = place.probe(entry, seed, task, embeddings["train"], embeddings["valid"])
                predictions = place.predictions(entry, seed, task, CLEAN, probe, embeddings["test"])
                score = place.score(entry, seed, task, CLEAN, predictions)
                self.probes[scored], self.predictions[scored], self.scores[scored] = probe, predictions, score
                self.jobs += [probe, predictions, score]
            if place.resolved.similarity:
                measured = [place.similarity(entry, seed, CLEAN, [embeddings["train"], embeddings["test"]])]
                if entry.shots is None and place.tasks:
                    said = {task.name: [self.predictions[entry.name, place.data.name, task.name, seed]] for task in place.tasks}
                    measured.append(place.decisions(entry, seed, CLEAN, said))
                self.similarities[entry.name, place.data.name, seed] = measured
                self.jobs += measured


@dataclass(eq=False)
class CorruptedJobs:
    """scores, shifted: under a corruption or a natural shift, and against labels that are shifted along with a corruption; similarities:
    what needs no probe to be trained. embeddings: by key, the data set of each that is of corrupted audio; shifts: embeddings of other
    recordings, by their name, that of the data set, entry and seed."""

    jobs: list[Job] = field(default_factory=list)
    scores: dict[tuple[str, str, str, int, Condition], Job] = field(default_factory=dict)
    shifted: dict[tuple[str, str, str, int, Condition], Job] = field(default_factory=dict)
    similarities: dict[tuple[str, str, int, Condition], list[Job]] = field(default_factory=dict)
    embeddings: dict[str, str] = field(default_factory=dict)
    shifts: dict[tuple[str, str, str, int], Job] = field(default_factory=dict)

    def add(self, place: Place, corruptions: Sequence[str], clean: CleanJobs) -> None:
        """Embeddings under some corruptions in one pass, then all scores that need them."""
        resolved = place.resolved
        embedded: dict[tuple[str, str, int, Condition], Job] = {}
        for split in embedded_splits(resolved):
            batch = EmbeddingBatch(resolved, place.data.name, split)
            for condition in (c for corruption in corruptions for c in resolved.conditions[corruption]):
                for entry, seed in place.wanted:
                    embedded[split, entry.name, seed, condition] = place.embedding(batch, entry, seed, condition)
        jobs: list[Job] = []
        skipped = {(skip.task, skip.corruption) for skip in resolved.skips}
        for entry, seed in place.wanted:
            said: dict[Condition, dict[str, Job]] = {}
            for task in place.tasks:
                scored = (entry.name, place.data.name, task.name, seed)
                for corruption in corruptions:
                    shifted = (task.name, corruption) in resolved.shifting
                    if (task.name, corruption) in skipped and not shifted:
                        continue
                    for condition in resolved.conditions[corruption]:
                        probe = clean.probes[scored]
                        if "train" in embedded_splits(resolved) and not shifted:
                            train, valid = (embedded[split, entry.name, seed, condition] for split in ("train", "valid"))
                            probe = place.probe(entry, seed, task, train, valid)
                            jobs.append(probe)
                        test = embedded["test", entry.name, seed, condition]
                        predictions = place.predictions(entry, seed, task, condition, probe, test)
                        score = place.score(entry, seed, task, condition, predictions, shifted)
                        (self.shifted if shifted else self.scores)[*scored, condition] = score
                        jobs += [predictions, score]
                        if probe is clean.probes[scored] and not shifted:  # of the same probe as on clean audio
                            said.setdefault(condition, {})[task.name] = predictions
            if resolved.similarity:
                for condition in (c for corruption in corruptions for c in resolved.conditions[corruption]):
                    test = embedded["test", entry.name, seed, condition]
                    jobs += self._similarities(place, entry, seed, condition, test, said.get(condition, {}), clean)
        self._keep(place, embedded, jobs)

    def add_shift(self, place: Place, shift: NaturalShift, of: Place, clean: CleanJobs) -> None:
        """Embeddings of other recordings of the test clips of a data set, and what its probes score on those that could be read in both.
        place, of: of the two."""
        batch, jobs = EmbeddingBatch(place.resolved, shift.data.name, "test"), list[Job]()
        for entry, seed in place.wanted:
            embedded = place.embedding(batch, entry, seed, CLEAN)
            jobs.append(embedded)
            said = dict[str, Job]()
            for task in of.tasks:
                scored = (entry.name, of.data.name, task.name, seed)
                among = clean.embeddings[entry.name, of.data.name, seed]["test"]
                predictions = of.predictions(entry, seed, task, shift.condition, clean.probes[scored], embedded, among)
                score = of.score(entry, seed, task, shift.condition, predictions)
                self.scores[*scored, shift.condition] = score
                said[task.name] = predictions
                jobs += [predictions, score]
            if place.resolved.similarity:
                jobs += self._similarities(of, entry, seed, shift.condition, embedded, said, clean)
            self.shifts[shift.data.name, shift.of, entry.name, seed] = embedded
        self.jobs += jobs

    def _similarities(
        self, place: Place, entry: Entry, seed: int, condition: Condition, test: Job, said: Mapping[str, Job], clean: CleanJobs
    ) -> list[Job]:
        """test, said: embeddings of the test clips under the condition, and predictions by task of the probes of clean audio. Those of few
        labels, which are drawn several times, are not looked at."""
        at = entry.name, place.data.name, seed
        measured = [place.similarity(entry, seed, condition, [*(clean.embeddings[at][split] for split in ("train", "test")), test])]
        if entry.shots is None and said:
            both = {name: [clean.predictions[entry.name, place.data.name, name, seed], job] for name, job in said.items()}
            measured.append(place.decisions(entry, seed, condition, both))
        self.similarities[*at, condition] = measured
        return measured

    def _keep(self, place: Place, embedded: Mapping[tuple[str, str, int, Condition], Job], jobs: Sequence[Job]) -> None:
        """The embeddings that jobs need, and these."""
        needed = {need.name for job in jobs for need in job.needs}
        embeddings = [job for job in embedded.values() if job.name in needed]
        self.embeddings |= {job.key: place.data.name for job in embeddings}
        self.jobs += [*embeddings, *jobs]


def embedded_splits(resolved: Resolved) -> tuple[str, ...]:
    """Under corruption."""
    return ("test",) if resolved.config.robustness.train_on == "clean" else PROBED
