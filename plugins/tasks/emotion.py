"""Emotion: how aroused and how pleasant a clip is rated, two numbers of any scale; R² of each and their mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mirbench

if TYPE_CHECKING:
    import numpy as np

DIMENSIONS = ("arousal", "valence")


@dataclass(frozen=True)
class R2Of:
    """R² of one dimension: 1 - residual / total sum of squares; nan where it is constant.

    >>> import numpy as np
    >>> R2Of("valence")(np.array([[9.0, 1], [9, 2], [9, 3]]), np.array([[1.0, 1], [1, 2], [1, 2]]), DIMENSIONS, np.ones((1, 3)))
    array([0.5])
    """

    dimension: str

    def __call__(self, targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
        import numpy as np

        column = classes.index(self.dimension)
        target, score = targets[:, column] - targets[:, column].mean(), scores[:, column] - targets[:, column].mean()
        square = weights @ target**2
        total = square - (weights @ target) ** 2 / weights.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total > 1e-12 * square, 1 - weights @ (target - score) ** 2 / total, np.nan)


class Emotion(mirbench.Task):
    name = "emotion"
    description = "arousal and valence of a clip"
    annotation = "emotion"
    target = "regression"
    classes = DIMENSIONS
    metrics = ("r2", *(mirbench.Metric(f"r2_{name}", f"R² of {name}", frozenset({"regression"}), R2Of(name)) for name in DIMENSIONS))
    changed_by = frozenset({"pitch", "tempo"})  # both move ratings of either (Ilie and Thompson 2006), by how much nobody can say of a clip

    def label(self, value: Any) -> tuple[float, float]:
        """Arousal and valence, a pair or text with `|` between.

        >>> Emotion().label("5.1|3")
        (5.1, 3.0)
        """
        parts = value.split("|") if isinstance(value, str) else value
        try:
            arousal, valence = map(float, parts)
        except (TypeError, ValueError):
            arousal = valence = math.nan
        if not (math.isfinite(arousal) and math.isfinite(valence)):
            raise mirbench.MirbenchError(f"{value!r} is not arousal and valence; write two numbers with | between, such as 5.1|3.4.")
        return arousal, valence


@mirbench.hookimpl
def register_tasks() -> list[mirbench.Task]:
    return [Emotion()]
