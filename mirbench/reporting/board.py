"""What tables, figures and page have in common: which encoders in which order, which panels, which numbers.

Of every metric, larger is better (see evaluation.metrics).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mirbench.errors import MirbenchError
from mirbench.records import CLEAN, MAJORITY
from mirbench.results.merging import Merged
from mirbench.results.rows import Comparison, Summary
from mirbench.results.run_folder import overlap_in_words

FLOOR_NAMES = ("untrained", "handcrafted", MAJORITY)


@dataclass(frozen=True)
class Panel:
    """One metric of one task on one data set: a column of the table, a panel of the figure. label: metric and unit, for axes."""

    task: str
    dataset: str
    metric: str
    label: str
    headline: bool

    @property
    def title(self) -> str:
        return f"{self.task} on {self.dataset}"


@dataclass(frozen=True)
class Point:
    """A variant in a sweep. name: its row. encoder: the one that it is a variant of. values: by option, a number or a label."""

    name: str
    encoder: str
    values: dict[str, float | str]


@dataclass(frozen=True)
class Board:
    """The scores of clean audio, laid out. encoders come before floors everywhere; floors keep the order of FLOOR_NAMES.

    points: the variants among them, empty where nothing was swept.
    """

    encoders: tuple[str, ...]
    floors: tuple[str, ...]
    panels: tuple[Panel, ...]
    cells: dict[tuple[str, str, str, str], Summary]
    comparisons: tuple[Comparison, ...]
    merged: Merged
    points: tuple[Point, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.encoders + self.floors

    def own_name(self, name: str) -> str:
        """The name of an encoder before merging runs made it "name (run)"."""
        return self.merged.renamed.get(name, name)

    def cell(self, name: str, panel: Panel) -> Summary | None:
        """None where the encoder has no score there, or only one that is not a number."""
        found = self.cells.get((name, panel.task, panel.dataset, panel.metric))
        return None if found is None or math.isnan(found.value) else found

    def size(self, panel: Panel) -> str:
        """For a title: '48 test clips, 3 seeds', of the encoders; floors that need no seed have one."""
        cells = [c for c in (self.cell(name, panel) for name in self.encoders or self.floors) if c]
        return f"{span((c.n_test for c in cells), 'test clip')}, {span((c.n_seeds for c in cells), 'seed')}"

    def best(self, panel: Panel) -> set[str]:
        """The encoders with the best value, floors aside; empty where there is nothing to compare."""
        values = {name: c.value for name in self.encoders if (c := self.cell(name, panel))}
        if len(values) < 2:
            return set()
        return {name for name, value in values.items() if value == max(values.values())}

    def beaten_by_floor(self, panel: Panel) -> list[str]:
        """The floors that do at least as well as every encoder."""
        values = [c.value for name in self.encoders if (c := self.cell(name, panel))]
        return [name for name in self.floors if values and (c := self.cell(name, panel)) and c.value >= max(values)]

    def row_groups(self, names: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Those of the names that are on the board: encoders, and under a heading floors, for the rows of a table."""
        wanted = set(names)
        encoders, floors = (tuple(n for n in some if n in wanted) for some in (self.encoders, self.floors))
        return tuple(group for group in (("", encoders), ("floors" if encoders else "", floors)) if group[1])

    def overlap_in_words(self) -> list[str]:
        """A sentence for each encoder that is marked for having been pretrained on audio that it is tested on."""
        return list(dict.fromkeys(said for manifest in self.merged.manifests.values() for said in overlap_in_words(manifest)))

    def panel_of(self, comparison: Comparison) -> Panel | None:
        about = (comparison.task, comparison.dataset, comparison.metric)
        return next((p for p in self.panels if (p.task, p.dataset, p.metric) == about), None)


def span(numbers: Iterable[int], noun: str) -> str:
    """A count with its noun.

    >>> span([48, 48], "test clip"), span([1, 3], "seed"), span([1], "seed")
    ('48 test clips', '1 to 3 seeds', '1 seed')
    """
    known = sorted(set(numbers))
    if not known:
        return f"no {noun}s"
    return f"{known[0]}{f' to {known[-1]}' if len(known) > 1 else ''} {noun}{'' if known == [1] else 's'}"


def build_board(merged: Merged) -> Board:
    """Raises MirbenchError where no score is of clean audio."""
    clean = [s for s in merged.summaries if s.severity == 0 and s.corruption == CLEAN]
    if not clean:
        raise MirbenchError(f"{' and '.join(merged.manifests) or 'the report'} has no scores of clean audio in summary.csv; run it again.")
    encoders: dict[str, Any] = _joined(merged, "encoders")
    tasks: dict[str, Any] = _joined(merged, "tasks")
    scored = dict.fromkeys(s.encoder for s in clean)
    ordered = [name for name in encoders if name in scored] + [name for name in scored if name not in encoders]

    def own(name: str) -> str:
        return merged.renamed.get(name, name)

    def is_floor(name: str) -> bool:
        role = encoders[name].get("role") if isinstance(encoders.get(name), dict) else None
        return role == "floor" if role else own(name) in FLOOR_NAMES

    floors = sorted((n for n in ordered if is_floor(n)), key=lambda n: FLOOR_NAMES.index(own(n)) if own(n) in FLOOR_NAMES else 1)
    return Board(
        encoders=tuple(n for n in ordered if not is_floor(n)),
        floors=tuple(floors),
        panels=tuple(_panels(clean, tasks, _joined(merged, "metrics"))),
        cells={(s.encoder, s.task, s.dataset, s.metric): s for s in clean},
        comparisons=tuple(merged.comparisons),
        merged=merged,
        points=tuple(_points(merged, scored)),
    )


def _points(merged: Merged, scored: Iterable[str]) -> Iterable[Point]:
    """The variants of all manifests, each once."""
    unseen = set(scored)
    for manifest in merged.manifests.values():
        sweep = manifest.get("sweep")
        for point in sweep.get("points", []) if isinstance(sweep, dict) else []:
            if point["name"] in unseen:
                unseen.discard(point["name"])
                yield Point(point["name"], point["encoder"], point["values"])


def _joined(merged: Merged, what: str) -> dict[str, Any]:
    """One dict of all manifests' dicts of that name; the first that names a thing wins."""
    joined: dict[str, Any] = {}
    for manifest in merged.manifests.values():
        part = manifest.get(what)
        if isinstance(part, dict):
            joined = {**joined, **{k: v for k, v in part.items() if k not in joined}}
    return joined


def _panels(clean: list[Summary], tasks: dict[str, Any], metrics: dict[str, Any]) -> Iterable[Panel]:
    """In the order of the manifest's tasks and of their metrics; what the manifest does not know comes last."""
    seen = dict.fromkeys((s.task, s.dataset, s.metric) for s in clean)
    for task in dict.fromkeys([*tasks, *(t for t, _, _ in seen)]):
        spec = tasks.get(task)
        named = spec.get("metrics", []) if isinstance(spec, dict) else []
        for dataset in dict.fromkeys(d for t, d, _ in seen if t == task):
            scored = dict.fromkeys(m for t, d, m in seen if (t, d) == (task, dataset))
            ordered = [m for m in named if m in scored] + [m for m in scored if m not in named]
            for i, metric in enumerate(ordered):
                yield Panel(task, dataset, metric, str(metrics.get(metric) or metric), headline=i == 0)
