"""Clips to embeddings: cut into windows, encode in batches, average over a clip's windows."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mirbench.engine.global_state import unchanged
from mirbench.errors import MirbenchError, describe, is_not_of_plugin
from mirbench.evaluation.embedding.rows import as_rows, size_in_words, wanted
from mirbench.nouns import Embed, Staged
from mirbench.records import ALL_LAYERS, LAST_LAYER, Input


@dataclass(frozen=True)
class FrozenEncoder:
    """A frozen encoder. title: what messages call it; layer: what is kept of the layers that it returns: one, by its number, the last or
    all; None: it returns none, or what it returns is kept as it is."""

    title: str
    embed: Embed
    input: Input
    layer: int | str | None = None

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.input.sample_rate

    @property
    def cut(self) -> Cut:
        given = self.input
        seconds = (given.window_seconds, given.hop_seconds or given.window_seconds, given.shortest_seconds)
        window, hop, shortest = (max(1, round(each * given.sample_rate)) for each in seconds)
        return Cut(window, hop, shortest, given.batch_size)


class Cut(NamedTuple):
    """How clips become batches of windows: lengths in samples, and the most windows at a time, None for the run's."""

    window: int
    hop: int
    shortest: int
    batch_size: int | None


def windows(audio: np.ndarray, length: int, hop: int | None = None) -> np.ndarray:
    """(samples,) -> (windows, length): as few as cover the clip, evenly spaced, the first at its start and the last at its end.

    hop: the most that neighbours begin apart; None: the length. Nothing is dropped and nothing padded; neighbours overlap by what is left
    over. A clip no longer than a window is one window.

    >>> windows(np.arange(5), 2).tolist()
    [[0, 1], [2, 3], [3, 4]]
    >>> windows(np.arange(5), 3, hop=1).tolist()
    [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    >>> windows(np.arange(3), 4).tolist()
    [[0, 1, 2]]
    """
    if len(audio) <= length:
        return audio[None]
    count = -(-(len(audio) - length) // min(hop or length, length)) + 1
    starts = np.ceil(np.linspace(0, len(audio) - length, count)).astype(int)
    return np.stack([audio[s : s + length] for s in starts])


def embed_all(audio: Sequence[np.ndarray], names: Sequence[str], encoders: Sequence[FrozenEncoder], batch_size: int) -> list[np.ndarray]:
    """What each of the encoders, of one sample rate, makes of the same clips: (clips, dim) float32 each, or (clips, layers, dim).

    audio: (samples,) float32 each, of any lengths; names: of the clips, for messages. Windows of one length go through an encoder
    together, at most `batch_size` at once; what encoders begin with in common (see `mirbench.Staged`) is done once. Raises MirbenchError
    where an encoder raises, or returns another shape than (windows, dim) or a value that is not finite, naming the clip.
    """
    embeddings: list[np.ndarray] = [np.empty(0)] * len(encoders)
    for cutting in dict.fromkeys(encoder.cut for encoder in encoders):
        group = [number for number, encoder in enumerate(encoders) if encoder.cut == cutting]
        most = cutting.batch_size or batch_size
        cut = [windows(_padded(each, cutting.shortest), cutting.window, cutting.hop) for each in audio]
        rows: dict[int, dict[int, np.ndarray]] = {number: {} for number in group}  # encoder -> clip -> embedding
        for size in dict.fromkeys(w.shape[1] for w in cut):
            members = [i for i, w in enumerate(cut) if w.shape[1] == size]
            stacked = np.concatenate([cut[i] for i in members])
            outs: dict[int, list[np.ndarray]] = {number: [] for number in group}
            owners = [names[i] for i in members for _ in cut[i]]
            begin = 0
            for part in np.array_split(stacked, -(-len(stacked) // most)):
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


def _padded(audio: np.ndarray, shortest: int) -> np.ndarray:
    return np.pad(audio, (0, shortest - len(audio))) if len(audio) < shortest else audio


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
        return layer_of(as_rows(rows, len(part)), encoder.layer)
    except ValueError as error:
        clips = f"clip {names[0]}" if len(names) == 1 else f"{len(names)} clips, the first {names[0]}"
        raise MirbenchError(f"{encoder.title} {wanted(len(part))}, but returned {error}, for {clips}.") from error


def layer_of(rows: np.ndarray, layer: int | str | None) -> np.ndarray:
    """Raises ValueError where there are no layers, or none of that number."""
    if layer is None or (layer == LAST_LAYER and rows.ndim == 2):
        return rows
    if rows.ndim == 2:
        raise ValueError(f"the shape {rows.shape}, which has no layers")
    if layer == ALL_LAYERS:
        return rows
    number = -1 if layer == LAST_LAYER else int(layer)
    if number >= rows.shape[1]:
        raise ValueError(f"the shape {rows.shape}, which has no layer {layer}")
    return rows[:, number]


def _stacked(encoder: FrozenEncoder, rows: list[np.ndarray], names: Sequence[str]) -> np.ndarray:
    with np.errstate(over="ignore"):
        rows = [row.astype(np.float32, copy=False) for row in rows]  # beyond its range is infinite
    for name, row in zip(names, rows, strict=True):
        if not np.isfinite(row).all():
            raise MirbenchError(f"{encoder.title}: the embedding of clip {name} is not finite.")
        if row.shape != rows[0].shape:
            here, others = (size_in_words(each.shape) for each in (row, rows[0]))
            raise MirbenchError(f"{encoder.title}: the embedding of clip {name} has {here}, and others have {others}.")
    return np.stack(rows)
