"""How far embeddings move, and whether clips find themselves, against triple loops and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mirbench.evaluation.similarity import directions as of_directions
from mirbench.evaluation.similarity.directions import Cosines, directions, standardiser
from mirbench.evaluation.similarity.shift import cosine_shift, recall_at_k


def some(clips: int = 30, dim: int = 6, noise: float = 0.7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    clean = random.normal(size=(clips, dim))
    return clean, clean + noise * random.normal(size=clean.shape)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    total = length_a = length_b = 0.0
    for x, y in zip(a, b, strict=True):
        total, length_a, length_b = total + x * y, length_a + x * x, length_b + y * y
    return total / math.sqrt(length_a * length_b)


def test_shift_is_that_of_loops_over_all_pairs() -> None:
    clean, corrupted = some()
    moved = np.mean([1 - cosine(a, b) for a, b in zip(clean, corrupted, strict=True)])
    apart = np.mean([1 - cosine(clean[i], clean[j]) for i in range(30) for j in range(30) if i != j])
    assert cosine_shift(Cosines(clean, corrupted)).value == pytest.approx(moved / apart, rel=1e-12)


def test_resamples_of_the_distance_between_clips_have_its_first_order() -> None:
    """By a small weight more on one clip, of the mean over pairs of different clips; all clips moved by 2."""
    clean = some(40)[0]
    pairs = np.array([[1 - cosine(a, b) for b in clean] for a in clean])
    np.fill_diagonal(pairs, 0)

    def weighted(weights: np.ndarray) -> float:
        return float(2 / (weights @ pairs @ weights / (weights.sum() ** 2 - (weights**2).sum())))

    ours = cosine_shift(Cosines(clean, -clean))
    slopes = [(weighted(weights) - weighted(np.ones(40))) / 1e-6 for weights in np.ones(40) + 1e-6 * np.eye(40)]
    assert (ours.under(np.ones(40) + 1e-6 * np.eye(40)) - ours.value) / 1e-6 == pytest.approx(slopes, rel=0.05, abs=1e-4)


@pytest.mark.parametrize("k", [1, 2, 10, 30, 40])
def test_recall_is_that_of_loops(k: int) -> None:
    clean, corrupted = some()
    hits = []
    for i in range(30):
        nearer = sum(cosine(corrupted[i], clean[j]) > cosine(corrupted[i], clean[i]) for j in range(30))
        hits.append(float(nearer < k))
    assert recall_at_k(Cosines(clean, corrupted), k)[0].top.tolist() == hits
    assert k > 2 or 0 < np.mean(hits) < 1


def test_recall_of_ties_is_the_mean_over_random_orders() -> None:
    random = np.random.default_rng(1)
    clean, corrupted = random.integers(-1, 2, (12, 2)).astype(float), random.integers(-1, 2, (12, 2)).astype(float)
    cosines = directions(corrupted) @ directions(clean).T
    for k in (1, 3):
        drawn = np.zeros(12)
        for _ in range(4000):
            order = np.argsort(-(cosines.round(9) + 1e-10 * random.random(cosines.shape)), axis=1)
            drawn += (order[:, :k] == np.arange(12)[:, None]).any(axis=1) / 4000
        assert recall_at_k(Cosines(clean, corrupted), k)[0].top == pytest.approx(drawn, abs=0.04)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nothing_moved(dtype: type) -> None:
    clean = some()[0].astype(dtype)
    assert cosine_shift(Cosines(clean, clean)).value == 0
    assert recall_at_k(Cosines(clean, clean), 1)[0].value == 1
    assert cosine_shift(Cosines(clean, 3 * clean.astype(float))).value == pytest.approx(0, abs=1e-15)


def test_clips_that_swap_places_moved_as_far_as_another_clip() -> None:
    clean = np.eye(5)
    assert cosine_shift(Cosines(clean, np.roll(clean, 1, axis=0))).value == pytest.approx(1)
    assert recall_at_k(Cosines(clean, np.roll(clean, 1, axis=0)), 1)[0].value == 0
    assert cosine_shift(Cosines(clean, -clean)).value == pytest.approx(2)


@pytest.mark.parametrize("row", [[0.0, 0.0], [3.0, -4.0]])
def test_embeddings_that_are_all_alike_find_a_clip_by_chance_only(row: list[float]) -> None:
    same = np.tile(row, (8, 1))
    assert math.isnan(cosine_shift(Cosines(same, same)).value)
    assert recall_at_k(Cosines(same, same), 1)[0].value == pytest.approx(1 / 8)
    assert recall_at_k(Cosines(same, same), 10)[0].value == 1
    assert recall_at_k(Cosines(some(8, 2)[0], 0 * same), 1)[0].value == pytest.approx(1 / 8)  # silenced by the corruption alone


def test_a_clip_without_direction_is_far_from_others_and_not_from_another() -> None:
    clean = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    assert cosine_shift(Cosines(clean, clean)).value == 0
    assert cosine_shift(Cosines(clean, 0 * clean)).value == pytest.approx((1 / 3) / (2 / 3))
    assert recall_at_k(Cosines(clean, clean), 1)[0].top.tolist() == [1, 0.5, 0.5]


def test_duplicates_share_a_place() -> None:
    clean = np.repeat(some(10)[0], 2, axis=0)
    assert recall_at_k(Cosines(clean, clean), 1)[0].value == 0.5
    assert recall_at_k(Cosines(clean, clean), 2)[0].value == 1


def test_few_clips() -> None:
    one = np.array([[1.0, 2.0]])
    assert math.isnan(cosine_shift(Cosines(one, -one)).value)
    assert recall_at_k(Cosines(one, -one), 1)[0].value == 1
    two = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert cosine_shift(Cosines(two, two[::-1])).value == pytest.approx(1)
    assert math.isnan(cosine_shift(Cosines(one[:0], one[:0])).value)
    assert math.isnan(recall_at_k(Cosines(one[:0], one[:0]), 1)[0].value)


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_neither_large_nor_small_numbers_matter(size: float) -> None:
    clean, corrupted = (each.astype(np.float32) for each in some())
    huge = [each * np.float32(size) for each in (clean, corrupted)]
    assert cosine_shift(Cosines(*huge)).value == pytest.approx(cosine_shift(Cosines(clean, corrupted)).value, rel=1e-6)
    assert recall_at_k(Cosines(*huge), 1)[0].value == recall_at_k(Cosines(clean, corrupted), 1)[0].value


def test_order_of_clips_and_rotations_are_nothing() -> None:
    clean, corrupted = some(noise=1.5)
    order, rotation = np.random.default_rng(2).permutation(30), np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))[0]
    for measure in (lambda a, b: cosine_shift(Cosines(a, b)), lambda a, b: recall_at_k(Cosines(a, b), 1)[0]):
        plain = measure(clean, corrupted)
        assert measure(clean[order], corrupted[order]).top == pytest.approx(plain.top[order])
        assert measure(clean @ rotation, corrupted @ rotation).top == pytest.approx(plain.top)


def test_a_whole_number_as_weight_is_a_repeated_query() -> None:
    recall = recall_at_k(Cosines(*some(noise=1.5)), 1)[0]
    weights = np.random.default_rng(4).integers(0, 4, (20, 30))
    assert recall.under(weights) == pytest.approx([np.repeat(recall.top, row).mean() for row in weights])
    assert recall.under(np.ones((1, 30), np.int32))[0] == recall.value
    assert np.isnan(recall.under(np.zeros((1, 30)))).all()


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = recall_at_k(Cosines(*some(101, noise=1.5)), 3)[0].top
    monkeypatch.setattr(of_directions, "CHUNK", 250)
    monkeypatch.setattr(of_directions, "KEPT", 0)
    assert (recall_at_k(Cosines(*some(101, noise=1.5)), 3)[0].top == whole).all()


def test_what_standardises_is_the_training_clips() -> None:
    random = np.random.default_rng(5)
    train = np.c_[random.normal(100, [1, 50], size=(500, 2)), np.full(500, 1e7)]
    given = standardiser(train.astype(np.float32))(np.array([[101.0, 150.0, 0.0], [100.0, 100.0, 6e4]], np.float16))
    assert given == pytest.approx(np.array([[1, 1, 0], [0, 0, 0]]), abs=0.15)
    assert (given[:, 2] == 0).all()
    clean = random.normal(100, [1, 50, 0], size=(40, 3))
    moved = clean + np.array([10.0, 0.0, 0.0])  # ten standard deviations, along a mean of a hundred
    prepared = standardiser(clean)
    assert cosine_shift(Cosines(clean, moved)).value < 0.1
    assert cosine_shift(Cosines(prepared(clean), prepared(moved))).value > 0.8


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"embeddings \(30, 6\) and \(29, 6\) should both be \(clips, dim\), of the same clips"):
        cosine_shift(Cosines(some()[0], some(29)[1]))
    with pytest.raises(ValueError, match="k = 0 should be 1 or more"):
        recall_at_k(Cosines(*some()), 0)[0]
