"""What an encoder costs, measured while it embeds noise: parameters, operations, time and memory.

Operations are those that torch's FlopCounterMode counts: matrix products, convolutions and attention, a multiplication and an addition as
two. Not counted are element-wise operations, normalisation, pooling, Fourier transforms and whatever is computed outside torch.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from mirbench.evaluation.embedding.rows import as_rows
from mirbench.evaluation.embedding.windows import FrozenEncoder
from mirbench.records import ALL_LAYERS

SECONDS, REPEATS = 1.0, 3  # how long, and how often at the least, a batch is embedded to be timed
STABLE, MOST_SECONDS = 0.05, 5.0  # by how much the fastest two may differ, and how long that is waited for
BUSY = 0.6  # the part of a core that this process used, below which the time may say more of what ran beside it
CROWDED = (
    "its process used {share:.0%} of a core while it was timed: it waited, or worked in child processes, or the machine was busy; its time "
    "may be too long"
)
LONGEST = 30.0  # seconds of a window, of an encoder that takes more


def count(encoder: FrozenEncoder) -> dict[str, Any]:
    """The columns of costs.csv that are the same on every machine, of one window: parameters, dim, gflop_per_second and window_seconds;
    None: unknown; and `dims`, of each layer where several are embedded. Raises ValueError where the encoder returns no rows, and whatever
    it raises."""
    noise = _noise(encoder, 1)
    rows = as_rows(encoder.embed(noise.copy()), 1)  # and what is made at the first time is made
    operations, parameters = counted(lambda: encoder.embed(noise.copy()))
    seconds = noise.shape[1] / encoder.sample_rate
    known = {"parameters": parameters or None, "gflop_per_second": operations / 1e9 / seconds or None}
    several: dict[str, list[int]] = {}
    if encoder.layer == ALL_LAYERS and rows.ndim == 3:
        several["dims"] = list(getattr(encoder.embed, "dims", [rows.shape[2]] * rows.shape[1]))
    return {**known, "dim": rows.shape[-1], **several, "window_seconds": seconds}


def measure(load: Callable[[], FrozenEncoder], batch_size: int, device: str, alone: bool) -> tuple[FrozenEncoder, dict[str, Any]]:
    """The encoder, and the columns that are facts of a machine: clips_per_second, of the fastest repeat, as what runs beside it only makes
    repeats slower, and peak_memory_mb, None where it is unknown; and a `note` where this process used little of a processor.

    batch_size: windows at a time. device: cpu, cuda or cuda:N. alone: whether this process does nothing else and ends afterwards, without
    which a processor's memory is not measured. Raises as `count` does, which, where it was called before, has imported what the encoder
    does, so that the memory of that is not the encoder's.
    """
    peak = _peak_on_gpu(device) if device != "cpu" else _peak_of_process() if alone else lambda: None
    encoder = load()
    noise = _noise(encoder, batch_size)
    as_rows(encoder.embed(noise.copy()), batch_size)  # all is warm
    seconds, worked = list[float](), time.process_time()
    while not timed(seconds):
        audio, begun = noise.copy(), time.perf_counter()
        as_rows(encoder.embed(audio), batch_size)
        seconds.append(time.perf_counter() - begun)
    share, memory = (time.process_time() - worked) / sum(seconds), peak()
    found = {"clips_per_second": batch_size / min(seconds), "peak_memory_mb": None if memory is None else memory / 1e6}
    return encoder, found | ({"note": CROWDED.format(share=share)} if device == "cpu" and share < BUSY else {})


def timed(seconds: Sequence[float]) -> bool:
    """Whether these repeats tell the time: often and long enough, and the fastest two alike, or as long as is waited for that.

    >>> timed([0.4, 0.4]), timed([0.4, 0.9, 0.6]), timed([0.4, 0.9, 0.6, 0.41]), timed([2.0, 3.0, 4.0])
    (False, False, True, True)
    """
    if len(seconds) < REPEATS or sum(seconds) < SECONDS:
        return False
    first, second = sorted(seconds)[:2]
    return second <= (1 + STABLE) * first or sum(seconds) >= MOST_SECONDS


def _noise(encoder: FrozenEncoder, windows: int) -> np.ndarray:
    samples = max(min(encoder.cut.window, round(LONGEST * encoder.sample_rate)), encoder.cut.shortest)
    return np.random.default_rng(0).uniform(-0.5, 0.5, (windows, samples)).astype(np.float32)


def counted(run: Callable[[], object]) -> tuple[int, int]:
    """Floating-point operations of torch in this thread, and the parameters that take part in them, each tensor once.

    >>> layer = torch.nn.Linear(10, 3)
    >>> counted(lambda: layer(torch.ones(1, 10)))
    (60, 33)
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fast = torch.backends.mha.get_fastpath_enabled()
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # of how the libraries below are left out
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)  # several layers in one call, which nothing counts; so do these libraries
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        operations: Any = FlopCounterMode(display=False)
        operations.mod_tracker = _NoModules()
        stack.enter_context(operations)
        used = stack.enter_context(_UsedParameters())
        run()
    return int(operations.get_total_flops()), sum(each.numel() for each in used.found.values())


def warm_up() -> None:
    """Imports what `counted` needs, half of sympy among it, before a process is forked for each encoder."""
    counted(lambda: torch.nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1)))


class _NoModules:
    """In the place of torch's ModuleTracker, which tells operations by modules, where a sum is all that is asked for, and which fails in
    inference mode where a module is given a parameter, as by weight normalisation in HuBERT and its kin."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class _UsedParameters(TorchDispatchMode):
    """Those that operations are given: of a model with parts that do not run, not theirs. A module of TorchScript gives tensors that can be
    learnt in the place of parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, torch.Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for each in tree_leaves((args, kwargs or {})):
            if isinstance(each, torch.nn.Parameter) or (isinstance(each, torch.Tensor) and each.requires_grad and each.is_leaf):
                self.found[id(each)] = each
        return func(*args, **(kwargs or {}))


def _peak_on_gpu(device: str) -> Callable[[], int | None]:
    """Of tensors, in bytes, beyond those that are there now."""
    torch.cuda.init()
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return lambda: torch.cuda.max_memory_allocated(device) - before


def _peak_of_process() -> Callable[[], int | None]:
    """Resident memory of this process beyond what it has now, in bytes, where Linux tells it. What was freed before is first given back to
    the system, since what takes its place would not be seen."""
    if sys.platform != "linux":
        return lambda: None
    try:
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _status("VmRSS")
    except OSError:
        return lambda: None
    return lambda: max(0, _status("VmHWM") - before)


def _status(name: str) -> int:
    """In bytes."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024
