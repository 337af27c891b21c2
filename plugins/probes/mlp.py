"""The MLP probe: one hidden layer of 512 ReLU, stopped when the score on valid has not risen for 20 epochs."""

from __future__ import annotations

from typing import Any

import mirbench


class MLP(mirbench.Probe):
    name = "mlp"
    description = "one hidden layer of 512 units, stopped early by valid"
    targets = ("multiclass", "multilabel", "regression")
    seeded = True

    def build(self, target: str) -> Any:
        return mirbench.MLPRegressor() if target == "regression" else mirbench.MLPClassifier()

    def cost(self, clips: int, classes: int) -> float:
        return 0.5 + 5e-5 * clips * classes


@mirbench.hookimpl
def register_probes() -> list[mirbench.Probe]:
    return [MLP()]
