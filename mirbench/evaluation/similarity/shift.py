"""How far a corruption moves embeddings, and whether a clip is still nearest to itself."""

from __future__ import annotations

import numpy as np

from mirbench.evaluation.similarity.directions import TIE, Cosines
from mirbench.evaluation.similarity.ratio import Ratio

SAME = 1e-20  # a mean distance that is nothing but rounding


def cosine_shift(cosines: Cosines) -> Ratio:
    """Mean cosine distance between a clip clean and corrupted, over that between two different clean clips.

    0 where nothing moved, 1 where a clip moved as
    far as another clip is, above 1 where further. Two zero vectors are at distance 0, and one is at distance 1 from all others. nan for a
    single clip, or where all clean embeddings have one direction.

    >>> clean = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> cosine_shift(Cosines(clean, clean)).value, cosine_shift(Cosines(clean, clean[::-1])).value
    (0.0, 1.0)
    """
    before, after = cosines.before, cosines.after
    clips = len(before)
    moved = ((before - after) ** 2).sum(axis=1) / 2  # 1 less the cosine, without its rounding
    if clips < 2:
        return Ratio(moved, np.zeros(clips))
    from_mean = ((before - before.mean(axis=0)) ** 2).sum(axis=1)
    to_others = (clips * from_mean + from_mean.sum()) / 2 / (clips - 1)
    apart = to_others.mean()
    return Ratio(moved, 2 * to_others - apart if apart > SAME else np.zeros(clips))


def recall_at_k(cosines: Cosines, *numbers: int) -> list[Ratio]:
    """For each k, the share of corrupted clips among whose k nearest clean clips, by cosine, is the clip itself.

    numbers: 1 or more each. Clips that are as near as the clip itself share the places that are left, as if they were drawn (McSherry and
    Najork 2008): embeddings that are all alike have k / clips. Depends on how many clips there are.

    >>> clean = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    >>> recall_at_k(Cosines(clean, clean), 1)[0].top
    array([1. , 0.5, 0.5])
    """
    if wrong := [k for k in numbers if k < 1]:
        raise ValueError(f"k = {wrong[0]} should be 1 or more")
    hits = np.empty((len(numbers), len(cosines)))
    for rows, cosine in cosines.blocks():
        own = cosine[np.arange(len(cosine)), np.arange(rows.start, rows.stop)][:, None]
        above, as_near = (cosine > own + TIE).sum(axis=1), (np.abs(cosine - own) <= TIE).sum(axis=1)
        hits[:, rows] = [((k - above) / as_near).clip(0, 1) for k in numbers]
    return [Ratio(each, np.ones(len(cosines))) for each in hits]
