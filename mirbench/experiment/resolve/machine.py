"""The device that a run computes on."""

from __future__ import annotations

import os
from pathlib import Path

from mirbench.engine.machine import decided, native_bfloat16, processor
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.records import Machine


def resolve_machine(device: str, devices: int) -> Machine:
    """device: auto, cpu, cuda or cuda:N. Raises MirbenchError for a device that is not there, or more than there are. What has been decided
    for several machines is taken as it is: this one need not have the device."""
    if (known := decided()) is not None:
        return Machine(known.device, known.bfloat16, known.name)
    if ":" in device:
        check_devices(device, devices)
    resolved = resolve_device(device)
    check_devices(resolved, devices)
    return Machine(resolved, native_bfloat16(), processor() if resolved == "cpu" else _gpu(resolved))


def resolve_device(wanted: str) -> str:
    """auto -> cuda where there is one, else cpu. Imports torch only where a GPU may be present."""
    if wanted == "cpu" or (
        wanted == "auto" and not any(Path(p).exists() for p in ("/dev/nvidia0", "/dev/dxg", "/proc/driver/nvidia")) and os.name == "posix"
    ):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        if ":" in wanted and int(wanted.split(":")[1]) >= torch.cuda.device_count():
            raise MirbenchError(f"device {wanted} was asked for, but there are {torch.cuda.device_count()} CUDA devices, counted from 0.")
        return "cuda" if wanted == "auto" else wanted
    if wanted == "auto":
        return "cpu"
    raise MirbenchError(f"device {wanted} was asked for, but torch sees no CUDA device here; use --device cpu or auto.")


def _gpu(device: str) -> str:
    import torch

    return torch.cuda.get_device_name(device)


def check_devices(device: str, devices: int) -> None:
    """Raises MirbenchError for more devices than there are. device: resolved."""
    if devices == 1 or device == "cpu":
        return
    if ":" in device:
        raise MirbenchError(f"device {device} is one device, and {devices} were asked for; use --device cuda, or --devices 1.")
    import torch

    if devices > (there := torch.cuda.device_count()):
        raise MirbenchError(f"--devices {devices} was asked for, but torch sees {there} CUDA device{'s'[: there != 1]} here; use fewer.")
