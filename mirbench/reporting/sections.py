"""What a report is made of: each section with its tables, what must be known to read them, and the files that they go into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirbench.reporting import notes
from mirbench.reporting.tables import robustness, scores
from mirbench.reporting.tables.table import Table, csv, document

if TYPE_CHECKING:
    from mirbench.results.merging import Results


@dataclass(frozen=True)
class Section:
    """tables: by what a CSV file calls them. notes: for all of them. by: what `tables` are by, for a column of the CSV file, which there is
    one of where the tables have numbers. captions: of the tables in LaTeX, which are written where there are any."""

    title: str
    tables: Mapping[str, Table]
    notes: Sequence[str] = ()
    by: str = ""
    captions: Mapping[str, str] = field(default_factory=dict)

    @property
    def below(self) -> list[str]:
        """The notes, and what bold means where anything is."""
        return [*self.notes, *([notes.BOLD] if any(t.best is not None and t.best.any() for t in self.tables.values()) else [])]

    def files(self, stem: str) -> dict[str, str]:
        """Name -> text, empty where there is nothing to write."""
        tables = self.tables
        latex = [tables[name].latex(caption, f"tab:{_label(stem, name, i)}") for i, (name, caption) in enumerate(self.captions.items(), 1)]
        return {
            f"{stem}.md": document(self.title, list(tables.values()), self.below) if tables or self.notes else "",
            f"{stem}.csv": csv(tables, self.by) if self.captions else "",
            f"{stem}.tex": "\n".join(latex),
        }


def _label(stem: str, name: str, number: int) -> str:
    return stem if not name else name.replace("_", "-") if name in robustness.MEASURES else f"{stem}-{number}"


def sections(results: Results) -> dict[str, Section]:
    """By the stem of its files; the order is that of the page. Where nothing was corrupted, only those of clean audio."""
    caption = "Scores on the test split, clean audio, mean over seeds, with 95 % bootstrap intervals over groups."
    captions = {"": " ".join([caption, *notes.overlap(results)])}
    compared, swept = len(results.comparisons), scores.sweep(results.summary, results.points)
    found = {
        "scores": Section("Scores", {"": scores.scores(results.summary)}, notes.of_scores(results), captions=captions),
        "comparisons": Section(
            "Comparisons",
            {"": scores.comparisons(results.comparisons)} if compared else {},
            notes.of_comparisons(results) if compared else [notes.NOT_COMPARED],
        ),
        "sweep": Section("Sweep", {"": swept}, notes.of_sweep(results)) if swept else Section("Sweep", {}),
    }
    empty = {stem: Section("", {}) for stem in ("robustness", "retained", "corrupted", "robustness-comparisons", "equivariance")}
    return found | (_under_corruption(results) if notes.was_corrupted(results) else empty)


def _under_corruption(results: Results) -> dict[str, Section]:
    of_corruption, undefined, overlap = notes.of_corruption(results), notes.undefined(results), notes.overlap(results)
    measures = robustness.by_measure(results.robustness)
    retained = {table.title: table for table in robustness.retained(results.robustness)}
    corrupted = {table.title: table for table in robustness.corrupted(results.summary)}
    shifted = {table.title: table for table in robustness.equivariance(results.equivariance, results.summary)}
    compared = {"": robustness.comparisons(results.robustness_comparisons)} if len(results.robustness_comparisons) else {}
    left = len(results.robustness_comparisons) - sum(len(table.cells) for table in compared.values())
    rest = f"First all corruptions together, then single corruptions where it is decided; {left} more lines are in {notes.COMPARED}."
    of_compared = [*notes.of_robustness_comparisons(results), *([rest] if left else [])]
    intervals = "95 % bootstrap intervals over groups."
    return {
        "robustness": Section(
            "Robustness",
            measures,
            notes.of_robustness(results) if measures else (),
            "measure",
            {measure: " ".join([notes.caption(results, measure), *overlap]) for measure in measures},
        ),
        "retained": Section(
            "Retained performance",
            retained,
            [notes.RETAINED, *undefined, *of_corruption] if retained else (),
            "task",
            {title: " ".join([f"{title}: {notes.RETAINED} {intervals}", *undefined, *overlap]) for title in retained},
        ),
        "corrupted": Section("Scores of corrupted audio", corrupted, [notes.HEADLINES, *of_corruption] if corrupted else ()),
        "robustness-comparisons": Section("Comparisons under corruption", compared, of_compared if compared else ()),
        "equivariance": Section("Equivariance", shifted, [notes.EQUIVARIANCE, *of_corruption] if shifted else ()),
    }
