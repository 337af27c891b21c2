"""What each entry costs, as its job measured it."""

from __future__ import annotations

import json
from typing import Any

from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.recipes.cost import COST


def cost_rows(run: RunGraph) -> list[dict[str, Any]]:
    """Rows of costs.csv; what is not known is left out."""
    found = {name: json.loads((run.resolved.store.folder(*job.name) / COST).read_text()) for name, job in run.costs.items()}
    return [{"encoder": name, **{column: x for column, x in about.items() if x is not None}} for name, about in found.items()]
