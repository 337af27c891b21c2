"""What limits the answer of a page: said where it applies, and not where it does not."""

from __future__ import annotations

from synthetic import FAMILIES, SEEN, a_manifest, a_results, a_row, results_of

from mirbench.reporting.disagreement import disagreement
from mirbench.reporting.page.limits import limits
from mirbench.results.schema import TABLES

ROLES = {"encoders": {"a": {"role": "encoder"}, "untrained": {"role": "floor"}, "majority": {"role": "floor"}}}


def limited(*compared, once=0, **manifest):
    scores = [
        a_row("summary", encoder=name, task="key", metric="mirex", value=value, one_training=once if name == "a" else 0)
        for name, value in (("a", 0.6), ("untrained", 0.5), ("majority", 0.1))
    ]
    about = {"task": "key", "metric": "mirex"}
    rows = [a_row("comparisons", encoder="a", baseline=name, p_holm=p, difference=d, **about) for name, d, p in compared]
    return limits(results_of({"run": {**ROLES, **manifest}}, summary=scores, comparisons=rows))


def test_where_all_is_decided_nothing_is_said():
    assert limited(("untrained", 0.1, 0.001), ("majority", 0.5, 0.001)) == []


def test_an_undecided_difference_says_what_to_do():
    (told,) = limited(("untrained", 0.1, 0.4), ("majority", 0.5, 0.001))
    assert told.startswith("Undecided is not equal:")
    assert "(--seeds 6)" in told
    assert "--plan --set power.difference=0.02" in told


def test_of_a_frozen_model_more_seeds_are_not_advised():
    about = {"a": {"role": "encoder", "checkpoints": {}}, "untrained": {"role": "floor"}, "majority": {"role": "floor"}}
    scores = [a_row("summary", encoder=name, task="key", metric="mirex", value=0.5, n_seeds=1) for name in about]
    rows = [a_row("comparisons", encoder="a", baseline="untrained", task="key", metric="mirex", p_holm=0.4)]
    (*_, told) = limits(results_of({"run": {"encoders": about}}, summary=scores, comparisons=rows))
    assert "are the same for every seed, so that more trainings change nothing: more test clips help" in told
    assert "--seeds" not in told
    drawn = [{**row, "one_training": 3} if row["encoder"] == "a" else row for row in scores]
    (*_, told) = limits(results_of({"run": {"encoders": about}}, summary=drawn, comparisons=rows))
    assert "--seeds" in told, "random weights are others with another seed"


def test_what_is_not_surely_above_chance_is_said():
    told = limited(("untrained", 0.1, 0.001), ("majority", 0.5, 0.2))
    assert told[0] == "key on mini, mirex: undecided whether any encoder beats majority."


def test_one_training_says_nothing_of_others():
    decided = ("untrained", 0.1, 0.001), ("majority", 0.5, 0.001)
    assert limited(*decided, once=1) == ["a was trained once: nothing is known of other seeds."]
    assert limited(*decided, once=2) == ["a was trained once: the spread over seeds is taken to be that of the other encoders."]
    assert limited(*decided, once=3) == []


def test_families_are_seen_by_whom_or_unseen():
    told = limits(a_results(families=FAMILIES, seen_families=SEEN))
    (families,) = [each for each in told if each.startswith("Corruption families")]
    assert families == (
        "Corruption families: noise and level were among the augmentations of semisupcon; noise was among the augmentations of simclr; "
        "filtering and time were unseen in training by all, as far as they say."
    )
    told = limited(robustness={"families": {"noise": ["hiss"]}, "seen_families": {"a": ["noise", "level"]}})
    assert told[-1] == (
        "Corruption families: noise was among the augmentations of a. None is unseen: of corruptions that are new to the encoders the run "
        "says nothing."
    )


def measured(retained, relative, task="pitch"):
    """Results of two encoders with these measures."""
    about = {"task": task, "metric": "accuracy", "corruption": "all"}
    rows = [
        a_row("robustness", encoder=name, measure=measure, value=value, **about)
        for measure, values in (("retained", retained), ("relative_mce", relative))
        for name, value in values.items()
    ]
    scores = [a_row("summary", encoder=name, task=task, value=value) for name, value in (("semisupcon", 0.8), ("simclr", 0.5))]
    frames = {"robustness": rows, "summary": scores}
    assert set(frames) <= set(TABLES)
    return results_of({"run": a_manifest(("semisupcon", "simclr"))}, **frames)


def test_retained_and_relative_mce_in_opposite_orders_are_explained_with_the_clean_scores():
    (told,) = disagreement(measured({"semisupcon": 0.7, "simclr": 0.6}, {"semisupcon": 1.3, "simclr": 1.0}))
    assert told.startswith(
        "Retained performance and relative mCE disagree about semisupcon and simclr on pitch on mini: semisupcon retains 0.700 of a clean "
        "score of 0.800, simclr 0.600 of 0.500, yet the error grows more with semisupcon (relative mCE 1.300 against 1.000)."
    )


def test_nothing_is_explained_where_they_agree_or_differ_by_next_to_nothing():
    agreeing = {"semisupcon": 0.9, "simclr": 1.0}, {"semisupcon": 1.01, "simclr": 1.0}, {"semisupcon": float("nan"), "simclr": 1.0}
    assert [disagreement(measured({"semisupcon": 0.7, "simclr": 0.6}, relative)) for relative in agreeing] == [[], [], []]
