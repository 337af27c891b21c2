"""Applying a corruption: its seed, what it mixes in, and what it must keep to.

The seed is a hash of the corruption, the replicate and the clip, without the severity: a curve follows one draw of the noise, and every
encoder embeds the same samples, whatever the order and the number of processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from mirbench.engine.global_state import GENERATOR, unchanged
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
    Raises Fault where the plugin raises, or breaks what `mirbench.Corruption` promises: the shape, the dtype, finite samples, the state
    of the process, which is put back.
    """
    seed = corruption_seed(corruption.name, replicate, clip_id)
    level, own = condition.level, audio.copy()
    assert level is not None
    state = unchanged()
    try:
        with state:
            corrupted = _applied(corruption, own, others, sample_rate, level, seed)
    except (MemoryError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise Fault(condition, clip_id, f"raised {describe(error)}") from error
    if wrong := _wrong(corrupted, audio) or _left(state.changed):
        raise Fault(condition, clip_id, wrong)
    return np.array(corrupted, order="C")  # a copy, since a corruption may use its buffer again


def _applied(
    corruption: Corruption,
    own: np.ndarray,
    others: Callable[[int, int, int], np.ndarray] | None,
    sample_rate: int,
    level: float,
    seed: int,
) -> Any:
    if not corruption.others:
        return corruption.apply(own, sample_rate, level, seed)
    mixed_in = np.zeros((corruption.others, len(own)), np.float32) if others is None else others(corruption.others, len(own), seed)
    return corruption.mix(own, mixed_in, sample_rate, level, seed)


def _left(changed: list[str]) -> str:
    """What it left changed, as a reason."""
    drawn = [name.removeprefix(GENERATOR) for name in changed if name.startswith(GENERATOR)]
    names = [*([GENERATOR + " and ".join(drawn)] if drawn else []), *(name for name in changed if not name.startswith(GENERATOR))]
    return f"left {' and '.join(names)} changed; {'use mirbench.seeded' if drawn else 'put it back'}" if names else ""


def _wrong(corrupted: Any, audio: np.ndarray) -> str:
    if not isinstance(corrupted, np.ndarray):
        return f"returned {type(corrupted).__name__}, not a numpy array"
    if corrupted.shape != audio.shape:
        return f"returned the shape {corrupted.shape}, not {audio.shape}"
    if corrupted.dtype != np.float32:
        return f"returned {corrupted.dtype}, not float32"
    bad = int((~np.isfinite(corrupted)).sum())
    return f"returned {bad} samples that are not finite" if bad else ""
