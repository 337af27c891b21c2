"""Linear CKA against the definition with kernels, and what it must not see."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mirbench.evaluation.similarity.alignment import Kernel, _hsic, linear_cka, pairwise_cka
from mirbench.evaluation.similarity.ratio import Ratio


def cka(first: np.ndarray, second: np.ndarray) -> Ratio:
    return linear_cka(Kernel(first), Kernel(second))


def some(clips: int = 40, dim: int = 6, other: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two that share some."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=(clips, 3))
    first, second = (shared @ random.normal(size=(3, d)) + random.normal(size=(clips, d)) for d in (dim, other))
    return first + 3, second


def hsic(x: np.ndarray, y: np.ndarray) -> float:
    """The mean of k(i, j) [l(i, j) + l(q, r) - 2 l(i, q)] over all i, j, q, r that differ: what the unbiased estimator is made to be."""
    k, l_ = x @ x.T, y @ y.T
    clips, total, count = len(x), 0.0, 0
    for i in range(clips):
        for j in range(clips):
            for q in range(clips):
                for r in range(clips):
                    if len({i, j, q, r}) == 4:
                        total += k[i, j] * (l_[i, j] + l_[q, r] - 2 * l_[i, q])
                        count += 1
    return total / count


@pytest.mark.parametrize(("clips", "dim"), [(5, 3), (8, 2), (8, 30)])
def test_it_is_the_mean_over_four_clips_that_differ(clips: int, dim: int) -> None:
    x, y = some(clips, dim)
    assert cka(x, y).value == pytest.approx(hsic(x, y) / math.sqrt(hsic(x, x) * hsic(y, y)), rel=1e-9)


def test_what_a_clip_moves_is_the_jackknife() -> None:
    x, y = (each / np.abs(each).max() for each in some(9))
    whole, moved = _hsic(Kernel(x), Kernel(y))
    without = np.array([hsic(np.delete(x, clip, 0), np.delete(y, clip, 0)) for clip in range(9)])
    assert whole == pytest.approx(hsic(x, y))
    assert moved == pytest.approx(8 * (without.mean() - without))


@pytest.mark.parametrize(("dim", "other"), [(6, 4), (90, 80), (6, 90)])
def test_a_clip_moves_it_by_about_what_leaving_it_out_does(dim: int, other: int) -> None:
    x, y = some(200, dim, other)
    whole = cka(x, y)
    moved = whole.under(1 - np.eye(200)) - whole.value
    left_out = np.array([cka(np.delete(x, clip, 0), np.delete(y, clip, 0)).value for clip in range(200)]) - whole.value
    assert moved == pytest.approx(left_out, rel=0.12, abs=0.1 * left_out.std())
    assert whole.under(np.ones((1, 200), np.int32))[0] == whole.value


def test_rotation_scale_and_mean_are_nothing() -> None:
    x, y = some()
    plain = cka(x, y)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    for other in (x @ rotation, -7 * x, x + 100, np.c_[x, np.full(40, 5.0)], x.astype(np.float32) * np.float32(1e30)):
        assert cka(other, y).top == pytest.approx(plain.top, rel=1e-5)
        assert cka(x, other).value == pytest.approx(1, rel=1e-6)
    order = np.random.default_rng(2).permutation(40)
    assert cka(x[order], y[order]).top == pytest.approx(plain.top[order])
    assert cka(y, x).top == pytest.approx(plain.top)
    assert 0.2 < plain.value < 0.95
    assert cka(x, x @ np.diag([10, 1, 1, 1, 1, 1])).value < 0.9


def test_noise_is_like_nothing_whatever_its_dimensions() -> None:
    random = np.random.default_rng(3)
    found = [cka(random.normal(size=(50, 200)), random.normal(size=(50, 300))).value for _ in range(40)]
    assert np.mean(found) == pytest.approx(0, abs=0.02)  # the plain estimator: .8
    assert min(found) < 0


def test_an_embedding_and_itself() -> None:
    kernel, constant = Kernel(some()[0]), Kernel(np.ones((40, 2)))
    assert linear_cka(kernel, kernel).top == pytest.approx(np.ones(40))
    assert math.isnan(linear_cka(kernel, constant).value)
    assert math.isnan(linear_cka(constant, constant).value)


def test_pairs_have_intervals_over_groups() -> None:
    x, y = some(200)
    groups = [f"{clip // 4}" for clip in range(200)]
    value, low, high = pairwise_cka([x, y, np.ones((200, 2)), x.astype(np.float16)], groups, 200)
    assert value[0, 1] == value[1, 0] == cka(x, y).value
    assert low[0, 1] < value[0, 1] < high[0, 1] < low[0, 1] + 0.3
    assert low[0, 1] == low[1, 0]
    assert [value[i, i] for i in (0, 1, 3)] == [low[i, i] for i in (0, 1, 3)] == [1, 1, 1]
    for each in (value, low, high):
        assert np.isnan(each[2]).all()
        assert np.isnan(each[:, 2]).all()
    assert value[0, 3] == pytest.approx(1, abs=1e-5)
    of_one = pairwise_cka([x, y], ["a"] * 200, 50)
    assert of_one[0] == pytest.approx(value[:2, :2])
    assert np.isnan(of_one[1:, 0, 1]).all()
    assert pairwise_cka([], [], 10).shape == (3, 0, 0)
    assert np.isnan(pairwise_cka([x[:4], y[:4]], groups[:4], 10)).all()
    with pytest.raises(ValueError, match="embeddings of 200 and 199 clips should be of the same clips"):
        pairwise_cka([x, y[1:]], groups, 10)


def test_an_interval_stays_inside_the_range_and_is_longer_on_the_side_of_nothing() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(16, 6))
    value, low, high = pairwise_cka(
        [x, x + 0.4 * random.normal(size=(16, 6)), random.normal(size=(16, 6))], [f"{i // 4}" for i in range(16)], 500
    )
    assert (np.abs([low, high]) <= 1).all()
    assert 0 < high[0, 1] - value[0, 1] < value[0, 1] - low[0, 1]
    assert low[0, 2] < 0 < high[0, 2]


@pytest.mark.parametrize(
    "flat",
    [
        np.zeros((40, 3)),
        np.full((40, 3), 0.1, np.float32),
        (1e4 + np.random.default_rng(4).normal(0, 1e-3, (40, 3))).astype(np.float32),  # constant but for rounding
        np.eye(40),  # all at one distance from each other
    ],
)
def test_what_has_no_structure_is_not_aligned(flat: np.ndarray) -> None:
    assert math.isnan(cka(flat, some()[0]).value)
    assert math.isnan(cka(flat, flat).value)
    assert np.isnan(cka(some()[0], flat).under(np.ones((3, 40)))).all()


def test_few_clips_and_duplicates() -> None:
    x, y = some()
    for clips in range(5):
        assert math.isnan(cka(x[:clips], y[:clips]).value)
    assert math.isfinite(cka(x[:5], y[:5]).value)
    twice = cka(np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0)).value
    assert cka(x, y).value < twice < 1  # a twin counts as another clip


def test_errors() -> None:
    x, y = some()
    with pytest.raises(ValueError, match="embeddings of 40 and 39 clips should be of the same clips"):
        cka(x, y[1:])
