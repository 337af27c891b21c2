"""Embeddings of one data set and split, made together: a clip is decoded, and corrupted, once for all encoders that have yet to hear it."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.contenders import Contender
from mirbench.jobs import Job, Planner
from mirbench.nouns import Dataset
from mirbench.provenance import core_count
from mirbench.records import Clip, Condition, Embeddings
from mirbench.store import write_atomically

if TYPE_CHECKING:
    import numpy as np

    from mirbench.evaluation.corruption import Fault
    from mirbench.evaluation.listening import Heard, Hearing


@dataclass(frozen=True)
class Wanted:
    """What one embedding job is of."""

    job: Job
    contender: Contender
    seed: int
    condition: Condition
    checkpoint: Job | None

    @property
    def listener(self) -> tuple[str, int]:
        return self.contender.name, self.seed


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
        import numpy as np

        planner, what = self.planner, f"{self.dataset.name} {self.split}"
        clips = [c for c in planner.clips_of(self.dataset) if c.split == self.split]
        wanted = [w for key in keys if (w := self.wanted[key]).condition.corruption not in self.faults]
        if not wanted:
            return
        listeners = list(dict.fromkeys(w.listener for w in wanted))
        job_of = {(w.condition, listeners.index(w.listener)): w.job for w in wanted}
        blocks: list[tuple[str, ...]] = []
        skipped: dict[str, str] = {}
        for heard in self._listen(wanted, listeners, clips, blocks, skipped):
            if heard.fault is not None:
                self._note(heard.fault)
            for listener, rows in heard.rows.items():
                job = job_of[heard.hearing.condition, listener]
                if heard.last and blocks == [heard.clip_ids]:
                    planner.check_bad(what, skipped, len(clips))
                    self._store(job, blocks, skipped, rows)
                else:
                    data = io.BytesIO()
                    np.save(data, rows)
                    write_atomically(self._part(job, heard.clip_ids), data.getvalue())
        planner.check_bad(what, skipped, len(clips))
        for each in wanted:
            job, parts = each.job, [self._part(each.job, ids) for ids in blocks]
            if not planner.store.has(job.kind, job.key) and all(part.exists() for part in parts):
                self._store(job, blocks, skipped, np.concatenate([np.load(part) for part in parts]))
            if planner.store.has(job.kind, job.key) or each.condition.corruption in self.faults:
                shutil.rmtree(self._unfinished(job), ignore_errors=True)

    def _listen(
        self,
        wanted: Sequence[Wanted],
        listeners: Sequence[tuple[str, int]],
        clips: Sequence[Clip],
        blocks: list[tuple[str, ...]],
        skipped: dict[str, str],
    ) -> Iterator[Heard]:
        """Fills `blocks` with the clip ids of each, and `skipped`."""
        from mirbench.evaluation.embedding import Listener
        from mirbench.evaluation.listening import Hearing, Session, listen

        planner = self.planner
        frozen = []
        for listener in listeners:
            one = next(w for w in wanted if w.listener == listener)
            encoder, folder = one.contender.encoder, planner.store.folder("checkpoints", one.checkpoint.key) if one.checkpoint else None
            with planner.named("encoder", encoder.name, "loading"):
                embed = encoder.load(folder, one.contender.options, one.seed, planner.device)
            title = f"encoder '{encoder.name}' (from {planner.registry.provider('encoder', encoder.name)})"
            frozen.append(Listener(title, embed, encoder.sample_rate, encoder.window_seconds))

        def left(clip_ids: tuple[str, ...]) -> list[Hearing]:
            if blocks and not clip_ids:
                return []
            blocks.append(clip_ids)
            missing = [w for w in wanted if not self._part(w.job, clip_ids).exists()]
            conditions = dict.fromkeys(w.condition for w in missing)
            return [Hearing(c, tuple(listeners.index(w.listener) for w in missing if w.condition == c)) for c in conditions]

        conditions = list(dict.fromkeys(w.condition for w in wanted))
        names = list(dict.fromkeys(c.corruption for c in conditions if c.severity))
        session = Session(
            listeners=frozen,
            conditions=conditions,
            corruptions={name: planner.registry.get("corruption", name) for name in names},
            sample_rate=self.sample_rate,
            replicate=planner.config.robustness.replicate,
            background=[c for c in planner.clips_of(self.dataset) if c.split == "train"],
            batch_size=planner.config.batch_size,
            workers=core_count(),
            apart=planner.device == "cpu",
        )
        encoders = ", ".join(dict.fromkeys(w.contender.encoder.name for w in wanted))
        under = f" under {', '.join(names) if len(names) < 4 else f'{len(names)} corruptions'}" if names else ""
        return listen(session, clips, f"embedding {self.dataset.name} {self.split}{under} with {encoders}", skipped, left)

    def _note(self, fault: Fault) -> None:
        name = fault.condition.corruption
        if name not in self.faults:
            print(f"mirbench: {fault}. This corruption is left out, the rest goes on.", file=sys.stderr)
            self.faults[name] = fault

    def _unfinished(self, job: Job) -> Path:
        return self.planner.store.root / "unfinished" / job.key

    def _part(self, job: Job, clip_ids: Sequence[str]) -> Path:
        from mirbench.evaluation.listening import block_name

        return self._unfinished(job) / f"{block_name(clip_ids)}.npy"

    def _store(self, job: Job, blocks: Sequence[Sequence[str]], skipped: Mapping[str, str], rows: np.ndarray) -> None:
        from mirbench.evaluation.embedding import write_embeddings

        with self.planner.store.writing(job.kind, job.key) as folder:
            write_embeddings(folder, Embeddings(tuple(i for ids in blocks for i in ids), rows, skipped))
