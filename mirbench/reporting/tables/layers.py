"""Which layer of an encoder is best on each task, in sentences, and whether the comparisons of layers decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mirbench.notation import layer_in_words
from mirbench.records import LAYER, OVERLAP_MARK
from mirbench.reporting.tables.scores import SAYINGS, clean, difference, verdicts
from mirbench.reporting.words import cell, joined_by, panels
from mirbench.results.order import joined

if TYPE_CHECKING:
    import pandas as pd

    from mirbench.results.merging import Results

OF_LAYERS = {**SAYINGS, "one training each": "not to be told from {}, as it was trained once"}
COMPARED = (
    "Layers are compared in pairs, on the same test clips; p is corrected by Holm's method for all pairs of layers of one encoder on one "
    "task, that of comparisons between encoders for all headline comparisons of the run."
)


class _Variant(NamedTuple):
    """encoder: its own name; called: with what else was swept, without the layer; layer: its number, or a label."""

    encoder: str
    called: str
    layer: float | str


def best_layers(results: Results) -> list[str]:
    """A sentence for each task on which several layers of an encoder were scored, and one on what choosing by these scores does; none where
    no layers were compared."""
    if not len(results.layers):
        return []
    variants, called = _variants(results.points), _layer_names(results)
    told: list[str] = []
    named: dict[str, None] = {}
    rows, scored = results.layers.assign(verdict=verdicts(results.layers)), clean(results.summary)
    tasks = [panel.task for panel in panels(rows)]
    for panel in panels(rows):
        where = panel.task if tasks.count(panel.task) == 1 else panel.title
        scores = panel.of(scored).astype({"encoder": "str"}).set_index("encoder")[["value", "ci_low", "ci_high"]]
        for best, others in panel.of(rows).groupby("encoder", observed=True, sort=False):
            variant = variants[str(best)]
            named[variant.encoder] = None
            by_layer = {variants[str(row["baseline"])].layer: row for row in others.to_dict("records")}
            values = {layer: float(scores["value"][str(row["baseline"])]) for layer, row in by_layer.items()}
            names = called.get(str(best), ())
            against = _against(variant.layer, by_layer, max(values, key=lambda layer: values[layer]), names)
            layer, count = layer_in_words(variant.layer, names), len(others) * (len(others) + 1) // 2
            told.append(
                f"On {where} the best layer of {variant.called} is {layer}, {cell(*scores.loc[str(best)])}: {against}; corrected for the "
                f"{'one pair' if count == 1 else f'{count} pairs'} of layers of this task."
            )
    choose = joined_by("and", [f"--set options.{name}.layer=best" for name in named])
    chosen = f"{choose} {'chooses' if len(named) == 1 else 'choose'} on valid, so that the score is no maximum."
    return [*told, f"A layer that is chosen by its test score is flattered by it; {chosen}"]


def _layer_names(results: Results) -> dict[str, Sequence[str]]:
    """By entry, what its layers are called, where they have names."""
    encoders = joined(results.manifests.values(), "encoders")
    return {name: about["layer_names"] for name, about in encoders.items() if isinstance(about, dict) and about.get("layer_names")}


def _against(best: float | str, by_layer: Mapping[float | str, Mapping[Any, Any]], second: float | str, names: Sequence[str]) -> str:
    """The last of the layers that were scored, and the second best. by_layer: the comparisons of the best with the others; names: of
    layers."""
    numbers = [layer for layer in (best, *by_layer) if not isinstance(layer, str)]
    last = [max(numbers)] if len(numbers) > len(by_layer) else []  # nothing is known of the order of labels
    beside: dict[float | str, str] = {layer: "the last" for layer in last if layer != best}
    beside[second] = "the second best and last" if second in last else "the second best"
    said = ["the last"] if best in last else []
    for layer, who in beside.items():
        row = by_layer[layer]
        told = difference(row["difference"], row["ci_low"], row["ci_high"])
        said.append(OF_LAYERS[row["verdict"]].format(f"{who}, {layer_in_words(layer, names)} ({told})"))
    return "; ".join(said)


def _variants(points: pd.DataFrame) -> dict[str, _Variant]:
    """By name those that are of a layer."""
    found = {}
    for (encoder, name), values in zip(points.index, points.to_dict("records"), strict=True):
        known = {option: value for option, value in values.items() if value is not None and value == value}
        if (layer := known.pop(LAYER, None)) is not None:
            rest = ", ".join(f"{option}={layer_in_words(value, ())}" for option, value in known.items())
            mark = OVERLAP_MARK if name.endswith(OVERLAP_MARK) else ""
            found[name] = _Variant(encoder, f"{encoder}{f'[{rest}]' if rest else ''}{mark}", layer)
    return found
