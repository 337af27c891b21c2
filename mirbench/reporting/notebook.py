"""Results of a notebook, which show themselves there."""

from __future__ import annotations

import html

from mirbench.reporting import notes
from mirbench.reporting.sections import Section
from mirbench.reporting.tables import scores
from mirbench.results import merging


class Results(merging.Results):
    """What `mirbench.run`, `mirbench.evaluate` and `mirbench.load_results` return: one run, or several as one."""

    def _repr_html_(self) -> str:
        """The scores of clean audio, and what must be known to read them."""
        table = scores.scores(self.summary, self.comparisons)
        below = Section("Scores", {"": table}, notes.of_scores(self)).below
        return f"{table.html()}<ul>{''.join(f'<li>{html.escape(note)}</li>' for note in below)}</ul>"


def shown(results: merging.Results) -> Results:
    """The same, as they show themselves."""
    return Results(**vars(results))
