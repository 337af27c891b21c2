"""The mark of tasks some of whose test clips hold audio that their probes were trained or chosen on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mirbench.records import SHARED_MARK
from mirbench.reporting.words import span
from mirbench.results.order import joined

if TYPE_CHECKING:
    from mirbench.results.merging import Results


def marked(results: Results) -> dict[str, str]:
    """By the title of a task on a data set, the mark after it."""
    return {title: SHARED_MARK for title, _, _ in _found(results)}


def in_words(results: Results) -> list[str]:
    """A sentence for each that is marked."""
    told = (
        f"{title}{SHARED_MARK}: {shared} of {span([tested], 'test clip')} {'has' if shared == 1 else 'have'}, or may have, audio that "
        "train or valid has too, which can flatter every score there; `findings` in manifest.json names them, and says how sure that is."
        for title, shared, tested in _found(results)
    )
    return list(dict.fromkeys(told))


def _found(results: Results) -> Iterator[tuple[str, int, int]]:
    for manifest in results.manifests.values():
        for task, about in joined([manifest], "tasks").items():
            for dataset, facts in (about.get("dataset") or {}).items() if isinstance(about, dict) else ():
                if isinstance(facts, dict) and (shared := facts.get("n_shared")):
                    yield f"{task} on {dataset}", int(shared), int(facts.get("n_test") or 0)
