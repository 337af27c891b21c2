"""The machine that this process runs on."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    return {"system": platform.system(), "machine": platform.machine(), "cores": core_count(), "native_bfloat16": native_bfloat16()}


def core_count() -> int:
    """Cores that this process may use, of which a scheduler, a container's quota or LOKY_MAX_CPU_COUNT can make fewer than there are."""
    import joblib  # here, since most commands start no worker

    return joblib.cpu_count()


def native_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 (AVX-512 BF16 or AMX); where it does not, emulation is slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    except (OSError, IndexError):
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
