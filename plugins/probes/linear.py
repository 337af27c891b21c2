"""The linear probe: logistic regression, or ridge regression, at seven strengths.

C is scikit-learn's: 1/2 |W|^2 + C x the summed loss, the bias not penalised; ridge has alpha = 1 / C. On synthetic features (128 to 4096
dimensions, 500 to 5,000 clips) the best C was mostly 1e-3 to 1, never 1e-5; 10 was chosen at times, where scores no longer changed from 1
on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mirbench

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # C, from strong to weak regularisation
ALPHAS = (1e5, 1e4, 1e3, 1e2, 10.0, 1.0, 0.1)


class Linear(mirbench.Probe):
    name = "linear"
    description = "L2-regularised logistic regression, one a label for many labels, or ridge regression"
    targets = ("multiclass", "multilabel", "regression")
    seeded = False

    def build(self, target: str) -> Any:
        if target == "regression":
            from sklearn.linear_model import Ridge

            return Ridge()
        return mirbench.LogisticClassifier(warm_start=True)

    def points(self, target: str) -> Mapping[str, Sequence[float]]:
        return {"alpha": ALPHAS} if target == "regression" else {"C": STRENGTHS}


@mirbench.hookimpl
def register_probes() -> list[mirbench.Probe]:
    return [Linear()]
