"""Estimators of ours, as scikit-learn has them: what it lacks for probes, namely many labels, labels that nobody judged, and GPUs.

In: features and targets. Out: classifiers and regressors with fit, predict and decision_function, for probes and for anybody's pipelines.
"""
