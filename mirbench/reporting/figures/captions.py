"""What each figure shows, in a sentence, and in words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mirbench.reporting.words import number

if TYPE_CHECKING:
    import pandas as pd

CAPTIONS = {
    "sweep": "What was swept: the headline metric of every task, with its 95 % interval.",
    "comparison": "The headline metric of every task: points are means over seeds, small ones single seeds, bars 95 % intervals over clips "
    "and seeds.",
    "differences": "Encoder minus baseline on the same test clips, with 95 % paired intervals. Hollow: undecided. "
    "Baselines that are left out here are in the table of comparisons.",
    "all_metrics": "Every metric of every task.",
    "cost": "The headline metric of every task against what it costs; the line is the Pareto front.",
}
ROBUSTNESS = {
    "robustness": "Retained performance over unseen and seen families, where they are told apart; errors on clean audio, mCE and relative "
    "mCE, relative to the baseline's, lower is better.",
    "retained": "What each corruption leaves of each encoder's score above chance.",
}
SIMILARITY = {
    "similarity": "What corruption does to embeddings and to what the probes on clean audio decide, at the highest severities.",
    "alignment": "How alike the representations are: debiased linear CKA on clean test clips.",
}
CURVES = "{}: the headline metric from clean audio to the highest severity of each corruption."
MAP = "Test clips in two dimensions, near each other where their embeddings are, coloured by {}. A map alone proves nothing."
COLUMNS = ("task", "dataset", "metric", "measure", "corruption", "severity", "encoder", "baseline", "other", "colouring", "clip", "label")
NUMBERS = ("value", "difference", "ci_low", "ci_high", "by_seed", "n_test", "n_seeds", "n_groups", "x", "y")
COSTS = ("gflop_per_second", "milliseconds", "device")
MOST = 12  # panels told of


def tidy(data: pd.DataFrame) -> pd.DataFrame:
    """The columns that somebody needs to draw it again, without those that say nothing here."""
    if "pair" in data:
        data = data.rename(columns={"value": "difference"})
    frame = data[[name for name in (*COLUMNS, *NUMBERS, *COSTS) if name in data]]
    return frame.loc[:, [name not in ("by_seed", "label") or bool((frame[name].astype("str") != "").any()) for name in frame]]


def in_words(caption: str, data: pd.DataFrame) -> str:
    """The caption, and of each panel from what to what its values go, and whose these are."""
    frame = tidy(data)
    value = next((name for name in ("value", "difference") if name in frame), "")
    if not value:
        encoders = list(dict.fromkeys(frame["encoder"].astype("str")))
        return f"{caption} {frame['clip'].nunique():,} clips, as {' and '.join(encoders)} have them."
    by = [name for name in ("task", "dataset", "metric", "measure") if name in frame and frame[name].astype("str").nunique() > 0]
    told = []
    for names, rows in frame.dropna(subset=[value]).astype(dict.fromkeys(by, "str")).groupby(by, sort=False):
        of = dict(zip(by, map(str, names), strict=True))
        in_order = rows.sort_values(value)
        ends = in_order.iloc[0], in_order.iloc[-1]
        lowest, highest = (f"{number(row[value])} ({_whose(row)})" for row in ends)
        told.append(f"{_title(of)}: from {lowest} to {highest}" if len(rows) > 1 else f"{_title(of)}: {lowest}")
    more = f"; and {len(told) - MOST} more panels" if len(told) > MOST else ""
    return f"{caption} {'; '.join(told[:MOST])}{more}."


def _title(of: Mapping[str, str]) -> str:
    where = f"{of['task']} on {of['dataset']}" if "task" in of else of["dataset"]
    return ", ".join([where, *(of[name].replace("_", " ") for name in ("metric", "measure") if name in of)])


def _whose(row: pd.Series) -> str:  # type: ignore[type-arg]
    baseline = f" minus {row['baseline']}" if row.get("baseline") and "difference" in row else ""
    under = f", {row['corruption']}" if str(row.get("corruption", "clean")) != "clean" else ""
    other = f" and {row['other']}" if "other" in row else ""
    return f"{row['encoder']}{baseline}{other}{under}"
