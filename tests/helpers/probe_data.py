"""Data and shorthands that the tests of the probes share."""

from __future__ import annotations

import numpy as np
import torch

from mirbench import Probe
from mirbench.evaluation.probing.probes import FittedProbe, fit
from mirbench.registry.plugins import current

HEADLINE = {"multiclass": "accuracy", "multilabel": "macro_roc_auc", "regression": "r2"}
Split = tuple[np.ndarray, np.ndarray]


def made(target: str, clips: int = 250, dim: int = 30, classes: int = 5, seed: int = 0, noise: float = 1.0) -> tuple[Split, Split]:
    """Train and valid of the same make: features with unequal scales, targets that follow a few directions of them, with noise."""
    draw = np.random.default_rng(seed)
    hidden = draw.normal(size=(2 * clips, 8))
    features = hidden @ draw.normal(size=(8, dim)) + draw.normal(size=(2 * clips, dim))
    features = (features * draw.uniform(0.1, 10, dim) + draw.normal(size=dim) * 5).astype(np.float32)
    logits = 1.5 * hidden @ draw.normal(size=(8, classes))
    if target == "multiclass":
        targets = (logits + noise * draw.gumbel(size=logits.shape)).argmax(axis=1)
    elif target == "multilabel":
        targets = (logits - 1 + noise * draw.logistic(size=logits.shape) > 0).astype(int)
    else:
        targets = logits + noise * draw.normal(size=logits.shape)
    return (features[:clips], targets[:clips]), (features[clips:], targets[clips:])


def fitted(train: Split, valid: Split, target: str, classes: int = 5, kind: str | Probe = "linear", **options: object) -> FittedProbe:
    names = tuple(str(i) for i in range(classes))
    probe = current().get("probe", kind) if isinstance(kind, str) else kind
    return fit(*train, *valid, target=target, classes=names, probe=probe, **{"metric": HEADLINE[target], **options})


def at(target: str, **values: object) -> Probe:
    """The linear probe at these points alone."""
    linear = current().get("probe", "linear")
    return Probe("linear", lambda: linear.build(target), {name: list(each) for name, each in values.items()}, seeded=False)


def softmax(scores: np.ndarray) -> np.ndarray:
    return torch.from_numpy(scores).double().softmax(dim=1).numpy()
