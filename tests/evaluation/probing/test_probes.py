"""The promises of a probe: train is fitted, valid chooses, the best is the best, nothing leaks or crashes."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from mirbench_plugins.probes.linear import STRENGTHS
from probe_data import HEADLINE, fitted, made, softmax
from sklearn.neighbors import NearestCentroid

from mirbench import CentroidClassifier, Probe
from mirbench.errors import MirbenchError
from mirbench.evaluation.probing import probes
from mirbench.evaluation.probing.metrics import Metric, mean_of, resolve
from mirbench.evaluation.probing.stored_probes import read_probe, write_probe
from mirbench.registry.plugins import current

KINDS = ("linear", "mlp", "knn", "nearest-centroid")

# What chooses, and what never enters -------------------------------------------------------------------------------


def test_validation_chooses_the_strength_and_does_not_enter_the_fit() -> None:
    train, valid = made("multiclass", noise=3.0)
    probe = fitted(train, valid, "multiclass")
    report = probe.report
    assert report["grid"] == [{"C": strength} for strength in STRENGTHS]
    assert report["chosen"] == {"C": STRENGTHS[int(np.argmax(report["validation"]))]}
    accuracy = (probe.predict(valid[0]).argmax(axis=1) == valid[1]).mean()
    assert accuracy == max(report["validation"]) > min(report["validation"])
    other = (valid[0][:60] * 3, valid[1][:60])  # other validation clips that choose the same strength change nothing else
    prefer = _scripted("multiclass", [{"C": strength} == report["chosen"] for strength in STRENGTHS])
    assert (fitted(train, other, "multiclass", metric=prefer).predict(valid[0]) == probe.predict(valid[0])).all()


def test_equal_strengths_go_to_the_stronger_regularisation() -> None:
    train, valid = made("multiclass")
    same = Metric("same", "same", frozenset({"multiclass"}), mean_of(lambda target, predicted, classes: np.ones(len(target))))
    assert fitted(train, valid, "multiclass", metric=same).report["chosen"] == {"C": min(STRENGTHS)}
    undefined_at_times = _scripted("multiclass", [np.nan, 0.2, 0.1, np.nan, 0.3, 0.3, 0.0])
    assert fitted(train, valid, "multiclass", metric=undefined_at_times).report["chosen"] == {"C": STRENGTHS[4]}


def test_the_grid_reaches_past_the_best_strength_on_both_sides() -> None:
    for target, clips, dim in (("multiclass", 500, 100), ("multilabel", 500, 100), ("multiclass", 150, 1000), ("regression", 300, 200)):
        train, valid = made(target, clips=clips, dim=dim, noise=2.0)
        report = fitted(train, valid, target).report
        best = report["validation"]
        assert report["chosen"] not in (report["grid"][0], report["grid"][-1]), (target, best)
        assert max(best) > best[0]


@pytest.mark.parametrize("target", HEADLINE)
def test_mlp_keeps_its_best_epoch(target: str) -> None:
    train, valid = made(target, clips=150, dim=60, noise=3.0)
    probe = fitted(train, valid, target, kind=mlp(max_iter=40, n_iter_no_change=6))
    scores = probe.report["epochs"]
    metric = resolve(HEADLINE[target])
    value = metric.function(valid[1], probe.predict(valid[0]), tuple("abcde"), np.ones((1, len(valid[1]))))[0]
    assert probe.report["epoch"] == int(np.argmax(scores)) + 1
    assert len(scores) in (probe.report["epoch"] + 6, 40)
    assert value == pytest.approx(max(scores), abs=1e-6)


@pytest.mark.parametrize("target", HEADLINE)
def test_mlp_restores_the_weights_of_the_best_epoch_and_stops_after_patience(target: str) -> None:
    train, valid = made(target, clips=150)
    scores = [0.1, 0.5, 0.7, 0.7, 0.2, np.nan, 0.6, 0.9]  # 0.9 comes too late for a patience of 4; the second 0.7 is no better
    # an epoch each, and once more the point of the grid, of which there is one
    probe = fitted(train, valid, target, kind=mlp(n_iter_no_change=4), metric=_scripted(target, [*scores[:7], 0.7]))
    assert probe.report["epoch"] == 3
    assert probe.report["epochs"] == pytest.approx(scores[:7], nan_ok=True)
    for epochs, same in ((3, True), (4, False), (7, False)):
        stopped = fitted(train, valid, target, kind=mlp(max_iter=epochs), metric=_scripted(target, range(epochs + 1)))
        assert (stopped.predict(valid[0]) == probe.predict(valid[0])).all() == same


def mlp(**parameters: object) -> Probe:
    """The MLP probe with other parameters."""
    usual = current().get("probe", "mlp")

    class Other(type(usual)):
        def build(self, target: str) -> object:
            return usual.build(target).set_params(**parameters)

    return Other()


def few(kind: str) -> str | Probe:
    """A built-in probe, of few epochs."""
    return mlp(max_iter=3) if kind == "mlp" else kind


def _scripted(target: str, scores: Iterable[float]) -> Metric:
    """A metric whose values are those, call after call."""
    values = iter(scores)
    return Metric("scripted", "scripted", frozenset({target}), lambda t, s, c, w: np.full(len(w), float(next(values))))


@pytest.mark.parametrize("target", HEADLINE)
def test_mlp_learns_what_is_not_linear(target: str) -> None:
    x = np.random.default_rng(0).normal(size=(800, 2)).astype(np.float32)
    product = x[:, 0] * x[:, 1]
    y = {"multiclass": (product > 0).astype(int), "multilabel": np.c_[product > 0, product < 0].astype(int), "regression": product[:, None]}
    width = 1 if target == "regression" else 2
    split = (x[:400], y[target][:400]), (x[400:], y[target][400:])
    linear, bent = (fitted(*split, target, width, kind=kind).report["validation"] for kind in ("linear", mlp(max_iter=60)))
    assert max(linear) < {"regression": 0.1}.get(target, 0.6)
    assert max(bent) > {"regression": 0.8}.get(target, 0.9)


def test_mlp_regression_comes_in_the_units_of_the_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    train, valid = made("regression", classes=2)
    far = [(x, y * [1, 100] + [0, 5000]) for x, y in (train, valid)]
    near, scaled = (fitted(*split, "regression", 2, kind=mlp(max_iter=30)) for split in ((train, valid), far))
    assert scaled.predict(valid[0]) == pytest.approx(near.predict(valid[0]) * [1, 100] + [0, 5000], rel=1e-3, abs=0.05)


# Determinism and global state ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_is_deterministic_and_leaves_the_global_state_alone(kind: str, tmp_path: Path) -> None:
    train, valid = made("multiclass", clips=100)
    copies = [array.copy() for array in (*train, *valid)]
    before = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate(), torch.get_num_threads())
    first = fitted(train, valid, "multiclass", kind=few(kind), seed=3)
    after = (torch.get_rng_state(), np.random.get_state()[1], random.getstate(), torch.get_num_threads())
    assert torch.equal(before[0], after[0])
    assert (before[1] == after[1]).all()
    assert before[2:] == after[2:]
    assert all((a == b).all() for a, b in zip(copies, (*train, *valid), strict=True))
    torch.manual_seed(99)
    again = fitted(train, valid, "multiclass", kind=few(kind), seed=3)
    assert (first.predict(valid[0]) == again.predict(valid[0])).all()
    assert first.report == again.report
    other = fitted(train, valid, "multiclass", kind=few(kind), seed=4)
    assert (first.predict(valid[0]) == other.predict(valid[0])).all() == (kind != "mlp")
    write_probe(tmp_path, first)
    sent = read_probe(tmp_path)
    assert (sent.predict(valid[0]) == first.predict(valid[0])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_one_clip_of_each_class_is_enough(kind: str) -> None:
    train, valid = made("multiclass")
    rows = [int(np.flatnonzero(train[1] == label)[0]) for label in range(5)]
    scores = fitted((train[0][rows], train[1][rows]), valid, "multiclass", kind=few(kind)).predict(valid[0])
    assert np.isfinite(scores).all()
    assert kind == "mlp" or (scores.argmax(axis=1) == valid[1]).mean() > 0.25


def test_the_nearest_mean_of_one_clip_each_is_that_clip() -> None:
    x, y = np.random.default_rng(0).normal(size=(6, 4)), list("abcdef")
    assert list(CentroidClassifier().fit(x, y).decision_function(x + 0.1).argmax(axis=1)) == list(range(6))
    x, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 6
    np.testing.assert_array_equal(CentroidClassifier().fit(x, y).decision_function(x), NearestCentroid().fit(x, y).decision_function(x))


# Awkward data -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_without_training_clips_is_never_predicted(kind: str) -> None:
    train, valid = made("multiclass")
    present = train[1] != 2
    probe = fitted((train[0][present], train[1][present]), valid, "multiclass", kind=few(kind))
    scores = probe.predict(valid[0])
    assert scores.shape == (250, 5)
    assert scores.dtype == np.float32
    assert (scores[:, 2] < -1000).all()
    assert (abs(np.delete(scores, 2, axis=1)) < 1000).all()
    assert probe.report["not_learned"] == ["2"]
    without = (train[0][present], np.searchsorted([0, 1, 3, 4], train[1][present]))
    same = [_scripted("multiclass", [1.0] * 7) for _ in range(2)]
    apart = fitted(without, (valid[0], valid[1] % 4), "multiclass", 4, kind=few(kind), metric=same[0])
    with_it = fitted((train[0][present], train[1][present]), valid, "multiclass", kind=few(kind), metric=same[1])
    assert np.delete(with_it.predict(valid[0]), 2, axis=1) == pytest.approx(apart.predict(valid[0]), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_that_never_vary_in_training_get_a_constant(kind: str) -> None:
    train, valid = made("multilabel")
    targets = train[1].copy()
    targets[:, 1], targets[:, 3] = 0, 1
    probe = fitted((train[0], targets), valid, "multilabel", kind=few(kind))
    scores = probe.predict(valid[0])
    assert np.isfinite(scores).all()
    assert np.ptp(scores[:, [1, 3]], axis=0).max() == 0
    assert scores[0, 1] < -5
    assert scores[0, 3] > 5
    assert np.ptp(scores[:, [0, 2, 4]], axis=0).min() > 0
    assert probe.report["not_learned"] == ["1", "3"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_judged_is_neither_learned_nor_chooses(kind: str) -> None:
    """Clips that nobody judged for any label change what features are standardised by, and so are given the mean."""
    train, valid = made("multilabel")
    spread = train[0].std(axis=0)
    silent = np.r_[train[0].mean(axis=0)[None] + spread, train[0].mean(axis=0)[None] - spread].astype(np.float32)
    nobody = np.full((2, 5), -1)
    padded = np.r_[train[0], silent], np.r_[train[1], nobody]
    chosen = np.r_[valid[0], silent], np.r_[valid[1], nobody]
    probe = (
        mlp(max_iter=3, batch_size=252) if kind == "mlp" else kind
    )  # all clips at once, so that a batch is the same whatever else there is
    with_them = fitted(padded, chosen, "multilabel", kind=probe)
    without = fitted(train, valid, "multilabel", kind=probe)
    assert with_them.report["validation"] == pytest.approx(without.report["validation"], abs=5e-3)
    assert with_them.predict(valid[0]) == pytest.approx(without.predict(valid[0]), abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_which_too_little_was_judged_get_a_constant(kind: str) -> None:
    train, valid = made("multilabel")
    targets = train[1].copy()
    targets[:, 0] = -1  # never judged
    targets[targets[:, 1] == 0, 1] = -1  # only where it is there
    targets[targets[:, 2] == 1, 2] = -1  # only where it is not
    targets[::3, 3] = -1
    probe = fitted((train[0], targets), valid, "multilabel", kind=few(kind))
    scores = probe.predict(valid[0])
    assert probe.report["not_learned"] == ["0", "1", "2"]
    assert np.ptp(scores[:, :3], axis=0).max() == 0
    assert scores[0, 0] == 0
    assert scores[0, 1] > 4
    assert scores[0, 2] < -4
    assert np.ptp(scores[:, 3:], axis=0).min() > 0
    with pytest.raises(MirbenchError, match="no label is on some training clips and off others"):
        fitted((train[0], np.where(train[1] > 0, 1, -1)), valid, "multilabel", kind=few(kind))
    with pytest.raises(MirbenchError, match="macro_roc_auc is undefined on the validation clips"):
        fitted(train, (valid[0], np.where(valid[1] > 0, 1, -1)), "multilabel", kind=few(kind))


def test_constant_columns_count_for_nothing_even_where_test_has_them_otherwise() -> None:
    train, valid = made("multiclass")
    plain = fitted(train, valid, "multiclass")
    extra = [np.c_[x, np.full((len(x), 2), [0.1, 1e4], np.float32)] for x, _ in (train, valid)]
    extra[0][::2, -2] = np.nextafter(np.float32(0.1), np.float32(1))  # nothing but rounding
    probe = fitted((extra[0], train[1]), (extra[1], valid[1]), "multiclass")
    extra[1][:, -2:] += 50
    assert probe.predict(extra[1]) == pytest.approx(plain.predict(valid[0]), abs=2e-3)
    nothing = fitted((np.ones((9, 4), np.float32), np.arange(9) % 3), (np.ones((3, 4), np.float32), np.arange(3)), "multiclass", 3)
    assert np.isfinite(nothing.predict(np.zeros((2, 4), np.float32))).all()


def test_the_size_of_a_feature_and_its_offset_are_nothing() -> None:
    train, valid = made("multiclass")
    scale, offset = np.logspace(-3, 3, 30), np.linspace(-5, 5, 30)
    moved = [(x.astype(np.float64) * scale + offset * scale, y) for x, y in (train, valid)]
    expected = softmax(fitted(train, valid, "multiclass").predict(valid[0]))
    assert abs(softmax(fitted(*moved, "multiclass").predict(moved[1][0])) - expected).max() < 1e-3


def test_errors_are_sentences() -> None:
    train, valid = made("multiclass")
    broken = train[0].copy()
    broken[[2, 5, 9], 0] = [np.nan, np.inf, np.nan]
    with pytest.raises(MirbenchError, match="3 of 250 train clips have features that are not finite"):
        fitted((broken, train[1]), valid, "multiclass")
    with pytest.raises(MirbenchError, match="3 of 250 valid clips"):
        fitted(train, (broken, valid[1]), "multiclass")
    probe = fitted(train, valid, "multiclass")
    with pytest.raises(MirbenchError, match="3 of 250 test clips"):
        probe.predict(broken)
    with pytest.raises(MirbenchError, match=r"the test features are \(250, 29\) but should be \(clips, 30\)"):
        probe.predict(valid[0][:, 1:])
    with pytest.raises(MirbenchError, match="the training clips show 1 class and a probe needs 2 or more"):
        fitted((train[0], np.zeros(250, int)), valid, "multiclass")
    with pytest.raises(MirbenchError, match="no label is on some training clips and off others"):
        fitted((train[0], np.ones((250, 5), int)), (valid[0], np.ones((250, 5), int)), "multilabel")
    with pytest.raises(MirbenchError, match="macro_roc_auc is undefined on the validation clips"):
        fitted(made("multilabel")[0], (valid[0], np.ones((250, 5), int)), "multilabel")
    with pytest.raises(MirbenchError, match="the probe has no valid clips"):
        fitted(train, (valid[0][:0], valid[1][:0]), "multiclass")
    with pytest.raises(MirbenchError, match="metric 'r2' does not fit multiclass"):
        fitted(train, valid, "multiclass", metric="r2")
    with pytest.raises(ValueError, match="250 train features but 249 targets"):
        fitted((train[0], train[1][1:]), valid, "multiclass")


def test_columns_of_pairs_of_classes_are_not_taken_for_classes():
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 4)), np.arange(90) % 3
    X[:, 0] += 3 * y
    pairs = SVC(decision_function_shape="ovo").fit(X, y)
    assert probes.scores_of(pairs, X, "multiclass").argmax(axis=1).tolist() == pairs.predict(X).tolist()
