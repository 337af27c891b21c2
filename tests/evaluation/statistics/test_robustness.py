"""Robustness numbers: closed forms, a slow twin resample by resample, nan where there is nothing to divide by, sound p-values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mirbench.errors import MirbenchError
from mirbench.evaluation.statistics import robustness as module
from mirbench.evaluation.statistics.replicates import Layout

RESAMPLES = 400
MANY = 10**9  # groups, so many that Student's t is the normal distribution
LAYOUT = Layout({}, RESAMPLES, MANY)
CHANCE = (0.2, np.full(RESAMPLES, 0.2))
CLEAN = ("clean", 0)
LEVELS = [CLEAN, *(("noise", s) for s in range(1, 6)), *(("mp3", s) for s in range(1, 4)), ("gain", 1)]
COUNTED = {"noise", "mp3"}


def measured(value: float, spread: float = 0.01, seed: int = 0, bias: float = 0.0):
    """A metric and its resamples, which lie around value + bias."""
    return value, value + bias + spread * np.random.default_rng(seed).standard_normal(RESAMPLES)


def curve(*values: float, seed: int = 0, spread: float = 0.01) -> dict:
    """Clean, noise at five severities, mp3 at three, gain at one; noise common to the conditions, and some of each."""
    common = spread * np.random.default_rng(seed).standard_normal(RESAMPLES)
    return {
        at: (value, measured(value, spread / 3, seed + 10 * i + 1)[1] + common)
        for i, (at, value) in enumerate(zip(LEVELS, values, strict=True))
    }


def base(seed: int = 0) -> dict:
    return curve(0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.78, 0.7, 0.6, 0.8, seed=seed)


def some(seed: int = 3) -> dict:
    return curve(0.9, 0.88, 0.8, 0.7, 0.7, 0.5, 0.87, 0.85, 0.8, 0.85, seed=seed)


def scaled(of: dict, change) -> dict:
    return {at: (change(value), change(resampled)) for at, (value, resampled) in of.items()}


def found(lines, encoder, measure, corruption, severity=0):
    (line,) = [
        each for each in lines if (each.encoder, each.measure, each.corruption, each.severity) == (encoder, measure, corruption, severity)
    ]
    return line


def scored(of: dict, chance, layout: Layout = LAYOUT) -> module.Scored:
    """Of encoders that were trained once."""
    curves = {encoder: {at: layout.vector("", [value], [each]) for at, (value, each) in curve.items()} for encoder, curve in of.items()}
    return module.Scored(layout, curves, layout.vector("", [chance[0]], [chance[1]]), dict.fromkeys(of, "trained"))


def means(counted) -> module.Means:
    """Each corruption a family by itself."""
    return module.means_over({name: [name] for name in sorted(counted)}, ())


def robustness(of: dict, chance, baseline: str, counted, best: float = 1.0) -> list:
    return module.robustness(scored(of, chance), baseline, means(counted), best)


def comparisons(of: dict, pairs, chance, counted) -> list:
    return module.comparisons(scored(of, chance), pairs, means(counted))


def across_tasks(tasks) -> list:
    return module.across_tasks(tasks, means(COUNTED), LAYOUT, dict.fromkeys(("base", "some", "weak"), "trained"))


def test_the_baseline_against_itself_and_an_encoder_with_half_its_errors() -> None:
    half = scaled(base(), lambda x: 1 - (1 - x) / 2)
    lines = robustness({"base": base(), "copy": base(), "half": half}, CHANCE, "base", COUNTED)
    for encoder in ("base", "copy"):
        for measure, corruption in (("ce", "noise"), ("relative_ce", "mp3"), ("mce", "all"), ("relative_mce", "all"), ("ce", "gain")):
            line = found(lines, encoder, measure, corruption)
            assert (line.value, line.low, line.high, line.baseline) == (1, 1, 1, "base")
    for measure, corruption in (("ce", "mp3"), ("mce", "all"), ("relative_ce", "noise"), ("relative_mce", "all")):
        line = found(lines, "half", measure, corruption)
        assert (line.value, line.low, line.high) == pytest.approx((0.5, 0.5, 0.5))


def test_numbers_by_hand() -> None:
    lines = robustness({"base": base(), "some": some()}, CHANCE, "base", COUNTED)
    assert found(lines, "some", "ce", "noise").value == pytest.approx((0.12 + 0.2 + 0.3 + 0.3 + 0.5) / (0.25 + 0.3 + 0.4 + 0.5 + 0.6))
    mp3 = (0.13 + 0.15 + 0.2) / (0.22 + 0.3 + 0.4)
    assert found(lines, "some", "mce", "all").value == pytest.approx((1.42 / 2.05 + mp3) / 2)  # gain does not count
    relative = (0.02 + 0.1 + 0.2 + 0.2 + 0.4) / (0.05 + 0.1 + 0.2 + 0.3 + 0.4), (0.03 + 0.05 + 0.1) / (0.02 + 0.1 + 0.2)
    assert found(lines, "some", "relative_ce", "mp3").value == pytest.approx(relative[1])
    assert found(lines, "some", "relative_mce", "all").value == pytest.approx(np.mean(relative))
    assert found(lines, "some", "retained", "mp3", 2).value == pytest.approx(0.65 / 0.7)
    assert found(lines, "some", "retained", "mp3").value == pytest.approx((0.67 + 0.65 + 0.6) / 3 / 0.7)
    noise = np.mean([0.68, 0.6, 0.5, 0.5, 0.3]) / 0.7
    assert found(lines, "some", "retained", "all").value == pytest.approx((noise + 0.64 / 0.7) / 2)
    keys = [(each.encoder, each.measure, each.corruption, each.severity) for each in lines]
    assert len(set(keys)) == len(keys) == 2 * (9 + 5 + 3 + 4 + 3 + 4 + 3 + 4 + 1)
    assert found(lines, "some", "clean_ce", "clean").value == pytest.approx(0.1 / 0.2)
    assert {each.baseline for each in lines if each.measure == "retained"} == {""}


def test_errors_are_counted_from_the_best_value_of_the_metric() -> None:
    """A negated loss is the accuracy less 1: the same errors, so the same numbers but for those above chance."""
    of, losses = {"base": base(), "some": some()}, {"base": scaled(base(), lambda x: x - 1), "some": scaled(some(), lambda x: x - 1)}
    chance = CHANCE[0] - 1, CHANCE[1] - 1
    expected, lines = robustness(of, CHANCE, "base", COUNTED), robustness(losses, chance, "base", COUNTED, best=0.0)
    for ours, theirs in zip(lines, expected, strict=True):
        assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high), nan_ok=True)
    without = robustness(losses, chance, "base", COUNTED, best=math.inf)
    for line, other in zip(without, expected, strict=True):
        assert (
            math.isnan(line.value) if line.measure in ("ce", "mce", "clean_ce") else line.value == pytest.approx(other.value, nan_ok=True)
        )


def test_retained_is_1_where_nothing_is_lost_and_0_at_chance() -> None:
    clean = measured(0.9)
    of = {"e": {CLEAN: clean, ("same", 1): clean, ("deaf", 1): CHANCE, ("worse", 1): (0.1, np.full(RESAMPLES, 0.1))}}
    lines = robustness(of, CHANCE, "", {"same", "deaf"})
    assert [(x.value, x.low, x.high) for x in lines if (x.corruption, x.severity) == ("same", 1)] == [(1, 1, 1)]
    assert found(lines, "e", "retained", "deaf", 1).high == 0
    assert found(lines, "e", "retained", "all").value == 0.5
    assert found(lines, "e", "retained", "worse").high < 0
    assert {x.measure for x in lines} == {"retained"}


def test_a_slow_twin_gives_the_same_intervals() -> None:
    """Each resample alone, by the definitions."""
    of = {"base": base(), "some": some()}
    lines = robustness(of, measured(0.2, seed=77), "base", COUNTED)

    def centred(pair):
        return pair[1] - pair[1].mean() + pair[0]

    floor = centred(measured(0.2, seed=77))
    numbers = {encoder: {at: centred(pair) for at, pair in each.items()} for encoder, each in of.items()}
    retained, mce, relative = [], [], []
    for r in range(RESAMPLES):
        ours, theirs = ({at: 1 - each[at][r] for at in LEVELS} for each in (numbers["some"], numbers["base"]))
        shares, ces, relatives = [], [], []
        for name, severities in (("noise", range(1, 6)), ("mp3", range(1, 4))):
            lost = [(1 - ours[name, s] - floor[r]) / (1 - ours[CLEAN] - floor[r]) for s in severities]
            shares.append(sum(lost) / len(lost))
            ces.append(sum(ours[name, s] for s in severities) / sum(theirs[name, s] for s in severities))
            added = [sum(e[name, s] - e[CLEAN] for s in severities) for e in (ours, theirs)]
            relatives.append(added[0] / added[1])
        retained.append(np.mean(shares))
        mce.append(np.mean(ces))
        relative.append(np.mean(relatives))
    for measure, resampled in (("retained", retained), ("mce", mce), ("relative_mce", relative)):
        line = found(lines, "some", measure, "all")
        assert line.vector[1:] == pytest.approx(np.array(resampled))
        assert (line.low, line.high) == pytest.approx(tuple(np.quantile(resampled, [0.025, 0.975])))
        assert line.low < line.value < line.high


def test_the_bias_of_the_resamples_does_not_reach_a_ratio() -> None:
    """Resamples of average precision lie above the value; what was lost must not look like less for it."""
    clean, corrupted = measured(0.6, bias=0.1, seed=1), measured(0.4, bias=0.1, seed=2)
    line = found(robustness({"e": {CLEAN: clean, ("noise", 1): corrupted}}, CHANCE, "", ()), "e", "retained", "noise")
    assert line.value == pytest.approx(0.5)
    assert (line.low + line.high) / 2 == pytest.approx(0.5, abs=0.01)


def test_nothing_to_divide_by_is_nan() -> None:
    of = {
        "deaf": {CLEAN: measured(0.2), ("noise", 1): measured(0.2, seed=1)},
        "hardly": {CLEAN: measured(0.21, 0.01), ("noise", 1): measured(0.205, seed=1)},
        "well": {CLEAN: measured(0.5, 0.01), ("noise", 1): measured(0.4, seed=1)},
    }
    lines = robustness(of, CHANCE, "deaf", {"noise"})
    assert math.isnan(found(lines, "deaf", "retained", "all").value)
    assert math.isnan(found(lines, "hardly", "retained", "noise").value)  # about 16 % of its resamples are not above chance
    assert found(lines, "well", "retained", "noise").low > 0.2
    rows = comparisons(of, [("well", "hardly")], CHANCE, {"noise"})
    assert [math.isnan(r.p) for r in rows] == [r.measure == "retained" for r in rows]
    assert math.isnan(found(lines, "well", "relative_ce", "noise").value)  # deaf loses nothing
    assert not [x for x in lines if x.measure == "relative_mce"]
    assert found(lines, "well", "mce", "all").value == pytest.approx(0.75)
    perfect = {"e": of["well"], "p": scaled(of["well"], lambda x: 1 + 0 * x)}
    assert math.isnan(found(robustness(perfect, CHANCE, "p", {"noise"}), "e", "mce", "all").value)


@pytest.mark.parametrize(("above", "defined"), [(0.02, False), (0.028, False), (0.032, True), (0.1, True)])
def test_retained_needs_a_clean_score_that_is_surely_above_chance(above: float, defined: bool) -> None:
    """Otherwise next to nothing is divided by next to nothing, and the worst encoder looks like the most robust one."""
    spread = np.random.default_rng(1).standard_normal(RESAMPLES)
    clean = (0.2 + above, 0.2 + above + 0.01 * (spread - spread.mean()) / spread.std())
    weak = {CLEAN: clean, ("noise", 1): measured(0.35, seed=2), ("noise", 2): measured(0.3, seed=3)}
    lines = robustness({"weak": weak, "base": base()}, CHANCE, "base", COUNTED - {"mp3"})
    for severity in (0, 1, 2):
        line = found(lines, "weak", "retained", "noise", severity)
        assert [math.isnan(x) for x in (line.value, line.low, line.high)] == [not defined] * 3
    assert math.isnan(found(lines, "weak", "retained", "all").value) != defined
    assert found(lines, "weak", "mce", "all").low > 0
    rows = comparisons({"weak": weak, "base": base()}, [("weak", "base")], CHANCE, {"noise"})
    assert [math.isnan(r.difference) for r in rows] == [math.isnan(r.p) for r in rows]
    assert math.isnan(rows[-1].difference) != defined
    other = robustness({"weak": base(1), "base": base()}, CHANCE, "base", COUNTED)
    assert math.isnan(found(across_tasks([lines, other]), "weak", "retained", "all").value) != defined


def test_a_score_above_chance_by_rounding_alone_is_not_above_chance() -> None:
    clean, chance = 0.1 + 0.2, (0.3, np.full(RESAMPLES, 0.3))
    of = {"e": {CLEAN: (clean, np.full(RESAMPLES, clean)), ("noise", 1): chance}}
    assert clean > 0.3
    assert math.isnan(found(robustness(of, chance, "", {"noise"}), "e", "retained", "noise").value)


def test_a_mean_over_corruptions_is_over_the_same_ones_for_every_encoder() -> None:
    """Where one encoder lacks a corruption that another has, a mean over fewer would look like a number that compares."""
    fewer = {at: each for at, each in some().items() if at[0] != "mp3"}
    lines = robustness({"base": base(), "fewer": fewer, "some": some()}, CHANCE, "base", COUNTED)
    for measure in ("retained", "mce", "relative_mce"):
        assert math.isnan(found(lines, "fewer", measure, "all").value)
        assert found(lines, "some", measure, "all").low > 0
    assert found(lines, "fewer", "retained", "noise").low > 0
    assert found(lines, "fewer", "ce", "noise").low > 0
    without = {at: each for at, each in some().items() if at[0] != "gain"}  # it does not count
    assert found(robustness({"e": without, "base": base()}, CHANCE, "base", COUNTED), "e", "mce", "all").low > 0
    rows = comparisons({"base": base(), "fewer": fewer, "some": some()}, [("fewer", "base"), ("some", "base")], CHANCE, COUNTED)
    means = {(r.encoder, r.measure): r for r in rows if r.corruption == "all families"}
    assert [math.isnan(means["fewer", m].difference) for m in ("score", "retained")] == [True, True]
    assert [math.isnan(means["some", m].p) for m in ("score", "retained")] == [False, False]


FAMILIES = {"noise": ["noise"], "coding": ["mp3", "gain"]}


def test_a_mean_over_families_counts_each_family_once_and_unseen_and_seen_ones_are_apart() -> None:
    over = module.means_over(FAMILIES, {"noise"})
    assert list(over) == ["all", "unseen families", "seen families", "all families", "family noise", "family coding"]
    of = scored({"base": base(), "some": some()}, CHANCE)
    lines = module.robustness(of, "base", over)
    for single, mean in (("retained", "retained"), ("ce", "mce"), ("relative_ce", "relative_mce")):
        noise, mp3, gain = (found(lines, "some", single, name).value for name in ("noise", "mp3", "gain"))
        coding = mp3 if single == "relative_ce" else (mp3 + gain) / 2  # under gain the baseline loses nothing
        assert found(lines, "some", mean, "family coding").value == pytest.approx(coding)
        assert found(lines, "some", mean, "unseen families").value == pytest.approx(coding)
        assert found(lines, "some", mean, "seen families").value == pytest.approx(noise)
        assert found(lines, "some", mean, "all families").value == pytest.approx((noise + coding) / 2)
        assert found(lines, "some", mean, "all").value == pytest.approx(np.nanmean([noise, mp3, gain]))
        assert found(lines, "some", mean, "all families").low < found(lines, "some", mean, "all families").value
    mildest = [found(lines, "some", "retained", name, 1).value for name in ("noise", "mp3", "gain")]
    assert found(lines, "some", "retained", "all families", 1).value == pytest.approx((mildest[0] + (mildest[1] + mildest[2]) / 2) / 2)
    assert found(lines, "some", "retained", "all families", 5).value == found(lines, "some", "retained", "noise", 5).value
    rows = {(r.corruption, r.measure): r for r in module.comparisons(of, [("some", "base")], over)}
    assert {name for name, _ in rows} == {"noise", "mp3", "gain", "unseen families", "seen families", "all families"}
    unseen = (rows["mp3", "score"].difference + rows["gain", "score"].difference) / 2
    assert rows["unseen families", "score"].difference == pytest.approx(unseen)
    assert rows["all families", "score"].difference == pytest.approx((unseen + rows["noise", "score"].difference) / 2)


@pytest.mark.parametrize("seen", [(), ("noise", "coding", "rooms")])
def test_where_all_families_are_seen_or_none_is_they_are_not_told_apart(seen) -> None:
    assert list(module.means_over(FAMILIES, seen)) == ["all", "all families", "family noise", "family coding"]


def test_a_corruption_that_the_baseline_lacks_is_left_out_of_mce_for_all() -> None:
    fewer = {at: each for at, each in base().items() if at[0] != "mp3"}
    lines = robustness({"base": fewer, "some": some()}, CHANCE, "base", COUNTED)
    assert found(lines, "some", "mce", "all").value == found(lines, "some", "ce", "noise").value
    assert found(lines, "base", "mce", "all").value == 1
    assert math.isnan(found(lines, "base", "retained", "all").value)


@pytest.mark.parametrize(("loss", "spread", "divided"), [(0.0099, 0, False), (0.0101, 0, True), (0.02, 0.01, False), (0.02, 0.005, True)])
def test_relative_ce_needs_a_baseline_that_loses_something(loss: float, spread: float, divided: bool) -> None:
    baseline = {CLEAN: (0.8, np.full(RESAMPLES, 0.8)), ("noise", 1): measured(0.8 - loss, spread), ("mp3", 1): measured(0.6, 0.0)}
    ours = {CLEAN: measured(0.8, 0.0), ("noise", 1): measured(0.8 - 2 * loss, 0.0), ("mp3", 1): measured(0.5, 0.0)}
    lines = robustness({"b": baseline, "e": ours}, CHANCE, "b", COUNTED)
    assert math.isnan(found(lines, "e", "relative_ce", "noise").value) != divided
    mean = found(lines, "e", "relative_mce", "all")
    assert mean.value == pytest.approx((2 + 1.5) / 2 if divided else 1.5)
    assert not math.isnan(mean.low)


def test_one_group_has_values_but_no_intervals() -> None:
    of = {e: {at: (value, np.full(RESAMPLES, np.nan)) for at, (value, _) in c.items()} for e, c in (("base", base()), ("some", some()))}
    lines = robustness(of, (0.2, np.full(RESAMPLES, np.nan)), "base", COUNTED)
    assert found(lines, "some", "relative_mce", "all").value > 0
    assert all(math.isnan(x.low) and math.isnan(x.high) and not math.isnan(x.value) for x in lines if "relative_ce" not in x.measure)
    (row, *_) = comparisons(of, [("some", "base")], CHANCE, COUNTED)
    assert math.isnan(row.p)


def test_only_severities_that_both_have_are_compared() -> None:
    fewer = {at: each for at, each in some().items() if at not in {("noise", 5), ("gain", 1)}}
    lines = robustness({"base": base(), "some": fewer}, CHANCE, "base", COUNTED)
    assert found(lines, "some", "ce", "noise").value == pytest.approx((0.12 + 0.2 + 0.3 + 0.3) / (0.25 + 0.3 + 0.4 + 0.5))
    assert not [x for x in lines if (x.encoder, x.corruption) == ("some", "gain")]
    rows = comparisons({"base": base(), "some": fewer}, [("some", "base")], CHANCE, COUNTED)
    assert rows[1].corruption == "noise"
    assert rows[1].difference == pytest.approx(np.mean([0.88 - 0.75, 0.1, 0.1, 0.2]))
    back = comparisons({"base": base(), "some": fewer}, [("base", "some")], CHANCE, COUNTED)
    assert [r.difference for r in back] == pytest.approx([-r.difference for r in rows])


def test_what_is_missing_is_a_sentence() -> None:
    with pytest.raises(MirbenchError, match="no baseline encoder is named 'bas'; did you mean 'base'"):
        robustness({"base": base()}, CHANCE, "bas", COUNTED)
    with pytest.raises(MirbenchError, match="encoder 'e' has no score on clean audio"):
        robustness({"e": {("noise", 1): measured(0.5)}}, CHANCE, "", COUNTED)


def test_means_over_tasks_count_each_task_once() -> None:
    tasks = [robustness({"base": base(s), "some": some(s + 5)}, CHANCE, "base", COUNTED) for s in (0, 100, 200, 300)]
    means = across_tasks(tasks)
    assert {(x.encoder, x.measure) for x in means} == {
        (e, m) for e in ("base", "some") for m in ("retained", "clean_ce", "mce", "relative_mce")
    }
    for measure in ("retained", "mce", "relative_mce"):
        mean, each = found(means, "some", measure, "all"), [found(lines, "some", measure, "all") for lines in tasks]
        assert mean.value == pytest.approx(np.mean([x.value for x in each]))
        assert mean.vector == pytest.approx(np.mean([x.vector for x in each], axis=0))
        assert mean.high - mean.low == pytest.approx(np.mean([x.high - x.low for x in each]) / 2, rel=0.2)  # four independent tasks
    assert found(means, "base", "mce", "all").low == 1


def test_a_task_without_the_measure_is_left_out_for_all_and_an_encoder_without_it_is_nan() -> None:
    flat = curve(*[0.8] * 10, spread=0)
    tasks = [robustness({"base": b, "some": some()}, CHANCE, "base", COUNTED) for b in (base(), flat)]
    means = across_tasks(tasks)
    assert found(means, "some", "relative_mce", "all").value == found(tasks[0], "some", "relative_mce", "all").value
    deaf = robustness({"base": base(), "some": curve(*[0.2] * 10)}, CHANCE, "base", COUNTED)
    all_deaf = robustness({e: curve(*[0.2] * 10) for e in ("base", "some")}, CHANCE, "base", COUNTED)
    assert found(across_tasks([tasks[0], all_deaf]), "some", "retained", "all") == found(tasks[0], "some", "retained", "all")
    means = across_tasks([tasks[0], deaf])
    assert math.isnan(found(means, "some", "retained", "all").value)
    assert found(means, "base", "retained", "all").value == pytest.approx(found(deaf, "base", "retained", "all").value)
    assert found(means, "some", "mce", "all").low > 0


def test_a_comparison_is_the_difference_of_means_resample_by_resample() -> None:
    rows = comparisons({"base": base(), "some": some()}, [("some", "base"), ("base", "some")], CHANCE, COUNTED)
    by_key = {(r.encoder, r.corruption, r.measure): r for r in rows}
    assert len(by_key) == len(rows) == 2 * 2 * 4
    forward, back = by_key["some", "noise", "score"], by_key["base", "noise", "score"]
    assert forward.difference == pytest.approx(np.mean([0.13, 0.1, 0.1, 0.2, 0.1]))
    assert (forward.low, forward.high, forward.p) == pytest.approx((-back.high, -back.low, back.p))
    each = [np.mean([c["noise", s][1] for s in range(1, 6)], axis=0) for c in (some(), base())]
    resampled = each[0] - each[1]
    error = resampled.std()
    assert (forward.low, forward.high) == pytest.approx((forward.difference - 1.96 * error, forward.difference + 1.96 * error), abs=1e-5)
    assert forward.detectable == pytest.approx(2.8016 * error, rel=1e-4)
    assert math.log(forward.p) == pytest.approx(math.log(math.erfc(forward.difference / error / math.sqrt(2))), rel=1e-3)
    assert by_key["some", "all families", "score"].difference == pytest.approx(
        (forward.difference + by_key["some", "mp3", "score"].difference) / 2
    )
    kept = [found(robustness({e: c}, CHANCE, "", COUNTED), e, "retained", "mp3").value for e, c in (("some", some()), ("base", base()))]
    assert by_key["some", "mp3", "retained"].difference == pytest.approx(kept[0] - kept[1])
    (same, *_) = comparisons({"base": base()}, [("base", "base")], CHANCE, COUNTED)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_pairing_makes_a_small_difference_certain() -> None:
    """Both encoders move together from resample to resample; one is better by .02 in each."""
    better = {at: (value + 0.02, resampled + 0.02 + measured(0, 0.002, i)[1]) for i, (at, (value, resampled)) in enumerate(base().items())}
    alone = found(robustness({"e": base()}, CHANCE, "", COUNTED), "e", "retained", "noise")
    row = comparisons({"b": base(), "e": better}, [("e", "b")], CHANCE, COUNTED)[1]
    assert row.low > 0.015
    assert row.p < 1e-9
    assert row.high - row.low < (alone.high - alone.low) / 4


def test_p_of_a_difference_of_retained_performance_agrees_with_its_interval() -> None:
    """A clean score a few standard errors above chance: the ratio's tail on one side must not hide what the other side shows."""
    for clean in (0.25, 0.26, 0.28, 0.3, 0.4):
        weak = {CLEAN: measured(clean, 0.012, 1), ("noise", 1): measured(clean - 0.01, 0.012, 2)}
        strong = {CLEAN: measured(0.8, 0.012, 3), ("noise", 1): measured(0.35, 0.012, 4)}
        for row in comparisons({"a": weak, "b": strong}, [("a", "b"), ("b", "a")], CHANCE, {"noise"}):
            assert (row.p < 0.05) == (row.low > 0 or row.high < 0)
