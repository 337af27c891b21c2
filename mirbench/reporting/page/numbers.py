"""The numbers behind the charts: lists that a script reads, with six digits and without what is not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirbench.records import ALL, CLEAN, MAJORITY, SIMILARITY
from mirbench.reporting.tables.costs import milliseconds
from mirbench.reporting.tables.robustness import means
from mirbench.reporting.tables.scores import clean, surely_best, verdicts
from mirbench.reporting.words import MEASURES, RATIOS, Panel, mean_of, panels, places, tasks_in_mean
from mirbench.results.order import are_means, complete, joined, own_name

if TYPE_CHECKING:
    import pandas as pd

    from mirbench.results.merging import Results


def number(x: Any) -> float | None:
    """With five significant digits; None for what is none."""
    return float(f"{float(x):.5g}") if x is not None and math.isfinite(float(x)) else None


def seeds(cell: object) -> list[float]:
    """The finite numbers of a cell of `by_seed`."""
    return [float(f"{x:.5g}") for x in map(float, str(cell).split()) if math.isfinite(x)]


def numbers_of(results: Results) -> dict[str, Any]:
    """What all charts are drawn from. Places of encoders, panels and corruptions stand for their names."""
    rows = clean(results.summary)
    shown = panels(rows)
    names = _encoders(rows)
    encoders = {name: i for i, name in enumerate(names)}
    return {
        "encoders": [{"name": name, "floor": floor, "majority": own_name(name) == MAJORITY} for name, floor in names.items()],
        "panels": [_panel(panel) for panel in shown],
        "scores": scores(rows, shown, encoders, results.comparisons),
        "differences": _differences(results.comparisons, encoders),
        **_under_corruption(results, encoders),
        "costs": _costs(results.costs, encoders),
        "sweep": _sweep(results, encoders),
        "layers": _layers(results, encoders),
        "alignment": _alignment(results),
    }


def _encoders(rows: pd.DataFrame) -> dict[str, bool]:
    """name -> whether it is a floor, encoders first."""
    roles = dict(zip(rows["encoder"].astype("str"), rows["role"], strict=True))
    order = [name for name in rows["encoder"].cat.categories if name in roles]
    return {name: roles[name] == "floor" for name in sorted(order, key=lambda name: roles[name] == "floor")}


def _panel(panel: Panel) -> dict[str, Any]:
    return {"title": panel.title, "task": panel.task, "metric": panel.metric, "label": panel.label, "headline": panel.headline}


def scores(
    rows: pd.DataFrame, shown: Sequence[Panel], encoders: Mapping[str, int], comparisons: pd.DataFrame | None = None
) -> list[dict[str, Any]]:
    """rows: of clean audio, completed. Each with the place of its panel (p) and encoder (e), value, interval, seeds, sizes, and whether it
    is surely the best encoder."""
    rows = rows.assign(at=places(rows, list(shown)))
    rows = rows[rows["value"].notna() & rows["at"].notna()]
    best = surely_best(rows, comparisons)
    return [
        {
            **{"p": int(row["at"]), "e": encoders[row["encoder"]], "v": number(row["value"])},
            **{"lo": number(row["ci_low"]), "hi": number(row["ci_high"]), "s": seeds(row["by_seed"])},
            **{"n": row["n_test"], "t": row["n_seeds"], "best": is_best},
        }
        for row, is_best in zip(rows.to_dict("records"), best, strict=True)
    ]


def _differences(comparisons: pd.DataFrame, encoders: Mapping[str, int]) -> list[dict[str, Any]]:
    """Of headline metrics: encoder e minus baseline b."""
    rows = complete(comparisons)
    rows = rows[rows["headline"] & rows["difference"].notna() & rows["encoder"].isin(encoders) & rows["baseline"].isin(encoders)]
    rows = rows.sort_values(["task", "dataset"])
    return [
        {
            **{"e": encoders[row["encoder"]], "b": encoders[row["baseline"]], "panel": f"{row['task']} on {row['dataset']}"},
            **{"v": number(row["difference"]), "lo": number(row["ci_low"]), "hi": number(row["ci_high"]), "verdict": verdict},
            **{"p": number(row["p_holm"]), "seen": number(row["detectable"])},
        }
        for row, verdict in zip(rows.to_dict("records"), verdicts(rows), strict=True)
    ]


def _under_corruption(results: Results, encoders: Mapping[str, int]) -> dict[str, Any]:
    """corruptions: in their order; curves: the headline metric at each severity (of clean audio it is in `scores`); retained: what each
    corruption leaves; robustness: the means of each measure."""
    rows = complete(results.summary)
    rows = rows[(rows["severity"] > 0) & rows["headline"] & (rows["task"] != SIMILARITY) & rows["value"].notna()]
    rows = rows[rows["encoder"].isin(encoders)]
    robust = complete(results.robustness)
    robust = robust[robust["encoder"].isin(encoders) & robust["value"].notna()]
    single = robust[(robust["measure"] == "retained") & (robust["severity"] == 0) & ~are_means(robust) & (robust["task"] != ALL)]
    names = [name for name in rows["corruption"].cat.categories if name != CLEAN and (rows["corruption"] == name).any()]
    known = joined(results.manifests.values(), "corruptions")
    families, seen = _families(results)
    places_of = {name: i for i, name in enumerate(names)}
    single = single[single["corruption"].isin(names)]
    return {
        "corruptions": [_corruption(name, known.get(name) or {}, families, seen) for name in names],
        "curves": [_curve_row(row, encoders, places_of) for row in rows.to_dict("records")],
        "retained": [
            {"where": f"{row['task']} on {row['dataset']}", "e": encoders[row["encoder"]], "c": places_of[row["corruption"]],
             "v": number(row["value"]), "lo": number(row["ci_low"]), "hi": number(row["ci_high"])}
            for row in single.to_dict("records")
        ],
        "robustness": _robustness(results.robustness, encoders),
        "directions": {label: "lower is better" if measure in RATIOS else "higher is better" for measure, label in MEASURES.items()},
    }  # fmt: skip


def _curve_row(row: Mapping[Any, Any], encoders: Mapping[str, int], corruptions: Mapping[str, int]) -> list[Any]:
    """[panel's title, encoder, corruption, severity, level, value, low, high]."""
    at = [f"{row['task']} on {row['dataset']}", encoders[row["encoder"]], corruptions[row["corruption"]], int(row["severity"])]
    return [*at, *(number(row[name]) for name in ("level", "value", "ci_low", "ci_high"))]


def _families(results: Results) -> tuple[dict[str, str], dict[str, list[str]]]:
    """corruption -> family, and family -> the encoders that know it from their training."""
    family_of: dict[str, str] = {}
    seen: dict[str, list[str]] = {}
    for manifest in results.manifests.values():
        about = manifest.get("robustness") or {}
        family_of |= {name: family for family, several in (about.get("families") or {}).items() for name in several}
        for encoder, several in (about.get("seen_families") or {}).items():
            for family in several:
                seen.setdefault(family, []).append(encoder)
    return family_of, seen


def _corruption(name: str, about: Mapping[str, Any], families: Mapping[str, str], seen: Mapping[str, list[str]]) -> dict[str, Any]:
    family = families.get(name) or str(about.get("family") or "")
    return {
        **{"name": name, "family": family, "unit": str(about.get("unit") or ""), "about": str(about.get("description") or "")},
        **{"seen": list(dict.fromkeys(seen.get(family, []))), "counted": about.get("counted", True) is not False},
    }


def _robustness(robustness: pd.DataFrame, encoders: Mapping[str, int]) -> list[dict[str, Any]]:
    """The mean over corruptions, by measure, and by what it is over."""
    rows = means(robustness)
    whole = mean_of(rows)
    rows = rows[rows["measure"].isin(MEASURES) & rows["encoder"].isin(encoders) & rows["value"].notna()]
    over = rows["corruption"].astype("str")
    tasks = rows.loc[rows["task"] != ALL, ["task", "dataset"]].drop_duplicates().shape[0]
    of_measures = dict(list(rows.groupby(["measure", "corruption"], observed=True)))
    rows = rows[(are_means(rows) & ~over.str.startswith("family ") & ((over != ALL) | (whole == ALL))) | (rows["measure"] == "clean_ce")]
    return [
        {
            **{"measure": MEASURES[row["measure"]], "over": "all" if row["corruption"] in (whole, CLEAN) else str(row["corruption"])},
            **{"where": "mean over tasks" if row["task"] == ALL else f"{row['task']} on {row['dataset']}", "e": encoders[row["encoder"]]},
            **{"v": number(row["value"]), "lo": number(row["ci_low"]), "hi": number(row["ci_high"]), "s": seeds(row["by_seed"])},
            **({"over_tasks": tasks_in_mean(of_measures[row["measure"], row["corruption"]], tasks)} if row["task"] == ALL else {}),
        }
        for row in rows.drop_duplicates(["measure", "encoder", "task", "dataset", "corruption"]).to_dict("records")
    ]


def _costs(costs: pd.DataFrame, encoders: Mapping[str, int]) -> list[dict[str, Any]]:
    rows = costs.assign(milliseconds=milliseconds(costs))
    rows = rows[rows["encoder"].isin(encoders)]
    return [
        {"e": encoders[row["encoder"]], "gflop": number(row["gflop_per_second"]), "ms": number(row["milliseconds"]),
         "parameters": number(row["parameters"])}
        for row in rows.to_dict("records")
    ]  # fmt: skip


def _sweep(results: Results, encoders: Mapping[str, int]) -> dict[str, Any]:
    """values: by the place of a variant, of each swept option; numeric: those of which all values but `all` are numbers."""
    points = results.points
    variants = [(str(encoder), str(name)) for encoder, name in points.index if name in encoders]
    values = {name: {str(option): points.loc[(encoder, name), option] for option in points.columns} for encoder, name in variants}
    told = {option: [_swept(values[name][option]) for _, name in variants] for option in map(str, points.columns)}
    return {
        "options": [{"name": option, "numeric": any(isinstance(x, float) for x in each)} for option, each in told.items()],
        "variants": [
            {"e": encoders[name], "encoder": encoder, "values": [told[option][i] for option in told]}
            for i, (encoder, name) in enumerate(variants)
        ],
    }


def _swept(x: Any) -> float | str | None:
    """A value of an option; None where it was not swept."""
    if x is None or x != x:
        return None
    return float(x) if isinstance(x, int | float) and not isinstance(x, bool) else str(x)


def _layers(results: Results, encoders: Mapping[str, int]) -> list[dict[str, Any]]:
    """What probes scored on valid by layer, or how they weighted layers, of those that had several."""
    found = []
    for task, about in joined(results.manifests.values(), "tasks").items():
        for dataset, facts in (about.get("dataset") or {}).items() if isinstance(about, dict) else ():
            for probe, report in (facts.get("probes") or {}).items():
                name, _, seed = probe.rpartition(", seed ")
                for kind in ("validation_of_layers", "layer_weights"):
                    if name in encoders and isinstance(report.get(kind), list):
                        found += [
                            {
                                "where": f"{task} on {dataset}",
                                "e": encoders[name],
                                "seed": seed,
                                "kind": kind,
                                "layer": layer,
                                "v": number(v),
                            }
                            for layer, v in enumerate(report[kind])
                            if v is not None
                        ]
    return found


def _alignment(results: Results) -> list[dict[str, Any]]:
    """How alike the representations of each two encoders are, of a single run."""
    manifests = list(results.manifests.values())
    about = manifests[0].get("similarity") if len(manifests) == 1 else None
    return [
        {"where": dataset, "a": one, "b": other, "v": number(found["linear_cka"][i][k]),
         "lo": number(found["ci_low"][i][k]), "hi": number(found["ci_high"][i][k])}
        for dataset, found in (about or {}).items()
        for i, one in enumerate(found["encoders"])
        for k, other in enumerate(found["encoders"])
        if i != k and found["linear_cka"][i][k] is not None
    ]  # fmt: skip
