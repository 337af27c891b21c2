"""What the promises of several kinds are looked at with: sounds, comparisons, fences."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.engine.global_state import unchanged
from mirbench.errors import MirbenchError
from mirbench.records import Clip
from mirbench.registry.contract import check_noun
from mirbench.settings.validation import WrongOption, validated


def contract(kind: str, noun: Any) -> None:
    """AssertionError for what the registry would refuse."""
    try:
        check_noun(kind, noun, "contract")
    except MirbenchError as error:
        raise AssertionError(str(error).removeprefix("contract: ")) from error


def completed(title: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults with what is given instead of some."""
    unknown = sorted(set(given) - set(defaults))
    assert not unknown, f"{title} has no option '{', '.join(unknown)}'; it has {', '.join(defaults) or 'none'}"
    try:
        return {**defaults, **validated(defaults, given)}
    except WrongOption as error:
        raise AssertionError(f"{title}: {error.text if error.whole else f'option {error.name} {error.text}'}") from error


def as_json(what: str, value: Any) -> None:
    """AssertionError where it cannot be written as JSON."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what} cannot be written as JSON ({error}); use text, numbers, lists and mappings") from error


def noise(batch: int, samples: int) -> np.ndarray:
    """(batch, samples) float32 in [-.5, .5), always the same of a length."""
    return np.random.default_rng(samples).uniform(-0.5, 0.5, (batch, samples)).astype(np.float32)


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal up to what the order of summation can move in float32; what is not finite is equal to itself."""
    largest = float(np.abs(a[np.isfinite(a)]).max(initial=0))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-3, atol=1e-4 * (1e-6 + largest), equal_nan=True))


def apart(*pairs: tuple[np.ndarray, np.ndarray]) -> str:
    """How far two arrays of any of these pairs are apart, in words."""
    with np.errstate(invalid="ignore"):
        most = max(float(np.nan_to_num(np.abs(a - b)).max()) for a, b in pairs)
    return f"to {most:.1g}" if most else "bit for bit"


@contextlib.contextmanager
def fenced(what: str, seed: int | None = None) -> Iterator[None]:
    """AssertionError where the block leaves a global generator, or another state of the process, changed. seed: where the generators begin
    for a block that may draw from them."""
    state = unchanged("", seed, may_draw=seed is not None)
    with state:
        yield
    changed = " and ".join(state.changed)
    assert not changed, f"{what} changes {changed}; use a generator of its own, and put back what it changes"


def tones(folder: Path, sample_rate: int) -> list[Clip]:
    """Twelve tones of three seconds, half of them `train`, with an annotation of each kind."""
    import soundfile

    clips = []
    for index in range(12):
        pitch = 57 + index
        time = np.arange(3 * sample_rate) / sample_rate
        path = folder / f"tone-{pitch}.wav"
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time), sample_rate)
        known = {
            "tags": ("low" if index < 6 else "high", "tone", "steady", "alone"),
            "key": "A minor",
            "pitch": pitch,
            "genre": f"style-{index % 2}",
        }
        split = "train" if index % 2 else "pretrain"
        clips.append(Clip(f"tone-{pitch}", path, split, f"group-{index}", annotations=known))
    return clips
