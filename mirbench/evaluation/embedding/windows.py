"""Clips to embeddings: cut into windows, encode in batches, average over a clip's windows."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirbench.engine.global_state import unchanged
from mirbench.errors import MirbenchError, describe, is_not_of_plugin
from mirbench.evaluation.embedding.rows import as_rows
from mirbench.nouns import Embed, Staged


@dataclass(frozen=True)
class FrozenEncoder:
    """A frozen encoder. title: what messages call it; sample_rate: Hz; a longer clip is cut into windows of `window_seconds`."""

    title: str
    embed: Embed
    sample_rate: int
    window_seconds: float

    @property
    def window(self) -> int:
        """In samples."""
        return max(1, round(self.window_seconds * self.sample_rate))


def windows(audio: np.ndarray, length: int) -> np.ndarray:
    """(samples,) -> (windows, length): as many as cover the clip, evenly spaced, the first at its start and the last at its end.

    Nothing is dropped and nothing padded; neighbours overlap by what is left over. A clip no longer than a window is one window.

    >>> windows(np.arange(5), 2).tolist()
    [[0, 1], [2, 3], [3, 4]]
    >>> windows(np.arange(3), 4).tolist()
    [[0, 1, 2]]
    """
    if len(audio) <= length:
        return audio[None]
    count = -(-len(audio) // length)
    starts = np.ceil(np.linspace(0, len(audio) - length, count)).astype(int)
    return np.stack([audio[s : s + length] for s in starts])


def embed_all(audio: Sequence[np.ndarray], names: Sequence[str], encoders: Sequence[FrozenEncoder], batch_size: int) -> list[np.ndarray]:
    """What each of the encoders, of one sample rate, makes of the same clips: (clips, dim) float32 each.

    audio: (samples,) float32 each, of any lengths; names: of the clips, for messages. Windows of one length go through an encoder
    together, at most `batch_size` at once; what encoders begin with in common (see `mirbench.Staged`) is done once. Raises MirbenchError
    where an encoder raises, or returns another shape than (windows, dim) or a value that is not finite, naming the clip.
    """
    embeddings: list[np.ndarray] = [np.empty(0)] * len(encoders)
    for length in dict.fromkeys(encoder.window for encoder in encoders):
        group = [number for number, encoder in enumerate(encoders) if encoder.window == length]
        cut = [windows(each, length) for each in audio]
        rows: dict[int, dict[int, np.ndarray]] = {number: {} for number in group}  # encoder -> clip -> embedding
        for size in dict.fromkeys(w.shape[1] for w in cut):
            members = [i for i, w in enumerate(cut) if w.shape[1] == size]
            stacked = np.concatenate([cut[i] for i in members])
            outs: dict[int, list[np.ndarray]] = {number: [] for number in group}
            owners = [names[i] for i in members for _ in cut[i]]
            begin = 0
            for part in np.array_split(stacked, -(-len(stacked) // batch_size)):
                of_part = list(dict.fromkeys(owners[begin : begin + len(part)]))
                begin += len(part)
                fronts: dict[Hashable, Any] = {}
                for number in group:
                    outs[number].append(_embedded(encoders[number], part, fronts, of_part))
            ends = list(itertools.accumulate(len(cut[i]) for i in members))
            for number in group:
                for i, own in zip(members, np.split(np.concatenate(outs[number]), ends[:-1]), strict=True):
                    rows[number][i] = own.mean(axis=0)
        for number in group:
            embeddings[number] = _stacked(encoders[number], [rows[number][i] for i in range(len(audio))], names)
    return embeddings


def _embedded(encoder: FrozenEncoder, part: np.ndarray, fronts: dict[Hashable, Any], names: Sequence[str]) -> np.ndarray:
    """names: of the clips whose windows these are."""
    embed = encoder.embed
    try:
        with unchanged(encoder.title):
            if isinstance(embed, Staged):
                if embed.kind not in fronts:
                    fronts[embed.kind] = embed.front(part.copy())
                rows = embed.encode(fronts[embed.kind])
            else:
                rows = embed(part.copy())  # its own to change
    except BaseException as error:
        if is_not_of_plugin(error):
            raise
        raise MirbenchError(f"{encoder.title} failed while embedding: {describe(error)}; --debug shows where.") from error
    try:
        return as_rows(rows, len(part))
    except ValueError as error:
        clips = f"clip {names[0]}" if len(names) == 1 else f"{len(names)} clips, the first {names[0]}"
        wanted = f"must return an array of ({len(part)}, dim) for {len(part)} windows"
        raise MirbenchError(f"{encoder.title} {wanted}, but returned {error}, for {clips}.") from error


def _stacked(encoder: FrozenEncoder, rows: list[np.ndarray], names: Sequence[str]) -> np.ndarray:
    with np.errstate(over="ignore"):
        rows = [row.astype(np.float32, copy=False) for row in rows]  # beyond its range is infinite
    for name, row in zip(names, rows, strict=True):
        if not np.isfinite(row).all():
            raise MirbenchError(f"{encoder.title}: the embedding of clip {name} is not finite.")
        if len(row) != len(rows[0]):
            raise MirbenchError(f"{encoder.title}: the embedding of clip {name} has {len(row)} numbers, and others have {len(rows[0])}.")
    return np.stack(rows)
