"""What the nodes are, and whether they see the cache, found out by a job of a minute and kept."""

from __future__ import annotations

import json
import shlex
import sys
import time
import uuid
from dataclasses import asdict, replace
from pathlib import Path

from mirbench import __version__
from mirbench.engine.files import tell, write_atomically
from mirbench.engine.machine import Decided
from mirbench.engine.slurm import queue, submitting
from mirbench.engine.slurm.node import Probe
from mirbench.engine.slurm.profile import Profile
from mirbench.engine.slurm.queue import Full, Unanswered
from mirbench.engine.slurm.submission import FOLDER, Submission, log_tail
from mirbench.engine.store import key_of
from mirbench.errors import MirbenchError

UNSEEN, NO_PYTHON = 66, 67  # what the script of the probe ends with
MINUTES = 10
POLL_SECONDS, GRACE_SECONDS = 1.0, 20.0  # the second: in which its answer comes to be seen


def known_nodes(cache: Path, profile: Profile, device: str) -> Decided | None:
    """What was found out of the nodes that this profile asks for, before; None: nothing was. device: auto, cpu or cuda."""
    try:
        found = Decided(**json.loads(_file(cache, profile, device).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if profile.bfloat16 is None else replace(found, bfloat16=profile.bfloat16)


def find_nodes(cache: Path, profile: Profile, device: str) -> Decided:
    """What `auto` comes to on the nodes that this profile asks for. device: auto, cpu or cuda. Raises MirbenchError where they do not see
    the cache or this Python, and for what Slurm refuses."""
    submitting.submitit()
    if device.startswith("cuda") and not profile.gpus:
        raise MirbenchError(
            f"device is {device}, and slurm.gpus is 0, so that no job may ask for a GPU; set slurm.gpus=1, or --device cpu."
        )
    if ":" in device:
        raise MirbenchError(f"device {device} is one of a machine's, and Slurm chooses it there; use --device cuda.")
    if (known := known_nodes(cache, profile, device)) is None:
        tell("a job looks first whether the nodes see the cache, and what they are.")
        known = _probe(cache.resolve(), profile, device)
        write_atomically(_file(cache, profile, device), json.dumps(asdict(known)) + "\n")
        known = known if profile.bfloat16 is None else replace(known, bfloat16=profile.bfloat16)
    return known


def _file(cache: Path, profile: Profile, device: str) -> Path:
    where = [profile.partition, profile.qos, profile.constraint, bool(profile.gpus), dict(profile.extra), list(profile.setup)]
    return cache / FOLDER / f"nodes-{key_of(where=where, device=device, python=sys.executable, version=__version__)}.json"


def _probe(cache: Path, profile: Profile, device: str) -> Decided:
    submission = Submission(cache / FOLDER / f"probe-{uuid.uuid4().hex[:8]}")
    token, text = submission.folder / "token", uuid.uuid4().hex
    write_atomically(token, text)
    submission.logs.mkdir(parents=True, exist_ok=True)
    gpu = bool(profile.gpus) and device != "cpu"
    log = shlex.quote(f"{submission.logs}/") + "${SLURM_JOB_ID}_0_log.err"
    lines = [
        f'[ "$(cat {shlex.quote(str(token))} 2> /dev/null)" = {text} ] || exit {UNSEEN}',
        f"exec > {log} 2>&1",
        f"[ -x {shlex.quote(sys.executable)} ] || exit {NO_PYTHON}",
    ]
    minutes = int(min(MINUTES, profile.minutes, queue.time_limit(profile.partition)))
    try:
        number = submitting.submit_quietly(submission, Probe(token, text, gpu), profile, lines, int(gpu), minutes)
    except Full as full:
        raise MirbenchError(
            f"the site takes no more jobs of yours now ({full}); run the same command again when some have ended."
        ) from full
    left = 0.0
    while not left or time.monotonic() - left < GRACE_SECONDS:
        try:
            found = submitting.result_of(submission.logs, number)
        except Exception as error:
            raise MirbenchError(_failed(submission, number)) from error
        if found is not None:
            decided: Decided = found
            if device == "cuda" and decided.device != "cuda":
                raise MirbenchError(
                    "device is cuda, and torch sees no GPU on the node that the probe job ran on; ask for nodes that have some by "
                    "slurm.partition or slurm.constraint, or use --device cpu."
                )
            return decided
        try:
            state = queue.states(submission.job_name).get(number)
            ended = state is None or not state.lives
        except Unanswered:
            state, ended = None, False
        if state is not None and state.never:
            queue.cancel(submission.job_name)
            raise MirbenchError(f"Slurm never starts a job ({state.reason}); change what slurm.* asks for, by --set or in the profile.")
        if ended and (code := queue.exit_code(number)):
            raise MirbenchError(_ended(submission, number, cache, code))
        left = (left or time.monotonic()) if ended else 0.0
        time.sleep(POLL_SECONDS)
    raise MirbenchError(_ended(submission, number, cache, UNSEEN))


def _ended(submission: Submission, number: str, cache: Path, code: int) -> str:
    if code == UNSEEN:
        return (
            f"the nodes do not see the cache {cache}: probe job {number} looked for a file that was just written there, and found none; "
            "give a folder of a file system that they share by --cache."
        )
    if code == NO_PYTHON:
        return (
            f"the nodes do not see this Python, {sys.executable}: probe job {number} did not find it; install mirbench into an environment "
            "on a file system that they share."
        )
    return _failed(submission, number)


def _failed(submission: Submission, number: str) -> str:
    lines = log_tail(submission.logs, number)
    told = ":\n" + "\n".join(f"    {line}" for line in lines) if lines else "."
    return f"probe job {number}, which looks what the nodes are, failed; the end of its log in {submission.logs}{told}"
