"""The metrics that are built in, by name."""

from __future__ import annotations

from mirbench.errors import MirbenchError, did_you_mean
from mirbench.evaluation.probing.metric_functions import (
    correct,
    judged_both_ways,
    macro_average_precision,
    macro_f1,
    macro_roc_auc,
    mean_of,
    mirex,
    occurring,
    r2,
    same_pitch_class,
    varying,
)
from mirbench.nouns import Metric

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("macro_roc_auc", "macro ROC-AUC", frozenset({"multilabel"}), macro_roc_auc, partial=True, labels=judged_both_ways),
        Metric(
            "macro_average_precision",
            "macro average precision",
            frozenset({"multilabel"}),
            macro_average_precision,
            partial=True,
            labels=judged_both_ways,
        ),
        Metric("accuracy", "accuracy", frozenset({"multiclass"}), mean_of(correct)),
        Metric("macro_f1", "macro F1", frozenset({"multiclass"}), macro_f1, labels=occurring),
        Metric("mirex", "MIREX weighted key score", frozenset({"multiclass"}), mean_of(mirex)),
        Metric("pitch_class_accuracy", "pitch-class accuracy", frozenset({"multiclass"}), mean_of(same_pitch_class)),
        Metric("r2", "R²", frozenset({"regression"}), r2, labels=varying),
    )
}


def resolve(metric: str | Metric) -> Metric:
    """The metric of that name, of ours or else a scorer of scikit-learn, or the Metric itself. Raises MirbenchError where none has the
    name."""
    if isinstance(metric, Metric):
        return metric
    if metric in METRICS:
        return METRICS[metric]
    from mirbench.evaluation.probing.scorers import scorer_metric, scorer_names

    scorers = scorer_names()
    if metric in scorers:
        return scorer_metric(metric)
    hint = did_you_mean(metric, [*METRICS, *scorers])
    raise MirbenchError(
        f"no metric is named '{metric}'{';' + hint if hint else '.'} Known: {', '.join(sorted(METRICS))}, and the scorers of scikit-learn "
        "(sklearn.metrics.get_scorer_names())."
    )
