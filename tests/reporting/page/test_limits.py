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
    assert told.index("more test clips") < told.index("more trainings")
    assert "fewer encoders" not in told
    assert "mini-quick" not in told


def test_a_plan_is_advised_only_where_it_will_answer_and_mini_in_the_place_of_mini_quick():
    rows = [
        a_row("summary", encoder=name, task="key", dataset="mini-quick", metric="mirex", value=value, n_seeds=1)
        for name, value in (("a", 0.6), ("untrained", 0.5))
    ]
    about = {"encoder": "a", "baseline": "untrained", "task": "key", "dataset": "mini-quick", "metric": "mirex"}
    about |= {"n_seeds": 1, "baseline_seeds": 1, "one_training": 1}
    told = limits(results_of({"run": ROLES}, summary=rows, comparisons=[a_row("comparisons", p_holm=0.4, **about)]))[-1]
    assert "What helps: more trainings (--seeds 3), more test clips (mini in the place of mini-quick)." in told
    assert "--plan" not in told


def test_more_seeds_are_no_advice_where_nothing_is_trained():
    fixed = [a_row("summary", encoder=name, task="key", metric="mirex", n_seeds=1) for name in ("a", "b")]
    about = {"task": "key", "metric": "mirex", "encoder": "a", "baseline": "b", "p_holm": 0.4, "n_seeds": 1, "baseline_seeds": 1}
    roles = {"encoders": {name: {"role": "encoder"} for name in ("a", "b")}}
    told = [
        limits(results_of({"run": roles}, summary=fixed, comparisons=[a_row("comparisons", **about, one_training=once)]))[-1]
        for once in (0, 1)
    ]
    assert ["--seeds" in each for each in told] == [False, True]
    assert told[0].endswith("What helps: more test clips.")


def test_fewer_encoders_help_where_there_are_several():
    rows = [a_row("summary", encoder=name, task="key", metric="mirex") for name in ("a", "b", "c")]
    about = {"task": "key", "metric": "mirex", "baseline": "c", "p_holm": 0.4}
    compared = [a_row("comparisons", encoder=name, **about) for name in ("a", "b")]
    told = limits(results_of({"run": {"encoders": {}}}, summary=rows, comparisons=compared))[-1]
    assert ", fewer encoders in one run, as p is corrected for all comparisons." in told


def test_what_is_not_surely_above_chance_is_said():
    told = limited(("untrained", 0.1, 0.001), ("majority", 0.5, 0.2))
    assert told[0] == "key on mini, mirex: undecided whether any encoder beats majority."


def test_one_training_says_nothing_of_others():
    decided = ("untrained", 0.1, 0.001), ("majority", 0.5, 0.001)
    assert limited(*decided, once=1) == ["a was trained once: that training is what is compared, and nothing is known of other seeds."]
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
        "Corruption families: noise was among the augmentations of a. None is unseen by all: of corruptions that are new to every encoder "
        "the run says nothing."
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
        "Retained performance and relative mCE disagree about semisupcon and simclr on pitch on mini: semisupcon retains 0.700 of its "
        "score above chance (clean score 0.800), simclr 0.600 (0.500), yet the error grows more with semisupcon (relative mCE 1.300 "
        "against 1.000). The first divides by"
    )


def test_where_the_clean_scores_are_not_the_reason_none_is_told():
    (told,) = disagreement(measured({"semisupcon": 0.6, "simclr": 0.7}, {"semisupcon": 1.0, "simclr": 1.3}))
    assert told.endswith("yet the error grows more with simclr (relative mCE 1.300 against 1.000).")


def test_nothing_is_explained_where_they_agree_or_differ_by_next_to_nothing():
    agreeing = {"semisupcon": 0.9, "simclr": 1.0}, {"semisupcon": 1.01, "simclr": 1.0}, {"semisupcon": float("nan"), "simclr": 1.0}
    assert [disagreement(measured({"semisupcon": 0.7, "simclr": 0.6}, relative)) for relative in agreeing] == [[], [], []]


def test_means_over_tasks_that_put_others_first_are_told_with_how_many_tasks_each_is_over():
    def of(measure, task, **values):
        place = {"dataset": "all", "metric": "all"} if task == "all" else {"metric": "accuracy"}
        return [a_row("robustness", encoder=n, measure=measure, value=v, task=task, corruption="all", **place) for n, v in values.items()]

    rows = [
        *of("retained", "pitch", semisupcon=0.7, simclr=0.8),
        *of("retained", "genre", semisupcon=0.7, simclr=0.8),
        *of("retained", "all", semisupcon=0.7, simclr=0.8),
        *of("relative_mce", "key", semisupcon=0.9, simclr=1.0),
        *of("relative_mce", "all", semisupcon=0.9, simclr=1.0),
    ]
    manifests = {"run": a_manifest(("semisupcon", "simclr"))}
    (told,) = disagreement(results_of(manifests, robustness=rows))
    assert told.startswith(
        "Of the encoders, retained performance as a mean over tasks puts simclr first (0.800, over 2 tasks), relative mCE semisupcon "
        "(0.900, over 1 task):"
    )
    floor = [
        {**row, "encoder": "untrained", "role": "floor", "value": 0.85}
        for row in of("retained", "all", x=0) + of("relative_mce", "all", x=0)
    ]
    assert disagreement(results_of(manifests, robustness=[*rows, *floor])) == [told]  # a floor is first in both, and no encoder
    agreeing = [*rows[:-2], *of("relative_mce", "all", semisupcon=1.1, simclr=1.0)]
    assert disagreement(results_of(manifests, robustness=agreeing)) == []
    at_chance = [*of("retained", "key", supervised=float("nan")), *of("relative_mce", "key", supervised=-0.1)]
    at_chance += [*of("relative_mce", "all", supervised=-0.1), *of("retained", "all", supervised=float("nan"))]
    manifests = {"run": a_manifest(("semisupcon", "simclr", "supervised"))}
    (told,) = disagreement(results_of(manifests, robustness=[*rows, *at_chance]))
    assert "relative mCE semisupcon (0.900, over 1 task)" in told, "which is first of those that are above chance"
    assert " Left out: supervised, not surely above chance on clean audio on a task, where little can be lost: " in told
    assert disagreement(results_of(manifests, robustness=[*agreeing, *at_chance])) == []


def test_a_training_of_few_steps_is_said_first():
    def said(taken, usual=400):
        about = {"role": "encoder", "options": {"steps": taken}, "defaults": {"steps": usual} if taken != usual else {}}
        return limited(("untrained", 0.1, 0.001), ("majority", 0.5, 0.001), encoders={**ROLES["encoders"], "a": about})

    assert said(40) == ["a was trained for 40 steps where 400 are the default: a look at how a run goes, not at what the encoder can do."]
    assert said(300) == said(400) == said(800) == []
    assert said("few", "many") == said(40, None) == said(None, 400) == said([1], [9]) == []  # options of plugins
