"""Applying a corruption: its seed, what it mixes in, and what it must keep to.

The seed is a hash of the corruption, the replicate and the clip, without the severity: a curve follows one draw of the noise, and every
encoder embeds the same samples, whatever the order and the number of processes.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from mirbench.errors import describe
from mirbench.nouns import Corruption
from mirbench.records import Condition


class Fault(Exception):
    """What a corruption did wrong, to which clip."""

    def __init__(self, condition: Condition, clip_id: str, reason: str) -> None:
        super().__init__(condition, clip_id, reason)  # as pickle wants them
        self.condition, self.clip_id, self.reason = condition, clip_id, reason

    def __str__(self) -> str:
        return f"corruption '{self.condition.corruption}', severity {self.condition.severity}, clip {self.clip_id}: {self.reason}"


def corruption_seed(corruption: str, replicate: int, clip_id: str) -> int:
    """0 to 2^32 - 1; the same for every severity.

    >>> corruption_seed("white-noise", 0, "a") == corruption_seed("white-noise", 1, "a")
    False
    """
    return int.from_bytes(hashlib.sha256(f"{corruption}\0{replicate}\0{clip_id}".encode(errors="surrogatepass")).digest()[:4], "big")


def corrupt(
    corruption: Corruption,
    condition: Condition,
    audio: np.ndarray,
    sample_rate: int,
    clip_id: str,
    replicate: int = 0,
    others: Callable[[int, int, int], np.ndarray] | None = None,
) -> np.ndarray:
    """audio: (samples,) float32, left as it is. Returns it corrupted, the same shape and dtype.

    others: (count, samples, seed) -> (count, samples) other clips for the corruptions that mix some in; None for silence.
    Raises Fault where the plugin raises, or breaks what `mirbench.Corruption` promises: the shape, the dtype, finite samples, the global
    generators, which are put back.
    """
    seed = corruption_seed(corruption.name, replicate, clip_id)
    level, own = condition.level, audio.copy()
    assert level is not None
    before = _states()
    try:
        if corruption.others:
            mixed_in = (
                np.zeros((corruption.others, len(audio)), np.float32) if others is None else others(corruption.others, len(audio), seed)
            )
            corrupted: Any = corruption.mix(own, mixed_in, sample_rate, level, seed)
        else:
            corrupted = corruption.apply(own, sample_rate, level, seed)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        raise Fault(condition, clip_id, f"raised {describe(error)}") from error
    finally:
        changed = _restore(before)
    if wrong := _wrong(corrupted, audio) or changed:
        raise Fault(condition, clip_id, wrong)
    return np.ascontiguousarray(corrupted)


def _wrong(corrupted: Any, audio: np.ndarray) -> str:
    if not isinstance(corrupted, np.ndarray):
        return f"returned {type(corrupted).__name__}, not a numpy array"
    if corrupted.shape != audio.shape:
        return f"returned the shape {corrupted.shape}, not {audio.shape}"
    if corrupted.dtype != np.float32:
        return f"returned {corrupted.dtype}, not float32"
    bad = int((~np.isfinite(corrupted)).sum())
    return f"returned {bad} samples that are not finite" if bad else ""


def _states() -> dict[str, Any]:
    states: dict[str, Any] = {"random": random.getstate(), "numpy.random": np.random.get_state()}
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state()
    return states


def _restore(before: dict[str, Any]) -> str:
    """Puts the generators back; which one was changed, as a reason."""
    changed = []
    now = _states()
    if now["random"] != before["random"]:
        changed.append("random")
        random.setstate(before["random"])
    if not all(np.array_equal(a, b) for a, b in zip(now["numpy.random"], before["numpy.random"], strict=True)):
        changed.append("numpy.random")
        np.random.set_state(before["numpy.random"])
    if "torch" in before and not now["torch"].equal(before["torch"]):
        changed.append("torch")
        sys.modules["torch"].set_rng_state(before["torch"])
    return f"left the global random state of {' and '.join(changed)} changed; use mirbench.seeded" if changed else ""
