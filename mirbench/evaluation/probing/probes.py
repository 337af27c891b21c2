"""Probes: a small model on frozen features, fitted on train, chosen on valid, used once on test.

Features are standardised with the training mean and standard deviation; a column that is constant in training becomes 0.

linear: L2-regularised logistic regression (softmax for multiclass, one against the rest for multilabel, ridge for regression) at
the seven strengths of `STRENGTHS`; the validation metric chooses, of equals the stronger regularisation. C is scikit-learn's:
1/2 |W|^2 + C x the summed loss, the bias not penalised; ridge has alpha = 1 / C. On synthetic features (128 to 4096 dimensions, 500
to 5,000 clips) the best C was mostly 1e-3 to 1, never 1e-5; 10 was chosen at times, where scores no longer changed from 1 on. The
report says which was chosen. Nothing is refitted with the validation clips.

A label that nobody has judged for a clip, a multilabel target of -1, is neither learned from nor does it choose.

mlp: one hidden layer of 512 ReLU, Adam 3e-4, weight decay 1e-6, batches of 64, at most `EPOCHS`, stopped when the validation metric
has not risen for `PATIENCE` epochs; the weights are those of the best epoch, of equals the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.errors import MirbenchError, unknown_name
from mirbench.evaluation.probing.metrics import TARGETS, Metric, check_fits, evaluate, resolve
from mirbench.records import Predictions

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("linear", "mlp")
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # C, from strong to weak regularisation
HIDDEN, BATCH, RATE, DECAY, EPOCHS, PATIENCE = 512, 64, 3e-4, 1e-6, 200, 20
NEVER = -1e4  # the logit of a class that training has not shown
LARGEST_ROTATION = 2500  # above, finding the principal axes takes longer than going without

Layers = tuple[tuple[np.ndarray, np.ndarray], ...]
"""(inputs, outputs) weights and (outputs,) bias of each layer, float32, with ReLU between layers."""


@dataclass(frozen=True)
class Probe:
    """A fitted probe; plain arrays, so it can be pickled.

    mean, factor: (dim,) what standardises a feature. learned: which classes the layers give; blank: (classes,) scores of the others.
    report: kind, metric, the validation score of each strength (or epoch), the chosen one, and the classes that were not learned.
    """

    mean: np.ndarray
    factor: np.ndarray
    layers: Layers
    learned: np.ndarray
    blank: np.ndarray
    report: dict[str, Any] = field(default_factory=dict)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """features: (clips, dim) float, as given to `fit`. Returns (clips, classes) float32: logits, or values for regression.

        Raises MirbenchError where a feature is not finite or the dimension is another.
        """
        _check_features("test", features, len(self.mean))
        return self._scores(_standardise(features, self.mean, self.factor))

    def _scores(self, standardised: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            layers = [(torch.from_numpy(weights), torch.from_numpy(bias)) for weights, bias in self.layers]
            output = _forward(torch.from_numpy(standardised), layers).numpy()
        return self._complete(output)

    def _complete(self, output: np.ndarray) -> np.ndarray:
        scores = np.tile(self.blank, (len(output), 1))
        scores[:, self.learned] = output
        return scores


def fit(
    features_train: np.ndarray,
    targets_train: np.ndarray,
    features_valid: np.ndarray,
    targets_valid: np.ndarray,
    *,
    target: str,
    classes: Sequence[str],
    metric: str | Metric,
    kind: str = "linear",
    seed: int = 0,
    device: str = "cpu",
) -> Probe:
    """Fit a probe on the training clips and choose it by `metric` on the validation clips.

    features_*: (clips, dim) float. targets_*: as `records.Predictions` has them for the kind of `target`. seed: of the mlp's first
    weights and batches; the linear probe has one solution. The global generators and thread counts are left alone.
    A class that training lacks (multilabel: or that all clips have) is not learned: its score is a constant, strongly negative
    (multilabel: the log odds of its prevalence, smoothed). Prevalence, and what all clips have, are among those that were judged.
    Raises MirbenchError where a feature is not finite, a side has no clips, training shows fewer than 2 classes (multilabel: no
    label that some clips have and others lack), or the metric is undefined on the validation clips.
    """
    metric, classes = resolve(metric), tuple(classes)
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    if kind not in KINDS:
        raise unknown_name("probe", kind, KINDS)
    check_fits(metric, target)
    for name, features, targets in (("train", features_train, targets_train), ("valid", features_valid, targets_valid)):
        _check_features(name, features, features_train.shape[1])
        if not len(features):
            raise MirbenchError(f"the probe has no {name} clips; check the split of the data and the skipped clips in the manifest.")
        if len(features) != len(targets):
            raise ValueError(f"{len(features)} {name} features but {len(targets)} targets")

    learned, blank, table = learnable(np.asarray(targets_train), target, len(classes))
    mean, factor = _standards(features_train)
    start = Probe(mean, factor, (), learned, blank)
    train, valid = (_standardise(features, mean, factor) for features in (features_train, features_valid))
    clips = tuple(str(row) for row in range(len(valid)))
    truth = Predictions(clips, clips, classes, target, np.asarray(targets_valid), np.empty(0))

    def validate(scores: np.ndarray) -> float:
        return float(evaluate(metric, replace(truth, scores=scores))[0])

    facts = {"kind": kind, "metric": metric.name, "not_learned": [name for i, name in enumerate(classes) if i not in learned]}
    if kind == "linear":
        return _fit_linear(train, table, start, facts, target, device, lambda probe: validate(probe._scores(valid)))
    return _fit_mlp(train, table, start, facts, target, device, seed, valid, lambda output: validate(start._complete(output)))


def _fit_linear(
    train: np.ndarray, wanted: np.ndarray, start: Probe, facts: dict[str, Any], target: str, device: str, validate: Callable[[Probe], float]
) -> Probe:
    import torch

    from mirbench.evaluation.probing.logistic import solve

    weights: Tensor | list[Tensor]
    device = "cpu" if device.startswith("mps") else device  # which has no float64
    with torch.inference_mode():
        features = torch.from_numpy(train).to(device).double()
        truth = torch.from_numpy(wanted).to(device).double()
        if target == "multilabel":
            weights, biases, converged = _solve_labels(features, truth)
        else:
            rotated, back = _principal_axes(features, required=target == "regression")
            if target == "regression":
                weights, biases = _ridge(rotated, truth)
                converged = [True] * len(STRENGTHS)
            elif wanted.shape[1] == 2:  # one logit, shared out: as scikit-learn does for two classes
                weights, biases, converged = solve(rotated, truth[:, 1:], STRENGTHS, multinomial=False)
                weights, biases = (torch.cat([-half / 2, half / 2], dim=-1) for half in (weights, biases))
            else:
                weights, biases, converged = solve(rotated, truth, STRENGTHS, multinomial=True)
            weights = [back @ w for w in weights]
        path = [(w.float().cpu().numpy(), b.float().cpu().numpy()) for w, b in zip(weights, biases, strict=True)]
        probes = [replace(start, layers=(layer,)) for layer in path]
    validation = [validate(probe) for probe in probes]
    best = _best(validation, facts["metric"])
    facts |= {"strength": STRENGTHS[best], "strengths": list(STRENGTHS), "validation": validation, "converged": converged}
    return replace(probes[best], report=facts)


def _solve_labels(features: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, list[bool]]:
    """A logistic regression a label at every strength, on the clips that were judged for it; truth is nan where nobody did.

    Labels that were judged for the same clips go through the solver side by side, on axes of those clips.
    """
    import torch

    from mirbench.evaluation.probing.logistic import solve

    judged, alike = torch.unique(~truth.isnan(), dim=1, return_inverse=True)
    weights = features.new_zeros(len(STRENGTHS), features.shape[1], truth.shape[1])
    biases = features.new_zeros(len(STRENGTHS), truth.shape[1])
    reached = [True] * len(STRENGTHS)
    for number in range(judged.shape[1]):
        labels, rows = torch.nonzero(alike == number)[:, 0], judged[:, number]
        judged_features, middle = features, torch.zeros_like(features[0])
        if not rows.all():
            judged_features = features[rows]
            middle = judged_features.mean(dim=0)
            judged_features = judged_features - middle
        rotated, back = _principal_axes(judged_features, required=False)
        found, bias, converged = solve(rotated, truth[rows][:, labels], STRENGTHS, multinomial=False)
        for place, w in enumerate(found):
            weights[place][:, labels] = back @ w
        biases[:, labels] = bias - middle @ weights[:, :, labels]
        reached = [a and b for a, b in zip(reached, converged, strict=True)]
    return weights, biases, reached


def _principal_axes(features: Tensor, required: bool) -> tuple[Tensor, Tensor]:
    """The features on the axes of their row space, and back: rotated (clips, rank), back (dim, rank), weights = back @ rotated's.

    The L2 norm of the weights is the same on either side, and the best weights lie in the row space, so nothing is lost.
    """
    import torch

    clips, dim = features.shape
    if min(clips, dim) > LARGEST_ROTATION and not required:
        return features, torch.eye(dim, dtype=features.dtype, device=features.device)
    power, axes = torch.linalg.eigh(features.T @ features if dim <= clips else features @ features.T)
    keep = power > 1e-12 * power[-1]
    axes = axes[:, keep]
    if dim <= clips:
        return features @ axes, axes
    length = power[keep].sqrt()
    return axes * length, features.T @ (axes / length)


def _ridge(rotated: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Ridge regression with alpha = 1 / C at every strength, in closed form: the columns of `rotated` are orthogonal and centred."""
    import torch

    power = rotated.square().sum(dim=0)[:, None]
    mean = truth.mean(dim=0)
    product = rotated.T @ (truth - mean)
    return torch.stack([product / (power + 1 / strength) for strength in STRENGTHS]), mean.expand(len(STRENGTHS), -1)


