"""A batch that several processes can share, by a function that they import."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirbench.engine.jobs import Cost, Graph, Job, Part
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.progress import progress_bar


@dataclass(frozen=True, eq=False)
class Squares:
    """The squares of so many numbers, each a file. trouble: by number, what happens there: an error of ours, another, or a long sleep."""

    root: Path
    count: int
    trouble: Mapping[int, str]

    def most_parts(self) -> int:
        return self.count

    def make(self, jobs: Sequence[Job], store: Store) -> Mapping[str, Exception]:
        for job in jobs:
            kept = {int(path.name): path.read_text() for path in store.unfinished(job.key).glob("part-*/*")}
            squares = {number: kept[number] if number in kept else self._square(number) for number in range(self.count)}
            with store.writing(job.kind, job.key, job.title, job.parts) as folder:
                (folder / "squares.json").write_text(json.dumps(squares))
        return {}

    def make_part(self, jobs: Sequence[Job], store: Store, part: Part) -> None:
        with progress_bar(total=self.count, desc="squaring", unit="number") as bar:
            for number in range(self.count):
                for job in jobs if number % part.parts == part.number else ():
                    own = store.unfinished(job.key) / f"part-{part}" / f"{number}"
                    if not own.exists():
                        own.parent.mkdir(parents=True, exist_ok=True)
                        own.write_text(self._square(number))
                bar.update()

    def _square(self, number: int) -> str:
        """A line of a file tells which process made which, and what it saw."""
        with open(self.root / "made", "a") as lines:
            lines.write(
                json.dumps([number, os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("LOKY_MAX_CPU_COUNT")]) + "\n"
            )
        trouble = self.trouble.get(number)
        if trouble == "ours":
            raise MirbenchError(f"{number} has no square; take another.")
        if trouble == "another":
            raise ZeroDivisionError(f"{number} / 0")
        if trouble == "sleep" and not (self.root / "awake").exists():
            time.sleep(60)
        return str(number**2)


def squares_graph(root: Path, count: int = 6, trouble: Mapping[int, str] | None = None, batches: int = 1) -> Graph:
    jobs = []
    for number in range(batches):
        batch = Squares(root, count, trouble or {})
        jobs += [Job("squares", f"{name}{number}", {"title": f"{name}{number}"}, None, cost=Cost(3600.0), batch=batch) for name in "ab"]
    return Graph(jobs)


def plan_squares(root: Path, *about: object) -> tuple[Graph, Store]:
    with open(root / "planned", "a") as lines:
        lines.write(f"{os.getpid()}\n")
    return squares_graph(root, *about), Store(root)  # type: ignore[arg-type]
