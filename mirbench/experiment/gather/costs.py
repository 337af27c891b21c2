"""What each entry costs, as its job measured it."""

from __future__ import annotations

import json
from typing import Any

from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.recipes.cost import COST


def cost_rows(run: RunGraph) -> list[dict[str, Any]]:
    """Rows of costs.csv; what is not known is left out. What is the same for all layers is measured once, and the dim is that of the layer
    which is probed."""
    probed, rows = {entry.name: entry.probed_layer for entry in run.resolved.entries}, []
    for name, job in run.costs.items():
        about = json.loads((run.resolved.store.folder(*job.name) / COST).read_text())
        dims, layer = about.pop("dims", ()), probed[name]
        if isinstance(layer, int) and layer < len(dims):
            about["dim"] = dims[layer]
        rows.append({"encoder": name, **{column: x for column, x in about.items() if x is not None}})
    return rows
