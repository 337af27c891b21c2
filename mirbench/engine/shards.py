"""A graph dealt out to machines that know nothing of each other: disjoint parts, which each finds by itself from the keys of jobs."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from mirbench.engine.executor import Name
from mirbench.engine.jobs import Graph, Job
from mirbench.engine.store import Store, key_of
from mirbench.errors import MirbenchError

MOST = 10_000


@dataclass(frozen=True)
class Shard:
    """One of several parts, number from 1 to count.

    >>> print(Shard.parse("2/3"))
    2/3
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Raises MirbenchError for what is no part."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]) <= MOST:
            raise MirbenchError(f"a shard is a part such as 1/3, 2/3 or 3/3, of at most {MOST:,}, not '{text}'.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True)
class Waiting:
    """A job that is left, since one that it needs is not there. shard: the number of the part that makes that."""

    job: Job
    need: Job
    shard: int


class Deal:
    """Who makes what. count: of shards; common: jobs that each makes where they are not there, as the names of others depend on them; left
    out: kinds that none makes; following: kinds whose jobs go with the first that they need.

    What goes together is a hand: the jobs of a batch, what does not stay with all that needs it, and what follows. The hands of each kind
    are dealt out in the order of a hash of their keys, so that shards get as many of them, to one.
    """

    def __init__(
        self, graph: Graph, count: int, common: Collection[Name] = (), left_out: Collection[str] = (), following: Collection[str] = ()
    ) -> None:
        self.graph, self.count, self.common = graph, count, common
        self.hands = [hand for hand in _hands(graph, following) if hand[0].kind not in left_out and hand[0].name not in common]
        self.shards: dict[Name, int] = {}
        by_kind: dict[str, list[list[Job]]] = {}
        for hand in self.hands:
            by_kind.setdefault(hand[0].kind, []).append(hand)
        dealt = 0
        for hands in by_kind.values():
            for hand in sorted(hands, key=lambda each: key_of(hand=min(job.key for job in each))):
                self.shards |= dict.fromkeys((job.name for job in hand), dealt % count + 1)
                dealt += 1

    def of(self, shard: Shard) -> list[Job]:
        return [job for job in self.graph.jobs if self.shards.get(job.name) == shard.number]

    def part(self, shard: Shard, store: Store) -> tuple[Graph, list[Waiting]]:
        """What this shard can make now, of the whole graph, and what it has to leave. A hand is begun when all is there that it needs, so
        that no pass over the data is made twice."""
        missing = {job.name for job in self.graph.missing(store)}
        taken: set[Name] = set(self.common)
        hands, waiting = [hand for hand in self.hands if self.shards[hand[0].name] == shard.number], list[Waiting]()
        while hands:
            waiting, left = [], []
            for hand in hands:
                names = {job.name for job in hand}
                needs = [(job, need) for job in hand if job.name in missing for need in job.needs if need.name not in names]
                if absent := [each for each in needs if each[1].name not in taken and not store.has(*each[1].name)]:
                    left.append(hand)
                    need = next((need for _, need in absent if self.shards[need.name] != shard.number), absent[0][1])
                    waiting += [Waiting(job, need, self.shards[need.name]) for job in hand if job.name in missing]
                else:
                    taken |= names
            if len(left) == len(hands):
                break
            hands = left
        return Graph(self.graph.jobs, taken), waiting


def _hands(graph: Graph, following: Collection[str]) -> list[list[Job]]:
    """Jobs that go together, in the order of the first of each."""
    leader: dict[Name, Name] = {job.name: job.name for job in graph.jobs}

    def find(name: Name) -> Name:
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    first_of_batch: dict[int, Name] = {}
    for job in graph.jobs:
        together = [need.name for need in job.needs if not need.kept]
        together += [job.needs[0].name] if job.kind in following and job.needs else []
        together += [first_of_batch.setdefault(id(job.batch), job.name)] if job.batch is not None else []
        for name in together:
            leader[find(name)] = find(job.name)
    hands: dict[Name, list[Job]] = {}
    for job in graph.jobs:
        hands.setdefault(find(job.name), []).append(job)
    return list(hands.values())
