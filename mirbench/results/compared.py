"""What a comparison of several runs, and a ranking of their encoders, come to: frames that reporting writes in any format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

UNTESTED = "no test"


@dataclass(frozen=True, eq=False, repr=False)
class Compared:
    """labels: what the runs and checkpoints are called. settings: a row for each setting that differs, `setting`, and what it is in each
    of them. differences: as comparisons.csv, with corruption, the severities that its mean is over (empty where
    they are not the same for all that it is over), headline, and resamples, the number that is paired. refused: what is not
    compared: task, dataset, metric, corruption, between (which of them), why. notes: sentences."""

    labels: tuple[str, ...]
    settings: pd.DataFrame
    differences: pd.DataFrame
    refused: pd.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Ranked:
    """standings: by family of tasks: family, encoder, place, mean_rank with rank_low and rank_high, borda, columns (how many ranks the mean
    is of). ranks: by column of the leaderboard: family, encoder, task, dataset, metric, corruption, value, ci_low, ci_high, rank,
    rank_low, rank_high. notes: sentences."""

    standings: pd.DataFrame
    ranks: pd.DataFrame
    notes: tuple[str, ...] = ()
