"""Batches: their mix, their stream, their stretches."""

import torch

from mirbench.pretraining.sampling import Sampler, label_budget


def sampler(**changes):
    options = {
        "labelled": torch.arange(40), "unlabelled": torch.arange(40, 100), "lengths": torch.full((100,), 300), "clips": 24,
        "labelled_share": 0.5, "length": 100, "stretch": 0.1, "seed": 5,
    }  # fmt: skip
    return Sampler(**(options | changes))


def batch_at(chosen, step):
    return chosen.batch(chosen.generator(step))


def test_a_share_of_each_batch_is_labelled():
    for share, count in ((0.0, 0), (0.25, 6), (0.5, 12), (1.0, 24)):
        batch = batch_at(sampler(labelled_share=share), 0)
        assert int(batch.labelled.sum()) == count
        assert (batch.clips[batch.labelled] < 40).all()
        assert (batch.clips[~batch.labelled] >= 40).all()


def test_the_stream_is_a_function_of_seed_and_step():
    first, again = batch_at(sampler(), 7), batch_at(sampler(), 7)
    assert torch.equal(first.clips, again.clips)
    assert torch.equal(first.frames, again.frames)
    assert not torch.equal(first.clips, batch_at(sampler(), 8).clips)
    assert not torch.equal(first.clips, batch_at(sampler(seed=6), 7).clips)


def test_two_views_of_a_long_clip_do_not_overlap():
    batch = batch_at(sampler(stretch=0.0), 3)
    assert batch.frames.shape == (48, 100)
    assert batch.view_to_clip.tolist() == [i for i in range(24) for _ in range(2)]
    for first, second in zip(batch.frames[::2], batch.frames[1::2], strict=True):
        assert first[-1] + 1 == second[0]
        assert first[0] >= 0
        assert second[-1] < 300


def test_a_short_clip_gives_two_views_all_the_same():
    batch = batch_at(sampler(lengths=torch.full((100,), 120), stretch=0.0), 3)
    assert batch.frames.min() >= 0
    assert batch.frames.max() < 120
    assert not torch.equal(batch.frames[::2], batch.frames[1::2])


def test_label_budgets_are_nested_and_of_the_size_asked_for():
    clips = list(range(1000, 1200))
    sizes = {fraction: set(label_budget(clips, fraction)) for fraction in (0.05, 0.1, 0.5, 1.0)}
    assert [len(found) for found in sizes.values()] == [10, 20, 100, 200]
    assert sizes[0.05] < sizes[0.1] < sizes[0.5] < sizes[1.0] == set(clips)
