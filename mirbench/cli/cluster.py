"""`mirbench status`, `wait` and `make`: what was submitted to a cluster, from any machine that sees the cache."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirbench.cli.flags import Cache, Debug, Quiet, cache_folder, set_quiet
from mirbench.errors import MirbenchError

if TYPE_CHECKING:
    from mirbench.engine.slurm.submission import Submission

Run = Annotated[str, typer.Argument(metavar="RUN", help="What `mirbench run --detach` called it, or its run folder.")]
POLL_SECONDS = 10.0


def status(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="What --detach called it, or its run folder [default: all].")] = None,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Tell where runs on a cluster are, by kind of job.

    A job is made when it is in the cache; lost are those that left the queue without being made, which the same command submits again.
    """
    from mirbench.engine.slurm.submission import find, submissions

    folder = cache_folder(cache).resolve()
    chosen = [find(folder, run)] if run is not None else submissions(folder)
    if not chosen:
        print(f"Nothing was submitted to a cluster with the cache {folder}.")
        return
    print("\n\n".join(in_words(each) for each in chosen))


def in_words(submission: Submission) -> str:
    """A line on how it is, and while it goes on a table of its kinds of jobs."""
    from mirbench.engine.slurm import queue
    from mirbench.engine.slurm.submission import counts

    if submission.run:
        return f"{submission.name}: finished, {submission.run.splitlines()[0]}"
    try:
        states = queue.states(submission.job_name)
    except queue.Unanswered as error:
        raise MirbenchError(f"Slurm does not answer ({error}); ask again when it does.") from error
    going = submission.goes_on(states)
    if submission.error and not going:
        return f"{submission.name}: failed. {submission.error}"
    found = counts(submission, states)
    waiting = sum(state.word == "PENDING" for state in states.values())
    running = sum(state.word == "RUNNING" for state in states.values())
    how = (
        f"{running} of Slurm's jobs running, {waiting} waiting"
        if going
        else f"stopped; it goes on by the same command: {submission.command}"
    )
    lines = [f"{submission.name}: {how}"]
    if found:
        lines.append(f"  {'':<21} {'jobs':>6} {'made':>6} {'running':>8} {'waiting':>8} {'lost':>6}")
    for each in found:
        lines.append(f"  {each.kind:<21} {each.jobs:>6} {each.made:>6} {each.running:>8} {each.waiting:>8} {each.lost:>6}")
    usual = ("Dependency", "Priority", "Resources", "None", "")
    reasons = sorted({state.reason for state in states.values() if state.word == "PENDING"} - set(usual))
    lines += [f"  waiting, too, for: {', '.join(reasons)}"] if reasons else []
    return "\n".join(lines)


def wait(run: Run, cache: Cache = None, debug: Debug = False, quiet: Quiet = False) -> None:
    """Wait for a run that was detached; print its folder.

    Where it failed, what it failed at is told, and the exit code is 2.
    """
    set_quiet(quiet)
    from mirbench.engine.files import tell
    from mirbench.engine.slurm import queue
    from mirbench.engine.slurm.submission import find, log_tail
    from mirbench.engine.slurm.waiting import GRACE_SECONDS

    submission, told, left = find(cache_folder(cache).resolve(), run), "", 0.0
    while not submission.read().run:
        try:
            going = submission.goes_on(queue.states(submission.job_name))
        except queue.Unanswered:
            going = True
        if going:
            left, shown = 0.0, _made(submission)
            if shown != told:
                tell(shown)
            told = shown
        elif submission.error:
            raise MirbenchError(submission.error)
        elif (left := left or time.monotonic()) + GRACE_SECONDS < time.monotonic():
            lines = log_tail(submission.logs, submission.continuation) if submission.continuation else []
            end = "; the end of its log:\n" + "\n".join(f"    {line}" for line in lines) if lines else "."
            raise MirbenchError(f"{submission.name} has ended without a result; the same command goes on: {submission.command}{end}")
        time.sleep(POLL_SECONDS if going else 1.0)
    print(submission.run)


def _made(submission: Submission) -> str:
    from mirbench.engine.slurm.submission import counts

    return "; ".join(f"{each.kind}: {each.made} of {each.jobs} made" for each in counts(submission, {})) or "nothing is submitted yet"


def make(
    run: Run,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of a job of it, as an error names it.")],
    cache: Cache = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Make one job of a cluster's run on this machine.

    To see what is wrong with it. It is made as it would be on the cluster, from the same settings; what it needs must be in the cache.
    """
    set_quiet(quiet)
    from mirbench.engine.machine import deciding
    from mirbench.engine.slurm.submission import find
    from mirbench.engine.slurm.submitting import pack_with

    submission = find(cache_folder(cache).resolve(), run)
    job = next((job for task in submission.tasks for job in task.jobs if job.key == key), None)
    if job is None:
        raise MirbenchError(f"{submission.name} has no job with the key {key}; mirbench status tells what it has, and errors name keys.")
    pack: Any = pack_with(submission, key)
    os.chdir(submission.where)
    with deciding(pack.decided):
        outcome = pack.make([key], None)
    for error in (*outcome.raised.values(), *outcome.failed.values()):
        raise error
    folder: Path = submission.store.folder(job.kind, key)
    if not folder.is_dir():
        raise MirbenchError(f"{job.kind} {job.title} was not made, since what it needs is not in the cache; make that first.")
    print(folder)


COMMANDS = (status, wait, make)
