"""What a run says of its data before it computes anything: errors and warnings, in a few lines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirbench.experiment.resolve.records import Resolved

MOST = 8  # lines


def tell_unless(quiet: bool) -> Callable[[Resolved], None]:
    """What prints them, at most MOST lines on the error output, or nothing."""

    def tell(resolved: Resolved) -> None:
        for line in [] if quiet else finding_lines(resolved):
            print(f"mirbench: {line}", file=sys.stderr)

    return tell


def finding_lines(resolved: Resolved) -> list[str]:
    """A line for each error and warning, errors first, and a last one that says where to read more."""
    found = [(name, each) for name, several in resolved.findings.items() for each in several if each.level != "note"]
    found.sort(key=lambda item: item[1].level != "error")
    if not found:
        return []
    lines = [f"{name}: {finding.level}: {finding.in_words}" for name, finding in found[: MOST - 1]]
    more = f"and {len(found) - len(lines):,} more; " if len(found) > len(lines) else ""
    names = dict.fromkeys(name for name, _ in found)
    given = [str(resolved.data[name].noun.location or name) for name in names]
    return [*lines, f"{more}mirbench data check {' or '.join(given[:2])}{' ...' if len(given) > 2 else ''} tells more."]
