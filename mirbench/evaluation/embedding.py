"""Clips to embeddings: decode, cut into windows, encode in batches, average over a clip's windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mirbench import AudioError, read_audio
from mirbench.ahead import ahead
from mirbench.errors import MirbenchError
from mirbench.nouns import Embed
from mirbench.progress import progress_bar
from mirbench.records import Clip, Embeddings

WAITING = 2**26  # samples that may wait for others of their length: 256 MB


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


def embed_clips(
    clips: Sequence[Clip], embed: Embed, sample_rate: int, window_seconds: float, batch_size: int, title: str, threads: int = 2
) -> Embeddings:
    """One row a clip, in the clips' order, float32. Unreadable clips have no row and are in `skipped` with their reason.

    Windows of one length go through the encoder together, at most `batch_size` at once. Raises MirbenchError where the
    encoder returns another shape than (windows, dim) or a value that is not finite, naming the clip.
    """
    length = max(1, round(window_seconds * sample_rate))
    rows: dict[str, np.ndarray] = {}
    skipped: dict[str, str] = {}
    waiting: dict[int, list[tuple[Clip, np.ndarray]]] = {}

    def decoded(clip: Clip) -> np.ndarray | str:
        """The audio, or why there is none."""
        try:
            return read_audio(clip.path, sample_rate, clip.start, clip.duration)
        except AudioError as error:
            return str(error)

    def flush(size: int) -> None:
        group = waiting.pop(size)
        stacked = np.concatenate([w for _, w in group])
        found = np.concatenate(
            [
                _checked(embed(stacked[i : i + batch_size]), len(stacked[i : i + batch_size]), title)
                for i in range(0, len(stacked), batch_size)
            ]
        )
        at = 0
        for clip, cut in group:
            row = found[at : at + len(cut)].mean(axis=0)
            if not np.isfinite(row).all():
                raise MirbenchError(f"{title}: the embedding of clip {clip.id} ({clip.path}) is not finite.")
            rows[clip.id] = row
            at += len(cut)

    with progress_bar(total=len(clips), desc=title, unit="clip") as bar:
        for clip, audio in ahead(decoded, clips, threads):
            if isinstance(audio, str):
                skipped[clip.id] = audio
            else:
                cut = windows(audio, length)
                group = waiting.setdefault(cut.shape[1], [])
                group.append((clip, cut))
                if sum(len(w) for _, w in group) >= batch_size:
                    flush(cut.shape[1])
                elif sum(w.size for others in waiting.values() for _, w in others) > WAITING:
                    for size in list(waiting):
                        flush(size)
            bar.update()
        for size in list(waiting):
            flush(size)
    ids = tuple(c.id for c in clips if c.id in rows)
    matrix = np.stack([rows[i] for i in ids]).astype(np.float32) if ids else np.zeros((0, 0), np.float32)
    return Embeddings(ids, matrix, skipped)


def _checked(found: np.ndarray, count: int, title: str) -> np.ndarray:
    if not isinstance(found, np.ndarray) or found.ndim != 2 or len(found) != count:
        raise MirbenchError(
            f"{title}: the encoder must return an array of ({count}, dim) for {count} windows, "
            f"not {getattr(found, 'shape', type(found).__name__)}."
        )
    return found


def write_embeddings(folder: Path, embeddings: Embeddings) -> None:
    """embeddings.npy, ids.txt, skipped.txt."""
    np.save(folder / "embeddings.npy", embeddings.matrix)
    (folder / "ids.txt").write_text("\n".join(embeddings.clip_ids), encoding="utf-8")
    (folder / "skipped.txt").write_text("".join(f"{i}\t{why}\n" for i, why in embeddings.skipped.items()), encoding="utf-8")


def read_embeddings(folder: Path) -> Embeddings:
    """The matrix memory-mapped."""
    try:
        matrix = np.load(folder / "embeddings.npy", mmap_mode="r")
        ids = tuple((folder / "ids.txt").read_text(encoding="utf-8").split("\n")) if len(matrix) else ()
        skipped = dict(line.split("\t", 1) for line in (folder / "skipped.txt").read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise MirbenchError(f"the stored embeddings in {folder} cannot be read: {error}; delete that folder to make them again.") from error
    if len(ids) != len(matrix):
        raise MirbenchError(
            f"the stored embeddings in {folder} have {len(matrix)} rows for {len(ids)} clips; delete that folder to make them again."
        )
    return Embeddings(ids, matrix, skipped)
