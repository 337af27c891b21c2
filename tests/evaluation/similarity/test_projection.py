"""Maps of clips: what is near stays near, the measures say so, labels are those of the clips, and few clips are no fault."""

import numpy as np
import pytest

from mirbench.evaluation.similarity.projection import Labels, project
from mirbench.records import Embeddings

RANDOM = np.random.default_rng(0)
CLASSES = ("60", "72", "61")


def clips_of(count, apart=0.0):
    """Embeddings of three kinds of clips, so far apart, and which each is."""
    kinds = np.arange(count) % 3
    centres = np.eye(3) * apart
    return Embeddings(tuple(f"c{i}" for i in range(count)), (centres[kinds] + RANDOM.normal(size=(count, 3))).astype(np.float32)), kinds


def mapped(test, labels=(), train=None, most=2000, seed=0):
    return project(train or clips_of(60)[0], test, labels, "tsne", most, 30.0, seed)


def pitches(kinds, ids):
    return Labels("pitch", "multiclass", CLASSES, ids, kinds)


def test_clusters_are_seen_and_noise_has_none():
    silhouettes = {}
    for apart in (0.0, 40.0):
        test, kinds = clips_of(60, apart)
        made = mapped(test, [pitches(kinds, test.clip_ids)], clips_of(60, apart)[0])
        silhouettes[apart] = made.silhouettes["pitch"]
        assert made.points.shape == (60, 2)
        assert made.clip_ids == test.clip_ids
        assert 0.6 < made.trustworthiness <= 1
        assert (made.silhouettes["pitch"]["clips"], made.silhouettes["pitch"]["labels"]) == (60, 3)
    assert silhouettes[40.0]["embedding"] > 0.7
    assert silhouettes[40.0]["map"] > 0.5
    assert abs(silhouettes[0.0]["embedding"]) < 0.1


def test_pitches_an_octave_apart_are_of_one_pitch_class():
    test, kinds = clips_of(30)
    told = mapped(test, [pitches(kinds, test.clip_ids)]).silhouettes["pitch class"]
    assert told["labels"] == 2


def test_the_same_seed_is_the_same_map_and_the_global_generator_is_left_alone():
    test, _ = clips_of(20)
    train = clips_of(60)[0]
    before = np.random.get_state()[1].copy()
    first, again = (mapped(test, train=train).points for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(np.random.get_state()[1], before)


def test_of_many_labels_each_is_judged_by_itself_and_by_those_who_were_asked():
    test, kinds = clips_of(30, 40.0)
    targets = np.stack([kinds == 0, kinds == 1, np.zeros(30)], axis=1).astype(int)  # the last applies to none
    targets[:6, 0] = -1
    of_tags = Labels("tags", "multilabel", ("a", "b", "c"), test.clip_ids, targets)
    told = mapped(test, [of_tags], clips_of(60, 40.0)[0]).silhouettes["tags"]
    assert told["labels"] == 2
    assert told["clips"] == 30
    assert told["embedding"] > 0.2


def test_clips_without_a_label_are_on_the_map_and_in_no_silhouette():
    test, kinds = clips_of(30)
    made = mapped(test, [pitches(kinds[:12], test.clip_ids[:12])])
    assert len(made.points) == 30
    assert made.silhouettes["pitch"]["clips"] == 12


@pytest.mark.parametrize(("count", "most", "expected"), [(4, 2000, None), (5, 2000, 5), (40, 10, 10)])
def test_few_clips_have_a_smaller_map_or_none_and_many_are_drawn_evenly(count, most, expected):
    made = mapped(clips_of(count)[0], most=most)
    if expected is None:
        assert made is None
    else:
        assert len(made.clip_ids) == expected
        assert made.perplexity <= (expected - 1) / 3
        assert made.clip_ids[0] == "c0"
        assert made.clip_ids[-1] == f"c{count - 1}"


def test_an_encoder_that_says_the_same_of_all_clips_has_a_point():
    made = mapped(Embeddings(tuple("abcdefgh"), np.ones((8, 4), np.float32)), train=Embeddings(tuple("xyz"), np.ones((3, 4), np.float32)))
    assert np.ptp(made.points, axis=0).max() == 0


def test_one_dimension_is_a_map_and_test_clips_that_are_all_alike_a_point():
    made = mapped(
        Embeddings(tuple("abcdefgh"), np.arange(8, dtype=np.float32)[:, None]),
        train=Embeddings(tuple("xyz"), np.eye(3, 1, dtype=np.float32)),
    )
    assert made.components == 1
    assert made.trustworthiness > 0.8
    alike = mapped(Embeddings(tuple("abcdefgh"), np.ones((8, 3), np.float32)))
    assert np.ptp(alike.points, axis=0).max() == 0
