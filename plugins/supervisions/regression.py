"""Regression targets: two clips are alike as their numbers are near, such as their tempo or arousal and valence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mirbench

if TYPE_CHECKING:
    import torch


class RegressionOptions(mirbench.Options):
    bandwidth = mirbench.option(
        1.0,
        "standard deviation of the Gaussian kernel, in the target's units",
        gt=0,
        why=": how far apart two targets may be and still count as much alike",
    )


class Regression(mirbench.Supervision):
    """exp(-d^2 / (2 bandwidth^2)), d the Euclidean distance between the targets: .61 at one bandwidth, .14 at two, .01 at three."""

    name = "regression"
    description = "how near the targets of two clips are, by a Gaussian kernel of `bandwidth`, in the target's units"
    target = "regression"
    options = RegressionOptions()

    def label(self, value: Any) -> Any:
        """A number, or a tuple of several; text is split at `|`.

        >>> Regression().label("0.5|-1"), Regression().label(120)
        ((0.5, -1.0), 120.0)
        """
        several = value.split("|") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
        try:
            numbers = tuple(float(str(each)) for each in several)
        except ValueError:
            numbers = ()
        if not numbers or not all(map(math.isfinite, numbers)):
            raise mirbench.MirbenchError(f"{value!r} is no target for regression; write a number, or several such as '0.5|-1'.")
        return numbers[0] if len(numbers) == 1 else numbers

    def encode(self, labels: Sequence[Any], options: Mapping[str, Any]) -> torch.Tensor:
        import torch

        rows = [label if isinstance(label, tuple) else (label,) for label in labels]
        counts = sorted({len(row) for row in rows})
        if len(counts) > 1:
            raise mirbench.MirbenchError(
                f"targets have from {counts[0]} to {counts[-1]} numbers; a regression target has as many on every clip."
            )
        return torch.tensor(rows, dtype=torch.float32)

    def similarity(self, encoded: torch.Tensor, options: Mapping[str, Any]) -> torch.Tensor:
        import torch

        distance = torch.cdist(encoded, encoded, compute_mode="donot_use_mm_for_euclid_dist")
        return torch.exp(-0.5 * (distance / options["bandwidth"]).square())


@mirbench.hookimpl
def register_supervisions() -> list[mirbench.Supervision]:
    return [Regression()]
