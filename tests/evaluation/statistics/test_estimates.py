"""Estimates: right in closed form, few groups and few seeds paid for, paired where they compare, p that agrees with the interval."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from predicted import answers, shuffled, some
from scipy.stats import f, t, ttest_1samp

from mirbench.evaluation.probing.metrics import evaluate
from mirbench.evaluation.statistics.estimates import estimate, holm, shared, standard_error, student, two_sided
from mirbench.evaluation.statistics.replicates import Layout, Training
from mirbench.evaluation.statistics.resampling import bootstrap_weights, measure
from mirbench.records import Predictions


def scored(predictions, metric="accuracy", resamples=1000, seed=0):
    """The layout and the vector of the mean over several runs of one encoder, `e`."""
    found = [measure([metric], each, resamples, seed) for each in predictions]
    layout = Layout({"e": len(found)}, resamples, len(set(predictions[0].groups)))
    return layout, layout.vector("e", [values[0] for values, _ in found], [resampled[0] for _, resampled in found])


def score(given, *options, metric="accuracy"):
    layout, vector = scored([given], metric, *options)
    return estimate(vector, layout, "score")


def difference(a, b):
    (layout, one), (_, other) = scored([a]), scored([b])
    return estimate(one - other, layout, "difference")


def of_resamples(value, resampled, kind="difference", groups=10**9):
    layout = Layout({}, len(resampled), groups)
    return estimate(np.r_[value, resampled], layout, kind)


def test_score_has_the_width_of_the_normal_approximation() -> None:
    given = answers((np.arange(400) % 4 > 0).astype(float), [str(i) for i in range(400)])
    found = score(given, 4000)
    error = np.sqrt(0.75 * 0.25 / 399)
    assert found.value == 0.75
    assert found.error == pytest.approx(error, rel=0.05)
    assert found.freedom == 399
    odds = [math.log(x / (1 - x)) for x in (found.low, 0.75, found.high)]
    assert np.diff(odds) == pytest.approx([t.ppf(0.975, 399) * found.error / (0.75 * 0.25)] * 2)


def test_groups_that_agree_make_the_interval_as_wide_as_their_number_says() -> None:
    right = (np.arange(100) % 4 > 0).astype(float)
    alone = score(answers(right, [str(i) for i in range(100)]), 2000)
    copies = score(answers(right.repeat(9), [str(i) for i in range(100) for _ in range(9)]), 2000)
    as_clips = score(answers(right.repeat(9), [str(i) for i in range(900)]), 2000)
    assert (copies.low, copies.high) == pytest.approx((alone.low, alone.high))  # nine copies of a clip tell nothing new
    assert as_clips.high - as_clips.low == pytest.approx((alone.high - alone.low) / 3, rel=0.15)


@pytest.mark.parametrize("groups", [2, 5, 11, 200])
def test_few_groups_are_paid_for(groups) -> None:
    """By the usual variance of a mean, and Student's t with one less degree of freedom than groups."""
    means = np.random.default_rng(groups).normal(0.5, 0.1, groups)
    weights = bootstrap_weights([f"{i:03}" for i in range(groups)], 20_000)
    found = of_resamples(means.mean(), weights @ means / groups, groups=groups)
    error = means.std(ddof=1) / np.sqrt(groups)
    assert found.error == pytest.approx(error, rel=0.03)
    assert found.high - found.value == pytest.approx(t.ppf(0.975, groups - 1) * error, rel=0.03)
    assert found.p == pytest.approx(ttest_1samp(means, 0).pvalue, rel=0.3)
    assert found.detectable == pytest.approx((t.ppf(0.975, groups - 1) + t.ppf(0.8, groups - 1)) * error, rel=0.03)


def test_order_of_clips_does_not_move_the_interval() -> None:
    given = some()
    assert score(shuffled(given), 100, 5).low == pytest.approx(score(given, 100, 5).low)
    assert score(given, 100, 6).low != score(given, 100, 5).low


def test_one_group_has_no_interval() -> None:
    given = some(groups=1)
    found = score(given)
    assert found.value == evaluate("accuracy", given)[0]
    for each in (found, difference(given, given)):
        assert np.isnan([each.low, each.high, each.p, each.error, each.detectable]).all()


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    given = some(200, 100)
    better = replace(given, scores=given.scores.copy())
    better.scores[np.flatnonzero(given.scores[:, 0] == 0)[:20], 0] = 1.0
    found = difference(better, shuffled(given))
    assert found.value == pytest.approx(0.1)
    assert 0 < found.low < found.value < found.high
    alone = score(given)
    assert found.high - found.low < 0.7 * (alone.high - alone.low)
    back = difference(given, better)
    assert (back.value, back.low, back.high, back.p) == pytest.approx((-found.value, -found.high, -found.low, found.p))
    same = difference(given, shuffled(given))
    assert (same.value, same.low, same.high, same.p) == pytest.approx((0, 0, 0, 1))


