"""What is read off predictions: average precision of labels, what is taken for what, and the clips that are most wrong."""

from __future__ import annotations

import numpy as np

from mirbench.records import Predictions
from mirbench.reporting.page.by_class import average_precisions, confusions, numbers, worst_clips


def said(target, classes, targets, scores, clips=None):
    ids = clips or tuple(f"clip-{i}" for i in range(len(targets)))
    return Predictions(ids, ids, tuple(classes), target, np.array(targets), np.array(scores, np.float32))


def test_average_precision_is_that_of_the_textbook_and_leaves_unjudged_clips_out():
    p = said("multilabel", ["a", "b", "never"], [[1, 1, 0], [0, 0, 0], [1, -1, 0], [0, 1, 0]], [[4, 1, 0], [3, 2, 0], [2, 9, 0], [1, 3, 0]])
    found = {row["label"]: row for row in average_precisions([p, p])}
    assert found.keys() == {"a", "b"}
    assert found["a"]["v"] == round((1 + 2 / 3) / 2, 4)  # the right ones stand first and third
    assert found["b"]["v"] == round((1 + 2 / 3) / 2, 4)
    assert (found["a"]["n"], found["a"]["chance"], found["a"]["s"]) == (2, 0.5, [found["a"]["v"]] * 2)
    assert (found["b"]["n"], found["b"]["chance"]) == (2, 0.6667)


def test_keys_stand_by_fifths_and_a_minor_key_below_its_relative_major():
    classes = ["D major", "C major", "A minor", "F major", "G major", "E minor"]
    p = said("multiclass", classes, [0, 1, 2], np.eye(6)[[4, 1, 1]])
    labels, counts = confusions([p], "key")["circle of fifths"]
    assert labels == ["C major", "G major", "D major", "F major", "A minor", "E minor"]
    assert counts[labels.index("D major"), labels.index("G major")] == 1
    assert counts.sum() == 3


def test_notes_are_counted_by_octave_and_by_pitch_class_mean_over_seeds():
    classes = ["59", "60", "61", "72"]
    seeds = [said("multiclass", classes, [1, 1], np.eye(4)[chosen]) for chosen in ([3, 1], [0, 1])]
    found = confusions(seeds, "pitch")
    labels, counts = found["octave"]
    assert labels == ["3", "4", "5"]
    assert counts[1].tolist() == [0.5, 1.0, 0.5]  # B3, twice C4, C5
    labels, counts = found["pitch class"]
    assert labels == ["C", "C♯", "B"]
    assert counts[0].tolist() == [1.5, 0, 0.5]


def test_of_many_classes_the_commonest_are_shown():
    targets = [*range(50), *([49] * 3), 48]
    labels, counts = confusions([said("multiclass", [f"c{i}" for i in range(50)], targets, np.eye(50)[targets])])["class"]
    assert len(labels) == 40
    assert {"c48", "c49"} <= set(labels)
    assert counts[labels.index("c49"), labels.index("c49")] == 4


def test_the_worst_clips_are_those_furthest_from_right_in_every_kind_of_task():
    p = said("multiclass", ["rock", "jig"], [0, 0, 1], [[1, 2], [1, 5], [0, 1]])
    assert worst_clips([p, p]) == [
        {"clip": "clip-1", "is": "rock", "said": "jig"},
        {"clip": "clip-0", "is": "rock", "said": "jig"},
    ]  # the third is right
    other = said("multiclass", ["rock", "jig"], [0, 0, 1], [[5, 1], [1, 9], [0, 1]])
    assert worst_clips([p, other])[0] == {"clip": "clip-1", "is": "rock", "said": "jig"}
    p = said("multilabel", ["a", "b", "c"], [[1, 0, 0], [0, 1, -1]], [[3, 1, 2], [5, 1, 9]])
    assert worst_clips([p]) == [{"clip": "clip-1", "is": "b", "said": "a"}]  # c is not judged
    p = said("regression", ["bpm"], [[100.0], [140.0]], [[101.0], [60.0]])
    assert [row["clip"] for row in worst_clips([p])] == ["clip-1", "clip-0"]
    assert worst_clips([p])[0]["said"] == "bpm 60"


def test_a_clip_of_many_labels_is_wrong_by_the_share_of_pairs_that_stand_the_wrong_way_round():
    """Against all pairs, one by one; of equal scores nothing is known, and labels that nobody judged are in no pair."""
    random = np.random.default_rng(0)
    targets, scores = random.integers(-1, 2, (12, 7)), random.integers(0, 4, (12, 7))
    p = said("multilabel", "abcdefg", targets, scores)
    share = []
    for on, value in zip(targets, scores, strict=True):
        pairs = [(i, k) for i in np.flatnonzero(on == 1) for k in np.flatnonzero(on == 0)]
        share.append(sum(value[i] <= value[k] for i, k in pairs) / max(len(pairs), 1))
    right = []
    for on, value in zip(targets, scores, strict=True):
        highest = [k for k in np.argsort(-value, kind="stable") if on[k] >= 0][: max(int((on == 1).sum()), 1)]
        right.append(all(on[k] == 1 for k in highest))
    order = [f"clip-{i}" for i in np.argsort(-np.array(share), kind="stable") if share[i] > 0 and not right[i]]
    assert [row["clip"] for row in worst_clips([p])] == order


def test_a_clip_whose_labels_rank_highest_is_not_among_the_most_wrong():
    p = said("multilabel", ["a", "b", "c"], [[1, 1, 0], [0, 1, 0], [1, 0, 0]], [[2, 1, 1], [0, 3, 1], [1, 2, 0]])
    assert worst_clips([p]) == [{"clip": "clip-2", "is": "a", "said": "b"}]


def test_numbers_are_told_dimension_by_dimension_mean_over_seeds():
    seeds = [said("regression", ["arousal", "valence"], [[1, 2], [3, 4.0]], scores) for scores in ([[0, 0], [1, 1]], [[2, 0], [2, 4]])]
    assert numbers(seeds, [1]) == {"arousal": [[3, 1.5]], "valence": [[4, 2.5]]}
