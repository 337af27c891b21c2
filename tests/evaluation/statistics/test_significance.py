"""Intervals: deterministic, free of the clips' order, right in closed form and in coverage, paired where they compare."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from mirbench.evaluation.probing.metrics import evaluate
from mirbench.evaluation.statistics.significance import bootstrap_weights, holm, interval, measure, p_value, resampled_interval
from mirbench.records import Predictions


def score(metric, predictions, *options):
    """Value and interval of one run."""
    return mean([metric], [predictions], *options)


def mean(metrics, predictions, *options):
    """Of several runs, as a run folder's rows are made: the mean of values and of resamples, then the interval."""
    values, resampled = zip(*(measure(metrics, each, *options) for each in predictions), strict=True)
    value = float(np.mean(values))
    return value, *resampled_interval(value, np.mean(resampled, axis=0)[0])


def difference(a, b):
    """Value and interval of one run minus another."""
    (value, resampled), (other, others) = (measure(["accuracy"], each) for each in (a, b))
    return value[0] - other[0], *resampled_interval(value[0] - other[0], resampled[0] - others[0], bounded=False)


def answers(right: np.ndarray, groups: list[str]) -> Predictions:
    """Two classes, all clips of class 0; `right` says which were predicted so."""
    ids = tuple(f"clip{i}" for i in range(len(right)))
    return Predictions(ids, tuple(groups), ("no", "yes"), "multiclass", np.zeros(len(right), int), np.c_[right, 0.5 * np.ones(len(right))])


def shuffled(given: Predictions, seed: int = 0) -> Predictions:
    order = np.random.default_rng(seed).permutation(len(given.clip_ids))
    names = (tuple(given.clip_ids[i] for i in order), tuple(given.groups[i] for i in order))
    return replace(given, clip_ids=names[0], groups=names[1], targets=given.targets[order], scores=given.scores[order])


def some(clips: int = 60, groups: int = 20, share: float = 0.6, seed: int = 0) -> Predictions:
    random = np.random.default_rng(seed)
    return answers((random.random(clips) < share).astype(float), [f"tune{i % groups}" for i in range(clips)])


def test_weights_draw_whole_groups_and_keep_their_number() -> None:
    groups = ["b", "a", "b", "c", "a", "b"]
    weights = bootstrap_weights(groups, 500, 3)
    assert weights.shape == (500, 6)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 0] == weights[:, 5]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


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
    score("accuracy", some(), 20)
    assert (np.random.get_state()[1] == before).all()


def test_interval_is_central_and_skips_nan() -> None:
    values = np.r_[np.arange(1001.0), np.full(50, np.nan)]
    assert interval(values) == pytest.approx((25, 975))
    assert interval(values, 0.5) == pytest.approx((250, 750))
    assert np.isnan(interval(np.array([np.nan]))).all()
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(values, 95)


def test_score_has_the_width_of_the_normal_approximation() -> None:
    given = answers((np.arange(400) % 4 > 0).astype(float), [str(i) for i in range(400)])
    value, low, high = score("accuracy", given, 4000)
    assert value == 0.75
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.75 * 0.25 / 400), rel=0.08)


def test_groups_that_agree_make_the_interval_as_wide_as_their_number_says() -> None:
    right = (np.arange(100) % 4 > 0).astype(float)
    alone = score("accuracy", answers(right, [str(i) for i in range(100)]), 2000)
    copies = score("accuracy", answers(right.repeat(9), [str(i) for i in range(100) for _ in range(9)]), 2000)
    as_clips = score("accuracy", answers(right.repeat(9), [str(i) for i in range(900)]), 2000)
    assert copies == pytest.approx(alone)  # nine copies of a clip tell nothing new
    assert as_clips[2] - as_clips[1] == pytest.approx((alone[2] - alone[1]) / 3, rel=0.15)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = sum(low <= 0.6 <= high for _, low, high in (score("accuracy", some(100, 100, seed=s), 200) for s in range(300)))
    assert 0.90 <= hits / 300 <= 0.985


def test_order_of_clips_does_not_move_the_interval() -> None:
    given = some()
    assert score("accuracy", shuffled(given), 100, 5) == pytest.approx(score("accuracy", given, 100, 5))
    assert score("accuracy", given, 100, 6) != score("accuracy", given, 100, 5)


def test_one_group_has_no_interval() -> None:
    given = some(groups=1)
    value, low, high = score("accuracy", given)
    assert value == evaluate("accuracy", given)[0]
    assert np.isnan([low, high]).all()
    assert np.isnan(difference(given, given)[1:]).all()


def test_every_seed_is_scored_on_the_same_resamples() -> None:
    given = some()
    assert mean(["accuracy"], [given, shuffled(given), given]) == pytest.approx(score("accuracy", given))
    opposite = replace(given, scores=given.scores[:, ::-1])  # right where the other is wrong: the mean is 1/2 in every resample
    assert mean(["accuracy"], [given, opposite]) == pytest.approx((0.5, 0.5, 0.5))
    other = some(seed=9)
    weights = bootstrap_weights(given.groups, 300, 4)
    means = (evaluate("accuracy", given, weights) + evaluate("accuracy", other, weights)) / 2
    by_hand = interval(means - means.mean() + (evaluate("accuracy", given) + evaluate("accuracy", other)) / 2)
    assert mean(["accuracy"], [given, other], 300, 4)[1:] == pytest.approx(by_hand)


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    given = some(200, 100)
    better = replace(given, scores=given.scores.copy())
    better.scores[np.flatnonzero(given.scores[:, 0] == 0)[:20], 0] = 1.0
    value, low, high = difference(better, shuffled(given))
    assert value == pytest.approx(0.1)
    assert 0 < low < value < high
    assert high - low < 0.7 * (score("accuracy", given)[2] - score("accuracy", given)[1])
    assert difference(given, better) == pytest.approx((-value, -high, -low))
    assert difference(given, shuffled(given)) == pytest.approx((0, 0, 0))


