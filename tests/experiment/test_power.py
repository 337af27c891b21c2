"""How many seeds find a difference: from spreads that finished runs leave, and from those that come with mirbench."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from scipy.stats import t

from mirbench.engine.store import Store
from mirbench.experiment.planning import power
from mirbench.experiment.planning.power import SPREADS, Spread, keep_spreads


def spread(clips=0.0, trainings=0.0001, groups=200, freedom=4.0, task="genre"):
    return Spread(task, "mini", "accuracy", clips, trainings, groups, freedom)


def test_what_seeds_can_find_by_hand():
    alone = spread()  # no variance of clips: a two-sample t test of as many trainings each
    for seeds in (2, 3, 10):
        freedom = 2 * (seeds - 1)
        error = math.sqrt(2 * 0.0001 / seeds)
        assert alone.detectable(seeds) == pytest.approx((t.ppf(0.975, freedom) + t.ppf(0.8, freedom)) * error)
    clips = spread(clips=0.0004, trainings=0.0)
    assert clips.detectable(3) == clips.detectable(40) == pytest.approx((t.ppf(0.975, 199) + t.ppf(0.8, 199)) * 0.02)
    assert math.isnan(alone.detectable(1))
    assert spread(trainings=0.0).detectable(2) == 0


def test_the_fewest_seeds_are_named_and_none_where_clips_are_too_few():
    one = spread(clips=0.0001)
    needed = one.seeds_for(0.04)
    assert one.detectable(needed) <= 0.04 < one.detectable(needed - 1)
    assert one.seeds_for(0.028) is None  # 2.8 standard errors of the clips alone
    assert one.seeds_for(0.5) == 2


def test_finished_runs_leave_their_spreads_and_medians_are_taken(tmp_path):
    store = Store(tmp_path)
    for key, trainings in (("1", 0.0001), ("2", 0.0002), ("3", 0.0009)):
        keep_spreads([spread(trainings=trainings), spread(task="key")], store, key)
    keep_spreads([spread(trainings=0.5)], store, "3")  # the same run again
    keep_spreads([], store, "4")
    assert {entry.key for entry in store.entries(SPREADS)} == {"1", "2", "3"}
    found = power._by_task(power._kept(store))
    assert found["genre", "mini", "accuracy", "trained"] == spread(trainings=0.0002)
    told = json.loads((tmp_path / SPREADS / "1" / "spreads.json").read_text())
    assert told[0]["task"] == "genre"


def test_what_a_run_of_one_group_left_is_passed_over(tmp_path):
    store = Store(tmp_path)
    good = Spread("genre", "mini", "accuracy", 1e-4, 1e-4, 40, 4)
    keep_spreads([replace(good, clips=math.nan, groups=1), replace(good, task="key", groups=1), good], store, "a" * 20)
    assert list(power._kept(store)) == [good]


def test_more_test_clips_are_asked_for_where_they_are_what_it_takes():
    said = [
        power._in_words(Spread("genre", "mini", "accuracy", *variances, 100, 4), 0.001, 3, "here") for variances in ((0, 0.5), (0.5, 0))
    ]
    assert ["the test clips are too few" in each for each in said] == [False, True]


def test_spreads_of_the_reference_runs_come_with_mirbench():
    shipped = power._by_task(power._shipped())
    assert {task for task, *_ in shipped} == {"tagging", "key", "pitch", "genre"}
    assert all(each.clips >= 0 and each.trainings > 0 and each.groups > 4 for each in shipped.values())
    assert shipped["pitch", "mini", "accuracy", "trained"].groups == 21
    assert {against for *_, against in shipped} == {"trained", "random", "fixed"}
    for task, dataset, metric, _ in list(shipped):  # a floor has other errors than a trained encoder
        for floor in ("random", "fixed"):
            assert shipped[task, dataset, metric, floor].clips > shipped[task, dataset, metric, "trained"].clips


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (3, "--seeds 27; --seeds 3 finds 0.053 or more (from earlier runs)"),
        (1, "--seeds 27 (from earlier runs)"),
        (40, "the 40 of this run do; --seeds 40 finds 0.053 or more (from earlier runs)"),
    ],
)
def test_in_words(seeds, said):
    one = spread(clips=0.00002, trainings=0.0003)
    needed = one.seeds_for(0.02)
    expected = said.replace("27", str(needed)).replace("0.053", f"{one.detectable(seeds):.3f}")
    assert power._in_words(one, 0.02, seeds, "earlier runs") == expected
    few = spread(clips=0.01)
    assert power._in_words(few, 0.02, 1, "x") == (
        f"the test clips are too few for it, whatever the seeds (--seeds 50 finds {few.detectable(50):.3f} or more) (from x)"
    )


def test_of_a_single_training_the_clips_say_what_they_can_against_a_floor(tmp_path):
    once = Spread("genre", "mini-quick", "accuracy", 0.0025, math.nan, 64, 0, "fixed")
    least = (t.ppf(0.975, 63) + t.ppf(0.8, 63)) * 0.05
    assert power._in_words(once, 0.02, 1, "earlier runs") == (
        f"the test clips are too few for it, whatever the seeds (they find {least:.3f} or more) (from earlier runs)"
    )
    assert power._in_words(once, 0.3, 1, "x") == "not known before a first run with --seeds 2 or more has been scored on the data"
    store = Store(tmp_path)
    keep_spreads([once], store, "a" * 20)
    keep_spreads([replace(once, trainings=1e-4, freedom=2)], store, "b" * 20)
    assert power._by_task(power._kept(store)) == {("genre", "mini-quick", "accuracy", "fixed"): replace(once, trainings=1e-4, freedom=2)}


def test_a_floor_has_no_seeds_of_its_own():
    alone = replace(spread(), against="fixed")  # a one-sample t test
    error = math.sqrt(2 * 0.0001 / 3)
    assert alone.detectable(3) == pytest.approx((t.ppf(0.975, 2) + t.ppf(0.8, 2)) * error)


def test_a_run_of_one_training_leaves_what_its_clips_vary_against_each_floor(tiny_run):
    cache, _ = tiny_run
    found = [each for each in power._kept(Store(cache)) if each.against in ("random", "fixed") and math.isnan(each.trainings)]
    assert {each.against for each in found} == {"random", "fixed"}
    assert {each.task for each in found} == {"tagging", "key", "pitch", "genre"}
    assert all(each.clips >= 0 for each in found)


@pytest.mark.parametrize(("learns", "drawn"), [(False, False), (True, False), (False, True)])
def test_of_frozen_models_no_seeds_are_asked_for(tmp_path, learns, drawn):
    entry = SimpleNamespace(encoder=SimpleNamespace(trainable=learns, seeded=drawn), probe=SimpleNamespace(seeded=False), shots=None)
    config = SimpleNamespace(power=SimpleNamespace(difference=0.02), seeds=1)
    resolved = SimpleNamespace(config=config, encoders=[entry], store=Store(tmp_path), scored_data=[], tasks=[])
    told = power.describe_power(SimpleNamespace(resolved=resolved))
    assert any("the embeddings are the same for every seed" in line for line in told) == (not learns and not drawn)


@pytest.mark.parametrize(("seeded", "shots"), [(True, None), (False, 5)])
def test_seeds_of_probes_and_of_few_labels_are_seeds_too(tmp_path, seeded, shots):
    frozen = SimpleNamespace(trainable=False, seeded=False)
    entry = SimpleNamespace(encoder=frozen, probe=SimpleNamespace(seeded=seeded), shots=shots)
    config = SimpleNamespace(power=SimpleNamespace(difference=0.02), seeds=1)
    resolved = SimpleNamespace(config=config, encoders=[entry], store=Store(tmp_path), scored_data=[], tasks=[])
    assert not any("the same for every seed" in line for line in power.describe_power(SimpleNamespace(resolved=resolved)))
