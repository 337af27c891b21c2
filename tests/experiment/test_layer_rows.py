"""The best layer against the others: paired by clips and seeds, corrected for all pairs of layers."""

from types import SimpleNamespace

import numpy as np
import pytest

from mirbench.evaluation.statistics.estimates import holm
from mirbench.experiment.gather.layers import layer_rows
from mirbench.experiment.gather.resamples import Measurement, Trainings
from mirbench.records import Condition

RESAMPLES, GROUPS = 200, 24
OF_TASK = {"task": "genre", "dataset": "mini"}


def entry(layer, **more):
    values = {"layer": layer, **more}
    label = ", ".join(f"{name}={value}" for name, value in values.items())
    return SimpleNamespace(name=f"deep[{label}]", values=values, options=values, encoder=SimpleNamespace(name="deep"))


def measured(value, noise):
    resampled = (value + noise)[None]
    return Measurement(Condition(), (("accuracy", value, 0.0, 1.0),), resampled, 48, GROUPS, "clips")


def rows_of(entries, values, spread=(0.0,), noises=None, kind="fixed"):
    """values: of each entry; spread: what each seed adds to all layers of it."""
    draw = np.random.default_rng(0)
    noises = noises or [0.03 * draw.normal(size=RESAMPLES) for _ in entries]
    clean = {
        each.name: [measured(value + seed, noise) for seed in spread] for each, value, noise in zip(entries, values, noises, strict=True)
    }
    once = frozenset(clean) if len(spread) == 1 else frozenset()
    trainings = Trainings(dict.fromkeys(clean, len(spread)), dict.fromkeys(clean, kind), once)
    return list(layer_rows(entries, trainings, trainings.layout(RESAMPLES, GROUPS), OF_TASK, clean))


def test_the_best_is_compared_with_each_other_and_p_corrected_for_all_pairs():
    entries, values = [entry(layer) for layer in range(4)], [0.5, 0.62, 0.57, 0.4]
    noises = [0.03 * np.random.default_rng(seed).normal(size=RESAMPLES) for seed in range(4)]
    rows = rows_of(entries, values, noises=noises)
    assert [(row["encoder"], row["baseline"]) for row in rows] == [("deep[layer=1]", f"deep[layer={other}]") for other in (0, 2, 3)]
    assert [row["difference"] for row in rows] == pytest.approx([0.12, 0.05, 0.22])
    rest = [
        rows_of(*([of[i] for i in pair] for of in (entries, values)), noises=[noises[i] for i in pair]) for pair in ((0, 2), (0, 3), (2, 3))
    ]
    p = [*(row["p"] for row in rows), *(row["p"] for (row,) in rest)]
    assert [row["p_holm"] for row in rows] == pytest.approx(holm(p)[:3])


def test_what_a_seed_does_to_all_layers_cancels():
    noises = [0.01 * np.random.default_rng(seed).normal(size=RESAMPLES) for seed in range(2)]
    alone, seeded = (rows_of([entry(0), entry(1)], [0.5, 0.6], spread, noises, "trained") for spread in ((0.0,), (-0.2, 0.0, 0.2)))
    widths = [row["ci_high"] - row["ci_low"] for (row,) in (alone, seeded)]
    assert widths[1] == pytest.approx(widths[0], rel=0.05)
    assert [row["one_training"] for (row,) in (alone, seeded)] == [1, 0]
    assert len(seeded[0]["by_seed"].split()) == 3


def test_layers_with_what_else_was_swept_are_compared_among_themselves():
    entries = [entry(layer, probe=probe) for layer in (0, 1) for probe in ("linear", "knn")]
    rows = rows_of([*entries, SimpleNamespace(values={}, name="floor")], [0.5, 0.7, 0.6, 0.4, 0.9])
    pairs = {(row["encoder"], row["baseline"]) for row in rows}
    assert pairs == {
        ("deep[layer=1, probe=linear]", "deep[layer=0, probe=linear]"),
        ("deep[layer=0, probe=knn]", "deep[layer=1, probe=knn]"),
    }
    assert rows_of([entry(3)], [0.5]) == []
