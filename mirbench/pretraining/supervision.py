"""From the labels of the clips in a batch to how positive each pair of views is."""

from __future__ import annotations

import torch
from torch import Tensor


def label_targets(view_to_clip: Tensor, labels: Tensor, labelled: Tensor, *, threshold: int = 1, weighted: bool = False) -> Tensor:
    """The target matrix of the semi-supervised loss for multi-label tags (Guinot et al. 2024).

    view_to_clip: (views,) int, the clip that each view is of. labels: (clips, classes) 0 or 1. labelled: (clips,) bool; the
    labels of a clip that is not labelled are unknown and never read. threshold: two labelled clips are positive where they
    share at least so many labels. weighted: instead, by Dice, 2 |a & b| / (|a| + |b|), 0 where both are empty.
    Returns (views, views) float32 in [0, 1], symmetric: 1 between views of one clip, labels' value between labelled clips,
    0 elsewhere; the diagonal is 1 and of no account to the loss.
    Raises ValueError where shapes disagree, a view names no clip, or threshold is below 1 or given together with weighted.

    >>> clips, tags = torch.tensor([0, 0, 1, 2]), torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]])
    >>> label_targets(clips, tags, torch.tensor([True, True, False]), weighted=True)[0]
    tensor([1.0000, 1.0000, 0.6667, 0.0000])
    """
    if view_to_clip.ndim != 1 or labels.ndim != 2 or labelled.shape != (len(labels),):
        raise ValueError(
            "view_to_clip must be (views,), labels (clips, classes), labelled (clips,), not "
            f"{tuple(view_to_clip.shape)}, {tuple(labels.shape)}, {tuple(labelled.shape)}"
        )
    if len(view_to_clip) and not (int(view_to_clip.min()) >= 0 and int(view_to_clip.max()) < len(labels)):
        raise ValueError(f"view_to_clip must lie in 0 to {len(labels) - 1}")
    if threshold < 1 or (weighted and threshold != 1):
        raise ValueError(f"threshold must be at least 1, and is for threshold mode only; it is {threshold}")
    known = labelled.to(torch.bool)
    one_hot = torch.where(known[:, None], labels, torch.zeros_like(labels)).to(torch.float32)
    if bool(((one_hot != 0) & (one_hot != 1)).any()):
        raise ValueError("labels must be 0 or 1")
    shared = one_hot @ one_hot.T
    if weighted:
        count = one_hot.sum(dim=1)
        total = count[:, None] + count[None, :]
        by_label = 2 * shared / total.clamp(min=1)
    else:
        by_label = (shared >= threshold).to(torch.float32)
    by_label = by_label * (known[:, None] & known[None, :])
    clip_i, clip_j = view_to_clip[:, None], view_to_clip[None, :]
    return torch.where(clip_i == clip_j, torch.ones(()), by_label[clip_i, clip_j])
