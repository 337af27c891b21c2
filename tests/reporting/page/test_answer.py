"""The first sentences of a page say what the statistics allow, and no more."""

from __future__ import annotations

from synthetic import FLOORS, a_row, results_of

from mirbench.reporting.page.answer import answer


def compared(encoder, baseline, d, p, task="key", **about):
    numbers = {"difference": d, "ci_low": d - 0.02, "ci_high": d + 0.02, "p_holm": p, "detectable": 0.03}
    return a_row("comparisons", encoder=encoder, baseline=baseline, task=task, metric=METRICS[task], **{**numbers, **about})


METRICS = {"tagging": "macro_average_precision", "key": "mirex"}


def answered(*compared, encoders=("a", "b"), values=None, **rows):
    manifest = {"encoders": {name: {"role": "floor" if name in FLOORS else "encoder"} for name in encoders}}
    scores = [
        a_row("summary", encoder=name, task=task, metric=metric, value=(values or {}).get(name, 0.5))
        for name in encoders
        for task, metric in METRICS.items()
    ]
    return answer(results_of({"run": manifest}, summary=scores, comparisons=list(compared), **rows))


def test_better_worse_and_undecided_with_numbers_and_what_would_be_found():
    told = answered(compared("a", "b", 0.05, 0.001, "tagging"), compared("a", "b", 0.01, 0.4, "key"))
    assert told == [
        "On tagging, a (0.500) is better than b (+0.050 [+0.030, +0.070]).",
        "On key, a (0.500) is undecided against b (a difference of 0.03 would mostly be found, tested by itself).",
    ]


def test_the_difference_that_would_be_found_is_never_rounded_down():
    for detectable, said in ((0.0144, "0.02"), (0.03, "0.03"), (0.0301, "0.04")):
        (told,) = answered(compared("a", "b", 0.01, 0.4, detectable=detectable))
        assert f"(a difference of {said} would mostly be found" in told


def test_the_best_floor_and_chance_stand_beside_the_score():
    values = {"a": 0.6, "untrained": 0.4, "handcrafted": 0.55, "majority": 0.1}
    told = answered(compared("a", "untrained", 0.2, 0.001), encoders=tuple(values), values=values)
    assert told == ["On key, a (0.600; handcrafted 0.550, chance 0.100) is better than untrained (+0.200 [+0.180, +0.220])."]


def test_the_one_that_is_better_leads_whoever_stands_first():
    (told,) = answered(compared("a", "b", -0.05, 0.001))
    assert told == "On key, b (0.500) is better than a (+0.050 [+0.030, +0.070])."


def test_of_one_training_each_nothing_is_said():
    (told,) = answered(compared("a", "b", 0.5, 0.0001, one_training=1, baseline_one_training=1))
    assert told == "On key, a (0.500) is not to be told from b, of one training each."


def test_one_encoder_is_held_against_the_floors():
    rows = [compared("a", name, 0.1, 0.001) for name in ("untrained", "majority")]
    (told,) = answered(*rows, encoders=("a", "untrained", "majority"))
    assert told.startswith("On key, a (0.500; untrained 0.500, chance 0.500) is better than untrained")
    assert "majority" not in told


def test_of_many_encoders_the_first_are_named():
    names = [f"e{i}" for i in range(9)]
    rows = [compared("e0", name, 0.1 if i < 7 else 0.0, 0.001 if i < 7 else 0.9) for i, name in enumerate(names[1:])]
    (told,) = answered(*rows, encoders=names)
    numbers = ", ".join(f"e{i} (+0.100 [+0.080, +0.120])" for i in range(1, 6))
    assert told == (
        f"On key, e0 (0.500) is better than {numbers} and 2 more; undecided against e8 (a difference of 0.03 would mostly be found, tested "
        "by itself)."
    )


def test_a_run_that_compared_nothing_says_what_it_scored():
    (told,) = answered(encoders=("a",))
    assert told.startswith(
        "The run compared no encoders, so that none is called better than another. a scores 0.500 [0.40, 0.60] on tagging on mini"
    )


def test_under_corruption_the_same_pairs_are_told():
    about = {"measure": "score", "corruption": "all families"}
    rows = [{**a_row("robustness_comparisons", encoder="a", baseline="b", task="key", metric="mirex", p_holm=p, **about)} for p in (0.001,)]
    robust = [a_row("robustness", encoder="a", task="key", metric="mirex", corruption="all families", families="noise")]
    told = answered(compared("a", "b", 0.01, 0.4), robustness_comparisons=rows, robustness=robust)
    assert told[1] == "Under corruption, a is better than b on key."


def test_the_first_of_a_sweep_is_no_winner():
    rows = [compared(name, "untrained", d, 0.001) for name, d in (("a[pool=mean]", 0.05), ("a[pool=max]", 0.0504))]
    told = answered(*rows, encoders=("a[pool=mean]", "a[pool=max]", "untrained"))
    assert told[-1] == (
        "a[pool=max] is named here for its test scores, by which it is ahead of a[pool=mean]; variants of a sweep are not compared with "
        "each other, so whether it is better is not decided, and its score, as a maximum, is flattered."
    )
