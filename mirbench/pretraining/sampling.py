"""Which clips, and which stretches of them, are in a batch: a function of (seed, step) and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LABEL_BUDGET_SEED = 20_240  # the label budget has a seed of its own, so that 5 % of the labels are the same 5 % for every training seed


@dataclass(frozen=True)
class Batch:
    """clips: (clips,) numbers; labelled: (clips,) bool, whether a clip's labels are told; view_to_clip: (views,) row in `clips`;
    frames: (views, length) frame numbers in the clip."""

    clips: Tensor
    labelled: Tensor
    view_to_clip: Tensor
    frames: Tensor


def label_budget(candidates: Sequence[int], fraction: float) -> list[int]:
    """The share of the labelled clips whose labels may be used (p_s of the paper); a smaller budget is inside a larger one.

    >>> set(label_budget(range(100), 0.05)) < set(label_budget(range(100), 0.1))
    True
    """
    order = np.random.default_rng(LABEL_BUDGET_SEED).permutation(len(candidates))
    count = round(fraction * len(candidates))
    return sorted(candidates[i] for i in order[:count])


@dataclass(frozen=True)
class Sampler:
    """Mixed batches: a share of labelled clips (b_s), the rest without labels, both drawn with replacement.

    labelled: clips whose labels may be used; unlabelled: what the rest of a batch is drawn from. clips: in a batch.
    length: of a view, in frames. stretch: views are played up to this share faster or slower.
    """

    labelled: Tensor
    unlabelled: Tensor
    lengths: Tensor
    clips: int
    labelled_share: float
    length: int
    stretch: float
    seed: int

    def generator(self, step: int) -> torch.Generator:
        """The random stream of a step."""
        return torch.Generator().manual_seed((self.seed * 1_000_003 + step) * 2 + 1)

    def batch(self, generator: torch.Generator) -> Batch:
        """Two consecutive stretches of one excerpt per clip, or two random ones where the clip is too short for that."""

        def draw(pool: Tensor, count: int) -> Tensor:
            return pool[torch.randint(max(1, len(pool)), (count,), generator=generator)] if count else pool[:0]

        n_labelled = round(self.clips * self.labelled_share) if len(self.labelled) else 0
        clips = torch.cat([draw(self.labelled, n_labelled), draw(self.unlabelled, self.clips - n_labelled)])
        lengths = self.lengths[clips]
        room = (lengths - 2 * self.length).clamp_min(-1) + 1
        first = (torch.rand(len(clips), generator=generator) * room.clamp_min(1)).long()
        alone = [(torch.rand(len(clips), generator=generator) * ((lengths - self.length).clamp_min(0) + 1)).long() for _ in range(2)]
        starts = torch.stack([torch.where(room > 0, first, alone[0]), torch.where(room > 0, first + self.length, alone[1])], dim=1).reshape(
            -1
        )
        views = len(starts)
        speed = 1 + self.stretch * (2 * torch.rand(views, generator=generator) - 1) * (torch.rand(views, generator=generator) < 0.5)
        frames = starts[:, None] + (torch.arange(self.length)[None, :] * speed[:, None]).round().long()
        return Batch(clips, torch.arange(len(clips)) < n_labelled, torch.arange(len(clips)).repeat_interleave(2), frames)