def _fit_mlp(
    train: np.ndarray,
    wanted: np.ndarray,
    start: Probe,
    facts: dict[str, Any],
    target: str,
    device: str,
    seed: int,
    valid: np.ndarray,
    validate: Callable[[np.ndarray], float],
) -> Probe:
    import torch
    from torch.nn import functional

    random = torch.Generator().manual_seed(seed)
    features, unseen = torch.from_numpy(train).to(device), torch.from_numpy(valid).to(device)
    truth = torch.from_numpy(wanted).to(device)
    centre, spread = torch.zeros_like(truth[0]), torch.ones_like(truth[0])
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy  # one-hot targets
    if target == "multilabel":
        loss = _judged_loss if np.isnan(wanted).any() else functional.binary_cross_entropy_with_logits
    elif target == "regression":
        loss, centre = functional.mse_loss, truth.mean(dim=0)
        spread = truth.std(dim=0, correction=0)
        spread = spread.where(spread > 0, 1.0)
    truth = ((truth - centre) / spread).float()
    centre, spread = centre.float(), spread.float()

    layers = []
    for inputs, outputs in ((train.shape[1], HIDDEN), (HIDDEN, wanted.shape[1])):
        bound = inputs**-0.5
        weights, bias = (torch.empty(shape).uniform_(-bound, bound, generator=random) for shape in ((inputs, outputs), (outputs,)))
        layers.append((weights.to(device).requires_grad_(), bias.to(device).requires_grad_()))
    optimiser = torch.optim.Adam([p for layer in layers for p in layer], lr=RATE, weight_decay=DECAY, fused=True)

    validation: list[float] = []
    best, kept = -np.inf, -1
    layers_kept: Layers = ()
    with torch.enable_grad():
        for epoch in range(EPOCHS):
            for rows in torch.randperm(len(train), generator=random).to(device).split(BATCH):
                optimiser.zero_grad()
                loss(_forward(features[rows], layers), truth[rows]).backward()
                optimiser.step()
            with torch.no_grad():
                *first, (weights, bias) = [(w.detach(), b.detach()) for w, b in layers]
                now = [*first, (weights * spread, bias * spread + centre)]  # in the units of the targets
                score = validate(_forward(unseen, now).cpu().numpy())
            validation.append(score)
            if score > best:
                best, kept = score, epoch
                layers_kept = tuple((w.cpu().numpy().copy(), b.cpu().numpy().copy()) for w, b in now)
            if epoch - kept >= PATIENCE:
                break
    _best(validation, facts["metric"])  # raises where the metric was undefined throughout
    facts |= {"epoch": kept + 1, "epochs": len(validation), "validation": validation, "seed": seed}
    return replace(start, layers=layers_kept, report=facts)


