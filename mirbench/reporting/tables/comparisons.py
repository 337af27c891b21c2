"""Paired comparisons under corruption: which of two encoders stands it better, corrected for how many are asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mirbench.records import ALL
from mirbench.reporting.corrupted import Corrupted
from mirbench.reporting.tables.layout import NONE, escape, table_row
from mirbench.reporting.tables.scores import SEEDS, difference
from mirbench.results.rows import RobustnessComparison

LEVEL = 0.05  # a difference whose corrected p is below is called real
COMPARED = "robustness_comparisons.csv"
COMPARISON_HEAD = (
    "measure", "task", "corruption", "encoder", "baseline", "difference", "p (Holm)", "the encoder is", "test clips", "seeds",
)  # fmt: skip


def holm_verdict(c: RobustnessComparison) -> str:
    """'better' or 'worse' where the corrected p is below LEVEL, 'undecided' where it is not."""
    if math.isnan(c.p_holm) or math.isnan(c.difference):
        return "no test"
    return "undecided" if c.p_holm >= LEVEL or c.difference == 0 else "better" if c.difference > 0 else "worse"


def shown_comparisons(corrupted: Corrupted, decided: bool = True) -> list[RobustnessComparison]:
    """Those over all corruptions, then, if wanted, the decided ones of one corruption; by task, measure, corruption and encoder."""
    panels = [(p.task, p.dataset) for p in corrupted.board.panels]
    damages = [d.name for d in corrupted.damages]

    def place(known: Sequence[object], x: object) -> int:
        return known.index(x) if x in known else len(known)

    def order(c: RobustnessComparison) -> tuple[object, ...]:
        names = corrupted.board.names
        where = (c.corruption != ALL, place(panels, (c.task, c.dataset)), c.measure != "score", place(damages, c.corruption))
        return *where, place(names, c.baseline), place(names, c.encoder)

    wanted = [c for c in corrupted.comparisons if c.corruption == ALL or (decided and holm_verdict(c) in ("better", "worse"))]
    return sorted(wanted, key=order)


def comparison_cells(c: RobustnessComparison) -> list[str]:
    where = "mean over tasks" if c.task == ALL else f"{c.task} on {c.dataset}"
    measure = f"score ({c.metric})" if c.measure == "score" else "retained performance" if c.measure == "retained" else c.measure
    p = NONE if math.isnan(c.p_holm) else "< 0.001" if c.p_holm < 0.001 else f"{c.p_holm:.3f}"
    return [measure, where, c.corruption, c.encoder, c.baseline, difference(c), p, holm_verdict(c), str(c.n_test), str(c.n_seeds)]


def comparison_notes(corrupted: Corrupted) -> list[str]:
    """What must be known to read the paired comparisons, a sentence or two each."""
    numbers: dict[str, int] = {}
    for c in corrupted.comparisons:
        numbers[c.measure] = numbers.get(c.measure, 0) + 1
    tests = " and ".join(f"{n} of the measure {measure}" for measure, n in numbers.items())
    if len(corrupted.board.merged.manifests) > 1:
        tests = "in each run its own"
    return [
        "Difference: encoder minus baseline on the same corrupted test clips, mean over severities and seeds; in brackets its 95 % paired "
        "bootstrap interval over groups, not corrected.",
        f"p (Holm): of no difference, corrected by Holm's method for all comparisons of one measure: {tests}. The means over corruptions "
        "are among them, though they repeat what they are means of, so it errs on the side of undecided.",
        f"Better or worse: that p is below {LEVEL:g}, so the difference is real. Undecided: these clips cannot tell.",
        SEEDS,
        "Measures: score is the metric itself, retained performance the share of what each has on clean audio.",
        *([f"{NONE}: not defined."] if any(math.isnan(c.difference) for c in corrupted.comparisons) else []),
        *corrupted.undefined_in_words(),
        *corrupted.board.overlap_in_words(),
    ]


def comparisons_markdown(corrupted: Corrupted) -> str:
    shown = shown_comparisons(corrupted)
    lines = ["# Comparisons under corruption", "", table_row(COMPARISON_HEAD), table_row(["---"] * len(COMPARISON_HEAD))]
    lines += [table_row([escape(x) for x in comparison_cells(c)]) for c in shown]
    notes = comparison_notes(corrupted)
    if left := len(corrupted.comparisons) - len(shown):
        notes.append(f"First all corruptions together, then single corruptions where it is decided; {left} more lines are in {COMPARED}.")
    return "\n".join([*lines, "", *(f"- {escape(line)}" for line in notes), ""])
