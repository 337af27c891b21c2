"""A run in parts: each of several machines makes its own, in any order, and the last one gathers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mirbench.engine.executor import Outcome
from mirbench.engine.jobs import Job
from mirbench.engine.shards import Deal, Shard, Waiting
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.experiment.execution import Execution, local
from mirbench.experiment.planning.graph import RunGraph, build
from mirbench.experiment.planning.plan import cost_of, duration
from mirbench.experiment.resolve.records import Resolved
from mirbench.experiment.run import TRIES, begin, finish, plan_again, undone_error
from mirbench.experiment.shard_notes import note_shard
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig

FOLLOWING = ("predictions", "scores")  # are quick, and go with their probe
LEFT_OUT = ("costs",)  # are of the machine that gathers
MOST_NAMED = 5  # shards


def deal(planned: RunGraph, shard: Shard) -> Deal:
    """Who makes what. Data that are made, checkpoints that are given and what is found of the data are made by each shard where they are
    not there: the names of all else depend on them."""
    dealt = build(planned.resolved, shard.count)
    first = [*dealt.preparations, *dealt.given, *([dealt.overlap] if dealt.overlap else [])]
    return Deal(dealt.graph, shard.count, {job.name for job in first}, LEFT_OUT, FOLLOWING)


def describe_part(planned: RunGraph, shard: Shard) -> str:
    """A line for `--plan`."""
    own = {job.name for job in deal(planned, shard).of(shard)}
    missing = [job for job in planned.graph.missing(planned.resolved.store) if job.name in own]
    return f"shard {shard}: {len(own)} of these jobs, {len(missing)} to do: about {duration(cost_of(planned, missing)[0])}"


def run_shard(
    config: RunConfig, registry: Registry, cache: Path, shard: Shard, command: str, tell: Callable[[Resolved], None]
) -> tuple[Path | None, str]:
    """Makes a part of a run. Returns the run folder where that was all that was missing, which is then gathered; else None, and a sentence
    about what is left to other shards. Raises MirbenchError where some of its own part has to wait for others. As `run` has the rest."""
    if config.executor != "local":
        raise MirbenchError(f"--shard is for machines without {config.executor}, which shares a run out itself; leave one of the two out.")
    planned, executor, outcome = begin(Execution(config, local(config, registry, cache, plan_again)), registry, cache, None, tell)
    note_shard(planned.resolved, planned.key, shard)
    dealt, store = deal(planned, shard), executor.store
    part, waiting = dealt.part(shard, store)
    last, tries = list[Job](), 0
    while to_do := _undone(part.missing(store), dealt, outcome):
        tries = tries + 1 if to_do == last else 1
        if tries > TRIES:
            raise undone_error(to_do)
        executor.run(part, outcome)
        last = to_do
        part, waiting = dealt.part(shard, store)  # others may have made more meanwhile
    if not (rest := _undone(dealt.graph.missing(store), dealt, outcome)):
        return finish(planned, executor, outcome, command), ""
    if waiting:
        raise MirbenchError(_waiting_in_words(waiting, shard, store))
    return None, _rest_in_words(rest, dealt, shard, store)


def _undone(missing: list[Job], dealt: Deal, outcome: Outcome) -> list[Job]:
    """Without what nobody can make, and what no shard makes."""
    hindered = dealt.graph.hindered(outcome.failed)
    return [job for job in missing if job.key not in hindered and job.kind not in LEFT_OUT]


def _waiting_in_words(waiting: list[Waiting], shard: Shard, store: Store) -> str:
    first = next((each for each in waiting if each.shard != shard.number), waiting[0])
    numbers = sorted({each.shard for each in waiting} - {shard.number})
    return (
        f"shard {shard} has made what it can; {len(waiting):,} of its jobs wait for what is not in {store.root} yet: {first.job.kind} "
        f"of {first.job.title} for {first.need.kind} of {first.need.title}. Run {_named(numbers, shard)} with this cache, or merge "
        "theirs into it with `mirbench cache merge`; then give the same command again."
    )


def _rest_in_words(rest: list[Job], dealt: Deal, shard: Shard, store: Store) -> str:
    numbers = sorted({dealt.shards[job.name] for job in rest if job.name in dealt.shards} - {shard.number})
    return (
        f"shard {shard} is done; {len(rest):,} jobs of {_named(numbers, shard)} are not in {store.root} yet. Run those with this cache, or "
        "merge theirs into it with `mirbench cache merge`; the last shard, or the same command without --shard, gathers the results."
    )


def _named(numbers: list[int], shard: Shard) -> str:
    """Such as `shards 1/4 and 3/4`."""
    if len(numbers) > MOST_NAMED:
        return f"{len(numbers)} other shards"
    return f"shard{'s'[: len(numbers) != 1]} {' and '.join(f'{number}/{shard.count}' for number in numbers)}"
