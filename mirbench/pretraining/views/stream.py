"""Batches of views with what their labels ask for, made ahead of the model in worker processes of one thread each.

What step k gives is a function of (seed, k), whatever the number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mirbench.engine.interrupts import held_back
from mirbench.engine.machine import core_count
from mirbench.engine.workers import bound_to_here
from mirbench.errors import MirbenchError, describe
from mirbench.pretraining.objectives import Truth, TruthOf
from mirbench.pretraining.views.audio_cache import AudioCache
from mirbench.pretraining.views.sampling import Sampler

AHEAD = 4  # batches that a worker makes ahead
DYING_SECONDS = 1.0  # from what a dying worker causes here to its end


class Views(Protocol):
    """(views, samples) or (views, frames, bands) -> the same shape, augmented view by view."""

    def __call__(self, views: Tensor, generator: torch.Generator) -> Tensor: ...


@dataclass(frozen=True)
class ViewStream(Dataset[tuple[Tensor, Truth]]):
    """on_device: views leave here as they were cut, to be augmented by `augment` where the model is."""

    sampler: Sampler
    audio_cache: AudioCache
    views: Views
    truth_of: TruthOf
    on_device: bool = False
    rank: int = 0
    world: int = 1

    def __getitem__(self, step: int) -> tuple[Tensor, Truth]:
        batch = self.sampler.batch(step).in_rank_order(self.world)
        own = batch.share_of(self.rank, self.world)
        cut = self.audio_cache.cut(own.clips[own.view_to_clip], own.starts, own.speeds, self.sampler.length)
        return cut if self.on_device else self.augment(cut, step), self.truth_of(batch, self.rank, self.world)

    def augment(self, cut: Tensor, step: int) -> Tensor:
        return self.views(cut, self.sampler.generator(step, 1 + self.rank))

    def clips_at(self, step: int) -> Sequence[str]:
        """The ids of the clips in a step's batch."""
        return [self.audio_cache.clips[i].id for i in self.sampler.batch(step).clips.tolist()]

    def loader(self, steps: Sequence[int], workers: int) -> Iterator[tuple[Tensor, Truth]]:
        """The batches of these steps, in order. Raises MirbenchError where a worker process died."""
        options: dict[str, Any] = {"batch_size": None, "sampler": steps, "num_workers": workers, "collate_fn": _as_it_is}
        if not workers:
            return iter(DataLoader(self, **options))
        options |= {"prefetch_factor": AHEAD, "multiprocessing_context": "fork", "worker_init_fn": bound_to_here()}
        others, handler = multiprocessing.active_children(), signal.getsignal(signal.SIGCHLD)
        with held_back():
            loader = iter(DataLoader(self, **options))
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, handler)  # torch's raises amid whatever is done when a worker dies, and once for each that does
        return _watched(loader, [process for process in multiprocessing.active_children() if process not in others])


def _watched(loader: Iterator[tuple[Tensor, Truth]], workers: Sequence[BaseProcess]) -> Iterator[tuple[Tensor, Truth]]:
    """What the loader gives; an error of it, of whatever kind, is a worker's death where one died."""
    try:
        yield from loader
    except Exception as error:
        if not wait([worker.sentinel for worker in workers], timeout=DYING_SECONDS):
            raise
        raise MirbenchError(
            f"a worker process that makes batches ended abruptly ({describe(error)}), perhaps for want of memory; run the same command "
            "again, which goes on from the last state."
        ) from error


def _as_it_is(item: Any) -> Any:
    return item


def worker_count(device: str, devices: int, hurried: bool) -> int:
    """Data workers for each device: MIRBENCH_WORKERS, or what suits the machine (measured by tests/benchmarks/training.py).

    hurried: whether the network's step is as short as the making of its views. On a CPU the model has the cores; there one worker helps
    where the model would wait for two fifths of the time, and costs more than the waiting where it would wait for a thirtieth.
    """
    if given := os.environ.get("MIRBENCH_WORKERS"):
        return max(0, int(given))
    spare = core_count() // devices - 1
    if device == "cpu":
        return min(1, max(0, spare)) if hurried else 0
    return max(1, min(8, spare))
