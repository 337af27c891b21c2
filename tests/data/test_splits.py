"""Splits that are assigned: whole groups, labels spread alike, whatever the order; and what must hold of any."""

import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest

import mirbench
from mirbench.data.splits import SHARES, assign_splits, check_clips, keep_apart, settle_splits, split_named

SPLITS = tuple(SHARES)


def clip(i, group, split="", path=None, **annotations):
    return mirbench.Clip(str(i), Path(path or f"{i}.wav"), split, group, annotations=annotations)


def collection(groups=60, seed=0):
    """Groups of one to nine clips, a genre each, of unequal frequency, and a few tags a clip."""
    draw = random.Random(seed)
    clips = []
    for group in range(groups):
        genre = draw.choice("aaaaaabbbccd")
        for _ in range(draw.randint(1, 9)):
            tags = tuple(sorted(draw.sample(("slow", "fast", "loud", "quiet", "odd"), draw.randint(0, 3))))
            clips.append(clip(len(clips), f"g{group}", genre=genre, tags=tags))
    return clips


def by_label(clips):
    found = defaultdict(Counter)
    for one in clips:
        for label in (one.annotations["genre"], *one.annotations["tags"]):
            found[label][one.split] += 1
    return found


@pytest.mark.parametrize("seed", range(5))
def test_whole_groups_in_their_shares_with_every_label_in_each_split(seed):
    clips = assign_splits(collection(seed=seed), seed=seed)
    check_clips("mine", clips)
    total = Counter(one.split for one in clips)
    for split, share in SHARES.items():
        assert total[split] / len(clips) == pytest.approx(share, abs=0.04)
    groups = defaultdict(set)
    for one in clips:
        for label in (one.annotations["genre"], *one.annotations["tags"]):
            groups[label].add(one.group)
    for label, counts in by_label(clips).items():
        assert len(groups[label]) < 3 or set(counts) == set(SPLITS)
        assert counts["train"] == max(counts.values())


def test_labels_are_spread_better_than_by_chance():
    def imbalance(clips):
        return sum(
            abs(counts[split] - share * counts.total()) for counts in by_label(clips).values() for split, share in SHARES.items()
        ) / len(clips)

    plain = collection(200)
    stripped = [mirbench.Clip(c.id, c.path, "", c.group) for c in plain]
    by_chance = [
        imbalance([mirbench.Clip(c.id, c.path, d.split, c.group, annotations=c.annotations) for c, d in zip(plain, found, strict=True)])
        for found in (assign_splits(stripped, seed=seed) for seed in range(10))
    ]
    spread = [imbalance(assign_splits(plain, seed=seed)) for seed in range(10)]
    assert max(spread) < sorted(by_chance)[4]
    assert sum(spread) < 0.6 * sum(by_chance)


def test_the_order_of_the_clips_does_not_matter_and_the_seed_does():
    clips = collection()
    found = {c.id: c.split for c in assign_splits(clips, seed=3)}
    shuffled = random.Random(1).sample(clips, len(clips))
    again = assign_splits(shuffled, seed=3)
    assert [c.id for c in again] == [c.id for c in shuffled]
    assert {c.id: c.split for c in again} == found
    assert {c.id: c.split for c in assign_splits(clips, seed=4)} != found


def test_only_the_split_changes():
    (one, *_), (before, *_) = assign_splits(collection()), collection()
    assert (one.id, one.path, one.group, one.annotations) == (before.id, before.path, before.group, before.annotations)


def test_a_class_of_three_groups_comes_into_each_split():
    clips = [clip(i, f"g{i}", genre=f"class {i // 3}") for i in range(30)]
    for seed in range(5):
        found = defaultdict(set)
        for one in assign_splits(clips, seed=seed):
            found[one.annotations["genre"]].add(one.split)
        assert all(splits == set(SPLITS) for splits in found.values())


def test_many_classes_of_two_groups_starve_no_split():
    clips = [clip(i, f"g{i}", genre=f"class {i // 2}") for i in range(400)]
    total = Counter(one.split for one in assign_splits(clips))
    assert {split: total[split] / 400 for split in SPLITS} == pytest.approx(SHARES, abs=0.06)
    one_each = Counter(one.split for one in assign_splits([clip(i, f"g{i}", title=f"title {i}") for i in range(400)]))
    assert one_each == {"train": 280, "valid": 60, "test": 60}


