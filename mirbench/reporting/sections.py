"""What a report is made of: each section with its tables, what must be known to read them, and the files that they go into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mirbench.records import LAYER
from mirbench.reporting import notes, shared_audio
from mirbench.reporting.differences import uncorrected
from mirbench.reporting.tables import across, costs, layers, robustness, scores, similarity
from mirbench.reporting.tables.latex import PREAMBLE, human, written
from mirbench.reporting.tables.table import Table, csv, document
from mirbench.reporting.words import MEASURES, caveats, interval_of, panels
from mirbench.results.order import complete

if TYPE_CHECKING:
    from mirbench.results.compared import Compared
    from mirbench.results.merging import Results

STEMS = (
    "scores",
    "cost",
    "comparisons",
    "across-runs",
    "sweep",
    "layers",
    "robustness",
    "retained",
    "corrupted",
    "robustness-comparisons",
    "equivariance",
    "similarity",
)
KINDS = ("md", "csv", "tex")


@dataclass(frozen=True)
class Section:
    """tables: by what a CSV file calls them. notes: for all of them. by: what `tables` are by, for a column of the CSV file, which there is
    one of where the tables have numbers and the same columns. captions: of the tables in LaTeX, which are written where there are any;
    in_latex: those that are others there; names: what a reader calls tasks and metrics."""

    title: str
    tables: Mapping[str, Table]
    notes: Sequence[str] = ()
    by: str = ""
    captions: Mapping[str, str] = field(default_factory=dict)
    in_latex: Mapping[str, Table] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def below(self) -> list[str]:
        """The notes, and what bold means where anything is."""
        return [*self.notes, *([notes.BOLD] if any(t.best is not None and t.best.any() for t in self.tables.values()) else [])]

    def files(self, stem: str) -> dict[str, str]:
        """Name -> text."""
        found = {f"{stem}.md": document(self.title, list(self.tables.values()), self.below)}
        if self.captions:
            captions = enumerate(self.captions.items(), 1)
            tables = {**self.tables, **self.in_latex}
            latex = [written(tables[name], caption, f"tab:{_label(stem, name, i)}", self.names) for i, (name, caption) in captions]
            numbers = csv(self.tables, self.by) if self.by or "" in self.tables else ""
            found |= {f"{stem}.csv": numbers} if numbers else {}
            found[f"{stem}.tex"] = "\n".join([PREAMBLE, *latex])
        return found


def _label(stem: str, name: str, number: int) -> str:
    return stem if not name else name.replace("_", "-") if name.startswith(tuple(MEASURES)) else f"{stem}-{number}"


def of_clean_audio(results: Results) -> Section:
    """The scores of clean audio."""
    table = scores.scores(results.summary, results.comparisons, marks=shared_audio.marked(results))
    return Section("Scores", {"": table}, notes.of_scores(results))


def of_costs(results: Results) -> Section:
    """What encoders cost; without a table where no run measured it."""
    floors = set(results.summary.loc[results.summary["role"] == "floor", "encoder"])
    if not len(results.costs):
        return Section("Cost", {})
    notes_of_costs = costs.notes(results.costs)
    caption = f"What encoders cost. {costs.briefly(results.costs)}"
    return Section("Cost", {"": costs.costs(results.costs, floors)}, notes_of_costs, captions={"": caption})


def of_layers(results: Results) -> Section:
    """The best layer of each task against the others; without a table where layers were not compared."""
    if not len(results.layers):
        return Section("Layers", {})
    told, once = layers.best_layers(results), caveats(results.layers)
    brackets = f"In brackets the paired {interval_of(results.layers)}, not corrected."
    below = [*told, layers.COMPARED, brackets, notes.VERDICTS, notes.DETECTABLE, *once]
    caption = " ".join(["The best layer, by its test score, minus the others of the same encoder.", layers.COMPARED, brackets, *once])
    table = {"": scores.comparisons(results.layers)}
    return Section("Layers", table, below, captions={"": caption}, in_latex={"": scores.brief(results.layers)})


def sections(results: Results, between: Compared | None = None) -> dict[str, Section]:
    """Those that there is something for, by the stem of their files, one of STEMS; the order is that of the page. between: how encoders of
    different runs compare."""
    of_corruption, undefined, overlap = notes.of_corruption(results), notes.undefined(results), notes.overlap(results)
    measures = robustness.by_measure(results.robustness, results.robustness_comparisons)
    of_layers_alone = list(results.points.columns) == [LAYER] and len(results.layers) > 0
    swept = None if of_layers_alone else scores.sweep(results.summary, results.points)
    retained, corrupted = _titled(robustness.retained(results.robustness, results.summary)), _titled(robustness.corrupted(results.summary))
    shifted = _titled(robustness.equivariance(results.equivariance, results.summary))
    compared = {"": scores.comparisons(results.comparisons)} if len(results.comparisons) else {}
    more = {"": robustness.comparisons(results.robustness_comparisons)} if len(results.robustness_comparisons) else {}
    left = len(results.robustness_comparisons) - sum(len(table.cells) for table in more.values())
    rest = f"First all corruptions together, then single corruptions where it is decided; {left} more lines are in {notes.COMPARED}."
    of_more = [*uncorrected(results.robustness_comparisons), *notes.of_robustness_comparisons(results), *([rest] if left else [])]
    about, about_measures = caveats(results.summary), caveats(results.robustness)
    of_scores = f"Scores on the test split, clean audio, mean over seeds; in brackets the {interval_of(results.summary)}."
    lowest = robustness.worst(results.robustness)
    of_measures = {measure: " ".join([notes.caption(results, measure), *about_measures, *overlap]) for measure in measures}
    of_all = [*about_measures, *undefined, *overlap]
    of_retained = {
        title: " ".join([f"{title}: {notes.RETAINED} In brackets the {interval_of(results.robustness)}.", *of_all]) for title in retained
    }
    of_compared = f"Paired differences on the same test clips, headline metrics; in brackets the {interval_of(results.comparisons)}."
    severities, similar = _titled(robustness.by_severity(results.summary)), _similarity(results)
    in_brackets = f"In brackets the {interval_of(results.summary)}."
    of_severities = {title: " ".join([f"{_begun(title)}, by severity. {in_brackets}", *about, *overlap]) for title in severities}
    of_shifted = {title: " ".join([f"{_begun(title)}. {notes.EQUIVARIANCE} {in_brackets}", *about, *overlap]) for title in shifted}
    of_similar = {title: " ".join([f"{_begun(title)}. {in_brackets}", *about, *overlap]) for title in similar}
    of_swept = f"Variants of a sweep, headline metric on clean audio; in brackets the {interval_of(results.summary)}."
    found = [
        replace(of_clean_audio(results), captions={"": " ".join([of_scores, *about, *overlap])}),
        of_costs(results),
        Section(
            "Comparisons",
            compared,
            [*uncorrected(results.comparisons), *notes.of_comparisons(results)] if compared else [notes.NOT_COMPARED],
            captions={"": " ".join([of_compared, *caveats(results.comparisons), *overlap])} if compared else {},
            in_latex={"": scores.brief(results.comparisons)} if compared else {},
        ),
        Section("Comparisons across runs", across.compared(between), across.notes_of(between)) if between else Section("", {}),
        Section(
            "Sweep",
            {"": swept} if swept else {},
            notes.of_sweep(results),
            captions={"": " ".join([of_swept, *about, *overlap])} if swept else {},
        ),
        of_layers(results),
        Section("Robustness", measures | ({"worst": lowest} if lowest else {}), notes.of_robustness(results), "measure", of_measures),
        Section("Retained performance", retained, [notes.RETAINED, *undefined, *of_corruption], "task", of_retained),
        Section("Scores of corrupted audio", corrupted, [notes.HEADLINES, *of_corruption], captions=of_severities, in_latex=severities),
        Section("Comparisons under corruption", more, of_more),
        Section("Equivariance", shifted, [notes.EQUIVARIANCE, *of_corruption], captions=of_shifted),
        Section("Similarity", similar, [notes.SIMILARITY, *of_corruption], captions=of_similar),
    ]
    names = _names(results)
    kept = {stem: section for stem, section in zip(STEMS, found, strict=True) if section.tables or stem == "comparisons"}
    return {stem: replace(section, names=names) for stem, section in kept.items()}


def _begun(title: str) -> str:
    """As a sentence begins."""
    return title[:1].upper() + title[1:]


def _names(results: Results) -> dict[str, str]:
    """What a reader calls tasks and metrics."""
    shown = panels(complete(results.summary))
    several = len({panel.dataset for panel in shown}) > 1
    return {name: said for p in shown for name, said in human(p.task, p.dataset, p.metric, p.label, several).items()}


def _similarity(results: Results) -> dict[str, Table]:
    """Of several runs, how alike encoders are is not told, as nobody has compared those of different ones."""
    manifests = list(results.manifests.values())
    aligned = similarity.alignment(manifests[0].get("similarity", {})) if len(manifests) == 1 else {}
    return {**similarity.clean(results.summary), **similarity.under_corruption(results.summary), **aligned}


def _titled(tables: Iterable[Table]) -> dict[str, Table]:
    return {table.title: table for table in tables}
