"""What a cluster is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Profile:
    """partition, account, qos, constraint: as of sbatch; None: the site's own.

    minutes, cores, gpus, memory_gb: the most that a job asks for, on each of its nodes; gpus: 0: none; memory_gb: None: memory is not asked
    for. nodes: that one job spans which can span several. margin: by what
    the estimate of a job is multiplied. pack_minutes: shorter jobs are put together until they take so long; 0: none is. shard_minutes:
    what can be divided and takes longer is, into parts of about so long; 0: nothing is. array: tasks of an array, at most, None: as the
    site says; at_a_time: that run together, of each array. requeues: of a job. bfloat16: whether processors compute in it, None: as the
    probe finds. setup: lines of shell before each job; extra: more options of sbatch. detach: whether the process that submits goes.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    minutes: int = 240
    cores: int = 4
    gpus: int = 0
    memory_gb: float | None = None
    nodes: int = 1
    margin: float = 3.0
    pack_minutes: float = 10.0
    shard_minutes: float = 30.0
    array: int | None = None
    at_a_time: int = 64
    requeues: int = 10
    bfloat16: bool | None = None
    setup: tuple[str, ...] = ()
    extra: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    detach: bool = False
