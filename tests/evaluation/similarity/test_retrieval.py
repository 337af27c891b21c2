"""Retrieval against scikit-learn, random orders, and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from mirbench.evaluation.similarity import directions as of_directions
from mirbench.evaluation.similarity.directions import Cosines, directions
from mirbench.evaluation.similarity.retrieval import Relation, group_retrieval, label_retrieval, same_label, shared_tags


def some(clips: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(clean, corrupted, groups, classes)."""
    random = np.random.default_rng(seed)
    groups = random.integers(clips // 3, size=clips)
    classes = random.integers(3, size=clips)[groups]
    clean = random.normal(size=(clips, 5)) + 2 * np.eye(5)[classes]
    return clean, clean + 0.5 * random.normal(size=clean.shape), groups, classes


def by_scikit_learn(clean: np.ndarray, corrupted: np.ndarray, relevant: np.ndarray, left_out: np.ndarray) -> list[float]:
    """The average precision of each query, nan where nothing is relevant."""
    values = []
    for i, cosine in enumerate(directions(corrupted) @ directions(clean).T):
        ranked = ~left_out[i] & (np.arange(len(clean)) != i)
        wanted = relevant[i, ranked]
        values.append(average_precision_score(wanted, cosine[ranked]) if wanted.any() else math.nan)
    return values


def test_both_are_the_mean_of_scikit_learns_average_precision() -> None:
    clean, corrupted, groups, classes = some()
    same_group, same_class = groups[:, None] == groups, classes[:, None] == classes
    of_groups = by_scikit_learn(clean, corrupted, same_group, np.zeros_like(same_group))
    of_classes = by_scikit_learn(clean, corrupted, same_class, same_group)
    assert np.isnan(of_groups).any()
    assert group_retrieval(Cosines(clean, corrupted), list(groups)).value == pytest.approx(np.nanmean(of_groups), rel=1e-12)
    ours = label_retrieval(Cosines(clean, corrupted), same_label(list(classes)), list(groups))
    assert ours.value == pytest.approx(np.nanmean(of_classes), rel=1e-12)


def test_a_tie_is_the_mean_over_random_orders() -> None:
    random = np.random.default_rng(1)
    clean, corrupted = random.integers(-1, 2, (15, 2)).astype(float), random.integers(-1, 2, (15, 2)).astype(float)
    groups = np.arange(15) % 4
    cosines, drawn = (directions(corrupted) @ directions(clean).T).round(9), []
    np.fill_diagonal(cosines, -2)
    for _ in range(4000):
        order = np.argsort(-cosines - 1e-10 * random.random(cosines.shape), axis=1)[:, :-1]
        found = groups[order] == groups[:, None]
        precision = found.cumsum(axis=1) / np.arange(1, 15)
        drawn.append(np.mean((precision * found).sum(axis=1) / found.sum(axis=1)))
    assert np.std(drawn) > 0.005
    assert group_retrieval(Cosines(clean, corrupted), list(groups)).value == pytest.approx(
        np.mean(drawn), abs=4 * np.std(drawn) / math.sqrt(4000)
    )


def test_embeddings_that_are_all_alike_get_a_random_order() -> None:
    """Closed form for one relevant clip of n: the mean of 1 / rank."""
    alike = np.zeros((8, 3))
    assert group_retrieval(Cosines(alike, alike), [0, 0, 1, 1, 2, 2, 3, 3]).value == pytest.approx(np.mean(1 / np.arange(1, 8)))
    assert group_retrieval(Cosines(alike + 1, alike + 1), [0] * 8).value == pytest.approx(1)  # all relevant


def test_a_whole_number_as_weight_is_a_repeated_query() -> None:
    clean, corrupted, groups, _ = some()
    found = group_retrieval(Cosines(clean, corrupted), list(groups))
    each = np.array(by_scikit_learn(clean, corrupted, groups[:, None] == groups, np.zeros((40, 40), bool)))
    weights = np.random.default_rng(2).integers(0, 4, (20, 40))
    assert found.under(weights) == pytest.approx([np.nanmean(np.repeat(each, row)) for row in weights])
    assert found.under(np.ones((1, 40), np.int32))[0] == found.value


@pytest.mark.parametrize("tied", [False, True])
def test_resamples_of_labels_have_the_first_order_of_weights_on_both_sides(tied: bool) -> None:
    """scikit-learn takes weights of the ranked clips; a small one more on each clip in turn."""
    clean, corrupted, groups, classes = some(25)
    if tied:  # a block of one precision each, as scikit-learn has them: the value differs, and its derivative is taken there
        clean, corrupted = clean.round(), clean.round()
    cosines = (directions(corrupted) @ directions(clean).T).round(9)

    def weighted(weights: np.ndarray) -> float:
        total = queries = 0.0
        for i, cosine in enumerate(cosines):
            ranked = groups != groups[i]
            wanted = classes[ranked] == classes[i]
            if wanted.any():
                total += weights[i] * average_precision_score(wanted, cosine[ranked], sample_weight=weights[ranked])
                queries += weights[i]
        return total / queries

    ours = label_retrieval(Cosines(clean, corrupted), same_label(list(classes)), list(groups))
    plain = weighted(np.ones(25))
    for clip in range(25):
        weights = np.ones(25)
        weights[clip] += 1e-6
        slope = (weighted(weights) - plain) / 1e-6
        assert (ours.under(weights[None])[0] - ours.value) / 1e-6 == pytest.approx(slope, abs=2e-4 if not tied else 0.01)
    assert ours.under(np.ones((1, 25), np.int32))[0] == ours.value


def test_order_of_clips_is_nothing() -> None:
    clean, corrupted, groups, classes = some()
    order = np.random.default_rng(3).permutation(40)
    moved = label_retrieval(Cosines(clean[order], corrupted[order]), same_label(list(classes[order])), list(groups[order]))
    plain = label_retrieval(Cosines(clean, corrupted), same_label(list(classes)), list(groups))
    assert moved.top == pytest.approx(plain.top[order])
    assert group_retrieval(Cosines(clean[order], corrupted[order]), list(groups[order])).top == pytest.approx(
        group_retrieval(Cosines(clean, corrupted), list(groups)).top[order]
    )


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clean, corrupted, groups, classes = some(101)

    def both() -> list[np.ndarray]:
        found = (
            group_retrieval(Cosines(clean, corrupted), list(groups)),
            label_retrieval(Cosines(clean, corrupted), same_label(list(classes)), list(groups)),
        )
        return [each.top for each in found]

    whole = both()
    monkeypatch.setattr(of_directions, "CHUNK", 250)
    monkeypatch.setattr(of_directions, "KEPT", 0)
    assert [each == pytest.approx(other, abs=1e-12) for each, other in zip(both(), whole, strict=True)] == [True, True]


def test_queries_without_a_relevant_clip_are_left_out() -> None:
    random = np.random.default_rng(4)
    clean = random.normal(size=(6, 3))
    groups = ["a", "a", None, None, "", "b"]
    found = group_retrieval(Cosines(clean, clean), groups)
    assert found.bottom.tolist() == [1, 1, 0, 0, 0, 0]
    assert math.isnan(group_retrieval(Cosines(clean, clean), list("abcdef")).value)
    assert math.isnan(label_retrieval(Cosines(clean, clean), same_label(["x"] * 6), ["a"] * 6).value)  # all of one group
    for few in (0, 1):
        assert math.isnan(group_retrieval(Cosines(clean[:few], clean[:few]), groups[:few]).value)
        assert math.isnan(label_retrieval(Cosines(clean[:few], clean[:few]), same_label(groups[:few]), groups[:few]).value)
    assert group_retrieval(Cosines(clean[:2], clean[:2]), groups[:2]).value == 1


def test_huge_numbers_and_halves() -> None:
    clean, corrupted, groups, _ = some()
    plain = group_retrieval(Cosines(clean, corrupted), list(groups)).value
    assert (
        group_retrieval(Cosines(*(each.astype(np.float32) * np.float32(1e30) for each in (clean, corrupted))), list(groups)).value == plain
    )
    half = [each.astype(np.float16) for each in (clean, corrupted)]
    assert group_retrieval(Cosines(*half), list(groups)).value == pytest.approx(plain, abs=0.02)


def whole(relation: Relation, clips: int) -> np.ndarray:
    return relation(slice(0, clips))


def test_tags_are_shared_by_dice_of_what_was_judged_for_both() -> None:
    random = np.random.default_rng(5)
    tags = random.choice([0, 1, -1], p=[0.6, 0.25, 0.15], size=(30, 6)).astype(np.int8)
    by_hand = np.zeros((30, 30), bool)
    for i in range(30):
        for j in range(30):
            known = [t for t in range(6) if tags[i, t] >= 0 and tags[j, t] >= 0]
            a, b = {t for t in known if tags[i, t]}, {t for t in known if tags[j, t]}
            by_hand[i, j] = bool(a & b) and 2 * len(a & b) >= 0.5 * (len(a) + len(b))
    assert (whole(shared_tags(tags), 30) == by_hand).all()
    assert 0.05 < by_hand.mean() < 0.95
    assert (shared_tags(tags)(slice(7, 12)) == by_hand[7:12]).all()
