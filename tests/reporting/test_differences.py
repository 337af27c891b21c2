"""What is said of differences: how many were tested, and where an interval without zero is undecided."""

from __future__ import annotations

import math

from synthetic import a_row, results_of

from mirbench.records import NATURAL_SHIFT
from mirbench.reporting.differences import counts, no_test, uncorrected
from mirbench.reporting.notes import of_comparisons, of_robustness_comparisons
from mirbench.results.order import complete


def under(measure, p=0.2, **about):
    return a_row("robustness_comparisons", measure=measure, baseline="untrained", p_holm=p, **{"corruption": "low-pass", **about})


def test_only_lines_that_were_tested_are_counted_and_natural_shifts_by_themselves():
    untested = under("retained", math.nan, task="key", difference=math.nan, ci_low=math.nan, ci_high=math.nan)
    rows = [under("score"), under("score", task="key"), under("retained"), untested]
    results = results_of({"run": {}}, robustness_comparisons=rows)
    assert counts(results, results.robustness_comparisons) == "2 of score and 1 of retained performance"
    shift = a_row("robustness", corruption="again", families=NATURAL_SHIFT)
    results = results_of({"run": {}}, robustness=[shift], robustness_comparisons=[*rows, under("score", corruption="again")])
    assert counts(results, results.robustness_comparisons) == (
        "2 of score and 1 of retained performance; on natural shifts, by themselves, 1 of score"
    )
    assert any(note.startswith("No test:") for note in of_robustness_comparisons(results))
    assert no_test(results.robustness_comparisons.iloc[:2]) == []


def test_an_interval_without_zero_that_is_undecided_is_explained():
    sure = {"baseline": "untrained", "difference": 0.1, "ci_low": 0.02, "ci_high": 0.18}
    rows = [a_row("comparisons", **sure, p_holm=p, task=task) for p, task in ((0.001, "pitch"), (0.251, "genre"))]
    (told,) = uncorrected(results_of({"run": {}}, comparisons=rows).comparisons)
    assert told.endswith("are semisupcon and untrained on genre on mini (p (Holm) 0.251).")
    assert uncorrected(results_of({"run": {}}, comparisons=rows[:1]).comparisons) == []
    around = a_row("comparisons", **{**sure, "ci_low": -0.02}, p_holm=0.4)
    assert uncorrected(results_of({"run": {}}, comparisons=[around]).comparisons) == []
    results = results_of({"run": {}}, robustness_comparisons=[under("score", ci_low=0.01)])
    assert "on genre on mini under low-pass, score (p (Holm) 0.200)" in uncorrected(complete(results.robustness_comparisons))[0]
    results = results_of({"run": {}}, robustness_comparisons=[under("retained", ci_low=0.01)])
    assert (
        "on genre on mini under low-pass, retained performance (p (Holm) 0.200)" in uncorrected(complete(results.robustness_comparisons))[0]
    )
    assert not any("No test" in note for note in of_comparisons(results_of({"run": {}}, comparisons=rows)))
