"""Embeddings of one data set and split, made together: a clip is decoded, and corrupted, once for all encoders that are to embed it."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.engine.jobs import Job, Part
from mirbench.engine.store import Store
from mirbench.experiment.resolve.bad_clips import check_bad
from mirbench.experiment.resolve.records import Entry, Resolved, naming
from mirbench.records import Condition

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.corruption import Fault
    from mirbench.evaluation.embedding.passes import Chunk, Pass, PassRows
    from mirbench.evaluation.embedding.windows import FrozenEncoder


@dataclass(frozen=True, eq=False)
class Embedding:
    """What one embedding job is of."""

    entry: Entry
    seed: int
    condition: Condition
    checkpoint: Job | None

    @property
    def encoder(self) -> tuple[str, int]:
        return self.entry.name, self.seed


@dataclass(eq=False)
class EmbeddingBatch:
    """The embedding jobs of one split of a data set; embeddings: what each is of, by key, filled while the jobs are built."""

    resolved: Resolved
    dataset: str
    split: str
    embeddings: dict[str, Embedding] = field(default_factory=dict)

    def make(self, jobs: Sequence[Job], store: Store) -> dict[str, Fault]:
        """What a kill leaves of a large one is gone on with. Returns what a corruption did wrong, for each of its jobs, which are then not
        made."""
        return _Making(self, jobs, store).run()

    def most_parts(self) -> int:
        """As many as there are chunks of clips."""
        from mirbench.evaluation.embedding.passes import chunks_of

        return max(1, len(chunks_of(self.resolved.data[self.dataset].of(self.split))))

    def make_part(self, jobs: Sequence[Job], store: Store, part: Part) -> None:
        """Every so manieth chunk, but for those that were kept before, in however many parts. A fault of a corruption is for `make` to
        find."""
        _Making(self, jobs, store, part).run()


def frozen_encoder(entry: Entry, folder: Path | None, seed: int, provider: str, device: str) -> FrozenEncoder:
    """The encoder of an entry, loaded. folder: of its checkpoint. Raises MirbenchError where a plugin's code fails."""
    from mirbench.evaluation.embedding.windows import FrozenEncoder

    encoder = entry.encoder
    with naming("encoder", encoder.name, provider, "loading", seed):
        embed = encoder.load(folder, entry.embedded_options, seed, device)
    return FrozenEncoder(f"encoder '{encoder.name}' (from {provider})", embed, entry.input, entry.embedded_layer)


def runs_in_workers(entry: Entry) -> bool:
    """Whether its encoder may be called in forked processes, as all may but some functions that were given."""
    return bool(getattr(entry.encoder, "in_workers", True))


