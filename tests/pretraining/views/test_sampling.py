"""Batches: their mix, their stream, their stretches; label budgets."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from mirbench.pretraining.views.sampling import Sampler, label_budget, share_of_labelled


def sampler(**changes):
    options = {
        "labelled": torch.arange(40), "unlabelled": torch.arange(40, 100), "lengths": torch.full((100,), 300), "batch_views": 48,
        "views": 2, "labelled_share": 0.5, "length": 100, "stretch": 0.1, "seed": 5,
    }  # fmt: skip
    return Sampler(**(options | changes))


def same(first, second):
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in vars(first))


def test_a_share_of_each_batch_is_labelled():
    for share, count in ((0.0, 0), (0.25, 6), (0.5, 12), (1.0, 24)):
        batch = sampler(labelled_share=share).batch(0)
        assert int(batch.labelled.sum()) == count
        assert (batch.clips[batch.labelled] < 40).all()
        assert (batch.clips[~batch.labelled] >= 40).all()


@pytest.mark.parametrize(("labelled", "unlabelled"), [(1_800, 2_400), (90, 4_000), (18, 15_000), (5, 5), (0, 100)])
@pytest.mark.parametrize("most", [1.0, 10.0, 100.0])
def test_the_automatic_share_repeats_no_labelled_clip_too_often(labelled, unlabelled, most):
    share = share_of_labelled("auto", most, labelled, unlabelled)
    assert 0 <= share <= 0.5
    if labelled:
        repeats = (share / labelled) / ((1 - share) / unlabelled)
        assert repeats <= most * (1 + 1e-9)
        assert share == 0.5 or repeats == pytest.approx(most)
    assert share_of_labelled(0.75, most, labelled, unlabelled) == 0.75


def test_a_share_of_less_than_a_clip_is_met_on_average():
    """Six clips of 32 views at b_s = .05: a labelled clip in three batches of ten."""
    chosen = sampler(batch_views=192, views=32, labelled_share=0.05)
    counts = [int(chosen.batch(step).labelled.sum()) for step in range(400)]
    assert set(counts) == {0, 1}
    assert sum(counts) / 400 == pytest.approx(0.3, abs=0.07)
    assert counts == [chosen.labelled_clips(step) for step in range(400)]


def test_the_stream_is_a_function_of_seed_and_step():
    first = sampler().batch(7)
    sampler().batch(3)
    assert same(first, sampler().batch(7))
    assert not torch.equal(first.clips, sampler().batch(8).clips)
    assert not torch.equal(first.clips, sampler(seed=6).batch(7).clips)
    draws = [sampler().generator(step, stream).initial_seed() for step in range(50) for stream in range(4)]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("views", [2, 4, 8, 16])
def test_views_of_a_long_clip_follow_each_other_and_a_batch_stays_as_large(views):
    batch = sampler(stretch=0.0, views=views, lengths=torch.full((100,), 1700)).batch(3)
    assert len(batch.starts) == len(batch.view_to_clip) == 48
    assert batch.view_to_clip.tolist() == [i for i in range(48 // views) for _ in range(views)]
    for row in batch.starts.view(-1, views):
        assert (row.diff() == 100).all()
        assert row[0] >= 0
        assert row[-1] + 100 <= 1700


def test_an_excerpt_can_begin_anywhere_that_leaves_room_for_it():
    firsts = torch.cat([sampler(stretch=0.0, lengths=torch.full((100,), 203)).batch(step).starts[::2] for step in range(40)])
    assert set(firsts.tolist()) == {0, 1, 2, 3}


def test_a_clip_too_short_for_its_views_gives_independent_ones():
    starts = torch.cat([sampler(lengths=torch.full((100,), 120), stretch=0.0).batch(step).starts for step in range(40)]).view(-1, 2)
    assert set(starts.flatten().tolist()) == set(range(21))
    assert abs(np.corrcoef(starts.T)[0, 1]) < 0.1
    assert (sampler(lengths=torch.full((100,), 60), stretch=0.0).batch(0).starts == 0).all()  # shorter than a view


def test_independent_segments_are_not_neighbours():
    starts = sampler(segments="independent", lengths=torch.full((100,), 3000)).batch(0).starts.view(-1, 2)
    assert not (starts.diff(dim=1) == 100).any()


def test_half_of_the_views_are_stretched_within_bounds():
    speeds = torch.cat([sampler().batch(step).speeds for step in range(40)])
    assert 0.9 <= float(speeds.min()) < 0.91
    assert 1.09 < float(speeds.max()) <= 1.1
    assert float((speeds == 1).float().mean()) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_share_a_batch_and_its_mixture(world):
    whole = sampler().batch(2)
    ordered = whole.in_rank_order(world)
    parts = [ordered.share_of(rank, world) for rank in range(world)]
    assert torch.equal(torch.cat([part.clips for part in parts]), ordered.clips)
    assert torch.equal(torch.cat([part.starts for part in parts]), ordered.starts)
    assert sorted(ordered.clips.tolist()) == sorted(whole.clips.tolist())
    assert {int(part.labelled.sum()) for part in parts} == {12 // world}
    starts = {int(c): s.tolist() for c, s in zip(whole.clips, whole.starts.view(-1, 2), strict=True)}
    if len(starts) == len(whole.clips):
        assert all(starts[int(c)] == s.tolist() for c, s in zip(ordered.clips, ordered.starts.view(-1, 2), strict=True))


def test_one_process_keeps_the_order_of_a_batch():
    assert same(sampler().batch(0).in_rank_order(1), sampler().batch(0))
    assert same(replace(sampler(), labelled=torch.arange(0)).batch(1), replace(sampler(), labelled=torch.arange(0)).batch(1))


def corpus(clips=400, seed=1):
    """Multi-label clips over 20 labels of which the rarest is on three clips."""
    random = np.random.default_rng(seed)
    shares = np.geomspace(0.5, 0.01, 20)
    labels = [tuple(f"tag{j}" for j in np.flatnonzero(random.random(20) < shares)) for _ in range(clips)]
    for i in range(3):
        labels[i * 7] = (*labels[i * 7], "rare")
    return labels, [f"clip{i}" for i in range(clips)]


def test_label_budgets_are_nested_and_of_the_size_asked_for():
    labels, names = corpus()
    known = sum(map(bool, labels))
    budgets = [label_budget(labels, names, share) for share in (0.02, 0.05, 0.1, 0.5, 0.75, 1.0)]
    for share, budget in zip((0.02, 0.05, 0.1, 0.5, 0.75, 1.0), budgets, strict=True):
        assert len(budget) == len(set(budget)) == round(share * known)
        assert all(labels[i] for i in budget)
    for small, large in itertools.pairwise(budgets):
        assert set(small) < set(large)


def test_rare_labels_survive_a_small_budget_and_frequent_ones_keep_their_share():
    labels, names = corpus()
    budget = label_budget(labels, names, 0.1)
    found = Counter(label for i in budget for label in labels[i])
    whole = Counter(label for found in labels for label in found)
    assert found.keys() == whole.keys()
    for label, count in whole.items():
        assert found[label] / len(budget) == pytest.approx(count / len(labels), abs=0.12)


def test_a_budget_depends_on_clip_names_and_its_own_seed_not_on_their_order():
    labels, names = corpus()
    chosen = {names[i] for i in label_budget(labels, names, 0.1)}
    order = np.random.default_rng(0).permutation(len(labels))
    mixed = label_budget([labels[i] for i in order], [names[i] for i in order], 0.1)
    assert {names[order[i]] for i in mixed} == chosen
    assert {names[i] for i in label_budget(labels, names, 0.1, seed=1)} != chosen


def test_the_smallest_budget_is_one_clip_and_none_of_nothing():
    assert len(label_budget([("a",)] * 10, list("abcdefghij"), 0.001)) == 1
    assert label_budget([()] * 10, list("abcdefghij"), 1.0) == []
    assert label_budget([("a",)] * 10, list("abcdefghij"), 0.0) == []
