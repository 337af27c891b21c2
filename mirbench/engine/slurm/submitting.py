"""What is done through submitit: jobs are pickled, submitted, and answer by a pickle beside it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mirbench.engine.slurm.node import Answer
from mirbench.engine.slurm.packing import Array
from mirbench.engine.slurm.profile import Profile
from mirbench.engine.slurm.queue import refusal
from mirbench.engine.slurm.submission import Submission
from mirbench.errors import MirbenchError

SIGNAL = "USR1@90"  # seconds before a time limit
LAST_SECONDS = 60  # that processes of a job have when the first of them has ended


def submitit() -> Any:
    """The package. Raises MirbenchError where it is not installed."""
    try:
        import submitit as package
    except ImportError as error:
        raise MirbenchError("--executor slurm needs submitit, which is not installed; pip install 'mirbench-audio[cluster]'.") from error
    return package


def submit(
    submission: Submission,
    called: Sequence[Callable[[], Any]],
    array: Array,
    profile: Profile,
    after: Sequence[str] = (),
    on_step: bool = True,
) -> list[str]:
    """The number of each, which are an array where they are several. array: what they ask for; after: the numbers of jobs that must have
    ended before, however that was, so that what does not need what failed is made all the same. on_step: whether they run as a step of the
    job, to which signals are sent; one that submits others is none. Raises MirbenchError, or Full, in the place of what sbatch says."""
    executor = submitit().SlurmExecutor(folder=submission.logs, max_num_timeout=profile.requeues)
    cores, together = array.cores // array.processes, array.nodes * array.processes > 1
    asked = {
        "time": array.minutes,
        "nodes": array.nodes,
        "ntasks_per_node": array.processes if together else None,
        "cpus_per_task": cores,
        "gpus_per_node": array.gpus or None,
        "mem": None if array.memory_gb is None else f"{round(array.memory_gb * 1024)}M",
        "array_parallelism": profile.at_a_time,
        "dependency": f"afterany:{':'.join(after)}" if after else None,
        "setup": list(profile.setup) or None,
        "additional_parameters": {"signal": SIGNAL, "requeue": True, **profile.extra},
        "srun_args": [
            f"--cpus-per-task={cores}",  # which a step does not take over from its job since Slurm 22.05
            *(("--kill-on-bad-exit=1", f"--wait={LAST_SECONDS}", "--distribution=block") if together else ()),
        ],
        "use_srun": on_step,
    }
    return _submitted(executor, submission, asked, called, profile)


def submit_quietly(
    submission: Submission, called: Callable[[], Any], profile: Profile, lines: Sequence[str], gpus: int, minutes: int
) -> str:
    """The number of a job that writes no log but what `lines` of shell before it begin, so that it ends in order on a node which does not
    see the folder of logs."""
    executor = submitit().SlurmExecutor(folder=submission.logs, max_num_timeout=0)
    asked = {
        "time": minutes,
        "cpus_per_task": 1,
        "gpus_per_node": gpus or None,
        "setup": [*lines, *profile.setup],
        "additional_parameters": {"output": "/dev/null", "error": "/dev/null", **profile.extra},
        "use_srun": False,
    }
    (number,) = _submitted(executor, submission, asked, [called], profile)
    return number


def _submitted(
    executor: Any, submission: Submission, asked: dict[str, Any], called: Sequence[Callable[[], Any]], profile: Profile
) -> list[str]:
    """asked: beside what the profile says of all jobs; None: nothing is asked for."""
    from submitit.core.utils import FailedJobError

    of_all = {
        "job_name": submission.job_name,
        "partition": profile.partition,
        "account": profile.account,
        "qos": profile.qos,
        "constraint": profile.constraint,
    }
    executor.update_parameters(**{name: value for name, value in {**of_all, **asked}.items() if value is not None})
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # on which submitit repeats what sbatch says
            return [str(job.job_id) for job in executor.submit_array(list(called))]
    except FailedJobError as error:
        raise refusal(str(error), profile) from error


def result_of(logs: Path, number: str, rank: int = 0) -> Any:
    """What a job, or the process `rank` of it, returned; None: it has not, yet. Raises FailedJobError of submitit for what it raised
    instead."""
    job = submitit().SlurmJob(folder=logs, job_id=number, tasks=[rank])
    with contextlib.suppress(OSError):
        os.listdir(logs)  # of which a network file system then knows anew
    if not job.paths.result_pickle.exists():  # or submitit asks sacct, which needs a data base that a site may not have
        return None
    return job.result()


def answer_of(logs: Path, number: str, processes: int = 1) -> Answer | None:
    """What a task left; None: nothing, as one does whose process was ended, or could not even begin. Of one with several processes, what
    the first left, or another which could not go on."""
    answers: list[Answer | None] = []
    for rank in range(processes):
        try:
            answers.append(result_of(logs, number, rank))
        except Exception:  # its log tells
            answers.append(None)
    failed = (answer for answer in answers if answer is not None and answer.raised)
    return answers[0] or next(failed, None)


def pack_with(submission: Submission, key: str) -> Any:
    """The `PackOnNode` that was submitted last with the job of this key."""
    from submitit.core.utils import DelayedSubmission

    number = next(task.number for task in reversed(submission.tasks) if any(job.key == key for job in task.jobs))
    path = submitit().SlurmJob(folder=submission.logs, job_id=number, tasks=[0]).paths.submitted_pickle
    return DelayedSubmission.load(path).function
