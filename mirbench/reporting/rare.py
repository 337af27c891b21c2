"""Classes with so few training clips that no probe can learn them, where a task has others: what its score is then mostly of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mirbench.records import FEWEST_CLIPS
from mirbench.results.order import joined

if TYPE_CHECKING:
    from mirbench.results.merging import Results

MOST_NAMED = 4  # classes


def in_words(results: Results) -> list[str]:
    """A sentence for each task of classes of which some are rare and some are not."""
    tasks = joined(results.manifests.values(), "tasks")
    return [
        sentence
        for task, about in tasks.items()
        if isinstance(about, Mapping) and about.get("target") == "multiclass"
        for dataset, facts in (about.get("dataset") or {}).items()
        for sentence in _of_task(f"{task} on {dataset}", facts)
    ]


def _of_task(title: str, facts: Mapping[str, Any]) -> list[str]:
    counts = (facts.get("label_counts") or {}).get("train") or {}
    rare = [name for name, number in counts.items() if number < FEWEST_CLIPS]
    if not rare or len(rare) == len(counts):
        return []
    more = f" and {len(rare) - MOST_NAMED} more" if len(rare) > MOST_NAMED else ""
    named = f"{', '.join(rare[:MOST_NAMED])}{more}"
    return [
        f"{title}: {len(rare)} of {len(counts)} classes have fewer than {FEWEST_CLIPS} training clips ({named}): a probe hardly learns "
        "them, and the score is mostly of the others."
    ]
