"""Numbers, names and counts as tables and figures write them, and which panels there are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mirbench.records import ALL, CLEAN, FAMILIES, NATURAL_SHIFT, SIMILARITY
from mirbench.results.order import complete

if TYPE_CHECKING:
    import pandas as pd

NONE = "–"
MOST_NAMES = 6  # in a sentence
SIGNIFICANT = 0.05  # a difference whose corrected p is below is called one
RATIOS = {"clean_ce": "error on clean audio", "mce": "mCE", "relative_mce": "relative mCE"}  # to the baseline, so lower is better
MEASURES = {"retained": "retained performance", **RATIOS}


class Panel(NamedTuple):
    """One metric of one task on one data set: a column of a table, a panel of a figure. label: metric and unit, for axes."""

    task: str
    dataset: str
    metric: str
    label: str
    headline: bool

    @property
    def title(self) -> str:
        return "mean over tasks" if self.task == ALL else f"{self.task} on {self.dataset}"

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Its rows."""
        return frame[(frame["task"] == self.task) & (frame["dataset"] == self.dataset) & (frame["metric"] == self.metric)]


def interval_of(*frames: pd.DataFrame) -> str:
    """What the intervals of frames are; those of files of before have no number of groups, and are over clips alone."""
    known = any((frame["n_groups"] > 0).any() for frame in frames if "n_groups" in frame)
    return INTERVAL if known else "95 % interval over groups of clips"


INTERVAL = "95 % interval over groups of clips and training seeds"


def caveats(*frames: pd.DataFrame) -> list[str]:
    """What every reader of an interval must know, a sentence each. frames: completed, of what is shown; of comparisons both sides."""
    once: dict[int, dict[str, None]] = {1: {}, 2: {}, 3: {}}
    sized = False
    for frame in frames:
        for who, column in (("encoder", "one_training"), ("baseline", "baseline_one_training")):
            for code, names in once.items():
                names |= dict.fromkeys(frame[who][frame[column] == code].astype("str") if column in frame else ())
        sized |= bool(frame["metric"].astype("str").str.contains("average_precision").any())
    return [*(f"{', '.join(names)}: {ONCE[code]}" for code, names in once.items() if names), *([SIZE_DEPENDENT] if sized else [])]


ONCE = {
    1: "one training; its spread is not in this interval.",
    2: "one training; its spread is taken to be that of the other encoders.",
    3: "weights drawn once; their spread is not in this interval.",
}
SIZE_DEPENDENT = (
    "Average precision is the higher the fewer test clips there are (by .01 to .02 at 360): it compares on the same test clips alone, and "
    "its interval is that of test sets of this size."
)


def of_clean_audio(summary: pd.DataFrame) -> pd.DataFrame:
    return summary[(summary["corruption"] == CLEAN) & (summary["severity"] == 0)]


def mean_of(robustness: pd.DataFrame) -> str:
    """What the mean over all corruptions that count is called: over families, or, where an encoder is of results of before, over names."""
    encoders = {name: set(robustness["encoder"][robustness["corruption"] == name]) for name in (ALL, FAMILIES)}
    return FAMILIES if encoders[FAMILIES] and not encoders[ALL] - encoders[FAMILIES] else ALL


def natural_shifts(robustness: pd.DataFrame) -> list[str]:
    """The other recordings of test clips that scores are on."""
    rows = complete(robustness)
    return list(dict.fromkeys(rows["corruption"][rows["families"] == NATURAL_SHIFT].astype("str")))


def panels(frame: pd.DataFrame) -> list[Panel]:
    """Those of a completed frame: by task and data set in their order, and the metrics in the task's own, the headline first; without what
    was measured of embeddings, of which less is often better."""
    frame = frame[frame["task"].astype("str") != SIMILARITY]
    found = frame.drop_duplicates(["task", "dataset", "metric"]).sort_values(["task", "dataset", "metric_place"])
    return [Panel(*row) for row in found[[*Panel._fields]].itertuples(index=False)]


