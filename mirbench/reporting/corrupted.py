"""The scores of corrupted audio, laid out: what `Board` is for clean audio. Which corruptions in which order, which numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mirbench.notation import in_unit, unit_parts
from mirbench.records import ALL, CLEAN
from mirbench.reporting.board import Board, Panel
from mirbench.results.merging import Merged
from mirbench.results.rows import Robustness, RobustnessComparison, Summary

MOST_FAILED = 3  # clips named in a sentence about one corruption
Key = tuple[str, str, str, str, str, int]


@dataclass(frozen=True)
class Damage:
    """A corruption of the sweep. levels: the physical level of severity 1, 2, ... counted: whether it counts in the means."""

    name: str
    unit: str = ""
    levels: tuple[float, ...] = ()
    counted: bool = True

    @property
    def starred(self) -> str:
        """Its name, with a star where it does not count."""
        return self.name if self.counted else f"{self.name} *"

    def tick(self, severity: int) -> str:
        """The level for an axis that names the unit; the severity where the level is not known.

        >>> Damage("noise", "dB", (40, 20)).tick(2), Damage("compression", ":1 ratio", (2, 4)).tick(1), Damage("old").tick(3)
        ('20', '2:1', '3')
        """
        return f"{self._number(severity):g}{unit_parts(self.unit)[0] if self.levels else ''}"

    @property
    def axis_label(self) -> str:
        return unit_parts(self.unit)[1] if self.levels else "severity"

    def level(self, severity: int) -> str:
        """With its unit.

        >>> Damage("noise", "dB", (40, 20)).level(2), Damage("compression", ":1 ratio", (2, 4)).level(1), Damage("old").level(3)
        ('20 dB', '2:1 ratio', 'severity 3')
        """
        return in_unit([self._number(severity)], self.unit) if self.levels else f"severity {severity}"

    def _number(self, severity: int) -> float:
        return self.levels[severity - 1] if 0 < severity <= len(self.levels) else severity


@dataclass(frozen=True)
class Corrupted:
    """The sweep over corruptions of a board. panels: the headline of every task with a score of corrupted audio.

    cells and shifted (scores with labels shifted along) by encoder, task, data set, metric, corruption and severity; measures by measure,
    encoder, task, data set, corruption and severity. skipped: by title of a task, corruptions and the reason. failed: a sentence for
    each corruption. baselines: what mCE is relative to; of runs merged there may be several.
    """

    board: Board
    damages: tuple[Damage, ...]
    panels: tuple[Panel, ...]
    cells: Mapping[Key, Summary]
    shifted: Mapping[Key, Summary]
    measures: Mapping[Key, Robustness]
    comparisons: tuple[RobustnessComparison, ...]
    baselines: tuple[str, ...]
    skipped: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    failed: tuple[str, ...]
    trained_on_corrupted: bool = False
    differing: tuple[str, ...] = ()

    @property
    def baseline(self) -> str:
        return " or ".join(self.baselines) or "the baseline"

    def skipped_in_words(self) -> list[str]:
        """A sentence for each task and reason."""
        return [
            f"{where}: {', '.join(names)} {'is' if len(names) == 1 else 'are'} skipped: {reason}."
            for where, groups in self.skipped.items()
            for names, reason in groups
        ]

    def cell(self, name: str, panel: Panel, corruption: str, severity: int) -> Summary | None:
        """None where there is no score, or only one that is not a number. Severity 0 is clean audio."""
        if severity == 0:
            return self.board.cell(name, panel)
        return _known(self.cells.get((name, panel.task, panel.dataset, panel.metric, corruption, severity)))

    def measure(self, measure: str, name: str, panel: Panel | None, corruption: str = ALL) -> Robustness | None:
        """Of all severities together; of the mean over tasks where panel is None, which of one task is that task."""
        alone = self.panels[0] if len(self.panels) == 1 else None
        about = (panel.task, panel.dataset) if panel else (ALL, ALL)
        found = _known(self.measures.get((measure, name, *about, corruption, 0)))
        return self.measure(measure, name, alone, corruption) if found is None and panel is None and alone else found

    def columns(self) -> list[Panel | None]:
        """The tasks that have measures, then, of several, None for their mean."""
        measured = {(task, dataset) for _, _, task, dataset, _, _ in self.measures}
        panels: list[Panel | None] = [p for p in self.panels if (p.task, p.dataset) in measured]
        return [*panels, None] if len(panels) > 1 and (ALL, ALL) in measured else panels

    def severities(self, panel: Panel, damage: Damage) -> list[int]:
        """Those that some encoder was scored at."""
        about = (panel.task, panel.dataset, panel.metric, damage.name)
        return sorted({severity for (_, *rest, severity) in self.cells if tuple(rest) == about})

    def of(self, panel: Panel) -> list[Damage]:
        """The corruptions under which a task was scored."""
        names = {key[4] for key in self.cells if key[1:4] == (panel.task, panel.dataset, panel.metric)}
        return [d for d in self.damages if d.name in names]

    def names(self, panel: Panel) -> list[str]:
        """The encoders, then the floors, that were scored under a corruption."""
        scored = {key[0] for key in self.cells if key[1:4] == (panel.task, panel.dataset, panel.metric)}
        return [name for name in self.board.names if name in scored]

    def measured(self, measures: Iterable[str]) -> list[str]:
        """The encoders, then the floors, that have one of the measures."""
        wanted = set(measures)
        found = {name for measure, name, *_, severity in self.measures if measure in wanted and severity == 0}
        return [name for name in self.board.names if name in found]

    def not_above_chance(self) -> dict[str, list[str]]:
        """By title of a task, the encoders and floors whose retained performance is not defined there, under any corruption."""
        rows = [key for key, row in self.measures.items() if key[0] == "retained" and key[4] != ALL and math.isnan(row.value)]
        found = {p.title: {key[1] for key in rows if key[2:4] == (p.task, p.dataset)} for p in self.panels}
        return {where: [n for n in self.board.names if n in names] for where, names in found.items() if names}

    def lacking(self) -> dict[str, list[str]]:
        """By title of a task, those whose mean over corruptions is not defined there since they lack one that others have."""
        aside = self.not_above_chance()
        names_of_task: dict[str, list[str]] = {}
        for p in self.panels:
            about = (p.task, p.dataset, ALL, 0)
            nan = [n for n in self.board.names if (row := self.measures.get(("retained", n, *about))) and math.isnan(row.value)]
            if names := [n for n in nan if n not in aside.get(p.title, ())]:
                names_of_task[p.title] = names
        return names_of_task

    def scored(self) -> list[Damage]:
        """The corruptions that any encoder has a score under, so not those that failed."""
        found = {key[4] for key in self.cells}
        return [damage for damage in self.damages if damage.name in found]

    def undefined_in_words(self) -> list[str]:
        """A sentence for each reason why retained performance is not defined."""

        def where(names_of_task: Mapping[str, Sequence[str]]) -> str:
            return "; ".join(f"{task}: {', '.join(names)}" for task, names in names_of_task.items())

        sentences = []
        if lacking := self.not_above_chance():
            sentences.append(f"Without retained performance, since not surely above chance on clean audio: {where(lacking)}.")
        if lacking := self.lacking():
            sentences.append(f"Without a mean over corruptions, since not scored under all that others were: {where(lacking)}.")
        return sentences


def title(panel: Panel | None) -> str:
    return panel.title if panel else "mean over tasks"


def build_corrupted(board: Board) -> Corrupted | None:
    """None where nothing was corrupted."""
    merged = board.merged
    rows = [s for s in merged.summaries if s.corruption != CLEAN and s.severity > 0]
    sections = [m["robustness"] for m in merged.manifests.values() if isinstance(m.get("robustness"), dict)]
    if not rows and not sections:
        return None
    measures: dict[Key, Robustness] = {}
    for r in merged.robustness:
        measures.setdefault((r.measure, r.encoder, r.task, r.dataset, r.corruption, r.severity), r)
    baselines = dict.fromkeys(r.baseline for r in measures.values() if r.baseline) or dict.fromkeys(a.get("baseline") for a in sections)
    scored = {(s.task, s.dataset, s.metric) for s in rows}
    shifted = {_key(s): s for s in merged.equivariance}
    damages, differing = _damages(merged, [*(s.corruption for s in rows), *(key[4] for key in shifted)])
    return Corrupted(
        board=board,
        damages=damages,
        panels=tuple(p for p in board.panels if p.headline and (p.task, p.dataset, p.metric) in scored),
        cells={_key(s): s for s in rows},
        shifted=shifted,
        measures=measures,
        comparisons=tuple(merged.robustness_comparisons),
        baselines=tuple(str(b) for b in baselines if b),
        skipped=_skipped(_all(sections, "skipped")),
        failed=tuple(_failed(_all(sections, "failed"))),
        trained_on_corrupted=any(a.get("train_on") == "corrupted" for a in sections),
        differing=differing,
    )


def _key(s: Summary) -> Key:
    return s.encoder, s.task, s.dataset, s.metric, s.corruption, s.severity


def _known(row: Any) -> Any:
    return None if row is None or math.isnan(row.value) else row


def _all(sections: Iterable[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    """The entries of all manifests, each once."""
    entries = [entry for a in sections for entry in (a.get(what) or []) if isinstance(entry, dict)]
    return [entry for i, entry in enumerate(entries) if entry not in entries[:i]]


def _damages(merged: Merged, seen: Iterable[str]) -> tuple[tuple[Damage, ...], tuple[str, ...]]:
    """In the order of the manifests, then those that no manifest knows; and those whose levels differ between the manifests."""
    damages: dict[str, Damage] = {}
    differing: dict[str, None] = {}
    for manifest in merged.manifests.values():
        known = manifest.get("corruptions")
        for name, about in known.items() if isinstance(known, dict) else ():
            levels = tuple(float(x) for x in about.get("levels") or ())
            damage = Damage(name, str(about.get("unit") or ""), levels, about.get("counted") is not False)
            if damages.setdefault(name, damage) != damage:
                differing[name] = None
    for name in seen:
        damages.setdefault(name, Damage(name))
    return tuple(damages.values()), tuple(differing)


def _skipped(entries: Iterable[dict[str, Any]]) -> dict[str, tuple[tuple[tuple[str, ...], str], ...]]:
    """Corruptions that share a reason stand together."""
    reasons_of_task: dict[str, dict[str, list[str]]] = {}
    for e in entries:
        reasons = reasons_of_task.setdefault(f"{e.get('task', '')} on {e.get('dataset', '')}", {})
        reasons.setdefault(_reason(e), []).append(str(e.get("corruption", "")))
    return {where: tuple((tuple(names), reason) for reason, names in reasons.items()) for where, reasons in reasons_of_task.items()}


def _failed(entries: Iterable[dict[str, Any]]) -> Iterable[str]:
    """A sentence for each corruption, with the clip of the first faults."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for e in entries:
        grouped.setdefault(str(e.get("corruption", "")), []).append(e)
    for corruption, found in grouped.items():
        clips = [f"clip {e.get('clip', '')} at severity {e.get('severity', '')} ({_reason(e)})" for e in found[:MOST_FAILED]]
        more = f", and {len(found) - MOST_FAILED} more in manifest.json" if len(found) > MOST_FAILED else ""
        yield f"{corruption} failed on {'; '.join(clips)}{more}."


def _reason(entry: dict[str, Any]) -> str:
    return str(entry.get("reason") or "no reason given").strip().rstrip(".")
