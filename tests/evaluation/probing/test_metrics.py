"""Metrics against scikit-learn, mir_eval and numbers by hand; a weighted clip is a repeated clip."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys

import mir_eval
import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, r2_score, roc_auc_score

from mirbench.errors import MirbenchError
from mirbench.evaluation.probing.metrics import METRICS, Metric, evaluate, majority, mean_of, resolve
from mirbench.records import Predictions

KEYS = tuple(
    f"{tonic} {mode}" for tonic in ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B") for mode in ("major", "minor")
)


def predictions(target: str, targets: np.ndarray, scores: np.ndarray, classes: tuple[str, ...] | None = None) -> Predictions:
    ids = tuple(f"clip{i}" for i in range(len(targets)))
    classes = classes or tuple(str(60 + i) for i in range(scores.shape[1]))
    return Predictions(ids, ids, classes, target, targets, scores)


def multilabel(clips: int = 120, labels: int = 7, seed: int = 0, decimals: int = 1) -> Predictions:
    """Few decimals make many ties."""
    random = np.random.default_rng(seed)
    targets = (random.random((clips, labels)) < np.linspace(0.05, 0.9, labels)).astype(int)
    return predictions("multilabel", targets, (random.normal(size=(clips, labels)) + targets).round(decimals))


def multiclass(clips: int = 90, classes: tuple[str, ...] | None = None, seed: int = 0) -> Predictions:
    random = np.random.default_rng(seed)
    width = len(classes) if classes else 30
    targets = random.integers(0, width, clips)
    scores = random.normal(size=(clips, width))
    scores[np.arange(clips), targets] += 1.5
    return predictions("multiclass", targets, scores, classes)


def regression(clips: int = 50, seed: int = 0) -> Predictions:
    random = np.random.default_rng(seed)
    targets = random.normal([100, 0], size=(clips, 2))
    return predictions("regression", targets, targets + random.normal(size=(clips, 2)) * [0.5, 2], ("arousal", "valence"))


def any_predictions(metric: Metric, seed: int = 0) -> Predictions:
    if "multilabel" in metric.targets:
        return multilabel(seed=seed)
    if "regression" in metric.targets:
        return regression(seed=seed)
    return multiclass(classes=KEYS if metric.name == "mirex" else None, seed=seed)


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_ranking_metrics_are_those_of_scikit_learn_with_ties(decimals: int) -> None:
    given = multilabel(decimals=decimals)
    assert evaluate("macro_roc_auc", given)[0] == pytest.approx(roc_auc_score(given.targets, given.scores, average="macro"), abs=1e-12)
    expected = average_precision_score(given.targets, given.scores, average="macro")
    assert evaluate("macro_average_precision", given)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_one_value_is_scikit_learns_in_random_cases(seed: int) -> None:
    """With ties, classes that are absent from the truth or from the guesses, labels that nobody judged, and targets far from 0."""
    draw = np.random.default_rng(seed)
    clips, width = int(draw.integers(8, 80)), int(draw.integers(2, 9))
    scores = draw.normal(size=(clips, width)).round(int(draw.integers(0, 3))).astype(np.float32)
    truth = draw.integers(0, draw.integers(1, width + 1), clips)
    many = predictions("multiclass", truth, scores)
    guess = scores.argmax(axis=1)
    assert evaluate("accuracy", many)[0] == pytest.approx(accuracy_score(truth, guess), abs=1e-12)
    assert evaluate("macro_f1", many)[0] == pytest.approx(f1_score(truth, guess, average="macro"), abs=1e-12)
    labels = np.where(draw.random(scores.shape) < 0.2, -1, draw.random(scores.shape) < 0.4)
    labels[:2] = [[0], [1]]  # each label has both, for scikit-learn
    judged = predictions("multilabel", labels, scores)
    for name, slow in (("macro_roc_auc", roc_auc_score), ("macro_average_precision", average_precision_score)):
        expected = np.mean([slow(y[y >= 0], s[y >= 0]) for y, s in zip(labels.T, scores.T, strict=True)])
        assert evaluate(name, judged)[0] == pytest.approx(expected, abs=1e-12)
    values = draw.normal(draw.normal(0, 10, width), size=(clips, width))
    numbers = predictions("regression", values, values + draw.normal(size=values.shape))
    assert evaluate("r2", numbers)[0] == pytest.approx(r2_score(values, numbers.scores), abs=1e-12)


def test_other_metrics_are_those_of_scikit_learn() -> None:
    given = multiclass()
    guess = given.scores.argmax(axis=1)
    assert evaluate("accuracy", given)[0] == accuracy_score(given.targets, guess)
    assert evaluate("pitch_class_accuracy", given)[0] == accuracy_score(given.targets % 12, guess % 12) > evaluate("accuracy", given)[0]
    few = predictions("multiclass", given.targets[:8], given.scores[:8])  # most classes are absent
    assert evaluate("macro_f1", few)[0] == pytest.approx(f1_score(few.targets, few.scores.argmax(axis=1), average="macro"))
    assert evaluate("macro_f1", given)[0] == pytest.approx(f1_score(given.targets, guess, average="macro"))
    values = regression()
    assert evaluate("r2", values)[0] == pytest.approx(r2_score(values.targets, values.scores))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_weight_is_a_repetition(metric: Metric) -> None:
    given = any_predictions(metric)
    weights = np.random.default_rng(1).integers(0, 4, (6, len(given.targets)))
    weights[0] = 0
    weights[0, :9] = [3, 1, 1, 2, 0, 1, 1, 5, 1]  # a resample that lacks some classes
    for value, row in zip(evaluate(metric, given, weights), weights, strict=True):
        again = predictions(given.target, given.targets.repeat(row, axis=0), given.scores.repeat(row, axis=0), given.classes)
        assert value == pytest.approx(evaluate(metric, again)[0], rel=1e-9, nan_ok=False)
    assert evaluate(metric, given, weights * 2.5) == pytest.approx(evaluate(metric, given, weights))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_resamples_do_not_touch_each_other_and_order_of_clips_is_nothing(metric: Metric) -> None:
    given = any_predictions(metric)
    weights = np.random.default_rng(2).integers(0, 3, (5, len(given.targets)))
    together = evaluate(metric, given, weights)
    assert together == pytest.approx([evaluate(metric, given, row[None])[0] for row in weights])
    order = np.random.default_rng(3).permutation(len(given.targets))
    shuffled = predictions(given.target, given.targets[order], given.scores[order], given.classes)
    assert evaluate(metric, shuffled, weights[:, order]) == pytest.approx(together)


def test_many_resamples_go_in_chunks_with_the_same_result() -> None:
    seen = []
    counting = Metric("n", "n", frozenset({"multiclass"}), lambda t, s, c, w: (seen.append(len(w)), w @ np.arange(len(t)))[1])
    given = multiclass(clips=400)
    weights = np.random.default_rng(0).integers(0, 3, (12_000, 400))
    assert evaluate(counting, given, weights) == pytest.approx(weights @ np.arange(400))
    assert sum(seen) == 12_000
    assert len(seen) > 1


@pytest.mark.parametrize("densest", [0, 1e9], ids=["sums", "products"])
@pytest.mark.parametrize("decimals", [0, 8])
def test_both_ways_of_summing_a_ranking_are_scikit_learn_resample_by_resample(monkeypatch, densest: float, decimals: int) -> None:
    """A loop over resamples and labels is the slow twin; groups of clips count alike, and some labels are absent from a resample."""
    monkeypatch.setattr("mirbench.evaluation.probing.metric_functions.DENSEST", densest)
    given = multilabel(clips=60, decimals=decimals)
    given.targets[:, 0] = np.arange(60) // 5 == 3  # all in one group
    weights = np.random.default_rng(4).integers(0, 3, (80, 12)).repeat(5, axis=1)
    for name, slow in (("macro_roc_auc", roc_auc_score), ("macro_average_precision", average_precision_score)):
        expected = []
        for row in weights:
            targets, scores = given.targets.repeat(row, axis=0).T, given.scores.repeat(row, axis=0).T
            expected.append(np.mean([slow(t, s) for t, s in zip(targets, scores, strict=True) if 0 < t.sum() < len(t)]))
        assert evaluate(name, given, weights) == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("kind", [np.int32, np.float64])
def test_a_ranking_is_the_same_to_the_bit_in_blocks_of_resamples_and_of_whole_numbers(monkeypatch, kind: type) -> None:
    given = multilabel(clips=90)
    weights = np.random.default_rng(4).integers(0, 4, (70, 90))
    expected = [evaluate(name, given, weights.astype(np.float64)) for name in ("macro_roc_auc", "macro_average_precision")]
    for name, value in (("DENSEST", 0), ("AT_ONCE", 1), ("LEAST_AT_ONCE", 16), ("CLIPS_AT_ONCE", 5)):
        monkeypatch.setattr(f"mirbench.evaluation.probing.metric_functions.{name}", value)
    found = [evaluate(name, given, weights.astype(kind)) for name in ("macro_roc_auc", "macro_average_precision")]
    assert np.array_equal(expected, found, equal_nan=True)


def test_macro_f1_of_very_many_classes_is_that_of_a_product(monkeypatch) -> None:
    given = multiclass(clips=90)
    weights = np.random.default_rng(4).integers(0, 4, (20, 90))
    expected = evaluate("macro_f1", given, weights)
    monkeypatch.setattr("mirbench.evaluation.probing.metric_functions.DENSEST", 0)
    assert np.array_equal(expected, evaluate("macro_f1", given, weights))


def test_labels_without_positives_or_negatives_are_left_out_of_the_mean() -> None:
    targets = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1]])
    scores = np.array([[0.5, 0.1, 0.2], [0.9, 0.2, 0.3], [0.1, 0.3, 0.4]])
    given = predictions("multilabel", targets, scores)
    assert evaluate("macro_roc_auc", given) == pytest.approx([0.5])
    assert evaluate("macro_average_precision", given) == pytest.approx([0.5])
    without_the_positive_and_without_a_negative = np.array([[0, 2, 1], [3, 0, 0]])
    for metric in ("macro_roc_auc", "macro_average_precision"):
        assert np.isnan(evaluate(metric, given, without_the_positive_and_without_a_negative)).all()


# Labels that nobody has judged ----------------------------------------------------------------------------------------


def partial(clips: int = 90, labels: int = 7, seed: int = 5, decimals: int = 1) -> Predictions:
    """Some labels are judged for most clips, some for few, one for none."""
    given = multilabel(clips, labels, seed, decimals)
    judged = np.random.default_rng(seed).random((clips, labels)) < np.linspace(1, 0, labels)
    return predictions("multilabel", np.where(judged, given.targets, -1), given.scores)


@pytest.mark.parametrize("densest", [0, 1e9], ids=["sums", "products"])
@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_clips_that_nobody_judged_are_left_out_of_that_label(monkeypatch, densest: float, decimals: int) -> None:
    """scikit-learn on the judged clips of each label, with weights, is the slow twin."""
    monkeypatch.setattr("mirbench.evaluation.probing.metric_functions.DENSEST", densest)
    given = partial(decimals=decimals)
    weights = np.random.default_rng(6).integers(0, 3, (60, 18)).repeat(5, axis=1)
    weights[0] = 1
    for name, slow in (("macro_roc_auc", roc_auc_score), ("macro_average_precision", average_precision_score)):
        expected = []
        for row in weights:
            found = []
            for truth, scores in zip(given.targets.T, given.scores.T, strict=True):
                here = (truth >= 0) & (row > 0)
                if len(set(truth[here])) == 2:
                    found.append(slow(truth[here], scores[here], sample_weight=row[here]))
            expected.append(np.mean(found))
        assert evaluate(name, given, weights) == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("name", ["macro_roc_auc", "macro_average_precision"])
def test_what_nobody_judged_changes_no_bit(name: str) -> None:
    given = multilabel()
    weights = np.random.default_rng(7).integers(0, 3, (40, 120))
    alone = evaluate(name, given, weights)
    more = predictions(
        "multilabel", np.r_[given.targets, np.full((9, 7), -1)], np.r_[given.scores, np.linspace(-2, 2, 63).reshape(9, 7).round(1)]
    )
    assert (evaluate(name, more, np.c_[weights, np.ones((40, 9))]) == alone).all()
    assert np.isnan(evaluate(name, predictions("multilabel", np.full((3, 2), -1), np.zeros((3, 2)))))


def test_where_all_is_judged_the_numbers_are_those_of_a_plain_count_to_the_bit() -> None:
    """Counts are whole numbers, so the area under the ROC curve has one float64."""
    given = multilabel()
    for row in np.random.default_rng(8).integers(0, 3, (20, 120)):
        total = 0.0
        for truth, scores in zip(given.targets.T > 0, given.scores.T, strict=True):
            above = scores[truth, None] <= scores[~truth]
            ties = scores[truth, None] == scores[~truth]
            pairs = row[truth, None] * row[~truth]
            total += 1 - ((pairs * above).sum() - (pairs * ties).sum() / 2) / pairs.sum()
        assert evaluate("macro_roc_auc", given, row[None])[0] == total / 7


def test_a_metric_that_knows_nothing_of_unjudged_labels_is_refused() -> None:
    plain = Metric("hits", "hits", frozenset({"multilabel"}), lambda t, s, c, w: w @ (t > 0).mean(axis=1))
    assert evaluate(plain, multilabel())[0] > 0
    with pytest.raises(MirbenchError, match="metric 'hits' does not leave out labels that nobody has judged"):
        evaluate(plain, partial())
    assert evaluate(Metric("hits", "hits", plain.targets, plain.function, partial=True), partial())[0] > 0


def test_the_floor_is_prevalence_among_what_was_judged() -> None:
    targets = np.array([[1, -1, 0], [0, -1, -1], [-1, -1, 0], [1, -1, 1]])
    assert expit(majority("multilabel", targets, 1, ("a", "b", "c"))) == pytest.approx(np.array([[2 / 3, 0, 1 / 3]]))
    judged = multilabel().targets
    assert expit(majority("multilabel", judged, 1, tuple("abcdefg"))[0]) == pytest.approx(judged.mean(axis=0), abs=1e-6)


def test_perfect_reversed_and_constant_scores() -> None:
    targets = np.array([[1], [1], [0], [0]])
    for scores, auc in ((targets, 1.0), (-targets, 0.0), (0 * targets, 0.5)):
        assert evaluate("macro_roc_auc", predictions("multilabel", targets, scores.astype(float))) == pytest.approx([auc])
    values = regression()
    assert evaluate("r2", predictions("regression", values.targets, values.targets)) == pytest.approx([1.0])
    mean = np.tile(values.targets.mean(axis=0), (50, 1))
    assert evaluate("r2", predictions("regression", values.targets, mean)) == pytest.approx([0.0])
    flat = predictions("regression", np.c_[values.targets[:, 0], np.full(50, 0.1)], mean)  # a constant dimension is left out
    assert evaluate("r2", flat) == pytest.approx([0.0])
    one_clip_again_and_again = np.eye(50)[:9] * 3
    assert np.isnan(evaluate("r2", values, one_clip_again_and_again)).all()
    far = predictions("regression", values.targets + 1e7, values.scores + 1e7)
    assert evaluate("r2", far) == pytest.approx(evaluate("r2", values), abs=1e-6)


def test_mirex_is_mir_eval_on_all_pairs() -> None:
    for reference, estimate in itertools.product(range(24), range(24)):
        given = predictions("multiclass", np.array([reference]), np.eye(24)[[estimate]], KEYS)
        assert evaluate("mirex", given)[0] == mir_eval.key.weighted_score(KEYS[reference], KEYS[estimate])


def test_mirex_takes_enharmonics_as_one_and_counts_the_fifth_above_only() -> None:
    classes = ("C# major", "Db major", "Ab major", "Gb major", "a# MINOR", "B# minor")

    def one(reference: int, estimate: int) -> float:
        return evaluate("mirex", predictions("multiclass", np.array([reference]), np.eye(6)[[estimate]], classes))[0]

    assert [one(0, i) for i in range(6)] == [1.0, 1.0, 0.5, 0.0, 0.3, 0.0]
    assert one(3, 0) == 0.5


@pytest.mark.parametrize("name", ["H major", "C", "C dorian", "C## major", ""])
def test_what_is_no_key_is_named(name: str) -> None:
    with pytest.raises(MirbenchError, match=f"'{name}' is no key; keys are named like 'C major'"):
        evaluate("mirex", predictions("multiclass", np.array([0]), np.eye(2)[[0]], ("C major", name)))


def test_a_metric_in_three_lines_travels_to_other_processes() -> None:
    metric = Metric("near", "within one", frozenset({"multiclass"}), mean_of(_near))
    given = predictions("multiclass", np.array([0, 0, 0]), np.eye(3))
    assert evaluate(metric, given, np.array([[1, 1, 1], [0, 1, 3]])) == pytest.approx([2 / 3, 1 / 4])
    for sent in (metric, *METRICS.values()):
        assert pickle.loads(pickle.dumps(sent)) == sent


def _near(target: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return abs(target - predicted) <= 1


def test_errors_are_sentences() -> None:
    with pytest.raises(MirbenchError, match="no metric is named 'acuracy'; did you mean 'accuracy'"):
        resolve("acuracy")
    with pytest.raises(MirbenchError, match="metric 'r2' does not fit multiclass targets; those that do: accuracy, macro_f1, mirex"):
        evaluate("r2", multiclass())
    bad = multiclass()
    bad.scores[[3, 5], 0] = [np.nan, np.inf]
    with pytest.raises(MirbenchError, match="the scores of 2 of 90 clips are not finite"):
        evaluate("accuracy", bad)
    with pytest.raises(MirbenchError, match="there are no clips to score accuracy on"):
        evaluate("accuracy", predictions("multiclass", np.zeros(0, int), np.zeros((0, 3))))
    with pytest.raises(MirbenchError, match="MIDI numbers such as '60', but one is 'C major'"):
        evaluate("pitch_class_accuracy", multiclass(classes=KEYS))
    with pytest.raises(ValueError, match=r"weights \(1, 3\) should be \(resamples, 90\)"):
        evaluate("accuracy", multiclass(), np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"should be \(90,\)"):
        evaluate("accuracy", predictions("multiclass", np.zeros((90, 2), int), np.zeros((90, 2))))


def test_majority_is_the_floor() -> None:
    row = majority("multiclass", np.array([2, 0, 2, 1]), 3, ("a", "b", "c", "d"))
    assert np.exp(row) == pytest.approx(np.array([[0.25, 0.25, 0.5, 0]] * 3), abs=1e-6)
    prevalence = expit(majority("multilabel", np.array([[1, 0], [1, 1], [1, 0], [0, 0]]), 2, ("a", "b")))
    assert prevalence == pytest.approx(np.array([[0.75, 0.25]] * 2))
    assert majority("regression", np.array([[1.0, 5.0], [3.0, 5.0]]), 1, ("a", "b")).tolist() == [[2.0, 5.0]]
    given = multilabel()
    floor = predictions("multilabel", given.targets, majority("multilabel", given.targets, 120, given.classes))
    assert evaluate("macro_roc_auc", floor)[0] == 0.5
    assert evaluate("macro_average_precision", floor)[0] == pytest.approx(given.targets.mean())


def test_importing_metrics_and_statistics_loads_numpy_only() -> None:
    code = (
        "import sys, mirbench.evaluation.probing.metrics, mirbench.evaluation.statistics.estimates, mirbench.evaluation.probing.probes;"
        "print([m for m in ('torch', 'sklearn', 'scipy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
