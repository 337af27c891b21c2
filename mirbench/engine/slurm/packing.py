"""What is missing of a graph, as arrays of packs: what is short is done together, and what is long by itself.

A unit is a job, or the jobs of a batch. One that takes as long as a pack, and one that is a batch, is heavy. A unit comes a level after
each heavy one that it needs, and light ones that need each other share a level and a pack. So a chain of short jobs waits once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from mirbench.engine.jobs import Divisible, Job, Part
from mirbench.engine.slurm.profile import Profile

PLANNED_ON_CORES = 2  # that estimates are of
LEAST_MINUTES = 5.0  # of a pack, in which its process starts and plans
ASSEMBLING = 0.005  # of the time that a batch takes, where its parts are there
MEMORY_GB, MEMORY_GB_OF_A_CORE = 3.0, 1.0


@dataclass(frozen=True)
class Pack:
    """Jobs that one task of an array makes, in order. seconds: by the estimate; part: of a batch that is divided, in the place of all.
    nodes, processes: as of `Cost`; cores, gpus: on each node."""

    jobs: tuple[Job, ...]
    seconds: float
    cores: int
    gpus: int
    part: Part | None = None
    nodes: int = 1
    processes: int = 1

    @property
    def kind(self) -> tuple[int, ...]:
        """Equal for packs that ask for the same."""
        return self.gpus, self.cores, self.nodes, self.processes

    @property
    def alone(self) -> bool:
        """Whether nothing is packed with it: a part of a batch, or what spans nodes."""
        return self.part is not None or self.nodes > 1


@dataclass(frozen=True)
class Array:
    """Packs that ask for the same. needs: the numbers of the arrays that come first. cores, gpus, memory_gb: on each node."""

    packs: tuple[Pack, ...]
    needs: tuple[int, ...]
    minutes: int
    cores: int
    gpus: int
    memory_gb: float | None
    nodes: int = 1
    processes: int = 1


@dataclass(eq=False)
class _Unit:
    number: int
    jobs: list[Job]
    needs: set[int]
    heavy: bool
    seconds: float
    part: Part | None = None


def arrays_of(missing: Sequence[Job], profile: Profile, most: int) -> list[Array]:
    """missing: in an order in which each comes after what it needs. most: tasks of an array."""
    units = _units(missing, profile)
    levels = _levels(units)
    while oversized := _oversized(units, levels, profile):
        for unit in oversized:
            unit.heavy = True
        levels = _levels(units)
    arrays: list[Array] = []
    array_of: dict[int, set[int]] = {}  # by unit
    for level in sorted(set(levels)):
        several = [unit for unit in units if levels[unit.number] == level]
        by_kind: dict[tuple[int, ...], list[list[_Unit]]] = {}
        for together in _bins(_components(several), profile):
            by_kind.setdefault(_pack(together, profile).kind, []).append(together)
        for packs in by_kind.values():
            for first in range(0, len(packs), most):
                chosen = packs[first : first + most]
                needs = {number for units_ in chosen for unit in units_ for need in unit.needs for number in array_of.get(need, ())}
                arrays.append(_array([_pack(units_, profile) for units_ in chosen], sorted(needs), profile))
                for unit in (unit for units_ in chosen for unit in units_):
                    array_of.setdefault(unit.number, set()).add(len(arrays) - 1)
    return arrays


def _units(missing: Sequence[Job], profile: Profile) -> list[_Unit]:
    grouped: dict[int, list[Job]] = {}
    for job in missing:
        grouped.setdefault(id(job if job.batch is None else job.batch), []).append(job)
    of_job = {job.name: number for number, jobs in enumerate(grouped.values()) for job in jobs}
    units = []
    for number, jobs in enumerate(grouped.values()):
        needs = {of_job[need.name] for job in jobs for need in job.needs if need.name in of_job} - {number}
        seconds = sum(job.cost.seconds for job in jobs)
        heavy = seconds >= profile.pack_minutes * 60 or any(job.cost.nodes > 1 for job in jobs)
        units.append(_Unit(number, jobs, needs, heavy, seconds))
    for unit in list(units):
        _divide(unit, units, profile)
    return units


def _divide(unit: _Unit, units: list[_Unit], profile: Profile) -> None:
    """A long unit that several processes can share becomes one that puts together what they leave, after a unit for each part."""
    batch, limit = unit.jobs[0].batch, profile.shard_minutes * 60
    if not isinstance(batch, Divisible) or not limit or unit.seconds <= limit:
        return
    parts = min(batch.most_parts(), math.ceil(unit.seconds / limit))
    if parts < 2:
        return
    own = [_Unit(len(units) + number, unit.jobs, unit.needs, True, unit.seconds / parts, Part(number, parts)) for number in range(parts)]
    units += own
    unit.needs = unit.needs | {each.number for each in own}
    unit.seconds *= ASSEMBLING
    unit.heavy = unit.seconds >= profile.pack_minutes * 60


def _levels(units: Sequence[_Unit]) -> list[int]:
    """Of each unit."""
    levels = [0] * len(units)
    for number in TopologicalSorter({unit.number: unit.needs for unit in units}).static_order():
        unit = units[number]
        levels[number] = max((levels[need] + (units[need].heavy or unit.heavy) for need in unit.needs), default=0)
    return levels


def _oversized(units: Sequence[_Unit], levels: Sequence[int], profile: Profile) -> list[_Unit]:
    """Light units that share a pack for each other's sake, which is then too long; or which use a GPU in part only."""
    found: list[_Unit] = []
    for level in set(levels):
        for together in _components([unit for unit in units if levels[unit.number] == level]):
            seconds = sum(unit.seconds for unit in together)
            if len(together) > 1 and seconds > profile.pack_minutes * 60:
                found += together
    return found


