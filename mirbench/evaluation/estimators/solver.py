"""L2-regularised logistic regression: the solver under `LogisticClassifier`.

For a strength C it minimises what scikit-learn's LogisticRegression does, with the bias b not penalised:

    f(W, b) = 1/2 |W|^2 + C sum_i loss(x_i W + b, y_i)

with the softmax cross-entropy over all classes (multinomial), or the logistic loss of each label by itself. The method is L-BFGS
(Nocedal and Wright 2006, algorithm 7.4) with backtracking to the Armijo condition. Labels by themselves are separate
problems that go through it side by side, and leave as they are done.

Preconditioning. The Hessian is I + C sum_i (x_i x_i') x M_i: M_i is p_i (1 - p_i) for a label by itself, diag(p_i) - p_i p_i' for
the softmax, p_i being the predicted probabilities. Put the mean M for M_i; features on their principal axes make X'X diagonal,
and classes in the eigenbasis Q of M make M diagonal. Then V, where W = (D * V) Q' and D_jk = (1 + C m_k sum_i x_ij^2)^(-1/2), sees
a Hessian near the identity, and takes tens of steps instead of hundreds. M is taken anew after `ROUND` steps, and
before a solution is believed. A rotation does not change |W|^2, so the objective is the same. (Features off their axes are solved
as rightly, only more slowly.)

The eigenbasis of more than `MOST_TURNED` classes costs more than it saves, as products with it do: then m is the diagonal of M, and what
all classes share, which changes no probability, is taken out of W. 700 classes on 1,400 clips take half the time that way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MEMORY = 10  # pairs that L-BFGS remembers
ROUND = 60  # steps before the preconditioner is taken anew
SINGLE_ROUNDS = 3  # rounds with the large products in float32, twice as fast; what is not done then goes on in float64
ARMIJO = 1e-4
MOST_TURNED = 128  # classes
LARGEST_ROTATION = 2500  # above, finding the principal axes takes longer than going without


def principal_axes(features: Tensor) -> tuple[Tensor, Tensor | None]:
    """The features on the axes of their row space, and back: rotated (clips, rank), back (dim, rank), weights = back @ rotated's.

    The L2 norm of the weights is the same on either side, and the best weights lie in the row space, so nothing is lost. Where there are
    very many of both clips and features, these as they are, and None.
    """
    import torch

    clips, dim = features.shape
    if min(clips, dim) > LARGEST_ROTATION:
        return features, None
    power, axes = torch.linalg.eigh(features.T @ features if dim <= clips else features @ features.T)
    keep = power > 1e-12 * power[-1]
    axes = axes[:, keep]
    if dim <= clips:
        return features @ axes, axes
    length = power[keep].sqrt()
    return axes * length, features.T @ (axes / length)


def beginning(targets: Tensor, dim: int, multinomial: bool) -> Tensor:
    """Weights of 0 and biases that give each class its prevalence, shaped as `solve` takes them."""
    import torch

    prevalence = targets.mean(dim=0)
    # (dim + 1, problems, outputs): the softmax is one problem of all classes, labels are problems of one output
    point = targets.new_zeros((dim + 1, 1, targets.shape[1]) if multinomial else (dim + 1, targets.shape[1], 1))
    logit = prevalence.log() - prevalence.log().mean() if multinomial else torch.logit(prevalence)
    point[-1] = logit.view_as(point[-1])
    return point


def solve(
    features: Tensor, targets: Tensor, strength: float, multinomial: bool, start: Tensor, tolerance: float = 1e-4, steps: int = 3000
) -> tuple[Tensor, int, bool]:
    """Weights and, last, biases: (dim + 1, problems, outputs), of one problem where multinomial, of one output where not.

    features: (clips, dim) float64, columns with mean 0. targets: (clips, classes) float64 0/1, one-hot where multinomial; every
    column has both a 0 and a 1. start: where to begin, shaped as the result. tolerance: about the root mean square error left in the
    logits. steps: at most so many, in whole rounds. Returns the solution, how many steps it took, and whether it is within the tolerance.
    """
    import torch

    inputs = torch.cat([features, features.new_ones(len(features), 1)], dim=1)
    single = inputs.float()
    point, taken = start.clone(), 0
    active = torch.arange(point.shape[1], device=point.device)
    for number in range(-(-steps // ROUND)):
        truth = targets if multinomial else targets[:, active]
        products = single if number < SINGLE_ROUNDS else inputs
        point[:, active], done, more = _round(inputs, products, truth, strength, point[:, active], multinomial, tolerance)
        taken += more
        active = active[~done]
        if not len(active):
            break
    return point, taken, not len(active)


def _round(
    inputs: Tensor, products: Tensor, targets: Tensor, strength: float, weights: Tensor, multinomial: bool, tolerance: float
) -> tuple[Tensor, Tensor, int]:
    """Up to ROUND steps with one preconditioner. products: the inputs in the precision of the large matrix products.

    Returns the weights, shaped as given, which problems are done, (problems,), and the steps taken.
    """
    import torch
    from torch.nn.functional import softplus

    clips, classes = targets.shape
    penalised = torch.ones_like(inputs[0])
    penalised[-1] = 0.0
    penalised = penalised[:, None, None]
    logits = inputs @ weights.flatten(1)
    chances = logits.softmax(dim=1) if multinomial else logits.sigmoid()
    basis = None
    if multinomial and classes <= MOST_TURNED:
        variance, basis = torch.linalg.eigh(torch.diag(chances.mean(dim=0)) - chances.T @ chances / clips)
    else:
        variance = (chances * (1 - chances)).mean(dim=0)
    variance = variance.clamp(min=1e-9).view(weights.shape[1:])
    curvature = strength * variance  # (problems, outputs)
    scale = (penalised + curvature * inputs.square().sum(dim=0)[:, None, None]).rsqrt()

    # were the Hessian in V the identity, the logits of an average clip would be off by |gradient| / sqrt(curvature * clips)
    enough = tolerance**2 * clips * curvature.sum(dim=1)

    def weights_of(point: Tensor, scale: Tensor) -> Tensor:
        scaled = scale * point
        if basis is not None:
            return scaled @ basis.T
        return scaled - scaled.mean(dim=2, keepdim=True) if multinomial else scaled

    def objective(point: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """Value (problems,) and gradient (dim + 1, problems, outputs) of those problems, in the scaled parameters."""
        weights = weights_of(point, scale[:, which])
        logits = (products @ weights.flatten(1).to(products)).to(weights).view(clips, *weights.shape[1:])
        if multinomial:
            total = logits.logsumexp(dim=2, keepdim=True)
            loss = (total.sum() - (logits[:, 0] * targets).sum())[None]
            slope = logits.sub_(total).exp_().sub_(targets[:, None])
        else:
            truth = targets[:, which, None]
            loss = (softplus(logits) - truth * logits).sum(dim=(0, 2))
            slope = logits.sigmoid().sub_(truth)
        value = strength * loss + 0.5 * (penalised * weights.square()).sum(dim=(0, 2))
        gradient = strength * (products.T @ slope.flatten(1).to(products)).to(weights).view_as(weights) + penalised * weights
        if multinomial:  # adding the same to all classes changes nothing; keep rounding from drifting that way
            gradient -= gradient.mean(dim=2, keepdim=True)
        return value, scale[:, which] * (gradient if basis is None else gradient @ basis)

    def close(gradient: Tensor, which: Tensor) -> Tensor:
        return gradient.square().sum(dim=(0, 2)) <= enough[which]

    # what rounding may hide of a fall in the value: 30 times the precision of the products
    rounding = 30 * torch.finfo(products.dtype).eps
    solution, done, taken = _lbfgs(objective, close, (weights if basis is None else weights @ basis) / scale, rounding)
    return weights_of(solution, scale), done, taken


Objective = Callable[["Tensor", "Tensor"], "tuple[Tensor, Tensor]"]


def _lbfgs(
    objective: Objective, close: Callable[[Tensor, Tensor], Tensor], solution: Tensor, rounding: float
) -> tuple[Tensor, Tensor, int]:
    """ROUND steps from `solution`, (dim, problems, outputs), each problem by itself, until close.

    Returns where they came, which were close from the start (the others are to be judged again by the curvature where they are), and how
    many steps the longest took.
    """
    import torch

    active = torch.arange(solution.shape[1], device=solution.device)
    point, solution = solution, solution.clone()
    value, gradient = objective(point, active)
    history: list[tuple[Tensor, Tensor, Tensor]] = []
    for step_number in range(ROUND + 1):
        finished = close(gradient, active)
        if step_number == 0:
            done = finished
        if finished.any() or step_number == ROUND:
            solution[:, active] = point
            keep = ~finished
            if not keep.any() or step_number == ROUND:
                break
            active, point, value, gradient = active[keep], point[:, keep], value[keep], gradient[:, keep]
            history = [(moved[:, keep], change[:, keep], rho[keep]) for moved, change, rho in history]
        direction = _direction(gradient, history)
        step, value, after = _backtrack(objective, point, value, gradient, direction, active, rounding)
        moved, change = step * direction, after - gradient
        product = (moved * change).sum(dim=(0, 2))
        rho = torch.where(product > 0, 1 / product.where(product > 0, 1.0), 0.0)
        history = [*history[-MEMORY + 1 :], (moved, change, rho)]
        point, gradient = point + moved, after
    return solution, done, step_number


def _direction(gradient: Tensor, history: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Minus the L-BFGS inverse Hessian times the gradient (the two-loop recursion)."""
    direction = -gradient
    shares = []
    for moved, change, rho in reversed(history):
        share = rho * (moved * direction).sum(dim=(0, 2))
        direction = direction - share[:, None] * change
        shares.append(share)
    if history:
        _, change, rho = history[-1]
        length = rho * change.square().sum(dim=(0, 2))
        direction = direction / length.where(length > 0, 1.0)[:, None]
    for (moved, change, rho), share in zip(history, reversed(shares), strict=True):
        direction = direction + (share - rho * (change * direction).sum(dim=(0, 2)))[:, None] * moved
    return direction


def _backtrack(
    objective: Objective, point: Tensor, value: Tensor, gradient: Tensor, direction: Tensor, active: Tensor, rounding: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Halve the step of each problem until its value falls enough (or rounding hides the fall, or the step is nothing).

    Returns step (problems, 1), and value and gradient there.
    """
    import torch

    step = torch.ones_like(value)
    slope = (direction * gradient).sum(dim=(0, 2))
    new_value, new_gradient = objective(point + direction, active)
    for _ in range(40):
        failing = torch.nonzero(~(new_value <= value + ARMIJO * step * slope + rounding * value.abs()))[:, 0]
        if not len(failing):
            break
        step[failing] *= 0.5
        trial = point[:, failing] + step[failing, None] * direction[:, failing]
        new_value[failing], new_gradient[:, failing] = objective(trial, active[failing])
    return step[:, None], new_value, new_gradient
