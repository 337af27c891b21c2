"""Probes on one of several layers, on the best of them, or on all, mixed by weights that are learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.evaluation.probing.probes import FittedProbe
from mirbench.nouns import Probe
from mirbench.progress import progress_bar
from mirbench.records import BEST_LAYER, WEIGHTED_LAYERS, Embeddings

if TYPE_CHECKING:
    from mirbench.evaluation.estimators.weighted_layers import WeightedLayers

Fit = Callable[[int | None, Probe], FittedProbe]


class WeightedProbe(Probe):
    """The linear probe on layers side by side, (clips, layers x dim)."""

    def __init__(self, linear: Probe, layers: int) -> None:
        super().__init__(linear.name, description=f"{linear.description}, of a weighted sum of layers")
        self.linear, self.layers = linear, layers

    def build(self, target: str) -> WeightedLayers:
        from mirbench.evaluation.estimators.weighted_layers import WeightedLayers  # here, since a plan needs no scikit-learn

        return WeightedLayers(self.layers, target=target)

    def points(self, target: str) -> Mapping[str, Sequence[Any]]:
        """The strengths of the linear probe; ridge regression's alpha is 1 / C."""
        return {"C": [1 / value if name == "alpha" else value for name, values in self.linear.points(target).items() for value in values]}


def fit_layers(fit: Fit, layers: int, probe: Probe, layer: int | str | None) -> FittedProbe:
    """fit: (layer, None for all side by side, and probe) -> fitted, with a validation score for each point of its grid.

    layers: of the embeddings, 0 where they are (clips, dim). layer: which is probed, `best` for the one whose probe is best on valid, of
    equals the first, or `weighted`; None where there is one alone. The report of the best says which it is and what each got; that of
    weighted layers has their weights. Raises MirbenchError where there are no such layers, or the probe cannot weight them.
    """
    if not layers:
        if layer is not None:
            raise MirbenchError(f"layer is {layer}, and the encoder returns one embedding of each clip, (batch, dim), without layers.")
        return fit(None, probe)
    if layer == WEIGHTED_LAYERS:
        if probe.name != "linear":
            raise MirbenchError(f"layer is {WEIGHTED_LAYERS}, which the probe '{probe.name}' cannot learn; name --probe linear.")
        fitted = fit(None, WeightedProbe(probe, layers))
        weights = fitted.pipeline[-1].weights_.tolist()
        return replace(fitted, report={**fitted.report, "layer_weights": [round(weight, 4) for weight in weights]})
    if layer == BEST_LAYER:
        numbers = progress_bar(iterable=range(layers), desc=f"{probe.name} probe", unit="layer", leave=False)
        every = [_of_layer(fit, probe, number) for number in numbers]
        scores = [float(np.nanmax(fitted.report["validation"])) for fitted in every]
        best = every[int(np.argmax(scores))]
        return replace(best, report={**best.report, "validation_of_layers": scores})
    assert isinstance(layer, int)
    return _of_layer(fit, probe, layer)


def of_layer(embeddings: Embeddings, layer: int | None) -> Embeddings:
    """Those that a probe of this layer is given, (clips, dim), not yet read; None: all layers, side by side."""
    matrix = embeddings.matrix
    if matrix.ndim == 2:
        return embeddings
    return replace(embeddings, matrix=matrix.reshape(len(matrix), -1) if layer is None else matrix[:, layer])


def _of_layer(fit: Fit, probe: Probe, layer: int) -> FittedProbe:
    fitted = fit(layer, probe)
    return replace(fitted, layer=layer, report={**fitted.report, "layer": layer})
