"""All measures of a condition at once: which there are, of which clips, and that each is that of its function."""

from dataclasses import replace

import numpy as np
import pytest

from mirbench.evaluation.similarity.decisions import brier_score, flip_rate
from mirbench.evaluation.similarity.directions import Cosines, standardiser
from mirbench.evaluation.similarity.measured import TestLabels, decisions, label_of, parts
from mirbench.evaluation.similarity.retrieval import label_retrieval, same_label
from mirbench.evaluation.similarity.shift import cosine_shift
from mirbench.records import Embeddings, Predictions

RANDOM = np.random.default_rng(0)
IDS = tuple(f"c{i}" for i in range(20))
GROUPS = {clip: f"g{i // 2}" for i, clip in enumerate(IDS)}
CLEAN, NOISE = RANDOM.normal(size=(20, 4)), RANDOM.normal(size=(20, 4))
TRAIN = Embeddings(("t",) * 30, RANDOM.normal(size=(30, 4)))
TARGETS = RANDOM.integers(3, size=12)


def said(scores, ids=IDS[:12]):
    return Predictions(ids, tuple(GROUPS[i] for i in ids), ("a", "b", "c"), "multiclass", TARGETS, scores, calibrated=True)


def test_clips_are_matched_by_their_ids():
    """In whatever order, without those that are on one side alone, and each measure of the clips that carry its labels."""
    backwards = Embeddings(IDS[:0:-1], (CLEAN + NOISE)[:0:-1])
    labels = TestLabels("genre", "multiclass", IDS[:12], TARGETS)
    whole, genre = parts(TRAIN, Embeddings(IDS, CLEAN), backwards, GROUPS, {}, [labels])
    scale = standardiser(TRAIN.matrix)
    clean, moved = scale(CLEAN), scale(CLEAN + NOISE)
    assert (whole.task, whole.clip_ids) == ("", IDS[1:])
    assert set(whole.measures) == {"cosine_shift", "recall_at_1", "recall_at_10", "map_same_group"}
    assert whole.measures["cosine_shift"].value == cosine_shift(Cosines(clean[1:], moved[1:])).value
    assert (genre.task, genre.clip_ids, set(genre.measures)) == ("genre", IDS[1:12], {"map_same_label_genre"})
    wanted = label_retrieval(Cosines(clean[1:12], moved[1:12]), same_label(TARGETS[1:].tolist()), [GROUPS[i] for i in IDS[1:12]])
    assert genre.measures["map_same_label_genre"].value == wanted.value


def test_decisions_are_matched_by_clips():
    before, after = RANDOM.normal(size=(12, 3)), RANDOM.normal(size=(12, 3))
    moved = replace(said(after[::-1], IDS[11::-1]), targets=TARGETS[::-1])
    found = decisions("genre", said(before), moved)
    assert set(found.measures) == {f"{name}_genre" for name in ("flip_rate", "calibration_error", "brier_score")}
    assert found.measures["flip_rate_genre"].value == flip_rate("multiclass", TARGETS, before, after).value
    assert found.measures["brier_score_genre"].value == pytest.approx(brier_score("multiclass", TARGETS, after).value)
    assert set(decisions("genre", said(before), None).measures) == {"calibration_error_genre", "brier_score_genre"}
    fewer = replace(said(after[:7], IDS[:7]), targets=TARGETS[:7])
    assert decisions("genre", said(before), fewer).clip_ids == IDS[:7]
    assert decisions("genre", replace(said(before), calibrated=False), None) is None
    assert decisions("emotion", replace(said(before), target="regression"), None) is None


def test_an_interval_of_each_over_groups():
    (whole,) = parts(TRAIN, Embeddings(IDS, CLEAN), Embeddings(IDS, CLEAN + NOISE), GROUPS, {}, [])
    rows, resampled = whole.measured(200)
    assert resampled.shape == (4, 200)
    for (name, value, low, high), drawn in zip(rows, resampled, strict=True):
        assert low < value < high, name
        assert drawn.std() > 0


def test_an_interval_stays_in_the_range_of_its_measure():
    """Of the Brier score, whose scale of log odds ends at 1, though it may be 2."""
    sure = np.where(np.eye(3)[TARGETS] > 0, -20.0, 20.0)  # and wrong half of the time
    sure[::2] *= -1
    found = decisions("genre", replace(said(sure), groups=tuple("ab" * 6)), None)
    rows = {name: ends for name, _, *ends in found.measured(200)[0]}
    assert rows["brier_score_genre"] == [0.0, 2.0]
    assert 0 <= rows["calibration_error_genre"][0] <= rows["calibration_error_genre"][1] <= 1


def test_artists_are_labels_where_groups_are_pieces():
    artists = {clip: f"a{i // 4}" for i, clip in enumerate(IDS)}
    (whole,) = parts(TRAIN, Embeddings(IDS, CLEAN), None, GROUPS, artists, [])
    assert set(whole.measures) == {"map_same_group", "map_same_artist"}


def test_one_group_has_no_interval_and_a_regression_no_labels():
    one = dict.fromkeys(IDS, "g")
    values = TestLabels("emotion", "regression", IDS, RANDOM.normal(size=(20, 2)))
    (whole,) = parts(TRAIN, Embeddings(IDS, CLEAN), None, one, {}, [values])
    rows, resampled = whole.measured(5)
    assert set(whole.measures) == {"map_same_group"}
    assert np.isnan(resampled).all()
    assert rows[0][1] == pytest.approx(1.0)
    assert np.isnan(rows[0][2:]).all()


def test_labels_of_measures():
    assert label_of("cosine_shift", []) == "cosine shift, in distances between clips"
    assert label_of("map_same_label_key", ["genre", "key"]) == "mAP of the same label, key"