def places(rows: pd.DataFrame, shown: list[Panel]) -> list[float]:
    """The place of each row's panel among those shown, nan where it is not."""
    place = {panel[:3]: i for i, panel in enumerate(shown)}
    return [place.get(key, math.nan) for key in rows[["task", "dataset", "metric"]].itertuples(index=False, name=None)]


def span(numbers: Iterable[int], noun: str) -> str:
    """A count with its noun.

    >>> span([48, 48], "test clip"), span([1, 3], "seed"), span([1], "seed")
    ('48 test clips', '1 to 3 seeds', '1 seed')
    """
    known = sorted(set(numbers))
    if not known:
        return f"no {noun}s"
    return f"{known[0]}{f' to {known[-1]}' if len(known) > 1 else ''} {noun}{'' if known == [1] else 's'}"


def joined_by(word: str, parts: Sequence[str]) -> str:
    """
    >>> joined_by("and", ["a", "b", "c"]), joined_by("or", ["a", "b"]), joined_by("and", ["a"])
    ('a, b and c', 'a or b', 'a')
    """
    return f" {word} ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def few(names: Sequence[str]) -> list[str]:
    """The first names, and how many more there are.

    >>> few(list("abcdefgh"))
    ['a', 'b', 'c', 'd', 'e', '3 more']
    """
    return list(names) if len(names) <= MOST_NAMES else [*names[: MOST_NAMES - 1], f"{len(names) - MOST_NAMES + 1} more"]


def tasks_in_mean(rows: pd.DataFrame, tasks: int) -> str:
    """How many of so many tasks a mean over tasks is over, of those where it is defined: '4 tasks', '2 of 4 tasks', '2 to 3 of 4 tasks'.
    rows: as of `fewer_tasks`."""
    fewer = fewer_tasks(rows, tasks)
    return f"{fewer} of {tasks} tasks" if fewer else f"{tasks} tasks"


def fewer_tasks(rows: pd.DataFrame, tasks: int) -> str:
    """Over how many of so many tasks the means of encoders are, '2' or '2 to 3'; nothing where they are over all. rows: of one measure,
    over one thing, of tasks and of their mean."""
    known = rows[rows["value"].notna()].astype({"task": "str", "encoder": "str"})
    encoders = set(known["encoder"][known["task"] == ALL])
    single = known[(known["task"] != ALL) & known["encoder"].isin(encoders)]
    counts = sorted(set(single.groupby("encoder").size()))
    return "" if counts in ([], [tasks]) else f"{counts[0]}{f' to {counts[-1]}' if len(counts) > 1 else ''}"


def size(rows: pd.DataFrame) -> str:
    """'48 test clips, 3 seeds', of the encoders where there are any; floors that need no seed have one."""
    rows = rows[rows["value" if "value" in rows else "difference"].notna()]
    if (encoders := rows["role"] == "encoder").any():
        rows = rows[encoders]
    return f"{span(rows['n_test'], 'test clip')}, {span(rows['n_seeds'], 'seed')}"


def number(x: float, digits: int = 3) -> str:
    """Fixed digits below 10, so that columns line up; one after the point above.

    >>> number(0.61849), number(0.5849, 2), number(123.456)
    ('0.618', '0.58', '123.5')
    """
    return f"{x:.{digits}f}" if abs(x) < 10 else f"{x:.1f}"


def interval(low: float, high: float) -> str:
    """'[0.58, 0.65]'; empty where there is none."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{number(low, 2)}, {number(high, 2)}]"


def cell(value: float, low: float, high: float) -> str:
    """'0.618 [0.58, 0.65]'; without an interval where there is none."""
    return NONE if math.isnan(value) else f"{number(value)} {interval(low, high)}".rstrip()


def short(name: str, room: int) -> str:
    """The two ends of a name that is too long.

    >>> short("semisupcon-with-a-long-name", 16)
    'semisup..ng-name'
    """
    name = " ".join(name.split())
    head = max(room - 2, 2) // 2
    return name if len(name) <= room else f"{name[:head]}..{name[head + 2 - room :]}"
