"""Results of a notebook, which show themselves there."""

from __future__ import annotations

import html

from mirbench.reporting.sections import of_clean_audio
from mirbench.results import merging


class Results(merging.Results):
    """What `mirbench.run`, `mirbench.evaluate` and `mirbench.load_results` return: one run, or several as one."""

    def _repr_html_(self) -> str:
        """The scores of clean audio, and what must be known to read them."""
        section = of_clean_audio(self)
        return f"{section.tables[''].html()}<ul>{''.join(f'<li>{html.escape(note)}</li>' for note in section.below)}</ul>"


def shown(results: merging.Results) -> Results:
    """The same, as they show themselves."""
    return Results(**vars(results))
