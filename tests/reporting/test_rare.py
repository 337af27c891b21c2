"""Which tasks have classes of too few training clips to be learnt."""

from __future__ import annotations

from synthetic import results_of

from mirbench.reporting import rare

KEYS = {"C major": 6, "D major": 5, "C minor": 1}


def told(counts, target="multiclass", classes=None):
    about = {"target": target, "classes": classes or list(counts), "dataset": {"mini": {"label_counts": {"train": counts}}}}
    return rare.in_words(results_of({"run": {"tasks": {"key": about}}}))


def test_rare_classes_are_named_where_others_are_not_rare():
    (sentence,) = told(KEYS)
    assert sentence.startswith("key on mini: 1 of 3 classes have fewer than 5 training clips (C minor): ")
    (sentence,) = told(KEYS, classes=[*KEYS, *"abcde"])  # of which there is no training clip at all
    assert "6 of 8 classes have fewer than 5 training clips (C minor, a, b, c and 2 more)" in sentence


def test_nothing_is_said_where_all_classes_are_alike_or_labels_are_many():
    assert told({"36": 2, "37": 2}) == told({"a": 9}) == told(KEYS, "multilabel") == []
    assert rare.in_words(results_of({"run": {}})) == []
