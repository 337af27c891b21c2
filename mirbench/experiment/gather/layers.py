"""Which layer of an encoder is best, and whether that is decided: the layer with the highest score against each other one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mirbench.evaluation.statistics.estimates import Estimate, estimate, holm
from mirbench.evaluation.statistics.replicates import Layout, Training
from mirbench.experiment.gather.resamples import Measurement, Trainings, vectors
from mirbench.experiment.resolve.records import Entry
from mirbench.records import LAYER
from mirbench.results.schema import listed

Pair = tuple[str, str]


def layer_rows(
    entries: Sequence[Entry], trainings: Trainings, layout: Layout, of_task: Mapping[str, str], clean: Mapping[str, Sequence[Measurement]]
) -> Iterator[dict[str, Any]]:
    """Rows of layers.csv, by the headline metric of one task. The best layer is found by looking at all, so p is corrected for all pairs of
    layers, by which any choice of pairs is covered. clean: by entry, what was measured on clean audio, one a seed."""
    for names in _families(entries):
        metric = clean[names[0]][0].metrics[0]
        found = vectors(layout, metric, {name: clean[name] for name in names})
        scored = [name for name in names if not math.isnan(found[name][0])]
        if len(scored) < 2:
            continue
        best = max(scored, key=lambda name: found[name][0])  # the lowest of several
        others = [name for name in scored if name != best]
        pairs = [(best, other) for other in others]
        each = {pair: _difference(layout, found, pair) for pair in [*pairs, *itertools.combinations(others, 2)]}
        corrected = dict(zip(each, holm([difference.p for difference in each.values()]), strict=True))
        for pair in pairs:
            difference, once = each[pair], [_once(trainings, name) for name in pair]
            yield {
                **dict(zip(("encoder", "baseline"), pair, strict=True)),
                **{**of_task, "metric": metric, "difference": difference.value, "ci_low": difference.low, "ci_high": difference.high},
                **{"p": difference.p, "p_holm": corrected[pair], "detectable": difference.detectable},
                **{"n_seeds": trainings.trained(best), "baseline_seeds": trainings.trained(pair[1])},
                **{"n_test": clean[best][0].n_test, "n_groups": layout.groups},
                **{"by_seed": listed(layout.by_seed(found[best] - found[pair[1]], best))},
                **dict(zip(("one_training", "baseline_one_training"), once, strict=True)),
            }


def _families(entries: Sequence[Entry]) -> Iterator[list[str]]:
    """The names of the entries that differ in nothing but the number of their layer, from the input on; of two or more."""
    families: dict[tuple[Any, ...], dict[int, str]] = {}
    for entry in entries:
        if LAYER in entry.values and isinstance(layer := entry.options[LAYER], int):
            others = tuple((option, value) for option, value in entry.values.items() if option != LAYER)
            families.setdefault((entry.encoder.name, *others), {})[layer] = entry.name
    yield from ([by_layer[layer] for layer in sorted(by_layer)] for by_layer in families.values() if len(by_layer) > 1)


def _difference(layout: Layout, found: Mapping[str, np.ndarray], pair: Pair) -> Estimate:
    """Layers are of the same trainings, so that their seeds go in pairs."""
    one, other = pair
    vector = found[one] - found[other]
    trained = {one: layout.paired(vector, one, other), other: Training(0.0, 0.0, 1, 0.0)} if one in layout.seeds else {}
    return estimate(vector, layout, "difference", trained)


def _once(trainings: Trainings, name: str) -> int:
    """As `Trainings.once`, where nothing is taken from other encoders."""
    return 1 if (code := trainings.once(name)) == 2 else code
