"""What runs on a node: pickled by submitit where it is submitted, called there."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mirbench.engine.executor import Outcome
from mirbench.engine.interrupts import SIGNALS, Stopped, stoppable
from mirbench.engine.jobs import Part
from mirbench.engine.machine import MOST_CORES, Decided, core_count, deciding, keep_memory, native_bfloat16, processor
from mirbench.engine.ranks import LOST, PeerLost, Ranks, current_ranks, taking_part
from mirbench.errors import MirbenchError, describe

REQUEUE = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))
CONTINUES = "MIRBENCH_CONTINUES"  # an environment variable: the number of the job that a command goes on in
Make = Callable[[Sequence[str], Part | None], Outcome]


@dataclass(frozen=True)
class Told:
    """An error as it travels. sentence: for people; whether it is one of ours, which needs no log. rank: of several processes of a job, the
    one that raised it."""

    sentence: str
    ours: bool
    rank: int = 0


@dataclass(frozen=True)
class Answer:
    """What a task of an array leaves. raised: by key; the rest as of `Outcome`."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, Exception] = field(default_factory=dict)
    raised: Mapping[str, Told] = field(default_factory=dict)


@dataclass(frozen=True)
class PackOnNode:
    """Makes jobs by their keys. make: in whatever order is right, of those that are not there; decided: for all nodes; requeues: how often
    it may be begun again; part: of batches that are divided. nodes, processes: as of `Cost`; of several, Slurm starts each, and they make a
    job together."""

    make: Make
    keys: tuple[str, ...]
    decided: Decided
    gpus: int
    requeues: int
    part: Part | None = None
    nodes: int = 1
    processes: int = 1

    def __call__(self) -> Answer:
        """Stopped by a signal that comes before a time limit or a preemption, it is queued again and goes on from what it kept. Of several
        processes the first alone is stopped: it ends the step that all are at, and with it ends what the others do.

        That is done here and not by submitit's `checkpoint`, which is called amid whatever runs, so that a step of training could be half
        done; ours is ended first, and its state kept. Slurm itself queues again what a node that failed ran.
        """
        keep_memory()
        ranks = self._ranks()
        with _signals(ranks), _environment(), deciding(self.decided), contextlib.nullcontext() if ranks is None else taking_part(ranks):
            try:
                with stoppable():
                    if self.gpus and self.decided.device == "cuda":
                        _refuse_no_gpu()
                    outcome = self.make(self.keys, self.part)
            except Stopped as stopped:
                if stopped.number in REQUEUE or _is_preempted():
                    _requeue(self.requeues)
                raise SystemExit(128 + stopped.number) from stopped
            except PeerLost as lost:
                print(f"{LOST}: {lost}", file=sys.stderr, flush=True)
                raise SystemExit(1) from lost
            except Exception as error:
                return Answer(raised=dict.fromkeys(self.keys, _told(error)))
        return Answer(outcome.seconds, outcome.failed, {key: _told(error) for key, error in outcome.raised.items()})

    def _ranks(self) -> Ranks | None:
        if self.nodes * self.processes == 1:
            return None
        rank, local_rank, node = (int(os.environ[f"SLURM_{name}"]) for name in ("PROCID", "LOCALID", "NODEID"))
        attempt = f"{os.environ['SLURM_JOB_ID']}-{os.environ.get('SLURM_RESTART_COUNT', '0')}"
        return Ranks(rank, local_rank, node, self.processes, self.nodes, Path(os.environ["SUBMITIT_FOLDER"]) / "ranks" / attempt)


@dataclass(frozen=True)
class Probe:
    """Looks whether a node sees what it must, and what it is. token: a file in the cache, and text: what it holds."""

    token: Path
    text: str
    gpu: bool

    def __call__(self) -> Decided:
        if self.token.read_text(encoding="utf-8") != self.text:
            raise RuntimeError(f"{self.token} is another file on {socket.gethostname()}")
        if self.gpu and (name := _gpu()) is not None:
            return Decided("cuda", native_bfloat16(), name)
        return Decided("cpu", native_bfloat16(), processor())


@dataclass(frozen=True)
class Continuation:
    """The command that a person typed, again, once what it submitted is done. argv: without the program's name; folder: where."""

    argv: tuple[str, ...]
    folder: Path

    def __call__(self) -> int:
        """As a process of its own, to which Slurm's variables do not say what to ask for."""
        own = ("SLURM_", "SLURMD_", "SBATCH_", "SRUN_", "SUBMITIT_")
        kept = ("SLURM_CONF", "SLURM_CLUSTERS")
        environment = {name: value for name, value in os.environ.items() if name in kept or not name.startswith(own)}
        environment[CONTINUES] = os.environ.get("SLURM_JOB_ID", "")
        return subprocess.run([sys.executable, "-m", "mirbench", *self.argv], cwd=self.folder, env=environment, check=False).returncode


@contextlib.contextmanager
def _signals(ranks: Ranks | None) -> Iterator[None]:
    """Signals are ours: submitit has taken some before. Of several processes, they are the first one's."""
    before = {number: signal.signal(number, signal.SIG_IGN if ranks and ranks.rank else signal.SIG_DFL) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """As many cores as were asked for, also where nothing keeps the job from the others. And a process that Lightning is not to take for
    one of several that Slurm started: it starts those of other devices itself."""
    before = dict(os.environ)
    if asked := os.environ.get("SLURM_CPUS_PER_TASK", ""):
        os.environ[MOST_CORES] = str(min(int(asked), core_count()))
    os.environ.pop("SLURM_NTASKS", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def _is_preempted() -> bool:
    """Whether a SIGTERM is of a preemption with a grace time, after which a job that ended by itself is not queued again. Where somebody
    cancelled it, or Slurm queues it again already, its state is another."""
    command = ["scontrol", "--oneliner", "show", "job", os.environ["SLURM_JOB_ID"]]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return "JobState=RUNNING" in told.stdout.split()


def _requeue(most: int) -> None:
    if int(os.environ.get("SLURM_RESTART_COUNT", "0")) < most:
        subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=True)


def _refuse_no_gpu() -> None:
    if _gpu() is None:
        raise MirbenchError(
            f"node {socket.gethostname()} has no GPU that torch sees, and the run computes on one; leave such nodes out by "
            "slurm.constraint, or compute on CPUs by --device cpu."
        )


def _gpu() -> str | None:
    """The name of the first that torch sees."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def _told(error: Exception) -> Told:
    """Its traceback is in the log."""
    traceback.print_exception(error)
    rank = ranks.rank if (ranks := current_ranks()) is not None else 0
    return Told(str(error), True, rank) if isinstance(error, MirbenchError) else Told(f"{describe(error)}.", False, rank)