def _components(units: Sequence[_Unit]) -> list[list[_Unit]]:
    """Of units of one level, those that need each other."""
    root = {unit.number: unit.number for unit in units}

    def find(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    for unit in units:
        for need in unit.needs & root.keys():
            root[find(unit.number)] = find(need)
    grouped: dict[int, list[_Unit]] = {}
    for unit in units:
        grouped.setdefault(find(unit.number), []).append(unit)
    return list(grouped.values())


def _bins(components: Iterable[list[_Unit]], profile: Profile) -> list[list[_Unit]]:
    """Those that ask for the same, together until they take as long as a pack."""
    full: list[list[_Unit]] = []
    open_: dict[tuple[int, ...], list[_Unit]] = {}
    for component in components:
        pack = _pack(component, profile)
        begun = open_.get(pack.kind, [])
        alone = pack.alone or (begun and begun[0].part)
        if begun and (alone or sum(unit.seconds for unit in begun) + pack.seconds > profile.pack_minutes * 60):
            full.append(begun)
            begun = []
        open_[pack.kind] = [*begun, *component]
    return [*full, *open_.values()]


def _pack(units: Sequence[_Unit], profile: Profile) -> Pack:
    jobs = tuple(job for unit in sorted(units, key=lambda unit: unit.number) for job in unit.jobs)
    cores = profile.cores if any(job.cost.cores == 0 for job in jobs) else min(profile.cores, max(job.cost.cores for job in jobs))
    seconds, gpus = sum(unit.seconds for unit in units), max(job.cost.gpus for job in jobs)
    nodes, processes = max(job.cost.nodes for job in jobs), max(job.cost.processes for job in jobs)
    return Pack(jobs, seconds, max(cores, processes), gpus, units[0].part, nodes, processes)


def _array(packs: Sequence[Pack], needs: Sequence[int], profile: Profile) -> Array:
    cores, gpus, nodes, processes = packs[0].cores, packs[0].gpus, packs[0].nodes, packs[0].processes
    slower = max(1.0, PLANNED_ON_CORES / cores)
    wanted = max(LEAST_MINUTES + profile.margin * slower * pack.seconds / 60 for pack in packs)
    memory = None if profile.memory_gb is None else min(profile.memory_gb, MEMORY_GB * processes + MEMORY_GB_OF_A_CORE * cores)
    return Array(tuple(packs), tuple(needs), min(profile.minutes, math.ceil(wanted)), cores, gpus, memory, nodes, processes)
