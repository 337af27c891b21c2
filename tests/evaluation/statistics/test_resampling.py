"""Resamples: whole groups, drawn once for all that is compared, and every metric on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from predicted import answers, shuffled, some

from mirbench.evaluation.probing.metrics import evaluate
from mirbench.evaluation.statistics.resampling import bias_corrected, bootstrap_weights, measure


def test_weights_draw_whole_groups_and_keep_their_number() -> None:
    groups = ["b", "a", "b", "c", "a", "b"]
    weights = bootstrap_weights(groups, 500, 3)
    assert weights.shape == (500, 6)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 0] == weights[:, 5]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


@pytest.mark.parametrize("count", [2, 7, 36, 1001])
def test_weights_are_those_of_one_draw_for_all_resamples(count: int) -> None:
    groups = [str(number % count) for number in range(2 * count + 1)]
    names, of_clip = np.unique(groups, return_inverse=True)
    drawn = np.random.default_rng(5).integers(count, size=(31, count))
    expected = np.array([np.bincount(row, minlength=count) for row in drawn])[:, of_clip]
    assert (bootstrap_weights(groups, 31, 5) == expected).all()
    assert len(names) == count


def test_counts_are_those_of_drawing_with_replacement() -> None:
    counts = bootstrap_weights([str(i) for i in range(10)], 20_000)
    assert counts.mean(axis=0) == pytest.approx(np.ones(10), abs=0.03)
    assert counts.var(axis=0) == pytest.approx(np.full(10, 0.9), abs=0.04)  # binomial(10, 1/10)
    assert np.corrcoef(counts.T)[0, 1] == pytest.approx(-1 / 9, abs=0.03)


def test_weights_depend_on_the_set_of_groups_and_the_seed_not_on_order() -> None:
    groups = np.array(["x", "y", "z", "y", "w"])
    order = np.array([4, 2, 0, 3, 1])
    assert (bootstrap_weights(groups, 50, 1)[:, order] == bootstrap_weights(groups[order], 50, 1)).all()
    assert (bootstrap_weights(groups, 50, 1) == bootstrap_weights(groups, 50, 1)).all()
    assert (bootstrap_weights(groups, 50, 1) != bootstrap_weights(groups, 50, 2)).any()
    assert (bootstrap_weights(groups, 50, 1)[:20] == bootstrap_weights(groups, 20, 1)).all()
    more_clips = bootstrap_weights([*groups, "x", "x"], 50, 1)
    assert (more_clips[:, :5] == bootstrap_weights(groups, 50, 1)).all()


def test_counts_are_drawn_row_by_row_from_one_stream() -> None:
    """The draws that every published interval was made with."""
    random, groups = np.random.default_rng(7), [f"{i:02}" for i in range(13)]
    by_hand = [np.bincount(random.integers(13, size=13), minlength=13) for _ in range(40)]
    assert (bootstrap_weights(groups, 40, 7) == by_hand).all()


def test_global_generators_are_left_alone() -> None:
    before = np.random.get_state()[1].copy()
    measure(["accuracy"], some(), 20)
    assert (np.random.get_state()[1] == before).all()


def test_measure_is_evaluate_on_one_set_of_resamples() -> None:
    given = some()
    values, resampled = measure(["accuracy", "macro_f1"], given, 50, 3)
    assert values.shape == (2,)
    assert resampled.shape == (2, 50)
    weights = bootstrap_weights(given.groups, 50, 3)
    for metric, value, each in zip(("accuracy", "macro_f1"), values, resampled, strict=True):
        assert value == evaluate(metric, given)[0]
        assert (each == evaluate(metric, given, weights)).all()
    assert measure(["accuracy"], shuffled(given), 50, 3)[1] == pytest.approx(resampled[:1])
    assert np.isnan(measure(["accuracy"], some(groups=1), 50)[1]).all()
    assert measure([], given, 50)[1].shape == (0, 50)


def test_clips_that_a_corruption_left_out_do_not_change_the_draws() -> None:
    """Without the groups, the rest is drawn anew and nothing is paired with it."""
    right = np.r_[np.ones(30), (np.arange(30) % 3 > 0)]
    given = answers(right, [f"tune{i:02}" for i in range(60)])
    fewer = replace(given, **{name: getattr(given, name)[5:] for name in ("clip_ids", "groups", "targets", "scores")})
    whole = measure(["accuracy"], given, 300)[1][0]
    paired = measure(["accuracy"], fewer, 300, groups=given.groups)[1][0]
    weights = bootstrap_weights(given.groups, 300)[:, 5:]
    assert paired == pytest.approx(weights @ right[5:] / weights.sum(axis=1))
    assert np.corrcoef(whole, paired)[0, 1] > 0.9
    assert abs(np.corrcoef(whole, measure(["accuracy"], fewer, 300)[1][0])[0, 1]) < 0.5


def test_resamples_are_moved_to_their_value() -> None:
    assert bias_corrected(0.4, np.array([0.4, 0.6])) == pytest.approx([0.3, 0.5])
    assert bias_corrected(0.4, np.array([0.4, np.nan, 0.6])) == pytest.approx([0.3, np.nan, 0.5], nan_ok=True)
    assert np.isnan(bias_corrected(0.4, np.full(9, np.nan))).all()