def test_a_group_larger_than_a_small_split_goes_to_train():
    clips = [clip(i, "big" if i < 50 else f"g{i}", genre="ab"[i % 2]) for i in range(100)]
    split = {one.group: one.split for one in assign_splits(clips)}
    assert split["big"] == "train"
    assert Counter(split.values())["test"] >= 10


@pytest.mark.parametrize(("sizes", "expected"), [((30, 6, 6, 6), (36, 6, 6)), ((20, 4, 4, 4), (24, 4, 4)), ((30, 10, 10), (30, 10, 10))])
def test_the_largest_of_few_groups_goes_to_train(sizes, expected):
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    clips = [clip(i, f"g{group}", genre="ab"[i % 2]) for i, group in enumerate(groups)]
    for seed in range(5):
        total = Counter(one.split for one in assign_splits(clips, seed=seed))
        assert tuple(total[split] for split in ("train", "valid", "test")) == expected


def test_labels_that_nobody_reads_are_not_spread():
    """A column such as `album`, of four songs each, would take a fourth of all songs into valid, and a fourth into test."""
    clips = [clip(i, f"g{i}", genre="ab"[i % 2], album=f"album {i // 4}") for i in range(48)]
    assert Counter(one.split for one in assign_splits(clips)) == {"train": 24, "valid": 12, "test": 12}
    found, rule = settle_splits(clips, 0, annotations={"genre", "tags"})
    assert Counter(one.split for one in found) == {"train": 33, "valid": 8, "test": 7}
    assert rule == "no split column: whole groups (by group), 70/15/15 % train/valid/test, labels of genre spread alike, split seed 0"
    assert settle_splits(clips, 0, annotations={"key"}) == settle_splits(clips, 0)  # where none is read, all are spread


def test_two_shares_and_their_size():
    clips = assign_splits(collection(200), {"train": 3, "test": 1})
    assert {one.split for one in clips} == {"train", "test"}
    assert sum(one.split == "test" for one in clips) / len(clips) == pytest.approx(0.25, abs=0.02)


def test_three_groups_are_a_split_each():
    for seed in range(5):
        clips = assign_splits([clip(i, "abc"[i % 3]) for i in range(30)], seed=seed)
        assert {one.split for one in clips} == set(SPLITS)


def test_clips_of_one_file_stay_together_whatever_their_groups():
    clips = [clip(i, f"g{i}", path=f"{i // 2}.wav", genre="a") for i in range(40)]
    found = defaultdict(set)
    for one in assign_splits(clips):
        found[one.path].add(one.split)
    assert all(len(splits) == 1 for splits in found.values())


@pytest.mark.parametrize(("groups", "there"), [(0, "0 groups"), (1, "1 group"), (2, "2 groups")])
def test_fewer_groups_than_splits_cannot_be_split(groups, there):
    with pytest.raises(mirbench.MirbenchError) as caught:
        assign_splits([clip(i, f"g{i % groups}") for i in range(groups * 3)])
    assert str(caught.value) == (
        f"the clips are of {there}, which cannot be split into train, valid, test: a group is kept whole, and each split needs one; "
        "tell more groups apart, or write a split for each clip."
    )


@pytest.mark.parametrize("shares", [{}, {"train": 0}, {"train": 1, "dev": 1}, {"train": float("nan")}, {"test": -1}])
def test_shares_that_are_none(shares):
    with pytest.raises(mirbench.MirbenchError, match="give each of some of train, valid, test, pretrain a number above 0"):
        assign_splits(collection(), shares)


def test_settled_without_splits():
    clips = [clip(i, f"artist {i // 2}", **({"genre": "ab"[i % 2]} if i < 40 else {})) for i in range(60)]
    found, rule = settle_splits(clips, 7, grouped_by="artist")
    assert rule == (
        "no split column: whole groups (by artist), 70/15/15 % train/valid/test, labels spread alike, split seed 7; "
        "groups without labels are for pretraining"
    )
    assert {one.split for one in found[40:]} == {"pretrain"}
    assert Counter(one.split for one in found[:40]) == {"train": 28, "valid": 6, "test": 6}
    none, rule = settle_splits([clip(i, "g") for i in range(3)], 7)
    assert ({one.split for one in none}, rule) == ({"pretrain"}, "no labels: all clips are for pretraining")


