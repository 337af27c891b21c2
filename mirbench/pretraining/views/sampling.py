"""Which clips, and which stretches of them, are in a batch: a function of (seed, step) and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

SHARE_STREAM = 2 * 10**6
AUTO_SHARE = 0.5  # b_s of the paper


@dataclass(frozen=True)
class Batch:
    """clips: (clips,) numbers; labelled: (clips,) bool, whether a clip's labels are told; view_to_clip: (views,) row in `clips`;
    starts: (views,) int, where each view begins in its clip, in frames or samples; speeds: (views,) how fast it is played."""

    clips: Tensor
    labelled: Tensor
    view_to_clip: Tensor
    starts: Tensor
    speeds: Tensor

    def in_rank_order(self, world: int) -> Batch:
        """Every world-th clip from the first on, then from the second on ...: one rank's after the other's, of like mixture."""
        return self if world == 1 else self._of_clips(torch.cat([torch.arange(r, len(self.clips), world) for r in range(world)]))

    def share_of(self, rank: int, world: int) -> Batch:
        """The clips of one rank, of a batch in rank order."""
        own = len(self.clips) // world
        return self if world == 1 else self._of_clips(torch.arange(rank * own, (rank + 1) * own))

    def _of_clips(self, rows: Tensor) -> Batch:
        views = self.starts.view(len(self.clips), -1)
        return replace(
            self,
            clips=self.clips[rows],
            labelled=self.labelled[rows],
            view_to_clip=torch.arange(len(rows)).repeat_interleave(views.shape[1]),
            starts=views[rows].reshape(-1),
            speeds=self.speeds.view(len(self.clips), -1)[rows].reshape(-1),
        )


def label_budget(labels: Sequence[Sequence[str]], names: Sequence[str], fraction: float, seed: int = 0) -> list[int]:
    """The share of the labelled clips whose labels may be used (p_s of the paper), stratified by label and nested.

    labels: the label names of each clip; a clip without any is not labelled. names: of the clips, so that the choice does not
    depend on their order. Returns row numbers, sorted; `fraction` of the labelled clips, rounded, and at least one of them where
    fraction is above 0. The clips are put into one order, of which a budget is the head, so that a smaller budget is inside a
    larger one: the next clip is always one that carries the label of which the least share has been taken, the rarest first, as in
    iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011). So a rare label is in the budget before a frequent one comes again.

    >>> labels = [("rock",)] * 90 + [("rock", "harp")] * 10
    >>> small, large = (label_budget(labels, [f"clip{i}" for i in range(100)], share) for share in (0.05, 0.1))
    >>> set(small) < set(large), len(small), sum(i >= 90 for i in small) >= 1
    (True, 5, True)
    """
    known = sorted((i for i, found in enumerate(labels) if found), key=lambda i: names[i])
    order = [known[i] for i in np.random.default_rng(seed).permutation(len(known))]
    wanted = min(len(order), max(round(fraction * len(order)), 1 if fraction > 0 else 0))
    waiting: dict[str, list[int]] = {}
    for i in reversed(order):
        for label in dict.fromkeys(labels[i]):
            waiting.setdefault(label, []).append(i)
    classes = sorted(waiting, key=lambda label: (len(waiting[label]), label))
    sizes = np.array([len(waiting[label]) for label in classes], np.float64)
    column = {label: j for j, label in enumerate(classes)}
    taken, chosen = np.zeros(len(classes)), set[int]()
    while len(chosen) < wanted:
        j = int((taken / sizes).argmin())  # the first of equals, so the rarest
        clip = waiting[classes[j]].pop()
        if clip not in chosen:
            chosen.add(clip)
            for label in set(labels[clip]):
                taken[column[label]] += 1
    return sorted(chosen)


def share_of_labelled(share: float | str, most_repeats: float, labelled: int, unlabelled: int) -> float:
    """b_s. share: as given, or "auto". labelled, unlabelled: how many clips there are to draw from.

    With the share b, a labelled clip is drawn b / labelled of the time and another (1 - b) / unlabelled. The first over the second is at
    most r = most_repeats where b <= r labelled / (r labelled + unlabelled).

    >>> share_of_labelled("auto", 10, 1_800, 15_000), round(share_of_labelled("auto", 10, 18, 15_000), 3)
    (0.5, 0.012)
    """
    if share != "auto":
        return float(share)
    return min(AUTO_SHARE, most_repeats * labelled / max(1.0, most_repeats * labelled + unlabelled))


@dataclass(frozen=True)
class Sampler:
    """Mixed batches: a share of labelled clips (b_s), the rest without labels, both drawn with replacement.

    labelled: clips whose labels may be used; unlabelled: what the rest of a batch is drawn from. lengths: of all clips, in frames or
    samples, as `length`, which is a view's. batch_views: views in a batch, of `views` each clip. segments: a clip's views are
    consecutive stretches of one excerpt, or independent ones. stretch: half of the views are played up to this share faster or slower.
    """

    labelled: Tensor
    unlabelled: Tensor
    lengths: Tensor
    batch_views: int
    views: int
    labelled_share: float
    length: int
    seed: int
    segments: str = "consecutive"
    stretch: float = 0.0

    @property
    def clips(self) -> int:
        return self.batch_views // self.views

    def generator(self, step: int, stream: int = 0) -> torch.Generator:
        """The random stream of a step; batches are drawn from stream 0, views augmented from others."""
        key = np.random.SeedSequence([self.seed, step, stream]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(key >> np.uint64(1)))

    def labelled_clips(self, step: int) -> int:
        """How many clips of a step's batch are labelled: b_s of them, and where that is no whole number, one more as often as it takes."""
        wanted = self.clips * self.labelled_share if len(self.labelled) else 0.0
        whole = math.floor(wanted + 1e-9)
        rest = wanted - whole
        return whole + int(rest > 1e-9 and float(torch.rand((), generator=self.generator(step, SHARE_STREAM))) < rest)

    def batch(self, step: int) -> Batch:
        """A clip that is too short for its views one after the other gives independent ones, and one shorter than a view is repeated."""
        generator = self.generator(step)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, dtype=torch.float64)

        def draw(pool: Tensor, count: int) -> Tensor:
            return pool[torch.randint(max(1, len(pool)), (count,), generator=generator)] if count else pool[:0]

        n_labelled = self.labelled_clips(step)
        clips = torch.cat([draw(self.labelled, n_labelled), draw(self.unlabelled, self.clips - n_labelled)])
        count, span = len(clips), self.views * self.length
        lengths = self.lengths[clips]
        first = (uniform(count) * (lengths - span + 1).clamp_min(1)).long()
        alone = (uniform(count, self.views) * ((lengths - self.length).clamp_min(0) + 1)[:, None]).long()
        together = (lengths >= span) & (self.segments == "consecutive")
        starts = torch.where(together[:, None], first[:, None] + torch.arange(self.views) * self.length, alone).reshape(-1)
        views = len(starts)
        speeds = 1 + self.stretch * (2 * uniform(views) - 1) * (uniform(views) < 0.5)
        return Batch(clips, torch.arange(count) < n_labelled, torch.arange(count).repeat_interleave(self.views), starts, speeds)
