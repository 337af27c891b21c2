"""Jobs and their graph: what is to be made, what each needs first, and which are made in one pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mirbench.engine.store import Store, key_of


@dataclass(frozen=True)
class Cost:
    """Rough. seconds: on two cores without a GPU; megabytes: in the store; cores: that it keeps busy, 0: as many as there are; gpus: that
    it uses. nodes: machines that it spans, with so many processes on each, which share the cores and gpus of theirs (`engine.ranks`)."""

    seconds: float = 0.0
    megabytes: float = 0.0
    cores: int = 1
    gpus: int = 0
    nodes: int = 1
    processes: int = 1


class Batch(Protocol):
    """Jobs that are made in one pass, because they share work: the unit that is scheduled."""

    def make(self, jobs: Sequence[Job], store: Store) -> Mapping[str, Exception]:
        """Makes these, of those that have this batch, and puts each into the store as soon as it is whole; returns why one could not be
        made, by key."""


@dataclass(frozen=True)
class Part:
    """One of `parts`, counted from 0."""

    number: int
    parts: int

    def __str__(self) -> str:
        return f"{self.number}of{self.parts}"


@runtime_checkable
class Divisible(Protocol):
    """A batch that several processes may share, each making a part, before one of them, or another, makes the jobs of what these left."""

    def most_parts(self) -> int:
        """1: it cannot be divided."""

    def make_part(self, jobs: Sequence[Job], store: Store, part: Part) -> None:
        """Leaves what is made in `store.unfinished`, where `make` finds it; what a kill leaves is gone on with."""


@dataclass(frozen=True, eq=False)
class Job:
    """Fills a folder of the store.

    kind: the folder's folder, such as `scores`; title: what a person reads; parts: all that can move what it makes, JSON-able, of which the
    key is the hash. make: fills a new, empty folder; None where the batch does it. needs: jobs that must be done before; where one could
    not be, this one is left out. kept: whether what it makes stays; of what does not, the store keeps what was used last, within its
    budget. lock: of jobs with the same one, no two processes make any at once. key: of the parts, unless it is given.
    """

    kind: str
    title: str
    parts: Mapping[str, Any]
    make: Callable[[Path], None] | None = field(repr=False)
    needs: tuple[Job, ...] = field(default=(), repr=False)
    cost: Cost = Cost()
    batch: Batch | None = field(default=None, repr=False)
    kept: bool = True
    lock: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.key or key_of(**self.parts))

    @property
    def name(self) -> tuple[str, str]:
        return self.kind, self.key


class Graph:
    """Jobs, once each and in an order in which each comes after what it needs. part: the names of those that are to be made here, where the
    others are left to somebody else; None: all."""

    def __init__(self, jobs: Iterable[Job], part: Collection[tuple[str, str]] | None = None) -> None:
        once: dict[tuple[str, str], Job] = {}
        for job in jobs:
            if late := [need.title for need in job.needs if need.name not in once]:
                raise ValueError(f"{job.kind} {job.title} comes before {late[0]}, which it needs")
            once.setdefault(job.name, job)
        self.jobs, self.part = tuple(once.values()), part

    @cached_property
    def needing(self) -> Mapping[tuple[str, str], tuple[Job, ...]]:
        """By the name of a job, those that need it."""
        jobs_needing: dict[tuple[str, str], list[Job]] = {}
        for job in self.jobs:
            for need in dict.fromkeys(need.name for need in job.needs):
                jobs_needing.setdefault(need, []).append(job)
        return {name: tuple(jobs) for name, jobs in jobs_needing.items()}

    def missing(self, store: Store) -> list[Job]:
        """What is to be made here, in order: what is not in the store; of what does not stay, only what something else that is missing
        needs."""
        names: set[tuple[str, str]] = set()
        for job in reversed(self.jobs):
            wanted = job.kept or any(other.name in names for other in self.needing.get(job.name, ()))
            if wanted and not store.has(*job.name):
                names.add(job.name)
        return [job for job in self.jobs if job.name in names and (self.part is None or job.name in self.part)]

    def hindered(self, failed: Iterable[str]) -> set[str]:
        """The keys of jobs that failed, of all that need them, and of what only those need and does not stay."""
        found = set(failed)
        for job in self.jobs:
            if any(need.key in found for need in job.needs):
                found.add(job.key)
        for job in reversed(self.jobs):
            needing: tuple[Job, ...] = self.needing.get(job.name, ())
            if not job.kept and needing and all(other.key in found for other in needing):
                found.add(job.key)
        return found

    def of_kinds(self, kinds: Collection[str]) -> list[Job]:
        return [job for job in self.jobs if job.kind in kinds]
