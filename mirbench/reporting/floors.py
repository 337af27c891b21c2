"""Which floors no encoder is better than, as far as the comparisons say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirbench.reporting.tables.scores import TURNED, verdicts_by_pair
from mirbench.reporting.words import joined_by, panels
from mirbench.results.order import complete

if TYPE_CHECKING:
    import pandas as pd

TESTED = ("better", "worse", "undecided", "one training each")


def beaten(rows: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> list[str]:
    """A sentence for each metric and each thing to be said of floors that no encoder is called better than. rows: of clean audio,
    completed. comparisons: as comparisons.csv; where a floor was compared with no encoder, the scores are told, and that they are not
    tested."""
    verdicts = {} if comparisons is None or not len(comparisons) else verdicts_by_pair(complete(comparisons))
    sentences = []
    for panel in panels(rows):
        values = panel.of(rows).dropna(subset="value").sort_values("encoder")
        encoders, floors = (values[values["role"] == role] for role in ("encoder", "floor"))
        said: dict[str, list[str]] = {}
        for floor, value in zip(floors["encoder"].astype("str"), floors["value"], strict=True):
            found = [_of(verdicts, name, floor, panel[:3]) for name in encoders["encoder"].astype("str")]
            tested = [verdict for verdict in found if verdict in TESTED]
            if "better" in tested or not found or (not tested and value < encoders["value"].max()):
                continue
            kind = "untested" if not tested else "worse" if set(found) == {"worse"} else "mixed" if "worse" in tested else "undecided"
            said.setdefault(kind, []).append(floor)
        sentences += [f"{panel.title}, {panel.metric}: {_in_words(kind, names)}." for kind, names in said.items()]
    return sentences


def _of(verdicts: dict[tuple[str, ...], str], encoder: str, floor: str, of: tuple[str, ...]) -> str:
    """What the encoder is; "" where they were not compared."""
    turned = verdicts.get((floor, encoder, *of), "")
    return verdicts.get((encoder, floor, *of), TURNED.get(turned, turned))


def _in_words(kind: str, floors: list[str]) -> str:
    each, either, several = joined_by("and", floors), joined_by("or", floors), len(floors) > 1
    if kind == "untested":
        return f"{each} {'score' if several else 'scores'} at least as high as every encoder (not tested)"
    if kind == "worse":
        return f"{each} {'are' if several else 'is'} better than every encoder"
    return (
        f"no encoder is shown to be better than {either}, and some are worse"
        if kind == "mixed"
        else f"undecided whether any encoder beats {either}"
    )
