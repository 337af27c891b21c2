"""Intervals of each measure cover what they say; what is documented runs; and the table of measures."""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from resembling import covered, measures

from mirbench.evaluation import similarity
from mirbench.evaluation.similarity.directions import Cosines
from mirbench.evaluation.similarity.measures import MEASURES

MODULES = [f"{similarity.__name__}.{each.name}" for each in pkgutil.iter_modules(similarity.__path__)]


def check(shares: dict[str, float], experiments: int) -> None:
    """Within .92 to .98 and three standard errors; those of calibration errors are too wide near 0."""
    for name, share in shares.items():
        assert share >= 0.92 - 3 * math.sqrt(0.05 * 0.95 / experiments), name
        assert share <= (1 if name == "calibration_error" else 0.98 + 3 * math.sqrt(0.05 * 0.95 / experiments)), name


def test_fifty_groups() -> None:
    check(covered(50, 50, resamples=100), 50)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [20, 100, 400])
def test_few_and_many_groups(groups: int) -> None:
    check(covered(groups, 150), 150)


def test_what_is_measured_is_in_the_table_and_its_range() -> None:
    found = measures(30, np.random.default_rng(0))[1]
    assert found.keys() - {"linear_cka"} == MEASURES.keys() - {"map_same_artist"}  # of two encoders; map_same_label of another label
    for name, each in found.items():
        if name == "linear_cka":
            continue
        assert MEASURES[name].low <= each.value <= MEASURES[name].high
        assert MEASURES[name].name == name


def test_a_worse_corruption_is_worse_in_the_direction_of_the_table() -> None:
    from mirbench.evaluation.similarity.retrieval import group_retrieval
    from mirbench.evaluation.similarity.shift import cosine_shift, recall_at_k

    random = np.random.default_rng(1)
    clean = np.repeat(random.normal(size=(30, 6)), 2, axis=0) + 0.3 * random.normal(size=(60, 6))
    noise, groups = random.normal(size=clean.shape), list(np.repeat(np.arange(30), 2))
    of = {
        "cosine_shift": lambda a, b: cosine_shift(Cosines(a, b)),
        "recall_at_1": lambda a, b: recall_at_k(Cosines(a, b), 1)[0],
        "recall_at_10": lambda a, b: recall_at_k(Cosines(a, b), 10)[0],
        "map_same_group": lambda a, b: group_retrieval(Cosines(a, b), groups),
    }
    for name, measure in of.items():
        mild, harsh = measure(clean, clean + 0.5 * noise).value, measure(clean, clean + 3 * noise).value
        assert (mild > harsh) == MEASURES[name].larger_is_better, name


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    assert sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES) > 10


def test_importing_the_room_loads_numpy_only() -> None:
    code = f"import sys, importlib; [importlib.import_module(name) for name in {MODULES}]; "
    code += "print(sorted({'torch', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
