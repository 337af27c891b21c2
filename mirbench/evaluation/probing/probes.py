"""Probes: an estimator on frozen features, fitted on train, chosen on valid, used once on test.

Features are standardised with the training mean and standard deviation; a column that is constant in training becomes 0. Transformers
before the estimator are fitted once for all points of the grid that do not change them. The estimator is fitted on train at every point,
and that with the best validation metric is kept, of equals the first. Nothing is refitted with the validation clips. The report says which
was chosen, and from what.

A label that nobody has judged for a clip, a multilabel target of -1, is neither learned from nor does it choose.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.errors import MirbenchError, describe, unknown_name
from mirbench.evaluation.estimators.log_odds import log_odds, log_of
from mirbench.evaluation.probing.metrics import TARGETS, Metric, check_fits, evaluate, resolve
from mirbench.nouns import Probe
from mirbench.progress import progress_bar
from mirbench.records import Predictions
from mirbench.seeded import seeded

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

NEVER = -1e4  # the logit of a class that training has not shown
FIRST, SAME = 64, 1e-4  # clips by which it is told whether there are probabilities, and how far they may be from them
SLOW = 2.0  # seconds after which a grid shows its progress
LAST = {"multiclass": "classify", "multilabel": "classify", "regression": "regress"}
KIND = {"classifier": ("multiclass", "multilabel"), "regressor": ("regression",)}  # of scikit-learn -> targets


@dataclass(frozen=True)
class FittedProbe:
    """What is kept of a probe.

    target: as `scores_of` takes it. learned: which classes the pipeline gives; blank: (classes,) scores of the others.
    layer: which of several it is of, where it is of one.
    report: kind, metric, the validation score at each point of the grid, the chosen one, and the classes that were not learned.
    """

    pipeline: Pipeline
    target: str
    learned: np.ndarray
    blank: np.ndarray
    report: dict[str, Any] = field(default_factory=dict)
    layer: int | None = None

    def predict(self, features: np.ndarray) -> np.ndarray:
        """features: (clips, dim) float, as given to `fit`. Returns (clips, classes) float32: logits, or values for regression.

        Raises MirbenchError where a feature is not finite or the dimension is another.
        """
        _check_features("test", features, self.pipeline.n_features_in_)
        transformed = self.pipeline[:-1].transform(features.astype(np.float64))
        return complete(scores_of(self.pipeline[-1], transformed, self.target), self.learned, self.blank)

    def is_calibrated(self, features: np.ndarray) -> bool:
        """Whether the softmax of its scores, or of labels the sigmoid, is what its estimator's `predict_proba` gives; of the first clips.

        features: as for `predict`. Margins, as a linear SVM has, are no probabilities."""
        estimator = self.pipeline[-1]
        if self.target not in ("multiclass", "multilabel") or not hasattr(estimator, "predict_proba") or not len(features):
            return False
        transformed = self.pipeline[:-1].transform(features[:FIRST].astype(np.float64))
        given = estimator.predict_proba(transformed)
        if self.target == "multilabel":
            given = np.stack([p[:, 1] for p in given], axis=1) if isinstance(given, list) else given
        else:
            given = given[:, np.argsort(estimator.classes_)]
        told = probabilities(self.target, scores_of(estimator, transformed, self.target))
        return told.shape == np.shape(given) and bool(np.allclose(told, given, rtol=0, atol=SAME))


def probabilities(target: str, scores: np.ndarray) -> np.ndarray:
    """(clips, classes) float64 of logits: a softmax, or of many labels each one's sigmoid. target: multiclass | multilabel.

    >>> probabilities("multiclass", np.log([[0.2, 0.8]]))
    array([[0.2, 0.8]])
    >>> probabilities("multilabel", np.array([[0.0, -1e4]]))
    array([[0.5, 0. ]])
    """
    from scipy.special import expit, softmax

    logits = np.asarray(scores, np.float64)
    return np.asarray(softmax(logits, axis=1) if target == "multiclass" else expit(logits))


def complete(output: np.ndarray, learned: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """The scores of what was learned, (clips, learned), among those of all classes, (clips, classes) float32. Raises MirbenchError where
    there is not one of each."""
    if output.shape != (wanted := (len(output), len(learned))):
        raise MirbenchError(f"the probe's estimator gives outputs of the shape {output.shape}, and they should be {wanted}.")
    scores = np.tile(blank, (len(output), 1))
    scores[:, learned] = output
    return scores


def scores_of(estimator: Any, features: np.ndarray, target: str) -> np.ndarray:
    """(clips, outputs) of a fitted estimator: its decision function where that has a column for each class, one logit of two classes being
    shared out; else the logarithm of its probabilities, of labels their log odds; else 1 for what it predicts. Classes are in ascending
    order, whatever that of its `classes_`. target: or `label`, of one label alone, which it was fitted to as to two classes."""
    scores = _scores_as_given(estimator, features, target)
    if target == "multiclass" and scores.shape[1:] == (len(estimator.classes_),):
        return scores[:, np.argsort(estimator.classes_)]
    return scores


def _scores_as_given(estimator: Any, features: np.ndarray, target: str) -> np.ndarray:
    from mirbench.evaluation.estimators.label_by_label import logits_of_two

    if target == "regression":
        return np.asarray(estimator.predict(features)).reshape(len(features), -1)
    if target == "label":
        return logits_of_two(estimator, features)[:, None]
    if hasattr(estimator, "decision_function") and getattr(estimator, "decision_function_shape", "ovr") != "ovo":  # whose columns are pairs
        scores = np.asarray(estimator.decision_function(features))
        if scores.ndim == 1:
            return np.stack([-scores / 2, scores / 2], axis=1)
        if scores.shape[1] == len(estimator.classes_):
            return scores
    if hasattr(estimator, "predict_proba"):
        probability = estimator.predict_proba(features)
        if target == "multiclass":
            return log_of(np.asarray(probability))
        labels = [p[:, 1] for p in probability] if isinstance(probability, list) else list(np.asarray(probability).T)
        return log_odds(np.stack(labels, axis=1))
    predicted = np.asarray(estimator.predict(features))
    return (predicted if target == "multilabel" else predicted[:, None] == estimator.classes_).astype(np.float64)


def misfit(probe: Probe, target: str) -> str:
    """Why a probe is not for a kind of target, as a sentence; "" where it is. Builds its estimator, which imports scikit-learn."""
    if why := declared_misfit(probe, target):
        return why
    from sklearn.utils import get_tags

    built = probe.build(target)
    if lacks := [name for name in ("fit", "get_params") if not hasattr(built, name)]:
        what = f"{type(built).__name__}, which has no {lacks[0]}" if built is not None else "nothing"
        return f"the probe '{probe.name}' makes {what}; its estimator should be one of scikit-learn's kind, or a function that returns one."
    kind = get_tags(built).estimator_type
    if target in KIND.get(kind or "", ()):
        return ""
    what = f"is of {type(built).__name__}, a {kind}" if kind in KIND else f"is of {type(built).__name__}, no classifier and no regressor"
    return f"the probe '{probe.name}' {what}, and cannot be fitted to {target} targets; {_ADVICE}"


_ADVICE = "name another, such as --probe linear, or tasks that it can learn."


def declared_misfit(probe: Probe, target: str) -> str:
    """As `misfit`, by what the probe says of itself alone."""
    if probe.targets is None or target in probe.targets:
        return ""
    return f"the probe '{probe.name}' is for {' and '.join(probe.targets)} targets, not for {target} ones; {_ADVICE}"


def is_seeded(probe: Probe) -> bool:
    """Whether another seed gives another fit."""
    if probe.seeded is not None:
        return probe.seeded
    targets = TARGETS if probe.targets is None else probe.targets
    return any(_parameters(probe.build(target), "random_state") for target in targets)


def _parameters(estimator: Any, name: str) -> list[str]:
    """Of an estimator and what it holds, those of this name."""
    return [each for each in estimator.get_params() if each == name or each.endswith(f"__{name}")]


def fit(
    features_train: np.ndarray,
    targets_train: np.ndarray,
    features_valid: np.ndarray,
    targets_valid: np.ndarray,
    *,
    target: str,
    classes: Sequence[str],
    metric: str | Metric,
    probe: Probe,
    seed: int = 0,
    device: str = "cpu",
) -> FittedProbe:
    """Fit a probe on the training clips and choose it by `metric` on the validation clips.

    features_*: (clips, dim) float. targets_*: as `records.Predictions` has them for the kind of `target`. seed, device: given to an
    estimator that takes a random_state, or a device. The global generators and thread counts are left alone.
    A class that training lacks (multilabel: or that all clips have) is not learned: its score is a constant, strongly negative
    (multilabel: the log odds of its prevalence, smoothed). Prevalence, and what all clips have, are among those that were judged.
    Raises MirbenchError where a feature is not finite, a side has no clips, training shows fewer than 2 classes (multilabel: no
    label that some clips have and others lack), the probe is not for such targets, or the metric is undefined on the validation clips.
    """
    metric, classes = resolve(metric), tuple(classes)
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    check_fits(metric, target)
    for name, features, targets in (("train", features_train, targets_train), ("valid", features_valid, targets_valid)):
        _check_features(name, features, features_train.shape[1])
        if not len(features):
            raise MirbenchError(f"the probe has no {name} clips; check the split of the data and the skipped clips in the manifest.")
        if len(features) != len(targets):
            raise ValueError(f"{len(features)} {name} features but {len(targets)} targets")
    learned, blank = learnable(np.asarray(targets_train), target, len(classes))
    truth = np.asarray(targets_train)[:, learned].astype(np.int64) if target == "multilabel" else np.asarray(targets_train)
    rows, kind = np.ones(len(truth), bool), target
    if target == "multilabel" and len(learned) == 1:
        rows, kind = truth[:, 0] >= 0, "label"
    pipeline, grid = unfitted(probe, target, truth, seed, device)
    clips = tuple(str(row) for row in range(len(features_valid)))
    valid = Predictions(clips, clips, classes, target, np.asarray(targets_valid), np.empty(0))

    def validate(estimator: Any, features: np.ndarray, _: Any = None) -> float:
        scores = complete(scores_of(estimator, features, kind), learned, blank)
        return float(evaluate(metric, replace(valid, scores=scores))[0])

    sides = features_train[rows].astype(np.float64), features_valid.astype(np.float64)
    truth = (truth.ravel() if truth.shape[1:] == (1,) else truth)[rows]
    seed_of_globals = seed if is_seeded(probe) else 0
    best, facts = _choose(pipeline, grid, sides, truth, validate, seed_of_globals, f"{probe.name} probe")
    if best is None:
        why = facts.get("failed", {}).values()
        raise MirbenchError(
            f"the probe '{probe.name}' could not be fitted: {next(iter(why))}; correct its estimator or its grid."
            if len(why) == len(facts["grid"])
            else f"{metric.name} is undefined on the validation clips (they may all have the same labels), so no probe can be chosen;"
            " put clips with other labels into valid or choose another metric."
        )
    facts = {
        "kind": probe.name,
        "metric": metric.name,
        "not_learned": [name for i, name in enumerate(classes) if i not in learned],
        **facts,
    }
    return FittedProbe(best, kind, learned, blank, facts | ({"seed": seed} if is_seeded(probe) else {}))


def unfitted(probe: Probe, target: str, truth: np.ndarray, seed: int = 0, device: str = "cpu") -> tuple[Pipeline, dict[str, Sequence[Any]]]:
    """The pipeline, and the grid by its parameters' full names. truth: as the target has it, of what can be learned.

    Raises MirbenchError where the probe is not for such targets, or its grid names a parameter that its estimator does not have.
    """
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.utils import get_tags

    from mirbench.evaluation.estimators.label_by_label import LabelByLabel
    from mirbench.evaluation.estimators.scaler import SteadyScaler

    if why := misfit(probe, target):
        raise MirbenchError(why)
    built = probe.build(target)
    built.set_params(**dict.fromkeys(_parameters(built, "random_state"), seed), **dict.fromkeys(_parameters(built, "device"), device))
    *before, (last, estimator) = built.steps if isinstance(built, Pipeline) else [(LAST[target], built)]
    tags, inside = get_tags(estimator), ""
    if target == "multilabel":
        itself = tags.classifier_tags.multi_label or (tags.target_tags.multi_output and not tags.target_tags.single_output)
        partial = (truth < 0).any() and not getattr(estimator, "takes_unjudged", False)
        if truth.shape[1] > 1 and (partial or not itself):
            estimator, inside = LabelByLabel(estimator), "estimator__"
    elif target == "regression" and truth.shape[1] > 1 and not tags.target_tags.multi_output:
        estimator, inside = MultiOutputRegressor(estimator), "estimator__"
    scale = "scale"
    while scale in dict([*before, (last, estimator)]):
        scale += "_"
    pipeline = Pipeline([(scale, SteadyScaler()), *before, (last, estimator)])
    known, grid = pipeline.get_params(), {}
    for name, values in probe.points(target).items():
        step, _, rest = name.partition("__")
        if isinstance(built, Pipeline) and name == last:
            raise MirbenchError(f"the grid of the probe '{probe.name}' swaps its estimator, '{last}'; register a probe for each.")
        whole = f"{last}__{inside}{rest if isinstance(built, Pipeline) else name}"
        whole = name if isinstance(built, Pipeline) and step != last else whole
        if whole not in known:
            raise unknown_name(f"parameter of {type(built).__name__}, the estimator of the probe '{probe.name}',", name, built.get_params())
        grid[whole] = values
    return pipeline, grid


def _choose(
    pipeline: Pipeline,
    grid: Mapping[str, Sequence[Any]],
    sides: tuple[np.ndarray, np.ndarray],
    truth: np.ndarray,
    validate: Callable[..., float],
    seed: int,
    title: str,
) -> tuple[Pipeline | None, dict[str, Any]]:
    """The pipeline that is best on valid, of equals the first, or None where no point has a score that is defined; and what to report.

    sides: the features of train, with their truth, and of valid. validate: (fitted estimator, transformed features of valid) -> score.
    seed: of the global generators in each fit, for what draws from them.
    """
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import ParameterGrid

    from mirbench.evaluation.estimators.logistic import LogisticClassifier

    points, last = list(ParameterGrid({name: list(values) for name, values in grid.items()})), pipeline.steps[-1][0]
    estimator, transformers, fitted_for = pipeline[-1], pipeline[:-1], None
    takes_valid = getattr(estimator, "stops_by_scoring", False) and estimator.scoring is None
    # of others a warm start trains further or adds to what there is, and does not start anew with other parameters
    warm = isinstance(estimator, LogisticClassifier | LogisticRegression) and estimator.warm_start
    best, highest = None, -np.inf
    validation: list[float] = []
    converged: list[bool] = []
    facts: dict[str, Any] = {}
    for point in progress_bar(iterable=points, desc=title, unit="fit", leave=False, delay=SLOW):
        before = {name: value for name, value in point.items() if name.partition("__")[0] != last}
        with warnings.catch_warnings(record=True) as warned, seeded(seed):
            warnings.simplefilter("always")
            try:
                if before != fitted_for:
                    transformers, fitted_for = clone(transformers).set_params(**before), None
                    train, valid = transformers.fit_transform(sides[0], truth), transformers.transform(sides[1])
                if fitted_for is None or not warm:
                    estimator = clone(estimator)
                fitted_for = before
                estimator.set_params(**{name.partition("__")[2]: value for name, value in point.items() if name not in before})
                own = {"X_val": valid} if takes_valid else {}
                if takes_valid:
                    estimator.set_params(scoring=validate)  # which knows the labels of valid
                estimator.fit(train, truth, **own)
                validation.append(validate(estimator, valid))
            except ValueError as error:  # such as more neighbours than clips
                validation.append(np.nan)
                facts.setdefault("failed", {})[str(len(validation) - 1)] = describe(error)
        converged.append(not any(issubclass(each.category, ConvergenceWarning) for each in warned))
        if takes_valid:
            estimator.set_params(scoring=None)
        if validation[-1] > highest:
            kept = copy.deepcopy(estimator) if warm else estimator
            best, highest = type(pipeline)([*transformers.steps, (last, kept)]), validation[-1]
            facts |= {"chosen": _short(point), **_epochs(estimator)}
    return best, facts | {"grid": [_short(point) for point in points], "validation": validation, "converged": converged}


def _short(point: Mapping[str, Any]) -> dict[str, Any]:
    """A point of a grid for the report: parameters without the steps they are of."""
    plain = (bool, int, float, str, type(None))
    return {name.rpartition("__")[2]: value if isinstance(value, plain) else str(value) for name, value in point.items()}


def _epochs(estimator: Any) -> dict[str, Any]:
    """Of one that stopped early."""
    scores = getattr(estimator, "validation_scores_", None)
    return {} if scores is None else {"epoch": estimator.best_iter_, "epochs": list(scores)}


def learnable(targets: np.ndarray, target: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Which classes can be learned, and the scores of the rest, (classes,). Raises MirbenchError where none can."""
    blank = np.full(classes, NEVER, np.float32)
    if target == "regression":
        return np.arange(classes), blank
    if target == "multiclass":
        count, judged = np.bincount(targets, minlength=classes), np.full(classes, len(targets))
    else:
        count, judged = (targets > 0).sum(axis=0), (targets >= 0).sum(axis=0)
        blank = np.log((count + 0.5) / (judged - count + 0.5)).astype(np.float32)
    learned = np.flatnonzero((count > 0) & (count < judged))
    if not len(learned):
        if target == "multilabel":
            raise MirbenchError("no label is on some training clips and off others, so there is nothing to learn; add training clips.")
        raise MirbenchError(f"the training clips show {(count > 0).sum()} class and a probe needs 2 or more; add training clips.")
    return learned, blank


def _check_features(name: str, features: np.ndarray, dim: int) -> None:
    if features.ndim != 2 or features.shape[1] != dim:
        raise MirbenchError(f"the {name} features are {features.shape} but should be (clips, {dim}); embed all splits with one encoder.")
    bad = int((~np.isfinite(features)).any(axis=1).sum())
    if bad:
        raise MirbenchError(
            f"{bad} of {len(features)} {name} clips have features that are not finite; check the encoder's output on those clips."
        )
