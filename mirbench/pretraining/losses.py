"""The semi-supervised contrastive loss.

Guinot, Quinton, Fazekas: Semi-supervised contrastive learning of musical representations, ISMIR 2024 (arXiv 2407.13840).
With own views as the only positives it is NT-Xent (Chen et al. 2020); with all clips labelled it is SupCon's L_out
(Khosla et al. 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def semisupcon_loss(projections: Tensor, targets: Tensor, *, temperature: float = 0.1, epsilon: float = 0.0) -> Tensor:
    """Contrastive loss of each view against its weighted positives.

    With z the L2-normalised projections, s_ij = z_i . z_j / temperature and W the targets without their diagonal:
    mean over i of  - sum_j W_ij log(exp(s_ij) / sum_{k != i} exp(s_ik) + epsilon) / sum_j W_ij.

    projections: (views, dim) float, any length; normalised here. targets: (views, views) in [0, 1], how positive each pair
    is; the diagonal is ignored. epsilon: added inside the logarithm; 1e-6 gives the numbers of the authors' code.
    Returns a scalar in float32 at least; an anchor without positives contributes 0 and stays in the mean.
    Raises ValueError where the shapes disagree, a target is outside [0, 1] or not finite, or temperature is not positive.

    >>> views = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> own = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    >>> round(float(semisupcon_loss(views, own, temperature=1.0)), 4)  # -log(e / (e + 2))
    0.5514
    """
    if projections.ndim != 2:
        raise ValueError(f"projections must be (views, dim), not {tuple(projections.shape)}")
    views = len(projections)
    if targets.shape != (views, views):
        raise ValueError(f"targets must be ({views}, {views}) for {views} projections, not {tuple(targets.shape)}")
    if not temperature > 0 or epsilon < 0:
        raise ValueError(f"temperature must be positive and epsilon not negative, not {temperature} and {epsilon}")
    with torch.autocast(projections.device.type, enabled=False):
        wide = projections if projections.dtype == torch.float64 else projections.float()
        weights = targets.to(wide)
        if not bool(((weights >= 0) & (weights <= 1)).all()):
            raise ValueError("targets must lie in [0, 1]")
        if views < 2:
            return wide.sum() * 0.0
        diagonal = torch.eye(views, dtype=torch.bool, device=wide.device)
        unit = functional.normalize(wide, dim=1)
        logits = (unit @ unit.T / temperature).masked_fill(diagonal, float("-inf"))
        log_share = (logits - logits.logsumexp(dim=1, keepdim=True)).masked_fill(diagonal, 0.0)
        if epsilon:
            log_share = (log_share.exp() + epsilon).log()
        weights = weights.masked_fill(diagonal, 0.0)
        total = weights.sum(dim=1)
        per_anchor = -(weights * log_share).sum(dim=1) / torch.where(total > 0, total, torch.ones_like(total))
        return per_anchor.mean()
