"""What a reader needs beside the numbers, as columns of the frame itself: roles, headlines, labels, levels, and the order of names.

A frame that was completed is drawn alike, whether it is of a run, of several, or somebody's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mirbench.records import ALL, CLEAN, MAJORITY
from mirbench.results.schema import as_names

if TYPE_CHECKING:
    import pandas as pd

FLOORS = ("untrained", "handcrafted", MAJORITY)  # others stand after the first


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


def complete(frame: pd.DataFrame, manifests: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
    """The frame (a table of schema.py) with its names as ordered categoricals and with these columns, of those that it lacks.

    role, baseline_role: encoder | floor; encoders come first. headline: whether the metric is its task's first. label: the metric with
    its unit, for axes. level, unit: of the corruption at that severity, nan where not known. counted: whether it counts in means.
    Where no manifest says so, a floor is one of FLOORS, and a headline the metric of a task that comes first.
    """
    ordered = [name for name in ("encoder", "baseline", "task", "dataset", "metric", "corruption") if name in frame]
    if {"headline", "label"} <= set(frame) and all(frame[name].dtype == "category" for name in ordered):
        return frame  # it was completed before
    manifests, frame = list(manifests), frame.copy()
    encoders, tasks, metrics, corruptions = (joined(manifests, part) for part in ("encoders", "tasks", "metrics", "corruptions"))
    metrics_of = {task: list(about.get("metrics", [])) for task, about in tasks.items() if isinstance(about, dict)}
    people = [column for column in ("encoder", "baseline") if column in frame]
    names = dict.fromkeys([*encoders, *(name for column in people for name in as_names(frame[column]).cat.categories if name)])
    roles = {name: about.get("role") for name, about in encoders.items() if isinstance(about, dict)}
    roles |= dict(zip(frame["encoder"], frame["role"], strict=True)) if "role" in frame else {}
    floors = [name for name in names if (roles.get(name) or ("floor" if own_name(name) in FLOORS else "encoder")) == "floor"]
    floors.sort(key=lambda name: FLOORS.index(own_name(name)) if own_name(name) in FLOORS else 1)
    for column, role in zip(people, ("role", "baseline_role"), strict=False):
        frame[column] = as_names(frame[column], [*(name for name in names if name not in floors), *floors], unused=True)
        if role not in frame:
            frame[role] = ["floor" if name in floors else "encoder" for name in frame[column]]
    frame["task"], frame["dataset"] = (
        as_names(frame["task"], [*tasks, *(t for t in frame["task"].unique() if t != ALL)]),
        as_names(frame["dataset"]),
    )
    frame["metric"] = as_names(frame["metric"], [metric for named in metrics_of.values() for metric in named])
    if "headline" not in frame:
        order = {(task, metric): i for task, named in metrics_of.items() for i, metric in enumerate(named)}
        place = [order.get(row, math.inf) for row in zip(frame["task"], frame["metric"], strict=True)]
        first = frame.assign(place=place).groupby(["task", "dataset"], observed=True)["place"].transform(_first_at_least, frame["metric"])
        frame["headline"] = frame["metric"].astype("str") == first
    if "label" not in frame:
        frame["label"] = [str(metrics.get(metric) or metric) for metric in frame["metric"]]
    if "corruption" in frame:
        frame["corruption"] = as_names(frame["corruption"], [CLEAN, *corruptions])
        about = [corruptions.get(name) or {} for name in frame["corruption"]]
        if "counted" not in frame:
            frame["counted"] = [each.get("counted") is not False for each in about]
        if "severity" in frame and "level" not in frame:
            frame["level"] = [_level(each.get("levels") or [], severity) for each, severity in zip(about, frame["severity"], strict=True)]
            frame["unit"] = [str(each.get("unit") or "") for each in about]
    return frame


def _first_at_least(places: pd.Series[Any], metrics: Any) -> str:
    """The metric at the least place, of equals the first."""
    return str(metrics[places.idxmin()])


def _level(levels: list[float], severity: int) -> float:
    return float(levels[severity - 1]) if 0 < severity <= len(levels) else math.nan
