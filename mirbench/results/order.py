"""What a reader needs beside the numbers, as columns of the frame itself: roles, headlines, labels, levels, and the order of names.

A frame that was completed is drawn alike, whether it is of a run, of several, or somebody's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mirbench.records import ALL, CLEAN, FAMILIES, FAMILY, MAJORITY, SEEN, UNSEEN
from mirbench.results.overlap_mark import mark_frame
from mirbench.results.schema import TABLES, as_names

if TYPE_CHECKING:
    import pandas as pd

FLOORS = ("untrained", "handcrafted", MAJORITY)  # others stand after the first


def is_mean(corruption: str) -> bool:
    """Whether a robustness number is over several corruptions, by what stands for the corruption.

    >>> is_mean("all families"), is_mean("family noise"), is_mean("white-noise")
    (True, True, False)
    """
    return corruption in (ALL, UNSEEN, SEEN, FAMILIES) or corruption.startswith(FAMILY.format(""))


def are_means(frame: pd.DataFrame) -> pd.Series[bool]:
    """Of each row whether it is over several corruptions."""
    return frame["corruption"].astype("str").map(is_mean).astype(bool)


def own_name(name: str) -> str:
    """The name of a floor before it became "name (run)" among several runs.

    >>> own_name("majority (first)"), own_name("majority")
    ('majority', 'majority')
    """
    return name.partition(" (")[0]


def joined(manifests: Iterable[Mapping[str, Any]], part: str) -> dict[str, Any]:
    """The dicts of that name as one; the first manifest that names a thing wins."""
    found: dict[str, Any] = {}
    for manifest in manifests:
        about = manifest.get(part)
        found |= {name: what for name, what in about.items() if name not in found} if isinstance(about, dict) else {}
    return found


def complete(frame: pd.DataFrame, manifests: Iterable[Mapping[str, Any]] = (), table: str = "") -> pd.DataFrame:
    """The frame with its names as ordered categoricals and with these columns, where it lacks them or cells of them.

    role, baseline_role: encoder | floor; encoders come first. headline: whether the metric is its task's first. metric_place: orders the
    metrics of a task, the headline first. label: the metric with its unit, for axes. level, unit: of the corruption at that severity, nan
    where not known. counted: whether it counts in means, NA where not known.
    Where no manifest says so, a floor is one of FLOORS, and the metrics of a task have the order in which they come. table: a name of
    schema.TABLES, told from the columns where it is not given. Raises Fault for a frame that is no such table.
    """
    schema = TABLES[table or _table_of(frame)]
    ordered = [column.name for column in schema.columns if column.dtype == "name" or column.name == "baseline"]
    whole = {"metric_place", "label", *schema.names} <= set(frame) and all(frame[name].dtype == "category" for name in ordered)
    if whole and not frame.duplicated(list(schema.identity)).any():
        return frame if frame.index.is_unique else frame.reset_index(drop=True)  # it was completed before
    given, manifests = frame.reset_index(drop=True), list(manifests)
    frame = mark_frame(schema.validate(schema.filled(given)))
    for name in given.columns.difference(frame.columns, sort=False):
        frame[name] = given[name]
    encoders, tasks, metrics, corruptions = (joined(manifests, part) for part in ("encoders", "tasks", "metrics", "corruptions"))
    metrics_of = {task: list(about.get("metrics", [])) for task, about in tasks.items() if isinstance(about, dict)}

    def fill(name: str, values: list[Any]) -> None:
        lacking = frame[name].isna().tolist() if name in frame else [True] * len(frame)
        kept = frame[name].tolist() if name in frame else values
        frame[name] = [new if empty else old for old, new, empty in zip(kept, values, lacking, strict=True)]

    people = [column for column in ("encoder", "baseline") if column in frame]
    names = dict.fromkeys([*encoders, *(name for column in people for name in as_names(frame[column]).cat.categories if name)])
    roles = {name: about.get("role") for name, about in encoders.items() if isinstance(about, dict)}
    if "role" in frame:
        known = frame.dropna(subset="role")
        roles |= dict(zip(known["encoder"], known["role"], strict=True))
    floors = [name for name in names if (roles.get(name) or ("floor" if own_name(name) in FLOORS else "encoder")) == "floor"]
    floors.sort(key=lambda name: FLOORS.index(own_name(name)) if own_name(name) in FLOORS else 1)
    for column, role in zip(people, ("role", "baseline_role"), strict=False):
        frame[column] = as_names(frame[column], [*(name for name in names if name not in floors), *floors], unused=True)
        fill(role, ["floor" if name in floors else "encoder" for name in frame[column]])
    if "one_training" in schema.names and "one_training" not in given:  # of before; what is seeded at all is not known
        frame["one_training"] = ((frame["n_seeds"] == 1) & (frame["role"] == "encoder")).astype(int)
        if "baseline_one_training" in frame and "baseline_role" in frame:
            frame["baseline_one_training"] = ((frame["n_seeds"] == 1) & (frame["baseline_role"] == "encoder")).astype(int)
    frame["task"] = as_names(frame["task"], [*tasks, *(task for task in frame["task"].unique() if task != ALL)])
    order = {(task, metric): i for task, named in metrics_of.items() for i, metric in enumerate(named)}
    pairs = zip(frame["task"], frame["metric"], strict=True)
    fill("metric_place", [order.get(pair, len(order) + row) for row, pair in enumerate(pairs)])  # others as they come
    place = frame.groupby(["task", "dataset", "metric"], observed=True)["metric_place"].transform("min")
    first = place.groupby([frame["task"], frame["dataset"]], observed=True).transform("min")
    fill("headline", (place == first).tolist())
    frame["headline"] = frame["headline"].astype(bool)
    frame["metric_place"] = place.mask(frame["headline"], -1)
    fill("label", [str(metrics.get(metric) or metric) for metric in frame["metric"]])
    if "corruption" in frame:
        frame["corruption"] = as_names(frame["corruption"], [CLEAN, *corruptions])
        about = [corruptions.get(name) or {} for name in frame["corruption"]]
        fill("counted", [each.get("counted", True) is not False if each else None for each in about])
        frame["counted"] = frame["counted"].astype("boolean")
        if "severity" in frame:
            fill("level", [_level(each.get("levels") or [], severity) for each, severity in zip(about, frame["severity"], strict=True)])
            frame["level"] = frame["level"].astype(float)
            fill("unit", [str(each.get("unit") or "") for each in about])
    return frame


def _table_of(frame: pd.DataFrame) -> str:
    if "difference" in frame:
        return "robustness_comparisons" if "measure" in frame else "comparisons"
    return "robustness" if "measure" in frame else "summary"


def _level(levels: list[float], severity: int) -> float:
    return float(levels[severity - 1]) if 0 < severity <= len(levels) else math.nan
