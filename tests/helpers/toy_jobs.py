"""Jobs that other processes can make, by a function that they import."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Sequence
from pathlib import Path

from mirbench.engine.executor import Outcome, make_several
from mirbench.engine.files import write_atomically
from mirbench.engine.interrupts import deferred
from mirbench.engine.jobs import Cost, Graph, Job, Part
from mirbench.engine.ranks import current_ranks
from mirbench.engine.store import Store

STEP_SECONDS = 0.1


def step(root: Path, title: str, steps: int, fails: bool, folder: Path) -> None:
    """Counts up to `steps`, and keeps how far it came where it is told to stop. Each beginning, and where it began, is a line of a file."""
    store = Store(root)
    kept = store.unfinished(key_of_title(title))
    kept.mkdir(parents=True, exist_ok=True)
    state, begun = kept / "state", root / f"begun-{title}"
    first = int(state.read_text()) if state.exists() else 0
    with open(begun, "a") as lines:
        lines.write(f"{first}\n")
    if fails:
        raise ZeroDivisionError(f"{title} has no oven")
    with deferred() as stopped:
        for n in range(first, steps):
            time.sleep(STEP_SECONDS)
            state.write_text(str(n + 1))
            if stopped():
                break
    (folder / "x").write_text(title)


def key_of_title(title: str) -> str:
    return Job("dishes", title, {"title": title}, None).key


def graph(root: Path, count: int, steps: int = 1, fails: int | None = None) -> Graph:
    """So many jobs that need nothing, and one that needs them all."""
    cost = Cost(3600.0)
    jobs: list[Job] = []
    for n in range(count):
        make = functools.partial(step, root, f"dish {n}", steps, n == fails)
        jobs.append(Job("dishes", f"dish {n}", {"title": f"dish {n}"}, make, cost=cost))
    return Graph([*jobs, Job("tables", "table", {"title": "table"}, functools.partial(step, root, "table", 1, False), tuple(jobs), cost)])


def make(root: Path, count: int, steps: int, fails: int | None, keys: Sequence[str], part: Part | None) -> Outcome:
    return make_several(graph(root, count, steps, fails), keys, Store(root), part)


def stir(root: Path, fails: int | None, folder: Path) -> None:
    """A dish that processes make together: each leaves what it knows of itself in `root`; one may fail, for which the others wait."""
    rank, world = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    ranks = current_ranks()
    assert ranks is not None
    ranks.meet()
    told = [f"{name}={os.environ[name]}" for name in ("LOCAL_RANK", "GROUP_RANK", "MASTER_PORT")]
    write_atomically(root / f"stirred-{rank}of{world}", " ".join(told))
    if rank == fails:
        raise ZeroDivisionError(f"process {rank} of {world} has no spoon")
    while not all((root / f"stirred-{other}of{world}").exists() for other in range(world)) or fails is not None:
        time.sleep(STEP_SECONDS / 10)
    (folder / "x").write_text(str(rank))


def shared_graph(root: Path, fails: int | None, processes: int = 1) -> Graph:
    """One job, over two nodes."""
    make = functools.partial(stir, root, fails)
    return Graph([Job("dishes", "soup", {"title": "soup"}, make, cost=Cost(60.0, nodes=2, processes=processes))])


def make_together(root: Path, fails: int | None, keys: Sequence[str], part: Part | None) -> Outcome:
    return make_several(shared_graph(root, fails), keys, Store(root), part)
