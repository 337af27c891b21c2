"""What was submitted for one command, as a file in the cache that any process can read."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mirbench.engine.files import locked, write_atomically
from mirbench.engine.slurm.queue import State
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError, did_you_mean

ORDER = ("lost", "waiting", "running", "made")  # of a job that several tasks are at, the last of these
FOLDER, RECORD, LOGS = "slurm", "submission.json", "logs"


@dataclass
class SubmittedJob:
    kind: str
    key: str
    title: str


@dataclass
class Task:
    """Of an array. number: as squeue writes it, such as 12 or 12_3; part: such as 0of4, of its jobs; nothing: it makes them. processes:
    that make them together, each with a log and an answer."""

    number: str
    jobs: list[SubmittedJob]
    part: str = ""
    processes: int = 1


@dataclass
class Submission:
    """folder: its own in the cache. command: that a person typed; where: the folder it was typed in. tasks: all that were submitted since
    it was typed; taken: those whose answers were; lost: those that left none; continuation: the number of the job that goes on. run: the
    folder of the finished run, or what was pretrained; error: why it ended without one."""

    folder: Path
    command: str = ""
    where: str = ""
    at: float = 0.0  # seconds since 1970
    tasks: list[Task] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    continuation: str = ""
    run: str = ""
    error: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def job_name(self) -> str:
        """Of all its jobs."""
        return f"mirbench-{self.name}"

    @property
    def logs(self) -> Path:
        return self.folder / LOGS

    @property
    def store(self) -> Store:
        return Store(self.folder.parent.parent)

    def read(self) -> Submission:
        """Itself, as the file has it; as it is where there is none."""
        with contextlib.suppress(FileNotFoundError):
            said = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
            tasks = [Task(**{**each, "jobs": [SubmittedJob(**job) for job in each["jobs"]]}) for each in said.pop("tasks")]
            for key, value in {**said, "tasks": tasks}.items():
                setattr(self, key, value)
        return self

    def write(self) -> None:
        said: dict[str, Any] = {key: value for key, value in asdict(self).items() if key != "folder"}
        write_atomically(self.folder / RECORD, json.dumps(said, indent=1) + "\n")

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Itself as the file has it, which is written at the end; no other process changes it meanwhile."""
        with locked(self.folder / "locks" / "submission.lock", f"submitting {self.name}"):
            self.read()
            yield
            self.write()

    def begin(self, command: str) -> None:
        """A person typed the command, and nothing of it is in the queue."""
        self.command, self.where, self.at = command, os.getcwd(), time.time()
        self.tasks, self.taken, self.lost, self.continuation, self.run, self.error = [], [], [], "", "", ""

    def living(self, states: Mapping[str, State]) -> list[str]:
        """The numbers of tasks that are in the queue, or run."""
        return [task.number for task in self.tasks if (state := states.get(task.number)) is not None and state.lives]

    def goes_on(self, states: Mapping[str, State]) -> bool:
        """Whether something of it is in the queue, or runs."""
        state = states.get(self.continuation)
        return bool(self.living(states)) or (state is not None and state.lives)


def submissions(cache: Path) -> list[Submission]:
    """Those of a cache, the last first."""
    found = [Submission(path.parent).read() for path in (cache / FOLDER).glob(f"*/{RECORD}")]
    return sorted(found, key=lambda each: -each.at)


def find(cache: Path, run: str) -> Submission:
    """By its name, or by the folder of its run. Raises MirbenchError where there is none."""
    known = submissions(cache)
    for each in known:
        if run == each.name or (each.run and Path(each.where, run).resolve() == Path(each.where, each.run).resolve()):
            return each
        if each.run and Path(run).resolve() == Path(each.where, each.run).resolve():
            return each
    hint = did_you_mean(run, [each.name for each in known])
    names = ", ".join(each.name for each in known[:8]) or "nothing"
    raise MirbenchError(
        f"nothing that is called {run} was submitted with the cache {cache}{f';{hint}' if hint else '.'} Submitted were: {names}; "
        "another cache is named by --cache."
    )


@dataclass(frozen=True)
class StageCount:
    """Of the jobs of a kind that were submitted."""

    kind: str
    jobs: int
    made: int
    running: int
    waiting: int
    lost: int


def counts(submission: Submission, states: Mapping[str, State]) -> list[StageCount]:
    """A line for each kind of job, in the order of their submission; what is made is what the store has."""
    store, told = submission.store, dict[str, Counter[str]]()
    once: dict[tuple[str, str], str] = {}  # how each is; one that was submitted again, as it is now
    for task in submission.tasks:
        state = states.get(task.number)
        for job in task.jobs:
            here = store.has(job.kind, job.key)
            how = "made" if here else "lost" if state is None or not state.lives else "waiting" if state.word == "PENDING" else "running"
            once[job.kind, job.key] = max(once.get((job.kind, job.key), how), how, key=ORDER.index)
    for (kind, _), how in once.items():
        told.setdefault(kind, Counter())[how] += 1
    return [StageCount(kind, sum(of.values()), of["made"], of["running"], of["waiting"], of["lost"]) for kind, of in told.items()]


def log_tail(logs: Path, number: str, lines: int = 12, rank: int = 0) -> list[str]:
    """The last lines that are not empty of what a task, or the process `rank` of it, said on its error output; or else on its output."""
    for end in ("err", "out"):
        for path in sorted(logs.glob(f"{number}_{rank}_log.{end}")):
            with contextlib.suppress(OSError):
                said: Sequence[str] = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
                said = [line for line in said if not line.startswith(("submitit ", "slurmstepd:"))] or said
                if said:
                    return list(said[-lines:])
    return []