def test_repeated_clips_do_not_flatter_average_precision() -> None:
    """Without the correction most resamples of a few clips score above the value; with it the value lies well inside its interval."""
    random = np.random.default_rng(5)
    targets = (random.random((60, 8)) < 0.15).astype(int)
    scores = random.standard_normal((60, 8)) + targets
    given = Predictions(tuple(map(str, range(60))), tuple(map(str, range(60))), tuple("abcdefgh"), "multilabel", targets, scores)
    found = score(given, metric="macro_average_precision")
    resamples = evaluate("macro_average_precision", given, bootstrap_weights(given.groups))
    assert (resamples > found.value).mean() > 0.65
    assert 0.3 < (found.value - found.low) / (found.high - found.low) < 0.7
    assert found.error == pytest.approx(resamples.std() * np.sqrt(60 / 59))


def test_the_interval_of_a_share_stays_between_0_and_1() -> None:
    targets = np.zeros(30, int)
    targets[:1] = 1
    names = tuple(map(str, range(30)))
    for right in (0, 1):
        scores = np.eye(2)[np.full(30, right)]
        found = score(Predictions(names, names, ("a", "b"), "multiclass", targets, scores), 200, 3)
        assert 0 < found.low < found.value < found.high < 1


def test_a_score_that_never_varies_has_the_interval_of_as_many_trials_as_groups() -> None:
    names = [str(i) for i in range(40)]
    perfect, none = (score(answers(np.full(40, right), names)) for right in (1.0, 0.0))
    assert (perfect.value, perfect.low, perfect.high) == pytest.approx((1, 0.025 ** (1 / 40), 1))
    assert (none.value, none.low, none.high) == pytest.approx((0, 0, 1 - 0.025 ** (1 / 40)))


def test_a_score_of_another_range_has_the_plain_interval() -> None:
    found = of_resamples(-0.2, -0.2 + 0.1 * np.random.default_rng(0).standard_normal(4000), "score")
    assert (found.low, found.high) == pytest.approx((-0.2 - 0.196, -0.2 + 0.196), abs=0.01)


def trained(values, spread=0.0, groups=10**9, resamples=400, seed=0):
    """A layout and the vector of an encoder with these values of single seeds; the resamples of each deviate from it independently."""
    random = np.random.default_rng(seed)
    layout = Layout({"e": len(values)}, resamples, groups)
    return layout, layout.vector("e", values, [x + spread * random.standard_normal(resamples) for x in values])


def test_training_seeds_widen_the_interval_by_their_own_variance() -> None:
    values = [0.5, 0.52, 0.57, 0.49]
    layout, vector = trained(values)
    training = layout.training(vector, "e")
    assert (training.total, training.sampled, training.seeds, training.freedom) == pytest.approx((np.var(values, ddof=1), 0, 4, 3))
    found = estimate(vector, layout, "difference")
    error = np.std(values, ddof=1) / 2
    assert (found.value, found.error, found.freedom) == pytest.approx((np.mean(values), error, 3))
    assert found.high - found.value == pytest.approx(t.ppf(0.975, 3) * error)
    assert found.p == pytest.approx(ttest_1samp(values, 0).pvalue)
    assert layout.by_seed(vector, "e") == pytest.approx(values)


