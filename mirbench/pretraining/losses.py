"""The semi-supervised contrastive loss.

Guinot, Quinton, Fazekas: Semi-supervised contrastive learning of musical representations, ISMIR 2024 (arXiv 2407.13840).
With own views as the only positives it is NT-Xent (Chen et al. 2020); with all clips labelled it is SupCon's L_out
(Khosla et al. 2020).

The pairs of a few hundred anchors at a time are computed, and with them their share of the gradient, so that no matrix of all pairs is
made beside the targets. With p_ij = exp(s_ij) / sum_{k in D_i} exp(s_ik) over the denominator D_i, and W the targets without their
diagonal, anchor i contributes l_i = - sum_j W_ij log(p_ij + epsilon) / sum_j W_ij, whose derivative is
    dl_i / ds_ik = (p_ik sum_j a_ij - a_ik) / sum_j W_ij,    a_ij = W_ij p_ij / (p_ij + epsilon).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, distributed

TINY = 1e-12  # a projection without a component above this has no direction
CHUNK = 512  # anchors at a time
FAINT = 1e-30  # an anchor whose targets add up to less has no positives


def semisupcon_loss(
    projections: Tensor,
    targets: Tensor,
    *,
    temperature: float = 0.1,
    epsilon: float = 0.0,
    in_denominator: Tensor | None = None,
    chunk: int = CHUNK,
) -> Tensor:
    """Contrastive loss of each view against its weighted positives.

    With z the L2-normalised projections, s_ij = z_i . z_j / temperature and W the targets without their diagonal:
    mean over i of  - sum_j W_ij log(exp(s_ij) / sum_{k != i} exp(s_ik) + epsilon) / sum_j W_ij.

    projections: (views, dim) float, any length; normalised here, and a row of zeros is as far from every other. targets: (views, views)
    in [0, 1], how positive each pair is; the diagonal is ignored, and they are constants. epsilon: added inside the logarithm; 1e-6 gives
    the numbers of the authors' code. in_denominator: (views, views) bool, the k of the sum for each i, in place of all k != i; the
    diagonal is ignored. chunk: anchors computed at a time; moves the memory needed, about 10 * chunk * views numbers, and not the value.
    Returns a scalar in float32 at least; an anchor without positives contributes 0 and stays in the mean. Can be differentiated once.
    Raises ValueError where the shapes disagree, a target is outside [0, 1] or not finite, a positive pair is left out of the
    denominator, or temperature is not positive.

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
    if in_denominator is not None and (in_denominator.shape != targets.shape or in_denominator.dtype != torch.bool):
        raise ValueError(
            f"in_denominator must be ({views}, {views}) bool for {views} projections, not "
            f"{tuple(in_denominator.shape)} {str(in_denominator.dtype).removeprefix('torch.')}"
        )
    if not temperature > 0 or not epsilon >= 0 or chunk < 1:
        raise ValueError(
            f"temperature must be positive, epsilon not negative and chunk at least 1, not {temperature}, {epsilon} and {chunk}"
        )
    with torch.autocast(projections.device.type, enabled=False):
        wide = projections if projections.dtype == torch.float64 else projections.float()
        if views < 2:
            _check_range(targets)
            return wide.sum() * 0.0
        unit = _unit(wide)
        with_gradient = torch.is_grad_enabled() and unit.requires_grad
        loss: Tensor = _Pairs.apply(unit, targets, in_denominator, temperature, epsilon, chunk, with_gradient)
        return loss


def _unit(rows: Tensor) -> Tensor:
    """Rows of length 1, without over- or underflow on the way; a row of zeros stays one and gets no gradient."""
    largest = rows.detach().abs().amax(dim=1, keepdim=True) if rows.shape[1] else rows.new_zeros(len(rows), 1)
    nothing = largest <= TINY
    scaled = rows / largest.masked_fill(nothing, math.inf)  # the length is divided out, so the scale needs no gradient
    return scaled / torch.linalg.vector_norm(scaled, dim=1, keepdim=True).masked_fill(nothing, 1.0)


