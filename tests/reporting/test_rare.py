"""Which tasks have classes of too few training clips to be learnt."""

from __future__ import annotations

from synthetic import results_of

from mirbench.reporting import rare

KEYS = {"C major": 6, "D major": 5, "C minor": 1}


def told(counts, target="multiclass", **others):
    """others: of the same task, by data set; its classes are those of the last."""
    each = {"mini": counts, **others}
    about = {"target": target, "classes": list([*each.values()][-1])}
    about["dataset"] = {name: {"label_counts": {"train": of}} for name, of in each.items()}
    return rare.in_words(results_of({"run": {"tasks": {"key": about}}}))


def test_rare_classes_are_named_where_others_are_not_rare():
    (sentence,) = told(KEYS)
    assert sentence.startswith("key on mini: 1 of 3 classes have fewer than 5 training clips (C minor): ")
    (sentence,) = told({**KEYS, **dict.fromkeys("abcde", 0)})  # of which there is no training clip at all
    assert "6 of 8 classes have fewer than 5 training clips (C minor, a, b, c and 2 more)" in sentence


def test_classes_are_those_of_the_data_set():
    (sentence,) = told({"a": 50, "b": 50}, other={"a": 50, "b": 50, "c": 1, "d": 1})
    assert sentence.startswith("key on other: 2 of 4 classes have fewer than 5 training clips (c, d): ")


def test_nothing_is_said_where_all_classes_are_alike_or_labels_are_many():
    assert told({"36": 2, "37": 2}) == told({"a": 9}) == told(KEYS, "multilabel") == []
    assert rare.in_words(results_of({"run": {}})) == []