def test_what_other_clips_would_change_of_the_spread_of_seeds_is_not_counted_twice() -> None:
    """Seeds that differ by chance of the clips alone: their spread is in the resamples already."""
    totals, sampled, errors = [], [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        layout, vector = trained(0.5 + 0.03 * random.standard_normal(3), 0.03, seed=1000 + seed)
        training = layout.training(vector, "e")
        totals.append(training.total)
        sampled.append(training.sampled)
        errors.append(estimate(vector, layout, "difference").error)
    assert np.mean(sampled) == pytest.approx(0.03**2, rel=0.1)
    assert np.mean(totals) == pytest.approx(0.03**2, rel=0.4)
    assert 0.03 / np.sqrt(3) <= np.median(errors) < 1.3 * 0.03 / np.sqrt(3)


def test_seeds_in_pairs_are_those_of_the_difference() -> None:
    """What both encoders gain from a lucky draw is in neither the spread of their difference nor in what clips share of it."""
    random, layout = np.random.default_rng(2), Layout({"a": 6, "b": 6, "difference": 6}, 80, 20)
    luck, own = 0.1 * random.standard_normal(6), {name: 0.01 * random.standard_normal(6) for name in "ab"}
    of_clips = 0.02 * random.standard_normal((6, 80))
    values = {name: 0.5 + luck + own[name] for name in "ab"}
    drawn = {name: [x + row + 0.001 * random.standard_normal(80) for x, row in zip(values[name], of_clips, strict=True)] for name in "ab"}
    a, b = (layout.vector(name, values[name], drawn[name]) for name in "ab")
    differences = [one - other for one, other in zip(drawn["a"], drawn["b"], strict=True)]
    whole = layout.vector("difference", values["a"] - values["b"], differences)
    paired, wanted = layout.paired(a - b, "a", "b"), layout.training(whole, "difference")
    assert paired.total == pytest.approx(np.var(own["a"] - own["b"], ddof=1)) == pytest.approx(wanted.total)
    assert paired.sampled == pytest.approx(wanted.sampled)
    assert layout.training(a - b, "a").total > 20 * paired.total


def test_arithmetic_on_vectors_is_arithmetic_on_what_they_are_of() -> None:
    """A difference and a ratio of two encoders, part by part; an encoder that does not enter adds nothing."""
    layout = Layout({"a": 3, "b": 2, "once": 1}, 50, 20)
    random = np.random.default_rng(1)
    of = {name: random.uniform(0.4, 0.6, n) for name, n in (("a", 3), ("b", 2), ("once", 1))}
    resampled = {name: [x + 0.01 * random.standard_normal(50) for x in values] for name, values in of.items()}
    vectors = {name: layout.vector(name, of[name], resampled[name]) for name in of}
    ratio = vectors["a"] / vectors["b"]
    assert ratio[0] == pytest.approx(of["a"].mean() / of["b"].mean())
    assert layout.by_seed(ratio, "a") == pytest.approx(of["a"] / of["b"].mean())
    assert layout.by_seed(ratio, "b") == pytest.approx(of["a"].mean() / of["b"])
    minus = vectors["a"] - vectors["b"]
    assert layout.training(minus, "a").total == pytest.approx(of["a"].var(ddof=1))
    assert layout.training(minus, "b").total == pytest.approx(of["b"].var(ddof=1))
    assert layout.training(vectors["a"], "b").total == pytest.approx(0, abs=1e-20)
    assert layout.training(minus, "once") == Training(0.0, 0.0, 1, 0.0)
    assert layout.by_seed(minus, "once") == []
    assert standard_error(vectors["once"], layout) == pytest.approx(vectors["once"][1:51].std() * np.sqrt(20 / 19))


def spread_of(*sds, seeds=3):
    return {f"e{i}": Training(sd**2, 0.0, seeds, seeds - 1) for i, sd in enumerate(sds)}


def test_encoders_of_a_kind_share_the_spread_of_their_trainings() -> None:
    kinds = dict.fromkeys(("e0", "e1", "e2"), "trained") | {"r": "random"}
    own = spread_of(0.01, 0.02, 0.03) | {"r": Training(1.0, 0.0, 3, 2)}
    found = shared(own, kinds)
    pooled = np.mean([0.01**2, 0.02**2, 0.03**2])
    assert [found[name].total for name in ("e0", "e1", "e2")] == pytest.approx([pooled] * 3)
    assert {found[name].freedom for name in ("e0", "e1", "e2")} == {6}
    assert found["r"] == own["r"]


def test_one_seed_that_went_astray_widens_its_own_encoder_alone() -> None:
    kinds = dict.fromkeys(("e0", "e1", "e2"), "trained")
    found = shared(spread_of(0.01, 0.4, 0.012), kinds)
    assert (found["e1"].total, found["e1"].freedom) == pytest.approx((0.16, 2))
    assert found["e0"].total == found["e2"].total == pytest.approx((0.01**2 + 0.012**2) / 2)
    limit = math.sqrt(f.isf(0.01, 2, 4))
    for factor, alone in ((0.98, False), (1.02, True)):
        found = shared(spread_of(0.01, factor * limit * 0.01, 0.01), kinds)
        assert (found["e1"].freedom == 2) is alone


def test_nothing_varies_and_one_encoder_alone() -> None:
    kinds = dict.fromkeys(("e0", "e1"), "trained")
    assert shared(spread_of(0.0, 0.0), kinds)["e0"].total == 0
    assert shared(spread_of(0.0, 0.1), kinds)["e0"].total == 0
    assert shared(spread_of(0.2), kinds) == spread_of(0.2)
    assert shared({}, kinds) == {}


def test_p_value_is_that_of_a_t_test_on_a_simple_mean() -> None:
    random = np.random.default_rng(2)
    weights = bootstrap_weights([str(i) for i in range(400)], 20_000)
    for shift in (0.0, 0.02, 0.05, 0.1):
        clips = random.standard_normal(400) * 0.5 + shift
        found = of_resamples(clips.mean(), weights @ clips / 400, groups=400)
        assert math.log(found.p) == pytest.approx(math.log(ttest_1samp(clips, 0).pvalue), rel=0.1, abs=0.03)


@pytest.mark.parametrize("kind", ["difference", "ratio"])
@pytest.mark.parametrize("groups", [4, 11, 10**6])
def test_p_is_below_a_twentieth_exactly_where_the_interval_leaves_0_out(kind, groups) -> None:
    """Also where one tail is far heavier than the other, as that of a ratio."""
    random = np.random.default_rng(6)
    decided = []
    for _ in range(400):
        tail = random.choice([-1, 1]) * random.exponential(random.uniform(0.1, 5), size=200) ** 2
        unit = np.quantile(abs(tail), 0.4) if kind == "ratio" else 0.4 * tail.std()
        value = random.uniform(-9, 9) * unit * student(0.975, groups - 1) / 1.96
        found = of_resamples(value, tail - np.median(tail) + value, kind, groups)
        decided.append(found.low > 0 or found.high < 0)
        assert (found.p < 0.05) == decided[-1]
    assert 80 < sum(decided) < 330


def test_a_ratio_keeps_the_shape_of_its_percentiles() -> None:
    resampled = np.random.default_rng(3).lognormal(0, 0.5, 20_000)
    found, few = (of_resamples(1.0, resampled, "ratio", groups) for groups in (10**9, 8))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(resampled, [0.025, 0.975])), abs=1e-6)
    longer = np.sqrt(8 / 7) * t.ppf(0.975, 7) / 1.95996
    assert ((1 - few.low) / (1 - found.low), (few.high - 1) / (found.high - 1)) == pytest.approx((longer, longer), rel=1e-4)


