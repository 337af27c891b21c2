"""The measures of this room by name: what stands on an axis, which direction is better, and the range.

The same artist is a label of `label_retrieval` where groups are pieces, and a group of `group_retrieval` where they are artists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """low, high: what the value can be; high is infinite where nothing bounds it."""

    name: str
    label: str
    larger_is_better: bool
    low: float = 0.0
    high: float = 1.0


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("cosine_shift", "cosine shift, in distances between clips", larger_is_better=False, high=math.inf),
        Measure("recall_at_1", "recall@1 of the clean clip", larger_is_better=True),
        Measure("recall_at_10", "recall@10 of the clean clip", larger_is_better=True),
        Measure("flip_rate", "share of decisions that change", larger_is_better=False),
        Measure("calibration_error", "expected calibration error", larger_is_better=False),
        Measure("brier_score", "Brier score", larger_is_better=False, high=2.0),  # of labels 1 at most
        Measure("map_same_group", "mAP of the same group", larger_is_better=True),
        Measure("map_same_artist", "mAP of the same artist", larger_is_better=True),
        Measure("map_same_label", "mAP of the same label", larger_is_better=True),
    )
}
