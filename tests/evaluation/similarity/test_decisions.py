"""Flips, Brier scores and calibration against scikit-learn, loops and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from mirbench.errors import MirbenchError
from mirbench.evaluation.estimators.logistic import LogisticClassifier
from mirbench.evaluation.estimators.mlp import MLPClassifier
from mirbench.evaluation.probing.metrics import majority
from mirbench.evaluation.probing.probes import probabilities, scores_of
from mirbench.evaluation.similarity.decisions import brier_score, calibration_error, flip_rate


def multiclass(clips: int = 150, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    targets = random.integers(classes, size=clips)
    return targets, (2 * random.normal(size=(clips, classes)) + 2 * np.eye(classes)[targets]).astype(np.float32)


def multilabel(clips: int = 60, labels: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    targets = random.choice([0, 1, -1], p=[0.5, 0.3, 0.2], size=(clips, labels)).astype(np.int8)
    return targets, (random.normal(size=(clips, labels)) + targets).astype(np.float32)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticClassifier(),
        LogisticRegression(),
        MLPClassifier(max_iter=3, random_state=0),
        KNeighborsClassifier(weights="distance"),
        NearestCentroid(),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_scores_of_probes_are_their_probabilities(estimator, classes: int) -> None:
    random = np.random.default_rng(1)
    targets = random.integers(classes, size=80)
    features = random.normal(size=(80, 3)) + targets[:, None]
    estimator.fit(features, targets)
    ours = probabilities("multiclass", scores_of(estimator, features, "multiclass"))
    assert ours == pytest.approx(estimator.predict_proba(features), abs=1e-5)
    assert ours.max(axis=1).mean() > 1 / classes + 0.02


@pytest.mark.parametrize(
    "estimator", [LogisticClassifier(), MLPClassifier(max_iter=3, random_state=0), KNeighborsClassifier(weights="distance")]
)
def test_the_scores_of_labels_are_their_log_odds_and_decided_at_0(estimator) -> None:
    random = np.random.default_rng(2)
    targets = random.integers(2, size=(80, 3))
    features = random.normal(size=(80, 3)) + targets
    scores = scores_of(estimator.fit(features, targets), features, "multilabel")
    proba = estimator.predict_proba(features)
    told = np.stack([each[:, 1] for each in proba], axis=1) if isinstance(proba, list) else proba
    assert probabilities("multilabel", scores) == pytest.approx(told, abs=1e-5)
    assert ((scores > 0) == estimator.predict(features)).all()


def test_the_majority_says_prevalence() -> None:
    targets = np.array([0, 0, 1])
    assert probabilities("multiclass", majority("multiclass", targets, 1, ("a", "b", "c")))[0] == pytest.approx([2 / 3, 1 / 3, 0])
    assert probabilities("multilabel", majority("multilabel", np.eye(3)[targets], 1, ("a", "b", "c")))[0] == pytest.approx(
        [2 / 3, 1 / 3, 0]
    )
    assert probabilities("multiclass", np.array([[3e4, -1e4]], np.float32)).tolist() == [[1, 0]]


def test_brier_scores_are_those_of_scikit_learn() -> None:
    targets, scores = multiclass()
    ours = brier_score("multiclass", targets, scores)
    assert ours.value == pytest.approx(brier_score_loss(targets, probabilities("multiclass", scores), scale_by_half=False))
    weights = np.random.default_rng(3).integers(0, 3, 150)
    repeated = np.repeat(targets, weights), np.repeat(probabilities("multiclass", scores), weights, axis=0)
    assert ours.under(weights[None])[0] == pytest.approx(brier_score_loss(*repeated, scale_by_half=False))
    targets, scores = multilabel()
    judged = targets >= 0
    ours = brier_score("multilabel", targets, scores)
    assert ours.value == pytest.approx(brier_score_loss(targets[judged], probabilities("multilabel", scores)[judged]))
    both = brier_score("multiclass", *multiclass(classes=2)), multiclass(classes=2)
    assert both[0].value == pytest.approx(2 * brier_score_loss(both[1][0], probabilities("multiclass", both[1][1])[:, 1]))


def test_flips_are_counted_one_by_one() -> None:
    clean, corrupted = multiclass(seed=1)[1], multiclass(seed=2)[1]
    by_hand = [list(a).index(max(a)) != list(b).index(max(b)) for a, b in zip(clean, corrupted, strict=True)]
    assert flip_rate("multiclass", np.zeros(150, int), clean, corrupted).top.tolist() == by_hand
    targets, scores = multilabel()
    other = multilabel(seed=1)[1]
    pairs = [(i, j) for i in range(60) for j in range(5) if targets[i, j] != -1]
    flips = sum((scores[i, j] > 0) != (other[i, j] > 0) for i, j in pairs)
    ours = flip_rate("multilabel", targets, scores, other)
    assert ours.value == pytest.approx(flips / len(pairs))
    assert 0.1 < ours.value < 0.9
    weights = np.random.default_rng(3).integers(0, 3, 60)
    repeated = flip_rate("multilabel", *(np.repeat(each, weights, axis=0) for each in (targets, scores, other)))
    assert ours.under(weights[None])[0] == pytest.approx(repeated.value)
    assert flip_rate("multilabel", targets, scores, scores).value == 0
    assert flip_rate("multilabel", 0 * targets, scores, -scores).value == 1
    assert math.isnan(flip_rate("multilabel", 0 * targets - 1, scores, other).value)


def in_fifteen(confidence: np.ndarray, right: np.ndarray) -> float:
    """Of a multiple of 15 distinct probabilities."""
    order = np.argsort(confidence)
    bins = [(confidence[each], right[each]) for each in np.split(order, 15)]
    return float(sum(len(told) / len(confidence) * abs(np.mean(told) - np.mean(hit)) for told, hit in bins))


def test_calibration_error_is_that_of_bins_of_equal_numbers() -> None:
    targets, scores = multiclass(150)
    probability = probabilities("multiclass", scores)
    by_hand = in_fifteen(probability.max(axis=1), probability.argmax(axis=1) == targets)
    assert calibration_error("multiclass", targets, scores).value == pytest.approx(by_hand, rel=1e-12)
    targets, scores = multilabel(70)
    clip, label = (each[:225] for each in np.nonzero(targets >= 0))
    left = np.full_like(targets, -1)
    left[clip, label] = targets[clip, label]
    by_hand = in_fifteen(probabilities("multilabel", scores)[clip, label], targets[clip, label] == 1)
    assert calibration_error("multilabel", left, scores).value == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("clips", [150, 97, 7])
@pytest.mark.parametrize("decimals", [0, 6])
def test_equal_probabilities_share_bins_whatever_their_order(clips: int, decimals: int) -> None:
    targets, scores = multiclass(clips)
    ours = calibration_error("multiclass", targets, scores.round(decimals))
    order = np.random.default_rng(5).permutation(clips)
    assert calibration_error("multiclass", targets[order], scores[order].round(decimals)).value == pytest.approx(ours.value)
    twice = calibration_error("multiclass", np.repeat(targets, 2), np.repeat(scores.round(decimals), 2, axis=0))
    assert twice.value == pytest.approx(ours.value)
    assert ours.under(np.full((1, clips), 2))[0] == pytest.approx(ours.value)


def test_a_resample_keeps_the_bins_of_all_clips() -> None:
    targets, scores = multilabel()
    ours, weights = calibration_error("multilabel", targets, scores), np.random.default_rng(6).integers(0, 4, (5, 60))
    clip, label = np.nonzero(targets >= 0)
    confidence = probabilities("multilabel", scores)[clip, label]
    gap, places = confidence - (targets[clip, label] == 1), np.argsort(np.argsort(confidence))
    for row, found in zip(weights, ours.under(weights), strict=True):
        error = 0.0
        for low in range(15):
            share = (np.minimum(places + 1, (low + 1) * len(clip) / 15) - np.maximum(places, low * len(clip) / 15)).clip(0)
            error += abs((row[clip] * share * gap).sum())
        assert found == pytest.approx(error / row[clip].sum(), rel=1e-9)


def test_one_probability_for_all_is_off_by_its_distance_from_the_share() -> None:
    scores = np.log(np.tile([0.9, 0.1], (20, 1)))
    assert calibration_error("multiclass", np.repeat([0, 1], [5, 15]), scores).value == pytest.approx(0.9 - 0.25)
    assert calibration_error("multiclass", np.array([0]), scores[:1]).value == pytest.approx(0.1)
    assert calibration_error("multilabel", np.array([[1, -1]]), np.zeros((1, 2))).value == pytest.approx(0.5)


def test_a_calibrated_probe_is_as_far_above_0_as_is_said() -> None:
    random = np.random.default_rng(7)
    scores = 1.7 * random.normal(size=(300, 1200, 8))
    targets = (scores + random.gumbel(size=scores.shape)).argmax(axis=2)
    confidence = probabilities("multiclass", scores[0]).max(axis=1)
    expected = 0.8 * math.sqrt(15 * (confidence * (1 - confidence)).mean() / 1200)
    found = np.mean([calibration_error("multiclass", t, s).value for t, s in zip(targets[:60], scores[:60], strict=True)])
    assert found == pytest.approx(expected, rel=0.05)
    assert (scores.argmax(axis=2) == targets).mean() == pytest.approx(0.5, abs=0.05)
    assert found == pytest.approx(0.04, abs=0.005)


def test_nothing_to_score() -> None:
    assert math.isnan(calibration_error("multilabel", np.full((3, 2), -1), np.zeros((3, 2))).value)
    assert math.isnan(brier_score("multilabel", np.full((3, 2), -1), np.zeros((3, 2))).value)
    assert math.isnan(calibration_error("multiclass", np.zeros(0, int), np.zeros((0, 2))).value)
    assert np.isnan(calibration_error("multiclass", np.zeros(3, int), np.zeros((3, 2))).under(np.zeros((2, 3)))).all()


def test_errors() -> None:
    values = np.zeros((4, 1))
    for measure in (flip_rate, lambda *each: brier_score(*each[:3]), lambda *each: calibration_error(*each[:3])):
        with pytest.raises(MirbenchError, match="regression"):
            measure("regression", values, values, values)
    with pytest.raises(ValueError, match=r"scores \(4, 1\) and \(3, 1\) should both be"):
        flip_rate("multilabel", values, values, values[1:])