@pytest.mark.parametrize("kind", ["ratio", "difference"])
def test_where_seeds_vary_more_than_clips_a_tail_of_the_clips_makes_no_difference_of_nothing(kind) -> None:
    random, layout, rejected = np.random.default_rng(0), Layout({"e": 8}, 200, 10**9), []
    for _ in range(400):
        values = 0.02 * random.standard_normal(8) + 0.006 * (1 - random.exponential())
        clips = 0.006 * (random.exponential(size=200) - 1)
        resampled = [value + clips for value in values]
        found = estimate(layout.vector("e", values, resampled), layout, kind)
        rejected.append((found.p < 0.05) * math.copysign(1, found.value))
    assert np.abs(rejected).mean() < 0.08
    assert abs(np.mean(rejected)) < 0.03  # as often better as worse


def test_one_that_was_trained_once_takes_the_spread_of_the_others_of_its_kind() -> None:
    layout = Layout({"once": 1, "often": 8, "fixed": 1}, 400, 10**9)
    random = np.random.default_rng(0)
    values = {"once": [0.5], "often": [0.5 + 0.02 * x for x in random.standard_normal(8)], "fixed": [0.3]}
    vectors = {name: layout.vector(name, each, [np.full(400, value) for value in each]) for name, each in values.items()}
    own = {name: layout.training(vector, name) for name, vector in vectors.items()}
    found = shared(own, {"once": "trained", "often": "trained", "fixed": "fixed"})
    assert set(found) == {"once", "often"}
    assert found["once"] == replace(found["often"], seeds=1)
    difference = estimate(vectors["once"] - vectors["often"], layout, "difference", found)
    assert difference.error == pytest.approx(math.sqrt(own["often"].total * (1 + 1 / 8)))
    assert shared({"once": own["once"]}, {"once": "trained"}) == {}


def test_a_score_that_never_varies_and_is_no_share_has_no_interval_of_shares() -> None:
    for value in (-2.0, 5.0):
        found = of_resamples(value, np.full(9, value), "score", groups=5)
        assert (found.low, found.high) == (value, value)


def test_too_many_undefined_resamples_leave_no_interval() -> None:
    resampled = np.random.default_rng(0).standard_normal(1000)
    for many, defined in ((20, True), (30, False)):
        holed = resampled.copy()
        holed[:many] = np.nan
        found = of_resamples(0.1, holed, "ratio")
        assert math.isnan(found.low) is not defined
        assert found.value == 0.1


def test_p_values_at_the_edges() -> None:
    assert of_resamples(0.0, np.zeros(9)).p == of_resamples(1e-17, np.zeros(9)).p == 1
    assert of_resamples(0.1, np.full(9, 0.1)).p == 0
    assert of_resamples(0.1, np.full(9, 0.1), groups=5).p == 2**-4  # as of the signs of five groups
    assert of_resamples(8.0, 8 + np.random.default_rng(0).standard_normal(999)).p < 1e-12  # far below 2 of 1,000
    assert math.isnan(of_resamples(math.nan, np.ones(9)).p)
    assert two_sided(2.5, 7) == two_sided(-2.5, 7) == pytest.approx(2 * t.sf(2.5, 7))


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
