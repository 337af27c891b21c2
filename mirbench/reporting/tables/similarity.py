"""The tables of what embeddings tell without a probe being trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.records import CLEAN, SIMILARITY
from mirbench.reporting.tables.scores import row_groups
from mirbench.reporting.tables.table import Table, of_scores, of_text
from mirbench.reporting.words import cell, of_clean_audio
from mirbench.results.order import complete

if TYPE_CHECKING:
    import pandas as pd

OF_PROBES = ("calibration_error", "brier_score")  # as the names of measures begin that ask how sure probes are
SHOWN = r"cosine_shift|recall_at_1|flip_rate_.*"  # under corruption; all are in summary.csv


def of_similarity(summary: pd.DataFrame) -> pd.DataFrame:
    """Its rows, completed, of encoders that have any."""
    rows = complete(summary)
    return rows[rows["task"] == SIMILARITY]


def shown_of_corruption(summary: pd.DataFrame) -> pd.DataFrame:
    """Those of measures that are SHOWN, at the highest severity of each corruption."""
    rows = of_similarity(summary)
    rows = rows[(rows["corruption"] != CLEAN) & rows["metric"].astype("str").str.fullmatch(SHOWN)].dropna(subset="value")
    return rows[rows["severity"] == rows.groupby("corruption", observed=True)["severity"].transform("max")]


def clean(summary: pd.DataFrame) -> dict[str, Table]:
    """By data set, of embeddings and of how sure the probes are: encoders as rows, measures of clean audio as columns."""
    rows = of_clean_audio(of_similarity(summary)).dropna(subset="value")
    rows = rows.assign(of_probes=rows["metric"].astype("str").str.startswith(OF_PROBES))
    made = {}
    for (dataset, of_probes), of_data in rows.groupby(["dataset", "of_probes"], observed=True):
        labels = of_data.sort_values("metric_place").drop_duplicates("metric").set_index("metric")["label"]
        places = {metric: i for i, metric in enumerate(labels.index)}
        placed = of_data.assign(at=[places[metric] for metric in of_data["metric"]])
        title = f"{'how sure the probes are, ' if of_probes else ''}clean audio, {dataset}"
        made[title] = of_scores(placed, [(label,) for label in labels], row_groups(of_data), title=title)
    return made


def under_corruption(summary: pd.DataFrame) -> dict[str, Table]:
    """By data set and measure, those that are SHOWN: corruptions at their highest severities as rows, encoders as columns."""
    rows = shown_of_corruption(summary)
    names = [name for _, group in row_groups(rows) for name in group]
    made = {}
    for (dataset, label), of_measure in rows.groupby(["dataset", "label"], observed=True, sort=False):
        placed = of_measure.assign(at=[names.index(name) for name in of_measure["encoder"]])
        corruptions = list(dict.fromkeys(placed.sort_values("corruption")["corruption"].astype("str")))
        title = f"{label}, {dataset}, highest severity"
        made[title] = of_scores(placed, [(name,) for name in names], [("", corruptions)], corner="corruption", title=title)
    return made


def measured_alignment(about: Mapping[str, Any]) -> np.ndarray:
    """(3, encoders, encoders): the linear CKA, and the ends of its interval; nan where there is none."""
    return np.array([about[part] for part in ("linear_cka", "ci_low", "ci_high")], float)


def counts_of(about: Mapping[str, Any]) -> str:
    """Of what the alignment was measured, '1,000 clean test clips of 460 groups'."""
    return f"{about['n_test']:,} clean test clips of {about['n_groups']:,} groups"


def alignment(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Table]:
    """Of each data set, the linear CKA of each two encoders with its interval over groups of clips. found: `similarity` of a manifest."""
    made = {}
    for dataset, about in found.items():
        names = about["encoders"]
        columns = {(name,): [cell(*each) for each in measured_alignment(about)[:, :, i].T] for i, name in enumerate(names)}
        title = f"linear CKA, debiased, {dataset}, {counts_of(about)}"
        made[title] = of_text({"encoder": names, **columns}, title=title, scored=frozenset(range(1, 1 + len(names))))
    return made
