"""The processes of a training, one a device: this one alone, several that it starts, or one of several that a scheduler started."""

from __future__ import annotations

import contextlib
import datetime
import functools
import logging
import multiprocessing
import multiprocessing.connection
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed

from mirbench.engine.interrupts import SIGNALS, stoppable
from mirbench.engine.machine import core_count
from mirbench.engine.ranks import MEETING_SECONDS, PeerLost, Ranks, current_ranks
from mirbench.engine.workers import end_with_starter
from mirbench.errors import MirbenchError

SAVING_SECONDS = 20  # that the processes of a training on several devices have to keep their state when it is stopped
Report = dict[str, Any]


def on_devices(run: Callable[[Any], Report], device: str, devices: int, precision: str) -> Report:
    """What `run` returns of a Fabric, in each of so many processes; of the first. run: can be pickled. device: cpu, cuda or cuda:N;
    precision: float32 or bfloat16. Where a scheduler started the processes, they are these, on one node or several."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    kind, _, number = device.partition(":")
    if (ranks := current_ranks()) is not None:
        return _as_one_of(ranks, run, kind, precision)
    fabric = _fabric(kind, precision, devices=[int(number)] if number else devices, strategy="ddp_spawn" if devices > 1 else "auto")
    if devices == 1:
        return run(fabric)
    try:
        with _ending_ranks():
            found: Report = fabric.launch(functools.partial(_run_rank, run, device, devices))  # which does not look into the training
            return found
    except (AttributeError, TypeError, ImportError) as error:
        raise MirbenchError(
            f"training on {devices} devices starts processes that must import the encoder's parts, and cannot: {error}; use "
            "parts of an installed package, or --devices 1."
        ) from error


def devices_here(devices: int) -> int:
    """How many processes of a training share the cores that this one may use. devices: of all its machines."""
    return devices if current_ranks() is None else 1


def _fabric(kind: str, precision: str, **about: Any) -> Any:
    from lightning_fabric import Fabric

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The `srun` command is available")  # wherever Slurm is installed
        return Fabric(accelerator=kind, precision="bf16-mixed" if precision == "bfloat16" else "32-true", **about)


def _as_one_of(ranks: Ranks, run: Callable[[Any], Report], kind: str, precision: str) -> Report:
    """Raises PeerLost where another process ends, or does not come."""
    from lightning_fabric.plugins.environments import TorchElasticEnvironment
    from lightning_fabric.strategies import DDPStrategy

    ranks.meet()
    strategy = DDPStrategy(timeout=datetime.timedelta(seconds=MEETING_SECONDS))
    fabric = _fabric(kind, precision, devices=ranks.devices, num_nodes=ranks.nodes, strategy=strategy, plugins=[TorchElasticEnvironment()])
    try:
        fabric.launch()
        if kind == "cpu":
            torch.set_num_threads(core_count())
        found = run(fabric)
        _leave(fabric)
    except RuntimeError as error:
        if _is_of_connection(error):
            raise PeerLost(error) from error
        raise
    return found


def _is_of_connection(error: RuntimeError) -> bool:
    """Whether a process could not reach the others, or lost one."""
    return isinstance(error, torch.distributed.DistError) or any(word in str(error) for word in ("gloo", "Gloo", "NCCL", "Connection "))


def _run_rank(run: Callable[[Any], Report], device: str, devices: int, fabric: Any) -> Report:
    """One of several processes, of which the first keeps the state when it is told to stop, while the others wait to be ended."""
    end_with_starter()
    for number in SIGNALS if fabric.global_rank else ():
        signal.signal(number, signal.SIG_IGN)
    if device == "cpu":
        torch.set_num_threads(max(1, core_count() // devices))
    with stoppable():
        found = run(fabric)
    _leave(fabric)
    return found


def _leave(fabric: Any) -> None:
    fabric.barrier()
    torch.distributed.destroy_process_group()  # or its threads may be cut off in the middle when the process ends, which aborts it


@contextlib.contextmanager
def _ending_ranks() -> Iterator[None]:
    """Ends the processes that the block starts where it ends with an exception; the first of them keeps its state before."""
    before = set(multiprocessing.active_children())
    try:
        yield
    except BaseException:
        started = [process for process in multiprocessing.active_children() if process not in before]
        try:
            for process in started:
                process.terminate()
            multiprocessing.connection.wait([process.sentinel for process in started], SAVING_SECONDS)
        finally:
            for process in started:
                process.kill()
                process.join()
        raise
