"""A few clips in the place of many: shares of splits, labels and groups."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mirbench.data.sampling import choose_sample, split_quotas
from mirbench.records import Clip


def clips_of(counts: dict[str, int], **about) -> list[Clip]:
    """Rock is nine of ten, and each group has ten clips of one genre."""
    clips = []
    for split, many in counts.items():
        for n in range(many):
            genre = "jazz" if n // 10 % 10 == 0 else "rock"
            clips.append(Clip(f"{split}{n}", Path(f"{split}{n}.wav"), split, f"{split} {n // 10}", annotations={"genre": genre}, **about))
    return clips


@pytest.mark.parametrize("most", [1, 3, 10, 99, 1000])
@pytest.mark.parametrize("counts", [{"train": 700, "valid": 150, "test": 150}, {"train": 5, "test": 2000}, {"pretrain": 40}])
def test_quotas_are_as_many_as_asked_for_and_no_more_than_there_are(counts, most):
    quotas = split_quotas(counts, most)
    assert sum(quotas.values()) == min(most, sum(counts.values()))
    assert all(0 <= quotas[split] <= counts[split] for split in counts)
    assert all(quotas[split] >= min(counts[split], most // 10) for split in counts)


def test_labels_and_groups_are_spread_though_one_label_is_rare():
    clips = clips_of({"train": 800, "valid": 200, "test": 200})
    chosen = choose_sample(clips, 60)
    assert [clip for clip in clips if clip in chosen] == chosen  # in their order
    for split, many in split_quotas({"train": 800, "valid": 200, "test": 200}, 60).items():
        of_split = [clip for clip in chosen if clip.split == split]
        assert len(of_split) == many
        assert Counter(clip.annotations["genre"] for clip in of_split) == {"rock": many // 2, "jazz": many // 2}
        groups = Counter(clip.group for clip in of_split if clip.annotations["genre"] == "rock")
        assert max(groups.values()) == 1


def test_each_annotation_has_its_share_though_one_has_many_labels():
    clips = clips_of({"train": 400})
    clips += [Clip(f"note{n}", Path(f"{n}.wav"), "train", f"note {n}", annotations={"pitch": n % 60}) for n in range(400)]
    carried = Counter(name for clip in choose_sample(clips, 80) for name in clip.annotations)
    assert carried == {"genre": 40, "pitch": 40}


def test_of_more_labels_than_clips_the_splits_have_the_same():
    clips = [
        Clip(f"{split}{n}", Path(f"{split}{n}.wav"), split, f"{split} {n}", annotations={"pitch": n % many})
        for split, many in (("train", 40), ("test", 60))
        for n in range(600)
    ]
    train, test = ({clip.annotations["pitch"] for clip in choose_sample(clips, 40) if clip.split == split} for split in ("train", "test"))
    assert len(train) == len(test) == 20
    assert train == test


def test_clips_without_labels_come_last():
    clips = [*clips_of({"train": 20}), *(Clip(f"bare{n}", Path("b.wav"), "train", f"bare {n}") for n in range(20))]
    assert not any(clip.id.startswith("bare") for clip in choose_sample(clips, 20))
    assert sum(clip.id.startswith("bare") for clip in choose_sample(clips, 25)) == 5


def test_it_follows_the_seed_and_not_the_order_of_the_clips():
    clips = clips_of({"train": 300, "test": 100})
    ids = {clip.id for clip in choose_sample(clips, 40)}
    assert ids == {clip.id for clip in choose_sample(clips[::-1], 40)}
    assert ids != {clip.id for clip in choose_sample(clips, 40, seed=1)}
    assert choose_sample(clips, 1000) == clips


def test_others_stand_in_for_those_that_cannot_be_used():
    clips = clips_of({"train": 100})
    bad = {clip.id for clip in choose_sample(clips, 20)}
    chosen = choose_sample(clips, 20, usable=lambda clip: clip.id not in bad)
    assert len(chosen) == 20
    assert not bad & {clip.id for clip in chosen}
