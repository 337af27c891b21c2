"""Intervals cover what they say, and tests find what is not there as rarely as they say: simulated, as results/README.md has it in full."""

from __future__ import annotations

import pytest
from simulated import Found, simulate

EXPERIMENTS = 120  # of three encoders each; the standard error of a share of coverage is about .012, of families .02


def check(found: Found) -> None:
    """Within what is asked of the whole table (.93 to .97, .06, .06) and three standard errors of fewer experiments."""
    assert 0.93 - 0.036 <= found.covered <= min(0.97 + 0.036, 1)
    assert found.rejected <= 0.06 + 0.03
    assert found.family <= 0.06 + 0.06


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3, 8])
@pytest.mark.parametrize("groups", [5, 11, 20, 40, 160])
def test_accuracy(groups, seeds):
    check(simulate("accuracy", groups, seeds, EXPERIMENTS))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["mirex", "macro_average_precision"])
@pytest.mark.parametrize(("groups", "seeds"), [(11, 3), (40, 3), (160, 1)])
def test_other_metrics(metric, groups, seeds):
    check(simulate(metric, groups, seeds, EXPERIMENTS // 2))


def test_eleven_groups_and_three_seeds():
    check(simulate("accuracy", 11, 3, 40, resamples=100))