def _judged_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """The mean over what was judged, 0 where nothing was; truth is nan where nobody did."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    judged = ~truth.isnan()
    total = binary_cross_entropy_with_logits(logits, truth.nan_to_num(), weight=judged.to(logits), reduction="sum")
    return total / judged.sum().clamp(min=1)


def _forward(features: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    for number, (weights, bias) in enumerate(layers):
        features = (features if number == 0 else features.relu()) @ weights + bias
    return features


def _best(validation: list[float], metric: str) -> int:
    """The first of the best scores that are defined."""
    if np.isnan(validation).all():
        raise MirbenchError(
            f"{metric} is undefined on the validation clips (they may all have the same labels), so no probe can be chosen;"
            " put clips with other labels into valid or choose another metric."
        )
    return int(np.nanargmax(validation))


def learnable(targets: np.ndarray, target: str, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which classes can be learned, the scores of the rest (classes,), and (clips, learned) float64 targets (one-hot if multiclass, nan
    where nobody has judged a label)."""
    blank = np.full(classes, NEVER, np.float32)
    if target == "regression":
        return np.arange(classes), blank, targets.astype(np.float64)
    table = np.eye(classes)[targets] if target == "multiclass" else (targets > 0).astype(np.float64)
    count, judged = table.sum(axis=0), np.full(classes, len(table))
    if target == "multilabel":
        judged = (targets >= 0).sum(axis=0)
        blank = np.log((count + 0.5) / (judged - count + 0.5)).astype(np.float32)
        table[targets < 0] = np.nan
    learned = np.flatnonzero((count > 0) & (count < judged))
    if not len(learned):
        if target == "multilabel":
            raise MirbenchError("no label is on some training clips and off others, so there is nothing to learn; add training clips.")
        raise MirbenchError(f"the training clips show {(count > 0).sum()} class and a probe needs 2 or more; add training clips.")
    return learned, blank, table[:, learned]


def _standards(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and 1 / standard deviation of each column, 0 where it is constant up to float32 rounding."""
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-6 * np.abs(mean)
    return mean, np.divide(1.0, deviation, out=np.zeros_like(mean), where=varies & (deviation > 0))


def _standardise(features: np.ndarray, mean: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return ((features - mean) * factor).astype(np.float32)


def _check_features(name: str, features: np.ndarray, dim: int) -> None:
    if features.ndim != 2 or features.shape[1] != dim:
        raise MirbenchError(f"the {name} features are {features.shape} but should be (clips, {dim}); embed all splits with one encoder.")
    bad = int((~np.isfinite(features)).any(axis=1).sum())
    if bad:
        raise MirbenchError(
            f"{bad} of {len(features)} {name} clips have features that are not finite; check the encoder's output on those clips."
        )
