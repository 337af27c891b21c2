"""What the checks of a GPU share."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import mirbench

RATE = 22_050


@dataclass(frozen=True)
class Given:
    """device: cuda, or cpu where it pretends; folder: to work in."""

    device: str
    pretend: bool
    folder: Path

    def place(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path


@dataclass(frozen=True)
class Row:
    """speed: whether only a GPU can tell. right: None: it is told, and nothing is wanted of it."""

    what: str
    found: str
    wanted: str
    right: bool | None
    speed: bool = False


def noise_clips(folder: Path, count: int, seconds: float = 6.0) -> list[mirbench.Clip]:
    """Noise in FLAC, as pretraining clips are."""
    folder.mkdir(exist_ok=True)
    draw, clips = np.random.default_rng(0), []
    for number in range(count):
        path = folder / f"{number}.flac"
        if not path.exists():
            soundfile.write(path, draw.uniform(-0.3, 0.3, int(seconds * RATE)), RATE)
        clips.append(mirbench.Clip(str(number), path, "train", str(number), annotations={"genre": "ab"[number % 2]}))
    return clips


def command(*words: str, cache: Path) -> subprocess.Popen[str]:
    """`mirbench ...` in a process of its own, with what it says kept."""
    environment = {**os.environ, "MIRBENCH_CACHE": str(cache)}
    whole = [sys.executable, "-m", "mirbench", *words]
    return subprocess.Popen(whole, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    """What it said. Raises RuntimeError where it ended otherwise than well."""
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(said.split())[-300:]}")
    return said


def options_of(name: str, chosen: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """An encoder, and its options with those that are chosen."""
    from mirbench import registry
    from mirbench.settings.options import encoder_options

    encoder = registry.load().get("encoder", name)
    return encoder, encoder_options(encoder, {name: chosen})