class _Making:
    """One pass: some jobs of a batch, or a part of them."""

    def __init__(self, batch: EmbeddingBatch, jobs: Sequence[Job], store: Store, part: Part | None = None) -> None:
        from mirbench.evaluation.embedding.partial import PartialEmbeddings
        from mirbench.evaluation.embedding.passes import chunks_of

        self.batch, self.resolved, self.jobs, self.store, self.part = batch, batch.resolved, jobs, store, part
        self.clips = self.resolved.data[batch.dataset].of(batch.split)
        self.ids, chunks = [clip.id for clip in self.clips], chunks_of(self.clips)
        folders, own = {job.key: store.unfinished(job.key) for job in jobs}, chunks
        if part is not None:
            folders = {key: folder / f"part-{part}" for key, folder in folders.items()}
            own = chunks[part.number :: part.parts]
        self.partial = {job.key: PartialEmbeddings(folders[job.key], self.ids, own, job.title) for job in jobs}
        for job in jobs:
            for folder in self._kept_by_others(job.key):
                self.partial[job.key].take(PartialEmbeddings(folder, self.ids, own, job.title))
        self.skipped = {self.ids[place]: why for each in self.partial.values() for place, why in each.skipped.items()}
        self.faults: dict[str, Fault] = {}  # by corruption

    def _kept_by_others(self, key: str) -> list[Path]:
        """Of whichever machine. The other parts of the same division have none of the chunks that this one makes."""
        folder, part = self.store.unfinished(key), self.part
        parts = sorted(folder.parent.glob(f"{key}*/part-*"))
        return parts if part is None else [folder, *(each for each in parts if not each.name.endswith(f"of{part.parts}"))]

    def run(self) -> dict[str, Fault]:
        self._check_bad()
        for job in self.jobs:
            if self.partial[job.key].whole and self.part is None:
                self._store(job)
        missing = [job for job in self.jobs if not self.partial[job.key].whole]
        embeddings = self.batch.embeddings
        encoders = list(dict.fromkeys(embeddings[job.key].encoder for job in missing))
        job_of = {(embeddings[job.key].condition, encoders.index(embeddings[job.key].encoder)): job for job in missing}
        if missing:
            with contextlib.closing(self._passes(missing, encoders)) as passes:
                for rows in passes:
                    self._take(rows, job_of)
        failed = {job.key: self.faults[name] for job in missing if (name := embeddings[job.key].condition.corruption) in self.faults}
        for key in failed if self.part is None else ():
            shutil.rmtree(self.store.unfinished(key), ignore_errors=True)
        return failed

    def _take(self, rows: PassRows, job_of: Mapping[tuple[Condition, int], Job]) -> None:
        if new := {self.ids[place]: why for place, why in rows.skipped.items() if self.ids[place] not in self.skipped}:
            self.skipped |= new
            self._check_bad()
        if rows.fault is not None and (name := rows.fault.condition.corruption) not in self.faults:
            if self.part is None:
                print(f"mirbench: {rows.fault}. This corruption is left out, the rest goes on.", file=sys.stderr)
            self.faults[name] = rows.fault
        for encoder, matrix in rows.rows.items():
            job = job_of[rows.pass_.condition, encoder]
            self.partial[job.key].add(rows.chunk, matrix, rows.skipped)
            if self.partial[job.key].whole and self.part is None:
                self._store(job)

    def _passes(self, missing: Sequence[Job], encoders: Sequence[tuple[str, int]]) -> Generator[PassRows]:
        """What is missing of these jobs."""
        from mirbench.evaluation.embedding.passes import EmbeddingPass, Pass, embed_passes

        resolved, embeddings = self.resolved, self.batch.embeddings
        by_condition: dict[Condition, list[Job]] = {}
        for job in missing:
            by_condition.setdefault(embeddings[job.key].condition, []).append(job)

        def missing_passes(chunk: Chunk) -> list[Pass]:
            wanted = {
                condition: tuple(encoders.index(embeddings[job.key].encoder) for job in jobs if not self.partial[job.key].has(chunk))
                for condition, jobs in by_condition.items()
            }
            return [Pass(condition, numbers) for condition, numbers in wanted.items() if numbers]

        names = list(dict.fromkeys(condition.corruption for condition in by_condition if condition.severity))
        of_encoders = [next(e for e in embeddings.values() if e.encoder == encoder) for encoder in encoders]
        embedding_pass = EmbeddingPass(
            encoders=[self._frozen(each) for each in of_encoders],
            conditions=list(by_condition),
            corruptions={name: resolved.corruptions[name] for name in names},
            sample_rate=resolved.sample_rate,
            replicate=resolved.config.robustness.replicate,
            background=resolved.data[self.batch.dataset].of("train"),
            batch_size=resolved.config.batch_size,
            workers=resolved.machine.cores,
            encode_in_workers=resolved.machine.kind == "cpu" and all(runs_in_workers(each.entry) for each in of_encoders),
        )
        who = ", ".join(dict.fromkeys(embeddings[job.key].entry.encoder.name for job in missing))
        under = f" under {', '.join(names) if len(names) < 4 else f'{len(names)} corruptions'}" if names else ""
        return embed_passes(
            embedding_pass, self.clips, f"embedding {self.batch.dataset} {self.batch.split}{under} with {who}", missing_passes
        )

    def _frozen(self, embedding: Embedding) -> FrozenEncoder:
        """Its encoder, loaded."""
        entry, checkpoint, resolved = embedding.entry, embedding.checkpoint, self.resolved
        folder = self.store.folder(*checkpoint.name) if checkpoint else None
        provider = resolved.providers["encoder", entry.encoder.name]
        return frozen_encoder(entry, folder, embedding.seed, provider, resolved.machine.device)

    def _check_bad(self) -> None:
        data, what = self.resolved.data[self.batch.dataset], f"{self.batch.dataset} {self.batch.split}"
        rendered = data.folder if data.noun.made else None
        check_bad(what, self.skipped, len(self.clips), self.resolved.config.max_bad, rendered)

    def _store(self, job: Job) -> None:
        with contextlib.suppress(FileNotFoundError), self.store.writing(job.kind, job.key, job.title, job.parts) as folder:
            self.partial[job.key].store(folder, self.resolved.config.embedding.dtype)  # FileNotFoundError: another was first
        shutil.rmtree(self.store.unfinished(job.key), ignore_errors=True)
