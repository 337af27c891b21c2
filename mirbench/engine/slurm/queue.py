"""Slurm's own commands, and what they say, in sentences."""

from __future__ import annotations

import contextlib
import functools
import math
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from mirbench.engine.slurm.profile import Profile
from mirbench.errors import MirbenchError

USUAL_ARRAY = 1001  # Slurm's MaxArraySize where nobody sets it: indexes go up to one less
LIVE = frozenset(
    [
        "PENDING",
        "RUNNING",
        "CONFIGURING",
        "COMPLETING",
        "SUSPENDED",
        "REQUEUED",
        "REQUEUE_HOLD",
        "REQUEUE_FED",
        "SPECIAL_EXIT",
        "STAGE_OUT",
        "STOPPED",
        "RESIZING",
        "SIGNALING",
    ]
)
FULL = r"Submit\w*Limit|MaxSubmit|MaxJobCount|temporarily unable to accept job|Job violates accounting/QOS policy"
NEVER = r"PartitionTimeLimit|PartitionNodeLimit|BadConstraints|AccountingPolicy|InvalidAccount|InvalidQOS|\w+PerJob\w*"
PATIENCE_SECONDS = 120  # of a command that gets no answer


@dataclass(frozen=True)
class State:
    """Of a task of an array. word: as Slurm calls it, such as PENDING; reason: why it waits."""

    word: str
    reason: str = ""

    @property
    def lives(self) -> bool:
        return self.word in LIVE

    @property
    def never(self) -> bool:
        """Whether it waits for what does not come."""
        return self.word == "PENDING" and re.fullmatch(NEVER, self.reason) is not None

    @property
    def held(self) -> bool:
        return self.word in ("PENDING", "REQUEUE_HOLD", "SPECIAL_EXIT") and "held" in self.reason.lower()


class Unanswered(Exception):
    """A command of Slurm failed, as it does while its controller is restarted."""


class Full(Exception):
    """The site takes no more jobs of ours now."""


def ask(*command: str) -> str:
    """What a command prints. Raises Unanswered."""
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    except FileNotFoundError as error:
        raise MirbenchError(
            f"--executor slurm needs Slurm's commands, and {command[0]} is not on PATH here; run it where jobs are submitted."
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unanswered(f"{command[0]}: {error}") from error
    if told.returncode:
        raise Unanswered(" ".join(told.stderr.split()) or f"{command[0]} ended with {told.returncode}")
    return told.stdout


def states(name: str) -> dict[str, State]:
    """By id, such as 12 or 12_3, of the jobs with this name that Slurm still knows. It is squeue that is asked, and not sacct, which
    submitit asks: that needs a data base, which a site may not have."""
    found = {}
    for line in ask("squeue", "--noheader", "--array", "--states=all", f"--name={name}", "--format=%i|%T|%r").splitlines():
        number, word, reason = (*line.strip().split("|", 2), "", "")[:3]
        found[number] = State(word, "" if reason == "None" else reason)
    return found


@functools.cache
def array_limit() -> int:
    """Tasks that an array may have here."""
    try:
        said = re.search(r"MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config"))
    except Unanswered:
        said = None
    return max(1, int(said[1]) if said else USUAL_ARRAY)


@functools.cache
def time_limit(partition: str | None) -> float:
    """Minutes that a job may take there; partition: None: the site's default one."""
    try:
        for line in ask("sinfo", "--noheader", "--format=%P|%l").splitlines():
            name, limit = line.strip().split("|", 1)
            if name.removesuffix("*") == partition or (partition is None and name.endswith("*")):
                return _minutes(limit)
    except (Unanswered, ValueError):
        pass
    return math.inf


def _minutes(limit: str) -> float:
    """Of a time as sinfo writes it.

    >>> _minutes("1-02:00:00"), _minutes("30:00"), _minutes("infinite")
    (1560.0, 30.0, inf)
    """
    days, dash, rest = limit.partition("-")
    if not limit[:1].isdigit():
        return math.inf
    hours, minutes, seconds = [0, *map(int, (rest if dash else days).split(":"))][-3:]
    return (int(days) * 24 if dash else 0) * 60 + hours * 60 + minutes + seconds / 60


def cancel(name: str) -> None:
    """All jobs with this name."""
    with contextlib.suppress(Unanswered):
        ask("scancel", f"--name={name}")


def exit_code(number: str) -> int | None:
    """What the script of a job ended with; None where Slurm no longer knows."""
    try:
        said = re.search(r"ExitCode=(\d+):", ask("scontrol", "--oneliner", "show", "job", number))
    except Unanswered:
        return None
    return int(said[1]) if said else None


def refusal(said: str, profile: Profile) -> Exception:
    """What sbatch refused with, in a sentence; Full where it would take the same later."""
    words = " ".join(re.sub(r"(?m)^sbatch: (error: )?", "", said).split()).removesuffix(".")
    if re.search(FULL, words):
        return Full(words)
    if re.search(r"invalid partition", words, re.IGNORECASE):
        asked = f"slurm.partition is {profile.partition}" if profile.partition else "slurm.partition is not set, and there is no default"
        return MirbenchError(f"{asked}, which this cluster does not have; set one of its own: {_partitions()}.")
    for about, pattern in (
        ("slurm.account or slurm.partition", r"invalid account"),
        ("slurm.qos", r"invalid qos"),
        ("slurm.time", r"time limit"),
        ("slurm.constraint", r"invalid feature"),
        (
            "slurm.cores, slurm.memory_gb, slurm.gpus or slurm.constraint",
            r"node configuration|node count|memory|generic resource|\bgres\b|cpu",
        ),
        ("slurm.array", r"job array"),
    ):
        if re.search(pattern, words, re.IGNORECASE):
            return MirbenchError(f"Slurm refuses a job ({words}); change {about}, by --set or in the profile.")
    return MirbenchError(f"Slurm refuses a job ({words}); change what slurm.* asks for, by --set or in the profile.")


def _partitions() -> str:
    try:
        names: Sequence[str] = ask("sinfo", "--noheader", "--format=%R").split()
    except Unanswered:
        names = ()
    return ", ".join(dict.fromkeys(names)) or "sinfo shows them"