def test_a_clip_to_which_no_label_applies_is_labelled():
    found, _ = settle_splits([clip(i, f"g{i}", tags=()) for i in range(20)], 0)
    assert {one.split for one in found} == set(SPLITS)


def test_an_unlabelled_stretch_of_a_labelled_file_is_not_pretrained_on_apart_from_it():
    clips = [clip(i, f"g{i}", path=f"{i // 2}.wav", **({"genre": "a"} if i % 2 else {})) for i in range(20)]
    found, _ = settle_splits(clips, 0)
    assert all(a.split == b.split for a, b in zip(found[::2], found[1::2], strict=True))


def test_settled_with_splits():
    clips = [clip(i, f"g{i // 2}", "test" if i < 10 else "train", genre="ab"[i // 2 % 2]) for i in range(90)]
    found, rule = settle_splits(clips, 3)
    assert rule == (
        "as its split column says; no valid split: 15 % of train, by whole groups (by group), labels spread alike, split seed 3"
    )
    assert [one.split for one in found[:10]] == ["test"] * 10
    assert Counter(one.split for one in found)["valid"] == 12
    check_clips("mine", found)
    assert settle_splits(found, 3) == (found, "as its split column says")
    for there in ("train", "test"):
        only = [one for one in clips if one.split == there]
        assert settle_splits(only, 3) == (only, "as its split column says")


def test_kept_apart():
    splits = ("train", "test", "valid", "pretrain", "train", "pretrain", "valid", "test")
    clips = [clip(i, group, split) for i, (group, split) in enumerate(zip("aabbccdd", splits, strict=True))]
    assert [(c.group, c.split) for c in keep_apart(clips)] == [
        ("a", "test"),
        ("b", "valid"),
        ("c", "train"),
        ("c", "pretrain"),
        ("d", "test"),
    ]
    check_clips("mine", keep_apart(clips))


def test_names_that_may_be_of_one_group_come_into_one_split():
    names = ("Beatles, The", "The Beatles", "the beatles ", "Davis, Miles", "miles davis")
    for seed in range(5):
        clips = [*(clip(i, name) for i, name in enumerate(names)), *(clip(10 + i, f"g{i}") for i in range(20))]
        split = {one.group: one.split for one in assign_splits(clips, seed=seed)}
        assert len({split[name] for name in names[:3]}) == len({split[name] for name in names[3:]}) == 1
        check_clips("mine", assign_splits(clips, seed=seed), alike=True)


def test_what_is_kept_apart_holds_however_groups_are_spelled():
    clips = [clip(0, "Ann Lee", "train"), clip(1, "ann  lee", "test"), clip(2, "Lee, Ann", "train")]
    assert [one.id for one in keep_apart(clips)] == ["1", "2"]  # another order of words may be another name
    check_clips("mine", keep_apart(clips), alike=True)


def test_a_group_in_two_spellings_is_one_where_names_are_free():
    clips = [clip(0, "Ann Lee", "train"), clip(1, "b", "test"), clip(2, "ann  lee", "test"), clip(3, "ann_lee", "pretrain")]
    check_clips("mine", clips)
    with pytest.raises(mirbench.MirbenchError) as caught:
        check_clips("mine", clips, alike=True)
    assert str(caught.value) == (
        "data set 'mine' leaks: 1 group is in two splits, 'Ann Lee' in train (1), 'ann  lee' in test (1) and 'ann_lee' in train (1); "
        "every group must be in one split, and names that look alike are one group's."
    )
    check_clips("mine", [one for one in clips if one.id != "2"], alike=True)


def test_a_split_that_is_none_names_the_nearest():
    with pytest.raises(mirbench.MirbenchError) as caught:
        split_named("tets")
    assert str(caught.value) == "split is 'tets'; did you mean 'test'? it must be one of train, valid, test, pretrain."
