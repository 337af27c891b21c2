"""Linear CKA against the definition with kernels, and what it must not see."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mirbench.evaluation.similarity import directions as of_directions
from mirbench.evaluation.similarity.alignment import _hsic, cka_matrix, linear_cka


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
    assert linear_cka(x, y).value == pytest.approx(hsic(x, y) / math.sqrt(hsic(x, x) * hsic(y, y)), rel=1e-9)


def test_what_a_clip_moves_is_the_jackknife() -> None:
    x, y = some(9)
    whole, moved = _hsic(x - x.mean(axis=0), y - y.mean(axis=0))
    without = np.array([hsic(np.delete(x, clip, 0), np.delete(y, clip, 0)) for clip in range(9)])
    assert whole == pytest.approx(hsic(x, y))
    assert moved == pytest.approx(8 * (without.mean() - without))


@pytest.mark.parametrize(("dim", "other"), [(6, 4), (90, 80), (6, 90)])
def test_a_clip_moves_it_by_about_what_leaving_it_out_does(dim: int, other: int) -> None:
    x, y = some(200, dim, other)
    whole = linear_cka(x, y)
    moved = whole.under(1 - np.eye(200)) - whole.value
    left_out = np.array([linear_cka(np.delete(x, clip, 0), np.delete(y, clip, 0)).value for clip in range(200)]) - whole.value
    assert moved == pytest.approx(left_out, rel=0.12, abs=0.1 * left_out.std())
    assert whole.under(np.ones((1, 200), np.int32))[0] == whole.value


def test_rotation_scale_and_mean_are_nothing() -> None:
    x, y = some()
    plain = linear_cka(x, y)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    for other in (x @ rotation, -7 * x, x + 100, np.c_[x, np.full(40, 5.0)], x.astype(np.float32) * np.float32(1e30)):
        assert linear_cka(other, y).top == pytest.approx(plain.top, rel=1e-5)
        assert linear_cka(x, other).value == pytest.approx(1, rel=1e-6)
    order = np.random.default_rng(2).permutation(40)
    assert linear_cka(x[order], y[order]).top == pytest.approx(plain.top[order])
    assert linear_cka(y, x).top == pytest.approx(plain.top)
    assert 0.2 < plain.value < 0.95
    assert linear_cka(x, x @ np.diag([10, 1, 1, 1, 1, 1])).value < 0.9


def test_noise_is_like_nothing_whatever_its_dimensions() -> None:
    random = np.random.default_rng(3)
    found = [linear_cka(random.normal(size=(50, 200)), random.normal(size=(50, 300))).value for _ in range(40)]
    assert np.mean(found) == pytest.approx(0, abs=0.02)  # the plain estimator: .8
    assert min(found) < 0


def test_kernels_and_features_give_the_same_in_chunks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns of zeros move it from one way to the other."""
    x, y = some()
    wide = [np.c_[each, np.zeros((40, 100))] for each in (x, y)]
    assert linear_cka(*wide).top == pytest.approx(linear_cka(x, y).top, rel=1e-9)
    monkeypatch.setattr(of_directions, "CHUNK", 90)
    assert linear_cka(*wide).top == pytest.approx(linear_cka(x, y).top, rel=1e-9)


def test_the_matrix_is_each_pair() -> None:
    x, y = some()
    matrix = cka_matrix([x, y, np.ones((40, 2)), x.astype(np.float16)])
    assert matrix[:2, :2] == pytest.approx(np.array([[1, linear_cka(x, y).value], [linear_cka(y, x).value, 1]]))
    assert np.diag(matrix)[[0, 1, 3]].tolist() == [1, 1, 1]
    assert np.isnan(matrix[2]).all()
    assert np.isnan(matrix[:, 2]).all()
    assert matrix[0, 3] == pytest.approx(1, abs=1e-5)
    assert cka_matrix([]).shape == (0, 0)
    assert np.isnan(cka_matrix([x[:4], y[:4]])).all()


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
    assert math.isnan(linear_cka(flat, some()[0]).value)
    assert math.isnan(linear_cka(flat, flat).value)
    assert np.isnan(linear_cka(some()[0], flat).under(np.ones((3, 40)))).all()


def test_few_clips_and_duplicates() -> None:
    x, y = some()
    for clips in range(5):
        assert math.isnan(linear_cka(x[:clips], y[:clips]).value)
    assert math.isfinite(linear_cka(x[:5], y[:5]).value)
    twice = linear_cka(np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0)).value
    assert linear_cka(x, y).value < twice < 1  # a twin counts as another clip


def test_errors() -> None:
    x, y = some()
    with pytest.raises(ValueError, match="embeddings of 40 and 39 clips should be of the same clips"):
        linear_cka(x, y[1:])
    with pytest.raises(ValueError, match="embeddings of 40, 39 clips should be of the same clips"):
        cka_matrix([x, y[1:]])
