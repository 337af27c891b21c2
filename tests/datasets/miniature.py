"""Miniature data in the layout that a data set is published in: what a layout file states, and sounds to fill it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile


@dataclass(frozen=True)
class Expected:
    """What the data set must make of its miniature. splits: split -> clips; labels: annotation -> clip id -> its value, a few of them;
    groups: clip id -> group, a few; classes: annotation -> published order, where the data set has one; left_out: what is in the miniature
    and must not become a clip, as parts of a path (a faulty file, a clip without labels ...)."""

    splits: Mapping[str, int]
    labels: Mapping[str, Mapping[str, Any]]
    groups: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Sequence[str] = ()


def sound(path: Path, seconds: float = 0.5, sample_rate: int = 16_000, channels: int = 1, seed: int | None = None) -> None:
    """A short tone of the format that the name ends in; another seed (by default from the name), another tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(sum(path.name.encode()) if seed is None else seed)
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    audio = 0.3 * np.sin(2 * np.pi * random.uniform(100, 2000) * time) + 0.01 * random.standard_normal(len(time))
    soundfile.write(path, np.repeat(audio[:, None], channels, axis=1), sample_rate)
