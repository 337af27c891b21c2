"""Embeddings of one data set and split, made together: a clip is decoded, and corrupted, once for all encoders that have yet to hear it."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.experiment.entries import Entry
from mirbench.experiment.jobs import Job, Planner
from mirbench.nouns import Dataset
from mirbench.records import Clip, Condition
from mirbench.results.provenance import core_count

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.corruption import Fault
    from mirbench.evaluation.embedding.partial import PartialEmbeddings
    from mirbench.evaluation.embedding.passes import Chunk, Pass, PassRows
    from mirbench.evaluation.embedding.windows import FrozenEncoder


@dataclass(frozen=True)
class Wanted:
    """What one embedding job is of."""

    job: Job
    entry: Entry
    seed: int
    condition: Condition
    checkpoint: Job | None

    @property
    def encoder(self) -> tuple[str, int]:
        return self.entry.name, self.seed


@dataclass(eq=False)
class Together:
    """The embedding jobs of one split of a data set, by key. sample_rate: Hz, at which corruptions are applied. faults: filled with what
    went wrong under a corruption, by its name; its jobs are then not done."""

    planner: Planner
    dataset: Dataset
    split: str
    sample_rate: int
    faults: dict[str, Fault]
    wanted: dict[str, Wanted] = field(default_factory=dict)

    def do(self, keys: Sequence[str]) -> None:
        """Makes these and puts each into the store as soon as it is whole; what a kill leaves of a large one is gone on with."""
        from mirbench.evaluation.embedding.partial import PartialEmbeddings
        from mirbench.evaluation.embedding.passes import cut

        planner = self.planner
        clips = [c for c in planner.clips_of(self.dataset) if c.split == self.split]
        wanted = [w for key in keys if (w := self.wanted[key]).condition.corruption not in self.faults]
        ids, chunks = [clip.id for clip in clips], cut(clips)
        made = {w.job.key: PartialEmbeddings(self._unfinished(w.job), ids, chunks, w.job.title) for w in wanted}
        skipped = {ids[place]: why for partial in made.values() for place, why in partial.skipped.items()}
        self._check_bad(skipped, clips)
        for each in wanted:
            if made[each.job.key].whole:
                self._store(each.job, made[each.job.key])
        left = [w for w in wanted if not made[w.job.key].whole]
        encoders = list(dict.fromkeys(w.encoder for w in left))
        job_of = {(w.condition, encoders.index(w.encoder)): w.job for w in left}
        if left:
            with contextlib.closing(self._listen(left, encoders, clips, made)) as passes:
                for heard in passes:
                    if new := {ids[place]: why for place, why in heard.skipped.items() if ids[place] not in skipped}:
                        skipped |= new
                        self._check_bad(skipped, clips)
                    if heard.fault is not None:
                        self._note(heard.fault)
                    for encoder, rows in heard.rows.items():
                        job = job_of[heard.pass_.condition, encoder]
                        made[job.key].add(heard.chunk, rows, heard.skipped)
                        if made[job.key].whole:
                            self._store(job, made[job.key])
        for each in left:
            if each.condition.corruption in self.faults:
                shutil.rmtree(self._unfinished(each.job), ignore_errors=True)

    def _listen(
        self, left: Sequence[Wanted], encoders: Sequence[tuple[str, int]], clips: Sequence[Clip], made: Mapping[str, PartialEmbeddings]
    ) -> Generator[PassRows]:
        """What is left of these jobs."""
        from mirbench.evaluation.embedding.passes import EmbeddingPass, Pass, embed_passes

        planner = self.planner
        by_condition: dict[Condition, list[Wanted]] = {}
        for each in left:
            by_condition.setdefault(each.condition, []).append(each)

        def passes(chunk: Chunk) -> list[Pass]:
            missing = {c: tuple(encoders.index(w.encoder) for w in some if not made[w.job.key].has(chunk))
                       for c, some in by_condition.items()}  # fmt: skip
            return [Pass(condition, numbers) for condition, numbers in missing.items() if numbers]

        names = list(dict.fromkeys(c.corruption for c in by_condition if c.severity))
        embedding_pass = EmbeddingPass(
            encoders=[self._frozen(next(w for w in self.wanted.values() if w.encoder == encoder)) for encoder in encoders],
            conditions=list(by_condition),
            corruptions={name: planner.registry.get("corruption", name) for name in names},
            sample_rate=self.sample_rate,
            replicate=planner.config.robustness.replicate,
            background=[c for c in planner.clips_of(self.dataset) if c.split == "train"],
            batch_size=planner.config.batch_size,
            workers=core_count(),
            apart=planner.device == "cpu",
        )
        names_of_encoders = ", ".join(dict.fromkeys(w.entry.encoder.name for w in left))
        under = f" under {', '.join(names) if len(names) < 4 else f'{len(names)} corruptions'}" if names else ""
        return embed_passes(embedding_pass, clips, f"embedding {self.dataset.name} {self.split}{under} with {names_of_encoders}", passes)

    def _frozen(self, wanted: Wanted) -> FrozenEncoder:
        """Its encoder, loaded."""
        from mirbench.evaluation.embedding.windows import FrozenEncoder

        planner, encoder = self.planner, wanted.entry.encoder
        folder = planner.store.folder("checkpoints", wanted.checkpoint.key) if wanted.checkpoint else None
        with planner.named("encoder", encoder.name, "loading"):
            embed = encoder.load(folder, wanted.entry.options, wanted.seed, planner.device)
        title = f"encoder '{encoder.name}' (from {planner.registry.provider('encoder', encoder.name)})"
        return FrozenEncoder(title, embed, encoder.sample_rate, encoder.window_seconds)

    def _check_bad(self, skipped: Mapping[str, str], clips: Sequence[Clip]) -> None:
        self.planner.check_bad(f"{self.dataset.name} {self.split}", skipped, len(clips))

    def _note(self, fault: Fault) -> None:
        name = fault.condition.corruption
        if name not in self.faults:
            print(f"mirbench: {fault}. This corruption is left out, the rest goes on.", file=sys.stderr)
            self.faults[name] = fault

    def _unfinished(self, job: Job) -> Path:
        return self.planner.store.root / "unfinished" / job.key

    def _store(self, job: Job, partial: PartialEmbeddings) -> None:
        with contextlib.suppress(FileNotFoundError), self.planner.store.writing(job.kind, job.key) as folder:  # another was first
            partial.store(folder)
        shutil.rmtree(self._unfinished(job), ignore_errors=True)