def _check_range(targets: Tensor) -> None:
    if targets.numel():
        low, high = targets.aminmax()
        if not bool((low >= 0) & (high <= 1)):  # not a number fails too
            raise ValueError("targets must lie in [0, 1]")


class _Pairs(torch.autograd.Function):
    """The loss of normalised projections, with its gradient computed on the way, a chunk of anchors at a time."""

    @staticmethod
    def forward(
        ctx: Any,
        unit: Tensor,
        targets: Tensor,
        in_denominator: Tensor | None,
        temperature: float,
        epsilon: float,
        chunk: int,
        with_gradient: bool,
    ) -> Tensor:
        _check_range(targets)
        loss, lowest = unit.new_zeros(()), torch.finfo(unit.dtype).min
        gradient = torch.zeros_like(unit) if with_gradient else None
        left_out = []
        for first in range(0, len(unit), chunk):
            rows = slice(first, min(first + chunk, len(unit)))
            log_share = unit[rows] @ unit.T
            log_share /= temperature
            weights = targets[rows].to(unit, copy=True)
            weights[:, rows].fill_diagonal_(0.0)
            if in_denominator is not None:
                outside = ~in_denominator[rows].to(unit.device)
                log_share.masked_fill_(outside, -math.inf)
                left_out.append(outside.logical_and_(weights > 0).any())
            log_share[:, rows].fill_diagonal_(-math.inf)
            log_total = log_share.logsumexp(dim=1, keepdim=True)
            log_share -= log_total.masked_fill_(log_total == -math.inf, 0.0)
            log_share.clamp_(min=lowest)  # what is outside: no share of it, and 0 where its weight is 0
            weight = weights.sum(dim=1, keepdim=True)
            share_of_mean = 1 / (weight.masked_fill_(weight < FAINT, 1.0) * len(unit))
            told = log_share if epsilon == 0 else torch.logaddexp(log_share, log_share.new_tensor(math.log(epsilon)))
            loss -= (weights * told).sum(dim=1) @ share_of_mean[:, 0]
            if gradient is not None:
                if epsilon:
                    weights *= torch.sigmoid(log_share - math.log(epsilon))
                by_pair = log_share.exp_().mul_(weights.sum(dim=1, keepdim=True)).sub_(weights)
                by_pair *= share_of_mean / temperature
                gradient[rows] += by_pair @ unit
                gradient += by_pair.T @ unit[rows]
        if left_out and bool(torch.stack(left_out).any()):
            raise ValueError("in_denominator leaves out a pair whose target is above 0; a positive pair must stand in the denominator")
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return upstream * gradient, None, None, None, None, None, None


def gather_views(rows: Tensor) -> Tensor:
    """The rows of all processes in rank order, with gradients; without a process group, or in a group of one, what was given.

    rows: (views, dim) float on every process, as many on each; float16 and bfloat16 come back as float32. Backward adds up what the
    processes make of a row, so that where each computes the whole loss of the gathered batch, and parameter gradients are averaged over
    processes as DistributedDataParallel does, they are those of one process.
    Raises ValueError on every process where the shapes differ.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return rows
    shape = torch.tensor(rows.shape, device=rows.device)
    shapes = [torch.empty_like(shape) for _ in range(distributed.get_world_size())]
    distributed.all_gather(shapes, shape)
    found = [tuple(each.tolist()) for each in shapes]
    if len(set(found)) > 1:
        raise ValueError(f"every process must have as many views; the shapes by rank are {', '.join(map(str, found))}")
    gathered: Tensor = _Gather.apply(rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows)
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        everyone = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(everyone, rows.contiguous())
        return torch.cat(everyone)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        total = upstream.contiguous().clone()
        distributed.all_reduce(total)
        return total.chunk(distributed.get_world_size())[distributed.get_rank()]
