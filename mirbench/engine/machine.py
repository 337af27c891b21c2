"""The machine that this process runs on."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MOST_CORES = "LOKY_MAX_CPU_COUNT"  # an environment variable that joblib reads, and so all that use it
DECIDED = "MIRBENCH_MACHINE"  # an environment variable, so that processes which are started find it too
PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
GROUP_FILES = {  # by controllers: version 2 of control groups, and 1
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt


@dataclass(frozen=True)
class Decided:
    """What `auto` comes to, decided once for all machines that share in a run, so that keys do not depend on which of them plans or makes.
    device: cpu or cuda; bfloat16: whether a processor is taken to compute in it; name: of the processor or GPU."""

    device: str
    bfloat16: bool
    name: str


def decided() -> Decided | None:
    """None: each machine decides for itself."""
    text = os.environ.get(DECIDED)
    return Decided(**json.loads(text)) if text else None


@contextlib.contextmanager
def deciding(what: Decided) -> Iterator[None]:
    """While the block runs, this process and those that it starts take it as decided."""
    before = os.environ.get(DECIDED)
    os.environ[DECIDED] = json.dumps(asdict(what))
    try:
        yield
    finally:
        del os.environ[DECIDED]
        os.environ |= {} if before is None else {DECIDED: before}


def machine() -> dict[str, Any]:
    return {"system": platform.system(), "machine": platform.machine(), "cores": core_count(), "native_bfloat16": native_bfloat16()}


def processor() -> str:
    """What the processor calls itself."""
    return _told_by_linux("model name") or platform.processor() or platform.machine()


def core_count() -> int:
    """Cores that this process may use, of which a scheduler, a container's quota or LOKY_MAX_CPU_COUNT can make fewer than there are."""
    import joblib  # here, since most commands start no worker

    return joblib.cpu_count()


def free_megabytes() -> float:
    """Memory that is to be had without swapping, within the limits of the control groups (of a container, of a job of Slurm) that this
    process is in; without bound where the system does not tell."""
    free = [float("inf")]
    with contextlib.suppress(OSError, ValueError, IndexError):
        free.append(int((PROC / "meminfo").read_text().split("MemAvailable:", 1)[1].split()[0]) / 1e3)
    for folder, (limit, used, cached) in _control_groups():
        with contextlib.suppress(OSError, ValueError, IndexError):  # "max" where there is no limit
            most, taken = (int((folder / name).read_text()) for name in (limit, used))
            given_back = int((folder / "memory.stat").read_text().split(f"{cached} ", 1)[1].split()[0])  # of files, when it is wanted
            free.append((most - taken + given_back) / 1e6)
    return min(free)


def _control_groups() -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Those that may limit the memory of this process, each with the files of its limit and of what is used, and how it calls what
    idle files take of that."""
    with contextlib.suppress(OSError):
        for line in (PROC / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if (files := GROUP_FILES.get(controllers)) is not None:
                root = CGROUPS / controllers
                own = root / path.lstrip("/")  # in a container it may not be seen, and the root is its own
                yield from ((folder, files) for folder in (own, *own.parents) if folder.is_relative_to(root))


def gpus_of(device: str) -> list[str]:
    """What CUDA_VISIBLE_DEVICES is to be for processes that see one GPU each: of all that torch sees here where the device is cuda, but not
    those that are another model than the first, which would give other last digits; none for another device. Imports torch for cuda."""
    if device != "cuda" or os.name != "posix":
        return []
    import torch

    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    models = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    names = [str(number) for number in range(len(models))] if listed is None else [name.strip() for name in listed.split(",")]
    return [name for name, model in zip(names, models, strict=False) if model == models[0]]


def keep_memory() -> None:
    """From now on, memory that this process and those that it forks give back stays theirs, for what is next. With glibc an array above
    32 MB is else new from the system, page by page, and given back at once, which takes a seventh of a training step (measured by
    tests/benchmarks/training.py). For a process of our own; of other systems nothing changes."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_MMAP_MAX, 0)
            mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def native_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 (AVX-512 BF16 or AMX), or is taken to; where it does not, emulation is slower than
    float32."""
    if (known := decided()) is not None:
        return known.bfloat16
    flags = _told_by_linux("flags").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _told_by_linux(what: str) -> str:
    """Of its first processor; nothing where it does not say."""
    try:
        return Path("/proc/cpuinfo").read_text().split(what, 1)[1].split(":", 1)[1].split("\n", 1)[0].strip()
    except (OSError, IndexError):
        return ""