def test_repeated_clips_do_not_flatter_average_precision() -> None:
    """Without the correction most resamples of a few clips score above the value; with it the value lies well inside its interval."""
    random = np.random.default_rng(5)
    targets = (random.random((60, 8)) < 0.15).astype(int)
    scores = random.standard_normal((60, 8)) + targets
    given = Predictions(tuple(map(str, range(60))), tuple(map(str, range(60))), tuple("abcdefgh"), "multilabel", targets, scores)
    value, low, high = score("macro_average_precision", given)
    resamples = evaluate("macro_average_precision", given, bootstrap_weights(given.groups))
    assert (resamples > value).mean() > 0.65
    assert 0.3 < (value - low) / (high - low) < 0.7
    assert high - low == pytest.approx(np.subtract(*np.quantile(resamples, [0.975, 0.025])))


def test_the_interval_of_a_share_stays_between_0_and_1() -> None:
    targets = np.zeros(30, int)
    targets[:1] = 1
    names = tuple(map(str, range(30)))
    for right in (0, 1):
        scores = np.eye(2)[np.full(30, right)]
        _, low, high = score("accuracy", Predictions(names, names, ("a", "b"), "multiclass", targets, scores), 200, 3)
        assert 0 <= low < high <= 1


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


def test_an_interval_of_resamples_is_moved_and_kept_to_where_they_are() -> None:
    resampled = np.linspace(0.0, 1.0, 1001)
    assert resampled_interval(0.4, resampled) == pytest.approx((0.0, 0.875))  # without the bound it would begin at -.075
    assert resampled_interval(0.4, resampled, bounded=False) == pytest.approx((-0.075, 0.875))
    assert resampled_interval(0.4, np.r_[resampled, np.nan]) == pytest.approx((0.0, 0.875))
    assert resampled_interval(5.0, 10 * resampled - 3) == pytest.approx((0.25, 9.75))
    assert np.isnan(resampled_interval(0.4, np.full(9, np.nan))).all()


def p_of(value: float, resampled: np.ndarray) -> float:
    return p_value(value, *resampled_interval(value, resampled, bounded=False))


def test_p_value_is_that_of_a_t_test_on_a_simple_mean() -> None:
    random = np.random.default_rng(2)
    weights = bootstrap_weights([str(i) for i in range(400)], 20_000)
    for shift in (0.0, 0.02, 0.05, 0.1):
        clips = random.standard_normal(400) * 0.5 + shift
        expected = ttest_1samp(clips, 0).pvalue
        assert math.log(p_of(clips.mean(), weights @ clips / 400)) == pytest.approx(math.log(expected), rel=0.1, abs=0.03)


def test_p_values_without_a_difference_are_below_a_level_as_often_as_it_says() -> None:
    random, weights = np.random.default_rng(3), bootstrap_weights([str(i) for i in range(80)], 500)
    p = np.array([p_of(clips.mean(), weights @ clips / 80) for clips in random.standard_normal((400, 80))])
    assert 0.02 < (p < 0.05).mean() < 0.09
    assert 0.4 < (p < 0.5).mean() < 0.6


def test_p_is_below_a_twentieth_exactly_where_the_interval_leaves_0_out() -> None:
    """Also where one tail is far heavier than the other, as that of a ratio."""
    random = np.random.default_rng(6)
    decided = []
    for _ in range(400):
        tail = random.choice([-1, 1]) * random.exponential(random.uniform(0.1, 5), size=200) ** 2
        value = random.uniform(-9, 9) * np.quantile(abs(tail), 0.4)
        low, high = interval(tail - np.median(tail) + value)
        decided.append(low > 0 or high < 0)
        assert (p_value(value, low, high) < 0.05) == decided[-1]
    assert 100 < sum(decided) < 300
    assert p_value(0.673, 0.393, 1.774) < 1e-5
    assert p_value(1.0, 0.0, 1.5) >= 0.05
    assert p_value(-0.2, -3.0, -0.1) == p_value(0.2, 0.1, 3.0) == pytest.approx(math.erfc(2 * 1.95996 / math.sqrt(2)), rel=1e-4)


def test_p_values_at_the_edges() -> None:
    assert p_value(0.0, 0.0, 0.0) == p_value(1e-17, 1e-17, 1e-17) == 1
    assert p_value(0.0, -0.1, 0.1) == 1
    assert p_value(0.1, 0.1, 0.1) == 0
    assert p_of(8.0, 8 + np.random.default_rng(0).standard_normal(999)) < 1e-12  # far below 2 of 1,000
    assert math.isnan(p_value(0.1, math.nan, math.nan))
    assert math.isnan(p_value(math.nan, -1.0, 1.0))


def test_holm_by_hand() -> None:
    """The worked example of Holm (1979) in its usual form: .005 x 4, .01 x 3, then never smaller than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, math.nan, 0.04, 0.03, 0.005]) == pytest.approx([0.03, math.nan, 0.06, 0.06, 0.02], nan_ok=True)
    assert holm([0.5, 0.6]) == [1, 1]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []
    assert holm([0.02, 0.02]) == pytest.approx([0.04, 0.04])


def test_holm_rarely_finds_what_is_not_there() -> None:
    random = np.random.default_rng(4)
    families = random.random((500, 20))
    assert 0.02 < np.mean([min(holm(p)) < 0.05 for p in families]) < 0.08
    assert np.mean((families < 0.05).any(axis=1)) > 0.5  # uncorrected
